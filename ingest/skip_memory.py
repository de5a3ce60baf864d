"""Remember what the last look at each source had to skip, and why.

The report of a job scrolls away; ``skipped.json`` beside the generations keeps its skipped files
until a job reads them or they are gone. A file that is skipped is in no generation, so none can
list it. The notes on documents that were taken in are the generation's own: see ``Index``.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexes.store import durability
from indexes.store.paths import read_plain
from indexes.store.strict_json import check_integer, check_text, parse_json
from ingest import document_changes
from ingest.document import Skipped
from ingest.errors import IngestError
from ingest.sandbox.office_converter import find_libreoffice
from ingest.source_changes import SourceChanges
from ingest.versions import ReadingVersions

SKIP_MEMORY_FILE = "skipped.json"
MOST_SKIPS = 100_000  # of one source that are remembered one by one; the rest is counted
_LONGEST_REASON = 1_000
_MOST_BYTES = 256 << 20
_log = logging.getLogger("ragdesk.ingest")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSkips:
    """The skipped files of one source.

    generation: the one that the job published, or left in place, after which they were these.
    left_out: how many more there were than are remembered one by one. readers: the name of all that
    could read files when they were last tried.
    """

    source: str
    generation: int
    skipped: tuple[Skipped, ...]
    left_out: int = 0
    readers: str = ""


def read_skips(collection: Path) -> list[SourceSkips]:
    """Read what is skipped in each source now, by source; empty where no job remembered any.

    Raises IngestError where the file is damaged: the next ingest of the sources writes it anew.
    """
    file = collection / SKIP_MEMORY_FILE
    try:
        content = parse_json(
            read_plain(file, most=_MOST_BYTES), most=_MOST_BYTES, values=_MOST_BYTES
        )
        return [_parse_source(name, **facts) for name, facts in sorted(content["sources"].items())]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IngestError(
            f"{file} is damaged. Remove it, and take the sources in again: ragdesk ingest PATH"
        ) from error


def note_skips(
    collection: Path,
    source_changes: Sequence[SourceChanges],
    skipped: Sequence[Skipped],
    generation: int | None,
    readers: str = "",
) -> None:
    """Remember what a job skipped, in the place of what was known of the same files.

    readers: see ``SourceSkips``. The collection's lock must be held. Raises OSError.
    """
    try:
        known = {memory.source: memory for memory in read_skips(collection)}
    except IngestError as error:
        _log.warning("what was skipped before is not known: %s", error)
        known = {}
    before = dict(known)
    by_source: dict[str, list[Skipped]] = {change.source.name: [] for change in source_changes}
    for item in skipped:
        by_source.setdefault(item.source, []).append(item)
    for change in source_changes:
        name = change.source.name
        stays = _untouched(known.get(name), change)
        now = sorted((*stays, *by_source[name]), key=lambda item: item.uri)
        former = known.get(name)
        tried = readers if former is None or change.is_mirror else former.readers
        if (
            former is None
            or list(former.skipped) != now[:MOST_SKIPS]
            or (now and former.readers != tried)
        ):
            known[name] = SourceSkips(
                source=name,
                generation=generation or 0,
                skipped=tuple(now[:MOST_SKIPS]),
                left_out=max(0, len(now) - MOST_SKIPS),
                readers=tried,
            )
    known = {name: memory for name, memory in known.items() if memory.skipped}
    if known != before:
        _write_skips(collection, known.values())


def name_readers(reading: ReadingVersions, libreoffice: str) -> str:
    """Name all that decides which files can be read here, so that a change of it is seen.

    libreoffice: the operator's choice of it, as in the settings.
    """
    has_office = find_libreoffice(libreoffice) is not None
    facts = json.dumps([reading.to_facts(), has_office], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


def list_reopened(collection: Path, readers: str) -> dict[str, frozenset[str]]:
    """List, by source, the mails and mailboxes in which something was skipped by other readers.

    They are opened again, as a file that is skipped is tried again by every job: LibreOffice, OCR
    or a newer parser may have come meanwhile. None where the memory is damaged.
    """
    try:
        known = read_skips(collection)
    except IngestError:
        return {}  # said when it is written anew
    return {
        memory.source: frozenset(
            place
            for item in memory.skipped
            for place in document_changes.iter_places_above(item.uri)
        )
        for memory in known
        if memory.readers != readers
    }


def _untouched(known: SourceSkips | None, change: SourceChanges) -> Iterable[Skipped]:
    """Return the skips of a source that a job did not try again.

    Those of other documents, where it is about one; and those of files in a mail or a mailbox that
    did not change, which was not opened.
    """
    unopened = {document.uri for document in change.changes.unchanged}
    touched = {raw.uri for raw in change.changes.files_to_parse}
    touched |= {document.uri for document in change.changes.removed}
    touched |= {item.uri for item in change.skipped}

    def stays(uri: str) -> bool:
        if uri in touched or uri in unopened:
            return False
        for place in document_changes.iter_places_above(uri):
            if place in touched or place in unopened:
                return place in unopened
        return not (change.is_named and change.is_mirror)

    return [item for item in (known.skipped if known else ()) if stays(item.uri)]


def _write_skips(collection: Path, listed: Iterable[SourceSkips]) -> None:
    sources: dict[str, Any] = {
        memory.source: {
            "generation": memory.generation,
            "left_out": memory.left_out,
            "readers": memory.readers,
            "skipped": [[item.uri, item.reason[:_LONGEST_REASON]] for item in memory.skipped],
        }
        for memory in listed
    }
    content = json.dumps({"format": 1, "sources": sources}, sort_keys=True)
    durability.replace_file(collection / SKIP_MEMORY_FILE, f"{content}\n".encode())


def _parse_source(
    name: str,
    *,
    generation: object,
    left_out: object,
    skipped: Sequence[Sequence[object]],
    readers: object = "",
) -> SourceSkips:
    items = tuple(
        Skipped(uri=check_text(uri), reason=check_text(reason), source=check_text(name))
        for uri, reason in skipped
    )
    return SourceSkips(
        source=name,
        generation=check_integer(generation),
        skipped=items,
        left_out=check_integer(left_out),
        readers=check_text(readers),
    )


def find_skip(listed: Iterable[SourceSkips], uri: str) -> Skipped | None:
    """Find why a file is no document, by its uri; None where it was not skipped."""
    return next((item for memory in listed for item in memory.skipped if item.uri == uri), None)


def skips_to_json(listed: Iterable[SourceSkips]) -> list[Mapping[str, Any]]:
    """Return skipped files as JSON values, by uri."""
    rows = [
        {
            "uri": item.uri,
            "reason": item.reason,
            "source": memory.source,
            "generation": memory.generation,
        }
        for memory in listed
        for item in memory.skipped
    ]
    return sorted(rows, key=lambda row: (row["uri"], row["source"]))
