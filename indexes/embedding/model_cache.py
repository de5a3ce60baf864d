"""Keep what is costly to make from a model's files in small files."""

import contextlib
import errno
import fcntl
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

# What a file system says that locks nothing, as some that a network mounts.
LOCKLESS_ERRORS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL})


def remember_value(file: Path, compute: Callable[[], str]) -> str:
    """Return the value that a small cache file holds; compute and write it where there is none.

    It only saves time, so a folder that cannot be written to is no error.
    """
    if file.is_file() and (known := file.read_text(encoding="ascii", errors="replace")).isalnum():
        return known
    value = compute()
    with contextlib.suppress(OSError):
        write_cache_file(file, value.encode("ascii"))
    return value


def write_cache_file(file: Path, data: bytes) -> None:
    """Write a file of a cache in one step, even while others write the same one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".tmp-{secrets.token_hex(8)}-{file.name}")
    try:
        draft.write_bytes(data)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def remember_bytes(
    file: Path, compute: Callable[[], bytes], is_whole: Callable[[bytes], bool]
) -> bytes:
    """Return the bytes of a cache file that is whole; else compute and write them.

    It only saves time, so a folder that cannot be written to is no error.
    """
    if file.is_file() and is_whole(known := file.read_bytes()):
        return known
    data = compute()
    with contextlib.suppress(OSError):
        write_cache_file(file, data)
    return data


@contextlib.contextmanager
def lock_file(file: Path) -> Iterator[None]:
    """Hold the lock of a file for a block; wait for whoever holds it, in any process.

    The file stays, as one that is removed locks nobody out. Where the file system has no locks,
    the block runs without one. Raises OSError.
    """
    with file.open("ab") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in LOCKLESS_ERRORS:
                raise
        yield
