"""FAISS on a GPU: the search of ``dense``, with the card proposing and the host deciding.

The card holds the vectors in half precision, or the segment's own inverted file of 8-bit codes.
It proposes the nearest places; the host drops what may not be seen, scores the rest exactly, and
tells whether more could be hidden behind them. A GPU index ignores an IDSelector without an
error, so it is never given one: where too few of its proposals are permitted, the permitted rows
are gathered and searched on the CPU.
"""

import itertools
import logging
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Literal, TypeVar

import numpy as np

from indexes.dense import CANDIDATES, NARROW, Dense, Kind, VectorIndex, Vectors, faiss, probes
from indexes.errors import ModelMissing
from indexes.hits import Hits, Mask, Rows, Scores, best

NO_SUPPORT = 'This FAISS has no GPU support. Install ragdesk[gpu], or set device = "cpu".'
NO_CARD = 'FAISS sees no GPU. Does nvidia-smi list one? Or set device = "cpu".'
MOST = 2_000  # proposals of one search, and lists read: FAISS's kernels stop at 2,048
TEMPORARY = 256 << 20  # bytes that FAISS reserves for its own work; 1.5 GiB unless told
STAGING = 512 << 20  # bytes of the largest copies while vectors are added: 256 MiB, twice
# How far a half-precision score of unit vectors may lie from the exact one: each side is rounded
# by at most 2^-11 of itself, and what is too small for that by 2^-25 a dimension.
SLACK = 2.0**-10 + 2.0**-13

Put = Callable[[Dense], Any]
T = TypeVar("T")
_log = logging.getLogger(__name__)


def open_card(device: Literal["cuda", "auto"]) -> "Card | None":
    """Open the first GPU (``CUDA_VISIBLE_DEVICES`` chooses), or with ``auto`` None without one.

    Raises ModelMissing where ``cuda`` was asked for and FAISS has no GPU.
    """
    missing = "" if hasattr(faiss, "StandardGpuResources") else NO_SUPPORT
    if not missing and not faiss.get_num_gpus():
        missing = NO_CARD
    if not missing:
        return Card(_resources, _free)
    if device == "cuda":
        raise ModelMissing(missing)
    _log.info("vectors are searched on the CPU: %s", missing)
    return None


def needed(kind: Kind, count: int, dim: int, lists: int = 0) -> int:
    """Estimate the bytes of a card that so many vectors take while they are being put there.

    Flat: two bytes a number, and two norms of four. Inverted file: a byte a number and an id of
    eight, a list padded to 32 vectors, its centre at full precision.

    >>> f"{needed('flat', 10_000_000, 384) / 2**30:.1f} GiB"
    '8.0 GiB'
    """
    if kind == "flat":
        return count * (2 * dim + 8) + STAGING + TEMPORARY
    return (count + 32 * lists) * (dim + 8) + 8 * lists * dim + STAGING + TEMPORARY


class Card:
    """A GPU, and the one thread that touches it.

    Neither a GPU index nor a StandardGpuResources is thread-safe, not even for reading. So the
    resources are made in this thread, and all that stands on them is made, searched and dropped
    here. Any thread may call.
    """

    def __init__(
        self, opened: Callable[[], Put], free: Callable[[], int | None], *, least: int = NARROW
    ) -> None:
        """Use a card. opened: gives what puts an index there, called in the card's thread.

        free: its free bytes, None if unknown. least: fewer vectors are quicker on the CPU.
        """
        self._opened, self._free, self._least = opened, free, least
        self._thread = ThreadPoolExecutor(1, "card")
        self._put: Put | None = None
        self._tokens = itertools.count()
        self._held: dict[int, Any] = {}
        self._dropped: deque[int] = deque()  # a finalizer may run anywhere: it only appends
        self._known: weakref.WeakValueDictionary[str, OnGpu] = weakref.WeakValueDictionary()
        self._taking = threading.Lock()

    def take(self, host: Dense, name: str) -> VectorIndex:
        """Bring an index here, or give one that says why it stays on the CPU (``fallback``).

        name: its digest. One that is here already, for another generation, is shared.
        """
        if host.count < max(1, self._least):
            return host
        with self._taking:
            if (known := self._known.get(name)) is not None and not known.fallback:
                return known
            token = next(self._tokens)
            taken = OnGpu(self, token, host, self._least, self._bring(token, host))
            weakref.finalize(taken, self._dropped.append, token)
            self._known[name] = taken
            return taken

    def search(self, token: int, query: Vectors, k: int, **params: Any) -> tuple[Scores, Rows]:
        """Let an index here propose k places: scores (k,), places (k,), -1 where there is none."""

        def search() -> tuple[Scores, Rows]:
            scores, places = self._held[token].search(query, k, **params)
            return scores[0], places[0]

        return self._in_thread(search)

    def clear(self) -> None:
        """Free the card's memory of what nobody searches any more, without waiting for a search."""
        self._in_thread(bool)

    def held(self) -> int:
        """Count the indexes that are here."""
        return self._in_thread(self._held.__len__)

    def _bring(self, token: int, host: Dense) -> str:
        lists = 0 if host.near is None else int(host.near.nlist)
        wanted = needed(host.kind, host.count, host.dim, lists)
        why = self._in_thread(partial(self._place, token, host, wanted))
        if why:
            _log.warning("%d vectors are searched on the CPU: %s", host.count, why)
        return why

    def _place(self, token: int, host: Dense, wanted: int) -> str:
        free = self._free()
        if free is not None and free < wanted:
            return f"the GPU has {free >> 20} MiB free, they take {wanted >> 20}."
        try:
            self._put = self._put or self._opened()
            self._held[token] = self._put(host)
        except (RuntimeError, MemoryError) as error:  # how FAISS reports a failed allocation
            return f"the GPU does not take them: {_first_line(error)}"
        return ""

    def _in_thread(self, work: Callable[[], T]) -> T:
        def run() -> T:
            while self._dropped:
                self._held.pop(self._dropped.popleft(), None)
            return work()

        return self._thread.submit(run).result()


