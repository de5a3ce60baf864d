"""Keep what channels brought until it is answered: what was acknowledged is not lost.

Messages of one thread are answered one after the other. Whoever answers takes a lease first, so
that several servers do not answer twice; what a killed server held is due when its lease ends.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, delete, exists, func, insert, select, update

from ragdesk.errors import Overloaded
from ragdesk.support.chat_channels.chat_message import ChatMessage, ChatReply, ReplySource
from ragdesk.support.chat_channels.chat_tables import CHAT_MESSAGES, CHAT_THREADS
from ragdesk.support.conversations.conversation import HANDED_OVER_STATES
from ragdesk.support.conversations.conversation_tables import CONVERSATIONS, TURNS
from ragdesk.support.database import Database, upsert
from ragdesk.support.encryption import TextCipher
from ragdesk.support.personal_data_source import PersonalDataSource
from ragdesk.support.row_leases import lease_row

CHAT_LEASE_SECONDS: Final = 180  # longer than an answer may take
MOST_CHAT_MESSAGES: Final = 1_000  # that wait at a time; more are refused, and come again
MOST_OF_AUTHOR: Final = 20  # of one author that wait at a time: nobody fills the place of all
MOST_CHAT_ATTEMPTS: Final = 9  # the last some 20 minutes after the first
FIRST_CHAT_WAIT: Final = 5.0
LONGEST_CHAT_WAIT: Final = 3_600.0
MEMORY_SECONDS: Final = 2 * 86_400  # for which a message is known again


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatLetter:
    """A message under a lease. reply: where it was answered already, and is to be sent.

    name: the same whenever it is tried again. address: where the reply goes.
    """

    number: int
    name: str
    channel: str
    thread: str
    address: Mapping[str, str]
    message: ChatMessage | None
    reply: ChatReply | None
    attempts: int


class ChatStore:
    """The messages and threads of all channels. Safe to share between threads and servers."""

    def __init__(
        self, database: Database, cipher: TextCipher, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._cipher = cipher
        self._clock = clock

    def take(self, channel: str, message: ChatMessage, *, is_answered: bool = False) -> bool:
        """Keep a message that came; False where it came before. Raises Overloaded.

        is_answered: it is answered by whoever keeps it, at once.
        """
        now, box = int(self._clock()), CHAT_MESSAGES
        row = {
            "digest": _digest(channel, message.event),
            "channel": channel,
            "thread": name_thread(channel, message.thread),
            "author": _digest(channel, message.user),
            "message": None if is_answered else self._seal(asdict(message)),
            "created": now,
            "due": now,
            "leased": 0,
            "attempts": 0,
            "ended": now if is_answered else None,
        }
        with self._database.write() as connection:
            known = select(box.c.number).where(box.c.digest == row["digest"])
            if connection.execute(known).first() is not None:
                return False
            waiting = select(func.count()).select_from(box).where(box.c.ended.is_(None))
            of_author = waiting.where(box.c.author == row["author"])
            for count, most in ((waiting, MOST_CHAT_MESSAGES), (of_author, MOST_OF_AUTHOR)):
                if (connection.execute(count).scalar() or 0) >= most:
                    raise Overloaded("Too many messages wait for their answers. Send it again.")
            added = upsert(connection, box).values(row).on_conflict_do_nothing()
            return bool(connection.execute(added.returning(box.c.number)).first())

    def forget(self, channel: str, message: ChatMessage) -> None:
        """Forget that a message came: it was not answered at once, and may come again."""
        box = CHAT_MESSAGES
        is_this = box.c.digest == _digest(channel, message.event)
        with self._database.write() as connection:
            connection.execute(delete(box).where(is_this))

    def claim(self) -> ChatLetter | None:
        """Take the next message that is due, under a lease; None where none is.

        One at a time of a thread, and of an author: who sends many holds up themselves.
        """
        now, box, earlier = int(self._clock()), CHAT_MESSAGES, CHAT_MESSAGES.alias()
        is_only = (box.c.author == "") | ~exists(
            select(earlier.c.number).where(
                earlier.c.author == box.c.author,
                earlier.c.ended.is_(None),
                earlier.c.leased > now,
            )
        )
        is_first = ~exists(
            select(earlier.c.number).where(
                earlier.c.thread == box.c.thread,
                earlier.c.number < box.c.number,
                earlier.c.ended.is_(None),
            )
        )
        is_free = (box.c.ended.is_(None), box.c.due <= now, box.c.leased <= now)
        query = (
            select(box)
            .where(*is_free, is_first, is_only)
            .order_by(box.c.due, box.c.number)
            .limit(1)
        )
        row = lease_row(self._database, query, box.c.number, is_free, now + CHAT_LEASE_SECONDS)
        return None if row is None else self._read_letter(row)

    def store_reply(self, letter: ChatLetter, reply: ChatReply) -> None:
        """Keep an answer that is to be sent: it is not written a second time."""
        self._update(letter.number, reply=self._seal(asdict(reply)))

    def note_sent(self, letter: ChatLetter) -> None:
        """Note that a reply was taken; its words are not kept here."""
        self._update(letter.number, **self._ended())

    def note_failure(self, letter: ChatLetter, error: str, retry_after: float = 0.0) -> bool:
        """Note that it was not; tells whether it is tried again."""
        now = self._clock()
        wait = min(LONGEST_CHAT_WAIT, FIRST_CHAT_WAIT * 2**letter.attempts)
        attempts = letter.attempts + 1
        is_over = attempts >= MOST_CHAT_ATTEMPTS
        values: dict[str, Any] = {"attempts": attempts, "leased": 0, "error": error[:300]}
        values |= self._ended() if is_over else {"due": int(now + max(wait, retry_after))}
        self._update(letter.number, **values)
        return not is_over

    def release(self, letter: ChatLetter) -> None:
        """Give a message back that was not answered: it is due at once."""
        self._update(letter.number, leased=0)

    def find_conversation(self, channel: str, thread: str) -> str | None:
        """Find the conversation of a thread, by id; None where there is none, or none any more."""
        threads = CHAT_THREADS
        query = select(threads.c.conversation)
        query = query.where(threads.c.thread == name_thread(channel, thread))
        with self._database.read() as connection:
            name = connection.execute(query).scalar()
        return None if name is None else str(name)

    def store_thread(
        self, channel: str, thread: str, conversation: str, address: Mapping[str, str]
    ) -> None:
        """Keep which conversation a thread is now, and where its replies go."""
        threads, name = CHAT_THREADS, name_thread(channel, thread)
        values = {
            "channel": channel,
            "conversation": conversation,
            "address": self._seal(dict(address)),
        }
        with self._database.write() as connection:
            row = select(threads.c.conversation).where(threads.c.thread == name)
            former = connection.execute(row).scalar()
            if former is None:
                connection.execute(insert(threads).values(thread=name, sent_number=0, **values))
                return
            more = {} if former == conversation else {"sent_number": 0}
            connection.execute(
                update(threads).where(threads.c.thread == name).values(**values, **more)
            )

    def collect_replies(self, channels: Sequence[str]) -> int:
        """Queue what people of the house wrote since into conversations of channels.

        Gives how many. channels: those that take a reply later.
        """
        threads, turns = CHAT_THREADS, TURNS
        query = (
            select(threads, turns.c.id.label("turn"), turns.c.number, turns.c.answer)
            .join(CONVERSATIONS, CONVERSATIONS.c.id == threads.c.conversation)
            .join(turns, turns.c.conversation == threads.c.conversation)
            .where(
                threads.c.channel.in_(channels),
                CONVERSATIONS.c.state.in_(HANDED_OVER_STATES),
                turns.c.author == "agent",
                turns.c.number > threads.c.sent_number,
            )
            .order_by(turns.c.number)
            .limit(100)
        )
        with self._database.read() as connection:
            if connection.execute(query).first() is None:
                return 0
        with self._database.write() as connection:
            rows = connection.execute(query).mappings().all()
            for row in rows:
                self._queue_reply(connection, row)
        return len(rows)

    def prune(self) -> int:
        """Forget messages that ended long ago; gives how many."""
        oldest, box = int(self._clock()) - MEMORY_SECONDS, CHAT_MESSAGES
        with self._database.write() as connection:
            gone = connection.execute(delete(box).where(box.c.ended < oldest))
        return int(gone.rowcount)

    def count_waiting(self) -> int:
        """Count the messages that were not answered yet."""
        query = select(func.count()).select_from(CHAT_MESSAGES)
        with self._database.read() as connection:
            waiting = query.where(CHAT_MESSAGES.c.ended.is_(None))
            return int(connection.execute(waiting).scalar() or 0)

    def _queue_reply(self, connection: Connection, row: RowMapping) -> None:
        now, threads = int(self._clock()), CHAT_THREADS
        text = str(json.loads(self._cipher.open(row["answer"])).get("text", ""))
        values = {
            "digest": _digest(row["channel"], f"turn {row['turn']}"),
            "channel": row["channel"],
            "thread": row["thread"],
            "author": "",
            "message": row["address"],
            "reply": self._seal(asdict(ChatReply(text=text))),
            "created": now,
            "due": now,
            "leased": 0,
            "attempts": 0,
        }
        added = upsert(connection, CHAT_MESSAGES).values(values).on_conflict_do_nothing()
        connection.execute(added)
        change = update(threads).where(threads.c.thread == row["thread"])
        connection.execute(change.values(sent_number=row["number"]))

    def _ended(self) -> dict[str, Any]:
        return {"ended": int(self._clock()), "message": None, "reply": None, "leased": 0}

    def _seal(self, value: Mapping[str, Any]) -> str:
        return self._cipher.seal(json.dumps(value, ensure_ascii=False))

    def _update(self, number: int, **values: Any) -> None:
        change = update(CHAT_MESSAGES).where(CHAT_MESSAGES.c.number == number)
        with self._database.write() as connection:
            connection.execute(change.values(values))

    def _read_letter(self, row: RowMapping) -> ChatLetter:
        facts = json.loads(self._cipher.open(row["message"]))
        message = ChatMessage(**facts) if "event" in facts else None
        return ChatLetter(
            number=row["number"],
            name=row["digest"],
            channel=row["channel"],
            thread=row["thread"],
            address=message.address if message else facts,
            message=message,
            reply=_read_reply(self._cipher.open(row["reply"])) if row["reply"] else None,
            attempts=row["attempts"],
        )


def name_thread(channel: str, thread: str) -> str:
    """Name a thread of a channel: a digest, which tells nothing of who writes where."""
    return _digest(channel, thread)


def _digest(channel: str, name: str) -> str:
    return hashlib.sha256(f"{channel}\0{name}".encode()).hexdigest()


def _read_reply(text: str) -> ChatReply:
    facts = json.loads(text)
    sources = tuple(ReplySource(**source) for source in facts["sources"])
    return ChatReply(text=facts["text"], sources=sources, language=facts["language"])


def _erase_messages(connection: Connection, person: str) -> int:
    """End what waits in the threads of somebody's conversations; digests stay: none comes again."""
    own = select(CHAT_THREADS.c.thread).join(
        CONVERSATIONS, CONVERSATIONS.c.id == CHAT_THREADS.c.conversation
    )
    box = CHAT_MESSAGES
    own_waiting = box.c.thread.in_(own.where(CONVERSATIONS.c.person == person))
    change = update(box).where(own_waiting, box.c.ended.is_(None))
    ended = {"ended": int(time.time()), "message": None, "reply": None, "leased": 0}
    return connection.execute(change.values(ended)).rowcount


# Nothing to export: what was answered is in the conversations, and the rest waits some minutes.
CHAT_DATA: Final = PersonalDataSource(
    name="chat_messages", export=lambda _connection, _cipher, _person: [], erase=_erase_messages
)
