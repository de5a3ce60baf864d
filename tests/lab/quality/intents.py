"""Measure intents, what is out of scope, and sentiment; and fit the weights of the package.

    python -m tests.lab.quality.intents --fit
    python -m tests.lab.quality.intents [--clinc150 DIR] [--banking77 DIR] [--bitext DIR]
        [--reviews DIR] [--examples FILE.jsonl …] [--cross-validate] [--keep DIR] [--write]

--fit learns from our own sentences and writes ``intents.safetensors`` and ``sentiment.safetensors``
of ``ragdesk/support/insight/``. The other options measure. clinc150: learnt on its train part,
measured on its val part. banking77: learnt on a fifth of ``train.csv``, measured on the rest.
bitext: requests whose intents are clearly one of ours, judged by
the packaged ones. reviews: Chinese reviews with polarity (tables with the columns label, 0 or 1, and review); the
packaged sentiment is measured on all of them, and one learnt on half of them on the other half.
examples: texts that none of us wrote who fitted this, one a line: {"text", "lang", "intent"} or
{"text", "lang", "sentiment"}. --keep holds the vectors for the next run, --most draws so many
reviews of each table, ``--list`` prints what was taken for another label.
"""

import argparse
import csv
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eval.stats import estimate_proportion
from indexes.embedding.embedder import Embedder
from indexes.search_results import Vectors
from ragdesk.answering.turns.turn_kind import TurnKind
from ragdesk.support.insight.insight_model import InsightModel, write_insight_model
from ragdesk.support.insight.intents import (
    EXAMPLES_FILE,
    OUT_OF_SCOPE,
    SENTIMENT_FILE,
    LabelledText,
    read_packaged_examples,
    read_text_table,
)
from ragdesk.support.insight.model_fit import FitOptions, fit_insight_model
from ragdesk.support.insight.question_insight import (
    PACKAGED_INTENTS,
    PACKAGED_SENTIMENT,
    classify_question,
    open_insight_models,
)
from tests.lab.quality.turn_examples import SEED, read_examples
from tests.lab.quality.turns import FITTED_MODELS, open_models
from tests.lab.results import write_section

SENTIMENT_FIT = FitOptions(words_freedom=10.0, vector_freedom=0.003, word_share=0.2, fewest=2)
REVIEW_FIT = FitOptions(
    words_freedom=10.0, vector_freedom=0.01, word_share=0.4, most_features=20000
)
PUBLIC_FIT = FitOptions(most_features=20000)
FOLDS = 5
BITEXT_INTENTS = {  # of theirs, those that are clearly one of ours
    "cancel_order": "cancel_order",
    "change_order": "change_order",
    "change_shipping_address": "change_address",
    "check_invoice": "invoice",
    "get_invoice": "invoice",
    "check_payment_methods": "payment_methods",
    "complaint": "complaint",
    "contact_human_agent": "contact_person",
    "delete_account": "account_deletion",
    "get_refund": "refund_request",
    "payment_issue": "payment_failed",
    "recover_password": "password_reset",
    "review": "feedback",
    "track_order": "track_order",
    "track_refund": "refund_status",
}


@dataclass(slots=True)
class VectorShelf:
    """Embeds texts as questions, and keeps the vectors in a folder where one is given."""

    embedder: Embedder
    folder: Path | None = None

    @property
    def digest(self) -> str:
        return self.embedder.card.revision[:16]

    def embed(self, name: str, texts: Sequence[str]) -> Vectors:
        """Return the vectors (n, dim) of texts; those that the model cannot read are NaN."""
        file = self.folder / f"{name}-{self.digest}.npz" if self.folder else None
        known: dict[str, Vectors] = {}
        if file and file.exists():
            with np.load(file) as stored:
                known = dict(zip(stored["texts"].tolist(), stored["vectors"], strict=True))
        card = self.embedder.card
        for text in texts:
            if text not in known:
                vector = self.embedder.embed_query(text) if card.can_embed(text) else None
                known[text] = np.full(card.dim, np.nan, np.float32) if vector is None else vector
        rows = np.array([known[text] for text in texts], dtype=np.float32)
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(file, texts=np.array(texts), vectors=rows)
        return rows


def gather_intents() -> list[LabelledText]:
    """Gather what our intents are learnt from: examples, frames, and turns that are out of scope."""
    outside = [
        LabelledText(text=turn.text, label=OUT_OF_SCOPE, lang=turn.lang)
        for turn in read_examples()
        if turn.kind is TurnKind.OUT_OF_SCOPE
    ]
    return [*read_packaged_examples(), *outside]


