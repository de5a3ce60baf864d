"""Digests of files that were read before, so that a job reads only what may have changed.

A file whose inode, size and both times are what they were is taken to hold the bytes that it held:
nobody can set the time of a file's last change (ctime) back. One that changed while its entry was
made, within the grain of a clock, is read again, as git does it. The entries are a memory aid:
without them, or where they are damaged, every file is read.
"""

import hashlib
import json
import stat
import time
from contextlib import suppress
from os import stat_result
from pathlib import Path

from indexes import durable
from ingest.originals import Kept, look

FOLDER = "seen"
_GRAIN = 2_000_000_000  # nanoseconds; FAT keeps times to two seconds
Stamp = tuple[int, int, int, int]


def stamp(found: stat_result) -> Stamp:
    """Tell what changes with the content of a file: inode, size, and both times."""
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


class Seen:
    """The digests of one source's files. Nothing is written before ``save``."""

    def __init__(self, collection: Path, source: str) -> None:
        name = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        self._file = collection / FOLDER / f"{name}.json"
        self._known: dict[str, list[object]] = {}
        with suppress(OSError, ValueError, AttributeError):
            content = json.loads(self._file.read_bytes())
            self._known = dict(content["files"]) if content.get("format") == 1 else {}
        self._now: dict[str, list[object]] = {}
        self._fresh = False

    def look(self, path: Path, found: stat_result | None, *, limit: int) -> Kept:
        """Give a file's digest, reading it only if it may have changed. Raises Unreadable.

        found: what the file was when it was listed; None is not known.
        """
        name, now = str(path), time.time_ns()
        if found is None or not stat.S_ISREG(found.st_mode) or found.st_size > limit << 20:
            return look(path, limit=limit)
        mark = stamp(found)
        known = self._known.get(name)
        if known is not None and known[:4] == list(mark):
            self._now[name] = known
            return Kept(str(known[4]), mark[1], path)
        kept = look(path, limit=limit)
        self._fresh = True
        if kept.size == mark[1] and max(mark[2], mark[3]) + _GRAIN < now:
            self._now[name] = [*mark, kept.digest]
        return kept

    def save(self) -> None:
        """Write the entries of this look, if they are others than before. Raises OSError."""
        if not self._fresh and self._now.keys() == self._known.keys():
            return
        durable.folder(self._file.parent)
        content = json.dumps({"format": 1, "files": self._now}, separators=(",", ":"))
        durable.replace(self._file, content.encode())
