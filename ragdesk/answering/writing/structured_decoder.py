"""Read a model's structured answer while it is written: JSON of a known shape.

Each character is looked at once: parsers of partial JSON read all that came again at every token.
Servers that hold a model to a schema send the JSON alone; others let it write a few words or the
fence of a code block around it, which are passed over.
"""

import json
import re
from collections.abc import Iterator

from ragdesk.answering.writing.answer_decoder import LONGEST_ANSWER, DecodedSentence
from ragdesk.answering.writing.citation_marks import keep_valid_numbers, strip_citation_marks
from ragdesk.errors import EngineFailed

SENTENCE_DEPTH = 3  # braces and brackets around a sentence's members: {"sentences": [{…
LONGEST_PREFACE = 2_000  # characters before the answer: "Here is the JSON:" and a fence
_LONGEST_LITERAL = 8  # characters of true, false and null that are kept
# The end of a string in which an escape is not whole, or is half of a pair.
_ESCAPE = re.compile(
    r"(?<!\\)(?:\\\\)*+(\\u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?"
    r"|\\(?:u[0-9a-fA-F]{0,3})?)$"
)


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


class _AnswerMembers:
    """Follows the members of the outermost object: the one that is read, and ``answerable``.

    is_empty: nothing of it was read. is_answer: it has a member of an answer.
    """

    def __init__(self) -> None:
        self.name, self.is_empty, self.is_answer, self.denies = "", True, False, False
        self._string: list[str] = []
        self._literal = ""

    def take_character(self, c: str, *, quoted: bool, escaped: bool) -> None:
        """Read a character between the outermost braces, and outside of what they hold."""
        self.is_empty &= c.isspace()
        if quoted:
            if c != '"' or escaped:
                self._string.append(c)
        elif c == '"':
            self._string = []
        elif c == ":":
            self.name, self._literal, self._string = "".join(self._string), "", []
        elif c in ",}":
            self._read_value("".join(self._string) or self._literal)
        elif c == "[":
            self.is_answer |= self.name == "sentences"
        elif not c.isspace():
            self._literal = (self._literal + c)[:_LONGEST_LITERAL]
            self._read_value(self._literal)

    def _read_value(self, value: str) -> None:
        if self.name == "answerable" and value in {"true", "false"}:
            self.is_answer = True
            self.denies = value == "false"


class StructuredDecoder:
    """Reads ``{"answerable": true, "sentences": [{"text": …, "citations": […]}, …]}``.

    ended: the JSON is whole. answerable: false where the model says that no passage answers.
    """

    has_text = True  # without any it has no end

    def __init__(self, passages: int, *, growing: bool) -> None:
        """passages: how many may be cited. growing: also yield unfinished sentences."""
        self._passages, self._growing = passages, growing
        self._open: list[str] = []  # of the sentence that is being written
        self._depth, self._quoted, self._escaped = 0, False, False
        self._length = self._preface = 0
        self._members = _AnswerMembers()
        self._growing_text = _GrowingText()
        self.ended = False

    @property
    def answerable(self) -> bool:
        return not self._members.denies

    def feed(self, piece: str) -> Iterator[DecodedSentence]:
        """Read a piece of the reply; yield the sentences it completes, then the unfinished one."""
        self._length += len(piece)
        if self._length > LONGEST_ANSWER:
            raise EngineFailed("garbage", "The language model's answer has no end.")
        for character in piece:
            if self.ended:
                return
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
        if not self._members.is_answer:
            self._preface += 1
            if self._preface > LONGEST_PREFACE:
                about = "The language model did not write the JSON it was asked."
                raise EngineFailed("garbage", about)
            if not self._is_inside(c):
                return False
        sentence = self._members.name == "sentences" and (
            self._depth >= SENTENCE_DEPTH or (self._depth == SENTENCE_DEPTH - 1 and c == "{")
        )
        if sentence:
            self._open.append(max(c, " "))  # grammars let bare controls into strings
            if self._growing:
                self._growing_text.take_character(
                    max(c, " "), quoted=self._quoted, escaped=self._escaped
                )
        elif self._depth == 1:
            self._members.take_character(c, quoted=self._quoted, escaped=self._escaped)
        elif self._members.name == "sentences" and c not in ",]" and not c.isspace():
            raise EngineFailed("garbage", "The language model wrote JSON of another shape.")
        return self._follow_nesting(c) and sentence

    def _is_inside(self, c: str) -> bool:
        """Tell whether a character belongs to an object; braces in prose begin none."""
        if self._depth == 1 and self._members.is_empty and c not in '"}' and not c.isspace():
            self._depth = 0
        return self._depth > 0 or c == "{"

    def _follow_nesting(self, c: str) -> bool:
        """Follow strings and brackets; return whether a character closes what a sentence may be."""
        if self._quoted:
            self._quoted = self._escaped or c != '"'
            self._escaped = c == "\\" and not self._escaped
        elif c == '"':
            self._quoted = True
        elif c in "{[":
            self._depth += 1
        elif c in "}]":
            self._depth -= 1
            if self._depth <= 0:
                self.ended = self._members.is_answer
                self._depth = 0
                self._members = self._members if self.ended else _AnswerMembers()
            return c == "}" and self._depth == SENTENCE_DEPTH - 1
        return False

    def _parse_sentence(self, text: str) -> DecodedSentence:
        try:
            sentence = json.loads(text)
            text, numbers = str(sentence["text"]), sentence.get("citations")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise EngineFailed("garbage", "The language model wrote broken JSON.") from error
        plain, mark_numbers = strip_citation_marks(text)
        cited = keep_valid_numbers(numbers or mark_numbers, self._passages)
        if mark_numbers and not self._growing:  # what was shown while it grew stays as it is
            text = plain
        return DecodedSentence(text, cited, is_complete=True)