class OnGpu:
    """An index on a card, before the one on the CPU that it was made of. See ``VectorIndex``.

    fallback: why the CPU searches alone; empty is healthy.
    """

    def __init__(self, card: Card, token: int, host: Dense, least: int, fallback: str) -> None:
        self._card, self._token, self._host, self._least = card, token, host, least
        self.fallback = fallback
        self.count, self.dim, self.rows, self.kind = host.count, host.dim, host.rows, host.kind

    def search(self, query: Vectors, k: int, *, mask: Mask | None = None) -> Hits:
        """Find the k nearest of the rows that the mask allows, best first, ties by row.

        As ``Dense.search``, scores included; a flat index is as exact as there.
        """
        asked = np.ascontiguousarray(query, dtype=np.float32).reshape(1, -1)
        fits = asked.shape[1] == self.dim and bool(np.isfinite(asked).all()) and asked.any()
        found = None
        if fits and k > 0 and not self.fallback:
            found = self._proposed(asked, k, None if mask is None else np.asarray(mask)[self.rows])
        return self._host.search(query, k, mask=mask) if found is None else found

    def scores(self, query: Vectors, rows: Rows) -> Scores:
        """Score the given rows (n,) exactly; NaN for a row that has no vector."""
        return self._host.scores(query, rows)

    def of(self, rows: Rows) -> Vectors:
        """Copy the vectors of some rows (n,), as far as they have one, in their order."""
        return self._host.of(rows)

    def vectors(self, places: Rows | Sequence[int]) -> Vectors:
        """Copy the vectors at some places (n,)."""
        return self._host.vectors(places)

    def _proposed(self, query: Vectors, k: int, allowed: Mask | None) -> Hits | None:
        """Find hits by what the card proposes; None where the CPU has to search."""
        count = self.count if allowed is None else int(np.count_nonzero(allowed))
        if count < max(1, self._least):
            return None  # so few are gathered and compared one by one
        k = min(k, count)
        wanted = int(max(64, CANDIDATES * k) * self.count / count)
        try:
            if self.kind == "flat":
                return self._flat(query, k, wanted, allowed)
            return self._near(query, k, wanted, allowed, count)
        except (RuntimeError, MemoryError) as error:
            self.fallback = f"the GPU failed: {_first_line(error)}"
            _log.warning("%d vectors are searched on the CPU: %s", self.count, self.fallback)
            return None

    def _flat(self, query: Vectors, k: int, wanted: int, allowed: Mask | None) -> Hits | None:
        """Ask for more until nothing that was not proposed can be among the k best."""
        length = float(np.linalg.norm(query.astype(np.float64)))
        unit = (query / length).astype(np.float32)  # half precision ends at 65,504
        while wanted <= MOST or self.count <= MOST:
            wanted = min(wanted, self.count)
            proposed, places = self._card.search(self._token, unit, wanted)
            found = self._exact(query, k, places, allowed)
            if wanted == self.count:
                return found
            if len(found) == k and found.scores[-1] / length > proposed.min() + SLACK:
                return found
            wanted *= 2
        return None

    def _near(
        self, query: Vectors, k: int, wanted: int, allowed: Mask | None, count: int
    ) -> Hits | None:
        """Take the best of what the lists hold, if twice as many as needed may be seen."""
        lists = probes(int(self._host.near.nlist), count / self.count)
        if max(wanted, lists) > MOST:
            return None
        params = faiss.SearchParametersIVF(nprobe=lists)
        _, places = self._card.search(self._token, query, min(wanted, self.count), params=params)
        permitted = places >= 0 if allowed is None else (places >= 0) & allowed[places]
        if np.count_nonzero(permitted) < min(2 * k, count):
            return None
        return self._exact(query, k, places, allowed)

    def _exact(self, query: Vectors, k: int, places: Rows, allowed: Mask | None) -> Hits:
        places = places[places >= 0]
        if allowed is not None:
            places = places[allowed[places]]
        rows = self.rows[places]
        return best(rows, self._host.scores(query, rows), k)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _free() -> int | None:
    from indexes import on_torch  # noqa: PLC0415 - seconds; a desk with a card has it loaded

    return on_torch.free_memory()


def _resources() -> Put:
    resources = faiss.StandardGpuResources()
    resources.setTempMemory(TEMPORARY)
    return partial(_put, resources)


def _put(resources: Any, host: Dense) -> Any:
    """Copy an index to the card. cuVS is not asked: it takes no 8-bit inverted file."""
    if host.near is not None:
        options = faiss.GpuClonerOptions()
        options.use_cuvs = False
        return faiss.index_cpu_to_gpu(resources, 0, host.near, options)
    config = faiss.GpuIndexFlatConfig()
    config.device, config.useFloat16, config.use_cuvs = 0, True, False
    index = faiss.GpuIndexFlatIP(resources, host.dim, config)
    index.add(host.view())
    return index
