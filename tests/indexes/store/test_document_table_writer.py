"""A document table in two files answers as one flat table would, and a publish writes what changed."""

import errno
import os
import shutil
from contextlib import closing

import pytest
from fakes import HashEmbedder, document, publish
from hypothesis import given, settings
from hypothesis import strategies as st

from indexes.build import Build
from indexes.chunk import SearchFilter, Validity
from indexes.errors import IndexDamaged
from indexes.index import Index
from indexes.store import document_table, document_table_writer, generations, manifest
from indexes.store.document_table import DocumentTable, ListedDocument
from indexes.upkeep import backup, garbage, restore, rollback, verify
from tests.resilience.power_cuts import cuts

URIS = ("a", "a/%", "a/_", "A/b", "退款/一", "退款/二", "a/*", "z" * 40)
MOMENTS = ("", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z")


@pytest.fixture
def layered(monkeypatch):
    """Small tables are shared too, as large ones are."""
    monkeypatch.setattr(document_table_writer, "SMALL_TABLE", 0)


@st.composite
def listings(draw):
    number = draw(st.integers(0, 11))
    return ListedDocument(
        id=f"id{number}",
        uri=f"{draw(st.sampled_from(URIS))}{number % 4}",
        source=draw(st.sampled_from(("api", "/kb"))),
        title="t",
        media_type=draw(st.sampled_from(("text/plain", "text/html"))),
        language=draw(st.sampled_from(("en", "zh"))),
        digest=draw(st.sampled_from("abcd")),
        groups=frozenset(draw(st.sets(st.sampled_from(("x", "y"))))),
        segment=draw(st.sampled_from(("s1", "s2"))),
        first=number,
        count=1,
        validity=Validity(
            starts=draw(st.sampled_from(MOMENTS)), ends=draw(st.sampled_from(MOMENTS))
        ),
    )


def told(table):
    """Everything that a table says, in the order in which it says it where that is promised."""
    return {
        "iter_all": list(table.iter_all()),
        "named": [table.list_by_uri(f"{uri}{n}") for uri in URIS for n in range(4)],
        "at": [table.find_in_source("api", f"{uri}{n}") for uri in URIS for n in range(4)],
        "by_id": [table.find_by_id(f"id{n}") for n in range(12)],
        "counts": table.count_by_segment(),
        "within": list(table.iter_in_segments(["s2", "s1"])),
        "outside": [sorted(table.list_invalid_ranges(moment)) for moment in MOMENTS],
        "turns": [table.find_next_change(moment) for moment in MOMENTS],
        "where": [
            sorted(table.filter_ranges(asked))
            for asked in (
                SearchFilter(),
                SearchFilter(groups=frozenset()),
                SearchFilter(groups=frozenset({"x"}), paths=("a/",)),
                SearchFilter(paths=("退款", "z"), languages=frozenset({"zh"})),
                SearchFilter(uris=frozenset({"a1", "A/b2"}), media_types=frozenset({"text/html"})),
            )
        ],
    }


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_history_of_changes_reads_like_a_flat_table(data, tmp_path_factory):
    """Whole tables and shared ones take turns: a small one is shared until twelve rows differ."""
    place, known, base, tables = tmp_path_factory.mktemp("delta"), {}, None, []
    before, document_table_writer.SMALL_TABLE = document_table_writer.SMALL_TABLE, 0
    try:
        for step in range(data.draw(st.integers(2, 6))):
            folder = place / str(step)
            folder.mkdir()
            gone = data.draw(st.sets(st.sampled_from(sorted(known) or ["none"]), max_size=3))
            drawn = data.draw(st.lists(listings(), max_size=4, unique_by=lambda one: one.id))
            for identity in gone:
                known.pop(identity, None)
            listed = []
            for one in drawn:
                others = [d for d in known.values() if d.id != one.id]
                if (one.uri, one.source) not in {(d.uri, d.source) for d in others}:
                    known[one.id] = one
                    listed.append(one)
            shared = document_table_writer.write_document_table(
                folder, listed, base=base, gone=gone
            )
            manifest.seal_folder(folder, {}, known=shared)
            base = folder / document_table.TABLE_FILE
            tables.append(base)
            assert bool(shared) == (not base.exists())
            flat = place / f"flat{step}"
            flat.mkdir()
            document_table_writer.write_document_table(flat, list(known.values()))
            with (
                closing(DocumentTable(base)) as one,
                closing(DocumentTable(flat / document_table.TABLE_FILE)) as two,
            ):
                assert told(one) == told(two)
        held = [closing(DocumentTable(table)) for table in tables]
        expected = set()
        for one in held:
            with one as table:
                expected |= {listed.digest for listed in table.iter_all()}
        assert document_table.collect_digests(tables) == expected
    finally:
        document_table_writer.SMALL_TABLE = before


def listing(uri, identity, source="src"):
    facts = {"title": "", "media_type": "", "language": "", "digest": identity}
    return ListedDocument(
        id=identity,
        uri=uri,
        source=source,
        segment="s",
        first=0,
        count=0,
        groups=frozenset(),
        **facts,
    )


def made(folder, listed, base=None, gone=()):
    folder.mkdir()
    known = document_table_writer.write_document_table(
        folder, listed, base=base and base / document_table.TABLE_FILE, gone=gone
    )
    manifest.seal_folder(folder, {}, known=known)
    return folder


@pytest.mark.usefixtures("layered")
def test_two_documents_of_one_name_are_refused_wherever_the_other_stands(tmp_path):
    old = made(tmp_path / "1", [listing("a", "1"), listing("b", "2")])
    for twice in ([listing("a", "3")], [listing("c", "3"), listing("c", "4")]):
        with pytest.raises(ValueError, match="one name or id"):
            made(tmp_path / twice[0].uri, twice, old)
    new = made(tmp_path / "2", [listing("a", "3")], old, gone=["1"])
    assert not (new / document_table.TABLE_FILE).exists()
    with closing(DocumentTable(new / document_table.TABLE_FILE)) as table:
        assert [one.id for one in table.iter_all()] == ["3", "2"]


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A collection whose table is above the size from which it is shared."""
    collection = tmp_path_factory.mktemp("large") / "c"
    many = [document(f"folder/{'x' * 300}/{n}.md", "one word") for n in range(500)]
    publish(collection, *many)
    publish(collection, document("state.md", "state 2"), document("2.md", "x y"))
    publish(collection, document("state.md", "state 3"))
    return collection


@pytest.fixture
def collection(large, tmp_path):
    """A copy that keeps its links."""
    target = tmp_path / "c"
    shutil.copytree(large, target)
    base = folder(target, 1) / document_table.TABLE_FILE
    for number in (2, 3):
        (folder(target, number) / document_table.BASE_FILE).unlink()
        os.link(base, folder(target, number) / document_table.BASE_FILE)
    return target


def folder(collection, number):
    return collection / "generations" / str(number)


def own_bytes(place):
    """The bytes of a folder that no other one shares."""
    return sum(f.stat().st_size for f in place.iterdir() if f.stat().st_nlink == 1)


def test_a_publish_writes_what_changed_and_not_the_whole_table(large):
    table = folder(large, 1) / document_table.TABLE_FILE
    assert table.stat().st_size > document_table_writer.SMALL_TABLE
    for number in (2, 3):
        assert own_bytes(folder(large, number)) < table.stat().st_size / 4
    assert generations.list_generations(large) == [1, 2, 3]
    with Index.open(large) as index:
        assert index.read_text("state.md") == "state 3"
        assert index.sums["documents"] == len(list(index.iter_documents())) == 502


def test_only_a_generation_with_changes_needs_a_new_reader(large):
    forms = [manifest.read_manifest(folder(large, number)) for number in (1, 2)]
    assert [document_table.BASE_FILE in one.files for one in forms] == [False, True]
    texts = [(folder(large, n) / manifest.MANIFEST_FILE).read_text() for n in (1, 2)]
    assert ['"min_reader": 2' in one for one in texts] == [True, False]
    for segment in (large / "segments").iterdir():
        assert '"min_reader": 2' in (segment / manifest.MANIFEST_FILE).read_text()


def test_what_was_verified_is_not_read_again_when_it_is_shared(collection, monkeypatch):
    read, real = [], manifest._sha256
    monkeypatch.setattr(manifest, "_sha256", lambda file: read.append(file.name) or real(file))
    for number in (4, 5):
        publish(collection, document("state.md", f"state {number}"))
    assert read.count(document_table.BASE_FILE) == 1


def test_a_file_system_without_links_gets_a_copy(collection, monkeypatch):
    def link(*_):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", link)
    publish(collection, document("state.md", "state 4"))
    base = folder(collection, 4) / document_table.BASE_FILE
    assert base.stat().st_nlink == 1
    assert verify.verify_collection(collection) == []


def test_many_changes_make_a_whole_table_again(large, tmp_path):
    collection = shutil.copytree(large, tmp_path / "c")
    publish(collection, *(document(f"more/{n}.md", "two words") for n in range(100)))
    assert (folder(collection, 4) / document_table.TABLE_FILE).exists()
    with Index.open(collection) as index:
        assert len(list(index.iter_documents())) == 602


def test_a_damaged_shared_table_is_named_in_each_generation_that_has_it(collection):
    base = folder(collection, 3) / document_table.BASE_FILE
    with base.open("r+b") as file:
        file.seek(9_000)
        file.write(b"\xff")
    with pytest.raises(IndexDamaged):
        Index.open(collection)
    named = " ".join(verify.verify_collection(collection))
    for number, name in (
        (1, document_table.TABLE_FILE),
        (2, document_table.BASE_FILE),
        (3, document_table.BASE_FILE),
    ):
        assert str(folder(collection, number) / name) in named


def test_a_table_that_was_damaged_meanwhile_is_no_base(collection):
    with Build(collection, HashEmbedder()) as build:
        build.add(*document("new.md", "words"))
        with (folder(collection, 3) / document_table.BASE_FILE).open("r+b") as file:
            file.seek(9_000)
            file.write(b"\xff")
        with pytest.raises(IndexDamaged, match=r"base\.sqlite was changed"):
            build.publish()
    assert generations.list_generations(collection) == [1, 2, 3]


@pytest.mark.parametrize("name", [document_table.BASE_FILE, document_table.CHANGES_FILE])
def test_one_of_the_two_files_alone_is_no_table(collection, name):
    (folder(collection, 3) / name).unlink()
    with pytest.raises(IndexDamaged):
        DocumentTable(folder(collection, 3) / document_table.TABLE_FILE)
    with Index.open(collection) as index:
        assert index.generation == 2


def test_a_backup_a_way_back_and_a_merge_keep_all(collection, tmp_path):
    with Index.open(collection) as index:
        before = index.digest_content()
    backup.write_backup(collection, tmp_path / "kb.rdb")
    assert restore.restore_backup(tmp_path / "kb.rdb", tmp_path / "again") == 1
    assert verify.verify_collection(tmp_path / "again") == []
    with Index.open(tmp_path / "again") as index:
        assert index.digest_content() == before

    publish(collection, document("state.md", "state 4", groups=frozenset({"staff"})))
    number = rollback.roll_back(collection, 3)
    with Index.open(collection) as index:
        assert index.generation == number == 5
        assert index.read_text("state.md") == "state 3"
        assert {one.uri: one.groups for one in index.iter_documents() if one.groups} == {
            "state.md": frozenset({"staff"})
        }
    assert publish(collection, merge="all").changed
    garbage.collect_garbage(collection, keep=1)
    assert generations.list_generations(collection) == [6]
    assert verify.verify_collection(collection) == []
    with Index.open(collection) as index:
        assert len(index.segments) == 1
        assert index.read_text("state.md") == "state 3"


@pytest.mark.usefixtures("layered")
def test_the_power_may_be_cut_after_any_step_of_a_publish_that_shares(tmp_path):
    moments, broken = cuts(tmp_path, publishes=2)
    assert list(tmp_path.rglob(document_table.CHANGES_FILE))
    assert broken == []
    assert moments >= 80
