"""Remove links, images and markup from a model's text.

A document may order the model to leak what it reads through an address. The desk's links are its
citations and nothing else, so none is let through; whoever shows the text need not be careful.
"""

import re
from dataclasses import dataclass, field

from indexes.text.folding import strip_invisible

REMOVED_MARK = "…"
_ASCII_RUN = re.compile(r"[!-~]+")
_LINK = re.compile(
    r"(?<![a-z0-9+.-])[0-9+.-]*+[a-z][a-z0-9+.-]*+:/|\bwww\.|(?:data|javascript|mailto|vbscript|file|tel):|//|[^\s@]@\w"
    r"|[a-z0-9-]\.[a-z]{2,}+(?:[/:?#]|[^a-z0-9]*+$)",
    re.IGNORECASE,
)
_BRACKET_TABLE = str.maketrans("[]<>`", "()‹›'")


def sanitize_text(text: str, known_text: str = "") -> str:
    """Sanitize a text. known_text: the passages; a bare address that stands there may stay.

    What is done to a stretch without spaces depends on that stretch alone, so a text may be
    cleaned while it grows: see ``GrowingSanitizer``.

    >>> text = "See ![x](https://evil.example/?q=1) <b>now</b> [9], me@a.example"
    >>> sanitize_text(text, known_text="me@a.example")
    'See … ‹b›now‹/b› (9), me@a.example'
    """
    words = " ".join(strip_invisible(text).split())
    return _ASCII_RUN.sub(lambda run: _sanitize_run(run[0], known_text), words)


@dataclass(slots=True, kw_only=True)
class GrowingSanitizer:
    """Cleans a text while it grows, each stretch once. text: what was given of it.

    The last word may still become an address, so it waits for what ends it.

    >>> one = GrowingSanitizer()
    >>> one.grow("Refunds take"), one.grow("Refunds take htt"), one.grow("Refunds take https://x ")
    ('Refunds', ' take', ' …')
    >>> one.grow("Refunds take https://x 退款需要3")
    ' 退款需要'
    """

    known_text: str = ""
    text: str = ""
    _read_length: int = 0  # characters that were read
    _word: list[str] = field(default_factory=list)  # the last one, which may still go on
    _gap_pending: bool = False  # white space was met, and no word after it yet

    def grow(self, text: str) -> str:
        """Return the sanitized text that became safe to show since the last call.

        What was read is not read again: a word of 60,000 letters that came one at a time would
        be, 60,000 times.
        """
        unread = strip_invisible(text[self._read_length :])
        self._read_length = max(self._read_length, len(text))
        end = _settled_length(unread)
        if not end:
            self._word.append(unread)
            return ""
        settled_text = "".join([*self._word, unread[:end]])
        self._word = [unread[end:]]
        words = " ".join(settled_text.split())
        self._gap_pending |= settled_text[:1].isspace()
        if not words:
            return ""
        gap = " " if self._gap_pending and self.text else ""
        sanitized = gap + _ASCII_RUN.sub(lambda run: _sanitize_run(run[0], self.known_text), words)
        self._gap_pending = settled_text[-1].isspace()
        self.text += sanitized
        return sanitized


def _settled_length(text: str) -> int:
    """Return the length of the part of a growing text that more characters cannot change."""
    end = len(text)
    while end and "!" <= text[end - 1] <= "~":
        end -= 1
    return end


def _sanitize_run(run: str, known_text: str) -> str:
    if not _LINK.search(run):
        return run.translate(_BRACKET_TABLE)
    address = run.strip(".,;:!?()\"'*")
    simple = "/" not in address and ":" not in address and "?" not in address and "[" not in address
    return run.translate(_BRACKET_TABLE) if simple and address in known_text else REMOVED_MARK
