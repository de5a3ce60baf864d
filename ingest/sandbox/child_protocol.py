"""The frames that a job and its limited children exchange over a pipe.

A frame is a length, a JSON header, and raw parts whose lengths the header names. A child
reads hostile files, which may make it send anything, so the job checks every number in a frame.
"""

import json
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple
from typing import Any, get_args

from indexes.chunk import (
    LONGEST_HREF,
    MOST_LINKS,
    Chunk,
    ChunkKind,
    DocumentLink,
    DocumentRecord,
    Validity,
)
from indexes.store.document_notes import trim_notes
from indexes.text.sentences import Span
from ingest.document import Document, Member, ParsedDocument, Raw, describe_lost_links

Header = Mapping[str, Any]
LONGEST_CONTEXT = 300  # characters
CONTENT_PARTS = 2  # of a frame: text and boxes; then come the bytes of its members
_LENGTH = struct.Struct(">I")
_MEMBER_NAME = re.compile(r"\d{1,9}(?:-[^/\0]{1,200})?")
_KINDS = frozenset(get_args(ChunkKind))


def pack_frame(header: Header, *parts: bytes) -> list[bytes]:
    r"""Make a frame, in pieces, so that large parts are not copied.

    >>> b"".join(pack_frame({"a": 1}, b"xyz"))
    b'\x00\x00\x00\x13{"a":1,"parts":[3]}xyz'
    """
    full_header = {**header, "parts": [len(part) for part in parts]}
    head = json.dumps(full_header, separators=(",", ":")).encode()
    return [_LENGTH.pack(len(head)), head, *parts]


def unpack_frame(read: Callable[[int], bytes], *, limit: int) -> tuple[dict[str, Any], list[bytes]]:
    """Read a frame with ``read(n)``, which gives exactly n bytes.

    Raises ValueError when the frame is larger than ``limit`` bytes; ValueError, KeyError,
    TypeError, AttributeError or RecursionError when it is none.
    """
    size = _LENGTH.unpack(read(_LENGTH.size))[0]
    if size > limit:
        raise ValueError(f"a header of {size} bytes")
    header: dict[str, Any] = json.loads(read(size))
    lengths = [_check_count(n) for n in header.pop("parts")]
    if size + sum(lengths) > limit:
        raise ValueError(f"a frame of {size + sum(lengths)} bytes")
    return header, [read(n) for n in lengths]


def pack_document(document: Document, chunks: Sequence[Chunk]) -> list[bytes]:
    """Encode a parsed document and its chunks as a frame; of chunks, only their spans.

    Chunk texts are spans, so only spans travel.
    """
    pages = [(page.start, page.end, page.label) for page in document.pages]
    notes = (*document.notes, *describe_lost_links(document.lost_links))
    return _pack_content(document, pages, chunks, notes, document.members)


def pack_record(parsed: ParsedDocument) -> list[bytes]:
    """Encode a decoded document again, to send it from a Ray worker to the driver."""
    record = parsed.record
    return _pack_content(record, record.pages, parsed.chunks, parsed.notes, parsed.members)


def _pack_content(
    document: Document | DocumentRecord,
    pages: Sequence[tuple[int, int, str]],
    chunks: Sequence[Chunk],
    notes: Sequence[str],
    members: Sequence[Member],
) -> list[bytes]:
    header = {
        "notes": list(notes),
        "title": document.title,
        "media_type": document.media_type,
        "language": document.language,
        "validity": astuple(document.validity)[:3],
        "pages": pages,
        "links": document.links,
        "chunks": [
            (c.start, c.end, c.lead, c.path, c.page, c.section, c.question, c.kind, c.language)
            for c in chunks
        ],
        "members": [(member.name, member.media_type, member.context) for member in members],
    }
    bodies = [member.body for member in members]
    return pack_frame(header, document.text.encode(), document.boxes, *bodies)


