"""Who may see a page here, given who may see it there."""

from collections.abc import Mapping, Sequence

from indexes.store.access_log import NOBODY_GROUPS
from ingest.connectors.remote_page import ReaderLayers

EVERYONE = "*"  # in the settings: every key of the collection


def map_readers(
    layers: ReaderLayers | None, group_map: Mapping[str, Sequence[str]]
) -> frozenset[str]:
    """Return the groups here that may see a page; empty for everyone.

    group_map: by the name of a group there, the groups here whose members are all in it, or ``*``.
    A name that is not in it lets nobody in. What nobody can be found for, and what could not be
    read, is for administrators alone.

    >>> staff = {"all-staff": ["staff", "hr"], "people-team": ["hr"], "anonymous": ["*"]}
    >>> sorted(map_readers((frozenset({"all-staff"}), frozenset({"people-team"})), staff))
    ['hr']
    >>> map_readers((frozenset({"anonymous", "people-team"}),), staff)
    frozenset()
    >>> map_readers((frozenset({"board"}),), staff) == map_readers(None, staff) == NOBODY_GROUPS
    True
    """
    if layers is None:
        return NOBODY_GROUPS
    allowed: frozenset[str] | None = None  # everyone, so far
    for names in layers:
        groups = {group for name in names for group in group_map.get(name, ())}
        if EVERYONE in groups:
            continue
        allowed = frozenset(groups) if allowed is None else allowed & groups
        if not allowed:
            return NOBODY_GROUPS
    return allowed or frozenset()
