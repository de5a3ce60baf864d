"""Compare two generations of a collection: which documents came, went or changed.

A document is the same where source and uri are; what it says is told by the digest of its source
bytes, and by its id, which another reading of the same bytes changes.
"""

from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from indexes.errors import IndexDamaged, IndexNotFound
from indexes.store import generations, locks
from indexes.store.document_table import DocumentTable, ListedDocument

ChangeKind = Literal["added", "removed", "changed", "regrouped"]
CHANGE_KINDS: tuple[ChangeKind, ...] = ("added", "removed", "changed", "regrouped")


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentChange:
    """A document that differs between two generations.

    kind: regrouped: the same words, for other groups. title: in the newer one, where it is there.
    """

    kind: ChangeKind
    uri: str
    source: str
    title: str


def compare_generations(collection: Path, older: int, newer: int) -> list[DocumentChange]:
    """List the documents that differ between two generations, by uri.

    Raises IndexNotFound for one that is not kept, IndexDamaged for one whose table is not whole.
    """
    with ExitStack() as holds:
        before = _read_documents(collection, older, holds)
        after = _read_documents(collection, newer, holds)
    changes = []
    for place in before.keys() | after.keys():
        kind = _find_kind(before.get(place), after.get(place))
        if kind is not None:
            document = after.get(place) or before[place]
            source, uri = place
            changes.append(DocumentChange(kind=kind, uri=uri, source=source, title=document.title))
    return sorted(changes, key=lambda change: (change.uri, change.source))


def _find_kind(old: ListedDocument | None, new: ListedDocument | None) -> ChangeKind | None:
    if old is None:
        return "added"
    if new is None:
        return "removed"
    if (old.digest, old.id) != (new.digest, new.id):
        return "changed"
    return "regrouped" if old.groups != new.groups else None


def _read_documents(
    collection: Path, number: int, holds: ExitStack
) -> dict[tuple[str, str], ListedDocument]:
    """Read a generation's document table, which is kept from being cleared until the end."""
    if number not in generations.list_generations(collection):
        raise IndexNotFound(f"{collection} has no generation {number}.")
    try:
        holds.enter_context(
            locks.hold_generation(generations.generation_folder(collection, number))
        )
    except FileNotFoundError as error:
        raise IndexNotFound(f"{collection} has no generation {number}.") from error
    table = generations.find_whole_table(collection, number)
    if table is None:
        raise IndexDamaged(f"The document table of generation {number} cannot be read whole.")
    with closing(DocumentTable(table)) as documents:
        return {document.place: document for document in documents.iter_all()}