def fit_packaged(shelves: Sequence[VectorShelf]) -> None:
    """Fit the packaged intents and the packaged sentiment on our own sentences, and write them."""
    for file, texts, options in (
        (PACKAGED_INTENTS, gather_intents(), FitOptions()),
        (PACKAGED_SENTIMENT, read_text_table(SENTIMENT_FILE), SENTIMENT_FIT),
    ):
        vectors = {s.digest: s.embed(file.stem, [t.text for t in texts]) for s in shelves}
        card = {"made_by": "python -m tests.lab.quality.intents --fit", "texts": len(texts)}
        model = fit_insight_model(texts, vectors, options, card)
        write_insight_model(file, model)
        print(f"{file.name}: {file.stat().st_size:,} bytes, {len(texts)} texts, {model.floors}")


def classify_texts(
    model: InsightModel, texts: Sequence[str], vectors: Vectors, digest: str
) -> list[tuple[str | None, str]]:
    """Return the label of each text, None where none fits, and the nearest label."""
    judged = []
    for text, vector in zip(texts, vectors, strict=True):
        row = None if np.isnan(vector[0]) else vector
        scores = model.score_labels(text, row, digest)
        scores.pop(OUT_OF_SCOPE, None)
        judged.append(
            (model.choose_label(text, row, digest)[0], max(scores, key=scores.__getitem__))
        )
    return judged


def judge_feelings(
    model: InsightModel, texts: Sequence[str], vectors: Vectors, digest: str
) -> list[dict[str, float]]:
    """Return the likelihoods of each text's sentiments."""
    return [
        model.score_labels(text, None if np.isnan(vector[0]) else vector, digest)
        for text, vector in zip(texts, vectors, strict=True)
    ]


def estimate_share(rows: Sequence[bool]) -> str:
    """Write a share with its interval."""
    return str(estimate_proportion([float(row) for row in rows]))


def measure_clinc(folder: Path, shelf: VectorShelf) -> list[str]:
    """Learn clinc150's train part, and judge its val part."""
    data = json.loads((folder / "data_full.json").read_text(encoding="utf-8"))
    known = [LabelledText(text=text, label=label) for text, label in data["train"]]
    known += [LabelledText(text=text, label=OUT_OF_SCOPE) for text, _ in data["oos_train"]]
    vectors = shelf.embed("clinc-train", [t.text for t in known])
    model = fit_insight_model(known, {shelf.digest: vectors}, PUBLIC_FIT)
    inside, outside = data["val"], data["oos_val"]
    texts = [text for text, _ in (*inside, *outside)]
    judged = classify_texts(model, texts, shelf.embed("clinc-val", texts), shelf.digest)
    right = [got == label for (got, _), (_, label) in zip(judged, inside, strict=False)]
    nearest = [got == label for (_, got), (_, label) in zip(judged, inside, strict=False)]
    refused = [got is None for got, _ in judged[len(inside) :]]
    return [
        f"| clinc150, val, {len(inside)} of 150 intents | {estimate_share(right)} | {estimate_share(nearest)} |",
        f"| clinc150, val, {len(outside)} out of scope: found out | {estimate_share(refused)} | |",
    ]


def measure_banking(folder: Path, shelf: VectorShelf) -> list[str]:
    """Learn a fifth of each intent of banking77's training table, and judge the rest."""
    file = next(iter(sorted(folder.rglob("train.csv"))))
    with file.open(encoding="utf-8", newline="") as stream:
        rows = [LabelledText(text=r["text"], label=r["category"]) for r in csv.DictReader(stream)]
    random.Random(SEED).shuffle(rows)  # noqa: S311
    count: Counter[str] = Counter()
    whole = Counter(row.label for row in rows)
    known, rest = [], []
    for row in rows:
        count[row.label] += 1
        is_known = count[row.label] <= round(whole[row.label] / 5)
        (known if is_known else rest).append(row)
    vectors = shelf.embed("banking-fifth", [t.text for t in known])
    model = fit_insight_model(known, {shelf.digest: vectors}, PUBLIC_FIT)
    texts = [row.text for row in rest]
    judged = classify_texts(model, texts, shelf.embed("banking-rest", texts), shelf.digest)
    right = [got == row.label for (got, _), row in zip(judged, rest, strict=True)]
    nearest = [got == row.label for (_, got), row in zip(judged, rest, strict=True)]
    return [
        (
            f"| banking77, learnt on {len(known)}, {len(rest)} others | {estimate_share(right)} | "
            f"{estimate_share(nearest)} |"
        )
    ]


