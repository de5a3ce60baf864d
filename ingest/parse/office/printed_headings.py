"""Take short lines that stand out in print for the headings that their writer meant.

Many documents have no heading styles: a title is large, 附件二：收费标准 is bold. Such a line is a
heading where what follows it is not printed like it.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ingest.parse.faq_detection import is_question
from ingest.parse.office.package import is_on
from ingest.parse.office.word_styles import MOST_SIZE_DIGITS, Style
from ingest.parse.xml_tree import Element, find_child, local_name, read_attribute

LONGEST_PRINTED_HEADING = 90  # columns of a typewriter; a Han character takes two
MOST_HEADINGS_IN_A_ROW = 3  # more are an address, or a list for the eye
LARGER = 1.2  # times the size of what follows
MOST_PRINTED_LEVELS = 5
MOST_PRINTED_RANKS = 50  # ways to print a heading that are told apart

_SENTENCE_ENDS = "。．.！!；;，,、…"
_ITEM_SIGNS = "-–—•·*●■◆▪○□☐☑☒✓✗"
_HAN_COUNT = "[0-9０-９〇零一二三四五六七八九十百千两]"
_ARTICLE_MARK = re.compile(rf"第\s?{_HAN_COUNT}{{1,9}}\s?[条條款]")
_CHAPTER_MARK = re.compile(rf"第\s?{_HAN_COUNT}{{1,9}}\s?[编編部篇章节節](?![^\s:：、.])")
_MARKS = (  # outermost first
    re.compile(
        rf"第\s?{_HAN_COUNT}{{1,9}}\s?[编編部篇]|附[件录錄表]|(?:part|annex|appendix)\s",
        re.IGNORECASE,
    ),
    re.compile(rf"第\s?{_HAN_COUNT}{{1,9}}\s?章|chapter\s", re.IGNORECASE),
    re.compile(rf"第\s?{_HAN_COUNT}{{1,9}}\s?[节節]|section\s", re.IGNORECASE),
    _ARTICLE_MARK,
    re.compile("[一二三四五六七八九十百]{1,5}[、.．]"),
    re.compile("[（(][一二三四五六七八九十百]{1,5}[)）]"),
    re.compile(r"\d{1,3}[、.．)]?\s|\d{1,3}[、.．)](?!\d)"),
    re.compile(r"\d{1,3}[.．]\d{1,3}(?![.．]?\d)"),
    re.compile(r"\d{1,3}(?:[.．]\d{1,3}){2,8}"),
)


@dataclass(frozen=True, slots=True)
class Print:
    """How most of a paragraph is printed. size: in half points."""

    bold: bool
    size: int

    def stands_out_from(self, other: "Print") -> bool:
        """Tell whether this is bold beside plain print, or much larger."""
        return (self.bold and not other.bold) or self.size >= LARGER * other.size


@dataclass(frozen=True, slots=True)
class HeadingLine:
    """A line that may be a heading. item: as a list has it, if it is of one.

    kind: names the list and the level that it is an item of.
    """

    words: str
    own_print: Print
    item: str = ""
    kind: tuple[str, int] = ("", 0)


class HeadingLines:
    """The lines that wait for what follows them to tell whether they are headings."""

    def __init__(self) -> None:
        self.waiting: list[HeadingLine] = []
        self._section: int | None = None  # the level of the last heading by style
        self._ranks: set[tuple[bool, int, bool, int]] = set()
        self._begun = False

    def begin_section(self, level: int) -> None:
        """Note a heading by style: those by print stand below it."""
        self._section = level
        self._ranks.clear()
        self._begun = True

    def note_content(self) -> None:
        """Note that the text has begun: no line below is its title."""
        self._begun = True

    def take_before_heading(self) -> Iterator[tuple[HeadingLine, int | None]]:
        """Yield the lines before a heading by style, and a level: a lone first one is the title."""
        lines, self.waiting = self.waiting, []
        is_title = len(lines) == 1 and not self._begun and not lines[0].item
        self._begun = True
        for line in lines:
            yield line, 0 if is_title else None

    def take_lines(
        self, follows: Print | None, kind: tuple[str, int] = ("", 0)
    ) -> Iterator[tuple[HeadingLine, int | None]]:
        """Yield the waiting lines, each with its level as a heading, or None where it is none.

        follows: how what stands below them is printed; None where nothing does. kind: of an item.
        """
        lines, self.waiting = self.waiting, []
        are_headings = (
            follows is not None
            and len(lines) <= MOST_HEADINGS_IN_A_ROW
            and all(line.own_print.stands_out_from(follows) for line in lines)
            and not any(line.item and line.kind == kind for line in lines)
        )
        for line in lines:
            yield line, self._find_level(line) if are_headings else None
            self._begun = True
        self._begun = True

    def _find_level(self, line: HeadingLine) -> int:
        size, bold = line.own_print.size, line.own_print.bold
        short = line.words.endswith((":", "："))  # leads what follows it at once
        mark = _rank_mark(line.words)
        is_one_of_several = short or mark is not None or is_question(line.words)
        if not self._begun and self._section is None and not is_one_of_several:
            return 1
        if mark is None:  # of the outermost kind that is printed like it
            alike = (rank[3] for rank in self._ranks if rank[:3] == (short, -size, not bold))
            mark = min(alike, default=-1)
        rank = (short, -size, not bold, mark)
        if len(self._ranks) < MOST_PRINTED_RANKS:
            self._ranks.add(rank)
        offset = min(sum(1 for other in self._ranks if other < rank), MOST_PRINTED_LEVELS)
        return offset + (2 if self._section is None else self._section + 1)


def _rank_mark(words: str) -> int | None:
    return next((n for n, mark in enumerate(_MARKS) if mark.match(words)), None)


def may_be_heading(text: str) -> bool:
    """Tell whether a paragraph is short and no sentence.

    >>> may_be_heading("附件二：收费标准"), may_be_heading("Fees apply."), may_be_heading("- 5 -")
    (True, False, False)
    """
    words = text.strip()
    return (
        0 < len(words) <= LONGEST_PRINTED_HEADING
        and "\n" not in words
        and words[-1] not in _SENTENCE_ENDS
        and words[0] not in _ITEM_SIGNS
        and any(map(str.isalpha, words))
        and measure_width(words) <= LONGEST_PRINTED_HEADING
    )


def measure_width(words: str) -> int:
    """Count the columns that words take on a typewriter."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in words)


