"""A collection in one file, with the sum of every part; and back again, embedding nothing.

The file is a plain tar archive. Its first member lists all others with size and SHA-256, and
carries a sum over itself, so a cut or changed backup is told before anything of it is believed.
Nor is a whole one believed: whoever writes a backup writes its sums too. So it is unpacked aside,
under names of our own making, and held as a collection against all that ``verify`` knows. Only
then is anything of it moved to where a reader could meet it.
"""

import hashlib
import io
import json
import os
import re
import shutil
import stat
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from errno import ENOSPC, ENOTEMPTY
from pathlib import Path
from typing import IO, Any

from indexes import (
    access_log,
    beside,
    documents,
    durable,
    failpoints,
    generations,
    manifest,
    parts,
    past_limits,
    upkeep,
)
from indexes.archive import ArchiveReader
from indexes.beside import CALIBRATION, SOURCES
from indexes.errors import (
    CollectionBusy,
    IndexDamaged,
    IndexesError,
    IndexNotFound,
    tells_absence,
)
from indexes.generations import Generation, Plan
from indexes.paths import (
    ORIGINALS,
    is_digest,
    join_stored,
    open_plain,
    original_file,
    segment_folder,
)
from indexes.strict_json import parse_json, whole, words

LISTING, FORMAT = "BACKUP.json", 1
_GENERATION = "generation"
_NAMES = (  # of all that a backup may hold; whoever adds one says in _target where it goes
    r"generation/[A-Za-z][\w.-]*",
    r"segments/[0-9a-f]{64}/(?:[A-Za-z][\w.-]*/)?[A-Za-z][\w.-]*",
    r"originals/[0-9a-f]{64}",
    *map(re.escape, (SOURCES, CALIBRATION, past_limits.NAME)),
)
_NAME = re.compile("|".join(_NAMES), re.ASCII)
_MOST = 64 << 20  # bytes of a listing
_VALUES = 6  # marks of JSON that the listing has for each file
_RATIO = 100  # a file that unpacks to more than so many times its size is a bomb
_SPARE = 16 << 20  # bytes that a restore leaves free on the disk
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

    Raises FileExistsError for a file that is there, IndexNotFound, IndexDamaged for a part that is
    not as it was written or is missing, OSError when the disk is full; then no file is left.
    """
    number = next(generations.order(collection), None)
    if number is None:
        raise IndexNotFound(f"No index at {collection}. Build one: ragdesk ingest PATH")
    if file.exists():
        raise FileExistsError(f"{file} is there already. Name another file.")
    if damage := list(beside.problems(collection)):  # it could not be restored
        raise IndexDamaged(damage[0])
    folder = collection / generations.GENERATIONS / str(number)
    draft = file.with_name(f"{durable.UNFINISHED}{file.name}")
    with _marked(folder):  # so that it is not cleared away under our hands
        held = generations.read(collection, number)
        members = dict(_parts(collection, held))
        limits = draft.with_name(f"{draft.name}.limits")
        try:
            members |= _limits(collection, limits)
            listing = _sealed(held, members)
            with draft.open("wb") as out, tarfile.open(fileobj=out, mode="w|") as archive:
                archive.addfile(_member(LISTING, len(listing)), io.BytesIO(listing))
                for name, (place, size, sha256) in members.items():
                    _add(archive, name, place, size, sha256)
            durable.sync(draft)
            draft.replace(file)
            durable.sync(file.parent)
        finally:
            draft.unlink(missing_ok=True)
            limits.unlink(missing_ok=True)
    return _told(json.loads(listing), file)


def read(file: Path) -> Backup:
    """Read a whole backup, check every sum, and tell what it holds. Raises IndexDamaged."""
    with _opened(file) as (_, archive):
        facts, files = _listing(file, archive)
        for _, pieces in _members(file, archive, files):
            for _ in pieces:
                pass
    return _told(facts, file)


def restore(file: Path, collection: Path, *, old_groups: bool = False) -> int:
    """Publish what a backup holds as the collection's next generation; returns its number.

    Everything is written and checked aside first; a collection that there is not yet appears in one
    step. What answered before can be gone back to. A document that the collection knows keeps the
    groups that were last said of it there. Raises IndexDamaged when the backup is not whole, holds
    what no backup of ours would, or when what was last said cannot be read (unless
    ``old_groups``), CollectionBusy, OSError; then nothing has changed.
    """
    if collection.exists():
        with generations.writing(collection):
            return _restore(file, collection, old_groups=old_groups)
    draft = collection.with_name(f"{durable.UNFINISHED}restore-{collection.name}")
    with generations.writing(draft):  # so that two do not restore into one name at a time
        try:
            for part in draft.iterdir():  # what one that was killed has left
                if part.name != generations.LOCK:
                    durable.discard(part)
            for name in (generations.GENERATIONS, generations.SEGMENTS):
                durable.folder(draft / name)
            number = _restore(file, draft, old_groups=old_groups)
            _appear(draft, collection)
        finally:
            if draft.exists():
                durable.discard(draft)
    return number


def _appear(draft: Path, collection: Path) -> None:
    """Give a whole collection its name, where there is none of that name."""
    try:
        durable.move(draft, collection)
    except OSError as error:
        if error.errno != ENOTEMPTY and not collection.exists():
            raise
        why = f"{collection} was made by somebody else meanwhile. Restore into another name."
        raise CollectionBusy(why) from error


def _restore(file: Path, collection: Path, *, old_groups: bool) -> int:
    place = collection / f"{durable.UNFINISHED}restore"
    durable.discard(place)
    place.mkdir()
    try:
        held = _unpack(file, place)
        failpoints.reach("backup unpacked")
        return _install(place, held, collection, old_groups=old_groups)
    finally:
        for path in (collection / generations.SEGMENTS, collection / ORIGINALS):
            durable.discard(path / parts.STAGE)
        durable.discard(place)


def _parts(
    collection: Path, held: generations.Generation
) -> Iterator[tuple[str, tuple[Path, int, str]]]:
    """Give the name, place, size and sum of every file that belongs to a generation."""
    folders = {_GENERATION: held.folder}
    for digest in held.segments:
        folders[f"{generations.SEGMENTS}/{digest}"] = segment_folder(collection, digest)
    for name, folder in folders.items():
        for part, (size, sha256) in manifest.read(folder).files.items():
            yield f"{name}/{part}", (join_stored(folder, part), size, sha256)
        yield f"{name}/{manifest.NAME}", _seen(folder / manifest.NAME)
    for digest in sorted(documents.digests([held.folder / documents.NAME])):
        original = original_file(collection, digest)
        if original.is_file():  # a collection that was built without files has none
            yield f"{ORIGINALS}/{digest}", (original, original.stat().st_size, digest)
    for name in beside.NAMES:
        if (collection / name).is_file():
            yield name, _seen(collection / name)


def _limits(collection: Path, file: Path) -> dict[str, tuple[Path, int, str]]:
    """Write the limits of past texts as one file, if there are any, and give it as a part."""
    least = generations.limits_revision(collection)
    limits = past_limits.read_all(collection, least=least)
    if not limits.revision:
        return {}
    file.write_bytes(past_limits.export(limits))
    return {past_limits.NAME: _seen(file)}


def _marked(folder: Path) -> IO[bytes]:
    return _present(folder / manifest.NAME, lambda _: generations.reading(folder))


def _part(file: Path) -> IO[bytes]:
    return _present(file, open_plain)


def _present(file: Path, open_: Callable[[Path], IO[bytes]]) -> IO[bytes]:
    """Open a file of a collection in some way. Raises IndexDamaged where it is not there."""
    try:
        return open_(file)
    except OSError as error:
        if not tells_absence(error):
            raise
        raise IndexDamaged(f"{file} is missing.") from error


def _seen(file: Path) -> tuple[Path, int, str]:
    with _part(file) as content:
        body = content.read()
    return file, len(body), hashlib.sha256(body).hexdigest()


def _sealed(held: Generation, members: Mapping[str, tuple[Path, int, str]]) -> bytes:
    facts = {
        "format": FORMAT,
        "generation": held.number,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "sums": dict(held.sums),
        "files": {
            name: {"size": size, "sha256": sum_} for name, (_, size, sum_) in members.items()
        },
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
    with _part(place) as content:
        summing = _Summing(content)
        try:
            archive.addfile(_member(name, size), summing)
        except OSError as error:
            if error.errno is None:  # tarfile's word for a file that ended early
                raise IndexDamaged(f"{place} was cut.") from error
            raise
    if summing.digest.hexdigest() != sha256:
        raise IndexDamaged(f"{place} was changed: its SHA-256 is not what it was.")


@contextmanager
def _opened(file: Path) -> Iterator[tuple[IO[bytes], ArchiveReader]]:
    """Open a backup that somebody may have forged."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as content:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise IndexDamaged(f"{file} is no backup: it is not a file.")
        yield content, ArchiveReader(content, about.st_size, name=str(file))


