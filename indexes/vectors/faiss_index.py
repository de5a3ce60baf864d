"""Search vectors by inner product: the only door to FAISS.

Every vector is kept at full precision, so any row can be scored exactly and a later build can
take vectors over. While there are few of them a query is compared with all; beyond that an
inverted file of 8-bit codes proposes candidates, and these are scored exactly.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from indexes.errors import IndexDamaged, ModelMissing, tells_absence
from indexes.mapped_arrays import map_array, map_bytes
from indexes.search_results import Hits, RowMask, Rows, Scores, Vectors, select_best

try:
    import faiss as _faiss
except ImportError as error:  # pragma: no cover - the extras of pyproject.toml decide
    remedy = "FAISS is not installed. Install one of: pip install 'ragdesk[cpu]' or 'ragdesk[gpu]'."
    raise ModelMissing(remedy) from error

faiss: Any = _faiss  # its stubs leave out what its Python layer adds
IndexKind = Literal["flat", "ivf"]

EXACT_UP_TO = 50_000  # vectors of a segment compared one by one; about 8 ms a query on one core
# Lists of an inverted file that are read: an eighth, and no more than so many. There are 4 √n, so
# that beyond 100,000 vectors the work grows as √n; recall@10 stays at .98 and above.
PROBED_SHARE, MOST_LISTS = 1 / 8, 160
DIRECT_UP_TO = 20_000  # permitted vectors up to which they are scored one by one, where they lie
CANDIDATES_PER_HIT = 8  # proposed per hit wanted, and scored exactly
FLAT_FILE, INVERTED_FILE, ROWS_FILE = "vectors.faiss", "near.faiss", "rows.npy"
_TRAINED_ON = 40  # vectors a list; FAISS asks for 39
_SLAB = 8_192
# A file that was verified can still be one that a foreign program wrote: no array above 64 GiB.
faiss.set_deserialization_vector_byte_limit(64 << 30)
_THREADS = int(faiss.omp_get_max_threads())


def choose_index_kind(count: int) -> IndexKind:
    """Choose how so many vectors are searched; see DECISIONS.md for what was measured."""
    return "flat" if count <= EXACT_UP_TO else "ivf"


def list_vector_files(folder: str) -> tuple[str, ...]:
    """Return all files that the vectors of a segment may have, below its folder for them."""
    return tuple(f"{folder}/{name}" for name in (FLAT_FILE, INVERTED_FILE, ROWS_FILE))


def count_probes(lists: int, share: float) -> int:
    """Return how many lists to read where this share of the vectors (0..1] is permitted.

    >>> count_probes(1_000, 1.0), count_probes(1_000, 0.25)
    (125, 500)
    >>> count_probes(4_000, 1.0), count_probes(8, 0.01)
    (160, 8)
    """
    return min(lists, math.ceil(min(lists * PROBED_SHARE, MOST_LISTS) / share))


def write_vectors(
    folder: Path, vectors: Vectors, rows: Rows, *, index_kind: IndexKind | None = None
) -> IndexKind:
    """Write unit vectors (n, dim) and the ascending row each belongs to (n,) into a new folder.

    Returns how they will be searched. Raises OSError when the disk is full, ValueError when
    vectors and rows differ in number, or a vector is not finite and of length one.
    """
    if len(vectors) != len(rows) or np.any(np.diff(rows) <= 0):
        raise ValueError(f"{len(vectors)} vectors need as many ascending rows, not {len(rows)}.")
    index_kind = index_kind or choose_index_kind(len(vectors))
    faiss.omp_set_num_threads(_THREADS)
    folder.mkdir()
    flat = faiss.IndexFlatIP(vectors.shape[1])
    for slab in _iter_slabs(vectors):
        if not np.allclose(np.linalg.norm(slab, axis=1), 1, atol=1e-3):
            raise ValueError("A vector is not finite and of length one.")
        flat.add(slab)
    _save_index(folder / FLAT_FILE, flat)
    del flat
    with (folder / ROWS_FILE).open("xb") as out:
        np.save(out, rows.astype(np.int64), allow_pickle=False)
    if index_kind == "ivf":
        _save_index(folder / INVERTED_FILE, _train_inverted(vectors))
    return index_kind


class FaissIndex:
    """Searches one folder of vectors. The files are mapped, not copied; any thread may call.

    count: vectors. dim: their dimension. rows (count,): the row each belongs to, ascending.
    inverted: FAISS's inverted file, or None.
    """

    fallback = ""

    def __init__(self, folder: Path) -> None:
        self._flat, self._flat_owner = _load_index(folder / FLAT_FILE)
        self.inverted: Any = None
        if (folder / INVERTED_FILE).exists():
            self.inverted, self._inverted_owner = _load_index(folder / INVERTED_FILE)
        self.count, self.dim = int(self._flat.ntotal), int(self._flat.d)
        self.rows: Rows = map_array(folder / ROWS_FILE)
        self.kind: IndexKind = "flat" if self.inverted is None else "ivf"
        view = faiss.rev_swig_ptr(self._flat.get_xb(), self.count * self.dim)
        self._vectors: Vectors = view.reshape(self.count, self.dim)

    def search(self, query: Vectors, k: int, *, mask: RowMask | None = None) -> Hits:
        """Find the k nearest of the rows that the mask allows, best first, ties by row.

        query (dim,). mask: indexed by row; None allows all. The scores are exact. A query that
        is zero or not finite is near nothing. Raises ValueError for another dimension.
        """
        vector = self._prepare_query(query)
        faiss.omp_set_num_threads(1)  # of this thread: a team per query waits 140 ms on a busy CPU
        allowed = None if mask is None else self.mark_places(mask)
        count = self.count if allowed is None else int(np.count_nonzero(allowed))
        if k <= 0 or not count or not np.isfinite(vector).all() or not vector.any():
            return select_best(np.empty(0, np.int64), np.empty(0, np.float32), 0)
        k, hits = min(k, count), None
        if allowed is not None and count <= DIRECT_UP_TO:
            places = np.flatnonzero(allowed)
            hits = select_best(places, self._score_places(vector, places), k)
        elif self.inverted is not None:
            hits = self._search_candidates(vector, k, count, allowed)
        if hits is None or len(hits) < k:
            hits = self._search_exactly(vector, k, count, allowed)
        return Hits(self.rows[hits.rows], hits.scores)

    def mark_places(self, mask: RowMask) -> RowMask:
        """Return which of the vectors (count,) a mask by row allows."""
        flags = np.asarray(mask)
        # As rows ascend, as many as flags are all of them: no millions need be gathered.
        return flags if len(flags) == self.count else flags[self.rows]

    def score_rows(self, query: Vectors, rows: Rows) -> Scores:
        """Score the given rows (n,) exactly; NaN for a row that has no vector."""
        vector, rows = self._prepare_query(query), np.asarray(rows, dtype=np.int64)
        faiss.omp_set_num_threads(1)
        scores = np.full(len(rows), np.nan, dtype=np.float32)
        if self.count:
            places = np.minimum(np.searchsorted(self.rows, rows), self.count - 1)
            known = self.rows[places] == rows
            scores[known] = self._score_places(vector, places[known])
        return scores

    def vectors_of_rows(self, rows: Rows) -> Vectors:
        """Copy the vectors of some rows (n,), as far as they have one, in their order."""
        if not self.count:
            return self._vectors[:0]
        places = np.minimum(np.searchsorted(self.rows, rows), self.count - 1)
        return self.vectors_at(places[self.rows[places] == rows])

    def vectors_at(self, places: Rows | Sequence[int]) -> Vectors:
        """Copy the vectors at some places (n,) of this folder: places count in writing order."""
        return self._vectors[np.asarray(places, dtype=np.int64)]

    def all_vectors(self) -> Vectors:
        """Return all vectors (count, dim), mapped and in writing order. Not to be written."""
        return self._vectors

    def _prepare_query(self, query: Vectors) -> Vectors:
        vector = np.ascontiguousarray(query, dtype=np.float32).reshape(1, -1)
        if vector.shape[1] != self.dim:
            raise ValueError(f"The query has {vector.shape[1]} dimensions, the index {self.dim}.")
        return vector

    def _search_exactly(self, query: Vectors, k: int, count: int, allowed: RowMask | None) -> Hits:
        """Compare with every allowed vector, and go on until the k-th place has no open tie."""
        params = None if allowed is None else faiss.SearchParameters(sel=_make_selector(allowed))
        limit = min(count, k + 16)
        while True:
            scores, places = self._flat.search(query, limit, params=params)
            if limit == count or scores[0, k - 1] > scores[0, -1]:
                is_filled = places[0] >= 0
                return select_best(places[0][is_filled], scores[0][is_filled], k)
            limit = min(count, 2 * limit)

    def _search_candidates(
        self, query: Vectors, k: int, count: int, allowed: RowMask | None
    ) -> Hits:
        """Take candidates from the inverted file, and score them exactly.

        A filter thins every list alike, so as many more lists are read as it leaves out.
        """
        lists = count_probes(self.inverted.nlist, count / self.count)
        selector = {} if allowed is None else {"sel": _make_selector(allowed)}
        params = faiss.SearchParametersIVF(nprobe=lists, **selector)
        _, places = self.inverted.search(
            query, min(count, max(64, CANDIDATES_PER_HIT * k)), params=params
        )
        proposals = places[0][places[0] >= 0]
        return select_best(proposals, self._score_places(query, proposals), k)

    def _score_places(self, query: Vectors, places: Rows) -> Scores:
        """Score by FAISS's own kernel and in place: a score never depends on who asked for it."""
        ids = np.ascontiguousarray(places, dtype=np.int64)
        scores = np.empty(len(ids), dtype=np.float32)
        to, of, wanted = (faiss.swig_ptr(part) for part in (scores, query, ids))
        faiss.fvec_inner_products_by_idx(to, of, self._flat.get_xb(), wanted, self.dim, 1, len(ids))
        return scores


