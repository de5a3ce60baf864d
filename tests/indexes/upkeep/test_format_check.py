"""A backup that somebody forged, with every sum made right again, reaches and changes nothing."""

import hashlib
import io
import os
import shutil
import sqlite3
import tarfile
import tracemalloc
from contextlib import closing
from pathlib import Path

import pytest
from fakes import document, publish
from resilience import forgery

from indexes.errors import IndexDamaged, IndexesError
from indexes.index import Index
from indexes.store import failpoints, generations, locks, manifest
from indexes.upkeep import backup, restore, verify
from ragdesk.assemble import EXTRA_FILES

FIXTURES = Path(__file__).parents[2] / "fixtures"
TABLE = "generation/documents.sqlite"
WORDS = "Refund in 30 days\nTo your card"


def keep(collection, *texts):
    (collection / "originals").mkdir(exist_ok=True)
    for text in texts:
        name = hashlib.sha256(text.encode()).hexdigest()
        (collection / "originals" / name).write_text(text)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A small backup, and its parts to forge others from."""
    folder = tmp_path_factory.mktemp("forged")
    publish(folder / "c", document("a.md", WORDS), document("b.md", "Shipping is free"))
    keep(folder / "c", WORDS, "Shipping is free")
    backup.write_backup(folder / "c", folder / "kb.rdb", extra_files=EXTRA_FILES)
    return folder / "kb.rdb", forgery.take_apart(folder / "kb.rdb")


def state(folder):
    files = (f for f in folder.rglob("*") if f.is_file() and f.name != "LOCK")
    return {str(f.relative_to(folder)): f.read_bytes() for f in files}


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """Restores a forgery into a name of its own and over a collection that stands: both stay."""
    place = tmp_path_factory.mktemp("refused")
    publish(place / "home" / "standing", document("a.md", WORDS))
    keep(place / "home" / "standing", WORDS)
    (place / "canary").write_text("not ours")
    before = state(place)

    def refuse(body, match):
        (place / "forged.rdb").write_bytes(body)
        for name in ("standing", "new"):
            with pytest.raises(IndexesError, match=match):
                restore.restore_backup(
                    place / "forged.rdb", place / "home" / name, extra_files=EXTRA_FILES
                )
        (place / "forged.rdb").unlink()
        assert state(place) == before
        assert [f.name for f in (place / "home").iterdir()] == ["standing"]

    return refuse


def change(files, name, statement):
    """Run SQL on a database of a backup, and make all sums right again."""
    files = dict(files)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as base:
        base.deserialize(files[name])
        base.executescript(statement)
        files[name] = base.serialize()
    return forgery.put_together(forgery.seal(files))


@pytest.mark.parametrize("digest", ["../../../canary", "/etc/hostname", "A" * 64, ""])
def test_a_digest_that_climbs_is_refused(made, refused, digest):
    body = change(made[1], TABLE, f"UPDATE documents SET digest = '{digest}' WHERE uri = 'a.md'")  # noqa: S608
    refused(body, "digest")


@pytest.mark.parametrize("name", ["../../canary", "/etc/hostname", "a//b", "..", "x/../../y"])
def test_a_manifest_that_names_a_file_elsewhere_is_refused(made, refused, name):
    files = dict(made[1])
    listed = f'"files": {{"{name}": {{"sha256": "{"0" * 64}", "size": 0}},'.encode()
    files["generation/MANIFEST.json"] = files["generation/MANIFEST.json"].replace(
        b'"files": {', listed, 1
    )
    refused(forgery.put_together(forgery.seal(files)), "cannot hold")


def test_a_sparse_member_is_refused_before_it_is_written(made, refused, tmp_path):
    size = 64 << 20
    with (tmp_path / "zeros").open("wb") as zeros:
        zeros.truncate(size)
    with (tmp_path / "zeros").open("rb") as zeros:
        sum_ = hashlib.file_digest(zeros, "sha256").hexdigest()
    (tmp_path / "zeros").unlink()
    files, name = dict(made[1]), f"originals/{sum_}"
    forged = forgery.listed(files | {name: b""}, lambda text: text.replace(
        f'"{name}": {{"sha256": "{hashlib.sha256(b"").hexdigest()}", "size": 0}}',
        f'"{name}": {{"sha256": "{sum_}", "size": {size}}}',
    ))  # fmt: skip
    out, map_ = io.BytesIO(), f"1\n{size}\n0\n".encode().ljust(512, b"\0")
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for part, body in forged.items():
            one = forgery.header(part, len(map_ if part == name else body))
            if part == name:
                version = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
                one.pax_headers = {
                    **version,
                    "GNU.sparse.name": name,
                    "GNU.sparse.realsize": str(size),
                }
            archive.addfile(one, io.BytesIO(map_ if part == name else body))
    assert len(out.getvalue()) < 1 << 20
    refused(out.getvalue(), "more than it does")


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE readers RENAME TO hidden; CREATE VIEW readers AS SELECT * FROM hidden",
        "CREATE TRIGGER t AFTER INSERT ON readers BEGIN DELETE FROM documents; END",
        "CREATE TABLE other (x CHECK (x > 0))",
        "ALTER TABLE validity ADD COLUMN more AS (length(id))",
        "CREATE INDEX odd ON documents (title || 'x')",
        "DROP INDEX readers_by_id",
    ],
)
def test_a_database_with_another_schema_is_refused(made, refused, statement):
    refused(change(made[1], TABLE, statement), "other tables than ours")


@pytest.mark.parametrize(
    ("statement", "match"),
    [
        ("UPDATE documents SET count = 1000000000", "chunks are not where"),
        ("UPDATE documents SET first = -1", "no whole number"),
        ("UPDATE documents SET first = 'x'", "another type"),
        ("UPDATE documents SET groups = '{}'", "groups"),
        ("UPDATE documents SET groups = '[\"staff\"]'", "two different sets"),
        ("INSERT INTO readers VALUES ('staff', 'nobody')", "readers of a document"),
        ("UPDATE documents SET title = CAST(x'ff' AS TEXT)", "title|UTF-8|utf-8"),
        ("INSERT INTO validity SELECT id, 'x', '', '', 0 FROM documents", "calendar"),
    ],
)
def test_a_table_of_odd_values_is_refused(made, refused, statement, match):
    refused(change(made[1], TABLE, statement), match)


@pytest.mark.parametrize(
    "values",
    [
        "0, 5, 3, 'x'",
        "0, 3, 9999, 'x'",
        "0, 1, 3, 'x'), (0, 2, 4, 'y'",
        "0, 0, 2, ''",
        "0, -1, 2, 'x'",
    ],
)
def test_links_that_are_no_spans_of_their_document_are_refused(made, refused, values):
    shelf = next(name for name in made[1] if name.endswith("shelf.sqlite"))
    body = change(made[1], shelf, f"INSERT INTO links VALUES ({values})")  # noqa: S608
    refused(body, "links that are not")


def test_a_store_of_before_there_were_links_is_whole(made, tmp_path):
    shelf = next(name for name in made[1] if name.endswith("shelf.sqlite"))
    (tmp_path / "old.rdb").write_bytes(change(made[1], shelf, "DROP TABLE links"))
    restore.restore_backup(tmp_path / "old.rdb", tmp_path / "c", extra_files=EXTRA_FILES)
    with Index.open(tmp_path / "c") as index:
        for listed in index.iter_documents():
            assert (
                index.find_chunk_store(listed).load_links(listed.id)
                == index.read_document(listed)[0].links
                == ()
            )


def test_an_original_that_is_another_one_is_refused(made, refused):
    files = dict(made[1])
    files[f"originals/{hashlib.sha256(WORDS.encode()).hexdigest()}"] = b"other words"
    refused(forgery.put_together(forgery.listed(files)), "SHA-256 is not its name")


def test_what_is_refused_late_has_overwritten_nothing(made, refused):
    """An original with other bytes and a right sum, and a segment that is not what it should be."""
    files = dict(made[1])
    files[f"originals/{hashlib.sha256(WORDS.encode()).hexdigest()}"] = b"other words"
    shelf = next(name for name in files if name.endswith("shelf.sqlite"))
    files[shelf] = files[shelf][:-1] + bytes([files[shelf][-1] ^ 1])
    refused(forgery.put_together(forgery.listed(files)), "is refused")


def test_a_huge_count_costs_verify_no_memory(made, tmp_path):
    collection, count = tmp_path / "c", 3_000_000
    publish(collection, document("a.md", WORDS))
    (folder,) = (collection / "generations").iterdir()
    facts = dict(manifest.read_manifest(folder).facts)
    with closing(sqlite3.connect(folder / "documents.sqlite", isolation_level=None)) as table:
        table.execute("UPDATE documents SET count = ?", (count,))
    generations.set_current(collection, 1, manifest.seal_folder(folder, facts).checksum)
    tracemalloc.start()
    try:
        problems = verify.verify_collection(collection, extra_files=EXTRA_FILES)
        assert any("not where the document table says" in problem for problem in problems)
        assert tracemalloc.get_traced_memory()[1] < 8 * count
    finally:
        tracemalloc.stop()


def test_verify_names_originals_that_are_missing_or_changed_and_links(tmp_path):
    collection = tmp_path / "c"
    publish(collection, document("a.md", WORDS), document("b.md", "Shipping is free"))
    assert (
        verify.verify_collection(collection, extra_files=EXTRA_FILES) == []
    )  # built without files, it has none
    keep(collection, WORDS, "Shipping is free", "of a file that could not be parsed")
    assert verify.verify_collection(collection, extra_files=EXTRA_FILES) == []
    (stray,) = verify.list_unlisted_originals(collection)
    assert stray.read_text() == "of a file that could not be parsed"
    first, second = (
        collection / "originals" / hashlib.sha256(text.encode()).hexdigest()
        for text in (WORDS, "Shipping is free")
    )
    first.write_text(WORDS.upper())
    second.unlink()
    problems = "\n".join(verify.verify_collection(collection, extra_files=EXTRA_FILES))
    assert f"{first} was changed" in problems
    assert f"{second} is missing" in problems
    second.symlink_to(first)
    assert f"{second} is a link" in "\n".join(
        verify.verify_collection(collection, extra_files=EXTRA_FILES)
    )


@pytest.mark.parametrize(
    "place",
    ["backup unpacked", "backup moved in", "table written", "generation sealed", "CURRENT written"],
)
def test_a_disk_that_is_full_at_any_point_leaves_what_stood(made, tmp_path, place):
    collection = tmp_path / "home" / "c"
    publish(collection, document("a.md", "Other words"))
    keep(collection, "Other words")
    (collection / "calibration.json").write_text("{}")
    shutil.rmtree(collection / "access", ignore_errors=True)
    before = state(tmp_path)

    def full(name):
        if name == place:
            raise OSError(28, os.strerror(28))

    for name in ("c", "new"):
        with failpoints.arm_failpoints(full), pytest.raises(OSError, match="space"):
            restore.restore_backup(made[0], tmp_path / "home" / name, extra_files=EXTRA_FILES)
        with locks.lock_collection(collection):
            pass  # what a next job sweeps away
        after = {n: body for n, body in state(tmp_path).items() if "/access/" not in n}
        assert after == before
    assert restore.restore_backup(made[0], tmp_path / "home" / "new", extra_files=EXTRA_FILES) == 1


def test_a_restore_that_was_killed_is_in_nobodys_way(made, tmp_path):
    left = tmp_path / ".tmp-restore-c"
    (left / "generations" / "7").mkdir(parents=True)
    (left / "junk").write_text("left")
    assert restore.restore_backup(made[0], tmp_path / "c", extra_files=EXTRA_FILES) == 1
    assert not left.exists()
    assert verify.verify_collection(tmp_path / "c", extra_files=EXTRA_FILES) == []
    assert {f.name for f in (tmp_path / "c").iterdir()} <= {
        *("CURRENT", "LOCK", "generations", "segments", "originals", "access")
    }


def test_what_is_no_plain_file_is_no_backup(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(IndexDamaged, match="not a file"):
        restore.restore_backup(tmp_path / "pipe", tmp_path / "c", extra_files=EXTRA_FILES)


def test_a_backup_of_0_1_0_restores_to_the_same_digest(tmp_path):
    restore.restore_backup(FIXTURES / "backup-0.1.0.rdb", tmp_path / "c", extra_files=EXTRA_FILES)
    assert verify.verify_collection(tmp_path / "c", extra_files=EXTRA_FILES) == []
    shutil.copytree(FIXTURES / "format-2", tmp_path / "before")
    with Index.open(tmp_path / "c") as index, Index.open(tmp_path / "before") as before:
        assert index.digest_content() == before.digest_content()


def test_changes_at_random_are_refused_or_harmless(made, tmp_path):
    """``python -m tests.resilience.forged_backups`` makes ten thousand, in a jail."""
    taken = 0
    (tmp_path / "home").mkdir()
    for seed in range(40):
        _, body = forgery.forge(made[1], seed)
        (tmp_path / "forged.rdb").write_bytes(body)
        try:
            restore.restore_backup(
                tmp_path / "forged.rdb", tmp_path / "home" / "c", extra_files=EXTRA_FILES
            )
        except IndexDamaged:
            assert not list((tmp_path / "home").iterdir())
        else:
            taken += 1
            with Index.open(tmp_path / "home" / "c") as index:
                assert index.digest_content()
            shutil.rmtree(tmp_path / "home" / "c")
    assert taken < 20
