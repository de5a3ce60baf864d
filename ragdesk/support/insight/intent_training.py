"""Train a home's own intents on an operator's examples, and keep them where they do no worse.

A part of the examples is held out by a digest of their words, so that every training of the same
home leaves the same texts out: the classifier that is there and the new one are both judged on
texts that neither has learnt.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from eval.stats import estimate_proportion
from indexes.embedding.embedder import Embedder
from indexes.search_results import Vectors
from ragdesk.answering.turns.text_classifier import shorten_revision
from ragdesk.errors import SettingsError
from ragdesk.support.insight.insight_model import (
    InsightModel,
    read_insight_model,
    write_insight_model,
)
from ragdesk.support.insight.intents import OUT_OF_SCOPE, LabelledText
from ragdesk.support.insight.model_fit import (
    FitOptions,
    fit_insight_model,
    fold_words,
    place_text,
)
from ragdesk.support.insight.question_insight import OWN_INTENTS

HELD_OUT_PARTS: Final = 5  # one of so many texts judges
FEWEST_OF_LABEL: Final = 5
WORST_PAIRS: Final = 10
# A home has room for many labels. Of what is learnt no text is in the part that is held out, so the
# floor is chosen on another division than by as many parts: else there would be none.
OWN_FIT: Final = FitOptions(most_features=20_000, tuned=HELD_OUT_PARTS - 1)
USED_TURNS: Final = OWN_INTENTS.with_name("intents-turns.jsonl")
"""Beside a classifier that learnt from conversations: the turns it learnt from, or was held to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusedPair:
    """Two labels, and how many held-out texts of the first were taken for the second."""

    label: str
    taken_for: str
    texts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutAccuracy:
    """How a classifier did on held-out texts.

    accuracy: share that got their own label, with the ends of its 95 % interval. in_scope: the same
    of those that have an intent; out_of_scope: share of the others that got none. None where there
    are no such texts.
    """

    texts: int
    accuracy: float
    interval: tuple[float, float]
    in_scope: float | None
    out_of_scope: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingBasis:
    """What a classifier starts from.

    texts: learnt beside the examples; none of them judges. rival: the file of what has to be
    matched where the home has no classifier of this embedder. facts: noted in the model's card.
    """

    texts: Sequence[LabelledText] = ()
    rival: Path | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


NO_BASIS: Final = TrainingBasis()


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentTraining:
    """What a training came to.

    before: the classifier that the home had, or the rival of the basis, on the same texts; None
    where there was none, or one of another embedder. kept: whether the new one was written to
    ``file``.
    """

    file: Path
    labels: tuple[str, ...]
    learnt: int
    after: HeldOutAccuracy
    before: HeldOutAccuracy | None
    worst_pairs: tuple[ConfusedPair, ...]
    kept: bool


def read_intent_file(file: Path) -> list[LabelledText]:
    """Read examples: a table (.csv) with the columns text and label, or such an object a line.

    A blank label means out of scope. Raises SettingsError, naming the line that cannot be read.
    """
    read_rows = _read_table if file.suffix.lower() == ".csv" else _read_lines
    texts = []
    try:
        for number, row in read_rows(file):
            if not isinstance(row, dict) or not isinstance(row.get("text"), str):
                raise SettingsError(f"{file}, line {number}: there is no text. {_FORMAT}")
            label = row.get("label")
            if label is not None and not isinstance(label, str):
                raise SettingsError(f"{file}, line {number}: the label is no text. {_FORMAT}")
            if row["text"].strip():
                texts.append(
                    LabelledText(text=row["text"], label=(label or "").strip() or OUT_OF_SCOPE)
                )
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file} is not in UTF-8 ({error}). Save it as UTF-8.") from error
    except csv.Error as error:
        raise SettingsError(f"{file} is no table ({error}). {_FORMAT}") from error
    return texts


_FORMAT = (
    'Give a CSV file with the columns text and label, or JSON lines: {"text": "…", "label": "…"}.'
)


