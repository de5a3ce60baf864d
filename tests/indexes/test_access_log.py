"""Who may see what, when a damaged generation is passed over."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from fakes import HashEmbedder, document, publish

from indexes import access_log, backup, generations, manifest, upkeep
from indexes.chunk import Filter
from indexes.errors import IndexDamaged
from indexes.index import Index
from indexes.text import tokens

STAFF = frozenset({"staff"})
ANYBODY, MEMBER = Filter(groups=frozenset()), Filter(groups=STAFF)


def table(collection: Path, number: int) -> Path:
    return collection / "generations" / str(number) / "documents.sqlite"


def spoil(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def spoil_segment(collection: Path, number: int) -> None:
    brought = manifest.read(collection / "generations" / str(number)).facts["segments"][-1]
    spoil(collection / "segments" / brought / "shelf.sqlite")


def visible(index: Index, where: Filter) -> set[str]:
    """Name what an asker can find by words, by vector, and be listed as open to."""
    mask = index.mask(where)
    rows = [
        *index.lexical(tokens("canary"), k=9, mask=mask).rows,
        *index.dense(HashEmbedder().query("canary"), k=9, mask=mask).rows,
    ]
    found = {chunk.uri for chunk in index.chunks(np.array(rows, np.int64))}
    groups = where.groups
    listed = {d.uri for d in index.records() if groups is None or not d.groups or d.groups & groups}
    assert found == listed
    return listed


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Four documents for everybody; the second publish shuts one in, replaces one and drops one."""
    collection = tmp_path_factory.mktemp("access") / "c"
    names = ("open.md", "shut.md", "replaced.md", "dropped.md")
    publish(collection, *(document(name, f"canary of {name}") for name in names))
    with Index.open(collection) as index:
        identity = {d.uri: d.id for d in index.records()}
    publish(
        collection,
        document("replaced.md", "canary, second version", groups=STAFF),
        document("new.md", "canary of new"),
        removed=[identity["dropped.md"]],
        groups={identity["shut.md"]: STAFF},
    )
    publish(collection, document("later.md", "canary of later"))
    return collection


@pytest.fixture
def collection(made, tmp_path):
    return shutil.copytree(made, tmp_path / "c")


@pytest.mark.parametrize("damage", [spoil_segment, lambda c, n: spoil(table(c, n))])
def test_a_fallback_lets_see_what_is_to_be_seen_now(collection, damage):
    damage(collection, 3)
    damage(collection, 2)
    with Index.open(collection) as index:
        assert index.generation == 1
        assert visible(index, ANYBODY) == {"open.md"}
        assert visible(index, MEMBER) == {"open.md", "shut.md", "replaced.md"}
        assert visible(index, Filter()) == {"open.md", "shut.md", "replaced.md"}
        assert index.documents.find("dropped.md") is None
        assert index.record("replaced.md").groups == STAFF
        assert index.total == 3
        assert index.refused
        assert not index.access.closed


@pytest.mark.parametrize("harm", [Path.unlink, spoil])
def test_where_nobody_knows_only_administrators_are_let_in(collection, harm):
    spoil(table(collection, 3))
    spoil(table(collection, 2))
    harm(collection / "access" / "2.json")
    with Index.open(collection) as index:
        assert index.generation == 1
        assert visible(index, ANYBODY) == visible(index, MEMBER) == set()
        assert len(visible(index, Filter())) == 4
        assert "administrators" in index.refused[-1]
        assert not index.join(None, "c")  # a replica knows the groups of its day


def test_a_home_without_logs_is_told_by_a_table_that_is_whole(collection):
    shutil.rmtree(collection / "access")
    spoil_segment(collection, 3)
    spoil_segment(collection, 2)
    with Index.open(collection) as index:
        assert visible(index, ANYBODY) == {"open.md"}
        assert not index.access.closed


def test_without_a_current_the_newest_that_is_known_of_has_the_last_word(collection):
    shutil.rmtree(collection / "generations" / "3")
    shutil.rmtree(collection / "generations" / "2")
    (collection / "CURRENT").unlink()
    with Index.open(collection) as index:
        assert visible(index, ANYBODY) == {"open.md"}


def test_going_back_opens_nothing_that_a_damaged_generation_had_shut(collection):
    spoil(table(collection, 2))
    spoil(table(collection, 3))
    upkeep.rollback(collection, 1)
    with Index.open(collection) as index:
        assert index.refused == ()
        assert {d.uri for d in index.records() if d.groups} == {"shut.md", "replaced.md"}


def test_going_back_is_refused_where_nobody_knows_unless_that_is_said(collection):
    spoil(table(collection, 2))
    (collection / "access" / "2.json").unlink()
    with pytest.raises(IndexDamaged, match="--old-groups"):
        upkeep.rollback(collection, 1)
    upkeep.rollback(collection, 1, old_groups=True)


def test_a_restore_is_noted_like_any_publish(collection, tmp_path):
    upkeep.rollback(collection, 1)
    backup.write(collection, tmp_path / "b.rdb")
    shutil.rmtree(collection)
    publish(collection, document("open.md", "canary of open"), document("own.md", "canary"))
    number = backup.restore(tmp_path / "b.rdb", collection)
    assert access_log.read(collection, number) == (
        1,
        access_log.Access(removed={("src", "own.md")}),
    )


def test_logs_are_small_and_go_with_what_they_could_be_needed_for(collection):
    assert access_log.numbers(collection) == [2, 3]
    assert all(f.stat().st_size < 500 for f in (collection / "access").iterdir())
    upkeep.gc(collection, keep=1)
    assert generations.numbers(collection) == [3]
    assert access_log.numbers(collection) == []
