"""Unpack a reply's body to a bound: a small one may stand for gigabytes."""

import zlib
from collections.abc import Iterable, Iterator

from ingest.errors import OutboundFailed

ACCEPTED_ENCODINGS = "gzip"
_STEP = 65_536
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


def unpack_body(pieces: Iterable[bytes], encoding: str, largest: int) -> bytes:
    """Join the pieces of a body, unpacked. Raises OutboundFailed.

    encoding: the reply's ``Content-Encoding``. largest: bytes at most, of what is unpacked.
    """
    name = encoding.strip().lower()
    if name in {"gzip", "x-gzip", "deflate"}:
        pieces = _unpack(pieces)
    elif name not in {"", "identity"}:
        raise OutboundFailed("bad_reply", "The reply is packed in a way that was not asked for.")
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > largest:
            raise OutboundFailed("too_large", f"The reply is larger than {largest:,} bytes.")
    return bytes(body)


def _unpack(pieces: Iterable[bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
    empty = True
    for piece in pieces:
        empty = empty and not piece
        packed = piece
        while packed and not unpacker.eof:
            try:
                yield unpacker.decompress(packed, _STEP)
            except zlib.error as error:
                raise OutboundFailed("bad_reply", "The reply cannot be unpacked.") from error
            packed = unpacker.unconsumed_tail
    if not empty and not unpacker.eof:
        raise OutboundFailed("bad_reply", "The reply ends before its end.")
