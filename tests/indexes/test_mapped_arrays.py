"""Arrays are mapped as NumPy wrote them, from any number of threads at once."""

import threading

import numpy as np
import pytest
from fakes import HashEmbedder, document, publish

from indexes.build import Build
from indexes.errors import IndexDamaged
from indexes.index import Index
from indexes.mapped_arrays import map_array


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.uint32, np.int64, np.float32])
@pytest.mark.parametrize("shape", [(0,), (1,), (7,), (3, 5), (0, 4)])
def test_an_array_is_read_as_numpy_reads_it(tmp_path, kind, shape):
    array = np.arange(np.prod(shape)).reshape(shape).astype(kind)
    np.save(tmp_path / "a.npy", array)

    read = map_array(tmp_path / "a.npy")

    assert (read.dtype, read.shape) == (array.dtype, array.shape)
    assert np.array_equal(read, np.load(tmp_path / "a.npy"))


@pytest.mark.parametrize("body", [b"", b"\x93NUMPY\x01\x00", b"\x93NUMPY\x01\x00\x05\x00{'a'}"])
def test_what_is_no_array_is_named(tmp_path, body):
    (tmp_path / "a.npy").write_bytes(body)
    with pytest.raises(IndexDamaged, match=r"a\.npy"):
        map_array(tmp_path / "a.npy")


def test_a_cut_or_an_array_of_objects_is_refused(tmp_path):
    np.save(tmp_path / "cut.npy", np.arange(100))
    whole = (tmp_path / "cut.npy").read_bytes()
    (tmp_path / "cut.npy").write_bytes(whole[:-8])
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object))
    for name in ("cut.npy", "objects.npy"):
        with pytest.raises(IndexDamaged, match=name):
            map_array(tmp_path / name)


def test_one_thread_publishes_while_others_open(tmp_path):
    collection, failed, stop = tmp_path / "c", [], threading.Event()
    publish(collection, document("a.md", "words"))

    def read() -> None:
        while not stop.is_set():
            try:
                Index.open(collection).close()
            except Exception as error:  # noqa: BLE001 - a SystemError is what this is about
                failed.append(error)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(40):
        with Build(collection, HashEmbedder()) as build:
            build.add(*document(f"{number}.md", f"words {number}"))
            build.publish()
    stop.set()
    for thread in threads:
        thread.join()

    assert failed == []
