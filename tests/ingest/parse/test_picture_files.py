"""Pictures that lie in a document's file: which are shown, and which never."""

import base64
import io
import struct
import zipfile

import numpy as np
import pytest

from ingest.errors import Unreadable
from ingest.parse.media_types import DOCX
from ingest.parse.pdf.png_encoding import encode_png
from ingest.parse.picture_files import (
    LARGEST_PICTURE,
    MOST_PICTURES,
    extract_pictures,
    find_picture_type,
)


def png(shade: int, side: int = 40) -> bytes:
    return encode_png(np.full((side, side, 3), shade, dtype=np.uint8))


def claimed(width: int, height: int) -> bytes:
    """Make the head of a PNG that claims to be as large."""
    return png(0)[:16] + struct.pack(">II", width, height) + png(0)[24:]


def packed(**entries: bytes) -> bytes:
    room = io.BytesIO()
    with zipfile.ZipFile(room, "w") as archive:
        for name, body in entries.items():
            archive.writestr(name.replace("__", "/"), body)
    return room.getvalue()


def test_pictures_come_in_the_order_of_their_names_and_each_once():
    entries = {f"word__media__image{n}.png": png(n) for n in (10, 2, 1)}
    entries |= {"word__media__copy.png": png(2), "word__media__x.svg": b"<svg/>"}
    entries |= {"word__media__image3.png": b"<svg onload='x'/>"}

    found = extract_pictures(packed(**entries), DOCX)

    assert [picture.body for picture in found] == [png(2), png(1), png(10)]
    assert {picture.media_type for picture in found} == {"image/png"}


def test_what_is_too_large_too_small_or_too_many_is_left_out():
    entries = {
        "a.png": claimed(50_000, 50_000),
        "b.png": png(1, side=8),
        "c.png": png(2) + bytes(LARGEST_PICTURE),
        "d.png": png(3),
    }
    assert [p.body for p in extract_pictures(packed(**entries), DOCX)] == [png(3)]
    many = {f"{n}.png": png(n) for n in range(MOST_PICTURES + 5)}
    assert len(extract_pictures(packed(**many), DOCX)) == MOST_PICTURES


def test_pictures_that_stand_in_a_page_are_found():
    page = b'<img src="data:image/png;base64,%b"><img src="data:image/svg+xml;base64,%b">'
    page %= base64.b64encode(png(7)), base64.b64encode(b"<svg>" * 100)
    assert [p.body for p in extract_pictures(page, "text/html")] == [png(7)]


def test_a_damaged_archive_is_unreadable():
    with pytest.raises(Unreadable):
        extract_pictures(packed(**{"a.png": png(1)})[:60], DOCX)


def test_a_picture_is_known_by_its_bytes_and_not_by_its_name():
    frame = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x0b\x08\x00\x30\x00\x40\x03" + bytes(9)
    assert find_picture_type(frame) == "image/jpeg"
    assert find_picture_type(b"GIF89a" + struct.pack("<HH", 30, 30)) == "image/gif"
    for body in (b"", b"\xff\xd8\xff", frame[:9], b"<html>", b"GIF89a", claimed(0, 10)):
        assert find_picture_type(body) is None, body
