"""A folder's manifest: its facts, its files, and the checksum of each.

FAISS loads 300 of 300 flipped bits without a word, and SQLite most of them. So nothing is read
from a folder before its files have the size and the SHA-256 that its manifest lists. The
manifest itself carries a checksum over all its bytes but the checksum's own.
"""

import errno
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from indexes.errors import FormatNewer, IndexDamaged, IndexesError, tells_absence
from indexes.store import durability
from indexes.store.paths import is_digest, join_stored, read_plain
from indexes.store.strict_json import check_integer, parse_json

MANIFEST_FILE = "MANIFEST.json"
MANIFEST_FORMAT = 3  # 3: a generation's document table may be an older one, and what changed since
PLAIN_FORMAT = 2  # 2: documents may say when they hold, and chunks bear their version
MOST_MANIFEST_BYTES = 16 << 20  # bytes of a manifest
# A library's own, never data.
LIBRARY_LOCKS = frozenset({".tantivy-meta.lock", ".tantivy-writer.lock"})
MOST_VERIFIED = 10_000  # files; a server that lives through many publishes must not grow
_NONE = "0" * 64  # stands for the checksum while it is taken
_MANY = 16 << 20  # bytes; below, two threads are no faster than one

# What a file system says that has no hard links, or none more to this file.
_LINKLESS = frozenset(
    {errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS}
)

FileSums = Mapping[str, tuple[int, str]]  # relative path to size and SHA-256
_FileStamp = tuple[int, int, int]
_verified: dict[tuple[int, int], tuple[str, _FileStamp]] = {}  # SHA-256 by device and inode
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Manifest:
    """The facts of a folder (JSON values), its files, and the checksum of both.

    files: relative path with ``/`` to (size in bytes, SHA-256 in hex).
    """

    facts: Mapping[str, Any]
    files: Mapping[str, tuple[int, str]]
    checksum: str


def seal_folder(
    folder: Path,
    facts: Mapping[str, Any],
    *,
    known: FileSums | None = None,
    form: int = PLAIN_FORMAT,
) -> Manifest:
    """List a folder's files in its manifest, and fsync them all, the manifest and the folder.

    known: files whose sums need not be taken, as ``link_file`` gives them. form: the format that a
    reader must know to read this folder. Raises OSError when anything cannot be written or
    synced; the folder is then worthless.
    """
    files = {}
    for file in sorted(_iter_files(folder)):
        name = file.relative_to(folder).as_posix()
        files[name] = (known or {}).get(name) or (file.stat().st_size, _sha256(file))
    listed = {name: {"size": size, "sha256": sha256} for name, (size, sha256) in files.items()}
    content = {"format": form, "min_reader": form, **facts, "files": listed, "checksum": _NONE}
    blank = json.dumps(content, sort_keys=True, indent=1).encode() + b"\n"
    checksum = hashlib.sha256(blank).hexdigest()
    (folder / MANIFEST_FILE).write_bytes(
        blank.replace(_checksum_line(_NONE), _checksum_line(checksum))
    )
    durability.sync_tree(folder)
    return Manifest(MappingProxyType(dict(facts)), MappingProxyType(files), checksum)


def read_manifest(folder: Path) -> Manifest:
    """Read a folder's manifest and check the manifest itself, not yet the files it lists.

    Raises IndexDamaged when it is missing, cut or changed, FormatNewer when this version is too
    old for its format, and OSError when the machine cannot read it now.
    """
    file = folder / MANIFEST_FILE
    try:
        raw = read_plain(file, most=MOST_MANIFEST_BYTES)
        content = parse_json(raw, most=MOST_MANIFEST_BYTES)
        least = content["min_reader"]
    except OSError as error:
        if not tells_absence(error):
            raise
        raise IndexDamaged(f"{file} is missing.") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise IndexDamaged(f"{file} is not a manifest: it was cut or changed.") from None
    if isinstance(least, int) and least > MANIFEST_FORMAT:
        raise FormatNewer(
            f"{file} needs format {least}; this version reads {MANIFEST_FORMAT}: upgrade."
        )
    return _parse_manifest(file, raw, content)


def verify_files(folder: Path, manifest: Manifest) -> None:
    """Check size and SHA-256 of every file the manifest lists; raise IndexDamaged by name.

    A file that was verified by this process and has kept its inode, size and times is not
    read again. Raises OSError when the machine cannot read one now, which is no damage.
    """
    listed = {join_stored(folder, name): (name, *known) for name, known in manifest.files.items()}
    for file in _iter_files(folder):
        if file not in listed and file.name not in LIBRARY_LOCKS:
            raise IndexDamaged(f"{file} is not listed in the manifest beside it.")
    with ThreadPoolExecutor(max_workers=2) as pool:  # hashing lets go of the interpreter's lock
        map_files = pool.map if sum(size for size, _ in manifest.files.values()) > _MANY else map
        for problem in map_files(lambda item: _check_file(item[0], *item[1][1:]), listed.items()):
            if problem:
                raise IndexDamaged(problem)


