"""Open files without following a link anywhere on their way.

A source is listed first and read later, and its folders may belong to others: one of them can be
swapped for a link to a stranger's folder in between. A path that was real when it was listed is
therefore walked part by part, each opened in the folder before it, and a link ends the walk.
"""

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path

_FOLDER_FLAGS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
LIST_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def open_beneath(folder: int, parts: Sequence[str], *, flags: int = _FILE_FLAGS) -> int:
    """Open what lies below an open folder, by the names on its way; returns a descriptor.

    No part may be a link, nor lead up. Raises OSError: ELOOP or ENOTDIR for a link.
    """
    if not parts or any(part in {"", ".", ".."} or "/" in part for part in parts):
        raise FileNotFoundError(f"{'/'.join(parts)!r} is no way below a folder.")
    current_folder = os.dup(folder)
    try:
        for part in parts[:-1]:
            inner = os.open(part, _FOLDER_FLAGS, dir_fd=current_folder)
            os.close(current_folder)
            current_folder = inner
        return os.open(parts[-1], flags, dir_fd=current_folder)
    finally:
        os.close(current_folder)


def open_real_path(path: Path, *, flags: int = _FILE_FLAGS) -> int:
    """Open a file or folder by its real path, as ``Path.resolve`` gave it; returns a descriptor.

    Raises OSError, also where any part of the path has become a link since then.
    """
    root, *parts = path.parts
    if not path.is_absolute() or not parts:
        return os.open(path, flags)
    folder = os.open(root, _FOLDER_FLAGS)
    try:
        return open_beneath(folder, parts, flags=flags)
    finally:
        os.close(folder)


def open_regular_file(path: Path, *, real: bool) -> FileIO | None:
    """Open a regular file, unbuffered; None for a pipe, socket, device or folder.

    real: its path is a real one, of which no part may be a link; otherwise only the last may not.
    Raises OSError. Nothing is waited for.
    """
    descriptor = open_real_path(path) if real else os.open(path, _FILE_FLAGS)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return FileIO(descriptor, "rb")
    except BaseException:
        with suppress(OSError):
            os.close(descriptor)
        raise
    os.close(descriptor)
    return None