def measure_bitext(folder: Path, shelf: VectorShelf, most: int) -> list[str]:
    """Judge requests of a public set whose intents are clearly one of ours, by the packaged ones."""
    file = next(iter(sorted(folder.rglob("*.csv"))))
    with file.open(encoding="utf-8", newline="") as stream:
        rows = [r for r in csv.DictReader(stream) if r["intent"] in BITEXT_INTENTS]
    random.Random(SEED).shuffle(rows)  # noqa: S311
    rows = rows[:most]
    texts = [row["instruction"] for row in rows]
    vectors = shelf.embed("bitext", texts)
    judged = classify_texts(open_insight_models().intents, texts, vectors, shelf.digest)
    wanted = [BITEXT_INTENTS[row["intent"]] for row in rows]
    right = [chosen == intent for (chosen, _), intent in zip(judged, wanted, strict=True)]
    nearest = [chosen == intent for (_, chosen), intent in zip(judged, wanted, strict=True)]
    name = f"bitext, {len(rows)} of {len(set(wanted))} intents, by the packaged ones"
    return [f"| {name} | {estimate_share(right)} | {estimate_share(nearest)} |"]


def measure_reviews(folder: Path, shelf: VectorShelf, most: int) -> list[str]:
    """Judge reviews by the packaged sentiment, and by one that learnt half of them."""
    packaged = open_insight_models().sentiment
    lines = []
    for file in sorted(folder.rglob("*.csv")):
        with file.open(encoding="utf-8", newline="") as stream:
            rows = [r for r in csv.DictReader(stream) if r["review"]]
        random.Random(SEED).shuffle(rows)  # noqa: S311
        rows = rows[:most]
        texts = [row["review"] for row in rows]
        vectors = shelf.embed(f"reviews-{file.stem}", texts)
        is_positive = [row["label"] == "1" for row in rows]
        lines.append(
            _judge_reviews(
                f"{file.stem}, packaged", packaged, texts, vectors, is_positive, shelf.digest
            )
        )
        half = len(rows) // 2
        known = [
            LabelledText(text=t, label="positive" if p else "negative")
            for t, p in zip(texts[:half], is_positive, strict=False)
        ]
        trained = fit_insight_model(known, {shelf.digest: vectors[:half]}, REVIEW_FIT)
        name = f"{file.stem}, learnt on half of them (not shipped)"
        lines.append(
            _judge_reviews(
                name, trained, texts[half:], vectors[half:], is_positive[half:], shelf.digest
            )
        )
    return lines


def _judge_reviews(  # noqa: PLR0913, PLR0917
    name: str,
    model: InsightModel,
    texts: Sequence[str],
    vectors: Vectors,
    is_positive: Sequence[bool],
    digest: str,
) -> str:
    feelings = judge_feelings(model, texts, vectors, digest)
    taken = [f["positive"] > f["negative"] for f in feelings]
    right = [a == b for a, b in zip(taken, is_positive, strict=True)]
    sides = [
        estimate_share([r for r, p in zip(right, is_positive, strict=True) if p is side])
        for side in (False, True)
    ]
    return f"| {name} | {len(texts)} | {estimate_share(right)} | {sides[0]} | {sides[1]} |"


def measure_examples(file: Path, shelf: VectorShelf, *, lists: bool) -> list[str]:
    """Judge texts by fresh eyes by the packaged intents and sentiment."""
    lines = file.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    models = open_insight_models(card=shelf.embedder.card)
    vectors = shelf.embed(f"examples-{file.stem}", [row["text"] for row in rows])
    right: dict[tuple[str, str], list[bool]] = {}
    for row, vector in zip(rows, vectors, strict=True):
        insight = classify_question(row["text"], None if np.isnan(vector[0]) else vector, models)
        for field in ("intent", "sentiment"):
            if field in row:
                label = getattr(insight, field) or OUT_OF_SCOPE
                right.setdefault((field, row["lang"]), []).append(label == row[field])
                if lists and label != row[field]:
                    print(f"{row[field]} taken for {label}: {row['text']}")
    return [
        f"| {file.stem} | {field} | {lang} | {len(group)} | {estimate_share(group)} |"
        for (field, lang), group in sorted(right.items())
    ]


