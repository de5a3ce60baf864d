"""Parse plain text: its own lines, in paragraphs separated by blank lines."""

import re
from pathlib import PurePosixPath

from ingest.document import Document
from ingest.parse import text_encoding
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.text_cleaning import join_wrapped_lines

TEXT_TYPE = "text/plain"

_BLANK = re.compile(r"\n[^\S\n]*\n\s*")
# Stricter than indexes.text.list_items (words must follow): it decides what is stored as a list.
_ITEM_LINE = re.compile(
    r"\s*(?:[-*•·–]|\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,5})[.)、])\s+\S|\s*[（(]?[一二三四五六七八九十]{1,3}[、)）]"
)
_STAMPED_LINE = re.compile(r"\s*+[\[(<]?\d{1,4}[-/.:]\d{1,2}[-/.: ]")  # of a log or a chat
_RULE_LINE = re.compile(r"[\s=*_#~.-]{4,}")
_QUESTION_LINE = re.compile(r"(?:Q|Question|问|問)\s*+\d*+\s*+[:：.、]\s*+\S", re.IGNORECASE)
_ANSWER_LINE = re.compile(r"(?:A|Answer|答)\s*+\d*+\s*+[:：.、]\s*+\S", re.IGNORECASE)
_LINE_STOPS = tuple(".!?:;。！？：；…\"”'’)）|")
NARROWEST = 45  # columns; shorter lines are lines of their own, not wrapped ones
LONGEST_TITLE_LINE = 80


def parse(body: bytes, uri: str) -> Document:
    """Read a text. Raises Unreadable without text."""
    builder = DocumentBuilder()
    text = (
        text_encoding.decode_text(body)
        .replace("\r\n", "\n")
        .replace("\r", "\n")
        .replace("\f", "\n\n")
    )
    write_plain_text(text, builder)
    return builder.build_document(
        title=find_title_line(text) or PurePosixPath(uri).stem, media_type=TEXT_TYPE
    )


def find_title_line(text: str) -> str:
    """Return the first line, if it stands alone and reads like a title."""
    first, *rest = _BLANK.split(text.strip(), maxsplit=1)
    alone = bool(rest) and "\n" not in first and len(first) <= LONGEST_TITLE_LINE
    return (
        first
        if alone and not first.endswith(_LINE_STOPS[:4]) and not _RULE_LINE.fullmatch(first)
        else ""
    )


def write_plain_text(text: str, builder: DocumentBuilder) -> None:
    """Write a text's paragraphs; lists, questions with answers and wrapped lines are noticed."""
    question = ""
    for paragraph in _BLANK.split(text.strip("\n")):
        lines = [
            line
            for line in paragraph.split("\n")
            if line.strip() and not _RULE_LINE.fullmatch(line)
        ]
        if not lines:
            continue
        if question:
            _write_answer(question, lines, builder)
            question = ""
        elif _QUESTION_LINE.match(lines[0]) and not any(map(_ANSWER_LINE.match, lines)):
            question = "\n".join(lines)
        else:
            _write_text_paragraph(lines, builder)
    builder.add_paragraph(question)


def _write_answer(question: str, lines: list[str], builder: DocumentBuilder) -> None:
    if _ANSWER_LINE.match(lines[0]):
        builder.add_faq_entry(question, "\n".join(lines))
    else:
        builder.add_paragraph(question)
        _write_text_paragraph(lines, builder)


def _write_text_paragraph(lines: list[str], builder: DocumentBuilder) -> None:
    answer = next((n for n, line in enumerate(lines) if n and _ANSWER_LINE.match(line)), 0)
    if answer and _QUESTION_LINE.match(lines[0]):
        builder.add_faq_entry("\n".join(lines[:answer]), "\n".join(lines[answer:]))
    elif len(lines) > 1 and all(map(_ITEM_LINE.match, lines)):
        builder.add_list(lines)
    elif _is_wrapped(lines):
        builder.add_paragraph(join_wrapped_lines("\n".join(lines)))
    else:
        builder.add_paragraph("\n".join(lines))


def _is_wrapped(lines: list[str]) -> bool:
    """Tell lines broken at a column from lines that mean to end there.

    Nearly all are about as long as the longest, few of them end a sentence, none is an item.
    """
    broken = lines[:-1]
    shortest = 2 * min(map(len, broken), default=0)
    if shortest < NARROWEST or any(map(_ITEM_LINE.match, lines[1:])):
        return False
    if all(map(_STAMPED_LINE.match, lines)):
        return False
    widths = [count_columns(line) for line in broken]
    ended = sum(line.rstrip().endswith(_LINE_STOPS) for line in broken)
    return (
        min(widths) >= max(NARROWEST, max(widths) - 25)
        and max(widths) <= 130  # noqa: PLR2004 (no one wraps later)
        and count_columns(lines[-1]) <= max(widths) + 2
        and ended <= len(broken) // 3
    )


def count_columns(line: str) -> int:
    """Count the columns of a line: a Han character takes two.

    >>> count_columns("退款 5")
    6
    """
    return len(line) + sum(1 for character in line if "\u2e80" <= character <= "\uffe6")