def _read_table(file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        table = csv.DictReader(stream)
        if not {"text", "label"} <= set(table.fieldnames or ()):
            raise SettingsError(f"{file} lacks a column text or label. {_FORMAT}")
        for row in table:
            yield table.line_num, row


def _read_lines(file: Path) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(file.read_text(encoding="utf-8-sig").splitlines(), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except ValueError as error:
                raise SettingsError(
                    f"{file}, line {number} is no JSON: {error}. {_FORMAT}"
                ) from error


def train_intents(
    home: Path,
    texts: Sequence[LabelledText],
    embedder: Embedder,
    options: FitOptions = OWN_FIT,
    basis: TrainingBasis = NO_BASIS,
) -> IntentTraining:
    """Train a home's intents; they replace the ones that are there where they do no worse.

    A list of turns that the former ones learnt from goes with them. Raises SettingsError where a
    label has too few examples, or there are not two intents.
    """
    whole = _check_texts([*basis.texts, *texts])
    judges = {(example.text, example.label) for example in texts}
    texts_held = [
        example
        for example in whole
        if (example.text, example.label) in judges and is_held_out(example)
    ]
    held_words = {fold_words(example.text) for example in texts_held}
    lesson = [example for example in whole if fold_words(example.text) not in held_words]
    if not texts_held or len({example.label for example in lesson}) < len(
        {example.label for example in whole}
    ):
        raise SettingsError(
            "A label is left without an example to learn, or none is held out: give some more "
            "examples of each label."
        )
    digest = shorten_revision(embedder.card)
    card = {
        "embedder": {"name": embedder.card.name, "digest": digest},
        "examples": len(whole),
        **basis.facts,
    }
    model = fit_insight_model(lesson, {digest: _embed_texts(lesson, embedder)}, options, card)
    vectors_held = _embed_texts(texts_held, embedder)
    after, pairs = judge_model(model, texts_held, vectors_held, digest)
    file = home / OWN_INTENTS
    before = None
    if (old := _open_rival(file, basis.rival, digest)) is not None:
        before, _ = judge_model(old, texts_held, vectors_held, digest)
    is_kept = before is None or after.accuracy >= before.accuracy
    if is_kept:
        (home / USED_TURNS).unlink(missing_ok=True)
        write_insight_model(file, model)
    return IntentTraining(
        file=file,
        labels=model.classifier.labels,
        learnt=len(lesson),
        after=after,
        before=before,
        worst_pairs=pairs,
        kept=is_kept,
    )


def is_held_out(example: LabelledText) -> bool:
    """Tell whether an example is held out to judge, by its words: in every training the same."""
    return place_text(example.text, HELD_OUT_PARTS) == 0


def _open_rival(file: Path, rival: Path | None, digest: str) -> InsightModel | None:
    """Open the classifier that a new one has to match; None where there is none."""
    if file.exists() and (old := read_insight_model(file)).card["embedder"]["digest"] == digest:
        return old
    return None if rival is None else read_insight_model(rival)


def _check_texts(texts: Sequence[LabelledText]) -> list[LabelledText]:
    """Return the texts, each once. Raises SettingsError where they are too few to learn from."""
    once = list({(example.text, example.label): example for example in texts}.values())
    counts = Counter(example.label for example in once)
    if len(counts.keys() - {OUT_OF_SCOPE}) < 2:  # noqa: PLR2004 - one is no choice
        raise SettingsError("There are fewer than two intents to tell apart. Label more examples.")
    if few := sorted(label for label, count in counts.items() if count < FEWEST_OF_LABEL):
        raise SettingsError(
            f"Too few examples (at least {FEWEST_OF_LABEL} each, better 20): {', '.join(few)}. Add "
            "some, or leave these labels out."
        )
    return once


def _embed_texts(texts: Sequence[LabelledText], embedder: Embedder) -> Vectors:
    """Embed texts as questions (n, dim); a row that the model cannot read is NaN."""
    card = embedder.card
    rows = np.full((len(texts), card.dim), np.nan, np.float32)
    for at, example in enumerate(texts):
        vector = embedder.embed_query(example.text) if card.can_embed(example.text) else None
        if vector is not None:
            rows[at] = vector
    return rows


def judge_model(
    model: InsightModel, texts: Sequence[LabelledText], vectors: Vectors, digest: str
) -> tuple[HeldOutAccuracy, tuple[ConfusedPair, ...]]:
    """Return how a classifier does on texts, and the labels that it confuses most."""
    chosen = [
        model.choose_label(example.text, None if np.isnan(vector[0]) else vector, digest)[0]
        or OUT_OF_SCOPE
        for example, vector in zip(texts, vectors, strict=True)
    ]
    right = [example.label == label for example, label in zip(texts, chosen, strict=True)]
    share = estimate_proportion([float(r) for r in right])
    pairs = Counter(
        (example.label, label)
        for example, label in zip(texts, chosen, strict=True)
        if example.label != label
    )
    accuracy = HeldOutAccuracy(
        texts=len(texts),
        accuracy=share.value,
        interval=(share.low, share.high),
        in_scope=_share_of(texts, right, outside=False),
        out_of_scope=_share_of(texts, right, outside=True),
    )
    worst = sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))[:WORST_PAIRS]
    return accuracy, tuple(ConfusedPair(label=a, taken_for=b, texts=n) for (a, b), n in worst)


def _share_of(
    texts: Sequence[LabelledText], right: Sequence[bool], *, outside: bool
) -> float | None:
    rows = [
        r
        for example, r in zip(texts, right, strict=True)
        if (example.label == OUT_OF_SCOPE) is outside
    ]
    return sum(rows) / len(rows) if rows else None
