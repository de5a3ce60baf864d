"""Who may see what, when a damaged generation is passed over."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from fakes import HashEmbedder, document, publish
from sqlite_vectors import SqliteVectorStore

from indexes.chunk import SearchFilter
from indexes.errors import IndexDamaged
from indexes.index import Index
from indexes.options import IndexesOptions
from indexes.store import access_log, generations, manifest
from indexes.text.tokens import tokenize_text
from indexes.upkeep import backup, garbage, restore, rollback
from indexes.vectors.faiss_store import FaissStore

STAFF = frozenset({"staff"})
ANYBODY, MEMBER = SearchFilter(groups=frozenset()), SearchFilter(groups=STAFF)


def table(collection: Path, number: int) -> Path:
    return collection / "generations" / str(number) / "documents.sqlite"


def spoil(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def spoil_segment(collection: Path, number: int) -> None:
    brought = manifest.read_manifest(collection / "generations" / str(number)).facts["segments"][-1]
    spoil(collection / "segments" / brought / "shelf.sqlite")


def visible(index: Index, where: SearchFilter) -> set[str]:
    """Name what an asker can find by words, by vector, and be listed as open to."""
    mask = index.make_mask(where)
    rows = [
        *index.search_lexical(tokenize_text("canary"), k=9, mask=mask).rows,
        *index.search_dense(HashEmbedder().embed_query("canary"), k=9, mask=mask).rows,
    ]
    found = {chunk.uri for chunk in index.read_chunks(np.array(rows, np.int64))}
    groups = where.groups
    listed = {
        d.uri for d in index.iter_documents() if groups is None or not d.groups or d.groups & groups
    }
    assert found == listed
    return listed


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Four documents for everybody; the second publish shuts one in, replaces one and drops one."""
    collection = tmp_path_factory.mktemp("access") / "c"
    names = ("open.md", "shut.md", "replaced.md", "dropped.md")
    publish(collection, *(document(name, f"canary of {name}") for name in names))
    with Index.open(collection) as index:
        identity = {d.uri: d.id for d in index.iter_documents()}
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
        assert visible(index, SearchFilter()) == {"open.md", "shut.md", "replaced.md"}
        assert index.documents.find_by_uri("dropped.md") is None
        assert index.read_record("replaced.md").groups == STAFF
        assert index.total == 3
        assert index.refused
        assert not index.access.unknown_reason


@pytest.mark.parametrize("harm", [Path.unlink, spoil])
def test_where_nobody_knows_only_administrators_are_let_in(collection, harm):
    spoil(table(collection, 3))
    spoil(table(collection, 2))
    harm(collection / "access" / "2.json")
    with Index.open(collection) as index:
        assert index.generation == 1
        assert visible(index, ANYBODY) == visible(index, MEMBER) == set()
        assert len(visible(index, SearchFilter())) == 4
        assert "administrators" in index.refused[-1]
        store = SqliteVectorStore(IndexesOptions(uri=str(collection / "copy.db")))
        with Index.open_generation(collection, 1) as whole:
            store.publish_vectors(whole.generation_vectors())
            assert whole.use_vector_store(store)
        assert not index.use_vector_store(store)  # a copy knows the groups of its day
        assert index.use_vector_store(FaissStore(IndexesOptions()))


def test_a_home_without_logs_is_told_by_a_table_that_is_whole(collection):
    shutil.rmtree(collection / "access")
    spoil_segment(collection, 3)
    spoil_segment(collection, 2)
    with Index.open(collection) as index:
        assert visible(index, ANYBODY) == {"open.md"}
        assert not index.access.unknown_reason


def test_without_a_current_the_newest_that_is_known_of_has_the_last_word(collection):
    shutil.rmtree(collection / "generations" / "3")
    shutil.rmtree(collection / "generations" / "2")
    (collection / "CURRENT").unlink()
    with Index.open(collection) as index:
        assert visible(index, ANYBODY) == {"open.md"}


def test_going_back_opens_nothing_that_a_damaged_generation_had_shut(collection):
    spoil(table(collection, 2))
    spoil(table(collection, 3))
    newest = max(generations.list_generations(collection))
    number = rollback.roll_back(collection, 1)
    assert number > newest
    assert rollback.find_rolled_back(collection, 1, newest) == number  # not 1, with its groups
    with Index.open(collection) as index:
        assert index.refused == ()
        assert {d.uri for d in index.iter_documents() if d.groups} == {"shut.md", "replaced.md"}


def test_going_back_is_refused_where_nobody_knows_unless_that_is_said(collection):
    spoil(table(collection, 2))
    (collection / "access" / "2.json").unlink()
    with pytest.raises(IndexDamaged, match="--old-groups"):
        rollback.roll_back(collection, 1)
    rollback.roll_back(collection, 1, old_groups=True)


def test_a_restore_is_noted_like_any_publish(collection, tmp_path):
    rollback.roll_back(collection, 1)
    backup.write_backup(collection, tmp_path / "b.rdb")
    shutil.rmtree(collection)
    publish(collection, document("open.md", "canary of open"), document("own.md", "canary"))
    number = restore.restore_backup(tmp_path / "b.rdb", collection)
    assert access_log.read_access_log(collection, number) == (
        1,
        access_log.AccessChanges(
            removed={("src", "own.md")}, limits={("src", "open.md"): frozenset()}
        ),
    )


@pytest.fixture
def secret(tmp_path):
    """A text of staff's; taken out, and its name given to another text that is open to some."""
    collection = tmp_path / "s"
    publish(collection, document("a.md", "canary of staff", groups=STAFF), document("b.md", "b"))
    backup.write_backup(collection, tmp_path / "old.rdb")
    with Index.open(collection) as index:
        identity = index.documents.find_by_uri("a.md").id
    publish(collection, removed=[identity])
    publish(collection, document("a.md", "canary of some", groups=frozenset({"some"})))
    return collection


