"""The types of an index: Chunk, DocumentRecord, Passage, SearchFilter.

A chunk knows its place in its document, so that a citation can be written from the chunk
alone, without a second look-up while a question waits. Offsets are Unicode code
points into the stored text of its document, and ``text == document.text[start:end]``.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Self

from indexes.text.sentences import Span

ChunkKind = Literal["prose", "list", "table", "code", "faq"]
MOST_LINKS = 5_000  # of a document
LONGEST_HREF = 2_048  # characters of a link's address
Finder = Literal["dense", "lexical", "identifier", "question"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """The period in which a document is valid, and its version.

    starts, ends: moments in UTC (``2026-01-01T00:00:00Z``), the first included, the last not;
    empty is open. version: as its authors call it. from_sidecar: a sidecar says so, not the
    document.
    """

    starts: str = ""
    ends: str = ""
    version: str = ""
    from_sidecar: bool = False

    def fill_gaps(self, other: Self) -> Self:
        """Fill this validity's empty fields from another one."""
        return replace(
            self,
            starts=self.starts or other.starts,
            ends=self.ends or other.ends,
            version=self.version or other.version,
        )


ALWAYS_VALID = Validity()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of a document, small enough to be quoted.

    lead: heading path and table header. Embedded, indexed and shown to a model, never quoted.
    section: the span of the section it stands in (its parent).
    question: for a FAQ entry, the span of its question; the rest of the chunk is the answer.
    page: 1-based, for paged formats. version: of its document, as its authors call it.
    """

    document: str
    uri: str
    title: str
    text: str
    start: int
    end: int
    lead: str = ""
    path: tuple[str, ...] = ()
    page: int | None = None
    section: Span | None = None
    question: Span | None = None
    kind: ChunkKind = "prose"
    language: str = "en"
    version: str = ""

    @property
    def id(self) -> str:
        """Return the chunk's id, made of its document, its span and its words.

        Embeddings take no part, so re-embedding keeps every id.

        >>> chunk = Chunk(document="d", uri="a.md", title="A", text="Hi", start=0, end=2)
        >>> chunk.id == chunk.id, len(chunk.id)
        (True, 16)
        """
        name = f"{self.document}\x1f{self.start}\x1f{self.end}\x1f{self.text}"
        return hashlib.sha256(name.encode()).hexdigest()[:16]

    @property
    def indexed_text(self) -> str:
        """Return the words that are embedded and indexed: the lead, then the text."""
        return f"{self.lead}\n{self.text}" if self.lead else self.text


class DocumentLink(NamedTuple):
    """A link in a document: the span of its words in the text, and the address it leads to.

    href: http, https, mailto or tel; or relative, as it stands in the document.
    """

    start: int
    end: int
    href: str


def is_web_address(address: str) -> bool:
    """Tell whether an address may be kept as that of a document: https or http, not too long."""
    return address.startswith(("https://", "http://")) and len(address) <= LONGEST_HREF


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRecord:
    """A stored document: its whole text, and its metadata.

    id: names this version of the document; another text or another uri is another id.
    digest: SHA-256 of the original bytes. source: the remembered source it came from.
    groups: who may see it; empty means every key of the collection.
    pages: span of each page in the text, and its label, for paged formats.
    boxes: where runs of text stand on their pages, as ``ingest`` wrote them (opaque here).
    validity: when it holds; outside of that time it is kept, and not found.
    links: where its words lead, in order; none overlap.
    notes: what a person should know of how it was taken in, as ``ingest`` wrote them.
    address: where people open it, if it is a page of another system: https or http.
    """

    id: str
    uri: str
    source: str
    title: str
    text: str
    media_type: str
    language: str
    digest: str
    groups: frozenset[str] = frozenset()
    pages: tuple[tuple[int, int, str], ...] = ()
    boxes: bytes = b""
    validity: Validity = ALWAYS_VALID
    links: tuple[DocumentLink, ...] = ()
    notes: tuple[str, ...] = ()
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A chunk that was retrieved for a question. Scores lie in 0..1, higher is better.

    dense: similarity of its vector to the question (``indexes.similarity``), not the bare cosine.
    """

    chunk: Chunk
    score: float
    dense: float | None = None
    lexical: float | None = None
    found_by: frozenset[Finder] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFilter:
    """Restricts a search to groups, paths, media types, languages or uris.

    An empty field does not restrict.

    groups: what the asker belongs to; None means an asker who may see all (the local operator).
    paths: prefixes of uris. media_types, languages, uris: any of those named.
    """

    groups: frozenset[str] | None = None
    paths: tuple[str, ...] = ()
    media_types: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    uris: frozenset[str] = frozenset()
