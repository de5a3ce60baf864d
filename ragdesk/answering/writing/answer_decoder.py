"""Read a model's plain answer while it is written: sentences and the numbers they cite.

Structured answers are read by ``structured_decoder.py``, to the same sentences.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ragdesk.answering.writing.citation_marks import (
    CITATION_MARK,
    LONGEST_MARK,
    MARK_BEGINNING,
    MARK_OPENERS,
    keep_valid_numbers,
    read_mark_numbers,
)
from ragdesk.answering.writing.prompts import NO_ANSWER_MARK
from ragdesk.errors import EngineFailed

LONGEST_ANSWER = 1 << 16  # characters of an answer; a schema allows a tenth of it
_BLANKS = re.compile(r"\s{2,}")  # made one
_OPENER = re.compile(f"[{re.escape(MARK_OPENERS)}]")
_FENCE = re.compile(r"(?m)^[ \t]*```[\w+-]*[ \t]*(?:\n|\Z)")  # the line around a block of code
_FENCE_BEGINNING = re.compile(r"(?:\A|\n)[ \t]*`[^\n]*\Z")  # what may become one
_DENIAL_HEAD = 32  # characters in which a denial shows itself
_DENIAL = re.compile(rf"[\s*_\"'“「(（\[【`]*{re.escape(NO_ANSWER_MARK)}(?![A-Z])")


@dataclass(frozen=True, slots=True)
class DecodedSentence:
    """A sentence and the passages it cites; while it grows, its beginning and none yet."""

    text: str
    citations: tuple[int, ...]
    is_complete: bool


class MarkedDecoder:
    """Reads plain text in which each sentence ends with its marks.

    What was read is settled as words or as marks at once, and only what may still become a mark
    is looked at again: a sentence that has no end costs no more than its length.

    answerable: false where the model says that no passage answers. has_text: it wrote anything.
    """

    def __init__(self, passages: int, *, growing: bool) -> None:
        """Know how many passages there are, and whether beginnings are wanted too."""
        self._passages, self._growing = passages, growing
        self._words: list[str] = []  # of the sentence that is being written
        self._marks: list[str] = []  # that follow them
        self._rest = ""  # white space, and what may become a mark
        self._beginning = ""  # of the sentence, up to its first bracket
        self._length, self._bracket, self._has_ticks = 0, False, False
        self.ended = self.answerable = True  # plain text may end anywhere
        self.has_text = False

    def feed(self, piece: str) -> Iterator[DecodedSentence]:
        """Read a piece of the reply; yield the sentences it completes, then the growing one."""
        self.has_text = self.has_text or bool(piece.strip())
        text = _BLANKS.sub(_collapse_blanks, self._rest + piece)
        at, size = 0, len(text)
        while at < size:
            words_end = self._take_words(text, at)
            bracket = words_end + (words_end < size and text[words_end].isspace())
            at = words_end
            if bracket >= size:
                break
            opens = text[bracket] in MARK_OPENERS
            mark = opens and CITATION_MARK.match(text, bracket, bracket + LONGEST_MARK)
            if mark:
                self._marks.append(text[at : mark.end()])
                at = mark.end()
            elif not opens:  # after marks: the next sentence
                yield from self._close_sentence(["".join(self._words)])
                at = size - len(text[at:].lstrip(" .。")) if text[at] in " .。" else at
            elif size - bracket < LONGEST_MARK and MARK_BEGINNING.fullmatch(text, bracket):
                break
            else:
                self._add_words([*self._marks, text[at : bracket + 1]])
                self._marks.clear()
                at, self._bracket = bracket + 1, True
        self._rest = text[at:]
        self._check_length(len(self._rest))
        beginning = self._read_beginning() if self._growing and not self._bracket else ""
        if beginning:
            yield DecodedSentence(beginning, (), is_complete=False)

    def end(self) -> Iterator[DecodedSentence]:
        """Yield the last sentence."""
        if self._marks and self._rest.strip() in {"", ".", "。"}:
            yield from self._close_sentence(self._words)
            return
        last = "".join([*self._words, *self._marks, self._rest]).rstrip()
        self._marks, self._rest = [], ""
        bare = last[:-1] if last[-1:] in {".", "。"} and len(last) > 1 else last
        yield from self._close_sentence([bare])

    def _take_words(self, text: str, at: int) -> int:
        """Settle the words before the next bracket and its white space; say where that begins."""
        if self._marks:
            return at
        bracket = _OPENER.search(text, at)
        if bracket and bracket.start() == at and not self._words:
            bracket = _OPENER.search(text, at + 1)  # a sentence does not begin with its marks
            self._bracket = True
        end = bracket.start() if bracket else len(text)
        if end and text[end - 1].isspace() and (self._words or end - 1 > at or bracket is None):
            end -= 1
        if end > at:
            self._add_words([text[at:end]])
        return max(at, end)

    def _add_words(self, words: list[str]) -> None:
        self._words += words
        if self._growing and not self._bracket:
            self._beginning += "".join(words)
            self._has_ticks = self._has_ticks or any("`" in part for part in words)
        self._check_length(sum(map(len, words)), counted=True)

    def _check_length(self, added: int, *, counted: bool = False) -> None:
        """Raise EngineFailed for a sentence that has no end."""
        if self._length + added > LONGEST_ANSWER:
            raise EngineFailed("garbage", "The language model's answer has no end.")
        self._length += added if counted else 0

    def _read_beginning(self) -> str:
        """Return what may be shown of the growing sentence: no fence, and nothing of a denial."""
        text = self._beginning
        if self._has_ticks:  # a text that grows by letters is not searched at each of them
            text = _FENCE.sub("", _FENCE_BEGINNING.sub("", text))
        text = text.strip()
        head = text[:_DENIAL_HEAD]
        denies = _DENIAL.match(head) or NO_ANSWER_MARK.startswith(head.lstrip("*_\"'“「(（"))
        return "" if denies else text

    def _close_sentence(self, words: list[str]) -> Iterator[DecodedSentence]:
        """Close the sentence, and yield it; after a denial there is none."""
        numbers = read_mark_numbers("".join(self._marks))
        text = _FENCE.sub("", "".join(words)).strip()
        self.answerable = self.answerable and not _DENIAL.match(text)
        if text and self.answerable:
            yield DecodedSentence(
                text, keep_valid_numbers(numbers, self._passages), is_complete=True
            )
        self._words, self._marks, self._beginning = [], [], ""
        self._length, self._bracket, self._has_ticks = 0, False, False


def _collapse_blanks(blanks: re.Match[str]) -> str:
    return "\n" if "\n" in blanks[0] else " "
