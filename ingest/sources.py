"""A PATH is a source: what lies in it, and the names its documents bear.

A source is remembered by its real path. Its documents are named by their path below it. Where
that would collide with a name of another source, the document's name begins with the source's
own prefix, which is fixed at the first ingest and kept in ``sources.json``.
"""

import json
import os
import stat
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from indexes import beside, durable, generations, past_limits
from ingest.beneath import LIST_FLAGS, open_real_path
from ingest.document import Skipped
from ingest.errors import IngestError, SourceUnreadable
from ingest.validity import SIDECAR

REMEMBERED_SOURCES = "sources.json"
API, APPROVED = "api", "approved"  # sources that are no path: real paths begin with "/"
_PRIVATE = frozenset({"Thumbs.db", "desktop.ini", "__MACOSX"})  # made by systems, for themselves
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A remembered source.

    name: its real path. prefix: what its documents' names begin with, ends with ``/``; used for
    all of them, or, when ``always`` is False, only for those that would collide.
    groups: who may see the documents that come to it; empty means everyone.
    """

    name: str
    prefix: str
    always: bool = False
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file of a source. name: its path below the source, as a uri. path: where to read it.

    found: what the file system said of it; None for a link. named: where a link to it lies.
    alone: nothing in its folder has the name of its sidecar. real: no part of its path was a link.
    """

    name: str
    path: Path
    status: os.stat_result | None = None
    link_path: Path | None = None
    has_no_sidecar: bool = False
    real: bool = False


Listing = Sequence[tuple[Path, Sequence[SourceFile | Skipped]]]


def list_sources(paths: Sequence[Path], *, excluded_folder: Path | None = None) -> Listing:
    """List the files of some sources, by their real paths. Raises SourceUnreadable.

    without: a folder to pass over where it lies in a source: the desk's own, ``./var`` in ``.``.
    """
    return [
        (root, list_files(root, excluded_folder=excluded_folder)) for root in resolve_paths(paths)
    ]


def list_newer_names(listing: Listing, reference: Path) -> list[str]:
    """Name the files that may have changed since another file was written; all without it.

    The clock of a file system may be as coarse as two seconds.
    """
    since = reference.stat().st_mtime_ns - 2_000_000_000 if reference.exists() else 0
    plain_files = (
        entry for _, entries in listing for entry in entries if isinstance(entry, SourceFile)
    )
    return [one.name for one in plain_files if one.status and one.status.st_ctime_ns >= since]


def resolve_paths(paths: Sequence[Path]) -> list[Path]:
    """Give the real paths of sources, each once. Raises SourceUnreadable for a missing one."""
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
        entries = [] if empty else [SourceFile(name=_encode_uri(root.name), path=root, real=True)]
    if not any(isinstance(entry, SourceFile) for entry in entries):
        why = f" ({entries[0].reason})" if entries and isinstance(entries[0], Skipped) else ""
        raise SourceUnreadable(f"{root} holds no file to read{why}. Nothing was changed.")
    return entries


def assign_uris(
    source_files: Sequence[SourceFile], source: Source, taken_uris: Collection[str]
) -> dict[str, SourceFile]:
    """Give each file of a source its uri. ``taken_uris``: the uris of other sources.

    Two files whose names read the same are told apart by a number.
    """
    uris: dict[str, SourceFile] = {}
    for file in source_files:
        uri = f"{source.prefix}{file.name}" if source.always else file.name
        if uri in taken_uris:
            uri = f"{source.prefix}{uri}"
        number = 2
        while uri in uris or uri in taken_uris:
            stem, dot, ending = uri.rpartition(".")
            uri = f"{stem}-{number}{dot}{ending}"
            number += 1
        uris[uri] = file
    return uris


def settle_source(
    root: Path,
    source_files: Sequence[SourceFile],
    known_sources: Mapping[str, Source],
    taken_uris: Collection[str],
) -> Source:
    """Recall a source, or fix the prefix of a new one.

    The prefix is the folder's own name, with a number where another source has it. A new source
    that would collide bears it on all its documents; one that does not, bears none.
    """
    if source := known_sources.get(str(root)):
        return source
    folder = root if root.is_dir() else root.parent
    base = _encode_uri(folder.name) or "source"
    others = {source.prefix for source in known_sources.values()}
    first_parts = {uri.partition("/")[0] for uri in taken_uris}
    number, prefix = 1, f"{base}/"
    while prefix in others or prefix.rstrip("/") in first_parts:
        number += 1
        prefix = f"{base}-{number}/"
    always = any(file.name in taken_uris for file in source_files)
    return Source(name=str(root), prefix=prefix, always=always)


