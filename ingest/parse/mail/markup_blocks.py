"""Record the blocks of a mail's markup, with how deep each is quoted and who it is signed by."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, NamedTuple

from indexes.text.sentences import Span
from ingest.document import Block, Document
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.faq_detection import is_question
from ingest.parse.markup import hidden_elements, tree_writer
from ingest.parse.markup.html_tree import Node, Tree, parse_html

_RULED = re.compile(r"border-top\s*+:[^;]{0,60}\bsolid\b", re.IGNORECASE)
_OUTLOOK_HEADER = "divRplyFwdMsg"
_MarkKind = Literal["quote", "rule", "signature", "open", "lead", "close"]


class Mark(NamedTuple):
    """What the markup says between two blocks: a quotation begins or ends, a section opens.

    before: the number of the block that follows. step: of quoting or of a signature, 1 or -1.
    level: of a section. text: of its heading.
    """

    before: int
    kind: _MarkKind
    step: int = 0
    level: int = 0
    text: str = ""
    asks: bool = False


@dataclass(slots=True)
class MailBlock:
    """A block of a mail's markup.

    depth: of quoting. is_ruled: a line is drawn above it, as Outlook draws one above a header.
    is_signature: it lies in what the mail program knows as the signature. sections: headings and
    ends of sections right before it, of which one that is seen is this block.
    """

    block: Block
    depth: int
    is_ruled: bool
    is_signature: bool
    sections: list[Mark] = field(default_factory=list)

    @property
    def heading_mark(self) -> Mark | None:
        """The section that this block is the heading of; None for other blocks."""
        marks = [mark for mark in self.sections if mark.kind == "open"]
        return marks[-1] if self.block.kind == "heading" and marks else None


class _Recorder(DocumentBuilder):
    """Builds the blocks of a mail's markup, and notes what stands between them."""

    def __init__(self) -> None:
        super().__init__()
        self.marks: list[Mark] = []

    def add_heading(
        self, level: int, text: str, *, visible: bool = True, asks: bool | None = None
    ) -> Span:
        """Add a heading that is no question yet: where its answer ends is known later."""
        before = self.block_count
        span = super().add_heading(level, text, visible=visible, asks=False)
        is_asked = is_question(text) if asks is None else asks
        kind: _MarkKind = "open" if visible else "lead"
        self.marks.append(Mark(before, kind, 0, level, text, is_asked))
        return span

    def close_sections(self, level: int) -> None:
        """End sections, and note it."""
        self.marks.append(Mark(self.block_count, "close", 0, level))
        super().close_sections(level)

    def note_edge(self, kind: _MarkKind, begins: bool) -> None:  # noqa: FBT001 - a NoteEdge
        """Note where an element begins or ends."""
        self.marks.append(Mark(self.block_count, kind, 1 if begins else -1))


def record_mail_markup(markup: str) -> tuple[Document, list[MailBlock]] | None:
    """Return a mail's markup as a document and its blocks; None where it says nothing."""
    tree = parse_html(markup)
    if tree.body is None:
        return None
    recorder = _Recorder()
    tree_writer.write_tree(
        tree.body,
        recorder,
        unseen=hidden_elements.find_hidden_elements(tree),
        edges=_find_edges(tree, recorder),
    )
    if not recorder.block_count:
        return None
    document = recorder.build_document(title="", media_type="text/html")
    return document, list(_place_blocks(document, recorder.marks))


def _find_edges(tree: Tree, recorder: _Recorder) -> dict[int, tree_writer.NoteEdge]:
    edges: dict[int, tree_writer.NoteEdge] = {}
    for node in tree.css("blockquote,div,p"):
        if kind := _tell_edge(node):
            edges[node.mem_id] = partial(recorder.note_edge, kind)
    return edges


def _tell_edge(node: Node) -> _MarkKind | None:
    """Tell which elements of mails say where something else begins."""
    if node.tag == "blockquote":
        return "quote"
    names = node.attributes
    name = f"{names.get('id') or ''} {names.get('class') or ''}"
    if _OUTLOOK_HEADER in name or _RULED.search(names.get("style") or ""):
        return "rule"
    return "signature" if "signature" in name.casefold() else None


def _place_blocks(document: Document, marks: list[Mark]) -> Iterator[MailBlock]:
    """Yield the blocks with what the marks say of them."""
    depth = signatures = at = 0
    for number, block in enumerate(document.blocks):
        is_ruled = False
        sections: list[Mark] = []
        while at < len(marks) and marks[at].before <= number:
            mark = marks[at]
            at += 1
            if mark.kind == "quote":
                depth += mark.step
            elif mark.kind == "signature":
                signatures += mark.step
            elif mark.kind == "rule":
                is_ruled = is_ruled or mark.step > 0
            else:
                sections.append(mark)
        yield MailBlock(block, depth, is_ruled, signatures > 0, sections)
