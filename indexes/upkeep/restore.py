"""Restore a collection from a backup file."""

import os
import shutil
from collections.abc import Mapping, Sequence
from errno import ENOSPC, ENOTEMPTY
from pathlib import Path
from typing import IO, Any

from indexes.errors import (
    CollectionBusy,
    IndexDamaged,
    IndexesError,
)
from indexes.store import (
    access_log,
    document_table,
    durability,
    failpoints,
    generations,
    locks,
    manifest,
    past_limits,
)
from indexes.store.extra_files import ExtraFile
from indexes.store.generations import Generation, GenerationPlan
from indexes.store.paths import (
    ORIGINALS_FOLDER,
    join_stored,
)
from indexes.upkeep import part_moves, rollback, verify
from indexes.upkeep.backup_format import (
    GENERATION_FOLDER,
    BackupFiles,
    iter_backup_members,
    open_backup,
    read_listing,
)

_RATIO = 100  # a file that unpacks to more than so many times its size is a bomb
_SPARE = 16 << 20  # bytes that a restore leaves free on the disk


def restore_backup(
    file: Path,
    collection: Path,
    *,
    extra_files: Sequence[ExtraFile] = (),
    old_groups: bool = False,
) -> int:
    """Publish the content of a backup as the collection's next generation; return its number.

    Everything is written and checked aside first; a collection that does not exist yet appears in
    one step, and one that does can be rolled back. A document that the collection knows keeps its
    present access groups. extra_files: of the rooms above, which the backup may hold. Raises
    IndexDamaged when the backup is not whole, holds what no backup of ours would, or when the
    present groups cannot be read (unless ``old_groups``: then those of the backup hold),
    CollectionBusy, OSError; then nothing has changed.
    """
    if collection.exists():
        with locks.lock_collection(collection):
            return _restore_into(file, collection, extra_files, old_groups=old_groups)
    draft = collection.with_name(f"{durability.UNFINISHED_PREFIX}restore-{collection.name}")
    with locks.lock_collection(draft):  # so that two do not restore into one name at a time
        try:
            for part in draft.iterdir():  # what one that was killed has left
                if part.name != locks.LOCK_FILE:
                    durability.discard_path(part)
            for name in (generations.GENERATIONS_FOLDER, generations.SEGMENTS_FOLDER):
                durability.make_folder(draft / name)
            number = _restore_into(file, draft, extra_files, old_groups=old_groups)
            _move_collection(draft, collection)
        finally:
            if draft.exists():
                durability.discard_path(draft)
    return number


def _move_collection(draft: Path, collection: Path) -> None:
    """Rename a restored folder to the collection's name. Raises CollectionBusy where it exists."""
    try:
        durability.move_folder(draft, collection)
    except OSError as error:
        if error.errno != ENOTEMPTY and not collection.exists():
            raise
        why = f"{collection} was made by somebody else meanwhile. Restore into another name."
        raise CollectionBusy(why) from error


def _restore_into(
    file: Path, collection: Path, extra_files: Sequence[ExtraFile], *, old_groups: bool
) -> int:
    place = collection / f"{durability.UNFINISHED_PREFIX}restore"
    durability.discard_path(place)
    place.mkdir()
    try:
        generation = _unpack_backup(file, place, extra_files)
        failpoints.reach_failpoint("backup unpacked")
        number = _install_parts(place, generation, collection, old_groups=old_groups)
        _install_extra_files(place, collection, extra_files)
        return number
    finally:
        for path in (collection / generations.SEGMENTS_FOLDER, collection / ORIGINALS_FOLDER):
            durability.discard_path(path / part_moves.STAGE)
        durability.discard_path(place)


def _unpack_backup(file: Path, place: Path, extra_files: Sequence[ExtraFile]) -> Generation:
    """Write a backup into an empty folder as a collection of one generation, and check it all."""
    with open_backup(file) as (content, archive):
        facts, files = read_listing(file, archive, {extra.name for extra in extra_files})
        _check_disk_space(file, content, place, files)
        for name, pieces in iter_backup_members(file, archive, files):
            target = _member_path(place, name, facts["generation"])
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as out:
                for piece in pieces:
                    out.write(piece)
    try:
        generation = _check_unpacked(place, facts, extra_files)
    except IndexesError as error:
        raise type(error)(f"{file} is refused: {error}") from error
    durability.sync_tree(place)
    return generation


