"""Arrays on disk as NumPy writes them (``.npy``), mapped into memory.

NumPy reads the header of such a file with ``ast.literal_eval``, and Python 3.11 may fail with a
SystemError when two threads do that at once: a server opens a new generation while a job writes
one. What we write ourselves needs no parser of Python, only the three facts that it has.
https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

A mapping needs no open file, but Python's ``mmap`` keeps a duplicate of its handle: a dozen for
each segment, so that a server of 256 handles was full with twenty segments. Before Python 3.13
(``trackfd``) only the system's own call leaves it out.
"""

import ctypes
import math
import mmap
import os
import re
import struct
import weakref
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from indexes.errors import IndexDamaged, tells_absence

_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(
    rb"\{'descr': '(<f[48]|<[iu][248]|\|[iu]1|\|b1)', 'fortran_order': False, "
    rb"'shape': \((\d{1,15}), ?(\d{0,15})\), \} *\n"
)
_libc = ctypes.CDLL(None, use_errno=True)
_map, _unmap = _libc.mmap, _libc.munmap
_map.argtypes = (
    *(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int),
    *(ctypes.c_int, ctypes.c_int, ctypes.c_long),
)
_map.restype = ctypes.c_void_p
_unmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
_FAILED = ctypes.c_void_p(-1).value


class _Mapping:
    """Bytes at an address, as NumPy takes them over; unmapped when no array rests on them."""

    def __init__(self, at: int, size: int) -> None:
        data = {"shape": (size,), "typestr": "|u1", "data": (at, True), "version": 3}
        self.__array_interface__ = data
        weakref.finalize(self, _unmap, at, size).atexit = False  # a thread may still read then


def map_bytes(content: IO[bytes]) -> NDArray[np.uint8]:
    """Map an open file as it is now; the file may then be closed. Raises OSError."""
    size = os.fstat(content.fileno()).st_size
    if not size:
        return np.empty(0, np.uint8)
    at = _map(None, size, mmap.PROT_READ, mmap.MAP_SHARED, content.fileno(), 0)
    if at == _FAILED:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return np.asarray(_Mapping(at, size))


def map_array(file: Path) -> NDArray[Any]:
    """Map an array of one or two dimensions. Raises IndexDamaged naming the file, or OSError.

    The array is a view of the plain class: slicing a ``memmap`` costs microseconds each time.
    """
    try:
        with file.open("rb") as content:
            kind, shape = _read_npy_header(content)
            if not math.prod(shape):
                return np.empty(shape, kind)
            first, size = content.tell(), math.prod(shape) * kind.itemsize
            array = map_bytes(content)[first : first + size]
            return array.view(kind).reshape(shape)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and not tells_absence(error):  # no memory to map it, say
            raise OSError(error.errno, error.strerror, str(file)) from error
        raise IndexDamaged(
            f"{file} cannot be read: {error}. Run: ragdesk indexes verify"
        ) from error


def _read_npy_header(content: IO[bytes]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    head = content.read(len(_MAGIC) + 2)
    size = struct.unpack("<H", head[-2:])[0] if head[: len(_MAGIC)] == _MAGIC else 0
    match = _HEADER.fullmatch(content.read(size))
    if not match:
        raise ValueError("it is no array of ours")
    kind = np.dtype(match[1].decode())
    shape = tuple(int(n) for n in match.groups()[1:] if n)
    if math.prod(shape) * kind.itemsize != os.fstat(content.fileno()).st_size - content.tell():
        raise ValueError("it is not as large as it says")
    return kind, shape
