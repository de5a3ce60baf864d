"""The card proposes, the host decides. On a GPU, and on a card made of FAISS's CPU indexes.

The card of the CPU is as deaf as a GPU: it ignores selectors, stops at 2,048 and stores halves.
"""

import gc
import logging
import tempfile
import threading
from pathlib import Path

import faiss
import numpy as np
import pytest
from contracts import DIM, VectorIndexContract, clustered, unit
from fakes import HashEmbedder, document, publish

from indexes.chunk import SearchFilter
from indexes.errors import ModelMissing
from indexes.index import Index
from indexes.options import IndexesOptions
from indexes.vectors import faiss_index, on_gpu
from indexes.vectors.on_gpu import GpuCard, GpuIndex, estimate_bytes, open_gpu
from ragdesk.assemble import Workspace
from ragdesk.settings import Settings

HERE = hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0
needs_gpu = [
    pytest.mark.gpu,
    pytest.mark.skipif(not HERE, reason="no GPU, or a FAISS without GPU support"),
]


class Deaf:
    """A CPU index that treats searches as one on a GPU does."""

    def __init__(self, index):
        self.index, self.thread, self.searches, self.broken = index, threading.get_ident(), 0, False

    def search(self, query, k, params=None):
        assert threading.get_ident() == self.thread
        if self.broken or k > 2048 or (params and params.nprobe > 2048):
            raise RuntimeError("Error in some kernel\nat some line")
        self.searches += 1
        heard = params and faiss.SearchParametersIVF(nprobe=params.nprobe)
        return self.index.search(query, k, params=heard)


def put(host):
    if host.inverted is not None:
        return Deaf(host.inverted)
    half = faiss.IndexScalarQuantizer(
        host.dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )
    half.train(host.all_vectors()[:1])
    half.add(host.all_vectors())
    return Deaf(half)


def on_cpu(least=0, free=None):
    return GpuCard(lambda: put, lambda: free, least_count=least)


def on_cuda(least=0):
    return GpuCard(on_gpu._open_gpu_resources, lambda: None, least_count=least)


def written(vectors, rows, how):
    folder = Path(tempfile.mkdtemp()) / "dense"
    faiss_index.write_vectors(folder, vectors, rows, index_kind=how if len(rows) else "flat")
    return faiss_index.FaissIndex(folder)


def make(opened, how):
    def made(self, vectors, rows):
        return opened().take_index(written(vectors, rows, how), "one")

    return made


class TestHalfFlat(VectorIndexContract):
    make = make(on_cpu, "flat")


class TestInvertedFile(VectorIndexContract):
    make = make(on_cpu, "ivf")
    least_recall = 0.8  # as in test_dense: 20 lists of 40


class TestGpuFlat(VectorIndexContract):
    pytestmark = needs_gpu
    make = make(on_cuda, "flat")


class TestGpuInvertedFile(VectorIndexContract):
    pytestmark = needs_gpu
    make = make(on_cuda, "ivf")
    least_recall = 0.8


cards = pytest.mark.parametrize(
    "opened", [on_cpu, pytest.param(on_cuda, marks=needs_gpu)], ids=["cpu", "gpu"]
)


@cards
@pytest.mark.parametrize("how", ["flat", "ivf"])
@pytest.mark.parametrize("share", [0.002, 0.05, 0.3, 0.9, 0.999])
def test_forbidden_canaries_never_come_back(opened, how, share):
    """Every forbidden row is nearer than every permitted one: a filter that is not heard shows."""
    random = np.random.default_rng(8)
    secret = unit(random.standard_normal(DIM))
    allowed = random.random(4000) < share
    vectors = np.where(
        allowed[:, None], clustered(4000), unit(secret + 0.02 * random.standard_normal((4000, DIM)))
    ).astype(np.float32)
    host = written(vectors, np.arange(4000), how)
    index = opened().take_index(host, "one")
    assert not allowed[index.search(secret, 3).rows].any()  # nothing else hides them
    for k in (1, 10, 300, 4000):
        found = index.search(secret, k, mask=allowed)
        assert allowed[found.rows].all()
        wanted = host.search(secret, k, mask=allowed)
        if how == "flat":
            assert found.rows.tolist() == wanted.rows.tolist()
        assert len(found) == len(wanted) == min(k, allowed.sum())


@cards
def test_canaries_of_another_group_stay_out_of_a_collection(opened, tmp_path):
    held = [
        document(f"{n}.md", f"words {n}", groups=frozenset({"board"} if n % 2 else ()))
        for n in range(60)
    ]
    publish(tmp_path / "kb", *held)
    with Index.open(tmp_path / "kb") as near, Index.open(tmp_path / "kb") as far:
        far.move_vectors(opened().take_index)
        assert isinstance(far.segments[0].dense, GpuIndex)
        for text in ("words 1", "words 2", "words 33"):
            vector = HashEmbedder().embed_query(text)
            for where in (
                SearchFilter(),
                SearchFilter(groups=frozenset()),
                SearchFilter(uris=frozenset({"2.md"})),
            ):
                mask = far.make_mask(where)
                found = far.search_dense(vector, k=9, mask=mask)
                assert mask.chunks[found.rows].all()
                assert (
                    found.rows.tolist() == near.search_dense(vector, k=9, mask=mask).rows.tolist()
                )


@cards
def test_half_precision_costs_no_hit(opened):
    """Vectors closer to each other than halves can tell apart."""
    random = np.random.default_rng(3)
    vectors = unit(np.ones(DIM) + 1e-4 * random.standard_normal((1500, DIM)))
    host = written(vectors, np.arange(1500), "flat")
    index = opened().take_index(host, "one")
    for query in (*vectors[:3], 1e20 * vectors[4], 1e-20 * vectors[5]):
        found, wanted = index.search(query, 10), host.search(query, 10)
        assert found.rows.tolist() == wanted.rows.tolist()
        assert found.scores.tolist() == wanted.scores.tolist()


