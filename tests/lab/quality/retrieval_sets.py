"""The sets that retrieval is measured on: what is asked of which collection, and what is right.

A set is one collection, questions, and how a ranking of its passages is scored. Each is there only
where its folder was named; the sample company always is.
"""

import argparse
import asyncio
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from eval.case import Case, Evidence, read_case_lines
from eval.evidence import list_unlocated_evidence, locate_evidence
from eval.evidence_spans import covers_evidence
from eval.imports import financebench, mtrag, scifact, squad
from eval.ranking_metrics import compute_ndcg, compute_recall, remove_repeats
from indexes.chunk import Chunk, SearchFilter
from ragdesk.answering.answer import Question
from ragdesk.answering.retrieval.question_analysis import analyze_question
from ragdesk.answering.retrieval.retrieval_result import Retrieval
from ragdesk.open_collection import OpenCollection
from tests.lab.collection_shelf import CollectionShelf
from tests.lab.open_sets import written
from tests.lab.quality import conversations, handbook
from tests.lab.quality.retrieval import (
    DEPTH,
    Score,
    first_paragraph,
    five_pages,
    ten_documents,
)

SEED = 20261122
FOLDERS = ("xquad", "cmrc", "scifact", "financebench", "mtrag", "sets", "tidb")
LANGUAGES = ("en", "zh")
SHOWN = 8  # passages that an answer is made of
RightPassage = Callable[[Case], Callable[[Chunk], bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalSet:
    """A set. find_right: of a case, the test of a passage that answers it.

    top_k: passages asked for; None takes the setting. family: sets that are also shown pooled.
    decides: whether refusals are counted; only at the depth of an answer, as signals are maxima
    over the passages. filters: by case id, what may be searched.
    """

    name: str
    collection: OpenCollection
    cases: tuple[Case, ...]
    find_right: RightPassage
    measures: Mapping[str, Score] = field(default_factory=dict)
    top_k: int | None = None
    family: str = ""
    decides: bool = False
    filters: Mapping[str, SearchFilter] = field(default_factory=dict)

    def retrieve(self, case: Case) -> Retrieval:
        """Find the passages of a case; a follow-up is made to stand alone as the desk does."""
        question = Question(
            text=case.question,
            history=conversations.turns(case),
            where=self.filters.get(case.id, SearchFilter()),
        )
        analysis = analyze_question(question.text)
        if question.history:
            desk = self.collection.desk
            analysis = asyncio.run(desk.resolve_follow_up(question, analysis))
        return self.collection.retrieve(question, analysis, top_k=self.top_k)


def add_set_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the folders of the sets, and how much of each is asked."""
    for name in FOLDERS:
        parser.add_argument(f"--{name}", type=Path, metavar="DIR")
    parser.add_argument("--cases", type=Path, help="cases of the sample company; its own if none")
    parser.add_argument("--most", type=int, help="questions of each set at most, drawn by chance")


def iter_sets(
    options: argparse.Namespace, shelf: CollectionShelf, stack: ExitStack
) -> Iterator[RetrievalSet]:
    """Take in and yield the sets that were named; ``stack`` closes their collections."""
    for part in _iter_named_sets(options, shelf, stack):
        cases = part.cases
        if options.most and len(cases) > options.most:
            cases = tuple(random.Random(SEED).sample(cases, options.most))  # noqa: S311
        yield replace(part, cases=cases)


def _iter_named_sets(
    options: argparse.Namespace, shelf: CollectionShelf, stack: ExitStack
) -> Iterator[RetrievalSet]:
    company = stack.enter_context(shelf.open_collection("company", handbook.HANDBOOK / "documents"))
    yield from _company_sets(company, options.cases or handbook.HANDBOOK / "cases.jsonl")
    if options.xquad:
        yield from _xquad_sets(options.xquad, shelf, stack)
    if options.cmrc:
        yield _cmrc_set(options.cmrc, shelf, stack)
    if options.sets:
        yield from _visible_sets(options, shelf, stack, company)
    if options.mtrag:
        yield _mtrag_set(options.mtrag, shelf, stack)
    if options.scifact:
        folder = shelf.folder / "texts" / "scifact"
        source = written(scifact.read_scifact_texts(options.scifact), folder)
        yield RetrievalSet(
            name="SciFact",
            collection=stack.enter_context(shelf.open_collection("scifact", source)),
            cases=tuple(scifact.read_scifact_cases(options.scifact)),
            find_right=match_documents,
            measures={"nDCG@10": ten_documents},
            top_k=DEPTH,
        )
    if options.financebench:
        source = options.financebench / "pdfs"
        yield RetrievalSet(
            name="FinanceBench",
            collection=stack.enter_context(shelf.open_collection("financebench", source)),
            cases=tuple(financebench.read_financebench_cases(options.financebench)),
            find_right=match_pages,
            measures={"page recall@5": five_pages},
            top_k=DEPTH,
        )


def match_documents(case: Case) -> Callable[[Chunk], bool]:
    """Return the test of a passage by its document."""
    uris = {evidence.uri for evidence in case.evidence}
    return lambda chunk: chunk.uri in uris


def match_pages(case: Case) -> Callable[[Chunk], bool]:
    """Return the test of a passage by its page."""
    pages = {(evidence.uri, evidence.page) for evidence in case.evidence}
    return lambda chunk: (chunk.uri, chunk.page) in pages


def match_names(case: Case) -> Callable[[Chunk], bool]:
    """Return the test of a passage by its document's name without its ending."""
    names = {Path(evidence.uri).stem for evidence in case.evidence}
    return lambda chunk: Path(chunk.uri).stem in names


def match_quotes(collection: OpenCollection) -> RightPassage:
    """Return what tells the passages that hold any quoted evidence of a case."""

    def find_right(case: Case) -> Callable[[Chunk], bool]:
        places, problems = locate_evidence(case, collection.index.read_text)
        for problem in problems:
            print(f"{problem.case}: {problem.what}", flush=True)
        places = places or list_unlocated_evidence(case)
        return lambda chunk: any(covers_evidence(chunk, chunk.text, place) for place in places)

    return find_right


def _score_first(find_right: RightPassage, depth: int) -> Score:
    """Return a score: 1 where a right passage is among the first ``depth``."""

    def score(chunks: Sequence[Chunk], case: Case) -> float:
        return float(any(map(find_right(case), chunks[:depth])))

    return score


def _quote_set(
    name: str, collection: OpenCollection, cases: Sequence[Case], depths: Mapping[str, int]
) -> RetrievalSet:
    """Make a set whose evidence is quoted, at the depth of an answer."""
    find_right = match_quotes(collection)
    return RetrievalSet(
        name=name,
        collection=collection,
        cases=tuple(case for case in cases if case.stratum != "underspecified"),
        find_right=find_right,
        measures={measure: _score_first(find_right, depth) for measure, depth in depths.items()},
        decides=True,
    )


def _company_sets(company: OpenCollection, file: Path) -> Iterator[RetrievalSet]:
    cases = list(read_case_lines(file))
    for lang in LANGUAGES:
        part = [case for case in cases if case.lang == lang]
        depths = {"hit@1": 1, "recall@8": SHOWN}
        yield _quote_set(f"sample company {lang}", company, part, depths)


def _visible_sets(
    options: argparse.Namespace,
    shelf: CollectionShelf,
    stack: ExitStack,
    company: OpenCollection,
) -> Iterator[RetrievalSet]:
    """Yield each ``NAME.*.jsonl`` whose documents lie in ``kb_NAME``, or are named."""
    for file in sorted(options.sets.glob("*.jsonl")):
        name = file.name.partition(".")[0]
        source = options.sets / f"kb_{name}"
        if name == "tidb":
            source = options.tidb or source
        if name == "handbook":
            collection = company
        elif source.is_dir():
            collection = stack.enter_context(shelf.open_collection(name, source))
        else:
            print(f"{file.name}: no documents at {source}, left out", flush=True)
            continue
        part = _quote_set(name, collection, [*read_case_lines(file)], {"any evidence@8": SHOWN})
        yield replace(part, family="visible sets")


def _cmrc_set(path: Path, shelf: CollectionShelf, stack: ExitStack) -> RetrievalSet:
    file = path if path.is_file() else next(iter(sorted(path.glob("*trial*.json"))))
    source = written(squad.read_squad_texts(file), shelf.folder / "texts" / "cmrc")
    collection = stack.enter_context(shelf.open_collection("cmrc", source))
    return _paragraph_set("CMRC", collection, tuple(squad.read_squad_cases(file)))


def _paragraph_set(name: str, collection: OpenCollection, cases: Sequence[Case]) -> RetrievalSet:
    return RetrievalSet(
        name=name,
        collection=collection,
        cases=tuple(cases),
        find_right=match_documents,
        measures={"paragraph R@1": first_paragraph},
        top_k=DEPTH,
    )


def _mtrag_set(path: Path, shelf: CollectionShelf, stack: ExitStack) -> RetrievalSet:
    """Make the set of follow-ups that have an answer."""
    path = path if path.is_file() else next(path.rglob("reference.jsonl"))
    folder = shelf.folder / "texts" / "mtrag"
    if not folder.is_dir():
        folder.mkdir(parents=True)
        conversations.passages(path, folder)

    def five_names(chunks: Sequence[Chunk], case: Case) -> float:
        order = remove_repeats([Path(chunk.uri).stem for chunk in chunks])
        return compute_recall(order, {Path(e.uri).stem for e in case.evidence}, k=5)

    def ten_names(chunks: Sequence[Chunk], case: Case) -> float:
        order = remove_repeats([Path(chunk.uri).stem for chunk in chunks])
        return compute_ndcg(order, {Path(e.uri).stem: 1 for e in case.evidence}, k=10)

    cases = mtrag.read_mtrag_cases(path)
    return RetrievalSet(
        name="MTRAG follow-ups",
        collection=stack.enter_context(shelf.open_collection("mtrag", folder)),
        cases=tuple(case for case in cases if case.answerable and case.history),
        find_right=match_names,
        measures={"recall@5": five_names, "nDCG@10": ten_names},
    )


def _xquad_sets(folder: Path, shelf: CollectionShelf, stack: ExitStack) -> Iterator[RetrievalSet]:
    """Yield XQuAD in each language, across, both in one collection, and without the article."""
    files = {lang: folder / f"xquad.{lang}.json" for lang in LANGUAGES}
    cases = {lang: tuple(squad.read_squad_cases(file)) for lang, file in files.items()}
    both = shelf.folder / "texts" / "xquad-both"
    texts = {lang: written(squad.read_squad_texts(files[lang]), both / lang) for lang in LANGUAGES}
    alone = {
        lang: stack.enter_context(shelf.open_collection(f"xquad-{lang}", texts[lang]))
        for lang in LANGUAGES
    }
    for lang in LANGUAGES:
        yield _paragraph_set(f"XQuAD {lang}", alone[lang], cases[lang])
    for lang, other in (("zh", "en"), ("en", "zh")):
        yield _paragraph_set(f"XQuAD {lang} question, {other} documents", alone[other], cases[lang])
    together = stack.enter_context(shelf.open_collection("xquad-both", both))
    for lang in LANGUAGES:
        yield _bilingual_set(lang, together, cases[lang])
    for lang in LANGUAGES:
        yield _left_out_set(lang, alone[lang], cases[lang])


def _bilingual_set(lang: str, together: OpenCollection, cases: Sequence[Case]) -> RetrievalSet:
    """Make the set of one language's questions over the paragraphs of both."""

    def either_language(chunks: Sequence[Chunk], case: Case) -> float:
        names = {Path(evidence.uri).name for evidence in case.evidence}
        return float(any(Path(chunk.uri).name in names for chunk in chunks[:1]))

    placed = tuple(
        replace(case, evidence=tuple(Evidence(uri=f"{lang}/{e.uri}") for e in case.evidence))
        for case in cases
    )
    part = _paragraph_set(f"XQuAD {lang} question, documents of both", together, placed)
    measures = {"own language, R@1": first_paragraph, "either language, R@1": either_language}
    return replace(part, measures=measures)


def _left_out_set(
    lang: str, collection: OpenCollection, cases: Sequence[Case], count: int = 200
) -> RetrievalSet:
    """Make the set that asks each question with its article, and without it."""
    articles: dict[str, set[str]] = {}
    for case in cases:
        articles.setdefault(case.cluster, set()).update(e.uri for e in case.evidence)
    uris = {document.uri for document in collection.documents}
    asked: list[Case] = []
    filters: dict[str, SearchFilter] = {}
    for case in random.Random(SEED).sample(list(cases), min(count, len(cases))):  # noqa: S311
        removed = replace(
            case, id=f"{case.id} without", answerable=False, stratum="near_domain", evidence=()
        )
        asked += [case, removed]
        filters[removed.id] = SearchFilter(uris=frozenset(uris - articles[case.cluster]))
    return RetrievalSet(
        name=f"XQuAD {lang}, article removed",
        collection=collection,
        cases=tuple(asked),
        find_right=match_documents,
        decides=True,
        filters=filters,
    )
