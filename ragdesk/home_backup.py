"""Back up a home with its database in one file, and restore it.

The database first, of one moment, and then each collection as ``ragdesk indexes backup`` writes
it: so nothing in the database is of a generation that is younger than the backup's. What the desk
has learnt to sort questions by comes last. A plain tar,
whose first member lists all others with size and SHA-256; what it holds is checked before any of
it is used. Keys of encryption, settings and models are no part of it.
"""

import hashlib
import io
import json
import re
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from indexes.errors import IndexDamaged, IndexNotFound
from indexes.store import durability, generations
from indexes.store.strict_json import checksum_facts, parse_json
from indexes.upkeep.backup import write_backup
from indexes.upkeep.backup_format import open_backup
from indexes.upkeep.restore import restore_backup
from indexes.upkeep.tar_reader import TarReader
from ragdesk.assemble import EXTRA_FILES, Workspace
from ragdesk.errors import Invalid
from ragdesk.home_lock import require_idle_collections
from ragdesk.support.database import Database
from ragdesk.support.database_dump import dump_database, load_database
from ragdesk.support.insight.intent_training import USED_TURNS
from ragdesk.support.insight.question_insight import OWN_INTENTS
from ragdesk.support.migrations.migration import HEAD_REVISION

HOME_BACKUP_FORMAT: Final = 1
HOME_LISTING: Final = "HOME.json"
DATABASE_MEMBER: Final = "database.jsonl"
COLLECTION_MEMBER: Final = re.compile(r"collections/([a-z0-9][a-z0-9_-]{0,62})")
HOME_FILES: Final = (USED_TURNS.as_posix(), OWN_INTENTS.as_posix())
"""Files of a home that are carried as they are, the classifier behind what it learnt from."""
LARGEST_LISTING: Final = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeBackup:
    """What a backup of a home holds. rows: of each table of its database."""

    created: str
    collections: tuple[str, ...]
    size: int
    rows: Mapping[str, int]


def write_home_backup(workspace: Workspace, database: Database, file: Path) -> HomeBackup:
    """Write a home and its database into one new file; a server may go on meanwhile.

    Raises FileExistsError, IndexDamaged for a collection that is not whole, OSError.
    """
    if file.exists():
        raise FileExistsError(f"{file} is there already. Name another file.")
    draft = file.with_name(f"{durability.UNFINISHED_PREFIX}{file.name}")
    with tempfile.TemporaryDirectory(
        dir=file.parent, prefix=durability.UNFINISHED_PREFIX
    ) as folder:
        parts, rows = _write_parts(workspace, database, Path(folder))
        facts: dict[str, Any] = {
            "format": HOME_BACKUP_FORMAT,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "revision": HEAD_REVISION,
            "rows": rows,
            "files": {name: _measure(part) for name, part in parts.items()},
        }
        listing = json.dumps({**facts, "checksum": checksum_facts(facts)}, sort_keys=True).encode()
        try:
            with draft.open("xb") as out, tarfile.open(fileobj=out, mode="w|") as archive:
                archive.addfile(_make_member(HOME_LISTING, len(listing)), io.BytesIO(listing))
                for name, part in parts.items():
                    with part.open("rb") as content:
                        archive.addfile(_make_member(name, part.stat().st_size), content)
            draft.chmod(0o600)
            durability.sync_path(draft)
            draft.replace(file)
            durability.sync_path(file.parent)
        finally:
            draft.unlink(missing_ok=True)
    return _summarise(facts, file)


def restore_home_backup(
    workspace: Workspace, database: Database, file: Path, *, replace: bool = False
) -> HomeBackup:
    """Restore a home and its database from a backup: checked whole before any of it is used.

    replace: also over collections that hold documents (they can be rolled back), and in place of
    all that the database holds. Raises Invalid without it, IndexDamaged for a file that is not
    whole, OSError.
    """
    workspace.home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=workspace.home, prefix=durability.UNFINISHED_PREFIX
    ) as folder:
        facts, parts = _unpack(file, Path(folder))
        names = {name: COLLECTION_MEMBER.fullmatch(name) for name in parts}
        collections = {match[1]: parts[name] for name, match in names.items() if match}
        require_idle_collections(map(workspace.collection_folder, collections))
        for name in collections:
            if generations.list_generations(workspace.collection_folder(name)) and not replace:
                raise Invalid(
                    f"The collection {name!r} holds documents. Restore into an empty home, or say "
                    "--replace."
                )
        files = {name: parts[name] for name in HOME_FILES if name in parts}
        if any((workspace.home / name).exists() for name in files) and not replace:
            raise Invalid(
                f"{workspace.home} has learnt intents of its own. Restore into an empty home, or "
                "say --replace."
            )
        with parts[DATABASE_MEMBER].open("rb") as lines:
            load_database(database, lines, replace=replace)
        for name, part in collections.items():
            place = workspace.collection_folder(name)
            place.parent.mkdir(exist_ok=True)
            restore_backup(part, place, extra_files=EXTRA_FILES)
        for name in HOME_FILES:
            place = workspace.home / name
            if name in files:
                place.parent.mkdir(exist_ok=True)
                durability.replace_file(place, files[name].read_bytes())
            elif replace:  # what was learnt from conversations that are gone
                place.unlink(missing_ok=True)
    return _summarise(facts, file)


