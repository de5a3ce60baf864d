"""Measure the answers in the documents' own sentences, and what is refused.

    python -m tests.lab.quality.extraction --xquad DIR --cmrc FILE --squad2 FILE [--home DIR]

A sentence is right when it is of the paragraph that answers and holds a gold answer. Refusing is
measured twice: on questions whose article was taken out of sight (nothing answers), and on those
of SQuAD 2.0 that were written to look answerable. Writes "Extraction" and "Refusal on
public sets" of RESULTS.md.
"""

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval import stats
from eval.case import Case
from eval.imports import squad
from indexes.chunk import SearchFilter
from indexes.embedding.background import measure_background
from indexes.index import Index
from indexes.text.folding import normalise_text
from ragdesk.answering.answer import Question
from ragdesk.answering.decision import DecideOptions, answer_likelihood
from ragdesk.answering.reading.sentence_extractor import SentenceExtractor
from ragdesk.answering.reading.unit_scores import ExtractOptions, ScoredUnit
from ragdesk.answering.retrieval.retrieval_result import Retrieval
from ragdesk.answering.retrieval.retriever import Retriever
from tests.lab.open_sets import Remembering, embedder, opened, written
from tests.lab.results import write_section

WAYS: Mapping[str, ExtractOptions] = {
    "words of the sentence alone": ExtractOptions(
        above=0.0, before=0.0, figures=0.0, kind=0.0, cosine=0.0
    ),
    "and of what stands above it": ExtractOptions(figures=0.0, kind=0.0, cosine=0.0),
    "and numbers and kinds asked for": ExtractOptions(cosine=0.0),
    "and the model (default)": ExtractOptions(),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A set taken in, and each case with what was found for it."""

    name: str
    index: Index
    pairs: tuple[tuple[Case, Retrieval], ...]


def ask(
    index: Index, embed: Remembering, case: Case, where: SearchFilter = SearchFilter()
) -> Retrieval:
    """Find the passages for a case."""
    retrieve = Retriever(index=index, embedder=embed, background=measure_background(embed))
    return retrieve(Question(text=case.question, where=where))


def taken_in(name: str, file: Path, home: Path, embed: Remembering) -> Asked:
    """Take a set in, and ask all of its questions that have an answer."""
    index = opened(name, written(squad.read_squad_texts(file), home / "texts" / name), home, embed)
    cases = [case for case in squad.read_squad_cases(file) if case.answerable]
    return Asked(name, index, tuple((case, ask(index, embed, case)) for case in cases))


def right(candidate: ScoredUnit, case: Case) -> bool:
    """Tell whether a sentence is of the right paragraph and holds a gold answer."""
    if candidate.passage.chunk.uri not in {e.uri for e in case.evidence}:
        return False
    text = normalise_text(candidate.text)
    return any(normalise_text(answer).strip(" .。") in text for answer in case.reference)


def best_parts(extract: SentenceExtractor, retrieval: Retrieval) -> list[ScoredUnit]:
    """Return the two best units that are no whole list or entry."""
    return [scored for scored in extract.rank_units(retrieval) if not scored.unit.is_whole][:2]


def sentences(part: Asked, embed: Remembering) -> Iterator[str]:
    """Write a set's rows: one or two best sentences, by each way of choosing."""
    clusters = [case.cluster for case, _ in part.pairs]
    for name, options in WAYS.items():
        around = Retriever(index=part.index, embedder=embed).context_chunks
        extract = SentenceExtractor(
            embedder=embed,
            document_text=part.index.read_text_by_id,
            context_chunks=around,
            is_answerable=lambda _: True,
            options=options,
        )
        ranked = [(case, best_parts(extract, retrieval)) for case, retrieval in part.pairs]
        hits = [float(any(right(c, case) for c in best[:1])) for case, best in ranked]
        two = [float(any(right(c, case) for c in best)) for case, best in ranked]
        cells = (part.name, str(len(hits)), name, str(stats.estimate_mean(hits, clusters)))
        yield f"| {' | '.join(cells)} | {stats.estimate_mean(two, clusters)} |"
        print(*cells, stats.estimate_mean(two, clusters), flush=True)


def refusals(parts: Sequence[Asked], squad2: Path | None, home: Path, embed: Remembering) -> str:
    """Measure the answers given where there is none, and the refusals where there is one."""
    floor = DecideOptions().floor
    lines = ["| questions | should be | n | share refused |", "| --- | --- | --- | --- |"]

    def row(name: str, should: str, pairs: Sequence[tuple[Case, Retrieval]]) -> None:
        refused = [float(answer_likelihood(retrieval.signals) < floor) for _, retrieval in pairs]
        share = stats.estimate_mean(refused, [case.cluster for case, _ in pairs])
        lines.append(f"| {name} | {should} | {len(pairs)} | {share} |")
        print(lines[-1], flush=True)

    for part in parts:
        row(part.name, "answered", part.pairs)
        row(f"{part.name}, article out of sight", "refused", out_of_sight(part, embed))
    if squad2:
        index = opened(
            "squad2", written(squad.read_squad_texts(squad2), home / "texts/squad2"), home, embed
        )
        squad_pairs = [
            (case, ask(index, embed, case)) for case in list(squad.read_squad_cases(squad2))[::3]
        ]
        row("squad2", "answered", [(c, f) for c, f in squad_pairs if c.answerable])
        row(
            "squad2, written to mislead",
            "refused",
            [(c, f) for c, f in squad_pairs if not c.answerable],
        )
    return "\n".join(lines)


def out_of_sight(part: Asked, embed: Remembering) -> list[tuple[Case, Retrieval]]:
    """Ask every case again with its article hidden: nothing there answers it."""
    articles: dict[str, set[str]] = {}
    for case, _ in part.pairs:
        articles.setdefault(case.cluster, set()).update(e.uri for e in case.evidence)
    uris = {listed.uri for listed in part.index.iter_documents()}
    return [
        (
            case,
            ask(
                part.index,
                embed,
                case,
                SearchFilter(uris=frozenset(uris - articles[case.cluster])),
            ),
        )
        for case, _ in part.pairs
    ]


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("xquad", "cmrc", "squad2", "home"):
        parser.add_argument(f"--{name}", type=Path)
    options = parser.parse_args()
    files = {"cmrc": options.cmrc}
    if options.xquad:
        files |= {f"xquad-{lang}": options.xquad / f"xquad.{lang}.json" for lang in ("en", "zh")}
    with tempfile.TemporaryDirectory() as scratch:
        home = options.home or Path(scratch)
        embed = embedder(home)
        parts = [taken_in(name, file, home, embed) for name, file in files.items() if file]
        rows = [row for part in parts for row in sentences(part, embed)]
        refused = refusals(parts, options.squad2, home, embed)
        for part in parts:
            part.index.close()
    command = "python -m tests.lab.quality.extraction --xquad DIR --cmrc FILE --squad2 FILE"
    head = "| set | questions | sentences chosen by | best one | one of the two best |\n"
    body = "\n".join([f"{head}| --- | --- | --- | --- | --- |", *rows])
    write_section("Extraction", command, body)
    write_section("Refusal on public sets", command, refused)


if __name__ == "__main__":
    main()
