"""A collection in one file, with the sum of every part; and back again, embedding nothing.

The file is a plain tar archive. Its first member lists all others with size and SHA-256, and
carries a sum over itself, so a cut or changed backup is told before anything of it is believed.
Only names of our own making are taken from it, and nothing is extracted by a library.
"""

import hashlib
import io
import json
import re
import tarfile
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from indexes import access_log, documents, durable, failpoints, generations, manifest, upkeep
from indexes.documents import Documents
from indexes.errors import IndexDamaged, IndexesError, IndexNotFound
from indexes.generations import Plan

LISTING, FORMAT = "BACKUP.json", 1
ORIGINALS = "originals"
SOURCES, CALIBRATION = BESIDE = ("sources.json", "calibration.json")  # of the collection
_GENERATION = "generation"
_NAME = re.compile(
    r"(?:generation/[\w.-]+|segments/[0-9a-f]{64}/(?:[\w.-]+/)?[\w.-]+|originals/[0-9a-f]{64}"
    r"|sources\.json|calibration\.json)"
)
_MOST = 64 << 20  # bytes of a listing
_PIECE = 1 << 20
Files = Mapping[str, tuple[int, str]]  # name to size and SHA-256


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """What a backup holds. size: of the file, in bytes."""

    generation: int
    documents: int
    chunks: int
    created: str
    files: int
    size: int


def write(collection: Path, file: Path) -> Backup:
    """Write the generation that answers into one new file; an ingest may go on meanwhile.

    Raises FileExistsError for a file that is there, IndexNotFound, IndexDamaged for a part that
    is not as it was written, OSError when the disk is full; then no file is left.
    """
    number = next(generations.order(collection), None)
    if number is None:
        raise IndexNotFound(f"No index at {collection}. Build one: ragdesk ingest PATH")
    if file.exists():
        raise FileExistsError(f"{file} is there already. Name another file.")
    folder = collection / generations.GENERATIONS / str(number)
    draft = file.with_name(f"{durable.UNFINISHED}{file.name}")
    with generations.reading(folder):  # so that it is not cleared away under our hands
        held = generations.read(collection, number)
        parts = dict(_parts(collection, held))
        listing = _sealed(held, parts)
        try:
            with draft.open("wb") as out, tarfile.open(fileobj=out, mode="w|") as archive:
                archive.addfile(_member(LISTING, len(listing)), io.BytesIO(listing))
                for name, (place, size, sha256) in parts.items():
                    _add(archive, name, place, size, sha256)
            durable.sync(draft)
            draft.replace(file)
            durable.sync(file.parent)
        finally:
            draft.unlink(missing_ok=True)
    return _told(json.loads(listing), file)


def read(file: Path) -> Backup:
    """Read a whole backup, check every sum, and tell what it holds. Raises IndexDamaged."""
    with file.open("rb") as content, _archive(file, content) as archive:
        facts = _listing(file, archive)
        for _, pieces in _members(file, archive, _files(file, facts)):
            deque(pieces, maxlen=0)
    return _told(facts, file)


def restore(file: Path, collection: Path, *, old_groups: bool = False) -> int:
    """Publish what a backup holds as the collection's next generation; returns its number.

    Everything is written and checked aside first. What answered before can be gone back to. A
    document that the collection knows keeps the groups that were last said of it there. Raises
    IndexDamaged when the backup is not whole, or when what was last said cannot be read (unless
    ``old_groups``), CollectionBusy, OSError; then nothing has changed.
    """
    read(file)  # a file that is no whole backup does not even make a collection
    with generations.writing(collection), file.open("rb") as content:
        place = collection / f"{durable.UNFINISHED}restore"
        try:
            with _archive(file, content) as archive:
                facts = _listing(file, archive)
                _write_all(place, _members(file, archive, _files(file, facts)))
            failpoints.reach("backup unpacked")
            return _install(place, collection, old_groups=old_groups)
        finally:
            durable.discard(place)


def _parts(
    collection: Path, held: generations.Generation
) -> Iterator[tuple[str, tuple[Path, int, str]]]:
    """Give the name, place, size and sum of every file that belongs to a generation."""
    folders = {_GENERATION: held.folder}
    for digest in held.segments:
        folders[f"{generations.SEGMENTS}/{digest}"] = collection / generations.SEGMENTS / digest
    for name, folder in folders.items():
        for part, (size, sha256) in manifest.read(folder).files.items():
            yield f"{name}/{part}", (folder / part, size, sha256)
        yield f"{name}/{manifest.NAME}", _seen(folder / manifest.NAME)
    with closing(Documents(held.folder / documents.NAME)) as table:
        for digest in sorted({listed.digest for listed in table.all()}):
            original = collection / ORIGINALS / digest
            if original.is_file():  # a collection that was built without files has none
                yield f"{ORIGINALS}/{digest}", (original, original.stat().st_size, digest)
    for name in BESIDE:
        if (collection / name).is_file():
            yield name, _seen(collection / name)


def _seen(file: Path) -> tuple[Path, int, str]:
    body = file.read_bytes()
    return file, len(body), hashlib.sha256(body).hexdigest()


def _sealed(held: generations.Generation, parts: Mapping[str, tuple[Path, int, str]]) -> bytes:
    facts = {
        "format": FORMAT,
        "generation": held.number,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "sums": dict(held.sums),
        "files": {name: {"size": size, "sha256": sum_} for name, (_, size, sum_) in parts.items()},
    }
    return json.dumps({**facts, "checksum": _checksum(facts)}, sort_keys=True).encode()


