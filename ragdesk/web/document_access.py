"""Look up documents for a principal: hidden ones are answered as if they did not exist."""

import contextlib
import unicodedata
from collections.abc import Iterator, Sequence

from indexes.index import Index
from indexes.store.document_table import ListedDocument
from ingest import document_places, sources
from ingest.document_places import AdmissionRule, belongs_to_source, make_source_conflict
from ingest.document_redaction import is_redacted
from ragdesk.answering.lookup_result import LOOKUP_SCHEME, is_lookup
from ragdesk.errors import Forbidden, Invalid, NotFound
from ragdesk.open_collection import OpenCollection
from ragdesk.support.access import Principal, authorize
from ragdesk.support.learning.approval import APPROVED_SOURCE
from ragdesk.web.jobs import DocumentJob
from ragdesk.web.server_state import ServerState

LONGEST_URI = 1_000


def is_visible(document: ListedDocument, who: Principal) -> bool:
    """Tell whether someone may see a document."""
    return who.groups is None or not document.groups or bool(document.groups & who.groups)


def make_admission(job: DocumentJob, who: Principal) -> AdmissionRule:
    """Make the rule by which a job decides which documents of a uri its owner may change now.

    A uri whose document is hidden from the owner is treated as free: the new document stands beside
    the hidden one. The rule raises NotFound where the document that was to be changed is hidden or
    gone by now. Raises Forbidden or NotFound where the key may no longer do this.
    """
    authorize(who, "edit" if job.source == APPROVED_SOURCE else "write", job.collection)
    check_groups(job.groups, who)

    def admit(
        same_uri: Sequence[ListedDocument],
    ) -> tuple[list[ListedDocument], frozenset[str] | None]:
        visible_documents = [document for document in same_uri if is_visible(document, who)]
        if not visible_documents and (job.body is None or (job.existed and same_uri)):
            raise NotFound("No such document.")
        # What a limited key brings in new is not for everybody.
        groups = job.groups or (None if visible_documents else who.groups)
        return visible_documents, groups or None

    return admit


def check_groups(groups: frozenset[str], who: Principal) -> None:
    """Raise Forbidden for groups that a limited key does not have itself."""
    if who.groups is not None and not groups <= who.groups:
        raise Forbidden("A key gives documents only to groups of its own.")


def find_document(
    opened: OpenCollection, uri: str, who: Principal, chunk: str | None = None
) -> ListedDocument:
    """Find a document by its uri. Raises NotFound for one that is hidden from the asker too."""
    return find_in_generation(opened.index, uri, who, chunk)


def find_in_generation(
    index: Index, uri: str, who: Principal, chunk: str | None = None
) -> ListedDocument:
    """Find a document of a generation by its uri. Raises NotFound, for a hidden one too.

    chunk: one of its chunks, as a citation names it: it tells two documents of one uri apart.
    """
    matches = [
        document for document in index.documents.list_by_uri(uri) if is_visible(document, who)
    ]
    if chunk is not None:
        row = index.find_row(chunk)
        matches = [document for document in matches if row in index.document_rows(document)]
    if not matches:
        raise NotFound("No such document.")
    return matches[0]


@contextlib.contextmanager
def use_kept_document(
    opened: OpenCollection,
    uri: str,
    who: Principal,
    generation: int | None,
    chunk: str | None = None,
) -> Iterator[tuple[Index, ListedDocument]]:
    """Find a document in a generation that is kept, open while it is used. Raises NotFound.

    One of an older generation is shown to those who might see it then and may see it now, and to
    nobody once its document is gone: what was deleted is not to be read, and another document of
    its name opens nothing.
    """
    if generation is None or generation == opened.index.generation:
        yield opened.index, find_in_generation(opened.index, uri, who, chunk)
        return
    find_in_generation(opened.index, uri, who)
    with opened.open_generation(generation) as older_index:
        yield older_index, find_in_generation(older_index, uri, who, chunk)


def check_uri(uri: str) -> None:
    """Refuse names that no file could have. Raises Invalid.

    Nothing is ever opened by its uri; this keeps names readable, and one per document.
    """
    if is_lookup(uri):
        raise Invalid(f"A uri does not begin with {LOOKUP_SCHEME}: that is how lookups are cited.")
    odd = any(unicodedata.category(c) in {"Cc", "Cs", "Cf"} for c in uri)
    parts = uri.split("/")
    if odd or len(uri) > LONGEST_URI or any(part in {"", ".", ".."} for part in parts):
        raise Invalid(f"A uri is a path of plain names, at most {LONGEST_URI:,} characters.")


def refuse_redacted_original(index: Index, *, is_redacting: bool) -> None:
    """Refuse the original of a document whose personal data is, or is to be, taken out of its text.

    is_redacting: settings say so now; the documents of the index may be from before or after.
    Raises Forbidden.
    """
    if is_redacting or is_redacted(index.reading):
        raise Forbidden(
            "Originals are not served here, as personal data is taken out of documents "
            "([redaction] ingest). The stored text has labels in its place."
        )


def refuse_foreign_document(index: Index, uri: str, who: Principal) -> None:
    """Raise SourceConflict where only sources other than ``api`` have a visible document of a uri.

    And MemberConflict where it lies in another document's file, or would. A hidden one is answered
    as if it did not exist.
    """
    visible = [
        document for document in index.documents.list_by_uri(uri) if is_visible(document, who)
    ]
    if visible and not any(belongs_to_source(sources.API, d.source) for d in visible):
        raise make_source_conflict(visible[0])
    own_documents = [d for d in visible if belongs_to_source(sources.API, d.source)][:1]
    holders = document_places.list_holders(index.documents, sources.API, uri)
    visible_holders = [holder for holder in holders if is_visible(holder, who)]
    document_places.refuse_member(index.documents, uri, own_documents, visible_holders)


async def has_changeable_document(
    state: ServerState, collection: str, uri: str, who: Principal
) -> bool:
    """Tell whether a document that one may see and change stands under a uri.

    Raises SourceConflict for one that a folder owns.
    """
    try:
        async with state.open_collections.use_documents(collection) as index:
            refuse_foreign_document(index, uri, who)
            return any(is_visible(document, who) for document in index.documents.list_by_uri(uri))
    except NotFound:
        return False  # the first document makes its collection
