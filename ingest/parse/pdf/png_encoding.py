"""Write a picture as PNG, with zlib alone: no library of pictures is needed to draw a page."""

import struct
import zlib

import numpy as np

from ingest.parse.pdf.page_model import PixelArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB = 0, 2  # colour types
_LEVEL = 6  # of zlib: a page of text is then 40 to 150 KB


def encode_png(pixels: PixelArray) -> bytes:
    r"""Return a PNG of pixels (height, width, red green blue), grey where they have no colour.

    >>> encode_png(np.zeros((2, 3, 3), dtype=np.uint8))[:4]
    b'\x89PNG'
    """
    height, width = pixels.shape[:2]
    is_grey = bool((pixels[:, :, 0] == pixels[:, :, 1]).all()) and bool(
        (pixels[:, :, 1] == pixels[:, :, 2]).all()
    )
    samples = pixels[:, :, :1] if is_grey else pixels
    lines = np.zeros((height, 1 + samples[0].size), dtype=np.uint8)  # a filter byte 0 before each
    lines[:, 1:] = samples.reshape(height, -1)
    colour = _GREY if is_grey else _RGB
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    body = zlib.compress(lines.tobytes(), _LEVEL)
    return (
        _SIGNATURE + _pack_part(b"IHDR", header) + _pack_part(b"IDAT", body) + _pack_part(b"IEND")
    )


def _pack_part(name: bytes, content: bytes = b"") -> bytes:
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
    )
