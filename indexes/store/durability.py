"""Write bytes to the disk so that they survive a power cut.

The order is always the same: write, fsync the file, fsync its folder, rename, fsync the
parent. A failed fsync is raised and never retried: after it the kernel may have dropped the
pages, and a second call would report success for bytes that are gone (fsyncgate, 2018).
"""

import os
import shutil
from pathlib import Path

from indexes.store import failpoints

UNFINISHED_PREFIX = ".tmp-"


def write_file(file: Path, data: bytes | memoryview) -> None:
    """Write a new file and fsync it. The folder's own fsync is the caller's next step."""
    with file.open("xb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())


def sync_path(path: Path) -> None:
    """Fsync one file or one folder that something else has written."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Fsync every file below a folder, then every folder, innermost first."""
    for root, _, names in os.walk(folder, topdown=False, onerror=_raise_walk_error):
        for name in sorted(names):
            sync_path(Path(root, name))
        sync_path(Path(root))


def make_folder(path: Path) -> None:
    """Make a folder where there is none, with its parents, each entered for good in its own."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        sync_path(path.parent)


def move_folder(folder: Path, target: Path) -> None:
    """Rename a finished folder, and fsync the parent. Both names are in one parent."""
    folder.rename(target)
    sync_path(target.parent)


def replace_file(file: Path, data: bytes) -> None:
    """Replace a small file by another in one step: a reader sees the old or the new one."""
    draft = file.with_name(f"{UNFINISHED_PREFIX}{file.name}")
    draft.unlink(missing_ok=True)
    write_file(draft, data)
    failpoints.reach_failpoint(f"{file.name} written")
    draft.replace(file)
    failpoints.reach_failpoint(f"{file.name} replaced")
    sync_path(file.parent)


def discard_path(path: Path) -> None:
    """Remove a file or a folder, so that nobody ever sees half of a folder under its name.

    Of a link only the link goes: what it leads to may be another's.
    """
    if path.is_dir() and not path.is_symlink():
        if not path.name.startswith(UNFINISHED_PREFIX):
            path = path.rename(path.with_name(f"{UNFINISHED_PREFIX}{path.name}"))
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _raise_walk_error(error: OSError) -> None:
    raise error
