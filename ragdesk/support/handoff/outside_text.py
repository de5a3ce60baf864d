"""What goes out of the house of a hand-off: only what everybody may read of the documents. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ragdesk.support.handoff.handoff_payload import hide_restricted
from ragdesk.support.handoff.handoff_states import HandoffAction
from ragdesk.support.handoff.outbox import Letter

EVENT_TYPES: Final[Mapping[HandoffAction, str]] = {
    HandoffAction.OPEN: "handoff.opened",
    HandoffAction.TAKE: "handoff.taken",
    HandoffAction.REPLY: "handoff.replied",
    HandoffAction.WRITE: "handoff.written",
    HandoffAction.TRANSFER: "handoff.transferred",
    HandoffAction.CLOSE: "handoff.closed",
    HandoffAction.REOPEN: "handoff.reopened",
}
SUBJECT_CHARACTERS: Final = 120
ACTION_TEXTS: Final[Mapping[HandoffAction, str]] = {
    HandoffAction.TAKE: "Taken in ragdesk by {actor}.",
    HandoffAction.TRANSFER: "Put back into ragdesk's queue by {actor}.",
    HandoffAction.CLOSE: "Closed in ragdesk.",
    HandoffAction.REOPEN: "Reopened.",
}


def describe_outside(letter: Letter) -> dict[str, Any]:
    """Return a hand-off and what was done to it, as another system may have it."""
    handoff = letter.body["handoff"]
    fields = ("id", "conversation", "collection", "state", "reason", "text", "language")
    more = ("sentiment", "contact", "agent_name", "created", "updated")
    return {
        "handoff": {name: handoff[name] for name in (*fields, *more)},
        "payload": hide_restricted(handoff["payload"]),
        "text": letter.body["detail"].get("text", ""),
    }


def write_subject(letter: Letter) -> str:
    """Return one line that names a hand-off: the question it was opened for."""
    payload = letter.body["handoff"]["payload"]
    line = " ".join(str(payload["question"]).split()) or letter.body["handoff"]["reason"]
    return line[:SUBJECT_CHARACTERS]


def write_summary(letter: Letter) -> str:
    """Return the summary of a hand-off with how the customer can be reached, as lines of text."""
    handoff = letter.body["handoff"]
    contact = [part for part in handoff["contact"].values() if part]
    lines = [hide_restricted(handoff["payload"])["summary"]]
    if contact:
        lines.append(" · ".join(contact))
    return "\n".join(lines)


def write_note(letter: Letter) -> str:
    """Return what was done to a hand-off in a sentence; an opening tells all of it."""
    handoff = letter.body["handoff"]
    text = letter.body["detail"].get("text", "")
    match letter.action:
        case HandoffAction.OPEN:
            return write_summary(letter)
        case HandoffAction.REPLY:
            return f"{handoff['agent_name'] or 'ragdesk'}: {text}"
        case HandoffAction.WRITE:
            return str(text)
    name = handoff["agent_name"] or "an agent"
    note = ACTION_TEXTS[letter.action].format(actor=name)
    return f"{note}\n{text}" if text else note


def format_time(seconds: int) -> str:
    """Write a moment as other systems read it: ISO 8601, UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
