"""Read a model's answer while it is written: sentences and the numbers they cite.

Structured answers are JSON of a known shape, read to the sentence that is growing; plain ones
carry marks. A number that names no passage is dropped, wherever it comes from. It is ours because
each character is looked at once: parsers of partial JSON read all that came again at every token.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ragdesk.errors import EngineFailed

LONGEST_ANSWER = 1 << 16  # characters of an answer; a schema allows a tenth of it
SENTENCE_DEPTH = 3  # braces and brackets around a sentence's members: {"sentences": [{…
_CITATION_MARK = re.compile(r"\[\d{1,4}+(?:\s?[,，]\s?\d{1,4}+)*+\]")
# The end of a string in which an escape is not whole, or is half of a pair.
_ESCAPE = re.compile(
    r"(?<!\\)(?:\\\\)*+(\\u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?"
    r"|\\(?:u[0-9a-fA-F]{0,3})?)$"
)
_MARK_BEGINNING = re.compile(r"\[[\d\s,，]*+")  # what may become a mark
_LONGEST_MARK = 256  # characters of a mark; what goes on longer is none
_BLANKS = re.compile(r"\s{2,}")  # made one


@dataclass(frozen=True, slots=True)
class DecodedSentence:
    """A sentence and the passages it cites; while it grows, its beginning and none yet."""

    text: str
    citations: tuple[int, ...]
    is_complete: bool


class _GrowingText:
    """Decodes the ``text`` member of a JSON sentence while it arrives, each character once."""

    def __init__(self) -> None:
        self._string: list[str] = []  # the last string that was read
        self._value, self._name = False, ""
        self._ready, self._pending = "", ""  # decoded; and of an escape that may go on
        self._broken = False

    def take_character(self, c: str, *, quoted: bool, escaped: bool) -> None:
        """Read a character of a sentence's JSON. quoted, escaped: where it stands."""
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
                self._pending += c

    def read_text(self) -> str:
        """Return what was decoded; an escape, or half of a pair, waits for its end."""
        keep = _ESCAPE.search(self._pending)
        ready = self._pending[: keep.start(1)] if keep else self._pending
        if ready and not self._broken:
            try:
                self._ready += str(json.loads(f'"{ready}"'))
            except ValueError:
                self._broken = True  # what is whole will say so
            self._pending = self._pending[len(ready) :]
        return self._ready


