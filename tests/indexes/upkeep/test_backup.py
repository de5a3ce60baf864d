import errno
import hashlib
import json
import os
import shutil
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import pytest
from fakes import document, publish

from indexes.errors import CollectionBusy, IndexDamaged, IndexNotFound
from indexes.index import Index
from indexes.store import generations, locks
from indexes.store.strict_json import checksum_facts
from indexes.upkeep import backup, backup_format, garbage, restore, rollback, verify
from ragdesk.assemble import EXTRA_FILES


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A collection of two segments with a tombstone and an original, and its backup."""
    folder = tmp_path_factory.mktemp("backup")
    collection = folder / "c"
    record, chunks = document("a.md", "Refund in 30 days\nTo your card", groups=frozenset({"x"}))
    publish(collection, (record, chunks), document("b.md", "Shipping takes days"))
    publish(collection, document("b.md", "Shipping is free"), merge="none")
    (collection / "originals").mkdir()
    for text in (record.text, "Shipping is free"):
        (collection / "originals" / hashlib.sha256(text.encode()).hexdigest()).write_text(text)
    (collection / "sources.json").write_text('{"sources": {}}')
    backup.write_backup(collection, folder / "kb.rdb", extra_files=EXTRA_FILES)
    return collection, folder / "kb.rdb"


def digest(collection):
    with Index.open(collection) as index:
        return index.digest_content()


def test_a_backup_restores_to_the_same_digest(made, tmp_path):
    collection, file = made
    assert restore.restore_backup(file, tmp_path / "c", extra_files=EXTRA_FILES) == 1
    assert digest(tmp_path / "c") == digest(collection)
    assert verify.verify_collection(tmp_path / "c", extra_files=EXTRA_FILES) == []
    for name in ("originals", "segments"):
        kept = [sorted(f.name for f in (c / name).iterdir()) for c in (collection, tmp_path / "c")]
        assert set(kept[1]) <= set(kept[0])
    assert (tmp_path / "c" / "sources.json").exists()


def test_a_backup_over_other_documents_can_be_taken_back(made, tmp_path):
    publish(tmp_path / "c", document("other.md", "Other words"))
    (tmp_path / "c" / "originals").mkdir()
    other = hashlib.sha256(b"Other words").hexdigest()
    (tmp_path / "c" / "originals" / other).write_text("Other words")
    assert restore.restore_backup(made[1], tmp_path / "c", extra_files=EXTRA_FILES) == 2
    assert digest(tmp_path / "c") == digest(made[0])
    rollback.roll_back(tmp_path / "c", 1)
    with Index.open(tmp_path / "c") as index:
        assert index.read_text("other.md") == "Other words"
    assert verify.verify_collection(tmp_path / "c", extra_files=EXTRA_FILES) == []


def test_a_backup_taken_while_others_publish_is_of_one_generation(made, tmp_path, monkeypatch):
    collection = tmp_path / "c"
    restore.restore_backup(made[1], collection, extra_files=EXTRA_FILES)
    before, real = digest(collection), backup._add_member

    def add(*given):
        if given[1].endswith(("documents.sqlite", "shelf.sqlite")):
            publish(collection, document("new.md", f"words {given[1]}"))
            garbage.collect_garbage(collection, keep=1)
        return real(*given)

    monkeypatch.setattr(backup, "_add_member", add)
    backup.write_backup(collection, tmp_path / "kb.rdb", extra_files=EXTRA_FILES)
    assert digest(collection) != before
    restore.restore_backup(tmp_path / "kb.rdb", tmp_path / "again", extra_files=EXTRA_FILES)
    assert digest(tmp_path / "again") == before


@pytest.mark.parametrize("damage", ["flip", "cut"])
def test_damaged_backups_are_refused_and_leave_nothing(made, tmp_path, damage):
    body, dice = made[1].read_bytes(), np.random.default_rng(1)
    with tarfile.open(made[1]) as archive:
        spans = [(m.offset_data, m.size) for m in archive if m.size]
    file = tmp_path / "bad.rdb"
    for _ in range(15):
        start, size = spans[dice.integers(len(spans))]
        at = start + int(dice.integers(size))
        bad = body[:at] if damage == "cut" else body[:at] + bytes([body[at] ^ 4]) + body[at + 1 :]
        file.write_bytes(bad)
        with pytest.raises(IndexDamaged):
            restore.restore_backup(file, tmp_path / "c", extra_files=EXTRA_FILES)
        assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("name", ["../x", "/etc/x", "segments/../../x", "generation/..", "LOCK"])
def test_a_backup_of_odd_names_is_refused(made, tmp_path, name):
    file = tmp_path / "odd.rdb"
    facts = {"format": 1, "generation": 1, "created": "", "sums": {}, "files": {}}
    facts["files"][name] = {"size": 1, "sha256": 64 * "0"}
    body = json.dumps({**facts, "checksum": checksum_facts(facts)}).encode()
    with tarfile.open(file, "w") as archive:
        import io  # noqa: PLC0415

        archive.addfile(
            backup._tar_member(backup_format.BACKUP_LISTING, len(body)), io.BytesIO(body)
        )
        archive.addfile(backup._tar_member(name, 1), io.BytesIO(b"x"))
    with pytest.raises(IndexDamaged, match="no backup has"):
        restore.restore_backup(file, tmp_path / "c", extra_files=EXTRA_FILES)


def test_a_damaged_collection_gives_no_backup(made, tmp_path):
    collection = tmp_path / "c"
    restore.restore_backup(made[1], collection, extra_files=EXTRA_FILES)
    shelf = next(collection.glob("segments/*/shelf.sqlite"))
    body = shelf.read_bytes()
    shelf.write_bytes(body[:-1] + bytes([body[-1] ^ 1]))
    with pytest.raises(IndexDamaged, match="shelf"):
        backup.write_backup(collection, tmp_path / "kb.rdb", extra_files=EXTRA_FILES)
    assert not list(tmp_path.glob("*kb.rdb"))


@pytest.mark.parametrize("lost", ["segments/*/shelf.sqlite", "generations/*/MANIFEST.json"])
def test_a_collection_that_lacks_a_part_gives_no_backup(made, tmp_path, lost):
    collection = tmp_path / "c"
    restore.restore_backup(made[1], collection, extra_files=EXTRA_FILES)
    next(collection.glob(lost)).unlink()
    with pytest.raises(IndexDamaged, match="is missing"):
        backup.write_backup(collection, tmp_path / "kb.rdb", extra_files=EXTRA_FILES)


@pytest.mark.parametrize("name", ["originals", "segments"])
@pytest.mark.parametrize("fails", [False, True])
def test_parts_are_restored_onto_another_disk(made, tmp_path, monkeypatch, name, fails):
    """Links to folders are an operator's, who has put originals elsewhere."""
    collection, shared = tmp_path / "c", Path("/dev/shm")  # noqa: S108 - the other disk
    if not os.access(shared, os.W_OK) or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no other disk is at hand")
    publish(collection, document("other.md", "Quite another text"))
    with tempfile.TemporaryDirectory(dir=shared) as elsewhere:
        place = Path(elsewhere, name)
        (collection / name).mkdir(exist_ok=True)
        shutil.move(collection / name, place)
        (collection / name).symlink_to(place)
        before = sorted(place.rglob("*"))
        if fails:
            monkeypatch.setattr(generations, "publish_generation", full_disk)
            with pytest.raises(OSError, match="No space"):
                restore.restore_backup(made[1], collection, extra_files=EXTRA_FILES)
            assert sorted(place.rglob("*")) == before
        else:
            assert restore.restore_backup(made[1], collection, extra_files=EXTRA_FILES) == 2
            assert digest(collection) == digest(made[0])
            assert not list(place.glob(".tmp-*"))


def full_disk(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_wrong_calls_are_refused(made, tmp_path):
    with pytest.raises(FileExistsError):
        backup.write_backup(made[0], made[1], extra_files=EXTRA_FILES)
    with pytest.raises(IndexNotFound):
        backup.write_backup(tmp_path / "none", tmp_path / "kb.rdb", extra_files=EXTRA_FILES)
    with locks.lock_collection(tmp_path / "c"), pytest.raises(CollectionBusy):
        restore.restore_backup(made[1], tmp_path / "c", extra_files=EXTRA_FILES)