def is_article(text: str) -> bool:
    """Tell whether a text begins as an article of a regulation: 第三条.

    >>> is_article("第三条"), is_article("3.")
    (True, False)
    """
    return bool(_ARTICLE_MARK.match(text))


def measure_print(paragraph: Element, style: Style, styles: Mapping[str, Style]) -> Print:
    """Return how a paragraph is printed: bold if all of it is, and the size of most of it.

    A line that names itself a chapter counts as bold.
    """
    sizes: dict[int, int] = {}
    bold = True
    for run in paragraph.iter("{*}r"):
        length = sum(len((text.text or "").strip()) for text in run.iter("{*}t"))
        if length:
            run_bold, size = _find_run_print(run, style, styles)
            bold = bold and run_bold
            sizes[size] = sizes.get(size, 0) + length
    most = max(sizes, key=lambda size: sizes[size], default=style.size)
    return Print(bold=bold and bool(sizes), size=most)


def names_chapter(words: str) -> bool:
    """Tell whether a line begins as a chapter or a section of a regulation does.

    >>> names_chapter("第二章 采购"), names_chapter("第二章规定了采购")
    (True, False)
    """
    return bool(_CHAPTER_MARK.match(words))


def _find_run_print(run: Element, style: Style, styles: Mapping[str, Style]) -> tuple[bool, int]:
    bold, size = style.bold, style.size
    properties = find_child(run, "rPr")
    for own in properties if properties is not None else ():
        name = local_name(own)
        if name == "rStyle":
            named = styles.get(read_attribute(own))
            bold = bold or (named is not None and named.bold)
        elif name == "b":
            bold = is_on(own)
        elif name == "sz":
            value = read_attribute(own)
            size = int(value) if value.isdecimal() and len(value) <= MOST_SIZE_DIGITS else size
    return bold, size
