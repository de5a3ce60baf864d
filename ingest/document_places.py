"""Find the place of a document that is put or deleted: its source, what it lies in, what below it.

A uri below a mail's or a mailbox's, with a number, is that of a document in it. So nobody puts one
there by itself; and where documents stand already, no mail is put above them: it would take them
for its own. What is hidden from who asks is left alone: the new one stands in another source.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath

from indexes.store.document_table import DocumentTable, ListedDocument
from ingest import document_changes
from ingest.errors import MemberConflict, SourceConflict
from ingest.parse.parser_table import CONTAINER_TYPES

DEEPEST_MEMBER = 3  # containers around a document at most
SIBLING_MARK = "~"  # between a source and the number of a document that stands beside a hidden one
AdmissionRule = Callable[
    [Sequence[ListedDocument]], tuple[list[ListedDocument], frozenset[str] | None]
]
"""Takes all documents of a uri; returns those that a change is about, and its new groups.

It is called while the collection is locked, and may raise: then nothing is changed.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentPlace:
    """Where a document is put, or deleted.

    documents: the published one, and all that lies in it. groups: who may see it from now on; None
    keeps those of before. has_separate: see ``list_separate``.
    """

    source: str
    groups: frozenset[str] | None
    documents: tuple[ListedDocument, ...] = ()
    has_separate: bool = False


def place_document(
    table: DocumentTable | None,
    source: str,
    uri: str,
    groups: frozenset[str] | None,
    admit: AdmissionRule | None,
) -> DocumentPlace:
    """Find the place of one document in a source or beside it, among what is published.

    Raises SourceConflict where another source has a document of that name; MemberConflict where it
    lies in another one's file or would, or part of what lies in it is hidden; what ``admit``
    raises.
    """

    def admitted(documents: list[ListedDocument]) -> list[ListedDocument]:
        return admit(documents)[0] if admit and documents else documents

    namesakes = table.list_by_uri(uri) if table else []
    candidates, groups = admit(namesakes) if admit else (namesakes, groups)
    own_documents = [d for d in candidates if belongs_to_source(source, d.source)][:1]
    if candidates and not own_documents:
        raise make_source_conflict(candidates[0])
    if table is None:
        return DocumentPlace(source=source, groups=groups)
    holders = [] if own_documents else list_holders(table, source, uri)
    refuse_member(table, uri, own_documents, admitted(holders))
    if own_documents:
        members = list_members(table, own_documents[0])
        if len(admitted(members)) < len(members):
            raise MemberConflict(f"Not all that lies in {uri} is yours to change.")
        return DocumentPlace(
            source=own_documents[0].source,
            groups=groups,
            documents=(*own_documents, *members),
            has_separate=bool(list_separate(table, own_documents[0].source, uri)),
        )
    taken_names = {document.source for document in (*namesakes, *holders)}
    while True:
        name = _free_source_name(source, taken_names)
        separate = list_separate(table, name, uri)
        if len(admitted(separate)) == len(separate):
            return DocumentPlace(source=name, groups=groups, has_separate=bool(separate))
        taken_names.add(name)


def list_holders(table: DocumentTable, source: str, uri: str) -> list[ListedDocument]:
    """List the published containers, in a source or beside it, whose documents may have a uri."""
    holders = list[ListedDocument]()
    for _ in range(DEEPEST_MEMBER):
        uri = document_changes.find_place_above(uri)
        holders += (
            document
            for document in (table.list_by_uri(uri) if uri else ())
            if document.media_type in CONTAINER_TYPES and belongs_to_source(source, document.source)
        )
    return holders


def list_members(table: DocumentTable, document: ListedDocument) -> list[ListedDocument]:
    """List the published documents that lie in the file of another one, however deep."""
    if document.media_type not in CONTAINER_TYPES:
        return []
    below = table.list_below(document.source, document.uri)
    known = {member.uri: member for member in (document, *below)}
    return document_changes.group_members(known, [document.uri]).get(document.uri, [])


def list_separate(table: DocumentTable, source: str, uri: str) -> list[ListedDocument]:
    """List the documents of a source that a container of a uri would take for its own.

    They were put by themselves; none where a container of that uri is published there.
    """
    document = table.find_in_source(source, uri)
    if document and document.media_type in CONTAINER_TYPES:
        return []
    below = table.list_below(source, uri)
    return [member for member in below if document_changes.is_place_below(member.uri, uri)]


def refuse_member(
    table: DocumentTable,
    uri: str,
    own_documents: Sequence[ListedDocument],
    holders: Sequence[ListedDocument] = (),
) -> None:
    """Raise MemberConflict for the change of a document that lies in another one's file, or would.

    own_documents: the one that is changed, if it is published. holders: the containers that a new
    one may lie in, of those that are not hidden from who asks.
    """
    if own_documents:
        find_document = partial(table.find_in_source, own_documents[0].source)
        if root := document_changes.find_root(uri, find_document):
            raise MemberConflict(f"{uri} lies in {root}; change that.")
    elif holders:
        raise MemberConflict(
            f"{uri} would lie in {holders[-1].uri}, whose documents come and go with it. "
            "Choose another name."
        )


def belongs_to_source(source: str, document_source: str) -> bool:
    """Tell whether a document belongs to a source, its numbered siblings (`api~2`) included.

    >>> belongs_to_source("api", "api"), belongs_to_source("api", "api~2")
    (True, True)
    >>> belongs_to_source("api", "/srv/api")
    False
    """
    return document_source == source or document_source.startswith(f"{source}{SIBLING_MARK}")


def make_source_conflict(document: ListedDocument) -> SourceConflict:
    """Make the error for a change of a document that another source owns."""
    folder = PurePath(document.source).name
    return SourceConflict(
        f"{document.uri} belongs to the source {folder}, whose next ingest would bring it back; "
        "change it there."
    )


def _free_source_name(source: str, taken_names: Collection[str]) -> str:
    number = 1
    name = source
    while name in taken_names:
        number += 1
        name = f"{source}{SIBLING_MARK}{number}"
    return name
