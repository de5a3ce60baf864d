import json
import os
import time

import pytest

from ingest import digest_cache, originals
from ingest.digest_cache import DigestCache
from ingest.errors import Unreadable

OLD = time.time_ns() - 60_000_000_000


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Some files, a look at all of them, and the names of those that were read for it."""
    folder, read = tmp_path / "kb", []
    folder.mkdir()
    real = originals.digest_file

    def look(path, **options):
        read.append(path.name)
        return real(path, **options)

    monkeypatch.setattr(digest_cache, "digest_file", look)

    def write(name, text, at=OLD):
        (folder / name).write_text(text)
        os.utime(folder / name, ns=(at, at))

    def once(*, save=True):
        read.clear()
        known = DigestCache(tmp_path / "c", "source")
        found = {
            f.name: known.find_digest(f, f.lstat(), limit=1).digest
            for f in sorted(folder.iterdir())
        }
        if save:
            known.save()
        return found, list(read)

    monkeypatch.setattr(
        digest_cache, "_GRAIN", -(10**12)
    )  # ctime cannot be set back: as if it were old
    return write, once, tmp_path


def test_what_did_not_change_is_not_read_again(files):
    write, once, _ = files
    write("a.md", "one")
    write("b.md", "two")
    first, read = once()
    assert read == ["a.md", "b.md"]
    assert once() == (first, [])
    write("b.md", "six")  # of the same size, its time set back
    changed, read = once()
    assert read == ["b.md"]
    assert changed["b.md"] != first["b.md"]
    assert once() == (changed, [])


def test_what_may_have_changed_within_the_grain_of_the_clock_is_read_again(files, monkeypatch):
    write, once, _ = files
    monkeypatch.setattr(digest_cache, "_GRAIN", 2_000_000_000)
    write("a.md", "one")
    assert once()[1] == once()[1] == ["a.md"]


def remembered(place):
    """Read what the file holds: the last line of each name, those of what is gone left out."""
    (file,) = (place / "c" / digest_cache.CACHE_FOLDER).iterdir()
    head, *lines = (json.loads(line.rstrip(",")) for line in file.read_text().splitlines())
    assert head == ["format", 2]
    return sorted(
        name.rpartition("/")[2] for name, mark in {n: m for n, *m in lines}.items() if mark
    )


@pytest.mark.parametrize(
    "damage",
    [
        *(
            b"",
            b"{",
            b"[]",
            b'{"format": 9, "files": {}}',
            b'["format",9],\n',
            b'["format",2],\n3,',
        ),
        *(b'["format",2],\n["a"', b'["format",2],\n[["a"],1,2,3,4,"d"],'),
    ],
)
def test_a_damaged_memory_means_reading(files, damage):
    write, once, place = files
    write("a.md", "one")
    first, _ = once()
    (file,) = (place / "c" / digest_cache.CACHE_FOLDER).iterdir()
    file.write_bytes(damage)
    assert once() == (first, ["a.md"])
    assert remembered(place) == ["a.md"]


def test_a_small_change_adds_a_line_and_many_make_the_file_anew(files, monkeypatch):
    monkeypatch.setattr(digest_cache, "_SPARE_LINES", 0)
    write, once, place = files
    for name in "abcd":
        write(f"{name}.md", "one")
    once()
    (file,) = (place / "c" / digest_cache.CACHE_FOLDER).iterdir()
    whole, sizes = file.read_bytes(), []
    for step in range(6):
        write("a.md", f"step {step}")
        assert once()[1] == ["a.md"]
        assert once()[1] == []
        assert remembered(place) == ["a.md", "b.md", "c.md", "d.md"]
        sizes.append(len(file.read_bytes().splitlines()))
    assert sizes == [6, 7, 8, 9, 5, 6]
    assert len(whole.splitlines()) == 5


def test_a_line_that_was_torn_makes_all_be_read_and_written_anew(files):
    write, once, place = files
    write("a.md", "one")
    write("b.md", "two")
    once()
    write("a.md", "three")
    once()
    (file,) = (place / "c" / digest_cache.CACHE_FOLDER).iterdir()
    file.write_bytes(file.read_bytes()[:-9])
    assert once()[1] == ["a.md", "b.md"]
    assert once()[1] == []
    assert remembered(place) == ["a.md", "b.md"]


def test_a_look_alone_writes_nothing(files):
    write, once, place = files
    write("a.md", "one")
    once(save=False)
    assert not (place / "c").exists()


def test_files_that_are_gone_are_forgotten_and_large_ones_refused(files, tmp_path):
    write, once, place = files
    write("a.md", "one")
    write("b.md", "two")
    once()
    (tmp_path / "kb" / "b.md").unlink()
    once()
    assert remembered(place) == ["a.md"]
    write("big.md", "x" * (2 << 20))
    with pytest.raises(Unreadable, match="larger"):
        once()
