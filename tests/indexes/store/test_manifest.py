import hashlib
import json
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes.errors import IndexDamaged, IndexesError, IndexMismatch
from indexes.store import manifest

FACTS = {"counts": {"chunks": 3}, "name": "手册", "none": None}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.bin").write_bytes(bytes(range(256)) * 4)
    (tmp_path / "inner" / "b.txt").write_bytes(b"hello")
    (tmp_path / "empty").write_bytes(b"")
    manifest.seal_folder(tmp_path, FACTS)
    return tmp_path


def opened(folder):
    sealed = manifest.read_manifest(folder)
    manifest.verify_files(folder, sealed)
    return sealed


def test_lists_every_file_with_its_size_and_sum(folder):
    sealed = opened(folder)
    assert dict(sealed.facts) == FACTS
    assert sealed.files["inner/b.txt"] == (5, hashlib.sha256(b"hello").hexdigest())
    assert set(sealed.files) == {"a.bin", "inner/b.txt", "empty"}
    content = json.loads((folder / manifest.MANIFEST_FILE).read_text())
    assert (content["format"], content["min_reader"]) == (2, 2)


def test_every_flipped_bit_is_refused(folder):
    chance = np.random.default_rng(1)
    for file in (folder / manifest.MANIFEST_FILE, folder / "inner" / "b.txt", folder / "a.bin"):
        good = file.read_bytes()
        bits = chance.permutation(8 * len(good))[:400].tolist()
        for bit in bits:
            bad = bytearray(good)
            bad[bit // 8] ^= 1 << bit % 8
            file.write_bytes(bad)
            with pytest.raises(IndexesError):
                opened(folder)
        file.write_bytes(good)
    opened(folder)


@given(st.integers(0, 1023))
def test_every_cut_is_refused(tmp_path_factory, length):
    folder = tmp_path_factory.mktemp("cut")
    (folder / "a.bin").write_bytes(bytes(1024))
    manifest.seal_folder(folder, {})
    os.truncate(folder / "a.bin", length)
    with pytest.raises(IndexDamaged, match=r"a\.bin has"):
        opened(folder)


def test_a_file_too_many_is_refused(folder):
    (folder / "inner" / "stray").write_bytes(b"")
    with pytest.raises(IndexDamaged, match="stray is not listed"):
        opened(folder)


def test_a_librarys_own_lock_file_is_let_pass(folder):
    (folder / "inner" / ".tantivy-writer.lock").write_bytes(b"")
    opened(folder)


def test_a_missing_file_is_named(folder):
    (folder / "empty").unlink()
    with pytest.raises(IndexDamaged, match="empty is missing"):
        opened(folder)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"3",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"min_reader": 1}',
        b'{"min_reader": "x"}',
    ],
)
def test_what_is_no_manifest_is_refused(folder, content):
    (folder / manifest.MANIFEST_FILE).write_bytes(content)
    with pytest.raises(IndexDamaged, match=r"MANIFEST\.json"):
        opened(folder)


def test_a_missing_manifest_is_named(folder):
    (folder / manifest.MANIFEST_FILE).unlink()
    with pytest.raises(IndexDamaged, match=r"MANIFEST\.json is missing"):
        opened(folder)


def test_a_newer_format_is_refused_as_such(folder):
    file = folder / manifest.MANIFEST_FILE
    newer = manifest.MANIFEST_FORMAT + 1
    content = json.loads(file.read_text()) | {"format": newer, "min_reader": newer}
    file.write_text(json.dumps(content))
    with pytest.raises(IndexMismatch, match=f"needs format {newer}; this version reads"):
        opened(folder)


def test_a_newer_format_that_old_readers_understand_would_have_to_be_resealed(folder):
    file = folder / manifest.MANIFEST_FILE
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": 4}))
    with pytest.raises(IndexDamaged):
        opened(folder)


def test_a_file_is_read_once_while_it_stays_as_it_is(folder, monkeypatch):
    read = []
    whole = manifest._sha256
    monkeypatch.setattr(manifest, "_sha256", lambda file: read.append(file) or whole(file))
    opened(folder)
    opened(folder)
    assert len(read) == 3
    assert manifest.list_problems(folder) == []
    assert len(read) == 6


def test_a_change_that_keeps_size_and_time_is_found(folder):
    opened(folder)
    file = folder / "a.bin"
    before = file.stat()
    file.write_bytes(bytes(1024))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(IndexDamaged, match="SHA-256"):
        opened(folder)


def test_all_problems_are_named_at_once(folder):
    (folder / "a.bin").write_bytes(bytes(1024))
    (folder / "inner" / "b.txt").write_bytes(b"hellO")
    assert [
        problem.split()[0].rpartition("/")[2] for problem in manifest.list_problems(folder)
    ] == ["a.bin"]
    assert manifest.list_problems(folder, "another")[0].endswith("belongs to another folder.")
