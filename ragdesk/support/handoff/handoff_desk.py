"""A hand-off's way: opened with what a person needs, taken, answered, closed. Read this first.

What is done to a hand-off, the turn that it adds to the conversation, the conversation's state and
the letters to other systems are one transaction (``handoff_store``). Who may do it is asked before
(``web/handoffs``). Its calls block.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ragdesk.answering.answer import Answer
from ragdesk.errors import Forbidden, Invalid
from ragdesk.support.conversations.conversation import Conversation, ConversationTurn
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.handoff.citation_choice import choose_citations
from ragdesk.support.handoff.handoff import Handoff, HandoffContact
from ragdesk.support.handoff.handoff_options import HandoffOptions
from ragdesk.support.handoff.handoff_payload import TranscriptTurn, build_payload
from ragdesk.support.handoff.handoff_rules import PastTurn, choose_reason
from ragdesk.support.handoff.handoff_states import HandoffAction, HandoffReason, HandoffState
from ragdesk.support.handoff.handoff_store import HandoffStore
from ragdesk.support.handoff.outbox import Outbox

TURNS_LOOKED_AT: Final = 50
MOST_REPLIES: Final = 10_000  # turns of a conversation among which replies are looked for
BUSY_STATES: Final = ("waiting", "with_person")


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoffRequest:
    """What is asked for with a hand-off. groups: what the asker may see; None sees all.

    language: in which somebody is spoken to who has asked nothing yet.
    """

    reason: HandoffReason
    groups: frozenset[str] | None
    text: str = ""
    language: str | None = None
    contact: HandoffContact = field(default_factory=HandoffContact)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoffAgent:
    """Who takes care of a hand-off. id: their ``Principal.person``; name: as customers read it."""

    id: str
    name: str


class HandoffDesk:
    """All that is done with hand-offs.

    on_change: called with a hand-off after each change: whoever waits for one is to look again.
    """

    def __init__(
        self,
        options: HandoffOptions,
        store: HandoffStore,
        outbox: Outbox,
        conversations: ConversationStore,
        on_change: Callable[[Handoff], None],
    ) -> None:
        self.options = options
        self.store = store
        self.outbox = outbox
        self._conversations = conversations
        self._on_change = on_change

    def find_reason(self, conversation: Conversation, answer: Answer) -> HandoffReason | None:
        """Return why a conversation is to be handed over after an answer; None where it is not."""
        if conversation.state in BUSY_STATES:
            return None
        if choose_reason(answer, (REFUSED_BEFORE,), self.options) is None:
            return None  # whatever came before: nothing is read
        turns = self._conversations.list_last_turns(conversation.id, 1)
        past = [PastTurn(outcome=turn.outcome or "", reason=turn.reason) for turn in turns]
        return choose_reason(answer, past, self.options)

    def open(self, conversation: Conversation, request: HandoffRequest, actor: str) -> Handoff:
        """Hand a conversation over. Raises WrongState where it is already, Forbidden."""
        if not self.options.enabled:
            raise Forbidden("Nothing is handed over to people here. See handoff.enabled.")
        turns = self._conversations.list_last_turns(conversation.id, TURNS_LOOKED_AT)
        customers = [turn for turn in turns if turn.author == "customer"]
        languages = [turn.language for turn in customers if turn.language]
        sentiments = [turn.sentiment for turn in customers if turn.sentiment]
        spoken = conversation.language or request.language or "en"
        language = languages[-1] if languages else spoken
        sentiment = sentiments[-1] if sentiments else None
        payload = build_payload(
            describe_turns(turns),
            request.reason,
            request.text,
            language=language,
            sentiment=sentiment,
        )
        handoff = Handoff(
            id="",
            conversation=conversation.id,
            person=conversation.person,
            collection=conversation.collection,
            state=HandoffState.ANSWERING,
            reason=request.reason,
            text=request.text,
            payload=payload,
            contact=request.contact,
            language=language,
            sentiment=sentiment,
            created=0,
            updated=0,
            groups=request.groups,
        )
        return self._tell(self.store.open_handoff(handoff, actor))

    def add_contact(self, name: str, contact: HandoffContact, text: str, actor: str) -> Handoff:
        """Note how a customer can be reached, and what else they wrote. Raises WrongState."""
        words = {"text": text, "contact": {k: getattr(contact, k) for k in contact.__slots__}}
        changes = {"contact": contact} if not contact.is_empty else {}
        return self._tell(
            self.store.change_handoff(
                name, HandoffAction.WRITE, actor, changes=changes, detail=words
            )
        )

    def write(self, handoff: Handoff, text: str, actor: str, turn_id: str | None = None) -> Handoff:
        """Pass on what a customer writes meanwhile. turn_id: of an answer that was recorded."""
        turn = None if turn_id else self._make_turn(handoff, "customer", text)
        within = turn and (lambda connection: self._conversations.write_turn(connection, turn))
        detail = {"text": text, "turn": turn_id or (turn and turn.id)}
        return self._tell(
            self.store.change_handoff(
                handoff.id, HandoffAction.WRITE, actor, detail=detail, within=within or None
            )
        )

    def take(self, name: str, agent: HandoffAgent) -> Handoff:
        """Let an agent have it. Raises WrongState where somebody else was quicker."""
        changes = {"agent": agent.id, "agent_name": agent.name}
        return self._tell(
            self.store.change_handoff(name, HandoffAction.TAKE, agent.id, changes=changes)
        )

    def reply(
        self,
        name: str,
        agent: HandoffAgent,
        text: str,
        *,
        draft: str | None = None,
        source: str = "",
    ) -> Handoff:
        """Answer the customer. draft: id of the draft that ``[1]`` and so on in the text name.

        source: id of the message in another system, by which it is not taken twice. Raises
        WrongState where another agent has it, Invalid for another draft than the last.
        """
        handoff = self.store.get_handoff(name)
        kept = self.store.get_draft(name) if draft else None
        if draft and (kept is None or kept.get("id") != draft):
            raise Invalid("That draft is not the last one: ask for it again, and cite from that.")
        answer = {"text": text, "agent_name": agent.name, **choose_citations(text, kept)}
        turn = replace(self._make_turn(handoff, "agent", ""), answer=answer, writer=agent.id)
        if source:  # one id, one turn: of two deliveries at once the second fails, and comes again
            turn = replace(turn, id=hashlib.sha256(f"{name}\0{source}".encode()).hexdigest()[:32])
        detail = {"text": text, "turn": turn.id} | ({"message": source} if source else {})
        return self._tell(
            self.store.change_handoff(
                name,
                HandoffAction.REPLY,
                agent.id,
                detail=detail,
                only_agent=agent.id,
                within=lambda connection: self._conversations.write_turn(connection, turn),
            )
        )

    def transfer(self, name: str, actor: HandoffAgent, to: str | None, text: str) -> Handoff:
        """Put it back into the queue, with a note. to: name of whom it waits for; None: anybody."""
        changes = {"agent": None, "agent_name": to}
        detail = {"text": text, "to": to}
        return self._tell(
            self.store.change_handoff(
                name, HandoffAction.TRANSFER, actor.id, changes=changes, detail=detail
            )
        )

    def change(
        self,
        name: str,
        action: HandoffAction,
        actor: str,
        *,
        text: str = "",
        changes: Mapping[str, Any] | None = None,
    ) -> Handoff:
        """Close, reopen or rate it. Raises WrongState."""
        detail = {"text": text} if text else {}
        return self._tell(
            self.store.change_handoff(name, action, actor, changes=changes, detail=detail)
        )

    def has_message(self, name: str, source: str) -> bool:
        """Tell whether a message of another system was taken already."""
        events = self.store.list_events(name)
        return any(event.detail.get("message") == source for event in events)

    def list_replies(self, handoff: Handoff) -> list[ConversationTurn]:
        """List what agents replied in the conversation of a hand-off."""
        turns = self._conversations.list_turns(handoff.conversation, limit=MOST_REPLIES)
        return [turn for turn in turns if turn.author == "agent"]

    def last_question(self, handoff: Handoff) -> str:
        """Return what the customer asked last."""
        turns = self._conversations.list_last_turns(handoff.conversation, TURNS_LOOKED_AT)
        questions = [turn.question for turn in turns if turn.author == "customer" and turn.question]
        return questions[-1] if questions else str(handoff.payload["question"])

    def _make_turn(self, handoff: Handoff, author: Any, text: str) -> ConversationTurn:
        return ConversationTurn(
            id=secrets.token_hex(16),
            conversation=handoff.conversation,
            collection=handoff.collection,
            author=author,
            question=text or None,
            outcome="handed_over" if author == "customer" else None,
            language=handoff.language,
        )

    def _tell(self, handoff: Handoff) -> Handoff:
        self._on_change(handoff)
        return handoff


REFUSED_BEFORE: Final = PastTurn(outcome="not_found", reason="no_passage")


def describe_turns(turns: Sequence[ConversationTurn]) -> list[TranscriptTurn]:
    """Return turns as a payload is built of them; notes of agents are no part of it."""
    return [
        TranscriptTurn(
            author=turn.author,
            text=(turn.question or "") if turn.author == "customer" else turn.text,
            answer=turn.answer or {},
            outcome=turn.outcome,
            reason=turn.reason,
        )
        for turn in turns
        if turn.author != "note"
    ]
