"""The list of a collection's documents: what is shown of each, searched and filtered.

Every filter runs over the document table in memory; only what a page shows is read from the disk.
"""

import bisect
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any, Literal

from pydantic import Field

from indexes.index import Index
from indexes.store.document_table import ListedDocument
from indexes.store.paths import original_file
from ingest import sources
from ingest.document_places import belongs_to_source
from ragdesk.open_collection import OpenCollection
from ragdesk.support.access import Principal
from ragdesk.web import schemas
from ragdesk.web.document_access import is_visible

DocumentState = Literal["answers", "scheduled", "expired", "empty"]
FACETS = ("source", "language", "media_type", "state")


class DocumentListIn(schemas.StrictModel):
    """What a list of documents is narrowed to, and which page of it."""

    query: str = Field(default="", max_length=400, description="Words of its title or uri.")
    source: str | None = Field(default=None, max_length=400)
    language: str | None = Field(default=None, max_length=40)
    media_type: str | None = Field(default=None, max_length=200)
    state: DocumentState | None = None
    with_notes: bool = Field(default=False, description="Only those read with losses.")
    facets: bool = Field(default=False, description="Count the values to filter by, too.")
    cursor: str | None = Field(default=None, max_length=4_000)
    limit: int = Field(default=100, ge=1, le=500)

    def format_basis(self) -> str:
        """Write what the list is of: a cursor of one list opens no other."""
        return self.model_dump_json(exclude={"cursor", "limit", "facets"})


def select_documents(
    opened: OpenCollection, who: Principal, criteria: DocumentListIn
) -> list[ListedDocument]:
    """Select the documents that the asker may see and looks for, by uri."""
    words = criteria.query.casefold().split()
    now = _format_now()
    return [
        document
        for document in opened.documents
        if is_visible(document, who)
        and _matches_fields(document, criteria, now)
        and (not words or _has_words(document, words))
        and (not criteria.with_notes or opened.index.read_notes(document))
    ]


def _has_words(document: ListedDocument, words: Sequence[str]) -> bool:
    text = f"{document.title}\n{document.uri}".casefold()
    return all(word in text for word in words)


def _matches_fields(document: ListedDocument, criteria: DocumentListIn, now: str) -> bool:
    return (
        criteria.media_type in (None, document.media_type)
        and criteria.language in (None, document.language)
        and (criteria.source is None or name_source(document.source) == criteria.source)
        and (criteria.state is None or find_state(document, now) == criteria.state)
    )


def find_state(document: ListedDocument, now: str) -> DocumentState:
    """Tell whether a document can be answered from at a moment, as validities write moments."""
    validity = document.validity
    if validity.starts and now < validity.starts:
        return "scheduled"
    if validity.ends and now >= validity.ends:
        return "expired"
    return "answers" if document.count else "empty"


def count_facets(opened: OpenCollection, who: Principal) -> dict[str, dict[str, int]]:
    """Count the values by which the documents that the asker may see can be filtered."""
    now = _format_now()
    counts: dict[str, Counter[str]] = {name: Counter() for name in FACETS}
    with_notes = 0
    for document in opened.documents:
        if not is_visible(document, who):
            continue
        counts["source"][name_source(document.source)] += 1
        counts["language"][document.language] += 1
        counts["media_type"][document.media_type] += 1
        counts["state"][find_state(document, now)] += 1
        with_notes += bool(opened.index.read_notes(document))
    facets = {name: dict(counter.most_common(100)) for name, counter in counts.items()}
    return {**facets, "notes": {"with_notes": with_notes}}


def find_position(listed: Sequence[ListedDocument], place: str) -> int:
    """Return the position in a sorted list after the document that a cursor's place names."""
    uri, _, identity = place.partition("\0")
    at = bisect.bisect_left(listed, uri, key=lambda document: document.uri)
    end = bisect.bisect_right(listed, uri, key=lambda document: document.uri)
    positions = [n + 1 for n in range(at, end) if listed[n].id == identity]
    return positions[0] if positions else end


def describe_documents(
    opened: OpenCollection, who: Principal, listed: Sequence[ListedDocument]
) -> list[dict[str, Any]]:
    """Write documents as JSON values; notes, sizes and dates are read from the disk."""
    return list(_iter_descriptions(opened, opened.index, who, listed))


def _iter_descriptions(
    opened: OpenCollection, index: Index, who: Principal, listed: Sequence[ListedDocument]
) -> Iterator[dict[str, Any]]:
    names = ("uri", "title", "media_type", "language", "digest")
    now = _format_now()
    for document in listed:
        groups = document.groups if who.groups is None else document.groups & who.groups
        size, taken_in = _read_original_facts(opened, document)
        yield {
            "source": name_source(document.source),
            **{name: getattr(document, name) for name in names},
            "notes": list(index.read_notes(document)),
            "groups": sorted(groups),
            "chunks": document.count,
            "size": size,
            # Originals are shared by their bytes: to others the date would tell of hidden copies.
            "taken_in": taken_in if who.groups is None else None,
            "state": find_state(document, now),
            "valid_from": document.validity.starts or None,
            "valid_until": document.validity.ends or None,
        }


def _read_original_facts(
    opened: OpenCollection, document: ListedDocument
) -> tuple[int | None, float | None]:
    """Read size and time of a document's stored original; None where it is no longer kept."""
    try:
        facts = original_file(opened.folder, document.digest).stat()
    except FileNotFoundError:
        return None, None
    return facts.st_size, facts.st_mtime


def _format_now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def name_source(source: str) -> str:
    """Return a source's name without its place on this machine."""
    return sources.API if belongs_to_source(sources.API, source) else PurePath(source).name
