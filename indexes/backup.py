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
from indexes.archive import TarReader
from indexes.beside import CALIBRATION_FILE, SOURCES_FILE
from indexes.errors import (
    CollectionBusy,
    IndexDamaged,
    IndexesError,
    IndexNotFound,
    tells_absence,
)
from indexes.generations import Generation, GenerationPlan
from indexes.paths import (
    ORIGINALS_FOLDER,
    is_digest,
    join_stored,
    open_plain,
    original_file,
    segment_folder,
)
from indexes.strict_json import parse_json, check_integer, check_text

BACKUP_LISTING, BACKUP_FORMAT = "BACKUP.json", 1
_GENERATION = "generation"
_NAMES = (  # of all that a backup may hold; whoever adds one says in _target where it goes
    r"generation/[A-Za-z][\w.-]*",
    r"segments/[0-9a-f]{64}/(?:[A-Za-z][\w.-]*/)?[A-Za-z][\w.-]*",
    r"originals/[0-9a-f]{64}",
    *map(re.escape, (SOURCES_FILE, CALIBRATION_FILE, past_limits.LIMITS_FILE)),
)
_NAME = re.compile("|".join(_NAMES), re.ASCII)
_MOST = 64 << 20  # bytes of a listing
_VALUES = 6  # marks of JSON that the listing has for each file
_RATIO = 100  # a file that unpacks to more than so many times its size is a bomb
_SPARE = 16 << 20  # bytes that a restore leaves free on the disk
_PIECE = 1 << 20
BackupFiles = Mapping[str, tuple[int, str]]  # name to size and SHA-256


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSummary:
    """What a backup holds. size: of the file, in bytes."""

    generation: int
    documents: int
    chunks: int
    created: str
    files: int
    size: int


def write_backup(collection: Path, file: Path) -> BackupSummary:
    """Write the generation that answers into one new file; an ingest may go on meanwhile.

    Raises FileExistsError for a file that is there, IndexNotFound, IndexDamaged for a part that is
    not as it was written or is missing, OSError when the disk is full; then no file is left.
    """
    number = next(generations.order_generations(collection), None)
    if number is None:
        raise IndexNotFound(f"No index at {collection}. Build one: ragdesk ingest PATH")
    if file.exists():
        raise FileExistsError(f"{file} is there already. Name another file.")
    if damage := list(beside.list_file_problems(collection)):  # it could not be restored
        raise IndexDamaged(damage[0])
    folder = collection / generations.GENERATIONS_FOLDER / str(number)
    draft = file.with_name(f"{durable.UNFINISHED_PREFIX}{file.name}")
    with _marked(folder):  # so that it is not cleared away under our hands
        generation = generations.read_generation(collection, number)
        members = dict(_generation_files(collection, generation))
        limits = draft.with_name(f"{draft.name}.limits")
        try:
            members |= _limits(collection, limits)
            listing = _make_listing(generation, members)
            with draft.open("wb") as out, tarfile.open(fileobj=out, mode="w|") as archive:
                archive.addfile(_tar_member(BACKUP_LISTING, len(listing)), io.BytesIO(listing))
                for name, (place, size, sha256) in members.items():
                    _add_member(archive, name, place, size, sha256)
            durable.sync_path(draft)
            draft.replace(file)
            durable.sync_path(file.parent)
        finally:
            draft.unlink(missing_ok=True)
            limits.unlink(missing_ok=True)
    return _summarise_backup(json.loads(listing), file)


def verify_backup(file: Path) -> BackupSummary:
    """Read a whole backup, check every sum, and tell what it holds. Raises IndexDamaged."""
    with open_backup(file) as (_, archive):
        facts, files = read_listing(file, archive)
        for _, pieces in iter_backup_members(file, archive, files):
            for _ in pieces:
                pass
    return _summarise_backup(facts, file)


