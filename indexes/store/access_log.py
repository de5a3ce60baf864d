"""Removals and access-group changes of each generation, in a small file of its own with a checksum.

When a damaged generation is passed over, an older one answers with the texts of its day. Who may
see them must not be of that day. So each publish first writes a small file of its own, with a sum
over it: the documents that went since the generation before, and the new groups of those that
stayed. Where a file is missing or damaged, nobody knows, and only administrators are let in.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from indexes.errors import IndexDamaged, tells_absence
from indexes.store import durability, failpoints
from indexes.store.document_table import DocumentTable, ListedDocument
from indexes.store.paths import open_plain
from indexes.store.strict_json import checksum_facts

ACCESS_LOG_FOLDER = "access"
ACCESS_LOG_FORMAT = 1
_NAME = re.compile(r"([1-9][0-9]{0,17})\.json")
_DocumentKey = tuple[str, str]  # source and uri of a document
_Groups = frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessChanges:
    """Removals and group changes since an older generation was published.

    removed: those that are gone. groups: of those that stayed as they were, and may be seen by
    others than then. limits: of those that have another text now, who may see that one; the old
    text is for those who might see it then and may see the new one. unknown_reason: why
    nothing of this is known; then all are for administrators alone. Empty: known.
    """

    removed: frozenset[_DocumentKey] = frozenset()
    groups: Mapping[_DocumentKey, _Groups] = field(default_factory=dict)
    limits: Mapping[_DocumentKey, _Groups] = field(default_factory=dict)
    unknown_reason: str = ""

    def __bool__(self) -> bool:
        """Tell whether anything is different from what the generation itself says."""
        return bool(self.removed or self.groups or self.limits or self.unknown_reason)

    def merge_later(self, later: "AccessChanges") -> "AccessChanges":
        """Add a later change; for each document the later one wins."""
        removed = self.removed | later.removed
        old_text_groups = {
            place: names for place, names in later.groups.items() if place not in self.limits
        }
        new_text_limits = {
            place: names for place, names in later.groups.items() if place in self.limits
        }
        groups = {**self.groups, **old_text_groups}
        limits = {**self.limits, **new_text_limits, **later.limits}
        return AccessChanges(
            removed=removed,
            groups={place: names for place, names in groups.items() if place not in removed},
            limits={place: names for place, names in limits.items() if place not in removed},
            unknown_reason=self.unknown_reason or later.unknown_reason,
        )

    def effective_groups(self, document: ListedDocument) -> _Groups:
        """Return the groups that may see a document of the older generation today."""
        groups = self.groups.get(document.place, document.groups)
        return intersect_groups(groups, self.limits.get(document.place, frozenset()))


NO_ACCESS_CHANGES = AccessChanges()
# A group that no key can have: only administrators, who see every group, get past it.
NOBODY_GROUPS = frozenset({"\0nobody"})
_TableLookup = Callable[[int], Path | None]  # of a generation: its whole document table, or None


def intersect_groups(groups: _Groups, other: _Groups) -> _Groups:
    """Intersect two sets of access groups; an empty set lets everybody in.

    >>> sorted(intersect_groups(frozenset({"a", "b"}), frozenset({"b", "c"})))
    ['b']
    >>> intersect_groups(frozenset({"a"}), frozenset({"c"})) == NOBODY_GROUPS
    True
    """
    if not groups or not other:
        return groups or other
    return groups & other or NOBODY_GROUPS


def compare_documents(
    before: Iterable[ListedDocument], after: Iterable[ListedDocument]
) -> AccessChanges:
    """Compare two lists of documents: which were removed, and whose access groups changed."""
    now = {document.place: document for document in after}
    removed = set[_DocumentKey]()
    groups = dict[_DocumentKey, _Groups]()
    limits = dict[_DocumentKey, _Groups]()
    for document in before:
        place = document.place
        if place not in now:
            removed.add(place)
        elif now[place].digest != document.digest:
            limits[place] = now[place].groups
        elif now[place].groups != document.groups:
            groups[place] = now[place].groups
    return AccessChanges(removed=frozenset(removed), groups=groups, limits=limits)


def compare_tables(
    before: Path | None, after: Path, regrouped: Iterable[ListedDocument] = ()
) -> AccessChanges | None:
    """Return what a document table takes away from the one it replaces; None without that.

    regrouped: documents of the new table that get other groups than it says.
    """
    if before is None:
        return None
    groups = {document.place: document.groups for document in regrouped}
    with closing(DocumentTable(before)) as old_table, closing(DocumentTable(after)) as new_table:
        now = (replace(d, groups=groups.get(d.place, d.groups)) for d in new_table.iter_all())
        return compare_documents(old_table.iter_all(), now)


def write_access_log(
    collection: Path, number: int, parent: int | None, access: AccessChanges | None
) -> None:
    """Write for good what a generation changes against its parent, before it has its name.

    None where that is not known: then no file stands, whatever a publish that failed left there.
    Raises OSError.
    """
    file = collection / ACCESS_LOG_FOLDER / f"{number}.json"
    if access is None or parent is None:
        file.unlink(missing_ok=True)
        return
    facts = {
        "format": ACCESS_LOG_FORMAT,
        "generation": number,
        "parent": parent,
        "removed": sorted(map(list, access.removed)),
        "groups": _group_rows(access.groups),
        "limits": _group_rows(access.limits),
    }
    durability.make_folder(file.parent)
    body = json.dumps({**facts, "checksum": checksum_facts(facts)}, ensure_ascii=True).encode()
    draft = file.with_name(f"{durability.UNFINISHED_PREFIX}{file.name}")
    draft.unlink(missing_ok=True)
    durability.write_file(draft, body)
    draft.replace(file)
    durability.sync_path(file.parent)
    failpoints.reach_failpoint("access log written")


def read_access_log(collection: Path, number: int) -> tuple[int, AccessChanges] | None:
    """Read a generation's parent and what it changed against it; None where that is not known.

    Raises OSError when the machine cannot read the file now.
    """
    file = collection / ACCESS_LOG_FOLDER / f"{number}.json"
    try:
        with open_plain(file) as content:  # a pipe in its place would never end
            facts: dict[str, Any] = json.loads(content.read())
        if facts["checksum"] != checksum_facts(facts) or facts["generation"] != number:
            return None
        groups, limits = (
            {(source, uri): frozenset(names) for source, uri, names in facts[kind]}
            for kind in ("groups", "limits")
        )
        removed = frozenset((source, uri) for source, uri in facts["removed"])
        return int(facts["parent"]), AccessChanges(removed=removed, groups=groups, limits=limits)
    except OSError as error:
        if not tells_absence(error):
            raise
        return None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, IndexDamaged):
        return None


def collect_access_changes(
    collection: Path, older: int, newer: int, find_table: _TableLookup
) -> AccessChanges:
    """Collect removals and group changes between an older generation and a newer, unusable one.

    Goes back by the logs; where these do not lead to the older one, until a document table is
    whole. Two tables do not tell whether a text was shut in before another took its name; then it
    is for administrators alone. find_table: returns the document table of a generation. Raises
    OSError when the machine cannot read a file now.
    """
    if (known := _collect_from_logs(collection, older, newer)) is not None:
        return known
    since = NO_ACCESS_CHANGES
    at = newer
    tried: set[int] = set()
    while at != older:
        tried.add(at)
        if (file := find_table(at)) and (base := find_table(older)):
            jump = compare_tables(base, file) or NO_ACCESS_CHANGES
            return replace(jump, limits=dict.fromkeys(jump.limits, NOBODY_GROUPS)).merge_later(
                since
            )
        step = read_access_log(collection, at)
        if step is None or step[0] in tried:
            why = f"who may see what is not known since generation {at}; administrators alone may"
            return AccessChanges(unknown_reason=f"{why}. See: ragdesk indexes verify")
        at, since = step[0], step[1].merge_later(since)
    return since


def _collect_from_logs(collection: Path, older: int, newer: int) -> AccessChanges | None:
    """Add up what the logs say since an older generation; None where they do not lead to it."""
    since = NO_ACCESS_CHANGES
    at = newer
    tried: set[int] = set()
    while at != older:
        tried.add(at)
        step = read_access_log(collection, at)
        if step is None or step[0] in tried:
            return None
        at, since = step[0], step[1].merge_later(since)
    return since


def list_access_logs(collection: Path) -> list[int]:
    """List the generations of which a log stands, oldest first."""
    folder = collection / ACCESS_LOG_FOLDER
    if not folder.is_dir():
        return []
    matches = (_NAME.fullmatch(file.name) for file in folder.iterdir())
    return sorted(int(name[1]) for name in matches if name)


def list_obsolete_logs(
    collection: Path, standing: Iterable[int], current: int | None
) -> list[Path]:
    """List the access logs that no fallback to an older generation can need.

    One needs those of all generations above the oldest that stands, gone ones between them
    included; and none above the newest, which a publish left that did not come to its end.
    """
    known = sorted(standing)
    if not known:
        return []
    newest = max(known[-1], current or 0)
    drafts = [
        f for f in _list_log_files(collection) if f.name.startswith(durability.UNFINISHED_PREFIX)
    ]
    old = [n for n in list_access_logs(collection) if not known[0] < n <= newest]
    return [*drafts, *(collection / ACCESS_LOG_FOLDER / f"{n}.json" for n in old)]


def _list_log_files(collection: Path) -> list[Path]:
    folder = collection / ACCESS_LOG_FOLDER
    return list(folder.iterdir()) if folder.is_dir() else []


def _group_rows(groups: Mapping[_DocumentKey, _Groups]) -> list[list[Any]]:
    return sorted([*place, sorted(names)] for place, names in groups.items())
