"""Find questions with their answers in a document's text: FAQ entries, and what looks like them.

Pure.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from indexes.chunk import Chunk
from indexes.text.scripts import HAN
from indexes.text.sentences import Span
from ragdesk.answering.reading.document_lines import list_lines, trim_span
from ragdesk.answering.reading.list_reader import read_marker_kind

LONGEST_FAQ_ANSWER = 600  # characters of an answer in prose that is taken for one

_QUESTION_END = re.compile(r"[?？][\s\"'”’」』)）*_]*$")
_WORDS_BEGIN = re.compile(rf"[\W\d_]{{0,4}}(?:[{HAN}]|[^\W\d_]++(?:[’'][^\W\d_]*+)?[ ,])")
_QUESTION_MARK = re.compile(
    r"\W*(?:Q|Question|FAQ|问|問|问题|提问)\s*+\d*+\s*+[:：.、]\s*", re.IGNORECASE
)
_ANSWER_MARK = re.compile(r"\W*(?:A|Answer|答|答案|回答)\s*+\d*+\s*+[:：.、]\s*", re.IGNORECASE)
# In the line of its question: Markdown joins the lines of a paragraph.
_INLINE_ANSWER = re.compile(
    r"(?<=[\s?？。.!！*_])(?:A|Answer|答|答案|回答) ?\d{0,3} ?[:：]", re.IGNORECASE
)
_QUESTION_STOP = re.compile(r"[?？][\"'”’」』)）*_]{0,4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FaqEntry:
    """A question and its answer. Offsets are into the document's text."""

    question: Span
    answer: Span


def is_question_sentence(sentence: str) -> bool:
    """Tell whether a sentence is a question: alone it answers nothing.

    >>> is_question_sentence("Q: Can I pay by card?"), is_question_sentence("可以刷卡吗？”")
    (True, True)
    >>> is_question_sentence("Yes.")
    False
    """
    return bool(_QUESTION_END.search(sentence[-10:]))


def strip_question_mark(question: str) -> str:
    """Return a question without what marks it as one.

    >>> strip_question_mark("Q1: May dogs come in?"), strip_question_mark("**问：可以退货吗？**")
    ('May dogs come in?', '可以退货吗？')
    """
    mark = _QUESTION_MARK.match(question)
    return question[mark.end() if mark else 0 :].strip(" #*_")


def find_faq_entries(text: str, chunk: Chunk) -> list[FaqEntry]:
    """Find the questions with answers in a passage."""
    if chunk.kind == "faq":
        lines = list_lines(text, chunk.start, chunk.end)
        if sum(_is_marked(text, line) for line in lines) > 1:
            return _find_prose_entries(text, lines)  # plain text without blank lines between
        question = chunk.question or _find_question_above(text, chunk)
        start = max(chunk.start, question[1]) if question else chunk.start
        further = [n for n, line in enumerate(lines) if line[0] >= start and _is_marked(text, line)]
        end = lines[further[0]][0] if further else chunk.end
        answer = _skip_mark(text, *trim_span(text, start, end))
        entries = [FaqEntry(question=question, answer=answer)] if question and answer else []
        return entries + (_find_prose_entries(text, lines[further[0] :]) if further else [])
    return _find_prose_entries(text, list_lines(text, chunk.start, chunk.end))


def _find_question_above(text: str, chunk: Chunk) -> Span | None:
    """Find the question of an entry that was cut; the lead of its rest repeats it."""
    _, _, words = chunk.lead.partition("\n")
    if not words.strip():
        return None
    at = text.rfind(words.strip(), chunk.section[0] if chunk.section else 0, chunk.start)
    if at < 0:
        return None
    end = text.find("\n", at + len(words.strip()))
    return trim_span(text, at, chunk.start if end < 0 else min(end, chunk.start))


def _find_prose_entries(text: str, lines: Sequence[Span]) -> list[FaqEntry]:
    """Find lines that are questions, each with the lines up to the next one."""
    asks = [n for n, span in enumerate(lines) if _is_question_line(text[slice(*span)])]
    entries = []
    for n, after in pairwise([*asks, len(lines)]):
        if entry := _cut_line(text, lines[n]):
            entries.append(entry)
            continue
        end = _find_answer_end(text, lines, n, after)
        if n + 1 == end:
            continue
        answer = _skip_mark(text, lines[n + 1][0], lines[end - 1][1])
        if answer and answer[1] - answer[0] <= LONGEST_FAQ_ANSWER:
            entries.append(FaqEntry(question=lines[n], answer=answer))
    return entries


def _cut_line(text: str, line: Span) -> FaqEntry | None:
    """Cut a line that is marked as a question and has its answer behind it: "Q: … A: …"."""
    mark = _QUESTION_MARK.match(text, *line)
    if mark is None:
        return None
    inline = _INLINE_ANSWER.search(text, mark.end(), line[1])
    stop = None if inline else _QUESTION_STOP.search(text, mark.end(), line[1])
    cut = inline.start() if inline else stop.end() if stop else line[1]
    answer = _skip_mark(text, cut, line[1])
    if answer is None or answer[1] - answer[0] > LONGEST_FAQ_ANSWER:
        return None
    return FaqEntry(question=trim_span(text, line[0], cut), answer=answer)


def _find_answer_end(text: str, lines: Sequence[Span], n: int, after: int) -> int:
    """Return the line behind an answer: of a question in a list, where the next item begins."""
    mark = read_marker_kind(text[slice(*lines[n])])
    items = (m for m in range(n + 1, after) if read_marker_kind(text[slice(*lines[m])]) == mark)
    return next(items, after) if mark else after


def _is_question_line(line: str) -> bool:
    asks = is_question_sentence(line) and bool(_WORDS_BEGIN.match(line))
    return asks or bool(_QUESTION_MARK.match(line))


def _is_marked(text: str, line: Span) -> bool:
    return bool(_QUESTION_MARK.match(text[slice(*line)]))


def _skip_mark(text: str, start: int, end: int) -> Span | None:
    """Return the answer without the mark before it ("A:", "答："); None where nothing is left."""
    mark = _ANSWER_MARK.match(text, start, end)
    span = trim_span(text, mark.end() if mark else start, end)
    return span if span[0] < span[1] else None
