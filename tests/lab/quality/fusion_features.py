"""What the retriever knows of each candidate of a question, gathered once for a fit of weights.

The retriever is asked for many passages; what it scored comes out with them, and the shares of
words are counted by its own functions. ``fuse_parts`` says what other weights would have given,
and ``measure_drift`` how far that is, at the weights of today, from what the retriever gave.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ragdesk.answering.retrieval.passage_words import best_sentence_share, document_name_words
from ragdesk.answering.retrieval.retrieval_options import RetrieveOptions
from ragdesk.answering.retrieval.retrieval_result import Retrieval
from tests.lab.quality.retrieval_sets import RetrievalSet

PARTS = ("lexical", "dense", "name", "context", "language")
TITLES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Weights of headings at which the best sentence is counted; it is all but linear in between."""
WEIGHTS = (
    *("lexical", "dense", "worded", "rise", "name", "focus", "title", "context"),
    *("across", "language"),
)
"""Options that are fitted; one that RetrieveOptions lacks weighs nothing now, and is tried.

across: a passage in another language than the question holds none of its words; this part of its
cosine counts in their place. language: weight of a passage in the question's own language.
"""
DEPTH = 60  # candidates of a question that are kept: the best by the weights of today
FIRST = 100.0  # a lane ahead of all scores
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateTable:
    """The candidates of a set's questions in the retriever's order, padded to the longest list.

    parts: (questions, candidates, PARTS). focus: (questions, candidates, TITLES). scores:
    (questions, candidates), as the retriever gave them. right, real: whether a candidate answers,
    and whether it is one. named, faq: whether it came by a lane. compared: (questions,), whether
    the question has a vector. clusters: (questions,), for intervals.
    """

    name: str
    parts: Floats
    focus: Floats
    scores: Floats
    right: Flags
    real: Flags
    named: Flags
    faq: Flags
    compared: Flags
    clusters: NDArray[np.str_]


def gather_candidates(part: RetrievalSet, options: RetrieveOptions) -> CandidateTable:
    """Gather the candidates of all answerable questions of a set."""
    wide = _ask_with(part, replace(options, same=2.0))  # nothing is left out as a duplicate
    alone = {"lexical": 0.0, "dense": 0.0, "name": 0.0, "focus": 0.0, "context": 1.0}
    sections = _ask_with(part, replace(options, same=2.0, **alone))  # type: ignore[arg-type]
    cases = [case for case in part.cases if case.answerable]
    table = _make_empty_table(part.name, len(cases), [c.cluster or c.id for c in cases])
    for at, case in enumerate(cases):
        retrieval = wide.retrieve(case)
        compared = part.collection.retrieve.embedder.card.can_embed(retrieval.analysis.text)
        shares: dict[str, float] = {}
        if not compared:  # only there do passages count with what stands about them
            about = sections.retrieve(case).passages
            shares = {passage.chunk.id: passage.score for passage in about}
        is_right = part.find_right(case)
        table.compared[at] = compared
        _fill_question(table, at, retrieval, shares)
        for place, passage in enumerate(retrieval.passages[:DEPTH]):
            table.right[at, place] = is_right(passage.chunk)
    return table


def _ask_with(part: RetrievalSet, options: RetrieveOptions) -> RetrievalSet:
    retriever = replace(part.collection.retrieve, options=options)
    collection = replace(part.collection, retrieve=retriever)
    return replace(part, collection=collection, top_k=DEPTH)


def _make_empty_table(name: str, n: int, clusters: Sequence[str]) -> CandidateTable:
    flags = {
        field: np.zeros((n, DEPTH), dtype=np.bool_) for field in ("right", "real", "named", "faq")
    }
    return CandidateTable(
        name=name,
        parts=np.zeros((n, DEPTH, len(PARTS))),
        focus=np.zeros((n, DEPTH, len(TITLES))),
        scores=np.zeros((n, DEPTH)),
        compared=np.zeros(n, dtype=np.bool_),
        clusters=np.array(clusters, dtype=np.str_),
        **flags,
    )


