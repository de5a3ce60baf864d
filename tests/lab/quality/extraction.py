"""Measure the answers in the documents' own sentences, and what is refused.

    python -m tests.lab.quality.extraction --xquad DIR --cmrc FILE --squad2 FILE [--home DIR]

A sentence is right when it is of the paragraph that answers and holds a gold answer. Refusing is
measured twice: on questions whose article was taken out of sight (nothing answers), and on those
of SQuAD 2.0 that were written to look answerable. Writes "Extraction" and "Refusal on
public sets" of RESULTS.md.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from eval import stats
from eval.case import Case
from eval.imports import squad
from indexes.chunk import SearchFilter
from indexes.text.folding import normalise_text
from ragdesk.answering.answer import Outcome, Question
from ragdesk.answering.reading.reading_options import ExtractOptions
from ragdesk.answering.reading.sentence_extractor import SentenceExtractor
from ragdesk.answering.reading.unit_scores import ScoredUnit
from ragdesk.answering.retrieval.retrieval_result import Retrieval
from ragdesk.open_collection import OpenCollection
from ragdesk.settings import Settings
from tests.lab.collection_shelf import CollectionShelf
from tests.lab.open_sets import written
from tests.lab.results import write_section

LEARNT = "and the models that learnt (default)"
WAYS: Mapping[str, ExtractOptions] = {
    "words of the sentence alone": ExtractOptions(
        above=0.0, before=0.0, figures=0.0, kind=0.0, cosine=0.0
    ),
    "and of what stands above it": ExtractOptions(figures=0.0, kind=0.0, cosine=0.0),
    "and numbers and kinds asked for": ExtractOptions(cosine=0.0),
    "and the embedding model": ExtractOptions(),
    LEARNT: ExtractOptions(),
}


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """A set taken in, and its cases."""

    name: str
    collection: OpenCollection
    cases: tuple[Case, ...]


def take_in(name: str, file: Path, shelf: CollectionShelf, stack: ExitStack) -> QuestionSet:
    """Take in the paragraphs of a file in SQuAD's form, and read its cases."""
    source = written(squad.read_squad_texts(file), shelf.folder / "texts" / name)
    collection = stack.enter_context(shelf.open_collection(f"paragraphs-{name}", source))
    return QuestionSet(name, collection, tuple(squad.read_squad_cases(file)))


def right(candidate: ScoredUnit, case: Case) -> bool:
    """Tell whether a sentence is of the right paragraph and holds a gold answer."""
    if candidate.passage.chunk.uri not in {e.uri for e in case.evidence}:
        return False
    text = normalise_text(candidate.text)
    return any(normalise_text(answer).strip(" .。") in text for answer in case.reference)


def best_parts(extract: SentenceExtractor, retrieval: Retrieval) -> list[ScoredUnit]:
    """Return the two best units that are no whole list or entry."""
    return [scored for scored in extract.rank_units(retrieval) if not scored.unit.is_whole][:2]


def sentences(part: QuestionSet) -> Iterator[str]:
    """Write a set's rows: one or two best sentences, by each way of choosing."""
    desk, index = part.collection.desk, part.collection.index
    cases = [case for case in part.cases if case.answerable]
    found = [desk.retrieve(Question(text=case.question)) for case in cases]
    clusters = [case.cluster for case in cases]
    for name, options in WAYS.items():
        extract = SentenceExtractor(
            embedder=desk.retrieve.embedder,
            document_text=index.read_text_by_id,
            context_chunks=desk.retrieve.context_chunks,
            is_answerable=lambda _: True,
            options=options,
            comparers=desk.comparers if name == LEARNT else {},
        )
        ranked = [
            (case, best_parts(extract, retrieval))
            for case, retrieval in zip(cases, found, strict=True)
        ]
        hits = [float(any(right(c, case) for c in best[:1])) for case, best in ranked]
        two = [float(any(right(c, case) for c in best)) for case, best in ranked]
        cells = (part.name, str(len(hits)), name, str(stats.estimate_mean(hits, clusters)))
        yield f"| {' | '.join(cells)} | {stats.estimate_mean(two, clusters)} |"
        print(*cells, stats.estimate_mean(two, clusters), flush=True)


def refusals(parts: Sequence[QuestionSet], misleading: QuestionSet | None) -> str:
    """Measure the answers given where there is none, and the refusals where there is one."""
    lines = ["| questions | should be | n | share refused |", "| --- | --- | --- | --- |"]

    def row(name: str, should: str, asked: QuestionSet, *, hidden: bool = False) -> None:
        refused = asyncio.run(ask_cases(asked, hidden=hidden))
        share = stats.estimate_mean(refused, [case.cluster for case in asked.cases])
        lines.append(f"| {name} | {should} | {len(refused)} | {share} |")
        print(lines[-1], flush=True)

    for part in parts:
        row(part.name, "answered", part)
        row(f"{part.name}, article out of sight", "refused", part, hidden=True)
    if misleading:
        for should, answerable in (("answered", True), ("refused", False)):
            cases = tuple(c for c in misleading.cases[::3] if c.answerable == answerable)
            name = misleading.name if answerable else f"{misleading.name}, written to mislead"
            row(name, should, QuestionSet(misleading.name, misleading.collection, cases))
    return "\n".join(lines)


async def ask_cases(part: QuestionSet, *, hidden: bool) -> list[float]:
    """Ask the desk, and tell which cases it refused. hidden: with their articles out of sight."""
    articles: dict[str, set[str]] = {}
    for case in part.cases:
        articles.setdefault(case.cluster, set()).update(e.uri for e in case.evidence)
    uris = {document.uri for document in part.collection.documents}
    refused = []
    for case in part.cases:
        where = SearchFilter(uris=frozenset(uris - articles[case.cluster]))
        question = Question(text=case.question, where=where if hidden else SearchFilter())
        answer = await part.collection.desk.ask(question)
        refused.append(float(answer.outcome is not Outcome.ANSWERED))
    return refused


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("xquad", "cmrc", "squad2", "home"):
        parser.add_argument(f"--{name}", type=Path)
    options = parser.parse_args()
    files = {"cmrc": options.cmrc}
    if options.xquad:
        files |= {f"xquad-{lang}": options.xquad / f"xquad.{lang}.json" for lang in ("en", "zh")}
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        shelf = CollectionShelf(options.home or Path(scratch), Settings())
        parts = [take_in(name, file, shelf, stack) for name, file in files.items() if file]
        rows = [row for part in parts for row in sentences(part)]
        misleading = take_in("squad2", options.squad2, shelf, stack) if options.squad2 else None
        refused = refusals(parts, misleading)
    command = "python -m tests.lab.quality.extraction --xquad DIR --cmrc FILE --squad2 FILE"
    head = "| set | questions | sentences chosen by | best one | one of the two best |\n"
    body = "\n".join([f"{head}| --- | --- | --- | --- | --- |", *rows])
    write_section("Extraction", command, body)
    write_section("Refusal on public sets", command, refused)


if __name__ == "__main__":
    main()
