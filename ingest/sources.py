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
from ingest.beneath import LISTED, open_real
from ingest.document import Skipped
from ingest.errors import IngestError, SourceUnreadable
from ingest.validity import SIDECAR

MEMORY = "sources.json"
API, APPROVED = "api", "approved"  # sources that are no path: real paths begin with "/"
_PRIVATE = frozenset({"Thumbs.db", "desktop.ini", "__MACOSX"})  # made by systems, for themselves
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


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
class Found:
    """A file of a source. name: its path below the source, as a uri. path: where to read it.

    found: what the file system said of it; None for a link. named: where a link to it lies.
    alone: nothing in its folder has the name of its sidecar. real: no part of its path was a link.
    """

    name: str
    path: Path
    found: os.stat_result | None = None
    named: Path | None = None
    alone: bool = False
    real: bool = False


Listing = Sequence[tuple[Path, Sequence[Found | Skipped]]]


def listing(paths: Sequence[Path], *, without: Path | None = None) -> Listing:
    """List the files of some sources, by their real paths. Raises SourceUnreadable.

    without: a folder to pass over where it lies in a source: the desk's own, ``./var`` in ``.``.
    """
    return [(root, files(root, without=without)) for root in resolve(paths)]


def newer(listing: Listing, mark: Path) -> list[str]:
    """Name the files that may have changed since another file was written; all without it.

    The clock of a file system may be as coarse as two seconds.
    """
    since = mark.stat().st_mtime_ns - 2_000_000_000 if mark.exists() else 0
    found = (one for _, listed in listing for one in listed if isinstance(one, Found))
    return [one.name for one in found if one.found and one.found.st_ctime_ns >= since]


def resolve(paths: Sequence[Path]) -> list[Path]:
    """Give the real paths of sources, each once. Raises SourceUnreadable for a missing one."""
    found: dict[Path, None] = {}
    for path in paths:
        try:
            found[path.resolve(strict=True)] = None
        except (OSError, RuntimeError, ValueError) as error:  # loops, NUL, no permission
            why = getattr(error, "strerror", None) or "it cannot be resolved"
            raise SourceUnreadable(f"{path} cannot be read: {why}. Nothing was changed.") from error
    return list(found)


def files(root: Path, *, without: Path | None = None) -> list[Found | Skipped]:
    """List the files of a source, by name; with them what cannot be taken in, and why.

    Hidden files are passed over. Links are followed to files inside the source only, and never
    to folders: what lies there is found under its own name, or is not of this source.
    Raises SourceUnreadable when there is no file at all.
    """
    if root.is_dir():
        listed = sorted(_walk(root, without and without.resolve()), key=_name)
    else:
        empty = root.is_file() and root.stat().st_size == 0
        listed = [] if empty else [Found(name=_uri(root.name), path=root, real=True)]
    if not any(isinstance(one, Found) for one in listed):
        why = f" ({listed[0].reason})" if listed and isinstance(listed[0], Skipped) else ""
        raise SourceUnreadable(f"{root} holds no file to read{why}. Nothing was changed.")
    return listed


def named(found: Sequence[Found], source: Source, taken: Collection[str]) -> dict[str, Found]:
    """Give each file of a source its uri. ``taken``: the uris of other sources.

    Two files whose names read the same are told apart by a number.
    """
    uris: dict[str, Found] = {}
    for one in found:
        uri = f"{source.prefix}{one.name}" if source.always else one.name
        if uri in taken:
            uri = f"{source.prefix}{uri}"
        number = 2
        while uri in uris or uri in taken:
            stem, dot, ending = uri.rpartition(".")
            uri = f"{stem}-{number}{dot}{ending}"
            number += 1
        uris[uri] = one
    return uris


def settle(
    root: Path, found: Sequence[Found], known: Mapping[str, Source], taken: Collection[str]
) -> Source:
    """Recall a source, or fix the prefix of a new one.

    The prefix is the folder's own name, with a number where another source has it. A new source
    that would collide bears it on all its documents; one that does not, bears none.
    """
    if source := known.get(str(root)):
        return source
    folder = root if root.is_dir() else root.parent
    base = _uri(folder.name) or "source"
    others = {source.prefix for source in known.values()}
    heads = {uri.partition("/")[0] for uri in taken}
    number, prefix = 1, f"{base}/"
    while prefix in others or prefix.rstrip("/") in heads:
        number += 1
        prefix = f"{base}-{number}/"
    always = any(one.name in taken for one in found)
    return Source(name=str(root), prefix=prefix, always=always)


