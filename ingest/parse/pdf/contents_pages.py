"""Take the table of contents out of a document's text, and make it an outline where there is none.

A line of contents says where something stands and nothing of it; quoted, it answers no question.
Price lists have dots and numbers too: contents are lines whose titles stand again further on.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from ingest.parse.pdf.page_model import Sheet, TextLine
from ingest.parse.pdf.page_tables import is_contents_line
from ingest.parse.pdf.structure import OutlineEntry

FEWEST_ENTRIES = 3  # lines one after the other
FEWEST_AGAIN = 0.5  # share of the entries whose titles stand elsewhere
SHORTEST_ENTRY = 2  # letters of a title
PREFIX_LETTERS = 14  # that two lines share, which are one title: the longer may be broken
MOST_SHEETS = 40  # pages at the beginning (or after other contents) that are looked at
INDENT_STEP = 6.0  # points: entries further in are a level deeper
DEEPEST_ENTRY = 6
_HEAD = re.compile(
    r"(?i)(?:table of )?contents|inhalt(?:sverzeichnis)?|sommaire|table des mati[eè]res"
    r"|[íi]ndice|目\s*录|目\s*錄|目\s*次|page|页码|頁碼"
)
_LEADER = re.compile(r"… ?\S{0,6}$")
_PAGE_CELL = re.compile(r"\d{1,4}|[ivxlc]{1,6}")
_NUMBER = re.compile(r"\d{1,3}(?:\.\d{1,3}){0,5}\.?(?=\s|$|\D)")


class _Entry(NamedTuple):
    """An entry of contents. number: how deep its own number is; 0 where it has none."""

    title: str
    left: float
    number: int


def take_out_contents(sheets: Sequence[Sheet]) -> tuple[list[Sheet], list[OutlineEntry]]:
    """Return the pages without contents, and the outline that these are.

    Nothing is taken out whose titles do not stand again outside of it.
    """
    runs = {n: run for n in _choose_sheets(sheets) if (run := _find_entries(sheets[n].lines))}
    if not runs:
        return list(sheets), []
    rest = [
        sheet._replace(lines=tuple(x for k, x in enumerate(sheet.lines) if k not in runs[n]))
        if n in runs
        else sheet
        for n, sheet in enumerate(sheets)
    ]
    places = _place_titles(rest)
    kept: list[Sheet] = list(sheets)
    entries: list[_Entry] = []
    for n, run in runs.items():
        own = [_read_entry(sheets[n].lines[k]) for k in run if _is_entry(sheets[n].lines[k])]
        again = [entry for entry in own if _find_title(entry.title, places)]
        if len(again) >= max(FEWEST_AGAIN * len(own), FEWEST_ENTRIES - 1):
            kept[n] = rest[n]
            entries += again
    return kept, _make_outline(entries, places)


def _choose_sheets(sheets: Sequence[Sheet]) -> range:
    return range(min(len(sheets), MOST_SHEETS))


def _is_entry(line: TextLine) -> bool:
    """Tell whether a line ends in dots and a page, or has a page in a cell of its own."""
    if is_contents_line(line):
        return True
    last = line.cells[-1].text
    return (
        len(line.cells) in (2, 3)
        and _PAGE_CELL.fullmatch(last) is not None
        and any(map(str.isalpha, line.cells[-2].text))
    )


def _find_entries(lines: Sequence[TextLine]) -> set[int]:
    """Return the places of the lines of contents on a page, with their head.

    Entries without dots are believed below a head that says so only.
    """
    best: set[int] = set()
    run: list[int] = []
    for n in range(len(lines) + 1):
        if n < len(lines) and (_is_entry(lines[n]) or (run and _is_broken_entry(lines, n))):
            run.append(n)
            continue
        best |= _check_run(lines, run)
        run = []
    return best


def _is_broken_entry(lines: Sequence[TextLine], n: int) -> bool:
    """Tell whether a line is the first half of an entry that was too long for one."""
    return n + 1 < len(lines) and _is_entry(lines[n + 1]) and len(lines[n].cells) == 1


def _check_run(lines: Sequence[TextLine], run: Sequence[int]) -> set[int]:
    entries = [n for n in run if _is_entry(lines[n])]
    if len(entries) < FEWEST_ENTRIES:
        return set()
    head = []
    for n in range(run[0] - 1, max(run[0] - 3, -1), -1):
        if not _HEAD.fullmatch(lines[n].text.strip(" :：")):
            break
        head.append(n)
    has_dots = sum(is_contents_line(lines[n]) for n in entries) * 2 > len(entries)
    if not has_dots and not head:
        return set()
    return {*head, *run}


def _read_entry(line: TextLine) -> _Entry:
    text = _LEADER.sub("", line.text)
    if text == line.text:
        text = " ".join(cell.text for cell in line.cells[:-1])
    number = _NUMBER.match(text)
    depth = number[0].strip(".").count(".") + 1 if number else 0
    return _Entry(text.strip(), line.cells[0].box[0], depth)


def _letters(text: str) -> str:
    return "".join(filter(str.isalpha, text.casefold()))


def _place_titles(sheets: Sequence[Sheet]) -> dict[str, tuple[int, float]]:
    """Return where each line begins for the first time: its page, and points from its top."""
    places: dict[str, tuple[int, float]] = {}
    for n, sheet in enumerate(sheets):
        for line in sheet.lines:
            place = (n, line.cells[0].box[1])
            letters = _letters(line.text)
            places.setdefault(letters, place)
            if len(letters) > PREFIX_LETTERS:
                places.setdefault(letters[:PREFIX_LETTERS], place)
    return places


def _find_title(title: str, places: dict[str, tuple[int, float]]) -> tuple[int, float] | None:
    letters = _letters(title)
    if len(letters) < SHORTEST_ENTRY:
        return None
    return places.get(letters) or places.get(letters[:PREFIX_LETTERS])


def _make_outline(
    entries: Sequence[_Entry], places: dict[str, tuple[int, float]]
) -> list[OutlineEntry]:
    """Make an outline of entries, as deep as their numbers are, else as far as they stand in."""
    lefts: list[float] = []
    for left in sorted({entry.left for entry in entries}):
        if not lefts or left > lefts[-1] + INDENT_STEP:
            lefts.append(left)
    outline = []
    for entry in entries:
        if (place := _find_title(entry.title, places)) is None:
            continue
        indent = sum(entry.left >= left for left in lefts)
        level = min(entry.number or max(indent, 1), DEEPEST_ENTRY)
        outline.append(OutlineEntry(level, entry.title, *place))
    return sorted(outline, key=lambda entry: (entry.page, entry.top))