def unpack_document(
    header: Header, parts: Sequence[bytes], *, raw: Raw, record_id: str
) -> tuple[DocumentRecord, tuple[Chunk, ...]]:
    """Decode and check the frame of a parsed document. `record_id`: the id it gets.

    Raises ValueError, KeyError or TypeError when it makes no sense.
    """
    content, boxes = parts[:CONTENT_PARTS]
    starts, ends, version = map(_check_text, header["validity"])
    own_validity = Validity(starts=starts, ends=ends, version=version)
    text = content.decode()
    document = DocumentRecord(
        id=record_id,
        uri=raw.uri,
        source=raw.source,
        title=_check_text(header["title"]),
        text=text,
        media_type=_check_text(header["media_type"]),
        language=_check_text(header["language"]),
        digest=raw.digest,
        groups=raw.groups,
        address=raw.address,
        pages=tuple(
            (*_check_span((a, b), 0, len(text)), _check_text(label))
            for a, b, label in header["pages"]
        ),
        boxes=boxes,
        links=_unpack_links(header.get("links", ()), text),
        validity=own_validity if raw.validity is None else raw.validity.fill_gaps(own_validity),
    )
    return document, tuple(_unpack_chunk(row, document) for row in header["chunks"])


def unpack_notes(header: Header) -> tuple[str, ...]:
    """Read the notes of a parsed document, as many as are kept. Raises ValueError or TypeError."""
    return trim_notes(tuple(_check_text(note) for note in header.get("notes", [])))


def _unpack_links(rows: Sequence[Any], text: str) -> tuple[DocumentLink, ...]:
    if len(rows) > MOST_LINKS:
        raise ValueError("more links than are kept")
    links: list[DocumentLink] = []
    for start, end, href in rows:
        _check_span((start, end), links[-1].end if links else 0, len(text))
        if start == end or not 0 < len(_check_text(href)) <= LONGEST_HREF:
            raise ValueError("a link without words or address, or with too long a one")
        links.append(DocumentLink(start, end, href))
    return tuple(links)


def unpack_members(header: Header, parts: Sequence[bytes]) -> tuple[Member, ...]:
    """Read the documents that lie in the file of a parsed one.

    Raises ValueError or TypeError when they make no sense.
    """
    members = [
        Member(
            name=_check_text(name),
            body=body,
            media_type=_check_text(media_type),
            context=_check_text(context)[:LONGEST_CONTEXT],
        )
        for (name, media_type, context), body in zip(
            header.get("members", []), parts[CONTENT_PARTS:], strict=True
        )
    ]
    if len({member.name for member in members}) < len(members):
        raise ValueError("two members of one name")
    if not all(_MEMBER_NAME.fullmatch(member.name) for member in members):
        raise ValueError("a member with a name that is no part of a uri")
    return tuple(members)


def _unpack_chunk(row: Sequence[Any], record: DocumentRecord) -> Chunk:
    first, last, lead, path, page, section, question, kind, language = row
    start, end = _check_span((first, last), 0, len(record.text))
    if start == end or kind not in _KINDS:
        raise ValueError("a chunk without words, or of no kind")
    return Chunk(
        document=record.id,
        uri=record.uri,
        title=record.title,
        text=record.text[start:end],
        start=start,
        end=end,
        lead=_check_text(lead),
        path=tuple(_check_text(part) for part in path),
        page=None if page is None else _check_count(page),
        section=None if section is None else _check_span(section, 0, len(record.text)),
        question=None if question is None else _check_span(question, start, end),
        kind=kind,
        language=_check_text(language),
        version=record.validity.version,
    )


def _check_span(span: Sequence[Any], least: int, most: int) -> Span:
    start, end = map(_check_count, span)
    if not least <= start <= end <= most:
        raise ValueError("a span outside its text")
    return start, end


def _check_count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("not a count")
    return value


def _check_text(value: object) -> str:
    if type(value) is not str:
        raise ValueError("not a text")
    value.encode()  # a lone surrogate, which JSON can smuggle in, raises a ValueError
    return value