def _check_disk_space(file: Path, content: IO[bytes], place: Path, files: BackupFiles) -> None:
    """Check a backup's claimed size against the file (a bomb) and against free disk space."""
    about = os.fstat(content.fileno())
    total = sum(size for size, _ in files.values())
    real = 512 * about.st_blocks or about.st_size  # some file systems do not count blocks
    if total > about.st_size or about.st_size > _RATIO * real + _SPARE:
        raise IndexDamaged(f"{file} says that it holds more than it does.")
    free = shutil.disk_usage(place).free
    if total + _SPARE > free:
        needs = f"{total + _SPARE:,} bytes are needed, {free:,} are free"
        raise OSError(ENOSPC, f"No room to restore {file.name}: {needs}", str(place))


def _member_path(place: Path, name: str, generation: int) -> Path:
    """Return the path of a member in a collection of its own."""
    kind, _, rest = name.partition("/")
    own = (
        f"{generations.GENERATIONS_FOLDER}/{generation}/{rest}"
        if kind == GENERATION_FOLDER
        else name
    )
    return join_stored(place, own)


def _check_unpacked(
    place: Path, facts: Mapping[str, Any], extra_files: Sequence[ExtraFile]
) -> Generation:
    """Check an unpacked backup as untrusted input."""
    number: int = facts["generation"]
    folder = place / generations.GENERATIONS_FOLDER / str(number)
    generations.set_current(place, number, manifest.read_manifest(folder).checksum)
    generation = generations.read_generation(place, number)
    if dict(generation.sums) != facts["sums"]:
        raise IndexDamaged("Its generation holds another number of documents than its listing.")
    if problems := verify.verify_collection(place, extra_files=extra_files, lacking=True):
        raise IndexDamaged(problems[0])
    segments = place / generations.SEGMENTS_FOLDER
    present = {f.name for f in segments.iterdir()} if segments.is_dir() else set[str]()
    if present != set(generation.segments) or verify.list_unlisted_originals(place):
        raise IndexDamaged("It holds segments or originals that its generation does not name.")
    return generation


def _install_parts(
    place: Path, generation: Generation, collection: Path, *, old_groups: bool
) -> int:
    """Put the parts in their places, and publish their generation; all of it, or nothing."""
    parent = generations.read_current_number(collection)
    table = generation.folder / document_table.TABLE_FILE
    regrouped = list(rollback.collect_regrouped(collection, table, old_groups=old_groups))
    before = generations.find_whole_table(collection, parent) if parent else None
    access = access_log.compare_tables(before, table, regrouped)
    plan = GenerationPlan(
        parent=parent,
        segments=generation.segments,
        dead=generation.dead,
        sums=generation.sums,
        reading=generation.reading,
        access=access,
        limits=verify.limits_of_going(collection, table, regrouped),
    )
    if old_groups:
        verify.renew_limits(collection)
    own = past_limits.read_limits(collection, least=generations.limits_revision(collection))
    moved: list[tuple[Path, Path]] = []
    try:
        for name in (generations.SEGMENTS_FOLDER, ORIGINALS_FOLDER):
            part_moves.move_parts(place, collection, name, moved)
        failpoints.reach_failpoint("backup moved in")
        past_limits.merge_limits(own, past_limits.read_all_limits(place))
        number = generations.publish_generation(collection, plan, regrouped, base=table)
    except BaseException:
        if generations.read_current_number(collection) == parent:  # else what was moved is needed
            for source, target in reversed(moved):
                target.rename(source)
        raise
    return number


def _install_extra_files(place: Path, collection: Path, extra_files: Sequence[ExtraFile]) -> None:
    """Put a backup's extra files in place of the collection's, but where its own are newer."""
    for extra_file in extra_files:
        target = collection / extra_file.name
        if extra_file.is_newer_here and target.exists():
            continue
        if (place / extra_file.name).is_file():
            (place / extra_file.name).replace(target)
        else:
            target.unlink(missing_ok=True)
    durability.sync_path(collection)