class StructuredDecoder:
    """Reads ``{"sentences": [{"text": …, "citations": […]}, …]}``."""

    def __init__(self, passages: int, *, growing: bool) -> None:
        """passages: how many may be cited. growing: also yield unfinished sentences."""
        self._passages, self._growing = passages, growing
        self._open: list[str] = []  # of the sentence that is being written
        self._depth, self._quoted, self._escaped, self._length = 0, False, False, 0
        self._growing_text = _GrowingText()
        self.ended = False

    def feed(self, piece: str) -> Iterator[DecodedSentence]:
        """Read a piece of the reply; yield the sentences it completes, then the unfinished one."""
        self._length += len(piece)
        if self._length > LONGEST_ANSWER:
            raise EngineFailed("garbage", "The language model's answer has no end.")
        for character in piece:
            if self._take_character(character):
                yield self._parse_sentence("".join(self._open))
                self._open.clear()
                self._growing_text = _GrowingText()
        if self._growing and self._open:
            yield DecodedSentence(self._growing_text.read_text(), (), is_complete=False)

    def end(self) -> Iterator[DecodedSentence]:
        """Yield nothing: a sentence that was cut off is dropped."""
        yield from ()

    def _take_character(self, c: str) -> bool:
        """Read a character; return whether it ends a sentence."""
        if self._depth >= SENTENCE_DEPTH or (self._depth == SENTENCE_DEPTH - 1 and c == "{"):
            self._open.append(max(c, " "))  # grammars let bare controls into strings
            if self._growing:
                self._growing_text.take_character(
                    max(c, " "), quoted=self._quoted, escaped=self._escaped
                )
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
            return c == "}" and self._depth == SENTENCE_DEPTH - 1
        elif not self._depth and not c.isspace() and not self.ended:
            raise EngineFailed("garbage", "The language model did not write the JSON it was asked.")
        return False

    def _parse_sentence(self, text: str) -> DecodedSentence:
        try:
            sentence = json.loads(text)
            words, numbers = sentence["text"], sentence["citations"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise EngineFailed("garbage", "The language model wrote broken JSON.") from error
        return DecodedSentence(
            str(words), _keep_valid_numbers(numbers, self._passages), is_complete=True
        )


class MarkedDecoder:
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
        self._beginning = ""  # of the sentence, up to its first bracket
        self._length, self._bracket = 0, False
        self.ended = True  # plain text may end anywhere

    def feed(self, piece: str) -> Iterator[DecodedSentence]:
        """Read a piece of the reply; yield the sentences it completes, then the growing one."""
        text = _BLANKS.sub(_collapse_blanks, self._rest + piece)
        at, size = 0, len(text)
        while at < size:
            words_end = self._take_words(text, at)
            bracket = words_end + (words_end < size and text[words_end].isspace())
            at = words_end
            if bracket >= size:
                break
            mark = text[bracket] == "[" and _CITATION_MARK.match(
                text, bracket, bracket + _LONGEST_MARK
            )
            if mark:
                self._marks.append(text[at : mark.end()])
                at = mark.end()
            elif text[bracket] != "[":  # after marks: the next sentence
                yield self._close_sentence()
                at = size - len(text[at:].lstrip(" .。")) if text[at] in " .。" else at
            elif size - bracket < _LONGEST_MARK and _MARK_BEGINNING.fullmatch(text, bracket):
                break
            else:
                self._add_words([*self._marks, text[at : bracket + 1]])
                self._marks.clear()
                at, self._bracket = bracket + 1, True
        self._rest = text[at:]
        self._check_length(len(self._rest))
        if self._growing and self._beginning.strip() and not self._bracket:
            yield DecodedSentence(self._beginning.strip(), (), is_complete=False)

    def end(self) -> Iterator[DecodedSentence]:
        """Yield the last sentence."""
        if self._marks and self._rest.strip() in {"", ".", "。"}:
            yield self._close_sentence()
            return
        text = "".join([*self._words, *self._marks, self._rest])
        if last := text.rstrip():
            bare = last[:-1] if last[-1] in ".。" and len(last) > 1 else last
            yield DecodedSentence(bare.strip(), (), is_complete=True)
        self._words, self._marks, self._rest = [], [], ""

    def _take_words(self, text: str, at: int) -> int:
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
            self._add_words([text[at:end]])
        return max(at, end)

    def _add_words(self, words: list[str]) -> None:
        self._words += words
        if self._growing and not self._bracket:
            self._beginning += "".join(words)
        self._check_length(sum(map(len, words)), counted=True)

    def _check_length(self, added: int, *, counted: bool = False) -> None:
        """Raise EngineFailed for a sentence that has no end."""
        if self._length + added > LONGEST_ANSWER:
            raise EngineFailed("garbage", "The language model's answer has no end.")
        self._length += added if counted else 0

    def _close_sentence(self) -> DecodedSentence:
        """Close the sentence."""
        numbers = [int(n) for n in re.findall(r"\d+", "".join(self._marks))]
        sentence = DecodedSentence(
            "".join(self._words).strip(),
            _keep_valid_numbers(numbers, self._passages),
            is_complete=True,
        )
        self._words, self._marks, self._beginning = [], [], ""
        self._length, self._bracket = 0, False
        return sentence


def _collapse_blanks(blanks: re.Match[str]) -> str:
    return "\n" if "\n" in blanks[0] else " "


def _keep_valid_numbers(numbers: object, passages: int) -> tuple[int, ...]:
    """Keep numbers of passages that exist, each once, in order."""
    candidates = numbers if isinstance(numbers, list) else []
    valid = [n for n in candidates if type(n) is int and 1 <= n <= passages]
    return tuple(dict.fromkeys(valid))
