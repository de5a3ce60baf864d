"""What of gaps and drafts somebody may see: of their collections, and of documents of theirs."""

import contextlib
import logging
from collections.abc import AsyncIterator, Collection, Hashable, Mapping
from dataclasses import replace
from typing import Any, Final

from indexes.errors import IndexesError
from indexes.index import Index
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import NotFound, WrongState
from ragdesk.open_collection import OpenCollection
from ragdesk.support.access import Principal
from ragdesk.support.conversations.conversation import (
    HANDED_OVER_STATES,
    ConversationTurn,
    TurnAuthor,
)
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.conversations.kept_answer import has_readable_sources
from ragdesk.support.learning.draft import Draft
from ragdesk.support.learning.draft_store import NO_DRAFT
from ragdesk.support.learning.gap_questions import MaySeeAnswer, is_gap_turn
from ragdesk.web.conversation_access import use_answer_view
from ragdesk.web.document_access import is_visible
from ragdesk.web.server_state import ServerState

NO_TURN = "No such answer in a conversation."
QUESTION_AUTHORS: Final[tuple[TurnAuthor, ...]] = ("customer",)
REPLY_AUTHORS: Final[tuple[TurnAuthor, ...]] = ("customer", "agent")
TURNS_BACK = 50  # among which a reply answers the last question
log = logging.getLogger("ragdesk.web")


def make_answer_filter(who: Principal, index: Index) -> MaySeeAnswer | None:
    """Make what tells whether somebody may see a question by what its answer was looked for in.

    None for who sees every document.
    """
    groups = who.groups
    if groups is None:
        return None

    known: dict[Hashable, bool] = {}

    def may_see(answer: Mapping[str, Any]) -> bool:
        return has_readable_sources(answer, lambda own: not own or bool(own & groups), index, known)

    return may_see


def sees_uri(index: Index, uri: str, who: Principal) -> bool:
    """Tell whether somebody may see a document of a uri."""
    return any(is_visible(document, who) for document in index.documents.list_by_uri(uri))


def may_see_draft(
    draft: Draft, who: Principal, index: Index | None, conversations: ConversationStore
) -> bool:
    """Tell whether somebody may see a draft: its groups, and all documents it quotes, as of today.

    And the documents that answers to the questions in it were looked for in, as in the report of
    gaps. It names no source of what it quotes: all documents of such a uri have to be visible; of
    one that is gone the draft's own groups decide. index: None where its collection cannot be
    opened. Then nobody knows who may see those now. Blocks.
    """
    if who.collections and draft.collection not in who.collections:
        return False
    if who.groups is None:
        return True
    if draft.groups and not draft.groups & who.groups:
        return False
    uris = {source.uri for source in draft.sources if source.uri}
    if index is None:
        return not uris
    sees_quotes = all(
        is_visible(document, who) for uri in uris for document in index.documents.list_by_uri(uri)
    )
    return sees_quotes and _may_see_questions(draft, who, index, conversations)


def _may_see_questions(
    draft: Draft, who: Principal, index: Index, conversations: ConversationStore
) -> bool:
    may_see = make_answer_filter(who, index)
    if may_see is None or draft.author == who.person:
        return True
    for name in {source.turn for source in draft.sources if source.turn}:
        try:
            turn = conversations.get_turn(name)
        except NotFound:
            continue  # erased, and its words with it
        if not may_see(turn.answer or {}):
            return False
    return True


@contextlib.asynccontextmanager
async def use_if_open(state: ServerState, collection: str) -> AsyncIterator[OpenCollection | None]:
    """Open a collection to the end of the block; None where it is gone or cannot be opened."""
    async with contextlib.AsyncExitStack() as ending:
        opened: OpenCollection | None = None
        try:
            use = state.open_collections.use_collection(collection)
            opened = await ending.enter_async_context(use)
        except NotFound:
            pass  # removed: its drafts are still there
        except (IndexesError, OSError) as error:
            log.warning("drafts are hidden", extra={"reason": str(error), "repeats": "drafts"})
        yield opened


async def find_draft(state: ServerState, name: str, who: Principal) -> Draft:
    """Find a draft. Raises NotFound for one that the asker may not see, too."""
    draft = await run_in_thread(state.learning.drafts.find, name)
    async with use_if_open(state, draft.collection) as opened:
        index = opened.index if opened else None
        if not await run_in_thread(may_see_draft, draft, who, index, state.conversations):
            raise NotFound(NO_DRAFT)
    return draft


async def find_asked_turn(
    state: ServerState,
    name: str,
    who: Principal,
    *,
    authors: Collection[TurnAuthor] = QUESTION_AUTHORS,
) -> tuple[ConversationTurn, Mapping[str, Any]]:
    """Find a question that somebody may speak of, and its answer as they may see it.

    One of their own, or of a conversation that was handed over; editors see those of the report of
    gaps, too. authors: of the turns that are looked among. Raises NotFound.
    """
    turn = await run_in_thread(state.conversations.get_turn, name)
    conversation = await run_in_thread(state.conversations.get, turn.conversation)
    is_own = conversation.person == who.person
    is_theirs = is_own or conversation.state in HANDED_OVER_STATES
    if not is_theirs and "edit" in who.scopes:
        is_theirs = await run_in_thread(is_gap_turn, state.database, turn.id)
    is_elsewhere = who.collections and turn.collection not in who.collections
    if is_elsewhere or not is_theirs or turn.author not in authors:
        raise NotFound(NO_TURN)
    async with use_answer_view(state, turn.collection, who) as view:
        answer = turn.answer or {}
        if not is_own and not has_readable_sources(answer, view.may_read, view.index):
            raise NotFound(NO_TURN)
        return turn, await run_in_thread(view.show, turn) or {}


async def find_replied_turn(
    state: ServerState, name: str, who: Principal
) -> tuple[ConversationTurn, Mapping[str, Any]]:
    """Find the question that an agent's reply answers, and the reply as somebody may see it.

    name: of the reply, or of the question: then the desk's own answer to it stands for the reply.
    A reply that no question comes before, or one whose answer they may not see, stands for itself.
    Raises NotFound.
    """
    turn, words = await find_asked_turn(state, name, who, authors=REPLY_AUTHORS)
    if turn.author == "customer":
        return turn, words
    before = turn.number - 1
    turns = await run_in_thread(
        lambda: state.conversations.list_turns(
            turn.conversation, after=max(0, before - TURNS_BACK), limit=min(before, TURNS_BACK)
        )
    )
    questions = [other for other in turns if other.author == "customer" and other.question]
    if not questions:
        return turn, words
    question = questions[-1]
    async with use_answer_view(state, question.collection, who) as view:
        is_readable = has_readable_sources(question.answer or {}, view.may_read, view.index)
    return (question if is_readable else turn), words


def limit_readers(draft: Draft, index: Index | None, who: Principal) -> Draft:
    """Give a draft the groups of who may read it: of its documents, and of a limited author.

    Who may not see one of the documents may not read its words in the entry; and what a limited
    key brings in is not for everybody. Raises WrongState where that leaves nobody.
    """
    groups = who.groups or None
    for uri in {source.uri for source in draft.sources if source.uri}:
        for document in index.documents.list_by_uri(uri) if index else ():
            if document.groups and is_visible(document, who):
                groups = document.groups if groups is None else groups & document.groups
    if groups is not None and not groups:
        raise WrongState(
            "The nearest documents are for groups that have nobody in common. Write the entry "
            "by hand: POST /v1/drafts"
        )
    return replace(draft, groups=groups or frozenset())