@pytest.mark.parametrize("way", ["rollback", "restore", "fallback", "fallback by the logs"])
def test_an_older_text_is_not_for_those_who_may_see_another_of_its_name(secret, tmp_path, way):
    if way == "rollback":
        rollback.roll_back(secret, 1)
    elif way == "restore":
        restore.restore_backup(tmp_path / "old.rdb", secret)
    else:
        for number in (2, 3):
            spoil(secret / "generations" / str(number) / "tombstones.json")
        if way == "fallback by the logs":
            spoil(table(secret, 2))
            spoil(table(secret, 3))
    some = SearchFilter(groups=frozenset({"some"}))
    with Index.open(secret) as index:
        assert "a.md" not in visible(index, some)
        assert "a.md" not in visible(index, MEMBER)
    if way == "rollback":  # what nobody may see is kept, too
        backup.write_backup(secret, tmp_path / "of-nobody.rdb")
        restore.restore_backup(tmp_path / "of-nobody.rdb", tmp_path / "other")
        with Index.open(tmp_path / "other") as index:
            assert "a.md" not in visible(index, some)
            assert "a.md" in visible(index, SearchFilter())


def test_a_text_that_was_shut_in_before_it_was_replaced_stays_so(tmp_path):
    collection = tmp_path / "c"
    publish(collection, document("a.md", "canary one"))
    publish(collection, document("a.md", "canary one", groups=STAFF))
    publish(collection, document("a.md", "canary two"))
    spoil_segment(collection, 3)
    with Index.open(collection) as index:
        assert index.generation == 2
        assert visible(index, ANYBODY) == set()
    rollback.roll_back(collection, 1)
    with Index.open(collection) as index:
        assert index.read_text("a.md") == "canary one"
        assert visible(index, ANYBODY) == set()
        assert visible(index, MEMBER) == {"a.md"}


def test_what_steps_say_one_after_the_other_holds_for_the_oldest_text():
    place = ("src", "a.md")
    staff, some, others = STAFF, frozenset({"some"}), frozenset({"others"})
    shut = access_log.AccessChanges(groups={place: staff})
    new_text = access_log.AccessChanges(limits={place: some})
    opened = access_log.AccessChanges(groups={place: others})
    both = shut.merge_later(new_text).merge_later(opened)
    assert both == access_log.AccessChanges(groups={place: staff}, limits={place: others})
    assert shut.merge_later(new_text.merge_later(opened)) == both


def test_logs_are_small_and_go_with_what_they_could_be_needed_for(collection):
    assert access_log.list_access_logs(collection) == [2, 3]
    assert all(f.stat().st_size < 500 for f in (collection / "access").iterdir())
    garbage.collect_garbage(collection, keep=1)
    assert generations.list_generations(collection) == [3]
    assert access_log.list_access_logs(collection) == []


def shut_then_replaced(collection: Path) -> Path:
    """Publish a text for everybody, shut it in beside another document, and replace it, open."""
    publish(collection, document("a.md", "canary one"))
    with Index.open(collection) as index:
        identity = index.documents.find_by_uri("a.md").id
    publish(collection, document("b.md", "canary b"), groups={identity: STAFF})
    publish(collection, document("a.md", "canary two"))
    return collection


@pytest.mark.parametrize("way", ["fallback", "fallback without a log", "rollback"])
def test_a_text_shut_in_between_stays_so_where_its_name_is_open_now(tmp_path, way):
    collection = shut_then_replaced(tmp_path / "c")
    spoil_segment(collection, 2)  # the third generation holds it too
    if way == "rollback":
        spoil(table(collection, 2))
        rollback.roll_back(collection, 1)
    elif way == "fallback without a log":
        (collection / "access" / "3.json").unlink()
    with Index.open(collection) as index:
        assert index.read_text("a.md") == "canary one"
        assert visible(index, ANYBODY) == set()
        if way != "fallback without a log":
            assert "a.md" in visible(index, MEMBER)


@pytest.mark.parametrize("lost", ["nothing", "log"])
def test_going_back_asks_generations_that_were_cleared(tmp_path, lost):
    collection = tmp_path / "c"
    publish(collection, document("a.md", "canary one"), document("b.md", "canary b"))
    with Index.open(collection) as index:  # a reader, so that it outlives the next one
        identity = index.documents.find_by_uri("a.md").id
        publish(collection, groups={identity: STAFF})
        publish(collection, removed=[identity])
        publish(collection, document("c.md", "canary c"))
        garbage.collect_garbage(collection, keep=1)
        assert generations.list_generations(collection) == [1, 4]
        if lost == "log":
            (collection / "access" / "2.json").unlink()
            with pytest.raises(IndexDamaged, match="--old-groups"):
                rollback.roll_back(collection, 1)
            rollback.roll_back(collection, 1, old_groups=True)
            return
        rollback.roll_back(collection, 1)
    with Index.open(collection) as index:
        assert visible(index, ANYBODY) == {"b.md"}
        assert visible(index, MEMBER) == {"a.md", "b.md"}


def test_a_restore_asks_every_generation_that_stands(tmp_path):
    collection = tmp_path / "c"
    publish(collection, document("a.md", "canary one"))
    backup.write_backup(collection, tmp_path / "b.rdb")
    shut_then_replaced(collection)
    spoil(table(collection, 3))
    (collection / "access" / "3.json").unlink()
    with pytest.raises(IndexDamaged, match="--old-groups"):
        restore.restore_backup(tmp_path / "b.rdb", collection)
