"""Measure the desk on the sample company: what is found, what is said, what is refused.

    python -m tests.lab.quality.handbook

The same figures gate the build: ``tests/journeys/test_handbook.py`` holds them against
``eval/handbook/expected.toml``.
"""

import asyncio
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eval.case import Case, read_case_lines
from eval.stats import Estimate, estimate_mean
from indexes.chunk import Passage
from indexes.embedding.embedder import Embedder
from ragdesk.answering.answer import Answer, Outcome, Question
from ragdesk.assemble import Workspace
from ragdesk.open_collection import OpenCollection
from ragdesk.settings import Settings
from tests.lab.results import write_section

HANDBOOK = Path(__file__).parents[3] / "eval" / "handbook"
ALONE = {"focus": 0.0, "context": 0.0, "name": 0.0}  # no sentence, name or neighbour is looked at
WAYS = {"bm25": {"dense": 0.0, **ALONE}, "dense": {"lexical": 0.0, **ALONE}, "ragdesk": {}}
Figures = Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class Found:
    """Where a case's evidence stands in the stored texts: spans by uri."""

    spans: Mapping[str, tuple[tuple[int, int], ...]]

    def meets(self, uri: str, start: int, end: int) -> bool:
        """Tell whether a span shares a character with the evidence."""
        return any(start < b and a < end for a, b in self.spans.get(uri, ()))


def cases() -> list[Case]:
    """Read the handbook's cases."""
    return list(read_case_lines(HANDBOOK / "cases.jsonl"))


def take_in(home: Path, embedder: Embedder | None = None) -> OpenCollection:
    """Take the handbook in, and open it; by the packaged embedder if none is given."""
    desks = Workspace(home, Settings(), embedder)
    desks.make_job("default").run([HANDBOOK / "documents"])
    return desks.open_collection("default")


def locate(case: Case, opened: OpenCollection) -> Found:
    """Find a case's quotes in the stored texts. Raises ValueError for a quote that is not there."""
    spans: dict[str, tuple[tuple[int, int], ...]] = {}
    for evidence in case.evidence:
        text = opened.index.read_text(evidence.uri)
        at = -1 if text is None else text.find(evidence.quote)
        if at < 0:
            raise ValueError(f"{case.id}: {evidence.uri} does not hold {evidence.quote!r}")
        spans[evidence.uri] = (*spans.get(evidence.uri, ()), (at, at + len(evidence.quote)))
    return Found(spans)


def ranks(
    opened: OpenCollection, cases_: Sequence[Case], weights: Mapping[str, float]
) -> list[int]:
    """Give the place (from 1; 99: none) of the first passage that meets each case."""
    options = replace(opened.retrieve.options, **weights)  # type: ignore[arg-type]
    retrieve = replace(opened.retrieve, options=options)
    places = []
    for case in cases_:
        evidence = locate(case, opened)
        passages: Sequence[Passage] = retrieve(Question(text=case.question)).passages
        ranks_met = (i for i, p in enumerate(passages, 1) if evidence.meets(p.chunk.uri, *_span(p)))
        places.append(next(ranks_met, 99))
    return places


def _span(passage: Passage) -> tuple[int, int]:
    return passage.chunk.start, passage.chunk.end


def answers(opened: OpenCollection, cases_: Sequence[Case]) -> list[Answer]:
    """Ask every case."""

    async def ask_all() -> list[Answer]:
        return [await opened.desk.ask(Question(text=c.question, explain=True)) for c in cases_]

    return asyncio.run(ask_all())


def measure(opened: OpenCollection) -> Figures:
    """Measure everything, by name; shares of cases with 95 % bootstrap intervals."""
    listed = cases()
    known = [c for c in listed if c.answerable]
    figures = dict(_retrieval(opened, known))
    pairs = list(zip(listed, answers(opened, listed), strict=True))
    for lang in ("en", "zh"):
        here = [(c, a) for c, a in pairs if c.lang == lang]
        figures |= {
            f"{name} {lang}": estimate_mean(values) for name, values in _saying(opened, here)
        }
    return figures


def _retrieval(opened: OpenCollection, known: Sequence[Case]) -> Iterator[tuple[str, Estimate]]:
    for way, weights in WAYS.items():
        for lang in ("en", "zh"):
            here = [c for c in known if c.lang == lang]
            places = ranks(opened, here, weights)
            yield f"{way} R@1 {lang}", estimate_mean([float(p == 1) for p in places])
            yield f"{way} recall@8 {lang}", estimate_mean([float(p <= 8) for p in places])


def _saying(
    opened: OpenCollection, pairs: Sequence[tuple[Case, Answer]]
) -> Iterator[tuple[str, list[float]]]:
    known = [(c, a) for c, a in pairs if c.answerable]
    yield "passages of the answer R@1", [_begins_with(opened, c, a) for c, a in known]
    answered = [(c, a) for c, a in known if a.outcome is Outcome.ANSWERED]
    yield "answered, of the answerable", [float(a.outcome is Outcome.ANSWERED) for _, a in known]
    cites = {c.id: _cites(opened, c, a) for c, a in answered}
    yield "cites the evidence, of the answered", [*cites.values()]
    yield "answered on the evidence, of the answerable", [cites.get(c.id, 0.0) for c, _ in known]
    beside = [float(c.id in cites and not cites[c.id]) for c, _ in known]
    yield "answered off the evidence, of the answerable", beside
    for stratum in ("near_domain", "out_of_kb"):
        foreign = [a for c, a in pairs if c.stratum == stratum]
        yield f"answered, of {stratum}", [float(a.outcome is Outcome.ANSWERED) for a in foreign]


def _begins_with(opened: OpenCollection, case: Case, answer: Answer) -> float:
    evidence = locate(case, opened)
    return float(any(evidence.meets(p.uri, p.start, p.end) for p in answer.passages[:1]))


def _cites(opened: OpenCollection, case: Case, answer: Answer) -> float:
    evidence = locate(case, opened)
    return float(any(evidence.meets(c.uri, c.start, c.end) for c in answer.citations))


def table(figures: Figures) -> str:
    """Write the figures as Markdown."""
    rows = [f"| {name} | {value} |" for name, value in figures.items()]
    return "\n".join(["| figure | share, 95 % interval |", "| --- | --- |", *rows])


def main() -> None:
    """Measure, print, write down."""
    with tempfile.TemporaryDirectory() as home:
        body = table(measure(take_in(Path(home))))
    print(body)
    write_section("Handbook", "python -m tests.lab.quality.handbook", body)


if __name__ == "__main__":
    main()