def restore_backup(file: Path, collection: Path, *, old_groups: bool = False) -> int:
    """Publish what a backup holds as the collection's next generation; returns its number.

    Everything is written and checked aside first; a collection that there is not yet appears in one
    step. What answered before can be gone back to. A document that the collection knows keeps the
    groups that were last said of it there. Raises IndexDamaged when the backup is not whole, holds
    what no backup of ours would, or when what was last said cannot be read (unless
    ``old_groups``), CollectionBusy, OSError; then nothing has changed.
    """
    if collection.exists():
        with generations.lock_collection(collection):
            return _restore_into(file, collection, old_groups=old_groups)
    draft = collection.with_name(f"{durable.UNFINISHED_PREFIX}restore-{collection.name}")
    with generations.lock_collection(draft):  # so that two do not restore into one name at a time
        try:
            for part in draft.iterdir():  # what one that was killed has left
                if part.name != generations.LOCK_FILE:
                    durable.discard_path(part)
            for name in (generations.GENERATIONS_FOLDER, generations.SEGMENTS_FOLDER):
                durable.make_folder(draft / name)
            number = _restore_into(file, draft, old_groups=old_groups)
            _move_collection(draft, collection)
        finally:
            if draft.exists():
                durable.discard_path(draft)
    return number


def _move_collection(draft: Path, collection: Path) -> None:
    """Give a whole collection its name, where there is none of that name."""
    try:
        durable.move_folder(draft, collection)
    except OSError as error:
        if error.errno != ENOTEMPTY and not collection.exists():
            raise
        why = f"{collection} was made by somebody else meanwhile. Restore into another name."
        raise CollectionBusy(why) from error


def _restore_into(file: Path, collection: Path, *, old_groups: bool) -> int:
    place = collection / f"{durable.UNFINISHED_PREFIX}restore"
    durable.discard_path(place)
    place.mkdir()
    try:
        generation = _unpack_backup(file, place)
        failpoints.reach_failpoint("backup unpacked")
        return _install_parts(place, generation, collection, old_groups=old_groups)
    finally:
        for path in (collection / generations.SEGMENTS_FOLDER, collection / ORIGINALS_FOLDER):
            durable.discard_path(path / parts.STAGE)
        durable.discard_path(place)


def _generation_files(
    collection: Path, generation: generations.Generation
) -> Iterator[tuple[str, tuple[Path, int, str]]]:
    """Give the name, place, size and sum of every file that belongs to a generation."""
    folders = {_GENERATION: generation.folder}
    for digest in generation.segments:
        folders[f"{generations.SEGMENTS_FOLDER}/{digest}"] = segment_folder(collection, digest)
    for name, folder in folders.items():
        for part, (size, sha256) in manifest.read_manifest(folder).files.items():
            yield f"{name}/{part}", (join_stored(folder, part), size, sha256)
        yield f"{name}/{manifest.MANIFEST_FILE}", _measure_file(folder / manifest.MANIFEST_FILE)
    for digest in sorted(documents.collect_digests([generation.folder / documents.TABLE_FILE])):
        original = original_file(collection, digest)
        if original.is_file():  # a collection that was built without files has none
            yield f"{ORIGINALS_FOLDER}/{digest}", (original, original.stat().st_size, digest)
    for name in beside.NAMES:
        if (collection / name).is_file():
            yield name, _measure_file(collection / name)


def _limits(collection: Path, file: Path) -> dict[str, tuple[Path, int, str]]:
    """Write the limits of past texts as one file, if there are any, and give it as a part."""
    least = generations.limits_revision(collection)
    limits = past_limits.read_all_limits(collection, least=least)
    if not limits.revision:
        return {}
    file.write_bytes(past_limits.export_limits(limits))
    return {past_limits.LIMITS_FILE: _measure_file(file)}


def _marked(folder: Path) -> IO[bytes]:
    return _present(folder / manifest.MANIFEST_FILE, lambda _: generations.hold_generation(folder))


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


def _measure_file(file: Path) -> tuple[Path, int, str]:
    with _part(file) as content:
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
    return json.dumps({**facts, "checksum": checksum_listing(facts)}, sort_keys=True).encode()


