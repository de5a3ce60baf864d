"""Units that answer: what a person would point at in a passage.

A sentence, a row with its column names, a list or all steps, a definition, code with the sentence
that introduces it, an FAQ entry with its question. Read ``split_units`` first. Spans are offsets
into the text of the document, so that what is quoted is exact. Pure: a passage and the text of its
document in, units out; which of them are said is chosen elsewhere.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from indexes.chunk import Chunk, Passage
from indexes.text.sentences import Span, text_width
from ingest.chunk_context import LEAD_SEPARATOR
from ragdesk.answering.reading.code_reader import CodeBlock, find_code
from ragdesk.answering.reading.document_lines import subtract_spans, trim_span
from ragdesk.answering.reading.faq_reader import FaqEntry, find_faq_entries, is_question_sentence
from ragdesk.answering.reading.list_reader import ListBlock, find_lists, leads_in
from ragdesk.answering.reading.long_sentences import cut_long_sentence
from ragdesk.answering.reading.table_reader import (
    HeadedRow,
    find_table_blocks,
    read_rows,
    read_table_rows,
)
from ragdesk.answering.reading.unquoted_lines import find_headings, find_unquoted_lines
from ragdesk.answering.retrieval.passage_words import analyze_sentences, has_words

UnitKind = Literal["sentence", "row", "list", "steps", "definition", "code", "faq"]

MOST_ITEMS = 15  # of a list are quoted; of a longer one the first, and the rest are counted
LONGEST_LIST = 1_500  # characters of one that is quoted as it stands; of a longer one, first lines
_LONGEST_RECORD = 8_000  # characters from a record's name to its last field
LONGEST_ITEM = 300  # columns (a Han character counts two) of an item that is one unit

_LEANING_START = re.compile(
    r"\W*(?:(?:he|she|it|they|this|these|that|those|his|her|its|their|such|both|then|also|however"
    r"|otherwise|after that|in (?:this|that|these) cases?|the (?:latter|former|same))\b"
    r"|[他她它其此该这那]|后者|前者|两者|否则|同时|然后)",
    re.IGNORECASE,
)
_FIELD = re.compile(r"[^\s:：][^:：\n]{0,79}[:：] ?[^\s:：]")
_DEFINITION = re.compile(
    r"(?:[-*•]\s+)?(?:[^\s:：,，。.]+\s+){0,5}[^\s:：,，。.]{1,30}(?:[:：]\s*\S"
    r"|\s+(?:is|are|means|refers to|stands for|describes|denotes)\s+(?:an?|the|any|all|how|what)\b"
    r"|\s*(?:是指|指的是|是一[种个项类]|即为|的意思是|表示))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerUnit:
    """A stretch of a passage that may answer a question, and what it needs to be understood.

    passage, rank: where it stands, and the rank of that passage from 0. spans: offsets into the
    document's text that are quoted, in order. above: so many of the first spans are quoted only to
    understand the others: heads of a table, a group of rows, a list's lead-in, the sentence that
    introduces code. text: what is quoted, as it stands. core: the part of it that answers. lead:
    title and headings, the FAQ entry's question, the sentence it leans on: read with it, never
    quoted. question: of an FAQ entry. question_span: where that stands. columns, cells: of a row.
    heading: the nearest one above it inside the passage. size: of a list, the number of its items,
    of which the first 15 are quoted.
    """

    kind: UnitKind
    passage: Passage
    rank: int
    spans: tuple[Span, ...]
    text: str
    core: str
    lead: str
    above: int = 0
    question: str = ""
    question_span: Span | None = None
    columns: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    heading: str = ""
    size: int = 0

    @property
    def core_span(self) -> Span:
        """Return from where to where the part reaches that answers."""
        return self.spans[self.above][0], self.spans[-1][1]

    @property
    def is_whole(self) -> bool:
        """Tell whether it consists of other units: a list, all steps, a whole FAQ entry."""
        return self.kind in {"list", "steps", "faq"}

    @property
    def reading_text(self) -> str:
        """Return its words as a reader understands them: a row as "column: value; …".

        >>> row = {"columns": ("Plan", "Price"), "cells": ("Basic", "9 EUR"), "kind": "row"}
        >>> nothing = {"passage": None, "rank": 0, "spans": (), "text": "", "core": "", "lead": ""}
        >>> AnswerUnit(**row, **nothing).reading_text
        'Plan: Basic; Price: 9 EUR'
        """
        if self.kind != "row" or not self.columns:
            return self.text
        names = (*self.columns, *[""] * len(self.cells))
        parts = [
            f"{name}: {cell}" if name else cell
            for name, cell in zip(names, self.cells, strict=False)
            if cell
        ]
        return "; ".join(parts)

    def contains(self, other: "AnswerUnit") -> bool:
        """Tell whether another unit is a part of this one, which is a list or an FAQ entry."""
        if not self.is_whole or self.passage.chunk.document != other.passage.chunk.document:
            return False
        start, end = self.spans[0][0], self.spans[-1][1]
        return self is not other and start <= other.core_span[0] and other.core_span[1] <= end


def leans_on_previous(sentence: str) -> bool:
    """Tell whether a sentence refers to the one before it: "It …", "该 …".

    >>> leans_on_previous("It costs 5 €."), leans_on_previous("Shipping costs 5 €.")
    (True, False)
    """
    return bool(_LEANING_START.match(sentence))


def _defines(sentence: str) -> bool:
    """Tell whether a sentence says what something is: "X is a …", "term: …", "…是指…"."""
    return bool(_DEFINITION.match(sentence)) and not leans_on_previous(sentence)


def split_units(passage: Passage, rank: int, text: str) -> list[AnswerUnit]:
    """Split a passage into its units, in the order of its text; whole lists come after the others.

    text: of its document. What is never quoted (headings, contents, page numbers, heads of tables,
    questions) is no unit.
    """
    if passage.chunk.kind == "table":
        rows = read_table_rows(text, passage.chunk)
        return [_make_row(passage, rank, text, row) for row in rows]
    return [_name_record(unit, text) for unit in _PassageSplitter(passage, rank, text).split()]


def _name_record(unit: AnswerUnit, text: str) -> AnswerUnit:
    """Put before a field of a record what the record is called: "Model: PX-5" above "Weight: 9 kg".

    Rows of wide tables are kept as records, below a heading of this form.
    """
    chunk = unit.passage.chunk
    name = chunk.path[-1] if chunk.path else ""
    if unit.is_whole or unit.above or not (_FIELD.match(name) and _FIELD.match(unit.core)):
        return unit
    start = unit.spans[0][0]
    at = text.rfind(name, max(0, start - _LONGEST_RECORD), start)
    if at < 0 or text[at + len(name) : at + len(name) + 1] != "\n":
        return unit
    spans = ((at, at + len(name)), *unit.spans)
    return replace(unit, spans=spans, text=join_spans(text, spans), above=1)


def join_spans(text: str, spans: Sequence[Span]) -> str:
    """Join quoted spans as they are shown: cells of one row beside one another, else by lines.

    >>> join_spans("Plan | Staff | Price", [(0, 4), (15, 20)])
    'Plan | Price'
    """
    parts: list[str] = []
    for n, (start, end) in enumerate(spans):
        if n:
            parts.append("\n" if "\n" in text[spans[n - 1][1] : start] else " | ")
        parts.append(text[start:end])
    return "".join(parts)


def _make_unit(  # noqa: PLR0913 (the parts of one value)
    kind: UnitKind,
    passage: Passage,
    rank: int,
    text: str,
    spans: Sequence[Span],
    *,
    above: int = 0,
    lead: Sequence[str] = (),
    entry: FaqEntry | None = None,
    columns: tuple[str, ...] = (),
    cells: tuple[str, ...] = (),
    size: int = 0,
) -> AnswerUnit:
    question = text[slice(*entry.question)] if entry else ""
    heading = passage.chunk.lead.partition("\n")[0] or passage.chunk.title
    return AnswerUnit(
        kind=kind,
        passage=passage,
        rank=rank,
        spans=tuple(spans),
        text=join_spans(text, spans),
        core=join_spans(text, spans[above:]),
        lead="\n".join(filter(None, dict.fromkeys((heading, question, *lead)))),
        above=above,
        question=question,
        question_span=entry.question if entry else None,
        columns=columns,
        cells=cells,
        size=size,
    )


def _make_row(passage: Passage, rank: int, text: str, row: HeadedRow) -> AnswerUnit:
    above = [*row.heads, *row.groups]
    groups = [text[slice(*group)] for group in row.groups]
    return _make_unit(
        "row",
        passage,
        rank,
        text,
        [*above, row.span],
        above=len(above),
        lead=groups,
        columns=row.columns,
        cells=row.cells,
    )


class _PassageSplitter:
    """Splits a passage that is no table: prose, lists, code, FAQ entries, tables in plain text."""

    def __init__(self, passage: Passage, rank: int, text: str) -> None:
        self._passage = passage
        self._chunk: Chunk = passage.chunk
        self._rank = rank
        self._text = text
        self._code = find_code(text, self._chunk)
        if self._chunk.kind == "code":
            self._entries: list[FaqEntry] = []
            self._lists: list[ListBlock] = []
            self._tables: list[Span] = []
            self._unquoted: list[Span] = []
            self._headings: list[Span] = []
            return
        entries = find_faq_entries(text, self._chunk)
        self._entries = [e for e in entries if not self._is_code(e.question)]
        self._unquoted = find_unquoted_lines(text, self._chunk)
        self._lists = [x for x in find_lists(text, self._chunk) if self._is_list(x)]
        tables = find_table_blocks(text, self._chunk)
        self._tables = [table for table in tables if not self._is_code(table)]
        self._headings = find_headings(text, self._chunk)

    def _is_list(self, block: ListBlock) -> bool:
        """Tell whether what looks like a list is one: no code, outline, or numbered questions."""
        if any(line[0] == block.items[0][0] for line in self._unquoted):
            return False
        first_lines = [self._text[slice(*self._first_line(item))] for item in block.items]
        asks = sum(map(is_question_sentence, first_lines))
        return not self._is_code(block.items[0]) and 2 * asks <= len(first_lines)

    def _is_code(self, span: Span) -> bool:
        return any(block.code[0] <= span[0] < block.code[1] for block in self._code)

    def split(self) -> list[AnswerUnit]:
        """Return all units."""
        units = [
            _make_row(self._passage, self._rank, self._text, row)
            for block in self._tables
            for row in read_rows(self._text, block)
        ]
        code = [block for block in self._code if not self._is_listed(block.code)]
        units += map(self._make_code, code)
        items = self._list_item_spans()
        for item, block in items:
            lead_in = [block.lead_in] if block.lead_in else []
            units.append(self._make_part("sentence", [*lead_in, item], above=len(lead_in)))
        holes = sorted(
            [
                *self._tables,
                *(block.code for block in code),
                *(item for item, _ in items),
                *self._unquoted,
                *((entry.question[0], entry.answer[0]) for entry in self._entries),
            ]
        )
        units += self._make_sentences(holes)
        units.sort(key=lambda unit: unit.core_span)
        units += [*map(self._make_list, self._lists), *map(self._make_entry, self._entries)]
        return [self._add_heading(unit) for unit in units]

    def _add_heading(self, unit: AnswerUnit) -> AnswerUnit:
        """Let the heading inside the passage that stands above a unit lead it."""
        above = [span for span in self._headings if span[1] <= unit.spans[0][0]]
        if not above:
            return unit
        heading = self._text[slice(*above[-1])].strip(" #*_:：")
        place, _, rest = unit.lead.partition("\n")
        return replace(
            unit,
            heading=heading,
            lead="\n".join(filter(None, (f"{place}{LEAD_SEPARATOR}{heading}", rest))),
        )

    def _is_listed(self, code: Span) -> bool:
        """Tell whether code is a part of an item that is one unit."""
        return any(item[0] <= code[0] < item[1] for item, _ in self._list_item_spans())

    def _list_item_spans(self) -> list[tuple[Span, ListBlock]]:
        """Return the items in the passage that are short enough to be one unit."""
        start, end = self._chunk.start, self._chunk.end
        return [
            (item, block)
            for block in self._lists
            for item in block.items
            if start <= item[0] and item[1] <= end and self._is_one_unit(item)
        ]

    def _is_one_unit(self, item: Span) -> bool:
        """Tell whether an item is short, and no question with its answer."""
        asks = any(item[0] <= entry.question[0] < item[1] for entry in self._entries)
        return not asks and text_width(self._text[slice(*item)]) <= LONGEST_ITEM

    def _make_sentences(self, holes: Sequence[Span]) -> Iterator[AnswerUnit]:
        before = ""
        start = self._chunk.start
        for sentence in analyze_sentences(self._chunk.text):
            span = start + sentence.start, start + sentence.end
            for piece in subtract_spans(span, holes):
                for part in cut_long_sentence(self._text, trim_span(self._text, *piece)):
                    words = self._text[slice(*part)]
                    if self._says_something(part):
                        yield self._make_part("sentence", [part], before=before)
                    before = words

    def _says_something(self, span: Span) -> bool:
        """Tell whether a sentence answers: no question, and no lead-in of something elsewhere."""
        words = self._text[slice(*span)]
        if not has_words(words) or is_question_sentence(words):
            return False
        return not leads_in(words) or any(block.lead_in == span for block in self._lists)

    def _make_part(
        self, kind: UnitKind, spans: Sequence[Span], *, above: int = 0, before: str = ""
    ) -> AnswerUnit:
        core = self._text[slice(*spans[-1])]
        return _make_unit(
            "definition" if kind == "sentence" and _defines(core) else kind,
            self._passage,
            self._rank,
            self._text,
            spans,
            above=above,
            lead=[before] if leans_on_previous(core) else [],
            entry=self._find_entry(spans[-1]),
        )

    def _find_entry(self, span: Span) -> FaqEntry | None:
        for entry in self._entries:
            if entry.answer[0] <= span[0] and span[1] <= entry.answer[1]:
                return entry
        return None

    def _make_code(self, block: CodeBlock) -> AnswerUnit:
        lead_in = [block.lead_in] if block.lead_in else []
        return self._make_part("code", [*lead_in, block.code], above=len(lead_in))

    def _make_list(self, block: ListBlock) -> AnswerUnit:
        items = block.items[:MOST_ITEMS]
        lead_in = [block.lead_in] if block.lead_in else []
        quoted = [(items[0][0], items[-1][1])]
        if items[-1][1] - items[0][0] > LONGEST_LIST:
            quoted = [self._first_line(item) for item in items]
        return _make_unit(
            "steps" if block.is_ordered else "list",
            self._passage,
            self._rank,
            self._text,
            [*lead_in, *quoted],
            above=len(lead_in),
            entry=self._find_entry(items[0]),
            size=len(block.items),
        )

    def _first_line(self, item: Span) -> Span:
        """Return an item without what stands below its first line, and no more than can be said."""
        end = self._text.find("\n", *item)
        line = (item[0], item[1] if end < 0 else end)
        return cut_long_sentence(self._text, trim_span(self._text, *line))[0]

    def _make_entry(self, entry: FaqEntry) -> AnswerUnit:
        return _make_unit("faq", self._passage, self._rank, self._text, [entry.answer], entry=entry)
