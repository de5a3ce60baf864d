"""The states of a conversation that is handed over, and what may be done in each. Pure.

answering ──open──▶ waiting ──take──▶ with_person ──close──▶ closed ──rate──▶ closed
                      ▲  └───────close───────────────────────▲  │
                      ├──────transfer───── with_person          │
                      └──────────────reopen─────────────────────┘
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from ragdesk.errors import WrongState


class HandoffState(StrEnum):
    """Where a conversation stands. ``answering``: the desk answers, no hand-off is open."""

    ANSWERING = "answering"
    WAITING = "waiting"
    WITH_PERSON = "with_person"
    CLOSED = "closed"


class HandoffAction(StrEnum):
    """What changes a hand-off, or is noted on it."""

    OPEN = "open"
    TAKE = "take"
    REPLY = "reply"
    WRITE = "write"
    TRANSFER = "transfer"
    CLOSE = "close"
    REOPEN = "reopen"
    RATE = "rate"


class HandoffReason(StrEnum):
    """Why a conversation was handed over. Clients tell them apart: none is renamed or dropped."""

    CUSTOMER_ASKED = "customer_asked"
    COMPLAINT = "complaint"
    SAFETY = "safety"
    REFUSED_TWICE = "refused_twice"
    UNSUPPORTED = "unsupported"
    LOW_CONFIDENCE = "low_confidence"
    NEEDS_ACCOUNT = "needs_account"
    AGENT = "agent"
    OTHER = "other"


_ANSWERING, _WAITING, _WITH_PERSON, _CLOSED = HandoffState
TRANSITIONS: Final[Mapping[tuple[HandoffState, HandoffAction], HandoffState]] = {
    (_ANSWERING, HandoffAction.OPEN): _WAITING,
    (_WAITING, HandoffAction.TAKE): _WITH_PERSON,
    # What the customer adds meanwhile changes no state; neither does an agent's reply.
    (_WAITING, HandoffAction.WRITE): _WAITING,
    (_WAITING, HandoffAction.CLOSE): _CLOSED,
    (_WITH_PERSON, HandoffAction.WRITE): _WITH_PERSON,
    (_WITH_PERSON, HandoffAction.REPLY): _WITH_PERSON,
    (_WITH_PERSON, HandoffAction.TRANSFER): _WAITING,
    (_WITH_PERSON, HandoffAction.CLOSE): _CLOSED,
    (_CLOSED, HandoffAction.REOPEN): _WAITING,
    (_CLOSED, HandoffAction.RATE): _CLOSED,
}
STATE_WORDS: Final[Mapping[HandoffState, str]] = {
    _ANSWERING: "the desk answers it, and it was not handed over",
    _WAITING: "it waits for somebody to take it",
    _WITH_PERSON: "somebody has it",
    _CLOSED: "it is closed",
}


def next_state(state: HandoffState, action: HandoffAction) -> HandoffState:
    """Return the state after an action. Raises WrongState, which names the state it is in.

    >>> next_state(HandoffState.WAITING, HandoffAction.TAKE)
    <HandoffState.WITH_PERSON: 'with_person'>
    """
    try:
        return TRANSITIONS[state, action]
    except KeyError:
        possible = ", ".join(list_actions(state))
        raise WrongState(
            f"This cannot be done now ({action}): {STATE_WORDS[state]} ({state}). "
            f"Possible now: {possible}."
        ) from None


def list_actions(state: HandoffState) -> tuple[HandoffAction, ...]:
    """Return what may be done in a state, in the order of its life.

    >>> [str(action) for action in list_actions(HandoffState.CLOSED)]
    ['reopen', 'rate']
    """
    return tuple(action for action in HandoffAction if (state, action) in TRANSITIONS)
