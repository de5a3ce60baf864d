"""Measure the trained reader: on, off, beside words and beside the embedder's z-score.

    python -m tests.lab.quality.reader --xquad DIR --cmrc FILE [--most 200] [--reader FILE]

A unit is right when it is of the paragraph that answers and holds a gold answer. Whether there is
an answer at all is measured with the question's paragraph in sight, and with that paragraph alone
taken out: what else the article says stays. Writes "Reader" of RESULTS.md with ``--write``.
"""

import argparse
import json
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from eval.abstention_metrics import compute_auroc
from eval.case import Case
from eval.imports import squad
from eval.stats import estimate_mean
from indexes.chunk import Chunk, SearchFilter
from indexes.embedding.background import measure_background
from indexes.embedding.model_files import PACKAGED_MODEL, find_model
from indexes.index import Index
from ragdesk.answering.answer import Question
from ragdesk.answering.decision import answer_likelihood
from ragdesk.answering.reading.packaged_reader import open_packaged_reader
from ragdesk.answering.reading.reader_weights import PACKAGED_READER
from ragdesk.answering.reading.sentence_extractor import (
    ExtractOptions,
    SentenceCandidate,
    SentenceExtractor,
)
from ragdesk.answering.reading.unit_reader import ReaderInput, UnitReader, list_inputs
from ragdesk.answering.retrieval.retriever import Retriever
from tests.lab.open_sets import Remembering, embedder, opened, written
from tests.lab.quality.extraction import right
from tests.lab.results import write_section

SEED = 20261130
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
    """Asks the questions of one set."""

    def __init__(
        self, name: str, index: Index, embed: Remembering, reader: UnitReader, units: int
    ) -> None:
        self._name, self._embed, self._reader, self._units = name, embed, reader, units
        self._retrieve = Retriever(
            index=index, embedder=embed, background=measure_background(embed)
        )
        self._rank = SentenceExtractor(
            embedder=embed,
            document_text=index.read_text_by_id,
            context_chunks=self._retrieve.context_chunks,
            options=ExtractOptions(cosine=0.0),
        )
        self._uris = frozenset(listed.uri for listed in index.iter_documents())

    def iter_asked(
        self, cases: Sequence[Case], articles: Mapping[str, set[str]]
    ) -> Iterator[AskedOnce]:
        """Ask each question of all paragraphs, of its article, and of all but its paragraph."""
        for case in cases:
            own = frozenset(e.uri for e in case.evidence)
            yield self._ask(case, "all", SearchFilter())
            if len(articles[case.cluster]) > 1:
                yield self._ask(
                    case, "article", SearchFilter(uris=frozenset(articles[case.cluster]))
                )
            yield self._ask(case, "removed", SearchFilter(uris=self._uris - own))

    def _ask(self, case: Case, scope: str, where: SearchFilter) -> AskedOnce:
        retrieval = self._retrieve(Question(text=case.question, where=where))
        ranked = self._rank.rank_sentences(retrieval)
        cosines = self._compare(case.question, ranked)
        by_model = {c.text: c.worth for c in self._rank._compare_by_model(ranked, retrieval)}
        standard = _standardise(cosines)
        head = ranked[: self._units]
        reading = self._reader(case.question, [_find_input(c) for c in head])
        units = tuple(
            UnitFeatures(
                words=c.worth,
                default=by_model[c.text],
                z=float(z),
                reader=float(score),
                right=right(c, case),
            )
            for c, z, score in zip(head, standard, reading.scores, strict=False)
        )
        return AskedOnce(
            group=self._name,
            cluster=case.cluster,
            scope=scope,
            likelihood=answer_likelihood(retrieval.signals),
            answerable=reading.answerable,
            units=units,
        )

    def _compare(self, question: str, ranked: Sequence[SentenceCandidate]) -> NDArray[np.float32]:
        if not ranked:
            return np.zeros(0, np.float32)
        vectors = self._embed.embed_passages([c.text for c in ranked])
        return np.asarray(vectors @ self._embed.embed_query(question), dtype=np.float32)


def _standardise(cosines: NDArray[np.float32]) -> NDArray[np.float32]:
    if len(cosines) < 2:
        return np.zeros_like(cosines)
    return (cosines - cosines.mean()) / max(float(cosines.std()), 1e-6)


@cache
def _inputs_by_text(chunk: Chunk) -> Mapping[str, ReaderInput]:
    return {unit.text: unit for unit in list_inputs(chunk)}


def _find_input(candidate: SentenceCandidate) -> ReaderInput:
    own = _inputs_by_text(candidate.passage.chunk)
    return own.get(candidate.text, ReaderInput(candidate.text))


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
    x = np.array(pairs)
    both = np.concatenate([x, -x])
    labels = np.repeat([1, 0], len(x))
    fitted = LogisticRegression(fit_intercept=False, max_iter=500).fit(both, labels)
    return dict(zip(names, fitted.coef_[0].tolist(), strict=True))


