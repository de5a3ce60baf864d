"""Read a tar archive as ``backup`` writes it: plain files, one after the other, and nothing else.

A library that reads every kind of tar also reads links, devices, sparse files whose size is a lie,
and headers that rename what follows. This reader knows one kind of member. A size is held against
the bytes that are left in the file before anything is done with it.
https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
"""

import re
from collections.abc import Iterator
from typing import IO

from indexes.errors import IndexDamaged

_BLOCK = 512
_RECORD = 10_240
_PIECE = 1 << 20
_FILE = b"0"
_EXTENDED = b"x"
_MAGIC = b"ustar\x0000"
_OCTAL = re.compile(rb"([0-7]{1,11})[ \0]")
_SUM = re.compile(rb"([0-7]{1,7})[ \0]{1,2}")
_SIZE = re.compile(rb"([0-9]{1,3}) size=([0-9]{1,18})\n")  # all that an extended header may say


class TarReader:
    """Yields the members of an archive in order; each is read to its end, or skipped.

    content: the open file, at its beginning. size: its bytes. Raises IndexDamaged naming ``name``
    for whatever we do not write, OSError when the file cannot be read.
    """

    def __init__(self, content: IO[bytes], size: int, *, name: str) -> None:
        self._content = content
        self._left = size
        self._name = name
        self._member_left = 0  # bytes of the present member
        self._padding = 0  # bytes of its filling

    def next_member(self) -> tuple[str, int] | None:
        """Return name and size of the next member, or None at a proper end of the archive."""
        while self._member_left:
            self.read_piece()
        if any(self._take_bytes(self._padding)):
            raise self._format_error("there are bytes between its parts")
        self._padding = 0
        block = self._take_bytes(_BLOCK)
        if not any(block):
            self._check_end()
            return None
        kind, name, size = self._parse_header(block)
        if kind == _EXTENDED:
            size = self._parse_extended_size(size)
            kind, name, _ = self._parse_header(self._take_bytes(_BLOCK))
        if kind != _FILE:
            raise self._format_error("a part of it is no plain file")
        if size > self._left:
            raise self._format_error("a part of it is larger than all that is left")
        self._member_left = size
        self._padding = -size % _BLOCK
        return name, size

    def read_piece(self) -> bytes:
        """Return the next piece of the present member; nothing at its end."""
        piece = self._take_bytes(min(self._member_left, _PIECE))
        self._member_left -= len(piece)
        return piece

    def iter_pieces(self) -> Iterator[bytes]:
        """Yield what is left of the present member, piece by piece."""
        while piece := self.read_piece():
            yield piece

    def _take_bytes(self, size: int) -> bytes:
        if size > self._left:
            raise self._format_error("it was cut")
        data = self._content.read(size)
        if len(data) != size:
            raise self._format_error("it was cut while it was read")
        self._left -= size
        return data

    def _parse_header(self, block: bytes) -> tuple[bytes, str, int]:
        plain = block[:148] + b" " * 8 + block[156:]
        total = _SUM.fullmatch(block[148:156])
        size = _OCTAL.fullmatch(block[124:136])
        name, _, rest = block[:100].partition(b"\0")
        if not total or int(total[1], 8) != sum(plain) or block[257:265] != _MAGIC:
            raise self._format_error("a header is damaged, or of another kind of archive")
        if not size or any(rest) or any(block[157:257]) or any(block[345:]):
            raise self._format_error("a header says what no backup says")
        if not name.isascii():
            raise self._format_error("a name is none of ours")
        return block[156:157], name.decode("ascii"), int(size[1], 8)

    def _parse_extended_size(self, size: int) -> int:
        """Read the size of a member of 8 GiB or more, for which its own header has no room."""
        if not 0 < size < _BLOCK:
            raise self._format_error("an extended header is none of ours")
        body = self._take_bytes(_BLOCK)
        match = _SIZE.fullmatch(body[:size])
        if not match or int(match[1]) != size or any(body[size:]):
            raise self._format_error("an extended header is none of ours")
        return int(match[2])

    def _check_end(self) -> None:
        """Check that two empty blocks end the archive, and only filling follows."""
        if self._left >= _BLOCK + _RECORD or not self._left or any(self._take_bytes(self._left)):
            raise self._format_error("something follows after its end")

    def _format_error(self, why: str) -> IndexDamaged:
        return IndexDamaged(f"{self._name} is no backup of ours, or was changed: {why}.")
