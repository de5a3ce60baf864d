"""Plain text: its own lines, in paragraphs set apart by blank lines."""

import re
from pathlib import PurePosixPath

from ingest.document import Document
from ingest.parse import decode
from ingest.parse.compose import Composer, flow

MEDIA_TYPE = "text/plain"

_BLANK = re.compile(r"\n[^\S\n]*\n\s*")
_ITEM = re.compile(
    r"\s*(?:[-*•·–]|\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,5})[.)、])\s+\S|\s*[（(]?[一二三四五六七八九十]{1,3}[、)）]"
)
_RULE = re.compile(r"[\s=*_#~.-]{4,}")
_QUESTION = re.compile(r"(?:Q|Question|问|問)\s*+\d*+\s*+[:：.、]\s*+\S", re.IGNORECASE)
_ANSWER = re.compile(r"(?:A|Answer|答)\s*+\d*+\s*+[:：.、]\s*+\S", re.IGNORECASE)
_END = tuple(".!?:;。！？：；…\"”'’)）|")
NARROWEST = 45  # columns; shorter lines are lines of their own, not wrapped ones
LONGEST_TITLE = 80


def parse(body: bytes, uri: str) -> Document:
    """Read a text. Raises Unreadable without text."""
    composer = Composer()
    text = decode.text(body).replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n")
    write(text, composer)
    return composer.document(title=title(text) or PurePosixPath(uri).stem, media_type=MEDIA_TYPE)


def title(text: str) -> str:
    """Give the first line, if it stands alone and reads like a title."""
    first, *rest = _BLANK.split(text.strip(), maxsplit=1)
    alone = bool(rest) and "\n" not in first and len(first) <= LONGEST_TITLE
    return first if alone and not first.endswith(_END[:4]) and not _RULE.fullmatch(first) else ""


def write(text: str, composer: Composer) -> None:
    """Write a text's paragraphs; lists, questions with answers and wrapped lines are noticed."""
    question = ""
    for paragraph in _BLANK.split(text.strip("\n")):
        lines = [
            line for line in paragraph.split("\n") if line.strip() and not _RULE.fullmatch(line)
        ]
        if not lines:
            continue
        if question:
            _answer(question, lines, composer)
            question = ""
        elif _QUESTION.match(lines[0]) and not any(map(_ANSWER.match, lines)):
            question = "\n".join(lines)
        else:
            _paragraph(lines, composer)
    composer.paragraph(question)


def _answer(question: str, lines: list[str], composer: Composer) -> None:
    if _ANSWER.match(lines[0]):
        composer.faq(question, "\n".join(lines))
    else:
        composer.paragraph(question)
        _paragraph(lines, composer)


def _paragraph(lines: list[str], composer: Composer) -> None:
    answer = next((n for n, line in enumerate(lines) if n and _ANSWER.match(line)), 0)
    if answer and _QUESTION.match(lines[0]):
        composer.faq("\n".join(lines[:answer]), "\n".join(lines[answer:]))
    elif len(lines) > 1 and all(map(_ITEM.match, lines)):
        composer.items(lines)
    elif _wrapped(lines):
        composer.paragraph(flow("\n".join(lines)))
    else:
        composer.paragraph("\n".join(lines))


def _wrapped(lines: list[str]) -> bool:
    """Tell lines broken at a column from lines that mean to end there.

    Nearly all are about as long as the longest, few of them end a sentence, none is an item.
    """
    broken = lines[:-1]
    shortest = 2 * min(map(len, broken), default=0)
    if shortest < NARROWEST or any(map(_ITEM.match, lines[1:])):
        return False
    widths = [_width(line) for line in broken]
    ended = sum(line.rstrip().endswith(_END) for line in broken)
    return (
        min(widths) >= max(NARROWEST, max(widths) - 25)
        and max(widths) <= 130  # noqa: PLR2004 (no one wraps later)
        and _width(lines[-1]) <= max(widths) + 2
        and ended <= len(broken) // 3
    )


def _width(line: str) -> int:
    """Count columns: a Han character takes two."""
    return len(line) + sum(1 for character in line if "\u2e80" <= character <= "\uffe6")