def write_choice_rows(asked: Sequence[AskedOnce]) -> Iterator[str]:
    """Yield the rows of best units, each way; weights are fitted on the other half of clusters."""
    for group in dict.fromkeys(a.group for a in asked):
        for scope in ("article", "all"):
            own = [a for a in asked if a.group == group and a.scope == scope]
            for way, names in WAYS.items() if own else ():
                hits: list[float] = []
                clusters: list[str] = []
                for side in (0, 1):
                    fit_on = [a for a in own if hash_side(a.cluster) != side]
                    weights = fit_choice(fit_on, names)
                    for a in own:
                        if hash_side(a.cluster) == side:
                            hits.append(float(choose_unit(a, names, weights)))
                            clusters.append(a.cluster)
                yield f"| {group} | {scope} | {len(own)} | {way} | {estimate_mean(hits, clusters)} |"
            if own:
                most = np.mean([any(u.right for u in a.units) for a in own])
                yield f"| {group} | {scope} | {len(own)} | among those read | {most:.3f} |"


def write_answer_rows(asked: Sequence[AskedOnce]) -> Iterator[str]:
    """Yield the rows of answerability: AUROC, and answered without an answer at 10 % refused."""
    for group in dict.fromkeys(a.group for a in asked):
        own = [a for a in asked if a.group == group and a.scope in {"all", "removed"}]
        labels = np.array([a.scope == "all" for a in own])
        sides = np.array([hash_side(a.cluster) for a in own])
        for way, names in ANSWER_WAYS.items():
            x = np.array([[answer_signal(a, n) for n in names] for a in own])
            scores = np.zeros(len(own))
            for side in (0, 1):
                if len(names) == 1:
                    scores[sides == side] = x[sides == side, 0]
                    continue
                fitted = LogisticRegression(max_iter=500).fit(
                    x[sides != side], labels[sides != side]
                )
                scores[sides == side] = fitted.decision_function(x[sides == side])
            known, unknown = scores[labels], scores[~labels]
            floor = float(np.quantile(known, REFUSED))
            answered = float((unknown >= floor).mean())
            auroc = compute_auroc(known.tolist(), unknown.tolist())
            yield f"| {group} | {len(known)} | {way} | {auroc:.3f} | {answered:.3f} |"


def answer_signal(asked: AskedOnce, name: str) -> float:
    """Return a signal of there being an answer: of the best unit, the reader or the desk."""
    if name == "likelihood":
        chance = min(max(asked.likelihood, 1e-4), 1 - 1e-4)
        return float(np.log(chance / (1 - chance)))
    if name == "reader":
        scores = [unit.reader for unit in asked.units] or [-10.0]
        return float(np.logaddexp.reduce(scores))
    return max((getattr(unit, name) for unit in asked.units), default=0.0)


def hash_side(cluster: str) -> int:
    """Return the half in which the questions of an article are weighed."""
    return random.Random(f"{SEED} {cluster}").randrange(2)  # noqa: S311 - no secret


def read_cases(file: Path, most: int | None) -> tuple[list[Case], dict[str, set[str]]]:
    """Read the answerable questions of a set, so many by chance, and the paragraphs of articles."""
    cases = [case for case in squad.read_squad_cases(file) if case.answerable]
    articles: dict[str, set[str]] = {}
    for case in cases:
        articles.setdefault(case.cluster, set()).update(e.uri for e in case.evidence)
    chosen = random.Random(SEED).sample(cases, min(most or len(cases), len(cases)))  # noqa: S311
    return chosen, articles


def main() -> None:
    """Measure, print, and write down where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("xquad", "cmrc", "home", "json"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--reader", type=Path, default=PACKAGED_READER)
    parser.add_argument("--most", type=int, help="questions of each set")
    parser.add_argument("--units", type=int, default=8, help="units read for a question")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    files = {
        f"xquad-{lang}": options.xquad / f"xquad.{lang}.json"
        for lang in ("en", "zh")
        if options.xquad
    }
    files |= {"cmrc": options.cmrc} if options.cmrc else {}
    asked: list[AskedOnce] = []
    with tempfile.TemporaryDirectory() as scratch:
        home = options.home or Path(scratch)
        embed = embedder(home)
        model = find_model(PACKAGED_MODEL, home / "models")
        reader = open_packaged_reader(model, home / "models", threads=2, weights=options.reader)
        if reader is None:
            parser.error(
                "there is no reader to measure: its weights, or the embedder's, are not here"
            )
        for name, file in files.items():
            cases, articles = read_cases(file, options.most)
            texts = written(squad.read_squad_texts(file), home / "texts" / name)
            with opened(name, texts, home, embed) as index:
                trial = ReaderTrial(name, index, embed, reader, options.units)
                asked += trial.iter_asked(cases, articles)
    if options.json:
        options.json.write_text(json.dumps([asdict(a) for a in asked]), encoding="utf-8")
    body = write_tables(asked)
    print(body)
    if options.write:
        write_section("Reader", "python -m tests.lab.quality.reader --xquad DIR --cmrc FILE", body)


def write_tables(asked: Sequence[AskedOnce]) -> str:
    """Write both tables."""
    choice = ["| set | candidates | n | best unit by | right |", "|---|---|---|---|---|"]
    answers = [
        "| set | n | there is an answer, by | AUROC | answered without one at .10 refused |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*choice, *write_choice_rows(asked), "", *answers, *write_answer_rows(asked)])


if __name__ == "__main__":
    main()
