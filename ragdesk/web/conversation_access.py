"""Who may open a conversation, and what of its answers they may see today."""

import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexes.errors import IndexesError
from indexes.index import Index
from indexes.store import generations
from ragdesk.answering.answer import JsonObject, Turn
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import Forbidden, NotFound
from ragdesk.support.access import Principal, authorize
from ragdesk.support.conversations.conversation import (
    HANDED_OVER_STATES,
    Conversation,
    ConversationTurn,
)
from ragdesk.support.conversations.conversation_store import NO_CONVERSATION
from ragdesk.support.conversations.kept_answer import LOOKUP_READERS, is_readable, show_answer
from ragdesk.web.server_state import ServerState

HISTORY_TURNS = 6  # that a follow-up is understood with
LONGEST_HISTORY_TEXT = 8_000  # as of a turn that a client sends itself
log = logging.getLogger("ragdesk.web")


async def open_conversation(
    state: ServerState, name: str, who: Principal, *, as_owner: bool = False
) -> Conversation:
    """Return a conversation with all its turns written. Raises NotFound for a foreign one too.

    Agents open those that were handed over, unless ``as_owner``.
    """
    await state.recorder.settle(name)
    conversation = await run_in_thread(state.conversations.get, name)
    authorize_conversation(who, conversation, as_owner=as_owner)
    return conversation


async def open_history(
    state: ServerState, name: str, who: Principal
) -> tuple[Conversation, list[ConversationTurn]]:
    """Return one's own conversation with the last turns of it. Raises NotFound."""
    await state.recorder.settle(name)
    conversation, turns = await run_in_thread(
        state.conversations.get_with_turns, name, HISTORY_TURNS
    )
    authorize_conversation(who, conversation, as_owner=True)
    return conversation, turns


def authorize_conversation(
    who: Principal, conversation: Conversation, *, as_owner: bool = False
) -> None:
    """Raise NotFound where somebody may not open a conversation."""
    is_own = conversation.person == who.person
    is_handed_over = conversation.state in HANDED_OVER_STATES
    try:
        if is_handed_over and not is_own and not as_owner:
            authorize(who, "agent", conversation.collection)
        else:
            authorize(who, "ask", conversation.collection, owner=conversation.person)
    except (Forbidden, NotFound) as error:
        raise NotFound(NO_CONVERSATION) from error


def opens_lookups(conversation: Conversation, who: Principal) -> bool:
    """Tell whether somebody sees what was looked up in a conversation: its customer, their agents.

    Nobody else does, an administrator neither; and nobody by a token that it was shared with.
    """
    is_own = conversation.person == who.person
    is_handed_over = conversation.state in HANDED_OVER_STATES
    return is_own or (is_handed_over and "agent" in who.scopes)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerView:
    """What of kept answers one reader may see. index: of the generation that answers now.

    opens_lookups: the reader is the customer for whom facts were looked up, or an agent whom the
    conversation was handed to.
    """

    groups: frozenset[str] | None
    index: Index | None
    generations: Sequence[int] = ()
    is_closed: bool = False
    opens_lookups: bool = False

    def may_read(self, groups: frozenset[str]) -> bool:
        """Tell whether the reader may see documents of some groups.

        Of a collection that stands and cannot be opened nobody knows: administrators alone.
        """
        if groups == LOOKUP_READERS:
            return self.opens_lookups
        if self.groups is None:
            return True
        return not self.is_closed and (not groups or bool(groups & self.groups))

    def show(self, turn: ConversationTurn) -> JsonObject | None:
        """Return the answer of a turn as it may be seen; None where it may not, or there is none.

        Blocks.
        """
        if turn.answer is None:
            return None
        return show_answer(turn.answer, self.may_read, self.index, self.generations)

    def history(self, turns: Sequence[ConversationTurn]) -> tuple[Turn, ...]:
        """Return turns as a question's history: what the reader may not see is left out. Blocks."""
        past_turns: list[Turn] = []
        for turn in turns:
            if turn.author == "note":
                continue
            if turn.question:
                past_turns.append(Turn(role="user", text=turn.question[:LONGEST_HISTORY_TEXT]))
            if turn.text and is_readable(turn.answer or {}, self.may_read, self.index):
                past_turns.append(Turn(role="assistant", text=turn.text[:LONGEST_HISTORY_TEXT]))
        return tuple(past_turns)


@contextlib.asynccontextmanager
async def use_answer_view(
    state: ServerState, collection: str, who: Principal, conversation: Conversation | None = None
) -> AsyncIterator[AnswerView]:
    """Open what somebody may see of answers from a collection, to the end of the block.

    conversation: that they are of, where it was opened as one's own or as an agent's.
    """
    lookups = conversation is not None and opens_lookups(conversation, who)
    async with contextlib.AsyncExitStack() as ending:
        try:
            opened = await ending.enter_async_context(
                state.open_collections.use_collection(collection)
            )
        except NotFound:
            stands = await run_in_thread(_is_standing, state, collection)
            yield AnswerView(groups=who.groups, index=None, is_closed=stands, opens_lookups=lookups)
            return
        except (IndexesError, OSError) as error:
            log.warning("answers are hidden", extra={"reason": str(error), "repeats": "hidden"})
            yield AnswerView(groups=who.groups, index=None, is_closed=True, opens_lookups=lookups)
            return
        numbers = await run_in_thread(_list_generations, opened.folder)
        yield AnswerView(
            groups=who.groups, index=opened.index, generations=numbers, opens_lookups=lookups
        )


def _is_standing(state: ServerState, collection: str) -> bool:
    return collection in state.open_collections.list_names()


def _list_generations(folder: Path) -> list[int]:
    return generations.list_generations(folder)
