"""What the job and its limited children say to each other: frames on a pipe.

A frame is a length, a JSON header, and raw parts whose lengths the header names. A child reads
hostile files and may be made to say anything, so the job checks every number it is told.
"""

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple
from typing import Any, get_args

from indexes.chunk import Chunk, Kind, Record, Span, Validity
from ingest.document import Document, Raw

Header = Mapping[str, Any]
MOST_NOTES, LONGEST_NOTE = 8, 300
_LENGTH = struct.Struct(">I")
_KINDS = frozenset(get_args(Kind))


def pack(header: Header, *parts: bytes) -> list[bytes]:
    r"""Make a frame, in pieces, so that large parts are not copied.

    >>> b"".join(pack({"a": 1}, b"xyz"))
    b'\x00\x00\x00\x13{"a":1,"parts":[3]}xyz'
    """
    named = {**header, "parts": [len(part) for part in parts]}
    head = json.dumps(named, separators=(",", ":")).encode()
    return [_LENGTH.pack(len(head)), head, *parts]


def unpack(read: Callable[[int], bytes], *, limit: int) -> tuple[dict[str, Any], list[bytes]]:
    """Read a frame with ``read(n)``, which gives exactly n bytes.

    Raises ValueError when the frame is larger than ``limit`` bytes; ValueError, KeyError,
    TypeError, AttributeError or RecursionError when it is none.
    """
    size = _LENGTH.unpack(read(_LENGTH.size))[0]
    if size > limit:
        raise ValueError(f"a header of {size} bytes")
    header: dict[str, Any] = json.loads(read(size))
    lengths = [_number(n) for n in header.pop("parts")]
    if size + sum(lengths) > limit:
        raise ValueError(f"a frame of {size + sum(lengths)} bytes")
    return header, [read(n) for n in lengths]


def told(document: Document, chunks: Sequence[Chunk]) -> list[bytes]:
    """Make the frame that tells a parsed document. Chunk texts are spans, so only spans travel."""
    pages = [(page.start, page.end, page.label) for page in document.pages]
    return _told(document, pages, chunks, document.notes)


def retold(record: Record, chunks: Sequence[Chunk], notes: Sequence[str] = ()) -> list[bytes]:
    """Make the same frame of what was heard, to be passed on."""
    return _told(record, record.pages, chunks, notes)


def _told(
    document: Document | Record,
    pages: Sequence[tuple[int, int, str]],
    chunks: Sequence[Chunk],
    notes: Sequence[str],
) -> list[bytes]:
    header = {
        "notes": list(notes),
        "title": document.title,
        "media_type": document.media_type,
        "language": document.language,
        "validity": astuple(document.validity)[:3],
        "pages": pages,
        "chunks": [
            (c.start, c.end, c.lead, c.path, c.page, c.section, c.question, c.kind, c.language)
            for c in chunks
        ],
    }
    return pack(header, document.text.encode(), document.boxes)


def heard(
    header: Header, parts: Sequence[bytes], *, raw: Raw, record: str
) -> tuple[Record, tuple[Chunk, ...]]:
    """Read the frame of a parsed document. ``record``: the id that the document is to bear.

    Raises ValueError, KeyError or TypeError when it makes no sense.
    """
    content, boxes = parts
    starts, ends, version = map(_text, header["validity"])
    told = Validity(starts=starts, ends=ends, version=version)
    text = content.decode()
    made = Record(
        id=record,
        uri=raw.uri,
        source=raw.source,
        title=_text(header["title"]),
        text=text,
        media_type=_text(header["media_type"]),
        language=_text(header["language"]),
        digest=raw.digest,
        groups=raw.groups,
        pages=tuple(
            (*_span((a, b), 0, len(text)), _text(label)) for a, b, label in header["pages"]
        ),
        boxes=boxes,
        validity=told if raw.validity is None else raw.validity.over(told),
    )
    return made, tuple(_chunk(row, made) for row in header["chunks"])


def notes(header: Header) -> tuple[str, ...]:
    """Read the notes of a parsed document, a few short ones. Raises ValueError or TypeError."""
    return tuple(_text(note)[:LONGEST_NOTE] for note in header.get("notes", [])[:MOST_NOTES])


def _chunk(row: Sequence[Any], record: Record) -> Chunk:
    first, last, lead, path, page, section, question, kind, language = row
    start, end = _span((first, last), 0, len(record.text))
    if start == end or kind not in _KINDS:
        raise ValueError("a chunk without words, or of no kind")
    return Chunk(
        document=record.id,
        uri=record.uri,
        title=record.title,
        text=record.text[start:end],
        start=start,
        end=end,
        lead=_text(lead),
        path=tuple(_text(part) for part in path),
        page=None if page is None else _number(page),
        section=None if section is None else _span(section, 0, len(record.text)),
        question=None if question is None else _span(question, start, end),
        kind=kind,
        language=_text(language),
        version=record.validity.version,
    )


def _span(span: Sequence[Any], least: int, most: int) -> Span:
    start, end = map(_number, span)
    if not least <= start <= end <= most:
        raise ValueError("a span outside its text")
    return start, end


def _number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("not a count")
    return value


def _text(value: object) -> str:
    if type(value) is not str:
        raise ValueError("not a text")
    value.encode()  # a lone surrogate, which JSON can smuggle in, raises a ValueError
    return value
