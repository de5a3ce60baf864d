"""Write a mail's text that is markup with what it quotes or forwards, as a plain one is written.

Where another mail begins is read from the lines of its blocks, as in a plain text. Its tables,
lists, headings and links stay what they are; what it quotes again is left out.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from indexes.chunk import DocumentLink
from ingest.document import Block, Document
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.mail import mail_thread
from ingest.parse.mail.mail_thread import EarlierLines
from ingest.parse.mail.markup_blocks import MailBlock, record_mail_markup

_HEADER_KINDS = frozenset({"paragraph", "heading", "table"})  # may say who wrote what follows


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a block, and where it begins in the text."""

    text: str
    start: int


@dataclass(slots=True)
class _Piece:
    """Lines of a block that belong to one mail. heading: of the mail that begins here, or ""."""

    lines: list[_Line] = field(default_factory=list)
    heading: str = ""


def write_mail_markup(markup: str, builder: DocumentBuilder) -> None:
    """Write a mail's markup: its own words, then what it quotes or forwards.

    Raises Unreadable where it is nested absurdly deep.
    """
    record = record_mail_markup(markup)
    if record is None:
        return
    document, blocks = record
    builder.note_lost_links(document.lost_links)
    writer = _ThreadWriter(document, builder)
    for block, pieces in zip(blocks, _split_blocks(document, blocks), strict=True):
        writer.write_block(block, pieces)
    writer.end_question()


def _split_blocks(document: Document, blocks: Sequence[MailBlock]) -> list[list[_Piece]]:
    """Split the lines of each block where another mail begins; what says so is left out."""
    lines: list[tuple[int, str]] = []
    places: list[tuple[int, _Line] | None] = []
    for number, block in enumerate(blocks):
        own = list(_list_lines(document, block.block))
        if block.is_ruled:
            lines.append((block.depth, mail_thread.OUTLOOK_RULE))
            places.append(None)
        elif not (lines and mail_thread.continues_header(lines[-1][1], own[0].text)):
            lines.append((block.depth, ""))
            places.append(None)
        can_begin = block.block.kind in _HEADER_KINDS
        for line in own:
            lines.append((block.depth, line.text if can_begin else "-"))
            places.append((number, line))
    pieces: list[list[_Piece]] = [[_Piece()] for _ in blocks]
    at = 0
    while at < len(lines):
        heading, size = mail_thread.read_beginning(lines, at)
        owners = [place for place in places[at : at + size] if place]
        if owners:
            pieces[owners[-1][0]].append(_Piece(heading=heading))
        elif not size and (place := places[at]):
            pieces[place[0]][-1].lines.append(place[1])
        at += size or 1
    return pieces


def _list_lines(document: Document, block: Block) -> Iterator[_Line]:
    start = block.start
    for text in document.text[block.start : block.end].split("\n"):
        yield _Line(text, start)
        start += len(text) + 1


@dataclass(slots=True)
class _Quotation:
    """A quoted mail. depth: of the block that names its writer. is_nested: its words are deeper."""

    heading: str
    depth: int
    is_nested: bool = False


