"""Take out of a model's words what is more than words: links, images, markup, marks of its own.

A document may order the model to leak what it reads through an address. The desk's links are its
citations and nothing else, so none is let through; whoever shows the text need not be careful.
"""

import re
from dataclasses import dataclass, field

from indexes.text import strip_invisible

GONE = "…"
_RUN = re.compile(r"[!-~]+")
_LINK = re.compile(
    r"(?<![a-z0-9+.-])[0-9+.-]*+[a-z][a-z0-9+.-]*+:/|\bwww\.|(?:data|javascript|mailto|vbscript|file|tel):|//|[^\s@]@\w"
    r"|[a-z0-9-]\.[a-z]{2,}+(?:[/:?#]|[^a-z0-9]*+$)",
    re.IGNORECASE,
)
_BRACKETS = str.maketrans("[]<>`", "()‹›'")


def plain(text: str, known: str = "") -> str:
    """Give the words of a text. known: the passages; a bare address that stands there may stay.

    What is done to a stretch without spaces depends on that stretch alone, so a text may be
    cleaned while it grows: see ``Growing``.

    >>> plain("See ![x](https://evil.example/?q=1) <b>now</b> [9], me@a.example", "me@a.example")
    'See … ‹b›now‹/b› (9), me@a.example'
    """
    words = " ".join(strip_invisible(text).split())
    return _RUN.sub(lambda run: _run(run[0], known), words)


@dataclass(slots=True, kw_only=True)
class Growing:
    """Cleans a text while it grows, each stretch once. text: what was given of it.

    The last word may still become an address, so it waits for what ends it.

    >>> one = Growing()
    >>> one.grow("Refunds take"), one.grow("Refunds take htt"), one.grow("Refunds take https://x ")
    ('Refunds', ' take', ' …')
    >>> one.grow("Refunds take https://x 退款需要3")
    ' 退款需要'
    """

    known: str = ""
    text: str = ""
    _at: int = 0  # characters that were read
    _word: list[str] = field(default_factory=list)  # the last one, which may still go on
    _apart: bool = False  # white space was met, and no word after it yet

    def grow(self, text: str) -> str:
        """Take the text as it stands now, and give what can be shown of it beyond the last time.

        What was read is not read again: a word of 60,000 letters that came one at a time would
        be, 60,000 times.
        """
        seen = strip_invisible(text[self._at :])
        self._at = max(self._at, len(text))
        end = _settled(seen)
        if not end:
            self._word.append(seen)
            return ""
        fresh = "".join([*self._word, seen[:end]])
        self._word = [seen[end:]]
        words = " ".join(fresh.split())
        self._apart |= fresh[:1].isspace()
        if not words:
            return ""
        gap = " " if self._apart and self.text else ""
        new = gap + _RUN.sub(lambda run: _run(run[0], self.known), words)
        self._apart = fresh[-1].isspace()
        self.text += new
        return new


def _settled(text: str) -> int:
    """Say how far a growing text will not be seen otherwise any more."""
    end = len(text)
    while end and "!" <= text[end - 1] <= "~":
        end -= 1
    return end


def _run(run: str, known: str) -> str:
    if not _LINK.search(run):
        return run.translate(_BRACKETS)
    bare = run.strip(".,;:!?()\"'*")
    simple = "/" not in bare and ":" not in bare and "?" not in bare and "[" not in bare
    return run.translate(_BRACKETS) if simple and bare in known else GONE
