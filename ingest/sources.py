"""The sources of a collection: the paths to ingest, their groups, and their document names.

A source is remembered by its real path. Its documents are named by their path below it. Where
that would collide with a name of another source, the document's name begins with the source's
own prefix, which is fixed at the first ingest and kept in ``sources.json``.
"""

import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexes.store import durability, generations, past_limits
from indexes.store.extra_files import ExtraFile
from indexes.store.strict_json import check_text, checksum_facts
from ingest.errors import IngestError, SourceUnreadable
from ingest.source_files import SourceFile, encode_uri

REMEMBERED_SOURCES = "sources.json"
_KEYS = frozenset({"format", "sources", "checksum"})
_LISTED_SOURCES = 20  # that an error names
API = "api"  # a source that is no path: real paths begin with "/"
REMOTE_PREFIX = "source:"  # of the names of those that a connector reads


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source as it is remembered between jobs.

    name: its real path. prefix: what its documents' names begin with, ends with ``/``; used for
    all of them, or, when ``always`` is False, only for those that would collide.
    groups: who may see the documents that come to it; empty means everyone.
    """

    name: str
    prefix: str
    always: bool = False
    groups: frozenset[str] = frozenset()


def assign_uris(
    source_files: Sequence[SourceFile], source: Source, taken_uris: Collection[str]
) -> dict[str, SourceFile]:
    """Assign each file of a source its uri, without colliding with those of other sources.

    ``taken_uris``: the uris of other sources.

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
    """Return a remembered source, or a new one with a prefix that is free.

    The prefix is the folder's own name, with a number where another source has it. A new source
    that would collide bears it on all its documents; one that does not, bears none.
    """
    if source := known_sources.get(str(root)):
        return source
    folder = root if root.is_dir() else root.parent
    base = encode_uri(folder.name) or "source"
    others = {source.prefix for source in known_sources.values()}
    first_parts = {uri.partition("/")[0] for uri in taken_uris}
    number = 1
    prefix = f"{base}/"
    while prefix in others or prefix.rstrip("/") in first_parts:
        number += 1
        prefix = f"{base}-{number}/"
    always = any(file.name in taken_uris for file in source_files)
    return Source(name=str(root), prefix=prefix, always=always)


def find_removed_sources(
    paths: Sequence[Path], known_names: Collection[str], used_names: Collection[str]
) -> list[str]:
    """Return the names of the sources that paths name, whether or not anything is there now.

    used_names: sources that are taken in. Raises SourceUnreadable for a path that is no source,
    IngestError for one that is taken in at once.
    """
    names = dict[str, None]()
    for path in paths:
        candidates = (os.path.realpath(path), str(path.absolute()), str(path))
        name = next((candidate for candidate in candidates if candidate in known_names), None)
        if name is None:
            listed = ", ".join(sorted(known_names)[:_LISTED_SOURCES]) or "none"
            raise SourceUnreadable(
                f"{path} is no source of this collection, whose sources are: {listed}. Nothing was "
                "changed."
            )
        if name in used_names:
            raise IngestError(f"{path} is to be taken in and taken away. Nothing was changed.")
        names[name] = None
    return list(names)


def read_sources(collection: Path) -> dict[str, Source]:
    """Read the remembered sources of a collection, by name.

    Raises IngestError when the memory is damaged: guessing could open documents to strangers.
    """
    file = collection / REMEMBERED_SOURCES
    try:
        content = json.loads(file.read_bytes())
        _check_seal(content)
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
    collection: Path,
    known_sources: Mapping[str, Source],
    used_sources: Iterable[Source],
    *,
    removed: Collection[str] = (),
) -> None:
    """Add sources that were used to the remembered ones, in one step. Raises OSError.

    removed: names to be forgotten. A limited one stays remembered: its folder may lie in another
    source, and must not be opened by that. The groups of limited ones are noted with the limits of
    past texts too, which outlast the file.
    """
    sources = {**known_sources, **{source.name: source for source in used_sources}}
    sources = {
        name: source for name, source in sources.items() if name not in removed or source.groups
    }
    least = generations.limits_revision(collection)
    limits = past_limits.read_limits(collection, least=least)
    past_limits.note_sources(limits, {name: source.groups for name, source in sources.items()})
    if sources == known_sources:
        return
    entries = {
        source.name: {
            "prefix": source.prefix,
            "always": source.always,
            "groups": sorted(source.groups),
        }
        for source in sources.values()
    }
    facts: dict[str, Any] = {"format": 1, "sources": entries}
    facts["checksum"] = checksum_facts(facts)
    content = json.dumps(facts, indent=1, sort_keys=True)
    durability.replace_file(collection / REMEMBERED_SOURCES, f"{content}\n".encode())


def restrict_sources(
    known_sources: Mapping[str, Source], used_sources: Iterable[Source]
) -> list[Source]:
    """Return sources with the narrower groups of before and after, to be saved before a publish.

    Whoever is newly let in is let in with the publish; whoever is shut out stays out even when it
    fails, so that no later ingest opens what somebody meant to close.
    """
    return [
        _narrower_source(known_sources.get(source.name, source), source) for source in used_sources
    ]


def _narrower_source(before: Source, after: Source) -> Source:
    """Return the source whose groups let fewer people see it."""
    closes = after.groups and (not before.groups or after.groups <= before.groups)
    return after if closes or before.groups == after.groups else before


def _make_source(name: str, *, prefix: str, always: bool, groups: object) -> Source:
    """Read one source. Raises ValueError for groups that are none: fewer would let in everyone."""
    if not isinstance(groups, list) or not all(isinstance(g, str) and g.strip() for g in groups):
        raise ValueError(f"{name} has groups that are none")
    return Source(name=name, prefix=prefix, always=always, groups=frozenset(groups))


def _check_seal(facts: Mapping[str, Any]) -> None:
    """Compare remembered sources with their checksum; homes of old have none. Raises ValueError.

    They say who may see what comes to a source: one changed letter in the name of a group would
    show documents to others.
    """
    if not facts.keys() <= _KEYS:
        raise ValueError("it says what no sources.json of ours does")
    if "checksum" in facts and facts["checksum"] != checksum_facts(facts):
        raise ValueError("its checksum is wrong")


def _check_sources(values: Any) -> None:
    _check_seal(values)
    for name, source in values["sources"].items():
        check_text(name)
        check_text(source["prefix"])
        groups = source["groups"]
        if type(source["always"]) is not bool or not isinstance(groups, list):
            raise ValueError(name)
        for group in groups:
            check_text(group)


# A collection's own is newer than a backup's, and says who may see what its sources bring.
SOURCES_EXTRA_FILE = ExtraFile(name=REMEMBERED_SOURCES, check=_check_sources, is_newer_here=True)
