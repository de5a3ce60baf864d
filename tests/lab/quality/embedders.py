"""Measure whether embedders whose cosines live in other ranges do the same on the sample company.

    python -m tests.lab.quality.embedders --model FOLDER

FOLDER: a multilingual sentence-transformers model. Beside the packaged one it is measured as it is
and as a random projection of it, all of whose cosines lie above 0.75.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

from eval.stats import estimate_mean
from indexes.embedding.embedder import Embedder, EmbedOptions, open_embedder
from ragdesk.answering.answer import Outcome
from tests.lab.quality import handbook
from tests.lab.results import write_section
from tests.shifted_embedder import ShiftedEmbedder

PROJECTED_DIM = 256
FLOOR = 0.75


def open_embedders(folder: Path, cache: Path, prefixes: tuple[str, str]) -> dict[str, Embedder]:
    """Open the packaged embedder, the one of a folder, and a projection of that."""
    query_prefix, passage_prefix = prefixes
    options = EmbedOptions(
        model=str(folder), query_prefix=query_prefix, passage_prefix=passage_prefix
    )
    given = open_embedder(options, cache)
    return {
        "packaged": open_embedder(EmbedOptions(), cache),
        "given": given,
        "given, projected and shifted": ShiftedEmbedder(given, floor=FLOOR, dim=PROJECTED_DIM),
    }


def measure_embedder(embedder: Embedder) -> list[tuple[bool, bool]]:
    """Return for each case whether its evidence came first, and whether it was answered."""
    with tempfile.TemporaryDirectory() as home:
        opened = handbook.take_in(Path(home), embedder)
        cases = handbook.cases()
        places = iter(handbook.ranks(opened, [c for c in cases if c.answerable], {}))
        answers = handbook.answers(opened, cases)
        outcomes = [answer.outcome is Outcome.ANSWERED for answer in answers]
        return [
            (next(places) == 1, said) if case.answerable else (False, said)
            for case, said in zip(cases, outcomes, strict=True)
        ]


def iter_rows(embedders: dict[str, Embedder]) -> Iterator[str]:
    """Yield the rows of the table: figures of each embedder, and cases better and worse."""
    answerable = [case.answerable for case in handbook.cases()]
    first: list[tuple[bool, bool]] = []
    for name, embedder in embedders.items():
        cases = measure_embedder(embedder)
        first = first or cases
        known = [case for case, is_known in zip(cases, answerable, strict=True) if is_known]
        foreign = [case for case, is_known in zip(cases, answerable, strict=True) if not is_known]
        better = sum(a[0] > b[0] for a, b in zip(cases, first, strict=True))
        worse = sum(a[0] < b[0] for a, b in zip(cases, first, strict=True))
        figures = (
            estimate_mean([float(case[0]) for case in known]),
            estimate_mean([float(case[1]) for case in known]),
            estimate_mean([float(case[1]) for case in foreign]),
        )
        yield f"| {name} | {' | '.join(map(str, figures))} | {better} / {worse} |"


def main() -> None:
    """Measure, print, write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--query-prefix", default="query: ")
    parser.add_argument("--passage-prefix", default="passage: ")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        prefixes = (arguments.query_prefix, arguments.passage_prefix)
        rows = list(iter_rows(open_embedders(arguments.model, Path(cache), prefixes)))
    head = "| embedder | evidence first | answered, of the answerable | answered, of the others "
    head += "| first: better / worse than packaged |"
    body = "\n".join([head, "| --- | --- | --- | --- | --- |", *rows])
    print(body)
    write_section("Embedders", "python -m tests.lab.quality.embedders --model FOLDER", body)


if __name__ == "__main__":
    main()
