"""Pictures of documents: pages of PDFs, drawn in a limited child, and what lies in other files.

The latest are kept in memory.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from ingest.errors import Unreadable
from ingest.sandbox.page_drawer import PageDrawer
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import NotFound, Overloaded

MOST_BYTES: Final = 64 << 20  # of all pictures that are kept: some 400 pages
MOST_FAILURES: Final = 1_000  # pages that cannot be drawn and are not tried again
IMAGE_IDLE_SECONDS: Final = (
    60.0  # after which the child of the last document ends: it holds some 80 MB
)
MOST_WAITING: Final = 16  # requests; a page takes 0.1 to 0.5 s, a hostile one 10 s
# Digest of the document; a page, or the media type of a file of pictures; the width of a page.
ImageKey = tuple[str, str, int]
DrawPictures = Callable[[], Sequence[bytes]]


class PageImages:
    """The pictures of documents, one drawing at a time."""

    def __init__(self, drawer: PageDrawer | None = None) -> None:
        self._drawer = drawer or PageDrawer()
        self._images: OrderedDict[ImageKey, Sequence[bytes]] = OrderedDict()
        self._size = 0
        self._failures: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._ending: asyncio.TimerHandle | None = None

    async def find_page(self, file: Path, digest: str, page: int, width: int) -> bytes:
        """Return a page of a PDF as a PNG. Raises NotFound where it cannot be drawn, Overloaded.

        file: the document's bytes. page: 0-based. width: in pixels.
        """
        key = (digest, f"page {page}", width)
        (image,) = await self._find(
            key, lambda: [self._drawer.draw_page(file, digest, page, width)]
        )
        return image

    async def find_pictures(self, file: Path, digest: str, media_type: str) -> Sequence[bytes]:
        """Return the pictures in a document's file. Raises NotFound and Overloaded as above."""
        key = (digest, media_type, 0)
        return await self._find(key, lambda: self._drawer.read_pictures(file, digest, media_type))

    async def _find(self, key: ImageKey, draw: DrawPictures) -> Sequence[bytes]:
        images = self._find_kept(key)
        if images is not None:
            return images
        if self._waiting >= MOST_WAITING:
            raise Overloaded("Too many pages are being drawn. Ask again in a moment.")
        self._waiting += 1
        try:
            async with self._turn:
                images = self._find_kept(key)
                if images is None:
                    images = await self._draw(key, draw)
            return images
        finally:
            self._waiting -= 1

    def _find_kept(self, key: ImageKey) -> Sequence[bytes] | None:
        reason = self._failures.get(key[:2])
        if reason is not None:
            raise NotFound(reason)
        images = self._images.get(key)
        if images is not None:
            self._images.move_to_end(key)
        return images

    async def _draw(self, key: ImageKey, draw: DrawPictures) -> Sequence[bytes]:
        try:
            images = await run_in_thread(draw)
        except Unreadable as error:
            self._failures[key[:2]] = str(error)
            if len(self._failures) > MOST_FAILURES:
                self._failures.popitem(last=False)
            raise NotFound(str(error)) from error
        finally:
            self._end_child_later()
        self._images[key] = images
        self._size += sum(map(len, images))
        while self._size > MOST_BYTES:
            _, oldest = self._images.popitem(last=False)
            self._size -= sum(map(len, oldest))
        return images

    def _end_child_later(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
        loop = asyncio.get_running_loop()
        self._ending = loop.call_later(IMAGE_IDLE_SECONDS, self._drawer.end_idle_child)

    def close(self) -> None:
        """End the child that draws. Blocks while a page is drawn."""
        self._drawer.close()
