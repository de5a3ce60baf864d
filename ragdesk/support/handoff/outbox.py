"""The outbox: what is to be told to other systems, kept until they have taken it.

A letter is written in the transaction of what it tells (``handoff_store``), so it is there whenever
that is. Whoever delivers takes a lease on it first: several servers do not send it twice at once,
and what a stopped server held is due again when its lease ends. Letters of one hand-off to one
channel go out in their order.
"""

import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import RowMapping, exists, func, insert, select, update

from ragdesk.support.database import Database
from ragdesk.support.handoff.handoff_states import HandoffAction
from ragdesk.support.handoff.handoff_store import TextSealer
from ragdesk.support.handoff.handoff_tables import HANDOFF_LINKS, HANDOFF_OUTBOX
from ragdesk.support.row_leases import lease_row

LEASE_SECONDS: Final = 120  # longer than any channel takes over one letter
FIRST_RETRY_WAIT: Final = 5.0  # seconds; then twice as long, again and again
LONGEST_RETRY_WAIT: Final = 3_600.0
MOST_ATTEMPTS: Final = 80  # three days: after ten tries one an hour
LONGEST_ERROR: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What one channel is to hear of one action on a hand-off.

    number: of the event; letters of a hand-off go out in this order. body: ``handoff`` as it was
    after the action, its ``actor``, and the action's ``detail``.
    """

    id: str
    handoff: str
    number: int
    channel: str
    action: HandoffAction
    body: Mapping[str, Any]
    created: int
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoffLink:
    """What a hand-off is over there: the number of its ticket or conversation, once it has one.

    progress: what was made on the way there, so that it is not made twice.
    """

    reference: str = ""
    progress: Mapping[str, Any] = field(default_factory=dict)


class Outbox:
    """The letters on their way out. Safe to share between threads and servers."""

    def __init__(
        self, database: Database, cipher: TextSealer, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._cipher = cipher
        self._clock = clock

    def claim_letter(self) -> Letter | None:
        """Take the next letter that is due, under a lease; None where none is."""
        now = int(self._clock())
        box, earlier = HANDOFF_OUTBOX, HANDOFF_OUTBOX.alias()
        is_first = ~exists(
            select(earlier.c.id).where(
                earlier.c.handoff == box.c.handoff,
                earlier.c.channel == box.c.channel,
                earlier.c.number < box.c.number,
                earlier.c.delivered.is_(None),
                earlier.c.failed.is_(None),
            )
        )
        is_free = (
            box.c.delivered.is_(None),
            box.c.failed.is_(None),
            box.c.due <= now,
            box.c.leased <= now,
        )
        query = select(box).where(*is_free, is_first).order_by(box.c.due, box.c.number).limit(1)
        row = lease_row(self._database, query, box.c.id, is_free, now + LEASE_SECONDS)
        return None if row is None else self._read_letter(row)

    def note_delivery(self, letter: Letter) -> None:
        """Note that a letter was taken on the other side."""
        self._update(letter, delivered=int(self._clock()), error=None, leased=0)

    def note_failure(self, letter: Letter, error: str, retry_after: float = 0.0) -> bool:
        """Note that it was not; tells whether it is tried again. Its words are kept either way."""
        now = self._clock()
        wait = min(LONGEST_RETRY_WAIT, FIRST_RETRY_WAIT * 2 ** min(letter.attempts, 20))
        wait = max(retry_after, wait * random.uniform(0.8, 1.2))  # noqa: S311, spreads retries
        is_over = letter.attempts + 1 >= MOST_ATTEMPTS
        self._update(
            letter,
            attempts=letter.attempts + 1,
            due=int(now + wait),
            leased=0,
            error=error[:LONGEST_ERROR],
            failed=int(now) if is_over else None,
        )
        return not is_over

    def retry_letters(self, handoff: str) -> int:
        """Let every letter of a hand-off that was not taken be tried again now; says how many."""
        box = HANDOFF_OUTBOX
        now = int(self._clock())
        change = update(box).where(box.c.handoff == handoff, box.c.delivered.is_(None))
        with self._database.write() as connection:
            again = change.values(due=now, failed=None, attempts=0)
            return int(connection.execute(again).rowcount)

    def list_troubles(self, handoff: str) -> list[dict[str, Any]]:
        """List the letters of a hand-off that were tried and not taken yet."""
        box = HANDOFF_OUTBOX
        names = ("channel", "action", "attempts", "error", "due", "failed")
        columns = [box.c[name] for name in names]
        query = select(*columns).where(
            box.c.handoff == handoff, box.c.delivered.is_(None), box.c.attempts > 0
        )
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(box.c.number)).mappings()
            return [dict(row) for row in rows]

    def count_letters(self) -> dict[str, int]:
        """Count letters: ``delivered``, ``failed`` for good, and those that ``wait``."""
        box = HANDOFF_OUTBOX
        query = select(func.count(), func.count(box.c.delivered), func.count(box.c.failed))
        with self._database.read() as connection:
            total, delivered, failed = connection.execute(query).one()
        return {"delivered": delivered, "failed": failed, "wait": total - delivered - failed}

    def get_link(self, handoff: str, channel: str) -> HandoffLink:
        """Return what a hand-off is on the other side of a channel; an empty link at first."""
        links = HANDOFF_LINKS
        query = select(links).where(links.c.handoff == handoff, links.c.channel == channel)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            return HandoffLink()
        return HandoffLink(reference=row["reference"], progress=json.loads(row["progress"]))

    def store_link(self, handoff: str, channel: str, link: HandoffLink) -> None:
        """Keep what a hand-off is on the other side."""
        links = HANDOFF_LINKS
        values = {"reference": link.reference, "progress": json.dumps(dict(link.progress))}
        same = (links.c.handoff == handoff, links.c.channel == channel)
        with self._database.write() as connection:
            changed = connection.execute(update(links).where(*same).values(values))
            if not changed.rowcount:
                row = {"handoff": handoff, "channel": channel, **values}
                connection.execute(insert(links).values(row))

    def find_handoff_of(self, channel: str, reference: str) -> str | None:
        """Return the id of the hand-off that a ticket or conversation over there stands for."""
        links = HANDOFF_LINKS
        query = select(links.c.handoff).where(
            links.c.channel == channel, links.c.reference == reference
        )
        with self._database.read() as connection:
            return connection.execute(query).scalar()

    def _update(self, letter: Letter, **values: Any) -> None:
        change = update(HANDOFF_OUTBOX).where(HANDOFF_OUTBOX.c.id == letter.id)
        with self._database.write() as connection:
            connection.execute(change.values(values))

    def _read_letter(self, row: RowMapping) -> Letter:
        return Letter(
            id=row["id"],
            handoff=row["handoff"],
            number=row["number"],
            channel=row["channel"],
            action=HandoffAction(row["action"]),
            body=json.loads(self._cipher.open(row["body"])),
            created=row["created"],
            attempts=row["attempts"],
        )
