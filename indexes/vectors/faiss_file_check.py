"""Check a file of vectors byte by byte before FAISS reads it.

FAISS reads some sixty kinds of index, nested in each other, and believes what they say: a forged
one takes memory without end, or sends a search beyond its arrays. We write two kinds. Their layout
is walked here with every count held against the size of the file.
https://github.com/facebookresearch/faiss/blob/main/faiss/impl/index_write.cpp
"""

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_HEADER = struct.Struct("<iqqq?i")  # dimension, vectors, two unused, trained, metric
_SIZE = struct.Struct("<Q")
_CODER = struct.Struct("<iifQQ")  # kind, range, its argument, dimension, bytes of a code
_FLAT, _IVF, _LISTS, _FULL, _SPARSE = b"IxFI", b"IwSq", b"ilar", b"full", b"sprs"
_INNER_PRODUCT, _EIGHT_BITS = 0, 0
_UNIT_TOLERANCE = (
    1e-2  # a unit vector may be off by so much; a stored one is within a tenth of that
)
_LARGEST = 2.0  # of a vector's numbers: no square overflows
_SLAB = 1 << 22  # bytes


def check_flat_file(file: Path, *, count: int, dim: int) -> None:
    """Check that a file is a flat index of so many unit vectors. Raises ValueError."""
    walk = _FileWalker(file)
    _check_flat_part(walk, count=count, dim=dim, unit=True)
    walk.expect_end()


def check_inverted_file(file: Path, *, count: int, dim: int) -> None:
    """Check that a file is an inverted file over so many vectors. Raises ValueError."""
    walk = _FileWalker(file)
    walk.expect(_IVF)
    _check_header(walk, count=count, dim=dim)
    lists, _ = walk.number(), walk.number()
    if not 0 < lists <= max(count, 1):
        raise ValueError(f"it has {lists} lists for {count} vectors")
    _check_flat_part(walk, count=lists, dim=dim, unit=False)
    if walk.take_bytes(1) != b"\0" or walk.number():
        raise ValueError("it has a map that we do not write")
    kind, _, argument, length, code = _CODER.unpack(walk.take_bytes(_CODER.size))
    if kind != _EIGHT_BITS or not np.isfinite(argument) or (length, code) != (dim, dim):
        raise ValueError("its codes are none of ours")
    if walk.number() != 2 * dim or not np.isfinite(walk.array("<f4", 2 * dim)).all():
        raise ValueError("its codes were not trained as ours are")
    if walk.number() != dim or walk.take_bytes(1) not in {b"\0", b"\1"}:
        raise ValueError("its codes are none of ours")
    _check_lists(walk, lists=lists, count=count, dim=dim)
    walk.expect_end()


class _FileWalker:
    """Reads a mapped file from its beginning; nothing is taken that is not there."""

    def __init__(self, file: Path) -> None:
        if not file.stat().st_size:
            raise ValueError("it is empty")
        self._data = np.memmap(file, np.uint8, "r")
        self._at = 0

    def view(self, size: int) -> NDArray[np.uint8]:
        if not 0 <= size <= len(self._data) - self._at:
            raise ValueError("it says that it is larger than it is")
        self._at += size
        return self._data[self._at - size : self._at]

    def take_bytes(self, size: int) -> bytes:
        return self.view(size).tobytes()

    def array(self, kind: str, count: int) -> NDArray[Any]:
        return self.view(np.dtype(kind).itemsize * count).view(kind)

    def number(self) -> int:
        return int(_SIZE.unpack(self.take_bytes(_SIZE.size))[0])

    def expect(self, mark: bytes) -> None:
        if self.take_bytes(len(mark)) != mark:
            raise ValueError("it is of a kind that we do not write")

    def expect_end(self) -> None:
        if self._at != len(self._data):
            raise ValueError("something follows after its end")


def _check_header(walk: _FileWalker, *, count: int, dim: int) -> None:
    length, vectors, _, _, trained, metric = _HEADER.unpack(walk.take_bytes(_HEADER.size))
    if (length, vectors, trained, metric) != (dim, count, True, _INNER_PRODUCT):
        raise ValueError(f"it does not hold {count} vectors of {dim} numbers")


def _check_flat_part(walk: _FileWalker, *, count: int, dim: int, unit: bool) -> None:
    walk.expect(_FLAT)
    _check_header(walk, count=count, dim=dim)
    if walk.number() != count * dim:
        raise ValueError(f"it does not hold {count} vectors of {dim} numbers")
    for first in range(0, count, rows := max(1, _SLAB // (4 * dim))):
        slab = walk.array("<f4", min(rows, count - first) * dim).reshape(-1, dim)
        if not np.isfinite(slab).all() or np.abs(slab).max(initial=0) > _LARGEST:
            raise ValueError("it holds a vector that is no number, or none of length one")
        if unit and not np.allclose(np.linalg.norm(slab, axis=1), 1, atol=_UNIT_TOLERANCE):
            raise ValueError("it holds a vector that is not of length one")


def _check_lists(walk: _FileWalker, *, lists: int, count: int, dim: int) -> None:
    """Check that every vector is in exactly one list, under a valid number."""
    walk.expect(_LISTS)
    if (walk.number(), walk.number()) != (lists, dim):
        raise ValueError("its lists are not what it says")
    kind, length = walk.take_bytes(4), walk.number()
    sizes = np.zeros(lists, np.uint64)
    if kind == _FULL and length == lists:
        sizes = walk.array("<u8", lists)
    elif kind == _SPARSE and length % 2 == 0 and length <= 2 * lists:
        places, counts = walk.array("<u8", length).reshape(-1, 2).T
        if len(places) and (places.max() >= lists or np.any(np.diff(places.astype(np.int64)) <= 0)):
            raise ValueError("its lists are not what it says")
        sizes[places.astype(np.int64)] = counts
    else:
        raise ValueError("its lists are not what it says")
    if (len(sizes) and sizes.max() > count) or int(sizes.sum()) != count:
        raise ValueError("its lists hold more or fewer vectors than there are")
    present = np.zeros(count, np.bool_)
    for size in map(int, sizes):
        walk.view(size * dim)
        numbers = walk.array("<i8", size)
        if size and (numbers.min() < 0 or numbers.max() >= count):
            raise ValueError("its lists name a vector that there is not")
        present[numbers] = True
    if not present.all():
        raise ValueError("its lists name a vector twice")