def searches(index):
    return index._card._indexes[index._token].searches


def test_a_wide_filter_is_searched_on_the_card_and_a_narrow_one_is_gathered():
    host = written(clustered(4000), np.arange(4000), "flat")
    index = on_cpu(least=500).take_index(host, "one")
    half, few = np.arange(4000) % 2 == 0, np.arange(4000) < 499
    assert index.search(host.all_vectors()[0], 10, mask=half).rows[0] == 0
    assert searches(index) == 1
    assert index.search(host.all_vectors()[0], 10, mask=few).rows[0] == 0
    assert searches(index) == 1


@pytest.mark.parametrize("how", ["flat", "ivf"])
def test_a_part_that_the_card_cannot_propose_is_searched_on_the_cpu_and_told(how):
    host = written(clustered(4000), np.arange(4000), how)
    index = on_cpu(least=40).take_index(host, "one")
    minority = np.arange(4000) % 80 == 0
    index.search(host.all_vectors()[1], 10, mask=np.arange(4000) < 3900)
    assert not index.fallback
    hits = index.search(host.all_vectors()[1], 10, mask=minority)
    assert hits.rows.tolist() == host.search(host.all_vectors()[1], 10, mask=minority).rows.tolist()
    assert index.fallback == "the GPU proposes too few of 50 permitted among 4000."
    assert index._card.take_index(host, "one") is index  # the card is used as before
    before = searches(index)
    index.search(host.all_vectors()[1], 10)
    assert searches(index) > before


def test_few_vectors_stay_where_they_are():
    host = written(clustered(50), np.arange(50), "flat")
    assert on_cpu(least=51).take_index(host, "one") is host


@pytest.mark.parametrize("how", ["flat", "ivf"])
def test_without_memory_the_cpu_searches_and_says_so(caplog, how):
    host = written(clustered(800), np.arange(800), how)
    short = estimate_bytes(host.kind, 800, DIM, host.inverted.nlist if host.inverted else 0) - 1
    index = on_cpu(free=short).take_index(host, "one")
    assert "MiB free" in index.fallback
    assert [r.levelno for r in caplog.records] == [logging.WARNING]
    assert "800 vectors are searched on the CPU" in caplog.text
    query = clustered(1, seed=5)[0]
    assert index.search(query, 10).rows.tolist() == host.search(query, 10).rows.tolist()
    assert not on_cpu(free=short + 1).take_index(host, "one").fallback


def test_a_card_that_takes_nothing_or_breaks_is_left(caplog):
    host = written(clustered(800), np.arange(800), "flat")
    query, full = clustered(1, seed=5)[0], "Error: alloc fail 'err == cudaSuccess'"

    def refuse(_host):
        raise RuntimeError(f"{full}\nmore")

    assert (
        GpuCard(lambda: refuse, lambda: None, least_count=0)
        .take_index(host, "one")
        .fallback.endswith(full)
    )
    index = on_cpu().take_index(host, "one")
    assert not index.fallback
    index._card._indexes[index._token].broken = True
    for _ in range(2):
        assert index.search(query, 10).rows.tolist() == host.search(query, 10).rows.tolist()
    assert index.fallback == "the GPU failed: Error in some kernel"
    assert len(caplog.records) == 2


def test_generations_share_a_segment_and_it_goes_with_the_last():
    card, host = on_cpu(), written(clustered(800), np.arange(800), "flat")
    first = card.take_index(host, "one")
    assert card.take_index(written(clustered(800), np.arange(800), "flat"), "one") is first
    other = card.take_index(host, "two")
    assert len(card._indexes) == 2
    del first
    gc.collect()
    card.free_dropped()
    assert len(card._indexes) == 1
    assert len(other.search(clustered(1)[0], 5)) == 5


def test_the_estimate_is_no_less_than_what_is_stored():
    flat, near = (written(clustered(5000), np.arange(5000), how) for how in ("flat", "ivf"))
    more = on_gpu.STAGING_BYTES + on_gpu.TEMPORARY_BYTES
    half = faiss.serialize_index(put(flat).index).nbytes
    assert half < estimate_bytes("flat", 5000, DIM) - more < 2 * half
    stored = faiss.serialize_index(near.inverted).nbytes
    assert stored < estimate_bytes("ivf", 5000, DIM, near.inverted.nlist) - more < 3 * stored


@pytest.mark.skipif(HERE, reason="a GPU is here")
def test_without_a_gpu_it_is_refused_by_name_or_left(tmp_path, caplog):
    supported = hasattr(faiss, "StandardGpuResources")
    told = on_gpu.NO_GPU if supported else on_gpu.NO_GPU_SUPPORT
    with pytest.raises(ModelMissing) as raised:
        open_gpu("cuda")
    assert str(raised.value) == told
    with caplog.at_level(logging.INFO):
        assert open_gpu("auto") is None
    assert told in caplog.text
    publish(tmp_path / "collections/kb", document("a.md", "words"))
    for device in ("cuda", "auto"):
        settings = Settings(indexes=IndexesOptions(device=device))
        desks = Workspace(tmp_path, settings, HashEmbedder())
        if device == "cuda":
            with pytest.raises(ModelMissing, match="device"):
                desks.open_collection("kb")
        else:
            with desks.open_collection("kb") as opened:
                assert opened.index.fallbacks == ()
