"""Have pages read by OCR in limited children of their own, and keep them one by one."""

import queue
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from indexes.store.paths import join_stored
from ingest.document import Raw
from ingest.errors import IngestError
from ingest.ocr_pages import (
    LONGEST_REASON,
    OcrPage,
    find_ocr_folder,
    parse_ocr_page,
    read_ocr_page,
    write_ocr_page,
)
from ingest.sandbox.child import Child, ChildNotStarted, ParseFailure

_PROGRAM = "ingest.sandbox.ocr_worker"
_LARGEST_ANSWER = 16 << 20  # bytes of a page's lines
_WALL_SHARE = 5  # times the computing time of a page: other processes want the cores too
_MOST_FAILURES = 3  # pages of a document that end their child; then the rest is not tried


def check_ocr_start(*, memory: int) -> str:
    """Return why OCR cannot start here; nothing when it can. memory: bytes of its child."""
    child = Child({"memory": memory}, limit=_LARGEST_ANSWER, program=_PROGRAM)
    try:
        child.wait_until_ready()
    except ChildNotStarted as error:
        return _explain_start(error)
    finally:
        child.end_process()
    return ""


def _explain_start(error: ChildNotStarted) -> str:
    """Return why OCR does not start, without the names of our modules."""
    name, _, words = error.reason.partition(": ")
    reason = words or name
    return f"OCR does not start: {reason}"[:LONGEST_REASON]


class PageReader:
    """Reads pages by OCR; a thread each may ask. memory: bytes of a child. seconds: of a page.

    Pages of a kept original stay beside it; those of other files go with this reader.
    """

    def __init__(self, *, memory: int, seconds: float) -> None:
        self._memory = memory
        self._seconds = seconds
        self._idle: queue.SimpleQueue[Child] = queue.SimpleQueue()
        self._children: set[Child] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._start_failure = ""

    def read_pages(self, raw: Raw, pages: Sequence[int]) -> Path:
        """Read those pages of a document that are not kept; return the folder with all of them.

        pages: 0-based. One that cannot be read is kept with the reason; where no child can start,
        all are, and no other is started before ``end_children``. Raises IngestError when it was
        stopped.
        """
        folder = find_ocr_folder(raw.file, raw.digest) or self._scratch_folder(raw)
        failures = 0
        for number in pages:
            kept = read_ocr_page(folder, number)
            if kept is not None and not kept.failure:  # limits may be others than when it failed
                continue
            page, has_ended = (
                self._read_page(raw, number)
                if failures < _MOST_FAILURES
                else (OcrPage(failure="pages before it could not be read either"), False)
            )
            failures += has_ended
            write_ocr_page(folder, number, page)
        return folder

    def end_children(self) -> None:
        """End the children that are idle, and forget the pages that belong to no original."""
        while True:
            try:
                child = self._idle.get_nowait()
            except queue.Empty:
                break
            with self._lock:
                self._children.discard(child)
            child.end_process()
        with self._lock:
            scratch, self._scratch = self._scratch, None
            self._start_failure = ""
        if scratch:
            scratch.cleanup()

    def kill(self) -> None:
        """Kill all children now; whoever waits for a page gets a failure, and starts no other."""
        with self._lock:
            self._closed = True
            for child in self._children:
                child.kill()

    def _read_page(self, raw: Raw, number: int) -> tuple[OcrPage, bool]:
        """Read one page; also tell whether that ended its child."""
        if self._start_failure:
            return OcrPage(failure=self._start_failure), False
        child = self._take_child()
        request = {
            "file": str(raw.file.absolute()),
            "real": raw.real,
            "digest": raw.digest,
            "page": number,
            "seconds": self._seconds,
        }
        try:
            answer = child.request_parse(request, wall=self._seconds * _WALL_SHARE)
        except ChildNotStarted as error:
            answer = ParseFailure(_explain_start(error))
            self._start_failure = answer.reason
        if isinstance(answer, ParseFailure):
            with self._lock:
                self._children.discard(child)
            if self._closed:
                raise IngestError("The job was stopped.")
            return OcrPage(failure=answer.reason), True
        self._idle.put(child)
        try:
            return parse_ocr_page(answer[0]), False
        except (ValueError, TypeError, KeyError):
            return OcrPage(failure="crashed the reader (its answer makes no sense)"), False

    def _take_child(self) -> Child:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return self._start_child()

    def _start_child(self) -> Child:
        setting: dict[str, Any] = {"memory": self._memory}
        with self._lock:
            if self._closed:
                raise IngestError("The job was stopped.")
            child = Child(setting, limit=_LARGEST_ANSWER, program=_PROGRAM)
            self._children.add(child)
        return child

    def _scratch_folder(self, raw: Raw) -> Path:
        with self._lock:
            if self._scratch is None:
                self._scratch = tempfile.TemporaryDirectory(prefix="ragdesk-ocr-")
            return join_stored(Path(self._scratch.name), raw.digest)
