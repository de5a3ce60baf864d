"""Collect the questions that went wrong from the conversations that are kept."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, RowMapping, Select, and_, func, or_, select

from ragdesk.answering.lookup_result import is_lookup
from ragdesk.support.conversations.conversation_tables import CONVERSATIONS, FEEDBACK, TURNS
from ragdesk.support.database import Database
from ragdesk.support.encryption import TextCipher
from ragdesk.support.learning.entry_effect import KeptAnswer
from ragdesk.support.learning.gap import GapQuestion

MISSES: Final = (
    "no_passage",
    "near_miss",
    "unsupported",
)  # reasons of which documents are the cause
HANDED_OVER: Final = "handed_over"
CALLS: Final = ("wants_person", "complaint", "safety")  # handed over, whatever the documents say
DISLIKED: Final = "disliked"
MOST_GAP_QUESTIONS: Final = 20_000  # of a period, the latest; more are a report nobody reads
MaySeeAnswer = Callable[[Mapping[str, Any]], bool]
"""A kept answer in; whether a reader may see all documents that it was looked for in."""


def collect_gap_questions(
    database: Database,
    cipher: TextCipher,
    since: int,
    collections: Collection[str] | None,
    may_see: MaySeeAnswer | None = None,
) -> list[GapQuestion]:
    """Return the questions of a period that went wrong, oldest first.

    Refused for want of a passage, answered without support, handed to a person, or disliked; not
    where somebody wanted a person, or wrote to one.
    since: seconds since 1970. collections: only these; None is all. may_see: leaves out questions
    whose answer was looked for in documents that a reader may not see: who asked could. Blocks.
    """
    with database.read() as connection:
        rows = connection.execute(_select_misses(since, collections)).mappings().all()
    questions = []
    for row in reversed(rows):
        answer = json.loads(cipher.open(row["answer"])) if row["answer"] is not None else {}
        if may_see is None or may_see(answer):
            questions.append(_read_question(row, answer, cipher))
    return questions


def is_gap_turn(database: Database, turn: str) -> bool:
    """Tell whether a question went wrong, so that the report of gaps may show it."""
    with database.read() as connection:
        query = _select_misses(0, None).where(TURNS.c.id == turn)
        return connection.execute(query).first() is not None


def iter_kept_answers(
    database: Database,
    cipher: TextCipher,
    since: int,
    collection: str,
    may_see: MaySeeAnswer | None = None,
) -> Iterator[KeptAnswer]:
    """Yield the answers of a collection since a time (seconds), of the latest 20,000 at most.

    may_see: leaves out those that were looked for in documents that a reader may not see.
    """
    likes = func.count().filter(FEEDBACK.c.verdict == "up")
    dislikes = func.count().filter(FEEDBACK.c.verdict == "down")
    query = (
        select(TURNS.c.answer, TURNS.c.created, likes.label("likes"), dislikes.label("dislikes"))
        .outerjoin(FEEDBACK, FEEDBACK.c.turn == TURNS.c.id)
        .where(
            TURNS.c.author == "customer",
            TURNS.c.created >= since * 1000,
            TURNS.c.collection == collection,
            TURNS.c.answer.is_not(None),
        )
        .group_by(TURNS.c.id, TURNS.c.answer, TURNS.c.created)
        .order_by(TURNS.c.created.desc())
        .limit(MOST_GAP_QUESTIONS)
    )
    with database.read() as connection:
        rows = connection.execute(query).mappings().all()
    for row in rows:
        answer = json.loads(cipher.open(row["answer"]))
        if may_see is not None and not may_see(answer):
            continue
        yield KeptAnswer(
            time=row["created"] // 1000,
            cited=frozenset(_list_uris(answer.get("citations"))),
            likes=row["likes"],
            dislikes=row["dislikes"],
        )


def _select_misses(since: int, collections: Collection[str] | None) -> Select[Any]:
    """Select the turns that went wrong, the latest first.

    One dislike of a person and answer: the table holds no second one.
    """
    dislikes = (
        select(FEEDBACK.c.turn, func.count().label("dislikes"))
        .where(FEEDBACK.c.verdict == "down")
        .group_by(FEEDBACK.c.turn)
        .subquery()
    )
    query = (
        select(TURNS, CONVERSATIONS.c.person, dislikes.c.dislikes)
        .join(CONVERSATIONS, CONVERSATIONS.c.id == TURNS.c.conversation)
        .outerjoin(dislikes, dislikes.c.turn == TURNS.c.id)
        .where(
            TURNS.c.author == "customer",
            TURNS.c.question.is_not(None),
            TURNS.c.created >= since * 1000,
            or_(
                TURNS.c.reason.in_(MISSES),
                _is_passed_on(),
                dislikes.c.dislikes.is_not(None),
            ),
        )
        .order_by(TURNS.c.created.desc(), TURNS.c.id)
        .limit(MOST_GAP_QUESTIONS)
    )
    return (
        query if collections is None else query.where(TURNS.c.collection.in_(sorted(collections)))
    )


def _is_passed_on() -> ColumnElement[bool]:
    """Tell of a turn whether its question was handed over for want of an answer.

    What a customer wrote to the person who had the conversation was looked up nowhere.
    """
    return and_(
        TURNS.c.outcome == HANDED_OVER,
        TURNS.c.answer.is_not(None),
        func.coalesce(TURNS.c.reason, "").not_in(CALLS),
    )


def _read_question(row: RowMapping, answer: Mapping[str, Any], cipher: TextCipher) -> GapQuestion:
    reason = row["reason"]
    if reason not in MISSES:
        reason = HANDED_OVER if row["outcome"] == HANDED_OVER else DISLIKED
    return GapQuestion(
        turn=row["id"],
        text=cipher.open(row["question"]),
        language=row["language"] or "",
        time=row["created"] // 1000,
        person=row["person"],
        reason=reason,
        documents=_list_uris(answer.get("sources")),
        cited=_list_uris(answer.get("citations")),
        dislikes=row["dislikes"] or 0,
    )


def _list_uris(places: Any) -> tuple[str, ...]:
    """Return the uris of sources or citations, each once; none of what a customer looked up."""
    uris = (place["uri"] for place in places or () if "uri" in place)
    return tuple(dict.fromkeys(uri for uri in uris if not is_lookup(uri)))
