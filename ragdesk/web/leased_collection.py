"""Count the users of an opened generation, so that the last one closes it.

This is not left to Python's garbage collector: with the thresholds of a server it may come to the
oldest objects hours later, and each generation holds some ten files.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator

from ragdesk.open_collection import OpenCollection


class LeasedCollection:
    """An opened generation and its users; whoever makes this is the first of them.

    close: called once, by whoever lets go last, with the generation. source: whose files it uses,
    itself as a rule.
    """

    def __init__(
        self,
        opened: OpenCollection,
        close: Callable[[OpenCollection], None],
        source: "LeasedCollection | None" = None,
    ) -> None:
        self.collection = opened
        self.source = source or self
        self._close = close
        self._users = 1
        self._lock = threading.Lock()

    def share(self, view: OpenCollection) -> "LeasedCollection":
        """Share its files with a view of it, which is one user more until its own last one ends.

        Whoever calls this is a user.
        """
        with self._lock:
            self._users += 1
        return LeasedCollection(view, lambda _: self.release(), self)

    def acquire(self) -> bool:
        """Become one more user; False when it is closed already."""
        with self._lock:
            if not self._users:
                return False
            self._users += 1
            return True

    def release(self) -> None:
        """Release it, once for each ``acquire``, and once for having made it."""
        with self._lock:
            self._users -= 1
            last = not self._users
        if last:
            self._close(self.collection)

    @contextlib.contextmanager
    def lease(self) -> Iterator[OpenCollection | None]:
        """Use it to the end of the block; None when it is closed already."""
        if not self.acquire():
            yield None
            return
        try:
            yield self.collection
        finally:
            self.release()