class _ThreadWriter:
    """Writes the blocks of a mail: each mail in it under its heading, repeated lines once."""

    def __init__(self, document: Document, builder: DocumentBuilder) -> None:
        self._links = document.links
        self._ends = [link.end for link in document.links]
        self._builder = builder
        self._top = self._level = builder.next_level - 1
        self._heading = ""  # of a mail of which nothing is written yet
        self._quotations: list[_Quotation] = []  # the mail that is written, and those around it
        self._leads: list[tuple[int, str]] = []  # of which nothing is written yet
        self._earlier = EarlierLines()
        self._question: list[_Line] = []  # quoted, and perhaps answered below

    def write_block(self, block: MailBlock, pieces: Sequence[_Piece]) -> None:
        """Write a block, in as many pieces as it has of different mails."""
        self._end_quotations(block.depth)
        for number, piece in enumerate(pieces):
            if piece.heading:
                self._begin_mail(piece.heading, block.depth)
            elif number == 0:
                self._follow_sections(block)
            if lines := self._drop_repeated(block, piece.lines):
                self._write_lines(block, lines, is_whole=len(pieces) == 1)
            elif piece.lines and (mark := block.heading_mark):
                self._leads.append((self._level + mark.level, mark.text))

    def end_question(self) -> None:
        """Write a quoted question that nobody answered."""
        lines, self._question = self._question, []
        if lines:
            self._note_links(lines)
            self._builder.add_paragraph(_join_lines(lines))

    def _begin_mail(self, heading: str, depth: int) -> None:
        self.end_question()
        outer = [quotation for quotation in self._quotations if quotation.depth < depth]
        self._quotations = [*outer, _Quotation(heading, depth)]
        self._enter_mail(heading)

    def _end_quotations(self, depth: int) -> None:
        """End the quoted mails whose words were deeper than the next: these are of who quoted."""
        is_ended = False
        while self._quotations and depth <= self._quotations[-1].depth:
            if not self._quotations[-1].is_nested:
                return  # its words are no deeper than the block that begins it
            self._quotations.pop()
            is_ended = True
        if self._quotations:
            self._quotations[-1].is_nested = True
        if is_ended:
            self._enter_mail(self._quotations[-1].heading if self._quotations else "")

    def _enter_mail(self, heading: str) -> None:
        """Write what follows below a heading, or as own words below none."""
        self._builder.close_sections(self._top + 1)
        self._leads.clear()
        self._heading = heading
        self._level = self._top + bool(heading)
        self._earlier.end_mail()

    def _follow_sections(self, block: MailBlock) -> None:
        """Open and close the sections between the last block and this one."""
        if block.sections:
            self.end_question()
        for mark in block.sections:
            level = self._level + mark.level
            if mark.kind == "close":
                self._builder.close_sections(level)
                self._leads = [lead for lead in self._leads if lead[0] < level]
            elif mark.kind == "lead":
                self._leads.append((level, mark.text))

    def _begin_section(self) -> None:
        """Write the heading of a mail before the first of its words, and what leads them."""
        self.end_question()
        if self._heading:
            self._builder.add_heading(self._top + 1, self._heading, asks=False)
            self._heading = ""
        for level, text in self._leads:
            self._builder.add_heading(level, text, visible=False)
        self._leads.clear()

    def _drop_repeated(self, block: MailBlock, lines: Sequence[_Line]) -> list[_Line]:
        """Leave out the lines of a quoted mail that an earlier one said; own words stay."""
        kept = list(lines)
        if self._quotations or block.depth:
            kept = [line for line in lines if not self._earlier.repeats(line.text, block.depth)]
            if block.block.kind in {"code", "faq"} and kept:
                kept = list(lines)  # it is one whole
            head = block.block.header
            if head and lines and kept and kept[0] is not lines[0] and lines[0].text == head:
                kept.insert(0, lines[0])
                kept = kept if len(kept) > 1 else []
        self._earlier.note((line.text for line in lines), block.depth)
        return kept

    def _write_lines(self, block: MailBlock, lines: list[_Line], *, is_whole: bool) -> None:
        if self._question and _could_answer(block, lines) and not self._heading:
            question, self._question = self._question, []
            self._note_links([*question, *lines])
            self._builder.add_faq_entry(_join_lines(question), _join_lines(lines))
            return
        self._begin_section()
        kind = block.block.kind
        if kind == "paragraph" and block.depth and mail_thread.asks_last(_join_lines(lines)):
            self._question = lines
            return
        self._note_links(lines)
        texts = [line.text for line in lines]
        if is_whole and (mark := block.heading_mark):
            self._builder.add_heading(self._level + mark.level, mark.text, asks=mark.asks)
        elif kind == "list":
            self._builder.add_list(texts)
        elif kind == "table":
            head = texts.pop(0) if block.block.header and texts[0] == block.block.header else ""
            self._builder.add_table([head], [[text] for text in texts])
        elif kind == "code":
            self._builder.add_code("\n".join(texts))
        elif block.block.question and is_whole:
            size = block.block.question[1] - block.block.start
            words = "\n".join(texts)
            self._builder.add_faq_entry(
                words[:size], words[size:], similar=block.block.similar_questions
            )
        else:
            self._builder.add_paragraph("\n".join(texts))

    def _note_links(self, lines: Sequence[_Line]) -> None:
        """Note where the words of lines lead."""
        for line in lines:
            end = line.start + len(line.text)
            first = bisect_right(self._ends, line.start)
            links: list[tuple[int, int, str]] = []
            while first < len(self._links) and self._links[first].start < end:
                links.append(_clip_link(self._links[first], line.start, end))
                first += 1
            if links:
                self._builder.note_links(line.text, links)


def _clip_link(link: DocumentLink, start: int, end: int) -> tuple[int, int, str]:
    return max(link.start, start) - start, min(link.end, end) - start, link.href


def _could_answer(block: MailBlock, lines: Sequence[_Line]) -> bool:
    """Tell whether words below a quoted question may be its answer: own words, no signature."""
    is_own = block.block.kind == "paragraph" and not block.depth and not block.is_signature
    return is_own and not lines[0].text.startswith("--")


def _join_lines(lines: Sequence[_Line]) -> str:
    return "\n".join(line.text for line in lines)