def _fill_question(
    table: CandidateTable, at: int, retrieval: Retrieval, section_shares: Mapping[str, float]
) -> None:
    """Write what is known of the candidates of one question into a table."""
    weights = retrieval.term_weights
    for place, passage in enumerate(retrieval.passages[:DEPTH]):
        chunk = passage.chunk
        table.parts[at, place] = (
            passage.lexical or 0.0,
            passage.dense or 0.0,
            weights.coverage(document_name_words(chunk)),
            section_shares.get(chunk.id, 0.0),
            chunk.language == retrieval.analysis.language,
        )
        shares = [best_sentence_share(weights, chunk, title) for title in TITLES]
        table.focus[at, place] = shares
        table.scores[at, place] = passage.score
        table.real[at, place] = True
        table.named[at, place] = "identifier" in passage.found_by
        table.faq[at, place] = "question" in passage.found_by


def read_weights(options: RetrieveOptions) -> dict[str, float]:
    """Return the weights of some options; one that they lack weighs nothing."""
    return {name: float(getattr(options, name, 0.0)) for name in WEIGHTS}


def fuse_parts(table: CandidateTable, weights: Mapping[str, float]) -> Floats:
    """Return the scores (questions, candidates) that some weights give; lanes apart, not divided.

    The same sum as the retriever's, over all questions at once.
    """
    lexical, dense, name, context, language = np.moveaxis(table.parts.clip(0.0, 1.0), -1, 0)
    missing = np.maximum(0.0, weights["worded"] - lexical.max(axis=1, keepdims=True))
    trust = weights["dense"] * (1 + weights["rise"] * missing) * table.compared[:, None]
    alone = ~table.compared[:, None]
    foreign = (1 - language) * table.compared[:, None]
    expected = weights["across"] * dense
    words_in_place = (
        weights["lexical"] * np.maximum(expected - lexical, 0.0) + weights["focus"] * expected
    )
    scores = (
        weights["lexical"] * lexical
        + trust * dense
        + weights["name"] * name
        + weights["focus"] * _interpolate_focus(table, weights["title"])
        + weights["context"] * context * alone
        + weights["language"] * language
        + foreign * words_in_place
    )
    return np.where(table.real, scores, -np.inf)


def _interpolate_focus(table: CandidateTable, title: float) -> Floats:
    """Return the best sentence's share at a weight of the headings."""
    at = min(max(title, 0.0), 1.0) * (len(TITLES) - 1)
    low = min(int(at), len(TITLES) - 2)
    share = at - low
    blended: Floats = (1 - share) * table.focus[..., low] + share * table.focus[..., low + 1]
    return blended


def lift_lanes(table: CandidateTable, scores: Floats, near: float) -> Floats:
    """Put FAQ entries first, in the retriever's order, then named passages that are near."""
    best = scores.max(axis=1, keepdims=True)
    order = np.arange(scores.shape[1])
    lifted = scores + FIRST * (table.named & (scores >= near * best))
    return np.where(table.faq, 3 * FIRST - order, lifted)


def measure_drift(table: CandidateTable, weights: Mapping[str, float]) -> float:
    """Return the mean gap of ``fuse_parts`` to the retriever's scores, where no lane lifts them.

    The retriever divides by the sum of its weights, so both are taken over their first score.
    """
    plain = ~(table.named | table.faq).any(axis=1) & table.real[:, 0] & (table.scores[:, 0] > 0)
    if not plain.any():
        return 0.0
    ours = fuse_parts(table, weights)[plain]
    theirs, real = table.scores[plain], table.real[plain]
    gaps = np.abs(ours / ours[:, :1] - theirs / theirs[:, :1])
    return float(gaps[real].mean())


def write_tables(file: Path, tables: Iterable[CandidateTable]) -> None:
    """Write tables to a file."""
    arrays = {}
    for table in tables:
        columns = {field.name: getattr(table, field.name) for field in fields(table)}
        name = columns.pop("name")
        arrays |= {f"{name}|{key}": column for key, column in columns.items()}
    np.savez_compressed(file, **arrays)


def read_tables(file: Path) -> list[CandidateTable]:
    """Read tables that were written."""
    columns: dict[str, dict[str, NDArray[np.generic]]] = {}
    with np.load(file) as saved:
        for path in saved.files:
            name, _, key = path.partition("|")
            columns.setdefault(name, {})[key] = saved[path]
    return [CandidateTable(name=name, **arrays) for name, arrays in columns.items()]  # type: ignore[arg-type]
