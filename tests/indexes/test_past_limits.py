"""Who might see a text last, remembered when generations and their logs are gone."""

import errno
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakes import HashEmbedder, document, publish

from indexes.build import Build
from indexes.chunk import SearchFilter
from indexes.errors import BaseDamaged, IndexDamaged
from indexes.index import Index
from indexes.store import failpoints, generations, manifest, past_limits
from indexes.upkeep import backup, garbage, restore, rollback, verify

STAFF, LEGAL = frozenset({"staff"}), frozenset({"legal"})


def identity(collection: Path, uri: str) -> str:
    with Index.open(collection) as index:
        return index.documents.find_by_uri(uri).id


def seen_by(collection: Path) -> dict[str, frozenset[str]]:
    with Index.open(collection) as index:
        return {one.uri: one.groups for one in index.iter_documents()}


def limit(collection: Path, uri: str, groups: frozenset[str] = STAFF) -> None:
    publish(collection, groups={identity(collection, uri): groups})


def remove(collection: Path, uri: str) -> None:
    publish(collection, removed=[identity(collection, uri)])


def clear(collection: Path) -> None:
    """Publish something else, and let go of all that is older, with its logs."""
    publish(
        collection, document("other.md", f"other {generations.list_generations(collection)[-1]}")
    )
    garbage.collect_garbage(collection, keep=1)
    assert len(generations.list_generations(collection)) == 1


@pytest.fixture
def collection(tmp_path):
    """A text for everybody, in a backup, and staff's alone since."""
    collection = tmp_path / "c"
    publish(collection, document("a.md", "canary one"), document("b.md", "b"))
    backup.write_backup(collection, tmp_path / "open.rdb")
    limit(collection, "a.md")
    return collection


@pytest.mark.parametrize("end", ["replaced", "removed"])
def test_a_backup_from_before_opens_no_text_that_was_limited_since(collection, tmp_path, end):
    if end == "replaced":
        publish(collection, document("a.md", "another text"))
    else:
        remove(collection, "a.md")
    clear(collection)
    restore.restore_backup(tmp_path / "open.rdb", collection)
    assert seen_by(collection) == {"a.md": STAFF, "b.md": frozenset()}
    assert verify.verify_collection(collection) == []


def test_the_text_is_known_again_under_another_name_and_from_another_source(collection, tmp_path):
    publish(collection, document("moved.md", "canary one", groups=STAFF))
    remove(collection, "a.md")
    publish(collection, document("moved.md", "canary one", source="other", groups=STAFF))
    restore.restore_backup(tmp_path / "open.rdb", collection)
    assert seen_by(collection)["a.md"] == STAFF
    rollback.roll_back(collection, generations.list_generations(collection)[-2])
    with Index.open(collection) as index:
        moved = [one.id for one in index.iter_documents() if one.uri == "moved.md"]
    publish(collection, removed=moved)
    clear(collection)
    restore.restore_backup(tmp_path / "open.rdb", collection)
    assert seen_by(collection)["a.md"] == STAFF


def test_a_text_never_limited_is_for_those_who_saw_the_last_one_of_its_place(tmp_path):
    collection = tmp_path / "c"
    publish(collection, document("a.md", "first"), document("b.md", "b"))
    backup.write_backup(collection, tmp_path / "open.rdb")
    publish(collection, document("a.md", "second", groups=STAFF))
    remove(collection, "a.md")
    clear(collection)
    restore.restore_backup(tmp_path / "open.rdb", collection)
    assert seen_by(collection) == {"a.md": STAFF, "b.md": frozenset()}


@pytest.mark.parametrize("way", ["put", "regrouped"])
def test_who_opens_a_text_again_has_the_last_word(collection, tmp_path, way):
    if way == "put":
        remove(collection, "a.md")
        backup.write_backup(collection, tmp_path / "limited.rdb")
        publish(collection, document("a.md", "canary one"))
    else:
        limit(collection, "a.md", frozenset())
    remove(collection, "a.md")
    clear(collection)
    if way == "put":  # an older record does not close what was opened since
        restore.restore_backup(tmp_path / "limited.rdb", collection)
        remove(collection, "b.md")
        clear(collection)
    restore.restore_backup(tmp_path / "open.rdb", collection)
    assert seen_by(collection)["a.md"] == frozenset()


def test_the_same_text_elsewhere_closes_no_document_that_stands(collection, tmp_path):
    publish(collection, document("copy.md", "canary one"))
    backup.write_backup(collection, tmp_path / "two.rdb")
    remove(collection, "a.md")
    clear(collection)
    restore.restore_backup(tmp_path / "two.rdb", collection)
    assert seen_by(collection) == {"a.md": STAFF, "b.md": frozenset(), "copy.md": frozenset()}


