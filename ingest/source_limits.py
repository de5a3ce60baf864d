"""Find who may see a file that lies in several sources, of which some admit only some groups."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePath

from indexes.store.access_log import intersect_groups
from ingest.document import Raw
from ingest.source_files import SourceFile
from ingest.sources import Source


def find_inner_limits(source: str, known: Iterable[Source]) -> dict[PurePath, frozenset[str]]:
    """Return the groups of the limited sources that lie inside another one, by their folders."""
    return {
        PurePath(other.name): other.groups
        for other in known
        if other.groups and other.name != source and PurePath(other.name).is_relative_to(source)
    }


def collect_limits(
    files: Mapping[str, SourceFile], limits: Mapping[PurePath, frozenset[str]]
) -> dict[str, frozenset[str]]:
    """Return, for each file that not all may see whom its source admits, those who may.

    A file has groups of its own, or lies in limited sources too.
    """
    groups = {uri: file.groups for uri, file in files.items() if file.groups}
    for uri, file in files.items() if limits else ():
        for folder, limit in limits.items():
            if file.path.is_relative_to(folder):
                groups[uri] = intersect_groups(groups.get(uri, frozenset()), limit)
    return groups


def restrict_file(raw: Raw, limits: Mapping[str, frozenset[str]]) -> Raw:
    """Return a file that only those may see whom the limited sources around it admit."""
    if raw.uri not in limits:
        return raw
    return replace(raw, groups=intersect_groups(raw.groups, limits[raw.uri]))
