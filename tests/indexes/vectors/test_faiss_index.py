import subprocess
import sys
import tempfile
from pathlib import Path

import contracts
import numpy as np
import pytest
from contracts import VectorIndexContract, clustered

from indexes.errors import IndexDamaged
from indexes.vectors import faiss_index


def make(how):
    def made(self, vectors, rows):
        folder = Path(tempfile.mkdtemp()) / "dense"
        assert faiss_index.write_vectors(
            folder, vectors, rows, index_kind=how if len(rows) else "flat"
        ) == (how if len(rows) else "flat")
        return faiss_index.FaissIndex(folder)

    return made


class TestFlat(VectorIndexContract):
    make = make("flat")


class TestInvertedFile(VectorIndexContract):
    make = make("ivf")
    least_recall = 0.8  # 20 lists of 40: far too small for this kind, but never far off

    @pytest.mark.parametrize("share", [0.5, 0.2])
    def test_a_filter_is_made_up_for_by_reading_more_lists(self, share):
        vectors, rows = clustered(4000), np.arange(4000)
        index, mask = self.make(vectors, rows), np.random.default_rng(5).random(4000) < share
        recall = {True: 0, False: 0}
        for query in clustered(40, seed=6):
            for filtered in recall:
                allowed = mask if filtered else None
                wanted = self.exact(vectors, rows, query, 10, allowed).rows.tolist()
                found = index.search(query, 10, mask=allowed).rows.tolist()
                recall[filtered] += len(set(wanted) & set(found)) / 400
        assert recall[True] >= recall[False] - 0.02


def test_small_indexes_are_exact_and_large_ones_are_not():
    assert (
        faiss_index.choose_index_kind(0)
        == faiss_index.choose_index_kind(faiss_index.EXACT_UP_TO)
        == "flat"
    )
    assert faiss_index.choose_index_kind(faiss_index.EXACT_UP_TO + 1) == "ivf"


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, 2.0])
def test_only_unit_vectors_are_written(tmp_path, bad):
    vectors = clustered(5)
    vectors[3] = bad
    with pytest.raises(ValueError, match="length one"):
        faiss_index.write_vectors(tmp_path / "d", vectors, np.arange(5))


@pytest.mark.parametrize("rows", [[0, 1, 2, 3], [0, 1, 1, 2, 3], [4, 3, 2, 1, 0]])
def test_rows_and_vectors_must_pair_up(tmp_path, rows):
    with pytest.raises(ValueError, match="ascending rows"):
        faiss_index.write_vectors(tmp_path / "d", clustered(5), np.array(rows))


@pytest.mark.parametrize("file", ["vectors.faiss", "near.faiss", "rows.npy"])
def test_a_cut_file_is_damage(tmp_path, file):
    faiss_index.write_vectors(tmp_path / "d", clustered(100), np.arange(100), index_kind="ivf")
    path = tmp_path / "d" / file
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(IndexDamaged, match=file):
        faiss_index.FaissIndex(tmp_path / "d")


@pytest.mark.parametrize("limit", [100, 30_000])
def test_a_full_disk_is_noticed(tmp_path, limit):
    """FAISS's own writer says nothing: it fits 48 kB of vectors into any file."""
    code = (
        "import resource, signal, sys, pathlib, numpy as np\n"
        "from indexes.vectors import faiss_index\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "vectors = np.eye(100, dtype=np.float32).repeat(5, axis=0)[:, :]\n"
        "try: faiss_index.write_vectors(pathlib.Path(sys.argv[1]), vectors, np.arange(500))\n"
        "except OSError as error: print('noticed', error.errno)\n"
    )
    done = subprocess.run(  # noqa: S603 - our own code, in a process that may be limited
        [sys.executable, "-c", code, tmp_path / "d"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(contracts.__file__).parents[1],
    )
    assert done.stdout.startswith("noticed 27")