def test_a_restore_or_a_rollback_that_lets_a_text_go_notes_it_too(collection, tmp_path):
    publish(collection, document("late.md", "late", groups=LEGAL))
    late = tmp_path / "late.rdb"
    rollback.roll_back(collection, 2)
    clear(collection)
    publish(tmp_path / "elsewhere", document("late.md", "late"), document("b.md", "b"))
    backup.write_backup(tmp_path / "elsewhere", late)
    restore.restore_backup(late, collection)
    assert seen_by(collection) == {"late.md": LEGAL, "b.md": frozenset()}
    clear(collection)
    restore.restore_backup(tmp_path / "open.rdb", collection)
    assert seen_by(collection)["a.md"] == STAFF


@pytest.mark.parametrize("damage", ["segments/*/shelf.sqlite", "generations/*/documents.sqlite"])
def test_what_is_let_go_of_is_noted(collection, tmp_path, damage):
    for file in collection.glob(damage):
        spoil(file)
    with Build(collection, HashEmbedder(), begin_anew=True) as build:
        build.add(*document("other.md", "other"))
        build.publish()
    garbage.collect_garbage(collection, keep=1)
    restore.restore_backup(tmp_path / "open.rdb", collection)
    assert seen_by(collection)["a.md"] == STAFF


def test_a_copy_and_a_backup_bring_it_with_them(collection, tmp_path):
    remove(collection, "a.md")
    clear(collection)
    backup.write_backup(collection, tmp_path / "late.rdb")
    restore.restore_backup(tmp_path / "late.rdb", tmp_path / "fresh")
    restore.restore_backup(tmp_path / "late.rdb", tmp_path / "fresh")
    shutil.copytree(collection, tmp_path / "copy")
    other = publish_into(tmp_path / "other")
    restore.restore_backup(tmp_path / "late.rdb", other)
    for home in (tmp_path / "fresh", tmp_path / "copy", other):
        restore.restore_backup(tmp_path / "open.rdb", home)
        assert seen_by(home)["a.md"] == STAFF, home
        assert verify.verify_collection(home) == []


def test_of_two_records_the_stricter_one_holds(collection, tmp_path):
    remove(collection, "a.md")
    backup.write_backup(collection, tmp_path / "late.rdb")
    other = publish_into(tmp_path / "other")
    publish(other, document("a.md", "canary one", groups=STAFF | LEGAL))
    remove(other, "a.md")
    restore.restore_backup(tmp_path / "late.rdb", other)
    restore.restore_backup(tmp_path / "open.rdb", other)
    assert seen_by(other)["a.md"] == STAFF


def publish_into(collection: Path) -> Path:
    publish(collection, document("own.md", "own words"))
    return collection


