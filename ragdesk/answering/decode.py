"""Read a model's answer while it is written: sentences and the numbers they cite.

Structured answers are JSON of a known shape, read to the sentence that is growing; plain ones
carry marks. A number that names no passage is dropped, wherever it comes from.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ragdesk.errors import EngineFailed

LONGEST = 1 << 16  # characters of an answer; a schema allows a tenth of it
DEPTH = 3  # braces and brackets around a sentence's members: {"sentences": [{…
_MARK = re.compile(r"\[\d{1,4}+(?:\s?[,，]\s?\d{1,4}+)*+\]")
# The end of a string in which an escape is not whole, or is half of a pair.
_ESCAPE = re.compile(
    r"(?<!\\)(?:\\\\)*+(\\u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?"
    r"|\\(?:u[0-9a-fA-F]{0,3})?)$"
)
_BEGUN = re.compile(r"\[[\d\s,，]*+")  # what may become a mark
_WIDEST = 256  # characters of a mark; what goes on longer is none
_BLANKS = re.compile(r"\s{2,}")  # made one


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence and the passages it cites; while it grows, its beginning and none yet."""

    text: str
    citations: tuple[int, ...]
    whole: bool


class _Shown:
    """The sentence's ``text`` as far as it is written, each character of it decoded once."""

    def __init__(self) -> None:
        self._string: list[str] = []  # the last string that was read
        self._value, self._name = False, ""
        self._ready, self._held = "", ""  # decoded; and of an escape that may go on
        self._broken = False

    def take(self, c: str, *, quoted: bool, escaped: bool) -> None:
        """Take a character of a sentence's JSON; whether a string holds it, behind a backslash."""
        if not quoted:
            if c == ":":
                self._name, self._value = "".join(self._string), True
            elif c in ",{":
                self._value = False
            elif c == '"':
                self._string = []
        elif c != '"' or escaped:
            self._string.append(c)
            if self._value and self._name == "text":
                self._held += c

    def text(self) -> str:
        """Give what was decoded; an escape, or half of a pair, waits for its end."""
        keep = _ESCAPE.search(self._held)
        ready = self._held[: keep.start(1)] if keep else self._held
        if ready and not self._broken:
            try:
                self._ready += str(json.loads(f'"{ready}"'))
            except ValueError:
                self._broken = True  # what is whole will say so
            self._held = self._held[len(ready) :]
        return self._ready


class Structured:
    """Reads ``{"sentences": [{"text": …, "citations": […]}, …]}``."""

    def __init__(self, passages: int, *, growing: bool) -> None:
        """Know how many passages there are, and whether beginnings are wanted too."""
        self._passages, self._growing = passages, growing
        self._open: list[str] = []  # of the sentence that is being written
        self._depth, self._quoted, self._escaped, self._length = 0, False, False, 0
        self._shown = _Shown()
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
                self._shown = _Shown()
        if self._growing and self._open:
            yield Said(self._shown.text(), (), whole=False)

    def end(self) -> Iterator[Said]:
        """Give what is left at the end: nothing, a sentence that was cut off is not one."""
        yield from ()

    def _step(self, c: str) -> bool:
        """Take a character; tell whether it ends a sentence."""
        if self._depth >= DEPTH or (self._depth == DEPTH - 1 and c == "{"):
            self._open.append(max(c, " "))  # grammars let bare controls into strings
            if self._growing:
                self._shown.take(max(c, " "), quoted=self._quoted, escaped=self._escaped)
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
    """Reads plain text in which each sentence ends with its marks.

    What was read is settled as words or as marks at once, and only what may still become a mark
    is looked at again: a sentence that has no end costs no more than its length.
    """

    def __init__(self, passages: int, *, growing: bool) -> None:
        """Know how many passages there are, and whether beginnings are wanted too."""
        self._passages, self._growing = passages, growing
        self._words: list[str] = []  # of the sentence that is being written
        self._marks: list[str] = []  # that follow them
        self._rest = ""  # white space, and what may become a mark
        self._begun = ""  # of the sentence, up to its first bracket
        self._length, self._bracket = 0, False
        self.ended = True  # plain text may end anywhere

    def feed(self, piece: str) -> Iterator[Said]:
        """Take what was written, and give the sentences it completes, then the growing one."""
        text = _BLANKS.sub(_blank, self._rest + piece)
        at, size = 0, len(text)
        while at < size:
            begun = self._words_until(text, at)
            bracket = begun + (begun < size and text[begun].isspace())
            at = begun
            if bracket >= size:
                break
            mark = text[bracket] == "[" and _MARK.match(text, bracket, bracket + _WIDEST)
            if mark:
                self._marks.append(text[at : mark.end()])
                at = mark.end()
            elif text[bracket] != "[":  # after marks: the next sentence
                yield self._said()
                at = size - len(text[at:].lstrip(" .。")) if text[at] in " .。" else at
            elif size - bracket < _WIDEST and _BEGUN.fullmatch(text, bracket):
                break
            else:
                self._add([*self._marks, text[at : bracket + 1]])
                self._marks.clear()
                at, self._bracket = bracket + 1, True
        self._rest = text[at:]
        self._check(len(self._rest))
        if self._growing and self._begun.strip() and not self._bracket:
            yield Said(self._begun.strip(), (), whole=False)

    def end(self) -> Iterator[Said]:
        """Give the last sentence."""
        if self._marks and self._rest.strip() in {"", ".", "。"}:
            yield self._said()
            return
        text = "".join([*self._words, *self._marks, self._rest])
        if last := text.rstrip():
            bare = last[:-1] if last[-1] in ".。" and len(last) > 1 else last
            yield Said(bare.strip(), (), whole=True)
        self._words, self._marks, self._rest = [], [], ""

    def _words_until(self, text: str, at: int) -> int:
        """Settle the words before the next bracket and its white space; say where that begins."""
        if self._marks:
            return at
        bracket = text.find("[", at)
        if bracket == at and not self._words:  # a sentence does not begin with its marks
            bracket = text.find("[", at + 1)
            self._bracket = True
        end = bracket if bracket >= 0 else len(text)
        if end and text[end - 1].isspace() and (self._words or end - 1 > at or bracket < 0):
            end -= 1
        if end > at:
            self._add([text[at:end]])
        return max(at, end)

    def _add(self, words: list[str]) -> None:
        self._words += words
        if self._growing and not self._bracket:
            self._begun += "".join(words)
        self._check(sum(map(len, words)), kept=True)

    def _check(self, fresh: int, *, kept: bool = False) -> None:
        """Raise EngineFailed for a sentence that has no end."""
        if self._length + fresh > LONGEST:
            raise EngineFailed("garbage", "The language model's answer has no end.")
        self._length += fresh if kept else 0

    def _said(self) -> Said:
        """Close the sentence."""
        numbers = [int(n) for n in re.findall(r"\d+", "".join(self._marks))]
        said = Said("".join(self._words).strip(), _real(numbers, self._passages), whole=True)
        self._words, self._marks, self._begun = [], [], ""
        self._length, self._bracket = 0, False
        return said


def _blank(blanks: re.Match[str]) -> str:
    return "\n" if "\n" in blanks[0] else " "


def _real(numbers: object, passages: int) -> tuple[int, ...]:
    """Keep numbers of passages that exist, each once, in order."""
    found = numbers if isinstance(numbers, list) else []
    real = [n for n in found if type(n) is int and 1 <= n <= passages]
    return tuple(dict.fromkeys(real))
