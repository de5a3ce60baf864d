"""A hand-off and what happened to it: the values that the store keeps and the inbox shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ragdesk.support.handoff.handoff_states import HandoffAction, HandoffReason, HandoffState

LONGEST_TEXT = 4_000  # characters of a reason, a note or a comment
LONGEST_REPLY = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoffContact:
    """How somebody can be reached, as they wrote it themselves. Kept sealed, shown to agents."""

    name: str = ""
    email: str = ""
    phone: str = ""

    @property
    def is_empty(self) -> bool:
        return not (self.name or self.email or self.phone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handoff:
    """One conversation in the hands of people. Times are seconds since 1970.

    person: whose conversation it is. groups: what that person may see; None sees all. agent: who
    has it, or for whom it waits after a transfer; None is anybody. text: in free words, why.
    payload: what a person can act on (``handoff_payload``). reopened: how often.
    """

    id: str
    conversation: str
    person: str
    collection: str
    state: HandoffState
    reason: HandoffReason
    text: str
    payload: Mapping[str, Any]
    contact: HandoffContact
    language: str
    sentiment: str | None
    created: int
    updated: int
    groups: frozenset[str] | None = None
    agent: str | None = None
    agent_name: str | None = None
    taken: int | None = None
    closed: int | None = None
    reopened: int = 0
    rating: int | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoffEvent:
    """What was done to a hand-off, by whom, and when (milliseconds since 1970)."""

    number: int
    handoff: str
    action: HandoffAction
    actor: str
    created: int
    detail: Mapping[str, Any] = field(default_factory=dict)