def recall(collection: Path) -> dict[str, Source]:
    """Read the remembered sources of a collection, by name.

    Raises IngestError when the memory is damaged: guessing could open documents to strangers.
    """
    file = collection / MEMORY
    try:
        content = json.loads(file.read_bytes())
        beside.check_seal(content)
        return {name: _source(name, **known) for name, known in content["sources"].items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise IngestError(
            f"{file} is damaged. Put its backup in place, or remove it and name the groups of "
            "every source anew: ragdesk ingest PATH --groups a,b. If you changed it yourself, take "
            'its line "checksum" out. Nothing was changed.'
        ) from error


def remember(collection: Path, known: Mapping[str, Source], used: Iterable[Source]) -> None:
    """Add sources that were used to the remembered ones, in one step. Raises OSError.

    The groups of limited ones are noted with the limits of past texts too, which outlast the file.
    """
    sources = {**known, **{one.name: one for one in used}}
    least = generations.limits_revision(collection)
    limits = past_limits.read(collection, least=least)
    past_limits.note_sources(limits, {name: one.groups for name, one in sources.items()})
    if sources == known:
        return
    told = {
        one.name: {"prefix": one.prefix, "always": one.always, "groups": sorted(one.groups)}
        for one in sources.values()
    }
    facts = beside.seal({"format": 1, "sources": told})
    content = json.dumps(facts, indent=1, sort_keys=True)
    durable.replace(collection / MEMORY, f"{content}\n".encode())


def narrower(known: Mapping[str, Source], used: Iterable[Source]) -> list[Source]:
    """Give sources as they are to be remembered before a publish: never seen by more than before.

    Whoever is newly let in is let in with the publish; whoever is shut out stays out even when it
    fails, so that no later ingest opens what somebody meant to close.
    """
    return [_less(known.get(one.name, one), one) for one in used]


def _less(before: Source, after: Source) -> Source:
    """Give the source with those groups of the two that let fewer see it; none lets everyone."""
    closes = after.groups and (not before.groups or after.groups <= before.groups)
    return after if closes or before.groups == after.groups else before


def _source(name: str, *, prefix: str, always: bool, groups: object) -> Source:
    """Read one source. Raises ValueError for groups that are none: fewer would let in everyone."""
    if not isinstance(groups, list) or not all(isinstance(g, str) and g.strip() for g in groups):
        raise ValueError(f"{name} has groups that are none")
    return Source(name=name, prefix=prefix, always=always, groups=frozenset(groups))


def _walk(root: Path, without: Path | None) -> Iterator[Found | Skipped]:
    """Go through a folder and all below it, without recursion: folders may be very deep."""
    folders = [(root, "")]
    while folders:
        folder, above = folders.pop()
        try:
            inside = _inside(folder)
        except OSError as error:
            why = f"the folder cannot be read: {error.strerror}; what was taken in from it stays"
            yield Skipped(uri=f"{_uri(above or '.')}/".replace("//", "/"), reason=why)
            continue
        names = {entry for entry, _, _ in inside}
        yield from _astray(names, above)
        for entry, is_folder, about in inside:
            path, name = folder / entry, f"{above}{entry}"
            if name.lower().endswith(SIDECAR):
                continue
            if is_folder:
                folders += [] if path == without else [(path, f"{name}/")]
            elif about:
                alone = f"{entry}{SIDECAR}" not in names
                yield Found(name=_uri(name), path=path, found=about, alone=alone, real=True)
            else:
                yield _look(path, _uri(name), root)


def _inside(folder: Path) -> list[tuple[str, bool, os.stat_result | None]]:
    """List a folder by its real path: name, whether it is a folder, and of a plain file its stat.

    It is held open meanwhile, so that all of it is of one folder. Raises OSError.
    """
    descriptor = open_real(folder, flags=LISTED)
    try:
        with os.scandir(descriptor) as entries:
            return [
                (entry.name, entry.is_dir(follow_symlinks=False), _about(entry))
                for entry in entries
                if not _private(entry.name)
            ]
    finally:
        os.close(descriptor)


def _about(entry: os.DirEntry[str]) -> os.stat_result | None:
    """Tell of a plain file what it is; None for what has to be looked at more closely."""
    try:
        plain = entry.is_file(follow_symlinks=False)
        return entry.stat(follow_symlinks=False) if plain else None
    except OSError:
        return None


def _look(path: Path, name: str, root: Path) -> Found | Skipped:
    """Decide whether a directory entry is a file to take in."""
    try:
        real = path.resolve(strict=True) if path.is_symlink() else path
        mode = real.stat().st_mode
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or "a link that leads in circles"
        return Skipped(uri=name, reason=f"cannot be read: {why}")
    if not real.is_relative_to(root) or any(map(_private, real.relative_to(root).parts)):
        return Skipped(uri=name, reason="a link that leads out of the source is not followed")
    if stat.S_ISDIR(mode):
        return Skipped(uri=name, reason="a link to a folder is not followed")
    if not stat.S_ISREG(mode):
        return Skipped(uri=name, reason="not a file, but a pipe, socket or device")
    return Found(name=name, path=real, named=path, real=True)


def _astray(names: Collection[str], above: str) -> Iterator[Skipped]:
    """Name the sidecars that nobody would read."""
    for name in sorted(names):
        if not name.lower().endswith(SIDECAR):
            continue
        if not name.endswith(SIDECAR):
            reason = f"a sidecar's name ends in {SIDECAR}, in small letters"
            yield Skipped(uri=_uri(f"{above}{name}"), reason=reason)
        elif name.removesuffix(SIDECAR) not in names:
            reason = f"a sidecar of {name.removesuffix(SIDECAR)}, which is not there"
            yield Skipped(uri=_uri(f"{above}{name}"), reason=reason)


def _private(name: str) -> bool:
    return name.startswith((".", "~$")) or name in _PRIVATE


def _uri(name: str) -> str:
    r"""Write a file's name as a uri: what cannot be seen or is no Unicode is percent-encoded.

    >>> _uri("a b/退款.md"), _uri("a\nb\udcff")
    ('a b/退款.md', 'a%0Ab%FF')
    """
    if name.isascii() and name.isprintable():
        return name
    return "".join(
        quote(os.fsencode(c), safe="") if unicodedata.category(c) in _UNSEEN else c for c in name
    )


def _name(one: Found | Skipped) -> str:
    return one.name if isinstance(one, Found) else one.uri
