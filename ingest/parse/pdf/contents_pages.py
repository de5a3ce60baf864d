"""Take the table of contents out of a document's text, and make it an outline where there is none.

A line of contents says where something stands and nothing of it; quoted, it answers no question.
Price lists have dots and numbers too, and their dishes may be described further on: contents are
lines whose numbers rise, and are those of the pages on which their titles stand again.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from ingest.parse.pdf.page_model import Sheet, TextLine
from ingest.parse.pdf.page_tables import is_contents_line
from ingest.parse.pdf.structure import OutlineEntry

FEWEST_ENTRIES = 3  # lines one after the other
FEWEST_AGAIN = 0.5  # share of the entries whose titles stand elsewhere
SHORTEST_ENTRY = 2  # letters of a title
PREFIX_LETTERS = 14  # that two lines share, which are one title: the longer may be broken
MOST_SHEETS = 40  # pages at the beginning (or after other contents) that are looked at
MOST_TITLE_PAGES = 50  # pages on which the same line is looked for
MOST_FALLS = 0.1  # share of the entries whose number is less than the one before
INDENT_STEP = 6.0  # points: entries further in are a level deeper
DEEPEST_ENTRY = 6
_HEAD = re.compile(
    r"(?i)(?:table of )?contents|inhalt(?:sverzeichnis)?|sommaire|table des mati[eè]res"
    r"|[íi]ndice|目\s*录|目\s*錄|目\s*次|page|页码|頁碼"
)
_LEADER = re.compile(r"… ?\S{0,6}$")
_PAGE_CELL = re.compile(r"\d{1,4}|[ivxlc]{1,6}")
_PAGE_SIGNS = " …·.-–—()第页頁"  # around the number of a page
_NUMBER = re.compile(r"\d{1,3}(?:\.\d{1,3}){0,5}\.?(?=\s|$|\D)")


_Place = tuple[int, float]  # a page, 0-based, and points from its top
_Places = Mapping[str, Mapping[int, float]]  # the letters of a line: pages, and points from the top


class _Entry(NamedTuple):
    """An entry of contents. number: how deep its own number is; 0 where it has none.

    page: what is printed as its page. lines: where it stands on its sheet.
    """

    title: str
    left: float
    number: int
    page: str
    lines: tuple[int, ...]


class _Run(NamedTuple):
    """Lines that may be contents, on one page."""

    head: tuple[int, ...]
    entries: tuple[_Entry, ...]

    @property
    def lines(self) -> set[int]:
        return {*self.head, *(n for entry in self.entries for n in entry.lines)}


def take_out_contents(
    sheets: Sequence[Sheet], labels: Sequence[str]
) -> tuple[list[Sheet], list[OutlineEntry], tuple[str, ...]]:
    """Return the pages without contents, the outline that these are, and a note on what went.

    An entry goes only if its title stands again on the page that it names, by its number or its
    label. labels: of the pages.
    """
    runs = {n: page for n in _choose_sheets(sheets) if (page := _find_runs(sheets[n].lines))}
    if not runs:
        return list(sheets), [], ()
    rest = [
        _drop_lines(sheet, {k for run in runs.get(n, ()) for k in run.lines})
        for n, sheet in enumerate(sheets)
    ]
    places = _place_titles(rest)
    entries = [entry for page in runs.values() for run in page for entry in run.entries]
    numbering = _Numbering(labels, _find_shift(entries, places))
    clean_sheets, outline, count = list(sheets), list[tuple[_Entry, _Place]](), 0
    for n, page in runs.items():
        gone = set[int]()
        for run in page:
            again = _find_again(run, places, numbering)
            outline += again
            gone.update(k for entry, _ in again for k in entry.lines)
            if again and len(again) == len(run.entries):
                gone.update(run.head)
        clean_sheets[n] = _drop_lines(sheets[n], gone)
        count += len(gone)
    note = f"{count:,} lines of a table of contents were left out"
    return clean_sheets, _make_outline(outline), (note,) if count else ()


def _drop_lines(sheet: Sheet, gone: set[int]) -> Sheet:
    if not gone:
        return sheet
    return sheet._replace(lines=tuple(x for k, x in enumerate(sheet.lines) if k not in gone))


class _Numbering:
    """How contents name pages: by labels, and by numbers that a shift makes places in the file."""

    def __init__(self, labels: Sequence[str], shift: int) -> None:
        self._shift = shift
        self._labels: dict[str, int] = {}
        for n, label in enumerate(labels):
            self._labels.setdefault(label.casefold(), n)

    def list_pages(self, page: str) -> list[int]:
        """List the pages (0-based) that may be meant."""
        pages = [self._labels[page]] if page in self._labels else []
        if page.isdecimal():
            pages += [int(page) - 1, int(page) - 1 + self._shift]
        return pages


def _find_shift(entries: Iterable[_Entry], places: _Places) -> int:
    """Return by how many pages printed numbers differ from places in the file; 0 if unknown.

    At least two entries that lead to different pages have to agree.
    """
    pages: dict[int, set[int]] = {}
    count = Counter[int]()
    for entry in entries:
        if entry.page.isdecimal():
            for page in _find_places(entry.title, places):
                shift = page + 1 - int(entry.page)
                count[shift] += 1
                pages.setdefault(shift, set()).add(page)
    likely = [shift for shift in count if len(pages[shift]) > 1]
    return max(likely, key=lambda shift: (count[shift], -abs(shift)), default=0)


def _find_again(run: _Run, places: _Places, numbering: _Numbering) -> list[tuple[_Entry, _Place]]:
    """Return the entries whose titles stand again where they say; none where it is no contents."""
    again = list[tuple[_Entry, _Place]]()
    for entry in run.entries:
        tops = _find_places(entry.title, places)
        page = next((n for n in numbering.list_pages(entry.page) if n in tops), None)
        if page is not None:
            again.append((entry, (page, tops[page])))
    if len(again) < max(FEWEST_AGAIN * len(run.entries), FEWEST_ENTRIES - 1):
        return []
    numbers = [int(entry.page) for entry in run.entries if entry.page.isdecimal()]
    falls = sum(after < before for before, after in pairwise(numbers))
    if falls > MOST_FALLS * len(numbers):
        return []
    is_led = run.head or len({page for _, (page, _) in again}) > 1  # else equal prices may do
    return again if is_led else []


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


def _find_runs(lines: Sequence[TextLine]) -> list[_Run]:
    """Return the runs of lines on a page that may be contents, with their heads.

    Entries without dots are believed below a head that says so only.
    """
    runs: list[_Run] = []
    numbers: list[int] = []
    for n in range(len(lines) + 1):
        if n < len(lines) and (_is_entry(lines[n]) or (numbers and _is_broken_entry(lines, n))):
            numbers.append(n)
            continue
        if run := _check_run(lines, numbers):
            runs.append(run)
        numbers = []
    return runs


def _is_broken_entry(lines: Sequence[TextLine], n: int) -> bool:
    """Tell whether a line is the first half of an entry that was too long for one."""
    return n + 1 < len(lines) and _is_entry(lines[n + 1]) and len(lines[n].cells) == 1


def _check_run(lines: Sequence[TextLine], run: Sequence[int]) -> _Run | None:
    entries = [n for n in run if _is_entry(lines[n])]
    if len(entries) < FEWEST_ENTRIES:
        return None
    head = []
    for n in range(run[0] - 1, max(run[0] - 3, -1), -1):
        if not _HEAD.fullmatch(lines[n].text.strip(" :：")):
            break
        head.append(n)
    has_dots = sum(is_contents_line(lines[n]) for n in entries) * 2 > len(entries)
    if not has_dots and not head:
        return None
    return _Run(tuple(head), tuple(_read_entries(lines, run)))


def _read_entries(lines: Sequence[TextLine], run: Sequence[int]) -> list[_Entry]:
    entries = []
    parts: list[int] = []
    for n in run:
        parts.append(n)
        if _is_entry(lines[n]):
            entries.append(_read_entry(lines, tuple(parts)))
            parts = []
    return entries


def _read_entry(lines: Sequence[TextLine], parts: tuple[int, ...]) -> _Entry:
    """Read an entry from its lines, of which the last one has the page."""
    *before, line = (lines[n] for n in parts)
    if leader := _LEADER.search(line.text):
        text, page = line.text[: leader.start()], leader[0]
    else:
        text, page = " ".join(cell.text for cell in line.cells[:-1]), line.cells[-1].text
    text = " ".join([*(half.text for half in before), text.strip()])
    number = _NUMBER.match(text)
    depth = number[0].strip(".").count(".") + 1 if number else 0
    return _Entry(
        text, lines[parts[0]].cells[0].box[0], depth, page.strip(_PAGE_SIGNS).casefold(), parts
    )


def _letters(text: str) -> str:
    return "".join(filter(str.isalpha, text.casefold()))


def _place_titles(sheets: Sequence[Sheet]) -> _Places:
    """Return on which pages each line begins, and how far from their top at first."""
    places: dict[str, dict[int, float]] = {}
    for n, sheet in enumerate(sheets):
        for line in sheet.lines:
            letters = _letters(line.text)
            for key in {letters, letters[:PREFIX_LETTERS]}:
                tops = places.setdefault(key, {})
                if len(tops) < MOST_TITLE_PAGES:
                    tops.setdefault(n, line.cells[0].box[1])
    return places


def _find_places(title: str, places: _Places) -> Mapping[int, float]:
    letters = _letters(title)
    if len(letters) < SHORTEST_ENTRY:
        return {}
    prefix = places.get(letters[:PREFIX_LETTERS], {}) if len(letters) > PREFIX_LETTERS else {}
    return {**prefix, **places.get(letters, {})}


def _make_outline(entries: Sequence[tuple[_Entry, _Place]]) -> list[OutlineEntry]:
    """Make an outline of entries, as deep as their numbers are, else as far as they stand in."""
    lefts: list[float] = []
    for left in sorted({entry.left for entry, _ in entries}):
        if not lefts or left > lefts[-1] + INDENT_STEP:
            lefts.append(left)
    outline = []
    for entry, place in entries:
        indent = sum(entry.left >= left for left in lefts)
        level = min(entry.number or max(indent, 1), DEEPEST_ENTRY)
        outline.append(OutlineEntry(level, entry.title, *place))
    return sorted(outline, key=lambda entry: (entry.page, entry.top))
