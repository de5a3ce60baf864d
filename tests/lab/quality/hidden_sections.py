"""An index that hides some of its chunks: what a desk says when just the answer is missing.

Near-domain questions are the hardest to refuse: everything about the thing is there but what was
asked for. A case's own section is hidden from its own collection, and the same question asked.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, cast

from eval.case import Case
from eval.evidence import locate_evidence
from indexes.chunk import SearchFilter
from indexes.index import Index
from indexes.store.row_layout import SearchMask
from ragdesk.answering.desk import Desk


@dataclass
class IndexWithHiddenRows:
    """Hands everything on to another index; its masks leave out ``rows``."""

    real: Index
    rows: frozenset[int]

    def __getattr__(self, name: str) -> Any:
        """Return what the other index has."""
        return getattr(self.real, name)

    def make_mask(self, where: SearchFilter) -> SearchMask:
        """Return a mask that lets a filter's chunks through, without those that are hidden."""
        mask = self.real.make_mask(where)
        flags = mask.chunks.copy()
        flags[list(self.rows)] = False
        return self.real._layout.extend_mask(flags)


def hide_rows(desk: Desk, rows: Iterable[int]) -> Desk:
    """Return a desk that cannot see some chunk rows."""
    index = cast("Index", IndexWithHiddenRows(desk.retrieve.index, frozenset(rows)))
    return replace(desk, retrieve=replace(desk.retrieve, index=index))


def find_evidence_rows(case: Case, index: Index) -> set[int]:
    """Return the rows of the sections in which the evidence of a case stands."""
    places, _ = locate_evidence(case, index.read_text)
    rows: set[int] = set()
    documents = {document.uri: document for document in index.iter_documents()}
    for place in places:
        document = documents.get(place.uri)
        own = list(index.document_rows(document)) if document else []
        for row, chunk in zip(own, index.read_chunks(own), strict=True):
            start, end = chunk.section or (chunk.start, chunk.end)
            if any(start < b and a < end for a, b in place.spans):
                rows.add(row)
    return rows