def list_problems(folder: Path, checksum: str | None = None) -> list[str]:
    """Read every file of a folder anew, whatever was verified before; name all that is wrong.

    checksum: what the manifest itself must have, for one who knows. What a failing disk does not
    give is named too; any other OSError is raised.
    """
    try:
        manifest = read_manifest(folder)
        if checksum not in {None, manifest.checksum}:
            return [f"{folder / MANIFEST_FILE} belongs to another folder."]
        verify_files(folder, manifest)
        results = [
            _check_file(join_stored(folder, name), *known, anew=True)
            for name, known in manifest.files.items()
        ]
        return [problem for problem in results if problem]
    except IndexesError as error:
        return [str(error)]
    except OSError as error:
        return [describe_unreadable(error)]


def describe_unreadable(error: OSError) -> str:
    """Describe a file that a failing disk cannot read (EIO); raises any other error again."""
    if error.errno != errno.EIO:  # too many open files, say: nothing is wrong with this one
        raise error
    return f"{error.filename} cannot be read: {error.strerror}."


def link_file(source: Path, target: Path) -> tuple[int, str]:
    """Link a file of a sealed folder into another one; return its size and SHA-256.

    Its bytes are not written again, but where the file system has no links; nor read again, if
    this process has verified them. Raises IndexDamaged when they are not what they were.
    """
    listed = read_manifest(source.parent).files
    if source.name not in listed:
        raise IndexDamaged(f"{source} is not listed in the manifest beside it.")
    size, sha256 = listed[source.name]
    if problem := _check_file(source, size, sha256):
        raise IndexDamaged(problem)
    try:
        with keep_verified(source):
            os.link(source, target)
    except OSError as error:
        if error.errno not in _LINKLESS:
            raise
        shutil.copyfile(source, target)
    if problem := _check_file(target, size, sha256):
        raise IndexDamaged(problem)
    return size, sha256


@contextmanager
def keep_verified(file: Path) -> Iterator[None]:
    """Keep a file verified while another name of it is made or removed in the block.

    That changes its ctime, and would have it read again; its bytes are held by inode, size and
    mtime meanwhile. A file that is not there is not known.
    """
    before = _stat_file(file)
    yield
    after = _stat_file(file)
    if before is None or after is None or _file_inode(before) != _file_inode(after):
        return
    with _lock:
        sha256, stamp = _verified.get(_file_inode(before), ("", None))
        if stamp == _file_stamp(before) and stamp[:2] == _file_stamp(after)[:2]:
            _verified[_file_inode(after)] = (sha256, _file_stamp(after))


def _parse_manifest(file: Path, raw: bytes, content: dict[str, Any]) -> Manifest:
    try:
        own = ("checksum", "files", "format", "min_reader")
        facts = {key: value for key, value in content.items() if key not in own}
        files = {
            name: _parse_file_entry(file.parent, name, f) for name, f in content["files"].items()
        }
        manifest = Manifest(
            MappingProxyType(facts), MappingProxyType(files), str(content["checksum"])
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise IndexDamaged(f"{file} is not a manifest: it was cut or changed.") from None
    if not is_digest(manifest.checksum):
        raise IndexDamaged(f"{file} was changed: its checksum is none.")
    blank = raw.replace(_checksum_line(manifest.checksum), _checksum_line(_NONE))
    if hashlib.sha256(blank).hexdigest() != manifest.checksum:
        raise IndexDamaged(f"{file} was changed: its checksum is wrong.")
    return manifest


def _parse_file_entry(folder: Path, name: str, entry: Mapping[str, Any]) -> tuple[int, str]:
    """Read what a manifest says of one file. Raises ValueError, IndexDamaged."""
    join_stored(folder, name)
    if not is_digest(entry["sha256"]):
        raise ValueError(f"the sum of {name} is none")
    return check_integer(entry["size"]), str(entry["sha256"])


def _check_file(file: Path, size: int, sha256: str, *, anew: bool = False) -> str | None:
    """Return what is wrong with a file, or None."""
    try:
        status = file.stat()
        name, stamp = _file_inode(status), _file_stamp(status)
        if status.st_size != size:
            return f"{file} has {status.st_size} bytes; its manifest says {size}."
        with _lock:
            known = not anew and _verified.get(name) == (sha256, stamp)
        if not known and _sha256(file) != sha256:
            with _lock:
                _verified.pop(name, None)  # a failing disk changes no time
            return f"{file} was changed: its SHA-256 is not the one in its manifest."
    except OSError as error:
        if not tells_absence(error):
            raise
        return f"{file} is missing."
    with _lock:
        if len(_verified) >= MOST_VERIFIED:
            _verified.clear()
        _verified[name] = (sha256, stamp)
    return None


def _iter_files(folder: Path) -> Iterable[Path]:
    for root, _, names in os.walk(
        folder, onerror=_raise_folder_error
    ):  # else a folder that fails is empty
        yield from (
            Path(root, name) for name in names if (root, name) != (str(folder), MANIFEST_FILE)
        )


def _stat_file(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except OSError as error:
        if not tells_absence(error):
            raise
        return None


def _file_inode(about: os.stat_result) -> tuple[int, int]:
    return about.st_dev, about.st_ino


def _file_stamp(about: os.stat_result) -> _FileStamp:
    return about.st_size, about.st_mtime_ns, about.st_ctime_ns


def _raise_folder_error(error: OSError) -> None:
    raise error


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        try:
            return hashlib.file_digest(content, "sha256").hexdigest()
        except OSError as error:  # a read that fails does not know its file's name
            raise OSError(error.errno, error.strerror, str(file)) from error


def _checksum_line(checksum: str) -> bytes:
    return f'"checksum": "{checksum}"'.encode()
