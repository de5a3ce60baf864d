"""What a source yields (Raw), and what a parser makes of it: Block, Document or Skipped."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from indexes.chunk import ALWAYS_VALID, Chunk, DocumentLink, DocumentRecord, Validity

BlockKind = Literal["heading", "paragraph", "list", "table", "code", "faq"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """A file of a source: where it lies, and the digest of its bytes.

    uri: the path below its source with ``/``. digest: SHA-256 of the bytes at ``file``.
    groups: who may see it; empty means everyone who may ask the collection.
    validity: what a sidecar says of it, instead of the document itself; None without one.
    real: ``file`` is a real path, of which no part may have become a link when it is opened.
    address: where people open it, if it is a page of another system.
    A member of a container (an attachment of a mail, say) also has: media_type, what its container
    knows it to be, or nothing; context, a heading that says what it came with; container, the id
    of the document that the context is of; depth, in how many containers it lies.
    """

    uri: str
    source: str
    file: Path
    digest: str
    size: int
    groups: frozenset[str] = frozenset()
    validity: Validity | None = None
    real: bool = False
    address: str = ""
    media_type: str = ""
    context: str = ""
    container: str = ""
    depth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A paragraph, a list, a table row: a piece that is kept whole where it fits.

    Offsets are into the text of its document. A block of several lines (a list, a table)
    may be split at its lines. path: headings above it, outermost first.
    header: for a table, its header row. question: for a FAQ entry, the span of its question.
    similar_questions: other words for that question, which are no text.
    """

    kind: BlockKind
    start: int
    end: int
    path: tuple[str, ...] = ()
    page: int | None = None
    header: str = ""
    question: tuple[int, int] | None = None
    similar_questions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of a paged document: its span in the text, and the label printed on it."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A document that lies in the file of another one: an attachment, a mail of a mailbox.

    name: the last part of its uri, ``<n>`` or ``<n>-<name>``, of which no two are the same.
    media_type, context: as in ``Raw``.
    """

    name: str
    body: bytes
    media_type: str = ""
    context: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A parsed document: one text, and the blocks that cover it in order.

    boxes: where runs of text stand on their pages; see ``parse/pdf/text_boxes.py``.
    validity: when it holds, and its version, where it says so itself.
    notes: what a person should know of how it was taken in, for the job's report.
    links: where its words lead, in order. lost_links: how many more there were.
    members: documents of their own that its file holds.
    """

    title: str
    text: str
    blocks: tuple[Block, ...]
    media_type: str
    language: str
    pages: tuple[Page, ...] = ()
    boxes: bytes = b""
    validity: Validity = ALWAYS_VALID
    notes: tuple[str, ...] = ()
    links: tuple[DocumentLink, ...] = ()
    lost_links: int = 0
    members: tuple[Member, ...] = ()


def place_in_context(document: Document, context: str) -> Document:
    """Put a heading above all of a document that is no part of its text, but leads it."""
    if not context:
        return document
    blocks = tuple(replace(block, path=(context, *block.path)) for block in document.blocks)
    return replace(document, blocks=blocks)


def drop_member_number(document: Document, uri: str) -> Document:
    """Return an attachment without the number of its uri in its title, where that is its name."""
    stem = PurePosixPath(uri).stem
    number, _, name = stem.partition("-")
    if document.title != stem or not number.isdecimal() or not name:
        return document
    return replace(document, title=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentNote:
    """A note, in words, on an ingested document that a person should know.

    source: the name of the source that it is of.
    """

    uri: str
    note: str
    source: str = ""


def describe_hidden_words(words: int) -> tuple[str, ...]:
    """Return a note on the hidden words that were left out of a document; none for 0.

    >>> describe_hidden_words(12), describe_hidden_words(0)
    (('12 hidden words were left out: white, transparent, tiny or invisible',), ())
    """
    count = "1 hidden word was" if words == 1 else f"{words:,} hidden words were"
    return (f"{count} left out: white, transparent, tiny or invisible",) if words else ()


def describe_lost_links(links: int) -> tuple[str, ...]:
    """Return a note on the links of a document whose address is not kept; none for 0.

    >>> describe_lost_links(1)
    ('1 link lost its address: too long, too many, or no web, mail or phone address',)
    """
    count = "1 link lost its address" if links == 1 else f"{links:,} links lost their address"
    why = "too long, too many, or no web, mail or phone address"
    return (f"{count}: {why}",) if links else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A file that was not ingested, and why, in words a person understands.

    source: the name of the source that it is of.
    """

    uri: str
    reason: str
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedDocument:
    """A document as the index stores it, with its chunks."""

    record: DocumentRecord
    chunks: tuple[Chunk, ...]
    notes: tuple[str, ...] = ()
    members: tuple[Member, ...] = ()


ParseOutcome = ParsedDocument | Skipped
MakeDocumentId = Callable[[Raw, str], str]
"""Gives the id of a file's document, once its media type is known."""
