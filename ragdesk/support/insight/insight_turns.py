"""Read what the figures of a desk are counted from: its turns, without their texts."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import RowMapping, case, func, select

from ragdesk.support.conversations.conversation_tables import CONVERSATIONS, FEEDBACK, TURNS
from ragdesk.support.database import Database
from ragdesk.support.insight.insight_tables import INTENT_LABELS
from ragdesk.support.insight.intents import OUT_OF_SCOPE

ROWS_AT_ONCE: Final = 500
IsCounted = Callable[[str | None], bool]
"""A kept answer in, as it is stored, or None; whether its question is counted for a reader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightTurn:
    """A question as the figures count it. time: seconds since 1970.

    intent: as an agent or editor says, else as it was recognised. seconds: until its answer was
    whole. is_handed_over: its conversation went to a person. is_out_of_scope: no intent fits it.
    """

    conversation: str
    time: int
    outcome: str
    reason: str = ""
    language: str = ""
    seconds: float | None = None
    intent: str = ""
    sentiment: str = ""
    likes: int = 0
    dislikes: int = 0
    is_handed_over: bool = False
    is_out_of_scope: bool = False


def read_insight_turns(
    database: Database,
    since: int,
    collections: Collection[str] | None,
    is_counted: IsCounted | None = None,
) -> list[InsightTurn]:
    """Return the questions since a time (seconds), oldest first. Blocks.

    collections: only these; None is all. is_counted: leaves out questions by their answers; without
    it no answer is read.
    """
    votes = (
        select(
            FEEDBACK.c.turn,
            func.sum(case((FEEDBACK.c.verdict == "up", 1), else_=0)).label("likes"),
            func.sum(case((FEEDBACK.c.verdict == "down", 1), else_=0)).label("dislikes"),
        )
        .group_by(FEEDBACK.c.turn)
        .subquery()
    )
    labels = INTENT_LABELS.c
    texts = ("conversation", "outcome", "reason", "language", "intent", "sentiment")
    columns = (*texts, "seconds", "in_scope")
    query = (
        select(
            *(TURNS.c[name] for name in columns),
            TURNS.c.created,
            CONVERSATIONS.c.state,
            labels.intent.label("label"),
            votes.c.likes,
            votes.c.dislikes,
        )
        .join(CONVERSATIONS, CONVERSATIONS.c.id == TURNS.c.conversation)
        .outerjoin(votes, votes.c.turn == TURNS.c.id)
        .outerjoin(INTENT_LABELS, labels.turn == TURNS.c.id)
        .where(TURNS.c.author == "customer", TURNS.c.created >= since * 1000)
        .order_by(TURNS.c.created, TURNS.c.id)
    )
    if collections is not None:
        query = query.where(TURNS.c.collection.in_(sorted(collections)))
    if is_counted is not None:
        query = query.add_columns(TURNS.c.answer)
    query = query.execution_options(yield_per=ROWS_AT_ONCE)  # answers are long
    with database.read() as connection:
        return [
            _read_turn(row)
            for row in connection.execute(query).mappings()
            if is_counted is None or is_counted(row["answer"])
        ]


def _read_turn(row: RowMapping) -> InsightTurn:
    # What an agent or editor says of a question goes before what was recognised.
    label = row["label"]
    intent = row["intent"] if label is None else label
    is_outside = row["in_scope"] == 0 if label is None else label == OUT_OF_SCOPE
    return InsightTurn(
        conversation=row["conversation"],
        time=row["created"] // 1000,
        outcome=row["outcome"] or "",
        reason=row["reason"] or "",
        language=row["language"] or "",
        seconds=row["seconds"],
        intent="" if is_outside else intent or "",
        sentiment=row["sentiment"] or "",
        likes=row["likes"] or 0,
        dislikes=row["dislikes"] or 0,
        is_handed_over=row["state"] != "answering",
        is_out_of_scope=is_outside,
    )
