"""Measure the trained reader: on, off, beside words and beside the embedder's z-score.

    python -m tests.lab.quality.reader --keep DIR --xquad DIR --cmrc FILE [--most 200] [--sets DIR]

A unit is right when it is of the paragraph that answers and holds a gold answer, or where evidence
is quoted, when it holds any of that. Whether there is an answer at all is measured with the
question's paragraph in sight, and with that paragraph alone taken out, so that what else the
article says stays; in the sample company and the visible sets by their own unanswerable questions.
Writes "Reader" of RESULTS.md with ``--write``.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from eval.abstention_metrics import compute_auroc
from eval.case import Case
from eval.evidence import locate_evidence
from eval.evidence_spans import covers_evidence
from eval.stats import estimate_mean
from indexes.chunk import SearchFilter
from indexes.embedding.adapted_encoder import open_adapted_encoder
from indexes.embedding.model_files import ENGLISH_MODEL, PACKAGED_MODEL, find_model
from ragdesk.answering.answer import Question
from ragdesk.answering.decision import answer_likelihood
from ragdesk.answering.reading.packaged_reader import open_packaged_reader
from ragdesk.answering.reading.reader_weights import PACKAGED_READER
from ragdesk.answering.reading.reading_options import ExtractOptions
from ragdesk.answering.reading.sentence_comparer import SentenceComparer, name_sentence_weights
from ragdesk.answering.reading.sentence_extractor import SentenceExtractor
from ragdesk.answering.reading.unit_reader import UnitReader, score_units
from ragdesk.answering.reading.unit_scores import ScoredUnit
from ragdesk.settings import Settings
from tests.lab.collection_shelf import CollectionShelf
from tests.lab.quality.extraction import right
from tests.lab.quality.retrieval_sets import (
    RetrievalSet,
    add_set_arguments,
    iter_sets,
    match_documents,
)
from tests.lab.results import write_section

REFUSED = 0.1  # of the answerable questions, at which answered ones without an answer are counted
WAYS: Mapping[str, tuple[str, ...]] = {
    "words": ("words",),
    "words and the embedder (default)": ("default",),
    "words and z": ("words", "z"),
    "reader": ("reader",),
    "reader and words": ("reader", "words"),
    "reader, words and z": ("reader", "words", "z"),
}
ANSWER_WAYS: Mapping[str, tuple[str, ...]] = {
    "decide": ("likelihood",),
    "words": ("words",),
    "z": ("z",),
    "words and z": ("words", "z"),
    "reader": ("reader",),
    "reader, words and z": ("reader", "words", "z"),
    "reader, words, z and decide": ("reader", "words", "z", "likelihood"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFeatures:
    """A candidate of a question: what each way gives it, and whether it is right."""

    words: float
    default: float
    z: float
    reader: float
    right: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedOnce:
    """A question asked one way: its candidates, best by words first, and the desk's likelihood."""

    group: str
    cluster: str
    scope: str
    likelihood: float
    answerable: float
    units: tuple[UnitFeatures, ...]


