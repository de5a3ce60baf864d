"""Have pages of PDFs drawn in a limited child process, for people to see.

A child draws pages of one document alone: what a hostile one does to its process can neither
spoil the pages of another nor see them.
"""

import contextlib
import threading
from pathlib import Path

from ingest.errors import Unreadable
from ingest.sandbox.child import Child, ChildNotStarted, ParseFailure

_PROGRAM = "ingest.sandbox.drawing_worker"
_MEMORY = 512 << 20  # bytes: the document, a page of 2,000 by 4,000 pixels and its PNG
_LARGEST_ANSWER = 32 << 20  # bytes of a PNG
_SECONDS, _WALL_SECONDS = 10.0, 20.0  # of computing, and of waiting: somebody looks at the page


class PageDrawer:
    """Draws pages, one at a time; the child of the last document stays until another is asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._digest = ""
        self._closed = False

    def draw_page(self, file: Path, digest: str, page: int, width: int) -> bytes:
        """Return a page as a PNG. page: 0-based. width: in pixels. Raises Unreadable. Blocks."""
        with self._lock:
            child = self._take_child(digest)
            request = {
                "file": str(file.absolute()),
                "page": page,
                "width": width,
                "seconds": _SECONDS,
            }
            try:
                answer = child.request_parse(request, wall=_WALL_SECONDS)
            except ChildNotStarted as error:
                answer = ParseFailure(str(error))
            if isinstance(answer, ParseFailure):
                self._child = None
                raise Unreadable(f"The page {answer.reason}.")
        header, parts = answer
        if "failure" in header or len(parts) != 1:
            raise Unreadable(f"The page cannot be shown: {header.get('failure', 'no picture')}.")
        return bytes(parts[0])

    def _take_child(self, digest: str) -> Child:
        if self._closed:
            raise Unreadable("The server is stopping.")
        if self._child is None or self._digest != digest or self._child.has_ended:
            self._end_child()
            self._child = Child({"memory": _MEMORY}, limit=_LARGEST_ANSWER, program=_PROGRAM)
            self._digest = digest
        return self._child

    def _end_child(self) -> None:
        if self._child is not None:
            self._child.end_process()
            self._child = None

    def close(self) -> None:
        """End the child; who waits for a page gets Unreadable, and later ones too."""
        self._closed = True
        with contextlib.suppress(AttributeError):  # none is there, or it went meanwhile
            self._child.kill()  # type: ignore[union-attr]
        with self._lock:
            self._end_child()
