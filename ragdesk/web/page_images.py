"""Pictures of the pages of PDFs: drawn in a limited child, the latest kept in memory."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ingest.errors import Unreadable
from ingest.sandbox.page_drawer import PageDrawer
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import NotFound, Overloaded

MOST_BYTES: Final = 64 << 20  # of all pictures that are kept: some 400 pages
MOST_FAILURES: Final = 1_000  # pages that cannot be drawn and are not tried again
MOST_WAITING: Final = 16  # requests; a page takes 0.1 to 0.5 s, a hostile one 10 s
ImageKey = tuple[str, int, int]  # digest of the document, page (0-based), width in pixels


class PageImages:
    """The pictures of pages, the latest kept; ``draw`` is replaced in no installation."""

    def __init__(self, draw: Callable[[Path, str, int, int], bytes] | None = None) -> None:
        self._drawer = PageDrawer()
        self._draw = draw or self._drawer.draw_page
        self._images: OrderedDict[ImageKey, bytes] = OrderedDict()
        self._size = 0
        self._failures: OrderedDict[tuple[str, int], str] = OrderedDict()
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def find_image(self, file: Path, digest: str, page: int, width: int) -> bytes:
        """Return a page as a PNG. Raises NotFound where it cannot be drawn, and Overloaded.

        file: the document's bytes. page: 0-based. width: in pixels.
        """
        key = (digest, page, width)
        image = self._find_kept(key)
        if image is not None:
            return image
        if self._waiting >= MOST_WAITING:
            raise Overloaded("Too many pages are being drawn. Ask again in a moment.")
        self._waiting += 1
        try:
            async with self._turn:
                image = self._find_kept(key)
                if image is None:
                    image = await self._draw_page(file, key)
            return image
        finally:
            self._waiting -= 1

    def _find_kept(self, key: ImageKey) -> bytes | None:
        reason = self._failures.get(key[:2])
        if reason is not None:
            raise NotFound(reason)
        image = self._images.get(key)
        if image is not None:
            self._images.move_to_end(key)
        return image

    async def _draw_page(self, file: Path, key: ImageKey) -> bytes:
        digest, page, width = key
        try:
            image = await run_in_thread(self._draw, file, digest, page, width)
        except Unreadable as error:
            self._failures[digest, page] = str(error)
            if len(self._failures) > MOST_FAILURES:
                self._failures.popitem(last=False)
            raise NotFound(str(error)) from error
        self._images[key] = image
        self._size += len(image)
        while self._size > MOST_BYTES:
            _, oldest = self._images.popitem(last=False)
            self._size -= len(oldest)
        return image

    def close(self) -> None:
        """End the child that draws."""
        self._drawer.close()
