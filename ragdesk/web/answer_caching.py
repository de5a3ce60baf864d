"""Answers that are given again: who may get which, and what takes them away.

A key of the cache holds the collection as it is open now (its generation, and who may see what),
the period in which the same documents are valid, the asker, the history, the filters and the
request's own choices. So a publish, a document that is shut to somebody or that begins or ceases
to hold, and a change of the asker's rights leave nothing to be found.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Hashable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final

from indexes.chunk import SearchFilter
from ragdesk.answering.answer import (
    Answer,
    AnswerEvent,
    ClaimChecked,
    Done,
    PassagesReady,
    Question,
    TextDelta,
)
from ragdesk.answering.answer_cache.answer_cache import (
    MOST_DISLIKED,
    AnswerCache,
    CacheEvent,
    CacheKey,
)
from ragdesk.answering.answer_cache.cache_rules import (
    is_cacheable_answer,
    is_cacheable_question,
    list_read_uris,
    normalise_question,
)
from ragdesk.answering.lookup_result import is_lookup
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.assemble import Workspace
from ragdesk.errors import HomeUnusable, NotFound
from ragdesk.metrics import Metrics
from ragdesk.open_collection import OpenCollection
from ragdesk.support.access import Principal
from ragdesk.support.conversations.conversation import (
    Conversation,
    ConversationTurn,
    make_row_id,
)
from ragdesk.support.erasure_count import read_erasures
from ragdesk.web.server_state import ServerState

WATCH_SECONDS: Final = 2.0  # between two looks for dislikes that other servers took
LOOK_BACK: Final = 30 * 86_400  # seconds of dislikes that a start looks at
OVERLAP: Final = 60  # seconds that a look goes back, as other servers' clocks and writes may lag
log = logging.getLogger("ragdesk.web")


def make_answer_cache(workspace: Workspace, metrics: Metrics) -> AnswerCache | None:
    """Make the cache that settings ask for, counted; None where they ask for none."""
    options = workspace.settings.answer_cache
    if not options.is_used(writes_with_model=workspace.engine is not None):
        return None

    def count(event: CacheEvent) -> None:
        metrics.cached.labels(result=event).inc()

    cache = AnswerCache(options, count=count)
    metrics.cache_bytes.set_function(lambda: cache.bytes)
    metrics.cache_answers.set_function(lambda: len(cache))
    return cache


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheTicket:
    """A question's place in the cache: looked up before it is asked, and filled behind it.

    changes: of the cache, when the question came.
    """

    cache: AnswerCache
    key: CacheKey
    changes: int
    question: Question
    state: ServerState
    opened: OpenCollection
    who: Principal
    started: float = field(default_factory=time.perf_counter)

    def find_answer(self) -> Answer | None:
        """Return a kept answer as it goes out this time, under an id of its own."""
        answer = self.cache.find(self.key)
        if answer is None:
            return None
        seconds = time.perf_counter() - self.started
        return replace(
            answer,
            id=make_row_id(),
            question=self.question.text,
            cached=True,
            seconds={"cache": seconds, "total": seconds},
        )

    def keep_answer(self, answer: Answer) -> None:
        """Keep an answer where it may be given again. Its collection is still open."""
        if not is_cacheable_answer(answer) or self.state.recorder.redact(self.question.text) != (
            self.question.text
        ):
            return
        if self.key != _make_key(self.state, self.who, self.opened, self.question):
            return  # a document began or ceased to hold meanwhile
        if not _rests_on_dates(answer, self.opened):
            self.cache.store(self.key, answer, changes=self.changes)


def may_be_cached(conversation: Conversation | None, turns: Sequence[ConversationTurn]) -> bool:
    """Tell whether a question in a conversation, or in none, may be looked up in the cache.

    Not behind an answer that rests on live facts, nor once a person was called.
    """
    is_plain = conversation is None or conversation.state == "answering"
    return is_plain and not any(map(_has_lookup, turns))


def open_ticket(
    state: ServerState,
    who: Principal,
    opened: OpenCollection,
    question: Question,
    *,
    is_plain: bool = True,
) -> CacheTicket | None:
    """Return a question's place in the cache; None where it is to be asked in any case.

    is_plain: as ``may_be_cached`` says of its conversation. One that brings live facts is asked.
    """
    cache = state.answer_cache
    if cache is None:
        return None
    if not is_plain or not is_cacheable_question(question):
        cache.count("bypass")
        return None
    return CacheTicket(
        cache=cache,
        key=_make_key(state, who, opened, question),
        changes=cache.changes,
        question=question,
        state=state,
        opened=opened,
        who=who,
    )


async def replay_answer(answer: Answer) -> AsyncGenerator[AnswerEvent, None]:
    """Tell a kept answer as events: its words at once, then its checks."""
    yield PassagesReady(answer.passages)
    yield TextDelta(answer.text)
    sent_numbers: set[int] = set()
    for claim in answer.claims:
        new = {number for number in claim.citations if number not in sent_numbers}
        sent_numbers |= new
        yield ClaimChecked(
            claim=claim.text,
            verdict=claim.verdict,
            support=claim.support,
            citations=tuple(c for c in answer.citations if c.number in new),
        )
    yield Done(answer)


async def keep_events(
    events: AsyncGenerator[AnswerEvent, None], ticket: CacheTicket
) -> AsyncGenerator[AnswerEvent, None]:
    """Pass events on, and keep the answer that they end with."""
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Done):
                ticket.keep_answer(event.answer)
            yield event


def drop_disliked(state: ServerState, turn: ConversationTurn) -> None:
    """Drop the answers to the question of a turn whose answer somebody disliked."""
    if state.answer_cache is not None and turn.question:
        text = normalise_question(turn.question)
        state.answer_cache.dislike(turn.collection, text)


def forget_answers(state: ServerState, person: str) -> None:
    """Drop the answers to what a person asked, as theirs is being deleted."""
    if state.answer_cache is not None:
        state.answer_cache.forget_person(person)


async def watch_dislikes(state: ServerState) -> None:
    """Drop what is disliked anywhere: at the start, and as other servers of the database say."""
    if state.answer_cache is None:
        return
    since, known = int(time.time()) - LOOK_BACK, frozenset[str]()
    while True:
        look = int(time.time())
        try:
            names, turns = await run_in_thread(_read_disliked, state, since, known)
            since, known = look - OVERLAP, names
        except HomeUnusable as error:
            log.warning("dislikes cannot be read", extra={"reason": str(error), "repeats": "cache"})
            state.answer_cache.clear()  # what is disliked meanwhile must not be given again
        else:
            for turn in turns:
                drop_disliked(state, turn)
            if not state.database.is_shared:
                return  # no other server takes any
        await asyncio.sleep(WATCH_SECONDS)


async def watch_erasures(state: ServerState) -> None:
    """Drop all answers once a person was erased, by another server or on the command line.

    Whose words an answer holds beside its asker's, nobody can tell; erasures are rare.
    """
    if state.answer_cache is None:
        return
    known: tuple[int, int] | None = None
    while True:
        try:
            counted = await run_in_thread(read_erasures, state.database)
        except HomeUnusable as error:
            fields = {"reason": str(error), "repeats": "cache"}
            log.warning("erasures cannot be read", extra=fields)
        else:
            if known is not None and counted != known:
                state.answer_cache.clear()
            known = counted
        await asyncio.sleep(WATCH_SECONDS)


def _read_disliked(
    state: ServerState, since: int, known: frozenset[str]
) -> tuple[frozenset[str], list[ConversationTurn]]:
    """Read which turns were disliked since a time, and those of them not known yet. Blocks."""
    names = state.feedback.list_disliked_turns(since, MOST_DISLIKED)
    turns: list[ConversationTurn] = []
    for name in names:
        if name not in known:
            with contextlib.suppress(NotFound):  # it was deleted meanwhile, with its conversation
                turns.append(state.conversations.get_turn(name))
    return frozenset(names), turns


def _make_key(
    state: ServerState, who: Principal, opened: OpenCollection, question: Question
) -> CacheKey:
    options = state.workspace.settings.answer_cache
    period = opened.index.make_mask(SearchFilter()).now
    basis = (period, question.where, question.history, question.explain, question.send)
    return CacheKey(
        collection=opened.collection,
        opening=opened.opening_id,
        asker=_list_rights(who) if options.shared else who,
        basis=basis,
        text=normalise_question(question.text),
        person=who.person,
    )


def _has_lookup(turn: ConversationTurn) -> bool:
    """Tell whether the answer of a turn rests on a live fact."""
    citations = (turn.answer or {}).get("citations", ())
    return any(is_lookup(citation["uri"]) for citation in citations)


def _list_rights(who: Principal) -> Hashable:
    """Return all that two askers must have in common to be told the same."""
    return (who.groups, who.collections, frozenset(who.attributes.items()))


def _rests_on_dates(answer: Answer, opened: OpenCollection) -> bool:
    """Tell whether a document that holds for a time only was read for an answer."""
    documents = [
        d for uri in list_read_uris(answer) for d in opened.index.documents.list_by_uri(uri)
    ]
    return any(d.validity.starts or d.validity.ends for d in documents)
