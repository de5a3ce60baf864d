"""FAISS on a GPU: the card proposes nearest vectors, and the CPU decides.

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

from indexes.errors import ModelMissing
from indexes.search_results import Hits, RowMask, Rows, Scores, Vectors, select_best
from indexes.vectors.faiss_index import (
    CANDIDATES_PER_HIT,
    DIRECT_UP_TO,
    FaissIndex,
    IndexKind,
    count_probes,
    faiss,
)
from indexes.vectors.vector_index import VectorIndex

NO_GPU_SUPPORT = 'This FAISS has no GPU support. Install ragdesk[gpu], or set device = "cpu".'
NO_GPU = 'FAISS sees no GPU. Does nvidia-smi list one? Or set device = "cpu".'
MOST_PROPOSALS = 2_000  # proposals of one search, and lists read: FAISS's kernels stop at 2,048
TEMPORARY_BYTES = 256 << 20  # bytes that FAISS reserves for its own work; 1.5 GiB unless told
STAGING_BYTES = 512 << 20  # bytes of the largest copies while vectors are added: 256 MiB, twice
# How far a half-precision score of unit vectors may lie from the exact one: each side is rounded
# by at most 2^-11 of itself, and what is too small for that by 2^-25 a dimension.
HALF_PRECISION_SLACK = 2.0**-10 + 2.0**-13

PutIndex = Callable[[FaissIndex], Any]
ThreadResult = TypeVar("ThreadResult")
_log = logging.getLogger(__name__)


def open_gpu(device: Literal["cuda", "auto"]) -> "GpuCard | None":
    """Open the first GPU (``CUDA_VISIBLE_DEVICES`` chooses), or with ``auto`` None without one.

    Raises ModelMissing where ``cuda`` was asked for and FAISS has no GPU.
    """
    missing = "" if hasattr(faiss, "StandardGpuResources") else NO_GPU_SUPPORT
    if not missing and not faiss.get_num_gpus():
        missing = NO_GPU
    if not missing:
        return GpuCard(_open_gpu_resources, _free_gpu_memory)
    if device == "cuda":
        raise ModelMissing(missing)
    _log.info("vectors are searched on the CPU: %s", missing)
    return None


def estimate_bytes(kind: IndexKind, count: int, dim: int, lists: int = 0) -> int:
    """Estimate the bytes of a card that so many vectors take while they are being put there.

    Flat: two bytes a number, and two norms of four. Inverted file: a byte a number and an id of
    eight, a list padded to 32 vectors, its centre at full precision.

    >>> f"{estimate_bytes('flat', 10_000_000, 384) / 2**30:.1f} GiB"
    '8.0 GiB'
    """
    if kind == "flat":
        return count * (2 * dim + 8) + STAGING_BYTES + TEMPORARY_BYTES
    return (count + 32 * lists) * (dim + 8) + 8 * lists * dim + STAGING_BYTES + TEMPORARY_BYTES


class GpuCard:
    """A GPU, and the only thread that uses it.

    Neither a GPU index nor a StandardGpuResources is thread-safe, not even for reading. So the
    resources are made in this thread, and all that stands on them is made, searched and dropped
    here. Any thread may call.
    """

    def __init__(
        self,
        open_resources: Callable[[], PutIndex],
        free: Callable[[], int | None],
        *,
        least_count: int = DIRECT_UP_TO,
    ) -> None:
        """Use a card.

        open_resources: returns the function that puts an index there; called in the card's thread.
        free: its free bytes, None if unknown. least_count: fewer vectors are quicker on the CPU.
        """
        self._open_resources, self._free, self._least_count = open_resources, free, least_count
        self._thread = ThreadPoolExecutor(1, "card")
        self._put: PutIndex | None = None
        self._tokens = itertools.count()
        self._indexes: dict[int, Any] = {}
        self._dropped: deque[int] = deque()  # a finalizer may run anywhere: it only appends
        self._by_digest: weakref.WeakValueDictionary[str, GpuIndex] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()

    def take_index(self, host: FaissIndex, name: str) -> VectorIndex:
        """Copy an index to the GPU, or return one that says why it stays on the CPU (``fallback``).

        name: its digest. One that is here already, for another generation, is shared.
        """
        if host.count < max(1, self._least_count):
            return host
        with self._lock:
            if (known := self._by_digest.get(name)) is not None and not known.failure:
                return known
            token = next(self._tokens)
            index = GpuIndex(self, token, host, self._least_count, self._bring_index(token, host))
            weakref.finalize(index, self._dropped.append, token)
            self._by_digest[name] = index
            return index

    def propose(self, token: int, query: Vectors, k: int, **params: Any) -> tuple[Scores, Rows]:
        """Return k places that an index here proposes: scores (k,), places (k,), -1 where none."""

        def search() -> tuple[Scores, Rows]:
            scores, places = self._indexes[token].search(query, k, **params)
            return scores[0], places[0]

        return self._in_thread(search)

    def free_dropped(self) -> None:
        """Free the card's memory of what nobody searches any more, without waiting for a search."""
        self._in_thread(bool)

    def _bring_index(self, token: int, host: FaissIndex) -> str:
        lists = 0 if host.inverted is None else int(host.inverted.nlist)
        wanted = estimate_bytes(host.kind, host.count, host.dim, lists)
        why = self._in_thread(partial(self._place_index, token, host, wanted))
        if why:
            _log.warning("%d vectors are searched on the CPU: %s", host.count, why)
        return why

    def _place_index(self, token: int, host: FaissIndex, wanted: int) -> str:
        free = self._free()
        if free is not None and free < wanted:
            return f"the GPU has {free >> 20} MiB free, they take {wanted >> 20}."
        try:
            self._put = self._put or self._open_resources()
            self._indexes[token] = self._put(host)
        except (RuntimeError, MemoryError) as error:  # how FAISS reports a failed allocation
            return f"the GPU does not take them: {_first_line(error)}"
        return ""

    def _in_thread(self, work: Callable[[], ThreadResult]) -> ThreadResult:
        def run() -> ThreadResult:
            while self._dropped:
                self._indexes.pop(self._dropped.popleft(), None)
            return work()

        return self._thread.submit(run).result()


