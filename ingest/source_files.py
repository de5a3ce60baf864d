"""List the files of a source's path, and those that are skipped, with the reason."""

import os
import stat
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ingest.document import Skipped
from ingest.errors import SourceUnreadable
from ingest.parse.encoding_guess import guess_encoding
from ingest.safe_open import LIST_FLAGS, open_real_path
from ingest.validity import SIDECAR

_PRIVATE = frozenset({"Thumbs.db", "desktop.ini", "__MACOSX"})  # made by systems, for themselves
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file of a source. name: its path below the source, as a uri. path: where to read it.

    status: what the file system says of it; None for a link. link_path: where a link to it lies.
    has_no_sidecar: nothing in its folder has the name of its sidecar. real: no part of its path is
    a link. groups: who may see it, of those whom its source admits; empty is all of them.
    address: where people open it, if it is a page of another system.
    """

    name: str
    path: Path
    status: os.stat_result | None = None
    link_path: Path | None = None
    has_no_sidecar: bool = False
    real: bool = False
    groups: frozenset[str] = frozenset()
    address: str = ""


Listing = Sequence[tuple[Path, Sequence[SourceFile | Skipped]]]


def list_sources(
    paths: Sequence[Path], excluded_folder: Path | None = None, remote: Listing = ()
) -> Listing:
    """List the files of some sources, by their real paths. Raises SourceUnreadable.

    excluded_folder: passed over inside a source, as the desk's own ``./var`` in ``.`` is. remote:
    what connectors listed, which is added.
    """
    listing = [
        (root, list_files(root, excluded_folder=excluded_folder)) for root in resolve_paths(paths)
    ]
    return [*listing, *remote]


def list_newer_names(listing: Listing, reference: Path) -> list[str]:
    """Return the names of files that changed after a reference file was written.

    All names, where there is no reference file. The clock of a file system may be as coarse as two
    seconds.
    """
    since = reference.stat().st_mtime_ns - 2_000_000_000 if reference.exists() else 0
    plain_files = (
        entry for _, entries in listing for entry in entries if isinstance(entry, SourceFile)
    )
    return [file.name for file in plain_files if file.status and file.status.st_ctime_ns >= since]


def resolve_paths(paths: Sequence[Path]) -> list[Path]:
    """Return the real paths of sources, each once. Raises SourceUnreadable for a missing one."""
    real_paths: dict[Path, None] = {}
    for path in paths:
        try:
            real_paths[path.resolve(strict=True)] = None
        except (OSError, RuntimeError, ValueError) as error:  # loops, NUL, no permission
            why = getattr(error, "strerror", None) or "it cannot be resolved"
            raise SourceUnreadable(f"{path} cannot be read: {why}. Nothing was changed.") from error
    return list(real_paths)


def list_files(root: Path, *, excluded_folder: Path | None = None) -> list[SourceFile | Skipped]:
    """List the files of a source, by name; with them what cannot be taken in, and why.

    Hidden files are passed over. Links are followed to files inside the source only, and never
    to folders: what lies there is found under its own name, or is not of this source.
    Raises SourceUnreadable when there is no file at all.
    """
    if root.is_dir():
        entries = sorted(
            _walk_folder(root, excluded_folder and excluded_folder.resolve()), key=_entry_name
        )
    else:
        empty = root.is_file() and root.stat().st_size == 0
        entries = [] if empty else [SourceFile(name=encode_uri(root.name), path=root, real=True)]
    if not any(isinstance(entry, SourceFile) for entry in entries):
        why = f" ({entries[0].reason})" if entries and isinstance(entries[0], Skipped) else ""
        raise SourceUnreadable(f"{root} holds no file to read{why}. Nothing was changed.")
    return entries


def _walk_folder(root: Path, excluded_folder: Path | None) -> Iterator[SourceFile | Skipped]:
    """Walk a folder and all below it, without recursion: folders may be very deep."""
    folders = [(root, "")]
    while folders:
        folder, above = folders.pop()
        try:
            entries = _list_folder(folder)
        except OSError as error:
            why = f"the folder cannot be read: {error.strerror}; what was taken in from it stays"
            yield Skipped(uri=f"{encode_uri(above or '.')}/".replace("//", "/"), reason=why)
            continue
        names = {entry for entry, _, _ in entries}
        yield from _find_stray_sidecars(names, above)
        for entry, is_folder, status in entries:
            path = folder / entry
            name = f"{above}{entry}"
            if name.lower().endswith(SIDECAR):
                continue
            if is_folder:
                folders += [] if path == excluded_folder else [(path, f"{name}/")]
            elif status:
                alone = f"{entry}{SIDECAR}" not in names
                yield SourceFile(
                    name=encode_uri(name),
                    path=path,
                    status=status,
                    has_no_sidecar=alone,
                    real=True,
                )
            else:
                yield _check_entry(path, encode_uri(name), root)


def _list_folder(folder: Path) -> list[tuple[str, bool, os.stat_result | None]]:
    """List a folder by its real path: name, whether it is a folder, and of a plain file its stat.

    It is held open meanwhile, so that all of it is of one folder. Raises OSError.
    """
    descriptor = open_real_path(folder, flags=LIST_FLAGS)
    try:
        with os.scandir(descriptor) as entries:
            return [
                (entry.name, entry.is_dir(follow_symlinks=False), _plain_file_status(entry))
                for entry in entries
                if not _is_private(entry.name)
            ]
    finally:
        os.close(descriptor)


def _plain_file_status(entry: os.DirEntry[str]) -> os.stat_result | None:
    """Return the status of a plain file; None for an entry that needs a closer look."""
    try:
        plain = entry.is_file(follow_symlinks=False)
        return entry.stat(follow_symlinks=False) if plain else None
    except OSError:
        return None


def _check_entry(path: Path, name: str, root: Path) -> SourceFile | Skipped:
    """Decide whether a directory entry is a file to ingest."""
    try:
        real = path.resolve(strict=True) if path.is_symlink() else path
        mode = real.stat().st_mode
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or "a link that leads in circles"
        return Skipped(uri=name, reason=f"cannot be read: {why}")
    if not real.is_relative_to(root) or any(map(_is_private, real.relative_to(root).parts)):
        return Skipped(uri=name, reason="a link that leads out of the source is not followed")
    if stat.S_ISDIR(mode):
        return Skipped(uri=name, reason="a link to a folder is not followed")
    if not stat.S_ISREG(mode):
        return Skipped(uri=name, reason="not a file, but a pipe, socket or device")
    return SourceFile(name=name, path=real, link_path=path, real=True)


def _find_stray_sidecars(names: Collection[str], above: str) -> Iterator[Skipped]:
    """Yield a skip for each sidecar that belongs to no file."""
    for name in sorted(names):
        if not name.lower().endswith(SIDECAR):
            continue
        if not name.endswith(SIDECAR):
            reason = f"a sidecar's name ends in {SIDECAR}, in small letters"
            yield Skipped(uri=encode_uri(f"{above}{name}"), reason=reason)
        elif name.removesuffix(SIDECAR) not in names:
            reason = f"a sidecar of {name.removesuffix(SIDECAR)}, which is not there"
            yield Skipped(uri=encode_uri(f"{above}{name}"), reason=reason)


def _is_private(name: str) -> bool:
    return name.startswith((".", "~$")) or name in _PRIVATE


def encode_uri(name: str) -> str:
    r"""Write a file's name as a uri: what cannot be seen or is no Unicode is percent-encoded.

    Names in an older encoding, as archives bring them, are read by it.

    >>> encode_uri("a b/退款.md"), encode_uri("a\nb\udcff")
    ('a b/退款.md', 'a%0Ab%FF')
    >>> encode_uri(os.fsdecode("docs/报销须知.txt".encode("gbk")))
    'docs/报销须知.txt'
    """
    if name.isascii() and name.isprintable():
        return name
    if not name.isprintable():
        name = "/".join(map(_decode_name, name.split("/")))
    return "".join(
        quote(os.fsencode(c), safe="") if unicodedata.category(c) in _INVISIBLE_CATEGORIES else c
        for c in name
    )


def _decode_name(name: str) -> str:
    """Decode a part of a path that is no Unicode, if an older encoding fits its bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        body = os.fsencode(name)
        encoding = guess_encoding(body)
        letters = sum(letter.isascii() and letter.isalpha() for letter in name.partition(".")[0])
        if encoding == "cp1252" and letters * 2 < len(body) - letters:
            return name  # hardly a word: anything is a Western text
        with suppress(UnicodeDecodeError, LookupError):
            text = body.decode(encoding)
            return text if text.isprintable() else name
    return name


def _entry_name(entry: SourceFile | Skipped) -> str:
    return entry.name if isinstance(entry, SourceFile) else entry.uri
