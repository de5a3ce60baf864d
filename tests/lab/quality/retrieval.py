"""Measure how well passages are found: single methods, the hybrid and its parts, in one run.

    python -m tests.lab.quality.retrieval --xquad DIR --cmrc FILE --scifact DIR --financebench DIR

Sets are taken in by a real job and asked through the real way; --home keeps what was taken in
for the next run. Leave out what you do not have. Writes the section "Retrieval" of RESULTS.md.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

from eval import stats
from eval.case import Case
from eval.imports import financebench, scifact, squad
from eval.ranking_metrics import compute_hit, compute_ndcg, compute_recall, remove_repeats
from indexes.chunk import Chunk
from indexes.embedding.background import measure_background
from indexes.index import Index
from indexes.text.tokens import drop_stopwords, tokenize_text
from ragdesk.answering.answer import Question
from ragdesk.answering.retrieval.retrieval_options import RetrieveOptions
from ragdesk.answering.retrieval.retriever import Retriever
from tests.lab.open_sets import Remembering, embedder, opened, written
from tests.lab.results import write_section

DEPTH = 40  # passages ranked; enough for ten documents or five pages
HYBRID = "hybrid"

Rank = Callable[[str], list[Chunk]]
Score = Callable[[Sequence[Chunk], Case], float]


@dataclass(frozen=True, slots=True)
class Set:
    """A set, how its rankings are scored, and the name of that measure."""

    name: str
    index: Index
    cases: tuple[Case, ...]
    measure: str
    score: Score


def first_paragraph(chunks: Sequence[Chunk], case: Case) -> float:
    """Tell whether the first passage is of the paragraph that answers."""
    return compute_hit([c.uri for c in chunks], {e.uri for e in case.evidence}, k=1)


def ten_documents(chunks: Sequence[Chunk], case: Case) -> float:
    """Give nDCG@10 over documents."""
    grades = {e.uri: e.grade for e in case.evidence}
    return compute_ndcg(remove_repeats([c.uri for c in chunks]), grades, k=10)


def five_pages(chunks: Sequence[Chunk], case: Case) -> float:
    """Give the share of the answer's pages among the first five pages."""
    pages = {(e.uri, e.page) for e in case.evidence}
    return compute_recall(remove_repeats([(c.uri, c.page) for c in chunks]), pages, k=5)


def systems(index: Index, embed: Remembering) -> dict[str, Rank]:
    """Give the single methods, the whole, and the whole less one part."""

    def words(question: str) -> list[Chunk]:
        spoken = tokenize_text(question)
        return index.read_chunks(
            index.search_lexical(drop_stopwords(spoken) or spoken, k=DEPTH).rows
        )

    def vectors(question: str) -> list[Chunk]:
        return index.read_chunks(index.search_dense(embed.embed_query(question), k=DEPTH).rows)

    def way(options: RetrieveOptions) -> Rank:
        retrieve = Retriever(
            index=index, embedder=embed, background=measure_background(embed), options=options
        )
        return lambda q: [p.chunk for p in retrieve(Question(text=q), top_k=DEPTH).passages]

    whole = RetrieveOptions()
    return {
        "BM25": words,
        "dense": vectors,
        "hybrid, words and vectors alone": way(replace(whole, focus=0.0)),
        "hybrid, without headings in focus": way(replace(whole, title=0.0)),
        HYBRID: way(whole),
    }


def measured(part: Set, embed: Remembering) -> Iterator[tuple[str, list[float]]]:
    """Score every system on every case of a set."""
    for name, rank in systems(part.index, embed).items():
        yield name, [part.score(rank(case.question), case) for case in part.cases]


def rows(part: Set, embed: Remembering) -> Iterator[str]:
    """Write a set's rows of the table."""
    clusters = [case.cluster for case in part.cases]
    scores = dict(measured(part, embed))
    better = max(("BM25", "dense"), key=lambda name: sum(scores[name]))
    for name, values in scores.items():
        gain = stats.estimate_difference(values, scores[better], clusters) if name == HYBRID else ""
        estimate = stats.estimate_mean(values, clusters)
        yield f"| {part.name} | {part.measure} | {len(values)} | {name} | {estimate} | {gain} |"
        print(f"{part.name:24} {name:36} {estimate} {gain}", flush=True)


def sets(options: argparse.Namespace, home: Path, embed: Remembering) -> Iterator[Set]:
    """Take in the sets that were named, one after the other."""

    def squad_like(name: str, file: Path) -> Set:
        index = opened(
            name, written(squad.read_squad_texts(file), home / "texts" / name), home, embed
        )
        return Set(
            name, index, tuple(squad.read_squad_cases(file)), "paragraph, R@1", first_paragraph
        )

    if options.xquad:
        yield squad_like("xquad-en", options.xquad / "xquad.en.json")
        yield squad_like("xquad-zh", options.xquad / "xquad.zh.json")
    if options.cmrc:
        yield squad_like("cmrc", options.cmrc)
    if options.scifact:
        folder = written(scifact.read_scifact_texts(options.scifact), home / "texts" / "scifact")
        index = opened("scifact", folder, home, embed)
        cases = tuple(scifact.read_scifact_cases(options.scifact))
        yield Set("scifact", index, cases, "nDCG@10", ten_documents)
    if options.financebench:
        index = opened("financebench", options.financebench / "pdfs", home, embed)
        cases = tuple(financebench.read_financebench_cases(options.financebench))
        yield Set("financebench", index, cases, "page recall@5", five_pages)


def table(options: argparse.Namespace, home: Path) -> str:
    """Measure the sets that were named, and write the table."""
    lines = [
        "| set | measure | questions | method | value [95 %] | over the better single method |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    embed = embedder(home)
    with ExitStack() as stack:
        for part in sets(options, home, embed):
            stack.enter_context(closing(part.index))
            lines += rows(part, embed)
    return "\n".join(lines)


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("xquad", "cmrc", "scifact", "financebench", "home"):
        parser.add_argument(f"--{name}", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        body = table(options, options.home or Path(scratch))
    command = "python -m tests.lab.quality.retrieval --xquad DIR --cmrc FILE --scifact DIR --financebench DIR"
    intervals = "Intervals: bootstrap over articles, claims or reports, 2,000 rounds, seeded.\n\n"
    write_section("Retrieval", command, intervals + body)


if __name__ == "__main__":
    main()