def _listing(file: Path, archive: ArchiveReader) -> tuple[dict[str, Any], Files]:
    """Read what a backup says that it holds, and hold that against its form."""
    member = archive.next()
    if member is None or member[0] != LISTING or member[1] > _MOST:
        raise IndexDamaged(f"{file} is no backup of a collection.")
    body = b"".join(archive.pieces())
    try:
        facts = parse_json(body, most=_MOST, values=_VALUES * (len(body) // 100) + 1_000)
        return facts, _files(facts, body)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = str(error) if type(error) is ValueError else "its listing is none of ours"
        raise IndexDamaged(f"{file} is no backup, or was changed: {why[:200]}.") from error


def _files(facts: Mapping[str, Any], body: bytes) -> Files:
    """Read which files a listing names. Raises ValueError."""
    if facts["checksum"] != _checksum(facts) or b"[" in body:  # it needs no lists
        raise ValueError("its listing was changed")
    if facts["format"] != FORMAT:
        raise ValueError("it is of a newer format")
    files = {name: _listed(name, told) for name, told in facts["files"].items()}
    whole(facts["generation"], least=1, most=10**17), words(facts["created"], most=40)
    for name in ("documents", "chunks"):
        whole(facts["sums"][name])
    return files


def _listed(name: str, told: Mapping[str, Any]) -> tuple[int, str]:
    if not _NAME.fullmatch(name):
        raise ValueError("it lists a name that no backup has")
    if not is_digest(told["sha256"]):
        raise ValueError(f"the sum of {name} is none")
    return whole(told["size"]), str(told["sha256"])


def _members(
    file: Path, archive: ArchiveReader, files: Files
) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Give every member with its content in pieces. Raises IndexDamaged when one is not whole."""
    left = dict(files)
    while member := archive.next():
        name, size = member
        if left.get(name, (-1, ""))[0] != size:
            raise IndexDamaged(f"{file} holds a part that it does not list.")
        digest = hashlib.sha256()
        yield name, _pieces(archive, digest)
        if digest.hexdigest() != left.pop(name)[1]:
            raise IndexDamaged(f"{file}: {name} was changed.")
    if left:
        raise IndexDamaged(f"{file} lacks {min(left)}: it was cut.")


def _pieces(archive: ArchiveReader, digest: "hashlib._Hash") -> Iterator[bytes]:
    for piece in archive.pieces():
        digest.update(piece)
        yield piece


def _unpack(file: Path, place: Path) -> Generation:
    """Write a backup into an empty folder as a collection of one generation, and check it all."""
    with _opened(file) as (content, archive):
        facts, files = _listing(file, archive)
        _check_room(file, content, place, files)
        for name, pieces in _members(file, archive, files):
            target = _target(place, name, facts["generation"])
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as out:
                for piece in pieces:
                    out.write(piece)
    try:
        held = _believe(place, facts)
    except IndexesError as error:
        raise type(error)(f"{file} is refused: {error}") from error
    durable.sync_tree(place)
    return held


def _check_room(file: Path, content: IO[bytes], place: Path, files: Files) -> None:
    """Hold what a backup would take against what it holds, and against the disk."""
    about, total = os.fstat(content.fileno()), sum(size for size, _ in files.values())
    real = 512 * about.st_blocks or about.st_size  # some file systems do not count blocks
    if total > about.st_size or about.st_size > _RATIO * real + _SPARE:
        raise IndexDamaged(f"{file} says that it holds more than it does.")
    free = shutil.disk_usage(place).free
    if total + _SPARE > free:
        needs = f"{total + _SPARE:,} bytes are needed, {free:,} are free"
        raise OSError(ENOSPC, f"No room to restore {file.name}: {needs}", str(place))


def _target(place: Path, name: str, generation: int) -> Path:
    """Say where a member goes in a collection of its own."""
    kind, _, rest = name.partition("/")
    own = f"{generations.GENERATIONS}/{generation}/{rest}" if kind == _GENERATION else name
    return join_stored(place, own)


def _believe(place: Path, facts: Mapping[str, Any]) -> Generation:
    """Check a collection that was unpacked, as one that somebody else wrote."""
    number: int = facts["generation"]
    folder = place / generations.GENERATIONS / str(number)
    generations.point(place, number, manifest.read(folder).checksum)
    held = generations.read(place, number)
    if dict(held.sums) != facts["sums"]:
        raise IndexDamaged("Its generation holds another number of documents than its listing.")
    if problems := upkeep.verify(place, lacking=True):
        raise IndexDamaged(problems[0])
    segments = place / generations.SEGMENTS
    present = {f.name for f in segments.iterdir()} if segments.is_dir() else set[str]()
    if present != set(held.segments) or upkeep.unlisted_originals(place):
        raise IndexDamaged("It holds segments or originals that its generation does not name.")
    return held


def _install(place: Path, held: Generation, collection: Path, *, old_groups: bool) -> int:
    """Put the parts in their places, and publish their generation; all of it, or nothing."""
    parent, table = generations.current(collection), held.folder / documents.NAME
    regrouped = list(upkeep.said_since(collection, table, old_groups=old_groups))
    before = generations.whole_table(collection, parent) if parent else None
    access = access_log.compare_tables(before, table, regrouped)
    plan = Plan(
        parent=parent,
        segments=held.segments,
        dead=held.dead,
        sums=held.sums,
        access=access,
        limits=upkeep.limits_of_going(collection, table, regrouped),
    )
    if old_groups:
        upkeep.renew_limits(collection)
    own = past_limits.read(collection, least=generations.limits_revision(collection))
    moved: list[tuple[Path, Path]] = []
    try:
        for name in (generations.SEGMENTS, ORIGINALS):
            parts.move_parts(place, collection, name, moved)
        failpoints.reach("backup moved in")
        past_limits.merge(own, past_limits.read_all(place))
        number = generations.publish(collection, plan, regrouped, base=table)
    except BaseException:
        if generations.current(collection) == parent:  # else what was moved is needed
            for source, target in reversed(moved):
                target.rename(source)
        raise
    _take_beside(place, collection)
    return number


def _take_beside(place: Path, collection: Path) -> None:
    """Take over what stands beside generations; a memory of sources only where there is none.

    A collection's own is newer, and says who may see what they bring.
    """
    if (place / SOURCES).is_file() and not (collection / SOURCES).exists():
        (place / SOURCES).replace(collection / SOURCES)
    if (place / CALIBRATION).is_file():
        (place / CALIBRATION).replace(collection / CALIBRATION)
    else:  # one that was fitted on other content
        (collection / CALIBRATION).unlink(missing_ok=True)
    durable.sync(collection)


def _told(facts: Mapping[str, Any], file: Path) -> Backup:
    return Backup(
        generation=int(facts["generation"]),
        documents=int(facts["sums"]["documents"]),
        chunks=int(facts["sums"]["chunks"]),
        created=str(facts["created"]),
        files=len(facts["files"]),
        size=file.stat().st_size,
    )