def read_sources(collection: Path) -> dict[str, Source]:
    """Read the remembered sources of a collection, by name.

    Raises IngestError when the memory is damaged: guessing could open documents to strangers.
    """
    file = collection / REMEMBERED_SOURCES
    try:
        content = json.loads(file.read_bytes())
        beside.check_facts_seal(content)
        return {name: _make_source(name, **known) for name, known in content["sources"].items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise IngestError(
            f"{file} is damaged. Put its backup in place, or remove it and name the groups of "
            "every source anew: ragdesk ingest PATH --groups a,b. If you changed it yourself, take "
            'its line "checksum" out. Nothing was changed.'
        ) from error


def write_sources(
    collection: Path, known_sources: Mapping[str, Source], used_sources: Iterable[Source]
) -> None:
    """Add sources that were used to the remembered ones, in one step. Raises OSError.

    The groups of limited ones are noted with the limits of past texts too, which outlast the file.
    """
    sources = {**known_sources, **{source.name: source for source in used_sources}}
    least = generations.limits_revision(collection)
    limits = past_limits.read_limits(collection, least=least)
    past_limits.note_sources(limits, {name: one.groups for name, one in sources.items()})
    if sources == known_sources:
        return
    entries = {
        one.name: {"prefix": one.prefix, "always": one.always, "groups": sorted(one.groups)}
        for one in sources.values()
    }
    facts = beside.seal_facts({"format": 1, "sources": entries})
    content = json.dumps(facts, indent=1, sort_keys=True)
    durable.replace_file(collection / REMEMBERED_SOURCES, f"{content}\n".encode())


def restrict_sources(
    known_sources: Mapping[str, Source], used_sources: Iterable[Source]
) -> list[Source]:
    """Give sources as they are to be remembered before a publish: never seen by more than before.

    Whoever is newly let in is let in with the publish; whoever is shut out stays out even when it
    fails, so that no later ingest opens what somebody meant to close.
    """
    return [
        _narrower_source(known_sources.get(source.name, source), source) for source in used_sources
    ]


def _narrower_source(before: Source, after: Source) -> Source:
    """Give the source with those groups of the two that let fewer see it; none lets everyone."""
    closes = after.groups and (not before.groups or after.groups <= before.groups)
    return after if closes or before.groups == after.groups else before


def _make_source(name: str, *, prefix: str, always: bool, groups: object) -> Source:
    """Read one source. Raises ValueError for groups that are none: fewer would let in everyone."""
    if not isinstance(groups, list) or not all(isinstance(g, str) and g.strip() for g in groups):
        raise ValueError(f"{name} has groups that are none")
    return Source(name=name, prefix=prefix, always=always, groups=frozenset(groups))


def _walk_folder(root: Path, excluded_folder: Path | None) -> Iterator[SourceFile | Skipped]:
    """Go through a folder and all below it, without recursion: folders may be very deep."""
    folders = [(root, "")]
    while folders:
        folder, above = folders.pop()
        try:
            entries = _list_folder(folder)
        except OSError as error:
            why = f"the folder cannot be read: {error.strerror}; what was taken in from it stays"
            yield Skipped(uri=f"{_encode_uri(above or '.')}/".replace("//", "/"), reason=why)
            continue
        names = {entry for entry, _, _ in entries}
        yield from _find_stray_sidecars(names, above)
        for entry, is_folder, status in entries:
            path, name = folder / entry, f"{above}{entry}"
            if name.lower().endswith(SIDECAR):
                continue
            if is_folder:
                folders += [] if path == excluded_folder else [(path, f"{name}/")]
            elif status:
                alone = f"{entry}{SIDECAR}" not in names
                yield SourceFile(
                    name=_encode_uri(name),
                    path=path,
                    status=status,
                    has_no_sidecar=alone,
                    real=True,
                )
            else:
                yield _check_entry(path, _encode_uri(name), root)


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
    """Tell of a plain file what it is; None for what has to be looked at more closely."""
    try:
        plain = entry.is_file(follow_symlinks=False)
        return entry.stat(follow_symlinks=False) if plain else None
    except OSError:
        return None


def _check_entry(path: Path, name: str, root: Path) -> SourceFile | Skipped:
    """Decide whether a directory entry is a file to take in."""
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
    """Name the sidecars that nobody would read."""
    for name in sorted(names):
        if not name.lower().endswith(SIDECAR):
            continue
        if not name.endswith(SIDECAR):
            reason = f"a sidecar's name ends in {SIDECAR}, in small letters"
            yield Skipped(uri=_encode_uri(f"{above}{name}"), reason=reason)
        elif name.removesuffix(SIDECAR) not in names:
            reason = f"a sidecar of {name.removesuffix(SIDECAR)}, which is not there"
            yield Skipped(uri=_encode_uri(f"{above}{name}"), reason=reason)


def _is_private(name: str) -> bool:
    return name.startswith((".", "~$")) or name in _PRIVATE


def _encode_uri(name: str) -> str:
    r"""Write a file's name as a uri: what cannot be seen or is no Unicode is percent-encoded.

    >>> _encode_uri("a b/退款.md"), _encode_uri("a\nb\udcff")
    ('a b/退款.md', 'a%0Ab%FF')
    """
    if name.isascii() and name.isprintable():
        return name
    return "".join(
        quote(os.fsencode(c), safe="") if unicodedata.category(c) in _INVISIBLE_CATEGORIES else c
        for c in name
    )


def _entry_name(entry: SourceFile | Skipped) -> str:
    return entry.name if isinstance(entry, SourceFile) else entry.uri
