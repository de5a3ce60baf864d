"""What a server does in the background for what it keeps: retention, and rotation of keys."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Final

from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import RagdeskError
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.conversations.retention import delete_old_conversations
from ragdesk.support.conversations.word_rewriting import follow_tokens_version
from ragdesk.support.replicas.done_requests import clear_done_requests
from ragdesk.support.support_options import SupportOptions
from ragdesk.support.text_rotation import is_rotated, rotate_texts

UPKEEP_SECONDS: Final = 3_600.0
log = logging.getLogger("ragdesk.web")


class SupportUpkeep:
    """Encrypts with the newest key what is not yet, and deletes what is old, every hour."""

    def __init__(self, store: ConversationStore, options: SupportOptions) -> None:
        self._store = store
        self._options = options
        self._stop = threading.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, in the background."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End between two transactions."""
        self._stop.set()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        await self._try(self._follow_key)
        while True:
            await self._try(self._delete_old)
            await asyncio.sleep(UPKEEP_SECONDS)

    async def _try(self, work: Callable[[], None]) -> None:
        """Run some work in a thread; what goes wrong is logged, and tried another time."""
        try:
            await run_in_thread(work)
        except RagdeskError as error:
            log.warning("upkeep failed", extra={"reason": str(error), "repeats": "upkeep"})
        except Exception:  # else nothing old would ever be deleted again
            log.exception("upkeep failed", extra={"repeats": "upkeep"})

    def _follow_key(self) -> None:
        store, is_stopped = self._store, self._stop.is_set
        if not is_rotated(store.database, store.cipher):
            count = rotate_texts(store.database, store.cipher, is_stopped)
            log.info("encrypted anew", extra={"rows": count})
        follow_tokens_version(store.database, store.cipher, is_stopped)

    def _delete_old(self) -> None:
        clear_done_requests(self._store.database)
        count = delete_old_conversations(self._store.database, self._options.retention_days)
        if count:
            log.info("deleted old conversations", extra={"count": count})
