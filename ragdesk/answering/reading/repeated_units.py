"""Say the same once: drop units that repeat a better one, out of a copy or a renamed page. Pure."""

from collections.abc import Sequence

from ragdesk.answering.reading.unit_scores import ScoredUnit
from ragdesk.answering.retrieval.near_duplicates import has_same_content
from ragdesk.answering.retrieval.retrieval_result import Retrieval

SAME_SHARE = 0.9  # of the content words that two units of one statement have in common
LOOK_THROUGH = 12  # best units that are compared


def drop_repeats(ranked: Sequence[ScoredUnit], retrieval: Retrieval) -> list[ScoredUnit]:
    """Drop the units that say what a better one says; those far down are left as they are.

    Units that differ in a word of the question are kept: that is what was asked about.
    """
    distinct: list[ScoredUnit] = []
    question_words = retrieval.analysis.content_words
    for scored in ranked[:LOOK_THROUGH]:
        repeats = any(
            has_same_content(
                _comparable(other),
                _comparable(scored),
                min_share=SAME_SHARE,
                question_words=question_words,
            )
            for other in distinct
        )
        if not repeats:
            distinct.append(scored)
    return [*distinct, *ranked[LOOK_THROUGH:]]


def _comparable(scored: ScoredUnit) -> str:
    """Return the words to compare: a row says nothing without its columns, "Yes." nothing alone."""
    unit = scored.unit
    words = unit.reading_text if unit.kind == "row" else unit.core
    return " ".join(f"{unit.question} {words}".split())
