"""Have pages of PDFs drawn, and pictures of documents read, in a limited child process.

A child draws pages of one document alone: what a hostile one does to its process can neither
spoil the pages of another nor see them.
"""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingest.errors import Unreadable
from ingest.parse.picture_files import find_picture_type
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
        header, parts = self._ask_child(file, digest, {"page": page, "width": width})
        if len(parts) != 1:
            raise Unreadable(f"The page cannot be shown: {header.get('failure', 'no picture')}.")
        return bytes(parts[0])

    def read_pictures(self, file: Path, digest: str, media_type: str) -> list[bytes]:
        """Return the pictures in a document's file: PNG, JPEG, GIF. Raises Unreadable. Blocks."""
        header, parts = self._ask_child(file, digest, {"media_type": media_type})
        if "failure" in header:
            raise Unreadable(f"The pictures cannot be shown: {header['failure']}.")
        return [bytes(part) for part in parts if find_picture_type(part)]

    def _ask_child(self, file: Path, digest: str, request: Mapping[str, Any]) -> tuple[Any, Any]:
        with self._lock:
            child = self._take_child(digest)
            whole = {**request, "file": str(file.absolute()), "seconds": _SECONDS}
            try:
                answer = child.request_parse(whole, wall=_WALL_SECONDS)
            except ChildNotStarted as error:
                answer = ParseFailure(str(error))
            if isinstance(answer, ParseFailure):
                self._child = None
                raise Unreadable(f"It cannot be shown: it {answer.reason}.")
        return answer

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

    def end_idle_child(self) -> None:
        """End the child unless it is at work: it holds a document that nobody looks at now."""
        if self._lock.acquire(blocking=False):
            try:
                self._end_child()
            finally:
                self._lock.release()

    def close(self) -> None:
        """End the child; who waits for a page gets Unreadable, and later ones too."""
        self._closed = True
        child = self._child
        if child is not None:
            child.kill()
        with self._lock:
            self._end_child()