def spoil(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.fixture
def without_a(collection):
    """A collection that has let the limited text go, and remembers it."""
    remove(collection, "a.md")
    publish(collection, document("other.md", "other"))
    return collection


def older(file: Path) -> None:
    """Put the file in place that there was before the last time it was written."""
    limits = past_limits.read_limits(file.parent)
    past_limits.reset_limits(file.parent, least=limits.revision - 2)


@pytest.mark.parametrize("harm", [Path.unlink, spoil, older])
def test_without_it_what_goes_back_is_closed_until_somebody_says_otherwise(
    without_a, tmp_path, harm
):
    collection = without_a
    harm(collection / past_limits.LIMITS_FILE)
    with Index.open(collection) as index:  # it rests on nothing that is lost
        assert (index.generation, len(index.refused)) == (4, 1)
        assert "--old-groups" in index.refused[0]
        assert index.make_mask(SearchFilter(groups=frozenset())).count_chunks == 2
    with pytest.raises(IndexDamaged, match="--old-groups"):
        restore.restore_backup(tmp_path / "open.rdb", collection)
    with pytest.raises(IndexDamaged, match="--old-groups"):
        rollback.roll_back(collection, 1)
    with pytest.raises(BaseDamaged, match="--old-groups"):
        publish(collection, document("c.md", "c"))
    with pytest.raises(IndexDamaged, match="--old-groups"):
        backup.write_backup(collection, tmp_path / "more.rdb")
    assert len(verify.verify_collection(collection)) == 1
    spoil(collection / "generations" / "4" / "documents.sqlite")
    with Index.open(collection) as index:
        assert index.generation == 3
        assert index.access.unknown_reason
        assert index.make_mask(SearchFilter(groups=STAFF)).count_chunks == 0
    assert generations.read_current_number(collection) == 4

    rollback.roll_back(collection, 3, old_groups=True)

    with Index.open(collection) as index:
        assert index.refused == ()
    publish(collection, document("c.md", "c"))
    garbage.collect_garbage(collection, keep=1)
    assert verify.verify_collection(collection) == []


def test_what_the_machine_cannot_read_now_is_no_damage(without_a, tmp_path):
    file = without_a / past_limits.LIMITS_FILE
    before = file.read_bytes()
    with machine_fails(file):
        with pytest.raises(OSError, match="Too many open files"):
            restore.restore_backup(tmp_path / "open.rdb", without_a, old_groups=True)
        with pytest.raises(OSError, match="Too many open files"):
            publish(without_a, document("c.md", "c"))
    assert file.read_bytes() == before
    publish(without_a, document("c.md", "c"))


@contextmanager
def machine_fails(file: Path) -> Iterator[None]:
    """Let the system refuse to open one file, as if no handle were left."""
    open_ = os.open

    def failing(path, *given, **more):
        if str(path) == str(file):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), str(path))
        return open_(path, *given, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", failing)
        yield


def test_many_entries_lie_in_parts_of_which_a_publish_reads_few(tmp_path):
    collection = tmp_path / "c"
    names = [f"{number}.md" for number in range(700)]
    publish(collection, *(document(name, f"text {name}", groups=STAFF) for name in names))
    with Index.open(collection) as index:
        publish(
            collection, document("b.md", "b"), removed=[one.id for one in index.iter_documents()]
        )
    limits = past_limits.read_limits(collection)
    assert (len(limits.read_all_entries()), limits.inline, len(limits.parts)) == (1_400, {}, 254)
    opened = list[str]()
    sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
    publish(collection, document("c.md", "c"))
    assert sum(f"/{past_limits.LIMITS_FOLDER}/" in name for name in opened) <= 2
    assert past_limits.read_limits(collection) == limits
    publish(collection, document("7.md", "text 7.md"))
    assert past_limits.read_limits(collection).read_entries(
        [hashlib.sha256(b"text 7.md").hexdigest()]
    )
    backup.write_backup(collection, tmp_path / "many.rdb")
    restore.restore_backup(tmp_path / "many.rdb", tmp_path / "other")
    assert (
        past_limits.read_limits(tmp_path / "other").read_all_entries()
        == past_limits.read_limits(collection).read_all_entries()
    )
    garbage.collect_garbage(collection, keep=1)
    assert len(list((collection / past_limits.LIMITS_FOLDER).iterdir())) == 254
    part = next((collection / past_limits.LIMITS_FOLDER).iterdir())
    spoil(part)
    assert verify.verify_collection(collection) == [
        f"{part} was cut or changed. {past_limits._REMEDY}"
    ]


PLACES = ("limits.json written", "limits.json replaced", "generation named", "CURRENT replaced")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("act", ["remove", "open"])
def test_a_publish_that_is_killed_opens_nothing_and_closes_nothing(
    collection, tmp_path, place, act
):
    if act == "open":
        remove(collection, "a.md")
    child = os.fork()
    if child == 0:
        with failpoints.arm_failpoints(
            lambda name: os.kill(os.getpid(), 9) if name == place else None
        ):
            if act == "remove":
                remove(collection, "a.md")
            else:
                publish(collection, document("a.md", "canary one"))
        os._exit(0)
    assert os.waitpid(child, 0)[1] in {0, 9}
    clear(collection)
    before = seen_by(collection)
    restore.restore_backup(tmp_path / "open.rdb", collection)
    assert seen_by(collection)["a.md"] == before.get("a.md", STAFF)
    assert verify.verify_collection(collection) == []


def test_a_home_of_a_version_that_noted_nothing_is_taken_over(collection, tmp_path):
    publish(collection, document("a.md", "another text"), document("c.md", "c", groups=LEGAL))
    publish(collection, document("c.md", "c"), document("d.md", "d", groups=LEGAL))
    remove(collection, "c.md")
    remove(collection, "d.md")
    before = closed(collection)
    assert set(before.values()) == {STAFF, LEGAL}
    as_of_old(collection)
    clear(collection)
    assert closed(collection) == before
    restore.restore_backup(tmp_path / "open.rdb", collection)
    assert seen_by(collection)["a.md"] == STAFF


def closed(collection: Path) -> dict[str, frozenset[str]]:
    return {
        key: groups
        for key, (groups, _) in past_limits.read_limits(collection).read_all_entries().items()
        if groups
    }


def as_of_old(collection: Path) -> None:
    """Make of a collection what a version would have left that noted no limits of past texts."""
    (collection / past_limits.LIMITS_FILE).unlink()
    for number in generations.list_generations(collection):
        folder = collection / "generations" / str(number)
        sealed = manifest.read_manifest(folder)
        facts = {name: fact for name, fact in sealed.facts.items() if name != generations.LIMITS}
        (folder / manifest.MANIFEST_FILE).unlink()
        checksum = manifest.seal_folder(folder, facts).checksum
    generations.set_current(collection, number, checksum)
