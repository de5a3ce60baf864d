"""Search vectors by inner product: the only door to FAISS.

Every vector is kept at full precision, so any row can be scored exactly and a later build can
take vectors over. While there are few of them a query is compared with all; beyond that an
inverted file of 8-bit codes proposes candidates, and these are scored exactly.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from indexes.errors import IndexDamaged, ModelMissing, tells_absence
from indexes.hits import Hits, Mask, Rows, Scores, best
from indexes.mapped import map_bytes, mapped

try:
    import faiss as _faiss
except ImportError as error:  # pragma: no cover - the extras of pyproject.toml decide
    remedy = "FAISS is not installed. Install one of: pip install 'ragdesk[cpu]' or 'ragdesk[gpu]'."
    raise ModelMissing(remedy) from error

faiss: Any = _faiss  # its stubs leave out what its Python layer adds
Vectors = NDArray[np.float32]
Kind = Literal["flat", "ivf"]

EXACT_UP_TO = 50_000  # vectors of a segment compared one by one; about 8 ms a query on one core
# Lists of an inverted file that are read: an eighth, and no more than so many. There are 4 √n, so
# that beyond 100,000 vectors the work grows as √n; recall@10 stays at .98 and above.
PROBED, LISTS = 1 / 8, 160
NARROW = 20_000  # permitted vectors up to which they are scored one by one, where they lie
CANDIDATES = 8  # proposed per hit wanted, and scored exactly
FLAT, NEAR, ROWS = "vectors.faiss", "near.faiss", "rows.npy"
_TRAINED_ON = 40  # vectors a list; FAISS asks for 39
_SLAB = 8_192
# A file that was verified can still be one that a foreign program wrote: no array above 64 GiB.
faiss.set_deserialization_vector_byte_limit(64 << 30)
_THREADS = int(faiss.omp_get_max_threads())


def kind(count: int) -> Kind:
    """Choose how so many vectors are searched; see the README for what was measured."""
    return "flat" if count <= EXACT_UP_TO else "ivf"


def files(folder: str) -> tuple[str, ...]:
    """Name all files that the vectors of a segment may have, below its folder for them."""
    return tuple(f"{folder}/{name}" for name in (FLAT, NEAR, ROWS))


def probes(lists: int, share: float) -> int:
    """Say how many lists to read where this share of the vectors (0..1] is permitted.

    >>> probes(1_000, 1.0), probes(1_000, 0.25), probes(4_000, 1.0), probes(8, 0.01)
    (125, 500, 160, 8)
    """
    return min(lists, math.ceil(min(lists * PROBED, LISTS) / share))


def write(folder: Path, vectors: Vectors, rows: Rows, *, how: Kind | None = None) -> Kind:
    """Write unit vectors (n, dim) and the ascending row each belongs to (n,) into a new folder.

    Returns how they will be searched. Raises OSError when the disk is full, ValueError when
    vectors and rows differ in number, or a vector is not finite and of length one.
    """
    if len(vectors) != len(rows) or np.any(np.diff(rows) <= 0):
        raise ValueError(f"{len(vectors)} vectors need as many ascending rows, not {len(rows)}.")
    how = how or kind(len(vectors))
    faiss.omp_set_num_threads(_THREADS)
    folder.mkdir()
    flat = faiss.IndexFlatIP(vectors.shape[1])
    for slab in _slabs(vectors):
        if not np.allclose(np.linalg.norm(slab, axis=1), 1, atol=1e-3):
            raise ValueError("A vector is not finite and of length one.")
        flat.add(slab)
    _save(folder / FLAT, flat)
    del flat
    with (folder / ROWS).open("xb") as out:
        np.save(out, rows.astype(np.int64), allow_pickle=False)
    if how == "ivf":
        _save(folder / NEAR, _near(vectors))
    return how


class VectorIndex(Protocol):
    """What searches the vectors of a segment: ``Dense`` on the CPU, ``on_gpu`` on a card.

    See Dense for the attributes and methods. Any thread may call. fallback: why the CPU searches
    what a card should; empty is healthy.
    """

    fallback: str

    count: int
    dim: int
    rows: Rows
    kind: Kind

    def search(self, query: Vectors, k: int, *, mask: Mask | None = None) -> Hits:
        """Find the k nearest of the rows that the mask allows; their scores are exact."""

    def scores(self, query: Vectors, rows: Rows) -> Scores:
        """Score the given rows exactly; NaN for a row that has no vector."""

    def of(self, rows: Rows) -> Vectors:
        """Copy the vectors of some rows."""

    def vectors(self, places: Rows | Sequence[int]) -> Vectors:
        """Copy the vectors at some places."""


class Dense:
    """Searches one folder of vectors. The files are mapped, not copied; any thread may call.

    count: vectors. dim: their dimension. rows (count,): the row each belongs to, ascending.
    near: FAISS's inverted file, or None.
    """

    fallback = ""

    def __init__(self, folder: Path) -> None:
        self._flat, self._held = _load(folder / FLAT)
        self.near: Any = None
        if (folder / NEAR).exists():
            self.near, self._near_held = _load(folder / NEAR)
        self.count, self.dim = int(self._flat.ntotal), int(self._flat.d)
        self.rows: Rows = mapped(folder / ROWS)
        self.kind: Kind = "flat" if self.near is None else "ivf"
        view = faiss.rev_swig_ptr(self._flat.get_xb(), self.count * self.dim)
        self._vectors: Vectors = view.reshape(self.count, self.dim)

    def search(self, query: Vectors, k: int, *, mask: Mask | None = None) -> Hits:
        """Find the k nearest of the rows that the mask allows, best first, ties by row.

        query (dim,). mask: indexed by row; None allows all. The scores are exact. A query that
        is zero or not finite is near nothing. Raises ValueError for another dimension.
        """
        asked = self._query(query)
        faiss.omp_set_num_threads(1)  # of this thread: a team per query waits 140 ms on a busy CPU
        allowed = None if mask is None else np.asarray(mask)[self.rows]
        count = self.count if allowed is None else int(np.count_nonzero(allowed))
        if k <= 0 or not count or not np.isfinite(asked).all() or not asked.any():
            return best(np.empty(0, np.int64), np.empty(0, np.float32), 0)
        k, found = min(k, count), None
        if allowed is not None and count <= NARROW:
            places = np.flatnonzero(allowed)
            found = best(places, self._score(asked, places), k)
        elif self.near is not None:
            found = self._candidates(asked, k, count, allowed)
        if found is None or len(found) < k:
            found = self._exact(asked, k, count, allowed)
        return Hits(self.rows[found.rows], found.scores)

    def scores(self, query: Vectors, rows: Rows) -> Scores:
        """Score the given rows (n,) exactly; NaN for a row that has no vector."""
        asked, rows = self._query(query), np.asarray(rows, dtype=np.int64)
        faiss.omp_set_num_threads(1)
        given = np.full(len(rows), np.nan, dtype=np.float32)
        if self.count:
            places = np.minimum(np.searchsorted(self.rows, rows), self.count - 1)
            known = self.rows[places] == rows
            given[known] = self._score(asked, places[known])
        return given

    def of(self, rows: Rows) -> Vectors:
        """Copy the vectors of some rows (n,), as far as they have one, in their order."""
        if not self.count:
            return self._vectors[:0]
        places = np.minimum(np.searchsorted(self.rows, rows), self.count - 1)
        return self.vectors(places[self.rows[places] == rows])

    def vectors(self, places: Rows | Sequence[int]) -> Vectors:
        """Copy the vectors at some places (n,) of this folder: places count in writing order."""
        return self._vectors[np.asarray(places, dtype=np.int64)]

    def view(self) -> Vectors:
        """Give all vectors (count, dim) as they are mapped, in writing order. Not to be written."""
        return self._vectors

    def _query(self, query: Vectors) -> Vectors:
        asked = np.ascontiguousarray(query, dtype=np.float32).reshape(1, -1)
        if asked.shape[1] != self.dim:
            raise ValueError(f"The query has {asked.shape[1]} dimensions, the index {self.dim}.")
        return asked

    def _exact(self, query: Vectors, k: int, count: int, allowed: Mask | None) -> Hits:
        """Compare with every allowed vector, and go on until the k-th place has no open tie."""
        params = None if allowed is None else faiss.SearchParameters(sel=_selector(allowed))
        asked = min(count, k + 16)
        while True:
            scores, places = self._flat.search(query, asked, params=params)
            if asked == count or scores[0, k - 1] > scores[0, -1]:
                kept = places[0] >= 0
                return best(places[0][kept], scores[0][kept], k)
            asked = min(count, 2 * asked)

    def _candidates(self, query: Vectors, k: int, count: int, allowed: Mask | None) -> Hits:
        """Let the inverted file propose, and score its proposals exactly.

        A filter thins every list alike, so as many more lists are read as it leaves out.
        """
        probed = probes(self.near.nlist, count / self.count)
        selector = {} if allowed is None else {"sel": _selector(allowed)}
        params = faiss.SearchParametersIVF(nprobe=probed, **selector)
        _, places = self.near.search(query, min(count, max(64, CANDIDATES * k)), params=params)
        found = places[0][places[0] >= 0]
        return best(found, self._score(query, found), k)

    def _score(self, query: Vectors, places: Rows) -> Scores:
        """Score by FAISS's own kernel and in place: a score never depends on who asked for it."""
        ids = np.ascontiguousarray(places, dtype=np.int64)
        given = np.empty(len(ids), dtype=np.float32)
        to, of, wanted = (faiss.swig_ptr(part) for part in (given, query, ids))
        faiss.fvec_inner_products_by_idx(to, of, self._flat.get_xb(), wanted, self.dim, 1, len(ids))
        return given


