"""Digests of files that were read before, so that a job reads only what may have changed.

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

from indexes import durable
from ingest.originals import Kept, look

FOLDER = "seen"
_HEAD = ["format", 2]
_WHOLE, _FEW = 5, 64  # values of a line, without its name; lines that may be too many in any case
_GRAIN = 2_000_000_000  # nanoseconds; FAT keeps times to two seconds
Stamp = tuple[int, int, int, int]


def stamp(found: stat_result) -> Stamp:
    """Tell what changes with the content of a file: inode, size, and both times."""
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


class Seen:
    """The digests of one source's files. Nothing is written before ``save``.

    Its file holds lines of JSON, each with a comma: a name, then what was seen of it, or nothing
    where it is gone. Of two lines of a name the later one holds.
    """

    def __init__(self, collection: Path, source: str) -> None:
        name = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        self._file = collection / FOLDER / f"{name}.json"
        self._known: dict[str, list[object]] = {}
        self._lines = 0
        with suppress(OSError, ValueError, AttributeError, TypeError, IndexError):
            told = self._file.read_bytes()
            head, *lines = json.loads(b"[%b]" % told.rstrip(b",\n"))
            if head == _HEAD:
                held = {line[0]: line[1:] for line in lines}
                self._known = {path: mark for path, mark in held.items() if len(mark) == _WHOLE}
                self._lines = len(lines) if told.endswith(b",\n") else 0  # else torn: no more to it
        self._now: dict[str, list[object]] = {}

    def look(
        self, path: Path, found: stat_result | None, *, limit: int, real: bool = False
    ) -> Kept:
        """Give a file's digest, reading it only if it may have changed. Raises Unreadable.

        found: what the file was when it was listed; None is not known. real: no part of its path
        may be a link. Only what was read of the very file that was listed is remembered of it.
        """
        name = str(path)
        if found is None or not stat.S_ISREG(found.st_mode) or found.st_size > limit << 20:
            return look(path, limit=limit, real=real)
        mark = stamp(found)
        known = self._known.get(name)
        if known is not None and known[:4] == list(mark):
            self._now[name] = known
            return Kept(str(known[4]), mark[1], path)
        now = time.time_ns()
        kept = look(path, limit=limit, real=real)
        same = kept.about is not None and stamp(kept.about) == mark
        if same and kept.size == mark[1] and max(mark[2], mark[3]) + _GRAIN < now:
            self._now[name] = [*mark, kept.digest]
        return kept

    def save(self) -> None:
        """Write the entries of this look, if they are others than before. Raises OSError."""
        known, now = self._known, self._now
        others: list[list[object]] = [
            [name, *mark] for name, mark in now.items() if known.get(name) is not mark
        ]
        others += [[name] for name in known.keys() - now.keys()]
        if not others:
            return
        durable.folder(self._file.parent)
        if self._lines and self._lines + len(others) <= 2 * len(now) + _FEW:
            with open(self._file, "ab", opener=_unlinked) as file:
                # It is not synced: a torn line makes all files be read.
                file.write(_told(others))
            return
        durable.replace(self._file, _told([_HEAD, *([name, *mark] for name, mark in now.items())]))


def _unlinked(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def _told(lines: Sequence[Sequence[object]]) -> bytes:
    return "".join(f"{json.dumps(line, separators=(',', ':'))},\n" for line in lines).encode()