def _train_inverted(vectors: Vectors) -> Any:
    lists = max(1, min(round(4 * len(vectors) ** 0.5), len(vectors) // _TRAINED_ON))
    coarse = faiss.IndexFlatIP(vectors.shape[1])
    code = faiss.ScalarQuantizer.QT_8bit
    index = faiss.IndexIVFScalarQuantizer(
        coarse, vectors.shape[1], lists, code, faiss.METRIC_INNER_PRODUCT
    )
    index.cp.niter = 10
    sample = np.random.default_rng(0).permutation(len(vectors))[: _TRAINED_ON * lists]
    index.train(np.ascontiguousarray(vectors[np.sort(sample)]))
    for slab in _iter_slabs(vectors):
        index.add(slab)
    return index


def _iter_slabs(vectors: Vectors) -> Any:
    for at in range(0, len(vectors), _SLAB):
        yield np.ascontiguousarray(vectors[at : at + _SLAB], dtype=np.float32)


def _make_selector(allowed: RowMask) -> Any:
    return faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))


def _save_index(file: Path, index: Any) -> None:
    """Write through a Python file: ``faiss.write_index`` does not notice a full disk."""
    with file.open("xb") as out:
        faiss.write_index(index, faiss.PyCallbackIOWriter(out.write))


def _load_index(file: Path) -> tuple[Any, Any]:
    """Map an index; also return what must live as long as it does."""
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
