"""Build paths from stored data, so that no name can leave its folder.

A digest in a document table, a file name in a manifest, a member of a backup: whoever wrote them,
they reach the file system through ``join_stored`` and nowhere else (a test holds this).
"""

import os
import re
import stat
from io import BufferedReader, FileIO
from pathlib import Path

from indexes.errors import IndexDamaged

ORIGINALS_FOLDER = "originals"
OCR_FOLDER = "ocr"  # pages that OCR read, a folder an original
_SEGMENTS = "segments"
_PART = re.compile(r"[A-Za-z0-9_.-]{1,255}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_DEEPEST = 4  # names of ours have three parts at most
_PLAIN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def is_digest(name: object) -> bool:
    """Tell whether a stored value is a SHA-256 as we write it: 64 small hexadecimal digits."""
    return isinstance(name, str) and bool(_DIGEST.fullmatch(name))


def join_stored(folder: Path, name: object) -> Path:
    """Join a folder and a stored name, which may have parts with ``/``. Raises IndexDamaged.

    >>> join_stored(Path("c"), "dense/rows.npy").as_posix()
    'c/dense/rows.npy'
    >>> join_stored(Path("c"), "../x")
    Traceback (most recent call last):
    ...
    indexes.errors.IndexDamaged: c names a file that it cannot hold: '../x'.
    """
    parts = name.split("/") if isinstance(name, str) else []
    plain = all(_PART.fullmatch(part) and part.strip(".") for part in parts)
    if not plain or not 0 < len(parts) <= _DEEPEST:
        raise IndexDamaged(f"{folder} names a file that it cannot hold: {str(name)[:80]!r}.")
    return folder.joinpath(*parts)


def original_file(collection: Path, digest: object) -> Path:
    """Return the path of a document's bytes. Raises IndexDamaged for what is no digest."""
    return join_stored(collection / ORIGINALS_FOLDER, _require_digest(collection, digest))


def segment_folder(collection: Path, digest: object) -> Path:
    """Return the path of a segment. Raises IndexDamaged for what is no digest."""
    return join_stored(collection / _SEGMENTS, _require_digest(collection, digest))


def open_plain(file: Path) -> BufferedReader:
    """Open a regular file for reading; a link, pipe or device in its place is an IndexDamaged.

    Raises OSError when it cannot be opened for another reason.
    """
    try:
        descriptor = os.open(file, _PLAIN)
    except OSError as error:
        if file.is_symlink():
            raise IndexDamaged(f"{file} is a link, where a file should be.") from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise IndexDamaged(f"{file} is not a plain file.")
    return BufferedReader(FileIO(descriptor, "rb"))


def read_plain(file: Path, *, most: int) -> bytes:
    """Read a regular file of at most so many bytes; of a larger one, one byte more than that.

    Nothing is allocated for what is not there. Raises as ``open_plain`` does.
    """
    with open_plain(file) as content:
        return content.read(min(os.fstat(content.fileno()).st_size, most) + 1)


def _require_digest(collection: Path, digest: object) -> str:
    if not isinstance(digest, str) or not is_digest(digest):
        raise IndexDamaged(f"{collection} names a digest that is none: {str(digest)[:80]!r}.")
    return digest
