"""Write a collection into one file, with the checksum of every part.

The file is a plain tar archive. Its first member lists all others with size and SHA-256, and
carries a checksum of itself, so a cut or changed backup is noticed before any of it is used.
A matching checksum is not trusted either: whoever forges a backup writes its checksums too. So
``restore`` unpacks it aside, under names of our own making, and checks it as ``verify`` checks a
collection, before any of it is moved to where a reader finds it.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from indexes.errors import (
    IndexDamaged,
    IndexNotFound,
    tells_absence,
)
from indexes.store import (
    document_table,
    durability,
    generations,
    locks,
    manifest,
    past_limits,
)
from indexes.store.extra_files import ExtraFile, list_file_problems
from indexes.store.generations import Generation
from indexes.store.paths import (
    ORIGINALS_FOLDER,
    join_stored,
    open_plain,
    original_file,
    segment_folder,
)
from indexes.store.strict_json import checksum_facts
from indexes.upkeep.backup_format import (
    BACKUP_FORMAT,
    BACKUP_LISTING,
    GENERATION_FOLDER,
)

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSummary:
    """The content of a backup. size: of the file, in bytes."""

    generation: int
    documents: int
    chunks: int
    created: str
    files: int
    size: int


def write_backup(
    collection: Path, file: Path, *, extra_files: Sequence[ExtraFile] = ()
) -> BackupSummary:
    """Write the generation that answers into one new file; an ingest may go on meanwhile.

    extra_files: of the rooms above, to be kept with it where they are there.

    Raises FileExistsError for a file that is there, IndexNotFound, IndexDamaged for a part that is
    not as it was written or is missing, OSError when the disk is full; then no file is left.
    """
    number = next(generations.order_generations(collection), None)
    if number is None:
        raise IndexNotFound(f"No index at {collection}. Build one: ragdesk ingest PATH")
    if file.exists():
        raise FileExistsError(f"{file} is there already. Name another file.")
    if damage := list(list_file_problems(collection, extra_files)):  # it could not be restored
        raise IndexDamaged(damage[0])
    folder = collection / generations.GENERATIONS_FOLDER / str(number)
    draft = file.with_name(f"{durability.UNFINISHED_PREFIX}{file.name}")
    with _hold_generation(folder):  # so that no job clears it meanwhile
        generation = generations.read_generation(collection, number)
        members = dict(_generation_files(collection, generation))
        for extra_file in extra_files:
            if (collection / extra_file.name).is_file():
                members[extra_file.name] = _measure_file(collection / extra_file.name)
        limits = draft.with_name(f"{draft.name}.limits")
        try:
            members |= _export_limits(collection, limits)
            listing = _make_listing(generation, members)
            with draft.open("wb") as out, tarfile.open(fileobj=out, mode="w|") as archive:
                archive.addfile(_tar_member(BACKUP_LISTING, len(listing)), io.BytesIO(listing))
                for name, (place, size, sha256) in members.items():
                    _add_member(archive, name, place, size, sha256)
            durability.sync_path(draft)
            draft.replace(file)
            durability.sync_path(file.parent)
        finally:
            draft.unlink(missing_ok=True)
            limits.unlink(missing_ok=True)
    return _summarise_backup(json.loads(listing), file)


def _generation_files(
    collection: Path, generation: generations.Generation
) -> Iterator[tuple[str, tuple[Path, int, str]]]:
    """Yield the name, place, size and sum of every file that belongs to a generation."""
    folders = {GENERATION_FOLDER: generation.folder}
    for digest in generation.segments:
        folders[f"{generations.SEGMENTS_FOLDER}/{digest}"] = segment_folder(collection, digest)
    for name, folder in folders.items():
        for part, (size, sha256) in manifest.read_manifest(folder).files.items():
            yield f"{name}/{part}", (join_stored(folder, part), size, sha256)
        yield f"{name}/{manifest.MANIFEST_FILE}", _measure_file(folder / manifest.MANIFEST_FILE)
    for digest in sorted(
        document_table.collect_digests([generation.folder / document_table.TABLE_FILE])
    ):
        original = original_file(collection, digest)
        if original.is_file():  # a collection that was built without files has none
            yield f"{ORIGINALS_FOLDER}/{digest}", (original, original.stat().st_size, digest)


def _export_limits(collection: Path, file: Path) -> dict[str, tuple[Path, int, str]]:
    """Write the limits of past texts as one file, if there are any; return it as a member."""
    least = generations.limits_revision(collection)
    limits = past_limits.read_all_limits(collection, least=least)
    if not limits.revision:
        return {}
    file.write_bytes(past_limits.export_limits(limits))
    return {past_limits.LIMITS_FILE: _measure_file(file)}


def _hold_generation(folder: Path) -> IO[bytes]:
    return _open_existing(folder / manifest.MANIFEST_FILE, lambda _: locks.hold_generation(folder))


def _open_part(file: Path) -> IO[bytes]:
    return _open_existing(file, open_plain)


def _open_existing(file: Path, open_: Callable[[Path], IO[bytes]]) -> IO[bytes]:
    """Open a file of a collection with ``open_``. Raises IndexDamaged where it is missing."""
    try:
        return open_(file)
    except OSError as error:
        if not tells_absence(error):
            raise
        raise IndexDamaged(f"{file} is missing.") from error


def _measure_file(file: Path) -> tuple[Path, int, str]:
    with _open_part(file) as content:
        body = content.read()
    return file, len(body), hashlib.sha256(body).hexdigest()


def _make_listing(generation: Generation, members: Mapping[str, tuple[Path, int, str]]) -> bytes:
    facts = {
        "format": BACKUP_FORMAT,
        "generation": generation.number,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "sums": dict(generation.sums),
        "files": {
            name: {"size": size, "sha256": sum_} for name, (_, size, sum_) in members.items()
        },
    }
    return json.dumps({**facts, "checksum": checksum_facts(facts)}, sort_keys=True).encode()


def _tar_member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o600
    return member


class _HashingReader(io.RawIOBase):
    """Reads a file, and sums up what was read."""

    def __init__(self, content: IO[bytes]) -> None:
        self.digest = hashlib.sha256()
        self._content = content

    def read(self, size: int = -1) -> bytes:
        piece = self._content.read(size)
        self.digest.update(piece)
        return piece


def _add_member(archive: tarfile.TarFile, name: str, place: Path, size: int, sha256: str) -> None:
    with _open_part(place) as content:
        summing = _HashingReader(content)
        try:
            archive.addfile(_tar_member(name, size), summing)
        except OSError as error:
            if error.errno is None:  # tarfile's word for a file that ended early
                raise IndexDamaged(f"{place} was cut.") from error
            raise
    if summing.digest.hexdigest() != sha256:
        raise IndexDamaged(f"{place} was changed: its SHA-256 is not what it was.")


def _summarise_backup(facts: Mapping[str, Any], file: Path) -> BackupSummary:
    return BackupSummary(
        generation=int(facts["generation"]),
        documents=int(facts["sums"]["documents"]),
        chunks=int(facts["sums"]["chunks"]),
        created=str(facts["created"]),
        files=len(facts["files"]),
        size=file.stat().st_size,
    )
