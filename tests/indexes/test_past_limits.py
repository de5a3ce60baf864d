"""Who might see a text last, remembered when generations and their logs are gone."""

from pathlib import Path

import pytest
from fakes import document, publish

from indexes import backup, generations, upkeep
from indexes.index import Index

STAFF, LEGAL = frozenset({"staff"}), frozenset({"legal"})


def identity(collection: Path, uri: str) -> str:
    with Index.open(collection) as index:
        return index.documents.find(uri).id


def seen_by(collection: Path) -> dict[str, frozenset[str]]:
    with Index.open(collection) as index:
        return {one.uri: one.groups for one in index.records()}


def limit(collection: Path, uri: str, groups: frozenset[str] = STAFF) -> None:
    publish(collection, groups={identity(collection, uri): groups})


def remove(collection: Path, uri: str) -> None:
    publish(collection, removed=[identity(collection, uri)])


def clear(collection: Path) -> None:
    """Publish something else, and let go of all that is older, with its logs."""
    publish(collection, document("other.md", f"other {generations.numbers(collection)[-1]}"))
    upkeep.gc(collection, keep=1)
    assert len(generations.numbers(collection)) == 1


@pytest.fixture
def collection(tmp_path):
    """A text for everybody, in a backup, and staff's alone since."""
    collection = tmp_path / "c"
    publish(collection, document("a.md", "canary one"), document("b.md", "b"))
    backup.write(collection, tmp_path / "open.rdb")
    limit(collection, "a.md")
    return collection


@pytest.mark.parametrize("end", ["replaced", "removed"])
def test_a_backup_from_before_opens_no_text_that_was_limited_since(collection, tmp_path, end):
    if end == "replaced":
        publish(collection, document("a.md", "another text"))
    else:
        remove(collection, "a.md")
    clear(collection)
    backup.restore(tmp_path / "open.rdb", collection)
    assert seen_by(collection) == {"a.md": STAFF, "b.md": frozenset()}
    assert upkeep.verify(collection) == []
