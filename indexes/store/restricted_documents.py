"""An older generation's document table with later removals and access changes applied."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Self

from indexes.chunk import SearchFilter
from indexes.store.access_log import NOBODY_GROUPS, AccessChanges
from indexes.store.document_table import DocumentTable, ListedDocument

_Ranges = list[tuple[str, int, int]]


class RestrictedDocumentTable(DocumentTable):
    """Reads an older document table without removed documents, and with the groups of now.

    access: what has changed since. It answers like the ``DocumentTable`` that it is.
    """

    def __init__(self, file: Path, access: AccessChanges) -> None:
        super().__init__(file)
        try:
            self._load_changes(access)
        except BaseException:
            self.close()
            raise

    @classmethod
    def from_table(cls, table: DocumentTable, access: AccessChanges) -> Self:
        """Wrap a table that is open already; whoever opened it closes it."""
        view = cls.__new__(cls)
        view.__dict__.update(vars(table))
        view._load_changes(access)  # noqa: SLF001, of its own kind
        return view

    def _load_changes(self, access: AccessChanges) -> None:
        """Find the documents that are gone, and those that others may see now."""
        self._access = access
        look_up = super().find_in_source
        removed = [look_up(*place) for place in sorted(access.removed)]
        regrouped = [look_up(*place) for place in sorted({*access.groups, *access.limits})]
        self._removed_documents = [document for document in removed if document]
        self._regrouped_documents = [
            replace(d, groups=access.effective_groups(d)) for d in regrouped if d
        ]

    @property
    def removed_ranges(self) -> _Ranges:
        """Return segment, first row and number of rows of the removed documents."""
        return [_document_range(document) for document in self._removed_documents]

    def iter_all(self) -> Iterator[ListedDocument]:
        """Yield every document that is left, by uri."""
        yield from self._restrict_all(super().iter_all())

    def list_by_uri(self, uri: str) -> list[ListedDocument]:
        """Return the documents of a uri, whatever their source."""
        return list(self._restrict_all(super().list_by_uri(uri)))

    def find_by_id(self, identity: str) -> ListedDocument | None:
        """Return the document of an id, or None."""
        return self._restrict_document(super().find_by_id(identity))

    def find_in_source(self, source: str, uri: str) -> ListedDocument | None:
        """Return the document of a uri in a source, or None."""
        return self._restrict_document(super().find_in_source(source, uri))

    def iter_in_segments(self, segments: Iterable[str]) -> Iterator[ListedDocument]:
        """Yield every document that is left and lies in one of some segments."""
        yield from self._restrict_all(super().iter_in_segments(segments))

    def count_by_segment(self) -> dict[str, int]:
        """Count the documents of each segment that are left."""
        counts = super().count_by_segment()
        for document in self._removed_documents:
            counts[document.segment] -= 1
        return counts

    def filter_ranges(self, search_filter: SearchFilter) -> _Ranges:
        """Return the row ranges of every document that a filter lets through now."""
        if search_filter.groups is not None and self._access.unknown_reason:
            return []
        other = {
            _document_range(document)
            for document in [*self._removed_documents, *self._regrouped_documents]
        }
        ranges = [
            row_range
            for row_range in super().filter_ranges(search_filter)
            if row_range not in other
        ]
        if not self._regrouped_documents:
            return ranges
        anyone = set(super().filter_ranges(replace(search_filter, groups=None)))
        readable = [
            d
            for d in self._regrouped_documents
            if _is_readable(d, search_filter) and _document_range(d) in anyone
        ]
        return [*ranges, *map(_document_range, readable)]

    def _restrict_all(self, listed: Iterable[ListedDocument]) -> Iterator[ListedDocument]:
        for document in listed:
            if limited_document := self._restrict_document(document):
                yield limited_document

    def _restrict_document(self, document: ListedDocument | None) -> ListedDocument | None:
        if document is None or document.place in self._access.removed:
            return None
        if self._access.unknown_reason:
            return replace(document, groups=NOBODY_GROUPS)
        groups = self._access.effective_groups(document)
        return document if groups == document.groups else replace(document, groups=groups)


def _is_readable(document: ListedDocument, search_filter: SearchFilter) -> bool:
    return (
        search_filter.groups is None
        or not document.groups
        or bool(document.groups & search_filter.groups)
    )


def _document_range(document: ListedDocument) -> tuple[str, int, int]:
    return document.segment, document.first, document.count
