"""What a chat system sends and is answered, whichever it is."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from ragdesk.errors import Unauthenticated

CHAT_WINDOW_SECONDS: Final = 300  # that a message may be old, or early
MOST_TIMESTAMP_DIGITS: Final = 12
LONGEST_CHAT_TEXT: Final = 8_000  # of a message; the desk itself takes less, and says so


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One HTTP request of a chat system, as it came. headers: their names in lower case."""

    method: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMessage:
    """A question out of a chat.

    event: its id there, the same when it comes again. thread: what belongs together, as a digest or
    ids of theirs. address: what a reply is sent to, ids of that system. is_direct: between one
    person and the desk, without threads.
    """

    event: str
    thread: str
    user: str
    text: str
    address: Mapping[str, str]
    is_direct: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """What became of a request: its response, and the question that it brought, if any."""

    body: str = "{}"
    media_type: str = "application/json"
    message: ChatMessage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplySource:
    """A document that an answer rests on. href: where it is read; empty where nobody said."""

    number: int
    title: str
    href: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatReply:
    """An answer as a chat shows it. language: of its fixed words."""

    text: str
    sources: tuple[ReplySource, ...] = ()
    language: str = "en"

    @property
    def sources_title(self) -> str:
        """Return what stands above the sources."""
        return "来源：" if self.language == "zh" else "Sources:"


class ChatSystem(Protocol):
    """One chat system, by the settings of one channel. Safe to share between threads."""

    answers_at_once: bool  # its answer is in the response, as it takes none later
    takes_json: bool  # what it posts is JSON, whatever its media type says

    def hear(self, request: ChatRequest, now: float) -> Hearing:
        """Prove and read a request. Raises Unauthenticated, Invalid."""

    def send(self, address: Mapping[str, str], reply: ChatReply, name: str) -> None:
        """Send a reply; name: of it, the same over all tries. Raises DeliveryFailed. It blocks."""

    def format_response(self, reply: ChatReply) -> str:
        """Write the response of a system that is answered at once."""


def check_signature(expected: str, signature: str) -> None:
    """Raise Unauthenticated where a signature is not the expected one; compared in even time."""
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise Unauthenticated


def check_moment(timestamp: str, now: float) -> None:
    """Raise Unauthenticated for a time in seconds that is none, or too far from now."""
    is_number = timestamp.isascii() and timestamp.isdecimal()
    if not is_number or len(timestamp) > MOST_TIMESTAMP_DIGITS:
        raise Unauthenticated
    if abs(now - int(timestamp)) > CHAT_WINDOW_SECONDS:
        raise Unauthenticated


def clean_chat_text(text: str) -> str:
    r"""Return the words of a message on one line, bounded, without what is no character.

    >>> clean_chat_text(" a\x00b\n\ud800c ")
    'a b c'
    """
    whole = "".join(" " if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)
    return " ".join(whole.split())[:LONGEST_CHAT_TEXT]


def cut_bytes(text: str, most: int) -> str:
    """Cut a text at so many bytes of UTF-8, and say so with an ellipsis.

    >>> cut_bytes("退款五天", 9), cut_bytes("abc", 9)
    ('退款…', 'abc')
    """
    raw = text.encode()
    if len(raw) <= most:
        return text
    return raw[: most - len("…".encode())].decode(errors="ignore") + "…"
