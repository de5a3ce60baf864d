"""Keep what people think of answers: one judgement a person and answer, which they may change."""

import time
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import RowMapping, delete, insert, select

from ragdesk.support.conversations.conversation import Feedback, make_row_id
from ragdesk.support.conversations.conversation_tables import FEEDBACK, TURNS
from ragdesk.support.database import Database
from ragdesk.support.encryption import TextCipher
from ragdesk.support.replicas.done_requests import note_deed


class FeedbackStore:
    """The judgements of a desk. Safe to share between threads. cipher: seals comments."""

    def __init__(self, database: Database, cipher: TextCipher | None = None) -> None:
        self.database = database
        self.cipher = cipher or TextCipher()

    def put(self, feedback: Feedback) -> Feedback:
        """Keep a judgement, in place of the same person's former one of the same answer."""
        dated = replace(feedback, created=int(time.time()))
        same = (FEEDBACK.c.turn == dated.turn) & (FEEDBACK.c.person == dated.person)
        columns = ("turn", "person", "role", "verdict", "created")
        row: dict[str, object] = {name: getattr(dated, name) for name in columns}
        comment = None if dated.comment is None else self.cipher.seal(dated.comment)
        row |= {"reasons": list(dated.reasons), "comment": comment}
        with self.database.write() as connection:
            note_deed(connection, "feedback", {"id": dated.turn})
            # The row of the turn is locked: two clicks at once are one after the other.
            connection.execute(select(TURNS.c.id).where(TURNS.c.id == dated.turn).with_for_update())
            former = connection.execute(select(FEEDBACK.c.id).where(same)).scalar()
            connection.execute(delete(FEEDBACK).where(same))
            name = former or make_row_id()
            connection.execute(insert(FEEDBACK).values({**row, "id": name}))
        return replace(dated, id=name)

    def remove(self, turn: str, person: str) -> None:
        """Take a person's judgement of an answer back; none is none."""
        same = (FEEDBACK.c.turn == turn) & (FEEDBACK.c.person == person)
        with self.database.write() as connection:
            connection.execute(delete(FEEDBACK).where(same))

    def list_of_turns(self, turns: Sequence[str], person: str) -> dict[str, Feedback]:
        """Return a person's judgements of some answers, by answer."""
        query = select(FEEDBACK).where(FEEDBACK.c.turn.in_(turns), FEEDBACK.c.person == person)
        with self.database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return {row["turn"]: self.read_feedback(row) for row in rows}

    def list_disliked_turns(self, since: int, most: int) -> list[str]:
        """Return the ids of turns that somebody disliked since a time, the oldest first.

        most: of them, the latest.
        """
        disliked = (FEEDBACK.c.verdict == "down") & (FEEDBACK.c.created >= since)
        query = select(FEEDBACK.c.turn).where(disliked).order_by(FEEDBACK.c.created.desc())
        with self.database.read() as connection:
            rows = connection.execute(query.limit(most)).scalars().all()
        return list(dict.fromkeys(reversed(rows)))

    def read_feedback(self, row: RowMapping) -> Feedback:
        """Read a judgement from a row of its table, its comment opened."""
        comment = None if row["comment"] is None else self.cipher.open(row["comment"])
        return Feedback(**{**dict(row), "reasons": tuple(row["reasons"]), "comment": comment})