def _write_parts(
    workspace: Workspace, database: Database, folder: Path
) -> tuple[dict[str, Path], dict[str, int]]:
    """Write the database and each collection into files of their own."""
    dump = folder / "database"
    rows: dict[str, int] = {}
    table = ""
    with dump.open("wb") as out:
        for line in dump_database(database):
            out.write(line)
            if line.startswith(b"{"):
                table = json.loads(line)["table"]
                rows[table] = 0
            else:
                rows[table] += 1
    parts = {DATABASE_MEMBER: dump}
    for name in workspace.list_collections():
        part = folder / f"collection-{name}"
        try:
            write_backup(workspace.collection_folder(name), part, extra_files=EXTRA_FILES)
        except IndexNotFound:  # removed meanwhile
            continue
        parts[f"collections/{name}"] = part
    for place, name in enumerate(HOME_FILES):
        if (file := workspace.home / name).is_file():
            part = folder / f"file-{place}"
            part.write_bytes(file.read_bytes())  # of one moment: it may be trained anew meanwhile
            parts[name] = part
    return parts, rows


def _unpack(file: Path, folder: Path) -> tuple[dict[str, Any], dict[str, Path]]:
    """Write the members of a backup into a folder, under names of ours. Raises IndexDamaged."""
    with open_backup(file) as (_, archive):
        facts = _read_facts(file, archive)
        parts: dict[str, Path] = {}
        while (member := archive.next_member()) is not None:
            name, size = member
            sum_ = facts["files"].get(name)
            if sum_ is None or name in parts or size != sum_["size"]:
                raise IndexDamaged(f"{file} is not whole: {name[:80]!r} is not as it is listed.")
            parts[name] = folder / f"part-{len(parts)}"
            digest = hashlib.sha256()
            with parts[name].open("xb") as out:
                for piece in archive.iter_pieces():
                    digest.update(piece)
                    out.write(piece)
            if digest.hexdigest() != sum_["sha256"]:
                raise IndexDamaged(f"{file} was changed: {name[:80]!r} is not what it was.")
    if parts.keys() != facts["files"].keys():
        raise IndexDamaged(f"{file} is not whole.")
    return facts, parts


def _read_facts(file: Path, archive: TarReader) -> dict[str, Any]:
    """Read the listing of a backup, and check it. Raises IndexDamaged, Invalid."""
    member = archive.next_member()
    if member is None or member[0] != HOME_LISTING or member[1] > LARGEST_LISTING:
        raise IndexDamaged(f"{file} is no backup of a home.")
    try:
        facts = parse_json(b"".join(archive.iter_pieces()), most=LARGEST_LISTING)
        whole = facts["checksum"] == checksum_facts(facts)
        names = [str(name) for name in facts["files"]]
        known = all(
            n == DATABASE_MEMBER or n in HOME_FILES or COLLECTION_MEMBER.fullmatch(n) for n in names
        )
        revision = str(facts["revision"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IndexDamaged(f"{file} is no backup of ours: its listing is damaged.") from error
    if not whole or not known or DATABASE_MEMBER not in names:
        raise IndexDamaged(f"{file} is no backup of ours, or was changed.")
    if facts["format"] != HOME_BACKUP_FORMAT or revision > HEAD_REVISION:
        raise Invalid(f"{file} was written by a newer ragdesk. Install that one first.")
    return dict(facts)


def _measure(part: Path) -> dict[str, Any]:
    with part.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256")
    return {"size": part.stat().st_size, "sha256": digest.hexdigest()}


def _make_member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o600
    return member


def _summarise(facts: Mapping[str, Any], file: Path) -> HomeBackup:
    return HomeBackup(
        created=str(facts["created"]),
        collections=tuple(sorted(_collection_names(facts["files"]))),
        size=file.stat().st_size,
        rows=dict(facts["rows"]),
    )


def _collection_names(names: Iterable[str]) -> list[str]:
    return [match[1] for name in names if (match := COLLECTION_MEMBER.fullmatch(name))]