def checksum_listing(facts: Mapping[str, Any]) -> str:
    known = {name: value for name, value in facts.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def _tar_member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member


class _HashingReader(io.RawIOBase):
    """Reads a file, and sums up what was read."""

    def __init__(self, content: IO[bytes]) -> None:
        self.digest, self._content = hashlib.sha256(), content

    def read(self, size: int = -1) -> bytes:
        piece = self._content.read(size)
        self.digest.update(piece)
        return piece


def _add_member(archive: tarfile.TarFile, name: str, place: Path, size: int, sha256: str) -> None:
    with _part(place) as content:
        summing = _HashingReader(content)
        try:
            archive.addfile(_tar_member(name, size), summing)
        except OSError as error:
            if error.errno is None:  # tarfile's word for a file that ended early
                raise IndexDamaged(f"{place} was cut.") from error
            raise
    if summing.digest.hexdigest() != sha256:
        raise IndexDamaged(f"{place} was changed: its SHA-256 is not what it was.")


@contextmanager
def open_backup(file: Path) -> Iterator[tuple[IO[bytes], TarReader]]:
    """Open a backup that somebody may have forged."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as content:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise IndexDamaged(f"{file} is no backup: it is not a file.")
        yield content, TarReader(content, about.st_size, name=str(file))


def read_listing(file: Path, archive: TarReader) -> tuple[dict[str, Any], BackupFiles]:
    """Read what a backup says that it holds, and hold that against its form."""
    member = archive.next_member()
    if member is None or member[0] != BACKUP_LISTING or member[1] > _MOST:
        raise IndexDamaged(f"{file} is no backup of a collection.")
    body = b"".join(archive.iter_pieces())
    try:
        facts = parse_json(body, most=_MOST, values=_VALUES * (len(body) // 100) + 1_000)
        return facts, _parse_listing(facts, body)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = str(error) if type(error) is ValueError else "its listing is none of ours"
        raise IndexDamaged(f"{file} is no backup, or was changed: {why[:200]}.") from error


def _parse_listing(facts: Mapping[str, Any], body: bytes) -> BackupFiles:
    """Read which files a listing names. Raises ValueError."""
    if facts["checksum"] != checksum_listing(facts) or b"[" in body:  # it needs no lists
        raise ValueError("its listing was changed")
    if facts["format"] != BACKUP_FORMAT:
        raise ValueError("it is of a newer format")
    files = {name: _parse_entry(name, entry) for name, entry in facts["files"].items()}
    check_integer(facts["generation"], least=1, most=10**17), check_text(facts["created"], most=40)
    for name in ("documents", "chunks"):
        check_integer(facts["sums"][name])
    return files


def _parse_entry(name: str, entry: Mapping[str, Any]) -> tuple[int, str]:
    if not _NAME.fullmatch(name):
        raise ValueError("it lists a name that no backup has")
    if not is_digest(entry["sha256"]):
        raise ValueError(f"the sum of {name} is none")
    return check_integer(entry["size"]), str(entry["sha256"])


def iter_backup_members(
    file: Path, archive: TarReader, files: BackupFiles
) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Give every member with its content in pieces. Raises IndexDamaged when one is not whole."""
    left = dict(files)
    while member := archive.next_member():
        name, size = member
        if left.get(name, (-1, ""))[0] != size:
            raise IndexDamaged(f"{file} holds a part that it does not list.")
        digest = hashlib.sha256()
        yield name, _hash_pieces(archive, digest)
        if digest.hexdigest() != left.pop(name)[1]:
            raise IndexDamaged(f"{file}: {name} was changed.")
    if left:
        raise IndexDamaged(f"{file} lacks {min(left)}: it was cut.")


def _hash_pieces(archive: TarReader, digest: "hashlib._Hash") -> Iterator[bytes]:
    for piece in archive.iter_pieces():
        digest.update(piece)
        yield piece


def _unpack_backup(file: Path, place: Path) -> Generation:
    """Write a backup into an empty folder as a collection of one generation, and check it all."""
    with open_backup(file) as (content, archive):
        facts, files = read_listing(file, archive)
        _check_disk_space(file, content, place, files)
        for name, pieces in iter_backup_members(file, archive, files):
            target = _member_path(place, name, facts["generation"])
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as out:
                for piece in pieces:
                    out.write(piece)
    try:
        generation = _check_unpacked(place, facts)
    except IndexesError as error:
        raise type(error)(f"{file} is refused: {error}") from error
    durable.sync_tree(place)
    return generation


def _check_disk_space(file: Path, content: IO[bytes], place: Path, files: BackupFiles) -> None:
    """Hold what a backup would take against what it holds, and against the disk."""
    about, total = os.fstat(content.fileno()), sum(size for size, _ in files.values())
    real = 512 * about.st_blocks or about.st_size  # some file systems do not count blocks
    if total > about.st_size or about.st_size > _RATIO * real + _SPARE:
        raise IndexDamaged(f"{file} says that it holds more than it does.")
    free = shutil.disk_usage(place).free
    if total + _SPARE > free:
        needs = f"{total + _SPARE:,} bytes are needed, {free:,} are free"
        raise OSError(ENOSPC, f"No room to restore {file.name}: {needs}", str(place))


def _member_path(place: Path, name: str, generation: int) -> Path:
    """Say where a member goes in a collection of its own."""
    kind, _, rest = name.partition("/")
    own = f"{generations.GENERATIONS_FOLDER}/{generation}/{rest}" if kind == _GENERATION else name
    return join_stored(place, own)


def _check_unpacked(place: Path, facts: Mapping[str, Any]) -> Generation:
    """Check a collection that was unpacked, as one that somebody else wrote."""
    number: int = facts["generation"]
    folder = place / generations.GENERATIONS_FOLDER / str(number)
    generations.set_current(place, number, manifest.read_manifest(folder).checksum)
    generation = generations.read_generation(place, number)
    if dict(generation.sums) != facts["sums"]:
        raise IndexDamaged("Its generation holds another number of documents than its listing.")
    if problems := upkeep.verify_collection(place, lacking=True):
        raise IndexDamaged(problems[0])
    segments = place / generations.SEGMENTS_FOLDER
    present = {f.name for f in segments.iterdir()} if segments.is_dir() else set[str]()
    if present != set(generation.segments) or upkeep.list_unlisted_originals(place):
        raise IndexDamaged("It holds segments or originals that its generation does not name.")
    return generation


def _install_parts(
    place: Path, generation: Generation, collection: Path, *, old_groups: bool
) -> int:
    """Put the parts in their places, and publish their generation; all of it, or nothing."""
    parent, table = (
        generations.read_current_number(collection),
        generation.folder / documents.TABLE_FILE,
    )
    regrouped = list(upkeep.collect_regrouped(collection, table, old_groups=old_groups))
    before = generations.find_whole_table(collection, parent) if parent else None
    access = access_log.compare_tables(before, table, regrouped)
    plan = GenerationPlan(
        parent=parent,
        segments=generation.segments,
        dead=generation.dead,
        sums=generation.sums,
        access=access,
        limits=upkeep.limits_of_going(collection, table, regrouped),
    )
    if old_groups:
        upkeep.renew_limits(collection)
    own = past_limits.read_limits(collection, least=generations.limits_revision(collection))
    moved: list[tuple[Path, Path]] = []
    try:
        for name in (generations.SEGMENTS_FOLDER, ORIGINALS_FOLDER):
            parts.move_parts(place, collection, name, moved)
        failpoints.reach_failpoint("backup moved in")
        past_limits.merge_limits(own, past_limits.read_all_limits(place))
        number = generations.publish_generation(collection, plan, regrouped, base=table)
    except BaseException:
        if generations.read_current_number(collection) == parent:  # else what was moved is needed
            for source, target in reversed(moved):
                target.rename(source)
        raise
    _take_extra_files(place, collection)
    return number


def _take_extra_files(place: Path, collection: Path) -> None:
    """Take over what stands beside generations; a memory of sources only where there is none.

    A collection's own is newer, and says who may see what they bring.
    """
    if (place / SOURCES_FILE).is_file() and not (collection / SOURCES_FILE).exists():
        (place / SOURCES_FILE).replace(collection / SOURCES_FILE)
    if (place / CALIBRATION_FILE).is_file():
        (place / CALIBRATION_FILE).replace(collection / CALIBRATION_FILE)
    else:  # one that was fitted on other content
        (collection / CALIBRATION_FILE).unlink(missing_ok=True)
    durable.sync_path(collection)


def _summarise_backup(facts: Mapping[str, Any], file: Path) -> BackupSummary:
    return BackupSummary(
        generation=int(facts["generation"]),
        documents=int(facts["sums"]["documents"]),
        chunks=int(facts["sums"]["chunks"]),
        created=str(facts["created"]),
        files=len(facts["files"]),
        size=file.stat().st_size,
    )