def _checksum(facts: Mapping[str, Any]) -> str:
    known = {name: value for name, value in facts.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member


class _Summing(io.RawIOBase):
    """Reads a file, and sums up what was read."""

    def __init__(self, content: IO[bytes]) -> None:
        self.digest, self._content = hashlib.sha256(), content

    def read(self, size: int = -1) -> bytes:
        piece = self._content.read(size)
        self.digest.update(piece)
        return piece


def _add(archive: tarfile.TarFile, name: str, place: Path, size: int, sha256: str) -> None:
    with place.open("rb") as content:
        summing = _Summing(content)
        try:
            archive.addfile(_member(name, size), summing)
        except OSError as error:
            if error.errno is None:  # tarfile's word for a file that ended early
                raise IndexDamaged(f"{place} was cut.") from error
            raise
    if summing.digest.hexdigest() != sha256:
        raise IndexDamaged(f"{place} was changed: its SHA-256 is not what it was.")


def _archive(file: Path, content: IO[bytes]) -> tarfile.TarFile:
    try:
        return tarfile.open(fileobj=content, mode="r|")
    except tarfile.TarError as error:
        raise IndexDamaged(f"{file} is no backup: {error}.") from error


def _listing(file: Path, archive: tarfile.TarFile) -> dict[str, Any]:
    try:
        member = archive.next()
        if member is None or member.name != LISTING or member.size > _MOST:
            raise IndexDamaged(f"{file} is no backup of a collection.")
        body = archive.extractfile(member)
        facts: dict[str, Any] = json.loads(body.read() if body else b"")
        if facts["checksum"] != _checksum(facts) or facts["format"] != FORMAT:
            raise IndexDamaged(f"{file} was changed, or is of a newer format.")
    except (tarfile.TarError, ValueError, KeyError, TypeError, OSError) as error:
        raise IndexDamaged(f"{file} is no backup, or was changed: {error}.") from error
    return facts


def _files(file: Path, facts: Mapping[str, Any]) -> dict[str, tuple[int, str]]:
    files = {name: (int(f["size"]), str(f["sha256"])) for name, f in facts["files"].items()}
    for name in files:
        if not _NAME.fullmatch(name) or ".." in name:
            raise IndexDamaged(f"{file} lists a name that no backup has.")
    return files


def _members(
    file: Path, archive: tarfile.TarFile, files: Files
) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Give every member with its content in pieces. Raises IndexDamaged when one is not whole."""
    left = dict(files)
    try:
        while member := archive.next():
            size, sha256 = left.pop(member.name, (-1, ""))
            body = archive.extractfile(member) if member.isfile() and member.size == size else None
            if body is None:
                raise IndexDamaged(f"{file} holds a part that it does not list.")
            digest = hashlib.sha256()
            yield member.name, _pieces(body, digest)
            if digest.hexdigest() != sha256:
                raise IndexDamaged(f"{file}: {member.name} was changed.")
    except (tarfile.TarError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise IndexDamaged(f"{file} was cut or changed: {error}.") from error
    if left:
        raise IndexDamaged(f"{file} lacks {min(left)}: it was cut.")


def _pieces(body: IO[bytes], digest: "hashlib._Hash") -> Iterator[bytes]:
    try:
        while piece := body.read(_PIECE):
            digest.update(piece)
            yield piece
    except tarfile.TarError as error:
        raise IndexDamaged(f"the backup was cut: {error}.") from error


def _write_all(place: Path, members: Iterator[tuple[str, Iterator[bytes]]]) -> None:
    for name, pieces in members:
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as out:
            for piece in pieces:
                out.write(piece)
    durable.sync_tree(place)


def _install(place: Path, collection: Path, *, old_groups: bool) -> int:
    """Put the parts in their places, and publish their generation."""
    sealed = manifest.read(place / _GENERATION)
    parent, table = generations.current(collection), place / _GENERATION / documents.NAME
    regrouped = list(
        upkeep.said_since(collection, table, old_groups=old_groups, known=(parent or 1) - 1)
    )
    for name in (generations.SEGMENTS, ORIGINALS):
        durable.folder(collection / name)
        for part in sorted((place / name).iterdir()) if (place / name).is_dir() else ():
            target = collection / name / part.name
            if target.is_dir() and manifest.problems(target, part.name):
                durable.discard(target)
            if not target.is_dir():
                part.replace(target)
        durable.sync(collection / name)
    dead = json.loads((place / _GENERATION / generations.TOMBSTONES).read_bytes())
    facts, before = sealed.facts, parent and generations.whole_table(collection, parent)
    plan = Plan(
        parent=parent,
        segments=facts["segments"],
        dead=dead,
        sums=facts["sums"],
        access=access_log.replacement(before or None, table, regrouped),
    )
    for digest in plan.segments:
        if problems := manifest.problems(collection / generations.SEGMENTS / digest, digest):
            raise IndexesError(problems[0])
    number = generations.publish(collection, plan, regrouped, base=table)
    _beside(place, collection)
    return number


def _beside(place: Path, collection: Path) -> None:
    """Take over what stands beside generations; a memory of sources only where there is none.

    A collection's own is newer, and says who may see what they bring.
    """
    if (place / SOURCES).is_file() and not (collection / SOURCES).exists():
        durable.replace(collection / SOURCES, (place / SOURCES).read_bytes())
    if (place / CALIBRATION).is_file():
        durable.replace(collection / CALIBRATION, (place / CALIBRATION).read_bytes())
    else:  # one that was fitted on other content
        (collection / CALIBRATION).unlink(missing_ok=True)


def _told(facts: Mapping[str, Any], file: Path) -> Backup:
    return Backup(
        generation=int(facts["generation"]),
        documents=int(facts["sums"]["documents"]),
        chunks=int(facts["sums"]["chunks"]),
        created=str(facts["created"]),
        files=len(facts["files"]),
        size=file.stat().st_size,
    )
