"""The gap report: which questions went wrong, how often, and whether it gets better. Pure."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from indexes.search_results import Vectors
from ragdesk.support.conversations.retention import DAY_SECONDS
from ragdesk.support.learning.gap import Gap, GapQuestion
from ragdesk.support.learning.question_clusters import (
    choose_representative,
    cluster_questions,
)

MOST_DOCUMENTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class GapOptions:
    """What counts as a gap.

    days: how far back the report looks. floor: cosine (0..1), less what questions share, from
    which two questions ask the same. most: gaps that it lists.
    """

    days: int = 30
    floor: float = 0.45
    most: int = 200


EmbedQuestions = Callable[[Sequence[str], str], tuple[Vectors, Vectors | None]]
"""Questions and their language in; vectors (n, dim), and what they share (dim,) or None out."""


def build_gap_report(
    questions: Sequence[GapQuestion], embed: EmbedQuestions, now: int, options: GapOptions
) -> tuple[Gap, ...]:
    """Return the gaps of a period, by people who asked or disliked, then by trend.

    questions: in the order in which they were asked; those before the period are left out.
    """
    since = now - options.days * DAY_SECONDS
    current = [question for question in questions if question.time >= since]
    gaps: list[Gap] = []
    for language in sorted({question.language for question in current}):
        own = [question for question in current if question.language == language]
        vectors, shared = embed([question.text for question in own], language)
        for members in cluster_questions(vectors, shared, options.floor):
            first = own[choose_representative(vectors, members)]
            gaps.append(_make_gap(first, [own[n] for n in members], since, now))
    gaps.sort(
        key=lambda gap: (-gap.persons - gap.dislikes, -gap.trend, -len(gap.questions), gap.id)
    )
    return tuple(gaps[: options.most])


def _make_gap(first: GapQuestion, members: list[GapQuestion], since: int, now: int) -> Gap:
    middle = (since + now) // 2
    recent = sum(question.time >= middle for question in members)
    documents = Counter(uri for question in members for uri in question.documents)
    oldest = min(members, key=lambda question: (question.time, question.turn))
    return Gap(
        id=hashlib.sha256(oldest.turn.encode()).hexdigest()[:16],
        question=first.text,
        language=first.language,
        questions=tuple(sorted(members, key=lambda question: -question.time)),
        persons=len({question.person for question in members}),
        recent=recent,
        earlier=len(members) - recent,
        reasons=dict(Counter(question.reason for question in members).most_common()),
        documents=tuple(uri for uri, _ in documents.most_common(MOST_DOCUMENTS)),
    )
