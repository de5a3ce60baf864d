"""Remember what was computed of masks, by the mask itself and not by its flags."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from indexes.store.row_layout import SearchMask

CachedValue = TypeVar("CachedValue")


class MaskCache(Generic[CachedValue]):
    """Keeps the values used last. Any thread may call; two at once may compute the same.

    Masks are compared by identity: whoever filters alike is handed the same one, and millions of
    flags are not to be compared at each question.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[tuple[int, Hashable], tuple[SearchMask, CachedValue]]
        self._values = OrderedDict()  # a mask that is kept keeps its id
        self._lock = threading.Lock()

    def find_or_make(
        self, mask: SearchMask, key: Hashable, make: Callable[[], CachedValue]
    ) -> CachedValue:
        """Return the value that a mask has under a key, computed if it is not known."""
        place = id(mask), key
        with self._lock:
            if place in self._values:
                self._values.move_to_end(place)
                return self._values[place][1]
        value = make()
        with self._lock:
            self._values[place] = mask, value
            if len(self._values) > self._size:
                self._values.popitem(last=False)
        return value