class GpuIndex:
    """An index on a card, with the one on the CPU that it was copied from. See ``VectorIndex``.

    failure: why the CPU searches alone. fallback: that, or why it had to search a part of the rows
    (a language's, a group's) that is too small for what the card proposes; empty is healthy.
    """

    def __init__(
        self, card: GpuCard, token: int, host: FaissIndex, least: int, failure: str
    ) -> None:
        self._card, self._token, self._host, self._least = card, token, host, least
        self.failure, self._narrow = failure, ""
        self.count, self.dim, self.rows, self.kind = host.count, host.dim, host.rows, host.kind

    @property
    def fallback(self) -> str:
        """Return why the CPU searches what a card should; empty is healthy."""
        return self.failure or self._narrow

    def search(self, query: Vectors, k: int, *, mask: RowMask | None = None) -> Hits:
        """Find the k nearest of the rows that the mask allows, best first, ties by row.

        As ``FaissIndex.search``, scores included; a flat index is as exact as there.
        """
        vector = np.ascontiguousarray(query, dtype=np.float32).reshape(1, -1)
        fits = vector.shape[1] == self.dim and bool(np.isfinite(vector).all()) and vector.any()
        hits = None
        if fits and k > 0 and not self.failure:
            hits = self._search_card(
                vector, k, None if mask is None else self._host.mark_places(mask)
            )
        return self._host.search(query, k, mask=mask) if hits is None else hits

    def score_rows(self, query: Vectors, rows: Rows) -> Scores:
        """Score the given rows (n,) exactly; NaN for a row that has no vector."""
        return self._host.score_rows(query, rows)

    def vectors_of_rows(self, rows: Rows) -> Vectors:
        """Copy the vectors of some rows (n,), as far as they have one, in their order."""
        return self._host.vectors_of_rows(rows)

    def vectors_at(self, places: Rows | Sequence[int]) -> Vectors:
        """Copy the vectors at some places (n,)."""
        return self._host.vectors_at(places)

    def _search_card(self, query: Vectors, k: int, allowed: RowMask | None) -> Hits | None:
        """Find hits by what the card proposes; None where the CPU has to search."""
        count = self.count if allowed is None else int(np.count_nonzero(allowed))
        if count < max(1, self._least):
            return None  # so few are gathered and compared one by one
        k = min(k, count)
        wanted = int(max(64, CANDIDATES_PER_HIT * k) * self.count / count)
        try:
            if self.kind == "flat":
                hits = self._search_flat(query, k, wanted, allowed)
            else:
                hits = self._search_inverted(query, k, wanted, allowed, count)
        except (RuntimeError, MemoryError) as error:
            self.failure = f"the GPU failed: {_first_line(error)}"
            _log.warning("%d vectors are searched on the CPU: %s", self.count, self.failure)
            return None
        if hits is None and not self._narrow:
            self._narrow = f"the GPU proposes too few of {count} permitted among {self.count}."
            _log.warning("some searches are done on the CPU: %s", self._narrow)
        return hits

    def _search_flat(
        self, query: Vectors, k: int, wanted: int, allowed: RowMask | None
    ) -> Hits | None:
        """Ask for more until nothing that was not proposed can be among the k best."""
        length = float(np.linalg.norm(query.astype(np.float64)))
        unit = (query / length).astype(np.float32)  # half precision ends at 65,504
        while wanted <= MOST_PROPOSALS or self.count <= MOST_PROPOSALS:
            wanted = min(wanted, self.count)
            proposed, places = self._card.propose(self._token, unit, wanted)
            hits = self._score_exactly(query, k, places, allowed)
            if wanted == self.count:
                return hits
            if len(hits) == k and hits.scores[-1] / length > proposed.min() + HALF_PRECISION_SLACK:
                return hits
            wanted *= 2
        return None

    def _search_inverted(
        self, query: Vectors, k: int, wanted: int, allowed: RowMask | None, count: int
    ) -> Hits | None:
        """Take the best of what the lists hold, if twice as many as needed may be seen."""
        lists = count_probes(int(self._host.inverted.nlist), count / self.count)
        if max(wanted, lists) > MOST_PROPOSALS:
            return None
        params = faiss.SearchParametersIVF(nprobe=lists)
        _, places = self._card.propose(self._token, query, min(wanted, self.count), params=params)
        permitted = places >= 0 if allowed is None else (places >= 0) & allowed[places]
        if np.count_nonzero(permitted) < min(2 * k, count):
            return None
        return self._score_exactly(query, k, places, allowed)

    def _score_exactly(self, query: Vectors, k: int, places: Rows, allowed: RowMask | None) -> Hits:
        places = places[places >= 0]
        if allowed is not None:
            places = places[allowed[places]]
        rows = self.rows[places]
        return select_best(rows, self._host.score_rows(query, rows), k)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _free_gpu_memory() -> int | None:
    from indexes.embedding import on_torch  # noqa: PLC0415 - seconds; a desk with a card has it loaded

    return on_torch.free_memory()


def _open_gpu_resources() -> PutIndex:
    resources = faiss.StandardGpuResources()
    resources.setTempMemory(TEMPORARY_BYTES)
    return partial(_put_index, resources)


def _put_index(resources: Any, host: FaissIndex) -> Any:
    """Copy an index to the card. cuVS is not asked: it takes no 8-bit inverted file."""
    if host.inverted is not None:
        options = faiss.GpuClonerOptions()
        options.use_cuvs = False
        return faiss.index_cpu_to_gpu(resources, 0, host.inverted, options)
    config = faiss.GpuIndexFlatConfig()
    config.device, config.useFloat16, config.use_cuvs = 0, True, False
    index = faiss.GpuIndexFlatIP(resources, host.dim, config)
    index.add(host.all_vectors())
    return index
