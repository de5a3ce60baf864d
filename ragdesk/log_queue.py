"""Write log lines to standard error from a thread of their own, through a queue.

A pipe whose reader stands still takes 64 KiB, and then holds up whoever writes: the event loop,
and with it the server. So a line is put into a bounded queue, and what does not fit is counted.
"""

import logging
import os
import select
import threading
from collections import Counter, deque
from typing import Final

from ragdesk.log_repeats import Repeats, classify_record

QUEUE_BYTES = 1_048_576  # bytes of lines that wait to be read
ROOM_FOR_ERRORS = 262_144  # further bytes, for errors alone: a flood of warnings hides none
LONGEST_LINE = 65_536  # characters of a line: a traceback fits
CLOSING = 1.0  # seconds that the end of the process waits for the reader
MANY = 50  # lines written with one call at most


class QueueHandler(logging.Handler):
    """Queues lines for an open file, and never waits for whoever reads it.

    repeats: counts the lines of the kinds that come again and again.
    """

    def __init__(self, descriptor: int, repeats: Repeats | None = None) -> None:
        super().__init__()
        self._descriptor: Final = descriptor
        self._repeats = repeats or Repeats()
        self._lines = deque[bytes]()
        self._size = 0
        self._dropped = Counter[str]()
        self._changed = threading.Condition()
        self._ended = self._broken = False
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record, count it with others of its kind, or count it as dropped."""
        kind = classify_record(record)
        with self._changed:
            if kind is not None and not self._repeats.admit(kind, record):
                return
        line = self._encode(record)
        with self._changed:
            self._append(line, record)
            self._changed.notify()

    def close(self) -> None:
        """Write what waits, for a moment; what nobody reads by then is lost."""
        with self._changed:
            if not self._ended:
                for summary in self._repeats.summarize(early=True):
                    self._append(self._encode(summary), summary)
            self._ended = True
            self._changed.notify()
        self._thread.join(CLOSING)
        super().close()

    def _encode(self, record: logging.LogRecord) -> bytes:
        try:
            text = self.format(record)
        except Exception as error:  # noqa: BLE001, a line that cannot be made must be told as well
            text = f"a log line could not be made: {record.msg!r}: {type(error).__name__}: {error}"
        return (text[:LONGEST_LINE] + "\n").encode(errors="backslashreplace")

    def _append(self, line: bytes, record: logging.LogRecord) -> None:
        room = QUEUE_BYTES + ROOM_FOR_ERRORS * (record.levelno >= logging.ERROR)
        if self._size + len(line) > room:
            self._dropped[record.levelname.lower()] += 1
            return
        self._lines.append(line)
        self._size += len(line)

    def _run(self) -> None:
        while lines := self._next():
            try:
                self._write(b"".join(lines))
                self._broken = False
            except OSError:  # nobody reads any more, or the disk is full: told once it goes again
                self._broken = True
                with self._changed:
                    self._dropped["unwritten"] += len(lines)

    def _next(self) -> list[bytes]:
        """Wait for lines; none when all is written and the log was closed."""
        with self._changed:
            while True:
                if self._lines:
                    lines = [self._lines.popleft() for _ in range(min(MANY, len(self._lines)))]
                    self._size -= sum(map(len, lines))
                    return lines
                summaries = self._repeats.summarize()
                if self._dropped and not self._broken:
                    summaries.append(self._count_dropped())
                if summaries:
                    return [self._encode(summary) for summary in summaries]
                if self._ended:
                    return []
                self._changed.wait(self._repeats.pause())

    def _count_dropped(self) -> logging.LogRecord:
        counts, self._dropped = self._dropped, Counter()
        about = {"name": __name__, "levelno": logging.ERROR, "levelname": "ERROR"}
        return logging.makeLogRecord(
            {**about, "msg": "log lines were dropped: their reader is too slow", **counts}
        )

    def _write(self, content: bytes) -> None:
        rest = memoryview(content)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # whoever started us made it so
                select.select([], [self._descriptor], [])