def cross_validate(shelf: VectorShelf, *, lists: bool) -> list[str]:
    """Judge each sentence of ours by weights that were fitted without it, frames of it included."""
    lines = []
    for name, texts, options in (
        ("intents", gather_intents(), FitOptions()),
        ("sentiment", read_text_table(SENTIMENT_FILE), SENTIMENT_FIT),
    ):
        vectors = shelf.embed(f"ours-{name}", [t.text for t in texts])
        fold = np.random.default_rng(SEED).integers(FOLDS, size=len(texts))
        fitted = len(read_text_table(EXAMPLES_FILE)) if name == "intents" else len(texts)
        right: dict[tuple[str, str], list[bool]] = {}
        for part in range(FOLDS):
            known, rest = np.flatnonzero(fold != part), np.flatnonzero(fold == part)
            model = fit_insight_model(
                [texts[i] for i in known], {shelf.digest: vectors[known]}, options
            )
            for i in rest:
                is_frame = name == "intents" and i >= fitted and texts[i].label != OUT_OF_SCOPE
                if is_frame:
                    continue
                vector = None if np.isnan(vectors[i][0]) else vectors[i]
                scores = model.score_labels(texts[i].text, vector, shelf.digest)
                label = max(scores, key=scores.__getitem__)
                group = OUT_OF_SCOPE if texts[i].label == OUT_OF_SCOPE else name
                right.setdefault((group, texts[i].lang), []).append(label == texts[i].label)
                if lists and label != texts[i].label:
                    print(f"{texts[i].label} taken for {label}: {texts[i].text}")
        lines += [
            f"| ours, cross-validated | {group} | {lang} | {len(g)} | {estimate_share(g)} |"
            for (group, lang), g in sorted(right.items())
        ]
    return lines


def time_classification(shelf: VectorShelf) -> str:
    """Say how long a question takes beside its embedding."""
    texts = [row.text for row in read_text_table(EXAMPLES_FILE)][::8]
    models = open_insight_models(card=shelf.embedder.card)
    vectors = shelf.embed("timed", texts)
    spent = []
    for text, vector in zip(texts, vectors, strict=True):
        begin = time.thread_time()
        classify_question(text, vector, models)
        spent.append(1000 * (time.thread_time() - begin))
    middle, late = np.quantile(spent, [0.5, 0.95])
    return (
        f"Beside the embedding a question takes {middle:.2f} ms of CPU (p50), {late:.2f} ms (p95)."
    )


def main() -> None:
    """Fit, or measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--fit", action="store_true")
    for name in ("--clinc150", "--banking77", "--bitext", "--reviews", "--keep"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--examples", type=Path, nargs="*", default=[])
    parser.add_argument("--most", type=int, default=3000)
    parser.add_argument("--cross-validate", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    shelves = [VectorShelf(e, args.keep) for e in open_models(FITTED_MODELS).values()]
    if args.fit:
        fit_packaged(shelves)
        return
    shelf = shelves[0]
    body = [time_classification(shelf)]
    public = [
        "| set | right, out of scope where none fits | nearest intent right |",
        "| --- | --- | --- |",
    ]
    if args.clinc150:
        public += measure_clinc(args.clinc150, shelf)
    if args.banking77:
        public += measure_banking(args.banking77, shelf)
    if args.bitext:
        public += measure_bitext(args.bitext, shelf, args.most)
    reviews = [
        "| reviews | texts | right | of negative | of positive |",
        "| --- | --- | --- | --- | --- |",
    ]
    if args.reviews:
        reviews += measure_reviews(args.reviews, shelf, args.most)
    own = ["| set | label | language | texts | right |", "| --- | --- | --- | --- | --- |"]
    if args.cross_validate:
        own += cross_validate(shelf, lists=args.list)
    for file in args.examples:
        own += measure_examples(file, shelf, lists=args.list)
    body += ["\n".join(table) for table in (public, reviews, own) if len(table) > 2]
    print("\n\n".join(body))
    if args.write:
        command = (
            "python -m tests.lab.quality.intents --clinc150 DIR --banking77 DIR --bitext DIR "
            "--reviews DIR --cross-validate"
        )
        write_section("Intents and sentiment", command, "\n\n".join(body))


if __name__ == "__main__":
    main()
