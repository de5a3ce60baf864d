"""Measure how turns that are no questions are recognised, and fit the weights that do it.

    python -m tests.lab.quality.turns FILE.jsonl … [--sets DIR …] [--most 500]
    python -m tests.lab.quality.turns --fit
    python -m tests.lab.quality.turns --cross-validate

FILE: turns, one a line, {"text", "lang", "kind"}; kind is one of ``TurnKind``, ``question`` for what
must go on to the documents. Cases of ``eval`` ({"question", "lang"}) are questions. DIR: the folder
of clinc150, banking77 or bitext; ``--most`` turns of each kind are drawn by chance. Prints recall by
kind and language, and the share of questions that were stopped, with intervals. ``--words`` leaves
the vectors out, as a desk without an embedder does. ``--list`` prints each turn that was taken for
another kind.
"""

import argparse
import json
import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.stats import estimate_proportion
from indexes.embedding.embedder import Embedder, EmbedOptions
from ragdesk.answering.retrieval.query_memory import QueryMemory
from ragdesk.answering.turns.turn_classifier import TURN_WEIGHTS_FILE
from ragdesk.answering.turns.turn_kind import TurnKind
from ragdesk.answering.turns.turn_recognition import recognise_turn
from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from tests.lab.quality import turn_fit
from tests.lab.quality.turn_examples import SEED, TurnExample
from tests.lab.quality.turn_sets import read_set
from tests.lab.results import write_section

FITTED_MODELS = ("packaged", "packaged-english")


@dataclass(frozen=True, slots=True)
class JudgedTurn:
    """A turn and the kind that it was taken for."""

    turn: TurnExample
    kind: TurnKind


def open_models(names: Sequence[str]) -> dict[str, Embedder]:
    """Open embedders by the first 16 characters of their revision."""
    with tempfile.TemporaryDirectory() as home:
        embedders = [
            Workspace(
                Path(home), Settings(embed=EmbedOptions(model=name))
            ).embedders.open_configured()
            for name in names
        ]
    return {embedder.card.revision[:16]: embedder for embedder in embedders}


def read_turns(file: Path) -> Iterator[TurnExample]:
    """Read turns, or the questions of cases."""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.strip():
            row = json.loads(line)
            text = row.get("text") or row["question"]
            kind = TurnKind(row["kind"]) if "text" in row else TurnKind.QUESTION
            yield TurnExample(text, row["lang"], kind, text)


def judge_turns(turns: Sequence[TurnExample], embedder: Embedder | None) -> list[JudgedTurn]:
    """Recognise turns as the desk does, one by one."""
    return [JudgedTurn(turn, recognise_turn(turn.text, embedder)) for turn in turns]


def format_table(judged: Sequence[JudgedTurn]) -> str:
    """Write recall by kind and language: taken for that kind, and taken for any but a question."""
    rows = [
        "| kind | language | turns | of this kind | no question |",
        "| --- | --- | --- | --- | --- |",
    ]
    for kind in TurnKind:
        for lang in sorted({j.turn.lang for j in judged}):
            group = [j for j in judged if j.turn.kind is kind and j.turn.lang == lang]
            if group:
                right = estimate_proportion([float(j.kind is kind) for j in group])
                stopped = estimate_proportion(
                    [float(j.kind is not TurnKind.QUESTION) for j in group]
                )
                rows.append(f"| {kind} | {lang} | {len(group)} | {right} | {stopped} |")
    return "\n".join(rows)


def cross_validate(embedders: dict[str, Embedder], *, words_only: bool) -> list[JudgedTurn]:
    """Judge each turn that we wrote by weights that were fitted without it."""
    examples = turn_fit.gather_examples()
    vectors = {name: turn_fit.embed_examples(examples, e) for name, e in embedders.items()}
    digest, embedder = next(iter(embedders.items()))
    memory = QueryMemory(
        embedder, dict(zip([e.text for e in examples], vectors[digest], strict=True))
    )
    return [
        JudgedTurn(
            example,
            recognise_turn(example.text, None if words_only else memory, classifier=classifier),
        )
        for example, classifier in turn_fit.cross_validate(examples, vectors)
    ]


def write_weights(embedders: dict[str, Embedder]) -> None:
    """Fit all turns and store the weights in the package."""
    examples = turn_fit.gather_examples()
    vectors = {name: turn_fit.embed_examples(examples, e) for name, e in embedders.items()}
    stored = turn_fit.fit_classifier(examples, vectors)
    rows = [
        f" {json.dumps(name, ensure_ascii=False)}: {_compact(row)}"
        for name, row in stored.pop("words").items()
    ]
    head = json.dumps(stored, ensure_ascii=False, separators=(",", ":"))
    text = head[:-1] + ',\n"words": {\n' + ",\n".join(rows) + "\n}}\n"
    TURN_WEIGHTS_FILE.write_text(text, encoding="utf-8")


def _compact(row: list[int]) -> str:
    return json.dumps(row, separators=(",", ":"))


def _draw(turns: list[TurnExample], most: int) -> list[TurnExample]:
    draw = random.Random(SEED)  # noqa: S311
    groups = [[turn for turn in turns if turn.kind is kind] for kind in TurnKind]
    return [turn for group in groups for turn in draw.sample(group, min(most, len(group)))]


def main() -> None:
    """Fit, or measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--sets", type=Path, nargs="*", default=[])
    parser.add_argument("--most", type=int, default=500)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--cross-validate", action="store_true")
    parser.add_argument("--words", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--write", action="store_true", help="write the section of RESULTS.md")
    args = parser.parse_args()
    if args.fit:
        write_weights(open_models(FITTED_MODELS))
        return
    if args.cross_validate:
        judged = cross_validate(open_models(FITTED_MODELS[:1]), words_only=args.words)
    else:
        embedder = None if args.words else next(iter(open_models(FITTED_MODELS[:1]).values()))
        turns = [turn for file in args.files for turn in read_turns(file)]
        turns += [turn for folder in args.sets for turn in _draw(list(read_set(folder)), args.most)]
        judged = judge_turns(turns, embedder)
    table = format_table(judged)
    print(table)
    if args.list:
        for j in judged:
            if j.kind is not j.turn.kind:
                print(f"{j.turn.lang} {j.turn.kind} -> {j.kind}: {j.turn.text}")
    if args.write:
        write_section("Turns", "python -m tests.lab.quality.turns --cross-validate", table)


if __name__ == "__main__":
    main()