class ReaderTrial:
    """Asks the questions of one set. paragraphs: its documents are paragraphs of articles."""

    def __init__(
        self, part: RetrievalSet, reader: UnitReader, english: SentenceComparer, units: int
    ) -> None:
        opened = part.collection
        self._part, self._reader, self._units = part, reader, units
        self._retrieve = opened.retrieve
        self._default = SentenceExtractor(
            embedder=self._retrieve.embedder,
            document_text=opened.index.read_text_by_id,
            context_chunks=self._retrieve.context_chunks,
            is_answerable=lambda _: True,
            comparers={"en": english},
        )
        self._words = replace(self._default, options=ExtractOptions(cosine=0.0), comparers={})
        self._uris = frozenset(listed.uri for listed in opened.documents)
        self.paragraphs = part.find_right is match_documents

    def iter_asked(self) -> Iterator[AskedOnce]:
        """Ask each question of all documents; of a set of paragraphs also without the right one.

        Within the article is asked too, where articles have several paragraphs.
        """
        articles: dict[str, set[str]] = {}
        for case in self._part.cases:
            articles.setdefault(case.cluster, set()).update(e.uri for e in case.evidence)
        for case in self._part.cases:
            if case.history:
                continue
            if not self.paragraphs:
                yield self._ask(case, "all" if case.answerable else "removed", SearchFilter())
                continue
            own = frozenset(e.uri for e in case.evidence)
            article = frozenset(articles[case.cluster])
            yield self._ask(case, "all", SearchFilter())
            yield self._ask(case, "removed", SearchFilter(uris=self._uris - own))
            if len(article) > 1:
                yield self._ask(case, "article", SearchFilter(uris=article))

    def _ask(self, case: Case, scope: str, where: SearchFilter) -> AskedOnce:
        retrieval = self._retrieve(Question(text=case.question, where=where))
        ranked = [s for s in self._words.rank_units(retrieval) if not s.unit.is_whole]
        by_model = {
            (s.passage.chunk.uri, s.unit.spans): s.worth
            for s in self._default.rank_units(retrieval)
            if not s.unit.is_whole
        }
        standard = _standardise(self._compare(case.question, ranked))
        head = ranked[: self._units]
        reading = score_units(self._reader, case.question, [s.unit for s in head], most=self._units)
        units = tuple(
            UnitFeatures(
                words=s.worth,
                default=by_model[(s.passage.chunk.uri, s.unit.spans)],
                z=float(z),
                reader=float(score),
                right=self._is_right(s, case),
            )
            for s, z, score in zip(head, standard, reading.scores, strict=False)
        )
        return AskedOnce(
            group=self._part.name,
            cluster=case.cluster or case.id,
            scope=scope,
            likelihood=answer_likelihood(retrieval.signals),
            answerable=reading.answerable,
            units=units,
        )

    def _is_right(self, scored: ScoredUnit, case: Case) -> bool:
        """Tell whether a unit holds an answer, or any of the evidence that is quoted."""
        if self.paragraphs:
            return right(scored, case)
        chunk = scored.passage.chunk
        place = UnitPlace(chunk.uri, *scored.unit.core_span, chunk.page)
        places, _ = locate_evidence(case, self._part.collection.index.read_text)
        return any(covers_evidence(place, scored.text, evidence) for evidence in places)

    def _compare(self, question: str, ranked: Sequence[ScoredUnit]) -> NDArray[np.float32]:
        query = self._retrieve.embedder.embed_query(question)
        if not ranked or query is None:
            return np.zeros(len(ranked), np.float32)
        vectors = self._retrieve.embedder.embed_passages([c.text for c in ranked])
        return np.asarray(vectors @ query, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class UnitPlace:
    """Where a unit stands in its document."""

    uri: str
    start: int
    end: int
    page: int | None


def _standardise(cosines: NDArray[np.float32]) -> NDArray[np.float32]:
    if len(cosines) < 2:
        return np.zeros_like(cosines)
    return (cosines - cosines.mean()) / max(float(cosines.std()), 1e-6)


def choose_unit(asked: AskedOnce, names: Sequence[str], weights: Mapping[str, float]) -> bool:
    """Tell whether the best unit by a weighed sum is right."""
    if not asked.units:
        return False
    worth = [sum(weights[n] * getattr(unit, n) for n in names) for unit in asked.units]
    return asked.units[int(np.argmax(worth))].right


def fit_choice(asked: Sequence[AskedOnce], names: Sequence[str]) -> dict[str, float]:
    """Fit the weights of a sum that puts right units first: pairs of a right and a wrong one."""
    if len(names) == 1:
        return {names[0]: 1.0}
    pairs = [
        [getattr(a, n) - getattr(b, n) for n in names]
        for question in asked
        for a in question.units
        for b in question.units
        if a.right and not b.right
    ]
    if not pairs:
        return dict.fromkeys(names, 1.0)
    x = np.array(pairs)
    both = np.concatenate([x, -x])
    labels = np.repeat([1, 0], len(x))
    fitted = LogisticRegression(fit_intercept=False, max_iter=500).fit(both, labels)
    return dict(zip(names, fitted.coef_[0].tolist(), strict=True))


def write_choice_rows(asked: Sequence[AskedOnce]) -> Iterator[str]:
    """Yield the rows of best units, each way; weights are fitted on the other families of sets."""
    for group in dict.fromkeys(a.group for a in asked):
        for scope in ("article", "all"):
            own = [a for a in asked if a.group == group and a.scope == scope]
            fit_on = [a for a in asked if a.scope == scope and is_other(a.group, group)] or own
            clusters = [a.cluster for a in own]
            for way, names in WAYS.items() if own else ():
                weights = fit_choice(fit_on, names)
                hits = [float(choose_unit(a, names, weights)) for a in own]
                yield f"| {group} | {scope} | {len(own)} | {way} | {estimate_mean(hits, clusters)} |"
            if own:
                most = np.mean([any(u.right for u in a.units) for a in own])
                yield f"| {group} | {scope} | {len(own)} | among those read | {most:.3f} |"


def write_answer_rows(asked: Sequence[AskedOnce]) -> Iterator[str]:
    """Yield the rows of answerability: AUROC, and answered without an answer at 10 % refused."""
    both = [a for a in asked if a.scope in {"all", "removed"}]
    for group in dict.fromkeys(a.group for a in both):
        own = [a for a in both if a.group == group]
        fit_on = [a for a in both if is_other(a.group, group)] or own
        for way, names in ANSWER_WAYS.items():
            scores = weigh_answers(fit_on, own, names)
            known = [s for s, a in zip(scores, own, strict=True) if a.scope == "all"]
            unknown = [s for s, a in zip(scores, own, strict=True) if a.scope == "removed"]
            if not known or not unknown:
                continue
            floor = float(np.quantile(known, REFUSED))
            answered = float(np.mean([score >= floor for score in unknown]))
            cells = f"{compute_auroc(known, unknown):.3f} | {answered:.3f}"
            yield f"| {group} | {len(known)} / {len(unknown)} | {way} | {cells} |"


def weigh_answers(
    fit_on: Sequence[AskedOnce], asked: Sequence[AskedOnce], names: Sequence[str]
) -> list[float]:
    """Score how likely questions are answered, by signals that are weighed on other ones."""
    signals = np.array([[answer_signal(a, n) for n in names] for a in asked])
    if len(names) == 1:
        return [float(value) for value in signals[:, 0]]
    known = np.array([[answer_signal(a, n) for n in names] for a in fit_on])
    cells = [(a.group, a.scope) for a in fit_on]
    weights = [1 / cells.count(cell) for cell in cells]
    scale = known.std(axis=0) + 1e-9
    labels = [a.scope == "all" for a in fit_on]
    fitted = LogisticRegression(max_iter=500).fit(known / scale, labels, sample_weight=weights)
    return [float(value) for value in fitted.decision_function(signals / scale)]


def is_other(group: str, than: str) -> bool:
    """Tell whether a set is of another family: XQuAD in two languages is one."""
    return group.split(maxsplit=1)[0] != than.split(maxsplit=1)[0]


def answer_signal(asked: AskedOnce, name: str) -> float:
    """Return a signal of there being an answer: of the best unit, the reader or the desk."""
    if name == "likelihood":
        chance = min(max(asked.likelihood, 1e-4), 1 - 1e-4)
        return float(np.log(chance / (1 - chance)))
    if name == "reader":
        scores = [unit.reader for unit in asked.units] or [-10.0]
        return float(np.logaddexp.reduce(scores))
    return max((getattr(unit, name) for unit in asked.units), default=0.0)


def main() -> None:
    """Measure, print, and write down where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_set_arguments(parser)
    parser.add_argument(
        "--keep", type=Path, required=True, help="folder of collections and vectors"
    )
    parser.add_argument("--only", action="append", default=[], help="a set by name; all if none")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--reader", type=Path, default=PACKAGED_READER)
    parser.add_argument("--units", type=int, default=8, help="units read for a question")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    asked: list[AskedOnce] = []
    with ExitStack() as stack:
        shelf = CollectionShelf(options.keep, Settings())
        cache = options.keep / "models"
        model = find_model(PACKAGED_MODEL, cache)
        reader = open_packaged_reader(model, cache, threads=2, weights=options.reader)
        if reader is None:
            parser.error("no reader to measure: its weights, or the embedder's, are not here")
        base = find_model(ENGLISH_MODEL, cache)
        weights = name_sentence_weights("en")
        english = SentenceComparer(partial(open_adapted_encoder, base, weights, cache, threads=2))
        for part in iter_sets(options, shelf, stack):
            if part.filters or (options.only and part.name not in options.only):
                continue
            asked += ReaderTrial(part, reader, english, options.units).iter_asked()
            shelf.embedder.save()
            print(f"{part.name}: {len(part.cases)} questions", flush=True)
            if options.json:
                text = json.dumps([asdict(a) for a in asked])
                options.json.write_text(text, encoding="utf-8")
    body = write_tables(asked)
    print(body)
    everywhere = [a for a in asked if a.scope == "all"]
    for names in WAYS.values():
        if len(names) > 1:
            print({name: round(w, 3) for name, w in fit_choice(everywhere, names).items()})
    if options.write:
        write_section("Reader", "python -m tests.lab.quality.reader --keep DIR --xquad DIR …", body)


def write_tables(asked: Sequence[AskedOnce]) -> str:
    """Write both tables."""
    choice = ["| set | candidates | n | best unit by | right |", "|---|---|---|---|---|"]
    answers = [
        "| set | with / without | there is an answer, by | AUROC | answered without one at .10 refused |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*choice, *write_choice_rows(asked), "", *answers, *write_answer_rows(asked)])


if __name__ == "__main__":
    main()
