"""Build a document from pieces of text, with the span of every block.

Offsets are counted while writing, after invisible characters are gone, so
``document.text[block.start:block.end]`` is exactly the block. Blocks are separated by one
blank line; they come in order and never overlap.
"""

import re
from collections.abc import Iterable, Sequence

from indexes.text.folding import strip_invisible
from indexes.text.scripts import detect_language
from indexes.text.sentences import Span
from ingest.document import Block, BlockKind, Document, Page
from ingest.errors import Unreadable
from ingest.parse.faq_detection import is_question, merge_faq_blocks
from ingest.parse.link_spans import LinkPlacer, LinkSpan
from ingest.parse.text_cleaning import (
    clean_text,
    drop_export_id,
    format_row,
    join_wrapped_lines,
)

# A parser runs in a limited child; these keep an ordinary process safe from its result too.
MOST_CHARACTERS = 32_000_000
MOST_BLOCKS = 500_000
LONGEST_TITLE = 300
LONGEST_HEADING = 250  # characters; it leads every chunk below it, so a longer one is a paragraph


class DocumentBuilder:
    """Assembles the text and the blocks of one document, in reading order.

    Every writing method returns the span it wrote; nothing readable in, ``start == end`` out
    and no block. Raises Unreadable when the document grows past what a desk should hold.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._blocks: list[Block] = []
        self._path: list[tuple[int, str]] = []
        self._pages: list[tuple[int, str]] = []
        self._question_headings: set[int] = set()
        self._links = LinkPlacer()
        self.headline = ""  # the first heading of level 1 or above

    @property
    def path(self) -> tuple[str, ...]:
        """The headings above the next block, outermost first."""
        return tuple(text for _, text in self._path)

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._parts)

    @property
    def block_count(self) -> int:
        """The number of blocks so far."""
        return len(self._blocks)

    @property
    def next_level(self) -> int:
        """The level of a heading right below the last one."""
        return self._path[-1][0] + 1 if self._path else 1

    def add_heading(
        self, level: int, text: str, *, visible: bool = True, asks: bool | None = None
    ) -> Span:
        """Open a section, level 1 outermost. Not visible: it leads what follows, but is no text.

        asks: it is a question, and its section the answer; by default, if it reads like one.
        """
        text = join_wrapped_lines(clean_text(text))
        self.close_sections(level)
        if len(text) > LONGEST_HEADING:
            return self._add_block("paragraph", text)
        if not text:
            return self._length, self._length
        if visible and (is_question(text) if asks is None else asks):
            self._question_headings.add(len(self._blocks))
        span = self._add_block("heading", text) if visible else (self._length, self._length)
        self._path.append((level, text))
        if level <= 1 and not self.headline:
            self.headline = text
        return span

    def close_sections(self, level: int) -> None:
        """End the sections of this level and all below it."""
        while self._path and self._path[-1][0] >= level:
            self._path.pop()

    def add_paragraph(self, text: str) -> Span:
        """Add a paragraph and keep its line ends; ``join_wrapped_lines`` joins wrapped lines."""
        return self._add_block("paragraph", clean_text(text))

    def add_list(self, lines: Iterable[str]) -> Span:
        """Add a list, one line an item, marked (``- ``, ``2. ``) and indented by the caller."""
        return self._add_block("list", "\n".join(filter(None, map(_clean_item, lines))).lstrip(" "))

    def add_table(self, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Span:
        """Add a table, one line a row. A header is its first line, and the block's ``header``."""
        head = format_row(header)
        lines = [head, *map(format_row, rows)]
        return self._add_block("table", "\n".join(filter(None, lines)), header=head)

    def add_code(self, text: str) -> Span:
        """Add text whose line ends and indentation mean something."""
        text = strip_invisible(text).replace("\r\n", "\n").replace("\r", "\n")
        lines = [line.rstrip() for line in text.split("\n")]
        return self._add_block("code", "\n".join(lines).strip("\n"))

    def add_faq_entry(self, question: str, answer: str, *, similar: Sequence[str] = ()) -> Span:
        """Add a question with its answer as one unit. Blank lines in the answer are kept.

        similar: other words for the question: they lead the entry, and are no text.
        """
        question = join_wrapped_lines(clean_text(question))
        answer = "\n\n".join(filter(None, map(clean_text, re.split(r"\n[^\S\n]*\n", answer))))
        if not (question and answer):
            return self.add_paragraph(question or answer)
        return self._add_block(
            "faq",
            f"{question}\n{answer}",
            question=len(question),
            similar=tuple(filter(None, (join_wrapped_lines(clean_text(text)) for text in similar))),
        )

    def note_links(
        self,
        text: str,
        links: Iterable[LinkSpan],
        *,
        after: str = "",
        may_be_missing: bool = False,
    ) -> None:
        """Note where words of the next block lead. text: the piece of it that they stand in.

        A paragraph, an item or a cell, before or after it is cleaned. links: the spans of their
        words in it, in order, with their addresses. The text that is written stays the same.
        after: words before the piece, as of the cell before: they tell equal cells apart.
        may_be_missing: the piece may not be written; then its links are not lost.
        """
        self._links.note(text, links, after=after, may_be_missing=may_be_missing)

    def note_lost_links(self, count: int) -> None:
        """Count links of a text that is written next which were lost before."""
        self._links.lost += count

    def set_base_address(self, address: str) -> None:
        """Set the address that relative ones are relative to, where the document names one."""
        self._links.base = address

    def begin_page(self, label: str) -> int:
        """Begin the next page; return its number, 1-based."""
        self._pages.append((len(self._blocks), join_wrapped_lines(clean_text(label))))
        return len(self._pages)

    def build_document(self, *, title: str, media_type: str, boxes: bytes = b"") -> Document:
        """Close the document. Raises Unreadable when nothing readable was written."""
        text = "".join(self._parts)
        if not text.strip():
            raise Unreadable("the document contains no text")
        links = self._links.list_links()
        return Document(
            title=drop_export_id(join_wrapped_lines(clean_text(title)))[:LONGEST_TITLE].rstrip(),
            text=text,
            blocks=tuple(merge_faq_blocks(self._blocks, self._question_headings, text)),
            media_type=media_type,
            language=detect_language(text),
            pages=self._page_spans(),
            boxes=boxes,
            links=links,
            lost_links=self._links.lost,
        )

    def _add_block(
        self,
        kind: BlockKind,
        text: str,
        *,
        header: str = "",
        question: int = 0,
        similar: tuple[str, ...] = (),
    ) -> Span:
        if not text:
            return self._length, self._length
        if self._parts:
            self._parts.append("\n\n")
            self._length += 2
        start, end = self._length, self._length + len(text)
        if end > MOST_CHARACTERS or len(self._blocks) >= MOST_BLOCKS:
            raise Unreadable(
                f"larger than {MOST_CHARACTERS:,} characters or {MOST_BLOCKS:,} paragraphs; "
                "split it into several files"
            )
        self._parts.append(text)
        self._length = end
        self._links.place(text, start)
        self._blocks.append(
            Block(
                kind=kind,
                start=start,
                end=end,
                path=self.path,
                page=len(self._pages) or None,
                header=header,
                question=(start, start + question) if question else None,
                similar_questions=similar,
            )
        )
        return start, end

    def _page_spans(self) -> tuple[Page, ...]:
        """Return the pages with the spans of their blocks; an empty page has an empty span."""
        pages = []
        ends = [first for first, _ in self._pages[1:]] + [len(self._blocks)]
        for (first, label), last in zip(self._pages, ends, strict=False):
            before = self._blocks[first - 1].end if first else 0
            start = self._blocks[first].start if first < last else before
            end = self._blocks[last - 1].end if first < last else before
            pages.append(Page(start=start, end=end, label=label))
        return tuple(pages)


def _clean_item(line: str) -> str:
    """Clean an item's line, and keep the indentation that shows its depth."""
    depth = len(line) - len(line.lstrip(" "))
    text = join_wrapped_lines(clean_text(line))
    return " " * min(depth, 16) + text if text else ""
