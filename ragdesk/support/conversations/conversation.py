"""A conversation, its turns, and the judgement of an answer, as they are kept."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

ConversationState = Literal["answering", "waiting", "with_person", "closed"]
# Agents see a conversation once it was handed over, and after it was closed.
HANDED_OVER_STATES: Final[tuple[ConversationState, ...]] = ("waiting", "with_person", "closed")
TurnAuthor = Literal["customer", "agent", "note"]
Verdict = Literal["up", "down"]
# Clients tell them apart: none is renamed or dropped.
FeedbackReason = Literal[
    "wrong",
    "outdated",
    "incomplete",
    "off_topic",
    "unclear",
    "too_long",
    "source_missing",
    "source_wrong",
    "unsafe",
    "not_answered",
    "other",
]
FEEDBACK_REASONS: Final[tuple[FeedbackReason, ...]] = get_args(FeedbackReason)
ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """What one person and the desk say to each other. Times are seconds since 1970.

    person: who owns it (``Principal.person``). origin: what it was begun by: page, api, widget.
    """

    id: str
    row_key: int
    person: str
    collection: str
    title: str
    language: str
    state: ConversationState
    origin: str
    created: int
    updated: int
    is_shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationTurn:
    """A question with its answer, an agent's reply, or a note that no customer sees.

    id: the answer's. answer: the answer as it was served, see ``kept_answer``; ``{"text": …}`` of
    an agent. writer: the person of an agent. created: milliseconds since 1970. seconds: until the
    answer was whole. number: 1 for the first; the store counts.
    """

    id: str
    conversation: str
    collection: str
    author: TurnAuthor = "customer"
    number: int = 0
    writer: str | None = None
    question: str | None = None
    answer: Mapping[str, Any] | None = None
    outcome: str | None = None
    reason: str | None = None
    language: str | None = None
    generation: int | None = None
    generator: str | None = None
    confidence: float | None = None
    seconds: float | None = None
    created: int = field(default_factory=lambda: int(time.time() * 1000))
    intent: str | None = None
    sentiment: str | None = None
    in_scope: float | None = None

    @property
    def text(self) -> str:
        """Return the words of the answer or reply."""
        return str((self.answer or {}).get("text", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What somebody thinks of an answer. role: customer, agent or editor."""

    id: str
    turn: str
    person: str
    role: str
    verdict: Verdict
    reasons: tuple[FeedbackReason, ...] = ()
    comment: str | None = None
    created: int = 0


def make_row_id() -> str:
    """Make an id that cannot be guessed."""
    return secrets.token_hex(ID_BYTES)
