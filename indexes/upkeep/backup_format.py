"""Read a backup file as untrusted input: its listing, its members and their checksums."""

import hashlib
import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from indexes.errors import (
    IndexDamaged,
)
from indexes.store import (
    past_limits,
)
from indexes.store.paths import (
    is_digest,
)
from indexes.store.strict_json import check_integer, check_text, checksum_facts, parse_json
from indexes.upkeep.tar_reader import TarReader

BACKUP_LISTING = "BACKUP.json"
BACKUP_FORMAT = 1
GENERATION_FOLDER = "generation"  # the folder of the generation in a backup
_NAMES = (  # of all that a backup may hold beside the extra files that it is read with
    r"generation/[A-Za-z][\w.-]*",
    r"segments/[0-9a-f]{64}/(?:[A-Za-z][\w.-]*/)?[A-Za-z][\w.-]*",
    r"originals/[0-9a-f]{64}",
    re.escape(past_limits.LIMITS_FILE),
)
_NAME = re.compile("|".join(_NAMES), re.ASCII)
_MOST = 64 << 20  # bytes of a listing
_VALUES = 6  # marks of JSON that the listing has for each file
BackupFiles = Mapping[str, tuple[int, str]]  # name to size and SHA-256


@contextmanager
def open_backup(file: Path) -> Iterator[tuple[IO[bytes], TarReader]]:
    """Open a backup, which may be forged."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as content:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise IndexDamaged(f"{file} is no backup: it is not a file.")
        yield content, TarReader(content, about.st_size, name=str(file))


def read_listing(
    file: Path, archive: TarReader, extra_names: Collection[str]
) -> tuple[dict[str, Any], BackupFiles]:
    """Read a backup's listing, and check its form.

    extra_names: of the files beside the generation that it may hold. Raises IndexDamaged.
    """
    member = archive.next_member()
    if member is None or member[0] != BACKUP_LISTING or member[1] > _MOST:
        raise IndexDamaged(f"{file} is no backup of a collection.")
    body = b"".join(archive.iter_pieces())
    try:
        facts = parse_json(body, most=_MOST, values=_VALUES * (len(body) // 100) + 1_000)
        return facts, _parse_listing(facts, body, extra_names)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = str(error) if type(error) is ValueError else "its listing is none of ours"
        raise IndexDamaged(f"{file} is no backup, or was changed: {why[:200]}.") from error


def _parse_listing(
    facts: Mapping[str, Any], body: bytes, extra_names: Collection[str]
) -> BackupFiles:
    """Read which files a listing names. Raises ValueError."""
    if facts["checksum"] != checksum_facts(facts) or b"[" in body:  # it needs no lists
        raise ValueError("its listing was changed")
    if facts["format"] != BACKUP_FORMAT:
        raise ValueError("it is of a newer format")
    files = {}
    for name, entry in facts["files"].items():
        if not (_NAME.fullmatch(name) or name in extra_names):
            raise ValueError("it lists a name that no backup has")
        files[name] = _parse_entry(name, entry)
    check_integer(facts["generation"], least=1, most=10**17), check_text(facts["created"], most=40)
    for name in ("documents", "chunks"):
        check_integer(facts["sums"][name])
    return files


def _parse_entry(name: str, entry: Mapping[str, Any]) -> tuple[int, str]:
    if not is_digest(entry["sha256"]):
        raise ValueError(f"the sum of {name} is none")
    return check_integer(entry["size"]), str(entry["sha256"])


def iter_backup_members(
    file: Path, archive: TarReader, files: BackupFiles
) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield every member with its content in pieces. Raises IndexDamaged when one is cut."""
    missing_files = dict(files)
    while member := archive.next_member():
        name, size = member
        if missing_files.get(name, (-1, ""))[0] != size:
            raise IndexDamaged(f"{file} holds a part that it does not list.")
        digest = hashlib.sha256()
        yield name, _hash_pieces(archive, digest)
        if digest.hexdigest() != missing_files.pop(name)[1]:
            raise IndexDamaged(f"{file}: {name} was changed.")
    if missing_files:
        raise IndexDamaged(f"{file} lacks {min(missing_files)}: it was cut.")


def _hash_pieces(archive: TarReader, digest: "hashlib._Hash") -> Iterator[bytes]:
    for piece in archive.iter_pieces():
        digest.update(piece)
        yield piece
