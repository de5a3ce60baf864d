"""Keep answers by all that they hang on, the latest asked for longest, within a bound of bytes.

Kept in the memory of one process, whose settings do not change while it runs. Nothing here looks
into a document: whoever asks makes the key, and a key that differs in anything finds nothing.
Calls come from one thread, the event loop's.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final, Literal

from ragdesk.answering.answer import Answer
from ragdesk.answering.answer_cache.cache_options import AnswerCacheOptions
from ragdesk.answering.answer_cache.memory_size import measure_memory
from ragdesk.answering.answer_cache.near_question import QuestionMeaning, reduce_question

MOST_DISLIKED: Final = 20_000  # questions that are not kept again; the oldest are forgotten
ENTRY_BYTES: Final = 500  # of an entry's own objects, beside its key and its answer
LARGEST_SHARE: Final = 0.1  # of all bytes, for one answer
CacheEvent = Literal["hit", "near_hit", "miss", "bypass", "stored", "dropped"]
CACHE_EVENTS: Final[tuple[CacheEvent, ...]] = (
    "hit",
    "near_hit",
    "miss",
    "bypass",
    "stored",
    "dropped",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheKey:
    """All that an answer hangs on.

    opening: of the collection, as it was opened at a generation with its access table. asker:
    whose answer it is. basis: validity period, history, filters and choices of the request. text:
    of the question, normalised. person: whose words the question is in; finds nothing by itself.
    """

    collection: str
    opening: str
    asker: Hashable
    basis: Hashable
    text: str
    person: str = field(compare=False)

    @property
    def scope(self) -> Hashable:
        """Return all of it but the question's words."""
        return (self.collection, self.opening, self.asker, self.basis)


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheEntry:
    key: CacheKey
    answer: Answer
    size: int
    expires: float
    meaning: QuestionMeaning | None


class AnswerCache:
    """The kept answers of a server. clock: seconds that only go on; count: told of each event."""

    def __init__(
        self,
        options: AnswerCacheOptions,
        *,
        clock: Callable[[], float] = time.monotonic,
        count: Callable[[CacheEvent], None] = lambda _: None,
    ) -> None:
        self.options = options
        self.bytes = 0
        self.changes = 0  # that took answers away: what was begun before them is not kept
        self.count = count
        self._clock = clock
        self._entries: OrderedDict[CacheKey, CacheEntry] = OrderedDict()
        self._meanings: dict[tuple[Hashable, QuestionMeaning], CacheKey] = {}
        self._openings: dict[str, str] = {}
        self._disliked: OrderedDict[bytes, None] = OrderedDict()  # digests, as texts may be long

    def __len__(self) -> int:
        return len(self._entries)

    def list_entries(self) -> list[CacheEntry]:
        """List what is kept, the latest asked for last."""
        return list(self._entries.values())

    def find(self, key: CacheKey) -> Answer | None:
        """Return the answer that was kept for a key, or None."""
        self._turn_to(key)
        entry = self._entries.get(key)
        event: CacheEvent = "hit"
        if entry is None and self.options.rewordings:
            event, meaning = "near_hit", reduce_question(key.text)
            near_key = self._meanings.get((key.scope, meaning)) if meaning else None
            entry = self._entries.get(near_key) if near_key else None
        if entry is not None and entry.expires <= self._clock():
            self._drop(entry)
            entry = None
        if entry is None:
            self.count("miss")
            return None
        self._entries.move_to_end(entry.key)
        self.count(event)
        return entry.answer

    def store(self, key: CacheKey, answer: Answer, *, changes: int) -> bool:
        """Keep an answer; False where it is not. changes: as counted before it was made."""
        meaning = reduce_question(key.text) if self.options.rewordings else None
        if changes != self.changes or self._openings.get(key.collection) != key.opening:
            return False
        if self._is_disliked(key.collection, key.text, meaning):
            return False
        size = ENTRY_BYTES + measure_memory(answer) + measure_memory(key) + measure_memory(meaning)
        most = self.options.megabytes * 1_000_000
        if size > most * LARGEST_SHARE:
            return False
        if (former := self._entries.get(key)) is not None:
            self._drop(former)
        expires = self._clock() + 60 * self.options.minutes
        entry = CacheEntry(key=key, answer=answer, size=size, expires=expires, meaning=meaning)
        self._entries[key] = entry
        if meaning is not None:
            self._meanings[key.scope, meaning] = key
        self.bytes += size
        while self.bytes > most:
            self._drop(next(iter(self._entries.values())))
        self.count("stored")
        return True

    def dislike(self, collection: str, text: str) -> None:
        """Drop the answers to a question, whoever asked it, and keep none to it from now on.

        text: normalised.
        """
        meaning = reduce_question(text) if self.options.rewordings else None
        for digest in _list_digests(collection, text, meaning):
            self._disliked[digest] = None
            self._disliked.move_to_end(digest)
        while len(self._disliked) > MOST_DISLIKED:
            self._disliked.popitem(last=False)
        self._drop_where(
            lambda entry: (
                entry.key.collection == collection
                and (entry.key.text == text or (meaning is not None and entry.meaning == meaning))
            )
        )

    def forget_person(self, person: str) -> None:
        """Drop the answers to what somebody asked."""
        self._drop_where(lambda entry: entry.key.person == person)

    def clear(self) -> None:
        """Drop every answer."""
        self._drop_where(lambda _: True)

    def _is_disliked(self, collection: str, text: str, meaning: QuestionMeaning | None) -> bool:
        return any(digest in self._disliked for digest in _list_digests(collection, text, meaning))

    def _turn_to(self, key: CacheKey) -> None:
        """Drop a collection's answers of another opening of it: that one is over."""
        if self._openings.get(key.collection) != key.opening:
            self._openings[key.collection] = key.opening
            for entry in [e for e in self._entries.values() if e.key.collection == key.collection]:
                self._drop(entry)

    def _drop_where(self, is_meant: Callable[[CacheEntry], bool]) -> None:
        self.changes += 1
        for entry in [entry for entry in self._entries.values() if is_meant(entry)]:
            self._drop(entry)

    def _drop(self, entry: CacheEntry) -> None:
        del self._entries[entry.key]
        self.bytes -= entry.size
        if entry.meaning is not None:
            place = (entry.key.scope, entry.meaning)
            if self._meanings.get(place) == entry.key:
                del self._meanings[place]
        self.count("dropped")


def _list_digests(collection: str, text: str, meaning: QuestionMeaning | None) -> list[bytes]:
    """Return what a disliked question is known by: its words, and what they mean."""
    names = (
        [(collection, text)] if meaning is None else [(collection, text), (collection, *meaning)]
    )
    return [hashlib.sha256("\0".join(name).encode(errors="replace")).digest() for name in names]
