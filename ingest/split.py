"""Split a document into chunks that one question can find and a reader can understand.

Blocks stay whole where they fit, and small neighbours of one section share a chunk. Only what
does not fit is cut: lists at items, tables and code at lines, prose at sentences. The document
is tokenised once; every size after that is a difference of two positions.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING

from indexes.chunk import Chunk, ChunkKind
from indexes.embedding.tokenizer import Tokenizer
from indexes.text.list_items import starts_list_item
from indexes.text.scripts import detect_language
from indexes.text.sentences import Span
from ingest.chunk_context import LeadWriter
from ingest.document import Block, Document
from ingest.token_breaks import mark_token_breaks

if TYPE_CHECKING:  # imported with the first long paragraph: 0.3 s of every child's start
    from langchain_text_splitters import RecursiveCharacterTextSplitter

SPLIT_VERSION = 1
"""The version of how documents are cut: raise it by hand where any document gives other chunks.

Chunks are their spans and what stands above them (lead, section, kind, language), so it is also of
``token_breaks``, ``chunk_context``, sentences and languages. Every document is read again then.
"""
_EVEN = 1.15  # the pieces of a long paragraph may be so much longer than equal shares
_LEADS_IN = 60  # tokens a line may have that leads in a list, and is repeated above its rest
# Characters of a line without a full stop that is read as a label of what follows.
_LONGEST_LABEL = 24
_SIMILAR_MARK = " / "  # between other words for a question
_TEXT_LINE = re.compile(r"[^\n]+")
_FINAL = frozenset(".!?。！？…")
_BREAKS = ("P", "L", "S", "C", "W", "")  # of ``mark_token_breaks``, strongest first


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitOptions:
    """How large the pieces are into which documents are cut, in tokens of the embedding model.

    max_tokens: tokens of a piece's own text, at most. A model that reads less gets smaller pieces
        by itself; raise it only for a model that reads more. The next ingest reads all documents
        anew.
    window: tokens of a piece together with its headings, at most. The packaged model reads 256.
    """

    max_tokens: int = 180
    window: int = 250

    def shrink_to(self, model_tokens: int) -> "SplitOptions":
        """Return options for a model that reads ``model_tokens`` tokens, at most as large as these.

        Two of the tokens are the model's own, and four are kept for a prefix.

        >>> SplitOptions().shrink_to(128)
        SplitOptions(max_tokens=87, window=122)
        """
        window = min(self.window, model_tokens - 6)
        return replace(self, window=window, max_tokens=min(self.max_tokens, window * 180 // 250))


@dataclass(frozen=True, slots=True)
class _Unit:
    """A block, or the part of one that stays together: its span without white space around it.

    section: what it stands in. repeated_line: a line that belongs over it when it stands apart.
    max_tokens: of a chunk from this block alone; less than allowed where equal shares are cut.
    """

    block: Block
    section: Span
    start: int
    end: int
    repeated_line: str
    max_tokens: int

    @property
    def grouping_key(self) -> tuple[object, ...]:
        """Units of one place may share a chunk; a FAQ entry shares with nobody."""
        block = self.block
        alone = block.start if block.kind == "faq" else None
        return self.section, block.page, block.kind == "table", block.header, alone


def split_document(
    document: Document, *, uri: str, record_id: str, tokenizer: Tokenizer, options: SplitOptions
) -> list[Chunk]:
    """Split a document: chunks in its order, none overlapping, nothing but white space left out.

    ``document.text[chunk.start:chunk.end] == chunk.text`` for each, without white space around
    it. A chunk lies on one page and in one section. A heading that leads no text is a chunk; all
    others are in the ``path`` and ``lead`` of what stands under them. Of a FAQ entry that is too
    long, the first chunk has the question, the others have it in their lead; other words for it are
    in the lead of the first.
    """
    packer = _UnitPacker(document.text, tokenizer.token_starts(document.text), options.max_tokens)
    lead_writer = LeadWriter(document.title, tokenizer)
    chunks = []
    for units in packer.pack_units(_pair_with_sections(document)):
        block = units[0].block
        start = units[0].start
        end = units[-1].end
        text = document.text[start:end]
        repeated_line = "" if units[0].repeated_line in text else units[0].repeated_line
        if block.similar_questions and not repeated_line:
            repeated_line = _SIMILAR_MARK.join(block.similar_questions)
        question = block.question
        chunks.append(
            Chunk(
                document=record_id,
                uri=uri,
                title=document.title,
                text=text,
                start=start,
                end=end,
                lead=lead_writer.write_lead(
                    block.path,
                    repeated_line,
                    options.window - packer.count_span_tokens(start, end) - 1,
                ),
                path=block.path,
                page=block.page,
                section=units[0].section,
                question=question
                if question and start <= question[0] and question[1] <= end
                else None,
                kind=_name_chunk_kind(units, document.text),
                language=_detect_chunk_language(text, document.language),
            )
        )
    return chunks


def _pair_with_sections(document: Document) -> list[tuple[Block, Span]]:
    """Return the blocks that become text, each with the span of its section, headings included."""
    sections: list[list[Block]] = []
    section_starts: list[int] = []
    last: object = None
    for block, top in _find_bodies(document):
        key = block.path or block.page
        if not sections or top < block.start or key != last:
            sections.append([])
            section_starts.append(top)
        sections[-1].append(block)
        last = key
    return [
        (block, (top, run[-1].end))
        for run, top in zip(sections, section_starts, strict=True)
        for block in run
    ]


def _find_bodies(document: Document) -> list[tuple[Block, int]]:
    """Find all blocks but headings that lead others, and where the headings of each begin."""
    bodies: list[tuple[Block, int]] = []
    for block in reversed(document.blocks):
        text = document.text[block.start : block.end].strip()
        if block.kind == "heading" and bodies and " ".join(text.split()) in bodies[-1][0].path:
            bodies[-1] = (bodies[-1][0], block.start)
        elif text:
            bodies.append((block, block.start))
    return bodies[::-1]


def _name_chunk_kind(units: Sequence[_Unit], text: str) -> ChunkKind:
    """Return the kind of a chunk; a list stays one with the line that leads it in."""
    kinds = {unit.block.kind for unit in units}
    if len(units) > 1 and _introduces_next(text, units[0]):
        kinds = {unit.block.kind for unit in units[1:]}
    kind = kinds.pop()
    return "prose" if kinds or kind == "heading" or kind == "paragraph" else kind  # noqa: PLR1714


def _detect_chunk_language(text: str, default: str) -> str:
    code = detect_language(text)
    return default if code == "und" else code


def _introduces_next(text: str, unit: _Unit) -> bool:
    """Tell whether a line leads in what follows: by its colon, or as a short label."""
    last = text[unit.end - 1]
    if unit.block.kind == "paragraph" and unit.end - unit.start <= _LONGEST_LABEL:
        return last not in _FINAL
    return last in {":", "："}


class _UnitPacker:
    """Makes units of blocks and packs them. cuts: where the tokens of the text begin."""

    def __init__(self, text: str, cuts: Sequence[int], limit: int) -> None:
        self._text = text
        self._cuts = cuts
        self._limit = limit

    def count_span_tokens(self, start: int, end: int) -> int:
        """Count the tokens that begin in a span."""
        return bisect_left(self._cuts, end) - bisect_left(self._cuts, start)

    def pack_units(self, blocks: Sequence[tuple[Block, Span]]) -> Iterator[list[_Unit]]:
        """Pack neighbouring units together while they fit; a line that leads in goes along."""
        pending: list[_Unit] = []
        for unit in self._make_units(blocks):
            if pending and not self._fits(pending[0], unit):
                carries_over = len(pending) > 1 and _introduces_next(self._text, pending[-1])
                carries_over = carries_over and self._fits(pending[-1], unit)
                yield pending[:-1] if carries_over else pending
                pending = pending[-1:] if carries_over else []
            pending.append(unit)
        if pending:
            yield pending

    def _fits(self, first: _Unit, last: _Unit) -> bool:
        most = last.max_tokens if first.block is last.block else self._limit
        return (
            first.grouping_key == last.grouping_key
            and self.count_span_tokens(first.start, last.end) <= most
        )

    def _make_units(self, blocks: Sequence[tuple[Block, Span]]) -> Iterator[_Unit]:
        last_unit: _Unit | None = None
        for block, section in blocks:
            above = block.header
            limit = self._limit
            if block.question:
                above = self._text[slice(*block.question)]
            elif block.kind == "list" and last_unit and last_unit.section == section:
                size = self.count_span_tokens(last_unit.start, last_unit.end)
                if _introduces_next(self._text, last_unit) and size <= _LEADS_IN:
                    above = self._text[last_unit.start : last_unit.end]
                    limit = self._limit - size
            whole = self.count_span_tokens(block.start, block.end) <= limit
            parts = [(block.start, block.end)] if whole else self._split_block(block)
            for part in parts:
                max_tokens = self._even_share(*part) if block.kind == "paragraph" else self._limit
                for start, end in self._split_prose(*part, max_tokens, block.question):
                    piece = self._text[start:end]
                    if words := piece.strip():
                        at = start + len(piece) - len(piece.lstrip())
                        last_unit = _Unit(block, section, at, at + len(words), above, max_tokens)
                        yield last_unit

    def _split_block(self, block: Block) -> list[Span]:
        """Split a block where its kind allows it."""
        if block.kind not in {"list", "table", "code"}:
            return [(block.start, block.end)]
        lines = [m.span() for m in _TEXT_LINE.finditer(self._text, block.start, block.end)]
        return self._join_item_lines(lines) if block.kind == "list" else lines

    def _even_share(self, start: int, end: int) -> int:
        """Return the most tokens for the pieces of a span, so that no short end is left over."""
        count = self.count_span_tokens(start, end)
        return min(self._limit, ceil(_EVEN * count / max(1, ceil(count / self._limit))))

    def _join_item_lines(self, lines: list[Span]) -> list[Span]:
        """Join the lines of an item that goes on over several."""
        items: list[Span] = []
        for start, end in lines:
            if items and not starts_list_item(self._text, start, end):
                items[-1] = (items[-1][0], end)
            else:
                items.append((start, end))
        return lines if len(items) == 1 else items

    def _split_prose(
        self, start: int, end: int, max_tokens: int, question: Span | None
    ) -> Iterator[Span]:
        """Split a span that is too long at the strongest breaks that make pieces fit."""
        first, last = bisect_left(self._cuts, start), bisect_left(self._cuts, end)
        if last - first <= self._limit:
            yield start, end
            return
        span = mark_token_breaks(self._text, self._cuts, start, end, question)
        for piece in _make_splitter(max_tokens).split_text(span):
            first += len(piece)
            after = self._cuts[first] if first < last else end
            yield from self._cut_to_limit(start, after)
            start = after

    def _cut_to_limit(self, start: int, end: int) -> Iterator[Span]:
        """Cut what is a token too long: two tokens may begin at one character, the first a space.

        A piece that ends between them leaves both to the next.
        """
        while self.count_span_tokens(start, end) > self._limit:
            cut = self._cuts[bisect_left(self._cuts, start) + self._limit]
            if cut <= start:
                break
            yield start, cut
            start = cut
        yield start, end


@lru_cache(maxsize=256)
def _make_splitter(size: int) -> "RecursiveCharacterTextSplitter":
    from langchain_text_splitters import RecursiveCharacterTextSplitter  # noqa: PLC0415

    return RecursiveCharacterTextSplitter(
        separators=list(_BREAKS),
        keep_separator="end",
        chunk_size=size,
        chunk_overlap=0,
        strip_whitespace=False,
    )
