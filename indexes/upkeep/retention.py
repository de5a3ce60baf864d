"""Choose which generations of a collection are kept: the newest, the young, and those being read.

Every publish leaves a generation behind. Without an end to that a disk fills up; and each publish
looks at all that are left.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby, islice
from pathlib import Path

from indexes.errors import IndexesError
from indexes.store import document_table, durability, generations, locks, manifest
from indexes.store.paths import OCR_FOLDER, ORIGINALS_FOLDER

_FEW = 32  # generations; where more are left, originals are looked for at each 16th publish only
_OFTEN = 16
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long a generation is kept after a newer one was published.

    generations: the newest so many stay, and so many of those that would answer next; 0 keeps
    all. hours: what is younger stays too. most: but never more than so many, but what is read.
    """

    generations: int = 10
    hours: float = 24
    most: int = 200


def clear_generations(
    collection: Path, retention: Retention, *, now: datetime | None = None
) -> list[Path]:
    """Remove what is not to be kept, and what only that needed; returns it.

    The lock must be held. What a process reads stays. Costs little where nothing is to go.
    """
    known = generations.list_generations(collection)
    old = list(_iter_old(collection, known, retention, now or datetime.now(UTC)))
    if not old:
        return []
    folders = [_generation_path(collection, number) for number in old]
    tables = [_generation_path(collection, number) / document_table.BASE_FILE for number in known]
    with ExitStack() as shared:
        for table in tables:
            shared.enter_context(manifest.keep_verified(table))
        for folder in folders:
            durability.discard_path(folder)
    swept = [*folders, *generations.sweep_collection(collection)]
    rest = len(known) - len(old)
    if rest <= _FEW or len(old) >= _OFTEN or known[-1] % _OFTEN == 0:
        swept += clear_originals(collection)
    extra = {"collection": collection.name, "cleared": len(old), "generations": _format_spans(old)}
    _log.info("old generations were cleared", extra=extra)
    return swept


def _iter_old(
    collection: Path, known: Sequence[int], retention: Retention, now: datetime
) -> Iterator[int]:
    """Yield the generations to remove, oldest first."""
    if not retention.generations or len(known) <= retention.generations:
        return
    safe = {*known[-retention.generations :]}
    safe.update(islice(generations.order_generations(collection), retention.generations))
    surplus = len(known) - max(retention.most, len(safe))
    for place, number in enumerate(candidate for candidate in known if candidate not in safe):
        folder = _generation_path(collection, number)
        age = now - _read_created(folder)
        if place >= surplus and age.total_seconds() < retention.hours * 3_600:
            return  # and so are all that come after it
        if (folder / manifest.MANIFEST_FILE).exists() and not locks.is_being_read(folder):
            yield number


def _read_created(folder: Path) -> datetime:
    """Return when a generation was made; where unknown, when its folder last changed."""
    try:
        moment = datetime.fromisoformat(str(manifest.read_manifest(folder).facts["created"]))
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (IndexesError, KeyError, ValueError):
        return datetime.fromtimestamp(folder.stat().st_mtime, UTC)


def clear_originals(collection: Path) -> list[Path]:
    """Remove source bytes that no generation names any more; returns them.

    The lock must be held. While a document table is not what it was, all stay.
    """
    folder = collection / ORIGINALS_FOLDER
    if not folder.is_dir():
        return []
    tables = []
    for number in generations.list_generations(collection):
        place = _generation_path(collection, number)
        try:
            manifest.verify_files(place, manifest.read_manifest(place))
        except IndexesError:
            return []
        tables.append(place / document_table.TABLE_FILE)
    used = document_table.collect_digests(tables)
    pages = collection / OCR_FOLDER  # of an original, as OCR read them
    files = [*folder.iterdir(), *(pages.iterdir() if pages.is_dir() else ())]
    gone = [file for file in files if file.name not in used]
    for file in gone:
        durability.discard_path(file)
    return gone


def _generation_path(collection: Path, number: int) -> Path:
    return collection / generations.GENERATIONS_FOLDER / str(number)


def _format_spans(numbers: Sequence[int]) -> str:
    """Write ascending numbers shortly.

    >>> _format_spans([1, 2, 3, 7])
    '1-3, 7'
    """
    runs = [
        [number for _, number in run]
        for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])
    ]
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
