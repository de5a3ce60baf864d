"""The pictures in a document's file, as they are: PNG, JPEG and GIF of a size that is safe."""

import base64
import binascii
import re
from typing import Final, NamedTuple

from ingest.parse.media_types import DOCX, PPTX, XLSX
from ingest.parse.zip_archive import Archive

MOST_PICTURES: Final = 24  # of a document
LARGEST_PICTURE: Final = 4 << 20  # bytes
MOST_PICTURE_BYTES: Final = 16 << 20  # of all of them
MOST_PIXELS: Final = 40_000_000  # a picture of more takes 160 MB where it is shown
SMALLEST_SIDE: Final = 24  # pixels; smaller ones are bullets and lines
PICTURE_TYPES: Final = frozenset(
    {DOCX, PPTX, XLSX, "application/epub+zip", "text/html", "text/markdown"}
)
_SUFFIXES = (".png", ".jpg", ".jpeg", ".gif")
_IN_TEXT = re.compile(rb"data:image/(?:png|jpe?g|gif);base64,([A-Za-z0-9+/=\s]{100,6000000})")
_FRAME_MARKERS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # of JPEG: with a size


class DocumentPicture(NamedTuple):
    """The bytes of a picture, and their media type."""

    media_type: str
    body: bytes


def extract_pictures(body: bytes, media_type: str) -> list[DocumentPicture]:
    """Return the pictures of a document, in the order of their names or of the text, each once.

    Raises Unreadable for an archive that is damaged or a bomb.
    """
    files = _read_text(body) if media_type.startswith("text/") else _read_archive(body)
    pictures: list[DocumentPicture] = []
    known: set[bytes] = set()
    room = MOST_PICTURE_BYTES
    for content in files:
        shown_type = find_picture_type(content)
        if shown_type is None or content in known or len(content) > room:
            continue
        known.add(content)
        room -= len(content)
        pictures.append(DocumentPicture(shown_type, content))
        if len(pictures) == MOST_PICTURES:
            break
    return pictures


def _read_archive(body: bytes) -> list[bytes]:
    archive = Archive(body)
    names = [name for name in archive.entry_names if name.lower().endswith(_SUFFIXES)]
    names.sort(key=lambda name: [int(n) if n.isdigit() else n for n in re.split(r"(\d+)", name)])
    small = [name for name in names if archive.entry_size(name) <= LARGEST_PICTURE]
    return [archive.read_entry(name) for name in small[: 4 * MOST_PICTURES]]


def _read_text(body: bytes) -> list[bytes]:
    pictures = []
    for match in _IN_TEXT.finditer(body):
        try:
            pictures.append(base64.b64decode(match[1]))
        except binascii.Error:
            continue  # a torn picture in a text that is whole
        if len(pictures) == MOST_PICTURES:
            break
    return pictures


def find_picture_type(body: bytes) -> str | None:
    """Return the media type of a picture that is safe to show, by its first bytes; else None."""
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        kind, sides = "image/png", (_number(body[16:20]), _number(body[20:24]))
    elif body[:6] in {b"GIF87a", b"GIF89a"}:
        kind = "image/gif"
        sides = (int.from_bytes(body[6:8], "little"), int.from_bytes(body[8:10], "little"))
    elif body.startswith(b"\xff\xd8\xff"):
        kind, sides = "image/jpeg", _measure_jpeg(body)
    else:
        return None
    is_safe = min(sides) >= SMALLEST_SIDE and sides[0] * sides[1] <= MOST_PIXELS
    return kind if is_safe else None


def _measure_jpeg(body: bytes) -> tuple[int, int]:
    """Return width and height of a JPEG by its frame; (0, 0) where there is none."""
    at = 2
    while at + 9 < len(body) and body[at] == 0xFF:  # noqa: PLR2004, a marker begins
        if body[at + 1] in _FRAME_MARKERS:
            return _number(body[at + 7 : at + 9]), _number(body[at + 5 : at + 7])
        at += 2 + _number(body[at + 2 : at + 4])
    return 0, 0


def _number(body: bytes) -> int:
    return int.from_bytes(body, "big")
