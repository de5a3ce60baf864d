"""Cache the digests of files, so that a job reads only files that may have changed.

A file whose inode, size and both times are what they were is taken to hold the bytes that it held:
nobody can set the time of a file's last change (ctime) back. One that changed while its entry was
made, within the grain of a clock, is read again, as git does it. The entries are a memory aid:
without them, or where they are damaged, every file is read. A look that finds little changed adds
a few lines to them, as writing all of them would cost the more the larger a source is.
"""

import hashlib
import json
import os
import stat
import time
from collections.abc import Sequence
from contextlib import suppress
from os import stat_result
from pathlib import Path

from indexes.store import durability
from ingest.originals import FileDigest, digest_file

CACHE_FOLDER = "seen"
_HEAD = ["format", 2]
_LINE_VALUES = 5  # of a line, without its name
_SPARE_LINES = 64  # lines that may be too many in any case
_GRAIN = 2_000_000_000  # nanoseconds; FAT keeps times to two seconds
FileStamp = tuple[int, int, int, int]


def file_stamp(status: stat_result) -> FileStamp:
    """Return what changes with a file's content: inode, size, modification and change time."""
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


class DigestCache:
    """Cache the SHA-256 of one source's files, so that unchanged files are not read again.

    ``save`` writes it to a file of JSON lines, each with a comma: a name, then its stamp and
    digest, or nothing where the file is gone. Of two lines of a name the later one holds.
    """

    def __init__(self, collection: Path, source: str) -> None:
        name = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        self._file = collection / CACHE_FOLDER / f"{name}.json"
        self._cached_entries: dict[str, list[object]] = {}
        self._lines = 0
        with suppress(OSError, ValueError, AttributeError, TypeError, IndexError):
            content = self._file.read_bytes()
            head, *lines = json.loads(b"[%b]" % content.rstrip(b",\n"))
            if head == _HEAD:
                entries = {line[0]: line[1:] for line in lines}
                self._cached_entries = {
                    path: mark for path, mark in entries.items() if len(mark) == _LINE_VALUES
                }
                is_whole = content.endswith(b",\n")  # nothing is appended to a torn file
                self._lines = len(lines) if is_whole else 0
        self._current_entries: dict[str, list[object]] = {}

    def find_digest(
        self, path: Path, status: stat_result | None, *, limit: int, real: bool = False
    ) -> FileDigest:
        """Return a file's digest; read the file only if it may have changed. Raises Unreadable.

        status: the file's status when it was listed; None is not known. real: no part of its path
        may be a link. A digest is remembered only where the file read is the file listed.
        """
        name = str(path)
        if status is None or not stat.S_ISREG(status.st_mode) or status.st_size > limit << 20:
            return digest_file(path, limit=limit, real=real)
        mark = file_stamp(status)
        known = self._cached_entries.get(name)
        if known is not None and known[:4] == list(mark):
            self._current_entries[name] = known
            return FileDigest(str(known[4]), mark[1], path)
        now = time.time_ns()
        file_digest = digest_file(path, limit=limit, real=real)
        is_listed_file = file_digest.status is not None and file_stamp(file_digest.status) == mark
        if is_listed_file and file_digest.size == mark[1] and max(mark[2], mark[3]) + _GRAIN < now:
            self._current_entries[name] = [*mark, file_digest.digest]
        return file_digest

    def save(self) -> None:
        """Write the entries that changed since the cache was read. Raises OSError."""
        cached = self._cached_entries
        current = self._current_entries
        new_lines: list[list[object]] = [
            [name, *mark] for name, mark in current.items() if cached.get(name) is not mark
        ]
        new_lines += [[name] for name in cached.keys() - current.keys()]
        if not new_lines:
            return
        durability.make_folder(self._file.parent)
        if self._lines and self._lines + len(new_lines) <= 2 * len(current) + _SPARE_LINES:
            with open(self._file, "ab", opener=_open_appending) as file:
                # It is not synced: a torn line makes all files be read.
                file.write(_encode_lines(new_lines))
            return
        durability.replace_file(
            self._file, _encode_lines([_HEAD, *([name, *mark] for name, mark in current.items())])
        )


def _open_appending(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def _encode_lines(lines: Sequence[Sequence[object]]) -> bytes:
    return "".join(f"{json.dumps(line, separators=(',', ':'))},\n" for line in lines).encode()
