"""Find the lists in a document's text: their lead-in and all their items, over chunks. Pure."""

import re
from dataclasses import dataclass

from indexes.chunk import Chunk
from indexes.text.list_items import starts_list_item
from indexes.text.sentences import Span
from ragdesk.answering.reading.document_lines import find_last_sentence, trim_span
from ragdesk.answering.retrieval.passage_words import has_words

LIST_LOOK_BACK = 3_000  # characters of its section that are read before a passage
LOOK_AHEAD = 5_000  # and behind it
LONGEST_BETWEEN = 900  # characters between two steps: a note, some code
FARTHEST_HEADING = 300  # characters above a list from where its heading is looked for
LONGEST_STEP = 1_500  # of a step with its notes

_STEP_ITEM = re.compile(
    r"\s*(?:第[一二三四五六七八九十\d]+步|步骤\s*[一二三四五六七八九十\d]+|Step\s+\d+\b)",
    re.IGNORECASE,
)
_NUMBER_MARK = re.compile(r"\s*[(（]?(\d{1,3}|[一二三四五六七八九十]{1,3})\s*[.)）、．]")
_STEP_NUMBER = re.compile(r"\s*(?:第|步骤\s*|Step\s+)([一二三四五六七八九十\d]+)", re.IGNORECASE)
_DECIMAL = re.compile(r"\s*\d+[.．]\d")
_LEAD_IN = re.compile(r"(?<!\W)(?>\W*?[:：])\W*+$")
_SENTENCE_ENDS = tuple(".!?。！？")
_CLOSING_MARKS = " \t\n\"'”’»」』)）]*_"
_HEADING_MARKS = " \t#*_=:："
_LINE = re.compile(r"[^\n]*(?:\n|$)")
_HAN_DIGITS = {mark: n for n, mark in enumerate("一二三四五六七八九十", start=1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListBlock:
    """A list: what leads it in, if anything does, and its items with what is below each.

    lead_in: the sentence with a colon above it, or the heading right above items that are no
    sentences: "opened coffee" says nothing without "What cannot be returned". is_ordered: its items
    are numbered.
    """

    lead_in: Span | None
    items: tuple[Span, ...]
    is_ordered: bool


@dataclass(slots=True)
class _OpenList:
    start: int
    indent: int
    number: int | None
    items: list[list[int]]
    blank: bool = False


def is_list_item(line: str) -> bool:
    """Tell whether a line begins an item of a list.

    >>> is_list_item("- a"), is_list_item("第二步 按下按钮"), is_list_item("2.5 mm plug")
    (True, True, False)
    """
    if _DECIMAL.match(line):
        return False
    return starts_list_item(line) or bool(_STEP_ITEM.match(line))


def read_marker_kind(line: str) -> str:
    """Return what marks an item of a list: a sign, "1" or "一" with the mark behind it; else "".

    >>> read_marker_kind("2) Pay"), read_marker_kind("二、付款"), read_marker_kind("- Pay")
    ('1)', '一、', '-')
    >>> read_marker_kind("Pay")
    ''
    """
    if not is_list_item(line):
        return ""
    number = _NUMBER_MARK.match(line)
    if not number:
        return line.lstrip()[0]
    return ("1" if number[1].isdecimal() else "一") + number[0].strip()[-1]


def leads_in(sentence: str) -> bool:
    """Tell whether a sentence leads in what follows: it ends with a colon."""
    return bool(_LEAD_IN.search(sentence[-40:]))


def find_lists(text: str, chunk: Chunk) -> list[ListBlock]:
    """Find the lists that a passage stands in or holds, in the text of its document.

    A list that was cut is put together again, as far as its section goes.
    """
    section = chunk.section or (chunk.start, chunk.end)
    first = max(min(section[0], chunk.start), chunk.start - LIST_LOOK_BACK)
    last = min(max(section[1], chunk.end), chunk.end + LOOK_AHEAD)
    lists = [_close_list(text, item, first, chunk) for item in _scan_lists(text, first, last)]
    return [
        block
        for block in lists
        if len(block.items) > 1
        and block.items[0][0] < chunk.end
        and block.items[-1][1] > chunk.start
    ]


def _scan_lists(text: str, start: int, end: int) -> list[_OpenList]:
    lists: list[_OpenList] = []
    current: _OpenList | None = None
    for match in _LINE.finditer(text, start, end):
        first, last = trim_span(text, *match.span())
        if first == last:
            if current:
                current.blank = True
            continue
        line = text[first:last]
        indent = first - match.start()
        if is_list_item(line):
            if current is None or not _takes_item(current, line, indent):
                current = _OpenList(first, indent, _read_number(line), [])
                lists.append(current)
            if indent > current.indent + 1 and current.items:
                current.items[-1][1] = last
            else:
                current.items.append([first, last])
                current.number = _read_number(line)
        elif current and (
            _takes_paragraph(current, text, first, end)
            if current.blank
            else _takes_line(current, line, indent)
        ):
            current.items[-1][1] = last
        else:
            current = None
            continue
        current.blank = False
    return lists


def _takes_item(current: _OpenList, line: str, indent: int) -> bool:
    """Tell whether an item goes on with a list: below one of its items, or in its order."""
    if indent > current.indent + 1:
        return True
    number = _read_number(line)
    if (number is None) != (current.number is None):
        return False
    return (
        number is None or current.number is None or number in {current.number, current.number + 1}
    )


def _takes_line(current: _OpenList, line: str, indent: int) -> bool:
    """Tell whether a line right below an item, which begins none itself, is part of it."""
    return indent > current.indent + 1 or line[0].islower() or current.number is not None


def _takes_paragraph(current: _OpenList, text: str, start: int, end: int) -> bool:
    """Tell whether a paragraph is part of the step above it: soon the next step follows."""
    if current.number is None or start - current.items[-1][0] > LONGEST_STEP:
        return False
    for match in _LINE.finditer(text, start, min(end, start + LONGEST_BETWEEN)):
        number = _read_number(match.group())
        if number is not None:
            return number == current.number + 1
    return False


def _close_list(text: str, open_list: _OpenList, limit: int, chunk: Chunk) -> ListBlock:
    items = tuple((start, end) for start, end in open_list.items)
    above = text[limit : open_list.start].rstrip()
    lead_in = None
    if leads_in(above[-40:]):
        paragraph = above.rfind("\n") + 1
        sentence = find_last_sentence(text, limit + paragraph, limit + len(above))
        lead_in = sentence if sentence and has_words(text[slice(*sentence)]) else None
    elif open_list.number is None and not any(_is_sentence(text[slice(*i)]) for i in items):
        lead_in = _find_heading_above(text, open_list.start, chunk)
    return ListBlock(lead_in=lead_in, items=items, is_ordered=open_list.number is not None)


def _is_sentence(item: str) -> bool:
    return item.rstrip(_CLOSING_MARKS).endswith(_SENTENCE_ENDS)


def _find_heading_above(text: str, start: int, chunk: Chunk) -> Span | None:
    """Find the heading of a passage where it stands right above a place, and is no question."""
    above = text[max(0, start - FARTHEST_HEADING) : start].rstrip()
    line = above.rpartition("\n")[2].strip(_HEADING_MARKS)
    is_asking = line.endswith(("?", "？"))
    if not (chunk.path and line) or is_asking or line != chunk.path[-1].strip(_HEADING_MARKS):
        return None
    at = text.rindex(line, 0, start)
    return at, at + len(line)


def _read_number(line: str) -> int | None:
    match = _NUMBER_MARK.match(line) or _STEP_NUMBER.match(line)
    if not match or not is_list_item(line):
        return None
    digits = match[1]
    return int(digits) if digits.isdecimal() else _read_han(digits)


def _read_han(digits: str) -> int:
    """Read a numeral up to 99.

    >>> _read_han("十"), _read_han("十二"), _read_han("二十一")
    (10, 12, 21)
    """
    tens, mark, ones = digits.partition("十")
    if not mark:
        return _HAN_DIGITS.get(digits, 0)
    return 10 * _HAN_DIGITS.get(tens, 1) + _HAN_DIGITS.get(ones, 0)
