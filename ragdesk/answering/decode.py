"""Read a model's answer while it is written: sentences and the numbers they cite.

Structured answers are JSON of a known shape, read to the sentence that is growing; plain ones
carry marks. A number that names no passage is dropped, wherever it comes from.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from pydantic_core import from_json

from ragdesk.errors import EngineFailed

LONGEST = 1 << 16  # characters of an answer; a schema allows a tenth of it
DEPTH = 3  # braces and brackets around a sentence's members: {"sentences": [{…
_MARKS = re.compile(r"(.+?)((?:\s*\[\d{1,4}(?:\s*[,，]\s*\d{1,4})*\])+)(?=\s*[^\[\s])", re.DOTALL)
_LAST = re.compile(r"(.+?)((?:\s*\[\d{1,4}(?:\s*[,，]\s*\d{1,4})*\])+)?\s*[.。]?\s*$", re.DOTALL)
_BLANKS = re.compile(r"\s{2,}")  # made one, for what is above takes its time over many
_GROWING = re.compile(r"\s*\[[\d\s,，]*$")


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence and the passages it cites; while it grows, its beginning and none yet."""

    text: str
    citations: tuple[int, ...]
    whole: bool


class Structured:
    """Reads ``{"sentences": [{"text": …, "citations": […]}, …]}``."""

    def __init__(self, passages: int, *, growing: bool) -> None:
        """Know how many passages there are, and whether beginnings are wanted too."""
        self._passages, self._growing = passages, growing
        self._open: list[str] = []  # of the sentence that is being written
        self._depth, self._quoted, self._escaped, self._length = 0, False, False, 0
        self.ended = False

    def feed(self, piece: str) -> Iterator[Said]:
        """Take what was written, and give the sentences it completes, then the growing one."""
        self._length += len(piece)
        if self._length > LONGEST:
            raise EngineFailed("garbage", "The language model's answer has no end.")
        for character in piece:
            if self._step(character):
                yield self._whole("".join(self._open))
                self._open.clear()
        if self._growing and self._open:
            with suppress(ValueError):  # in the middle of an escape
                begun = from_json("".join(self._open), allow_partial="trailing-strings")
                yield Said(str(begun.get("text", "")), (), whole=False)

    def end(self) -> Iterator[Said]:
        """Give what is left at the end: nothing, a sentence that was cut off is not one."""
        yield from ()

    def _step(self, c: str) -> bool:
        """Take a character; tell whether it ends a sentence."""
        if self._depth >= DEPTH or (self._depth == DEPTH - 1 and c == "{"):
            self._open.append(max(c, " "))  # grammars let bare controls into strings
        if self._quoted:
            self._quoted = self._escaped or c != '"'
            self._escaped = c == "\\" and not self._escaped
            return False
        if c == '"':
            self._quoted = True
        elif c in "{[":
            self._depth += 1
        elif c in "}]":
            self._depth -= 1
            self.ended = self._depth <= 0
            return c == "}" and self._depth == DEPTH - 1
        elif not self._depth and not c.isspace() and not self.ended:
            raise EngineFailed("garbage", "The language model did not write the JSON it was asked.")
        return False

    def _whole(self, text: str) -> Said:
        try:
            held = json.loads(text)
            words, numbers = held["text"], held["citations"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise EngineFailed("garbage", "The language model wrote broken JSON.") from error
        return Said(str(words), _real(numbers, self._passages), whole=True)


class Marked:
    """Reads plain text in which each sentence ends with its marks."""

    def __init__(self, passages: int, *, growing: bool) -> None:
        """Know how many passages there are, and whether beginnings are wanted too."""
        self._passages, self._growing, self._text = passages, growing, ""
        self.ended = True  # plain text may end anywhere

    def feed(self, piece: str) -> Iterator[Said]:
        """Take what was written, and give the sentences it completes, then the growing one."""
        tail = self._text[-1:] if self._text[-1:].isspace() else ""
        self._text = self._text.removesuffix(tail) + _BLANKS.sub(_blank, tail + piece)
        if len(self._text) > LONGEST:
            raise EngineFailed("garbage", "The language model's answer has no end.")
        while met := _MARKS.match(self._text):
            yield self._said(met)
            self._text = self._text[met.end() :].lstrip(" .。")
        begun = _GROWING.sub("", self._text).strip()
        if self._growing and begun and "[" not in begun:
            yield Said(begun, (), whole=False)

    def end(self) -> Iterator[Said]:
        """Give the last sentence."""
        if self._text.strip() and (met := _LAST.match(self._text)):
            yield self._said(met)
        self._text = ""

    def _said(self, met: re.Match[str]) -> Said:
        numbers = [int(n) for n in re.findall(r"\d+", met[2] or "")]
        return Said(met[1].strip(), _real(numbers, self._passages), whole=True)


def _blank(blanks: re.Match[str]) -> str:
    return "\n" if "\n" in blanks[0] else " "


def _real(numbers: object, passages: int) -> tuple[int, ...]:
    """Keep numbers of passages that exist, each once, in order."""
    found = numbers if isinstance(numbers, list) else []
    real = [n for n in found if type(n) is int and 1 <= n <= passages]
    return tuple(dict.fromkeys(real))
