"""What the machine cannot do now is no damage: nothing is passed over or begun anew for it."""

import os
import resource
import sqlite3
from contextlib import contextmanager, suppress
from errno import EMFILE, ENOENT, ENOSPC, ENOTDIR
from pathlib import Path

import pytest
from fakes import document, publish, publish_three

from indexes.errors import IndexDamaged, tells_absence
from indexes.index import Index
from indexes.mapped_arrays import map_array
from indexes.store import manifest
from indexes.store.chunk_store import ChunkStore
from indexes.store.sqlite_guard import system_error


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    return publish_three(tmp_path_factory.mktemp("machine") / "c")


@contextmanager
def limited(what, amount):
    """Let this process open so many files more, or write files of so many bytes."""
    soft, hard = resource.getrlimit(what)
    handles = [os.open("/dev/null", os.O_RDONLY)]
    if what == resource.RLIMIT_NOFILE:
        highest = max(int(file.name) for file in Path("/proc/self/fd").iterdir())
        while handles[-1] < highest:  # no gap below: a handle takes the lowest number
            handles.append(os.open("/dev/null", os.O_RDONLY))
        amount += handles[-1] + 1
    resource.setrlimit(what, (amount, hard))
    try:
        yield
    finally:
        resource.setrlimit(what, (soft, hard))
        for handle in handles:
            os.close(handle)


def test_at_every_handle_that_lacks_a_reader_gets_all_or_an_error_of_the_machine(collection):
    manifest._verified.clear()
    errors = []
    for amount in range(40):
        try:
            with limited(resource.RLIMIT_NOFILE, amount), Index.open(collection) as index:
                assert (index.generation, index.refused) == (3, ())
        except OSError as error:
            errors.append(error.errno)
    assert set(errors) == {EMFILE}
    assert len(errors) < 40


def test_at_every_handle_that_lacks_a_write_is_whole_or_not_at_all(collection):
    names = {"state.md", "1.md", "2.md", "3.md"}
    for amount in range(0, 40, 3):
        with limited(resource.RLIMIT_NOFILE, amount), suppress(OSError):
            publish(collection, document("more.md", f"more {amount}"))
        with Index.open(collection) as index:
            assert index.refused == ()
            assert {d.uri for d in index.iter_documents()} - {"more.md"} == names


@pytest.mark.parametrize("room", [0, 100, 3_000, 20_000])
def test_a_full_disk_in_the_middle_leaves_what_stood(collection, room):
    with Index.open(collection) as index:
        before = {d.uri for d in index.iter_documents()}
    with limited(resource.RLIMIT_FSIZE, room), pytest.raises(OSError, match=r"\[Errno"):
        publish(collection, document("long.md", "words of a long document\n" * 2_000))
    with Index.open(collection) as index:
        assert index.refused == ()
        assert {d.uri for d in index.iter_documents()} == before


@pytest.mark.parametrize(
    "open_", [map_array, ChunkStore, lambda file: manifest.read_manifest(file.parent)]
)
def test_a_file_that_cannot_be_opened_now_is_not_called_damaged(tmp_path, open_):
    file = tmp_path / "MANIFEST.json"
    file.write_bytes(b"{}")
    with (
        limited(resource.RLIMIT_NOFILE, 0),
        pytest.raises(OSError, match="Too many open files") as caught,
    ):
        open_(file)
    assert caught.value.errno == EMFILE
    assert caught.value.filename == str(file)
    file.unlink()
    file.mkdir()
    with pytest.raises(IndexDamaged):  # another thing in a file's place: no failure of the machine
        open_(file)


def test_errors_of_sqlite_are_told_apart(tmp_path):
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    assert system_error(full, tmp_path / "x").errno == ENOSPC
    rotten = sqlite3.DatabaseError("malformed")
    rotten.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    assert system_error(rotten, tmp_path / "x") is None
    (tmp_path / "x").touch()
    unread = sqlite3.OperationalError("disk I/O error")
    unread.sqlite_errorcode = sqlite3.SQLITE_IOERR | 1 << 8  # SQLITE_IOERR_READ
    assert not tells_absence(system_error(unread, tmp_path / "x"))
    assert tells_absence(OSError(ENOENT, ""))
    assert tells_absence(OSError(ENOTDIR, ""))
