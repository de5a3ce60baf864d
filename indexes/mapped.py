"""Arrays on disk as NumPy writes them (``.npy``), mapped into memory.

NumPy reads the header of such a file with ``ast.literal_eval``, and Python 3.11 may fail with a
SystemError when two threads do that at once: a server opens a new generation while a job writes
one. What we write ourselves needs no parser of Python, only the three facts that it has.
https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

import math
import os
import re
import struct
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from indexes.errors import IndexDamaged

_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(
    rb"\{'descr': '(<f[48]|<[iu][248]|\|[iu]1|\|b1)', 'fortran_order': False, "
    rb"'shape': \((\d{1,15}), ?(\d{0,15})\), \} *\n"
)


def mapped(file: Path) -> NDArray[Any]:
    """Map an array of one or two dimensions. Raises IndexDamaged naming the file.

    The array is a view of the plain class: slicing a ``memmap`` costs microseconds each time.
    """
    try:
        with file.open("rb") as content:
            kind, shape = _header(content)
            if not math.prod(shape):
                return np.empty(shape, kind)
            return np.asarray(np.memmap(content, kind, "r", content.tell(), shape))
    except (OSError, ValueError) as error:
        raise IndexDamaged(
            f"{file} cannot be read: {error}. Run: ragdesk indexes verify"
        ) from error


def _header(content: IO[bytes]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    head = content.read(len(_MAGIC) + 2)
    size = struct.unpack("<H", head[-2:])[0] if head[: len(_MAGIC)] == _MAGIC else 0
    found = _HEADER.fullmatch(content.read(size))
    if not found:
        raise ValueError("it is no array of ours")
    kind, shape = np.dtype(found[1].decode()), tuple(int(n) for n in found.groups()[1:] if n)
    if math.prod(shape) * kind.itemsize != os.fstat(content.fileno()).st_size - content.tell():
        raise ValueError("it is not as large as it says")
    return kind, shape
