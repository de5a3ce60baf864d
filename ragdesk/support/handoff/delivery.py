"""Deliver the letters of the outbox, each by its channel, again and again until it is taken."""

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from ragdesk.errors import DeliveryFailed
from ragdesk.support.handoff.outbox import HandoffLink, Letter, Outbox

DELIVERY_SECONDS: Final = (
    2.0  # between looks into the outbox: another server may have written to it
)
log = logging.getLogger("ragdesk.handoff")


class Channel(Protocol):
    """A way out of the house.

    store_link: keeps what was made over there, as soon as it was made. Raises DeliveryFailed.
    """

    def __call__(
        self, letter: Letter, link: HandoffLink, store_link: Callable[[HandoffLink], None], /
    ) -> None: ...


def _refuse_letter(letter: Letter, *_: object) -> None:
    """Stand for a channel of earlier settings."""
    raise DeliveryFailed(f"The settings name no {letter.channel} any more.")


class Deliverer:
    """Sends what is due, in a thread of its own once it was started. Closing waits for one letter.

    What could not be sent stays in the outbox, also when the server stops in the middle: a letter
    may go out twice then, under the same id.
    """

    def __init__(self, outbox: Outbox, channels: Mapping[str, Channel]) -> None:
        self._outbox = outbox
        self._channels = channels
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to send in the background, if there is any way out."""
        if self._channels:
            self._thread = threading.Thread(target=self._run, name="handoff-delivery", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Send nothing more, and wait for the letter under way."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def wake(self) -> None:
        """Look into the outbox now."""
        self._wake.set()

    def deliver_due(self) -> int:
        """Send everything that is due; gives how many letters were taken on the other side."""
        taken = 0
        while not self._stopping.is_set() and (letter := self._outbox.claim_letter()):
            taken += self._deliver(letter)
        return taken

    def _deliver(self, letter: Letter) -> bool:
        channel = self._channels.get(letter.channel, _refuse_letter)

        def store_link(link: HandoffLink) -> None:
            self._outbox.store_link(letter.handoff, letter.channel, link)

        try:
            channel(letter, self._outbox.get_link(letter.handoff, letter.channel), store_link)
        except DeliveryFailed as error:
            again = self._outbox.note_failure(letter, str(error), error.retry_after)
            fields = {"channel": letter.channel, "reason": str(error), "again": again}
            log.warning("hand-off not delivered", extra={**fields, "repeats": letter.channel})
            return False
        self._outbox.note_delivery(letter)
        return True

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                self.deliver_due()
            except Exception:  # the next look may do better: the database was away, say
                log.exception("hand-offs could not be delivered")
            self._wake.wait(DELIVERY_SECONDS)