def _near(vectors: Vectors) -> Any:
    lists = max(1, min(round(4 * len(vectors) ** 0.5), len(vectors) // _TRAINED_ON))
    coarse = faiss.IndexFlatIP(vectors.shape[1])
    code = faiss.ScalarQuantizer.QT_8bit
    index = faiss.IndexIVFScalarQuantizer(
        coarse, vectors.shape[1], lists, code, faiss.METRIC_INNER_PRODUCT
    )
    index.cp.niter = 10
    sample = np.random.default_rng(0).permutation(len(vectors))[: _TRAINED_ON * lists]
    index.train(np.ascontiguousarray(vectors[np.sort(sample)]))
    for slab in _slabs(vectors):
        index.add(slab)
    return index


def _slabs(vectors: Vectors) -> Any:
    for at in range(0, len(vectors), _SLAB):
        yield np.ascontiguousarray(vectors[at : at + _SLAB], dtype=np.float32)


def _selector(allowed: Mask) -> Any:
    return faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))


def _save(file: Path, index: Any) -> None:
    """Write through a Python file: ``faiss.write_index`` does not notice a full disk."""
    with file.open("xb") as out:
        faiss.write_index(index, faiss.PyCallbackIOWriter(out.write))


def _load(file: Path) -> tuple[Any, Any]:
    """Map an index; also returns what must live as long as it does."""
    try:
        with file.open("rb") as opened:
            content = map_bytes(opened)
        reader = faiss.ZeroCopyIOReader(faiss.swig_ptr(content), content.size)
        return faiss.read_index(reader), (content, reader)
    except (OSError, ValueError, RuntimeError) as error:
        if isinstance(error, OSError) and not tells_absence(error):
            raise OSError(error.errno, error.strerror, str(file)) from error
        if "bad_alloc" in str(error):  # FAISS's word for no memory
            raise MemoryError(f"{file}: {error}") from error
        raise IndexDamaged(f"{file} cannot be read: {error}.") from error
