"""Who may see what, kept apart: what each generation took away, and whom it let see the rest.

When a damaged generation is passed over, an older one answers with the texts of its day. Who may
see them must not be of that day. So each publish first writes a small file of its own, with a sum
over it: the documents that went since the generation before, and the new groups of those that
stayed. Where a file is missing or damaged, nobody knows, and only administrators are let in.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from indexes import durable, failpoints
from indexes.documents import Documents, Listed
from indexes.errors import IndexDamaged, tells_absence
from indexes.paths import open_plain

FOLDER, FORMAT = "access", 1
_NAME = re.compile(r"([1-9][0-9]{0,17})\.json")
_Place = tuple[str, str]  # source and uri of a document
_Groups = frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What holds of an older generation's documents now.

    removed: those that are gone. groups: of those that stayed as they were, and may be seen by
    others than then. limits: of those that have another text now, who may see that one; the old
    text is for those who might see it then and may see the new one. closed: why nothing of this is
    known; then all are for administrators alone. Empty: known.
    """

    removed: frozenset[_Place] = frozenset()
    groups: Mapping[_Place, _Groups] = field(default_factory=dict)
    limits: Mapping[_Place, _Groups] = field(default_factory=dict)
    closed: str = ""

    def __bool__(self) -> bool:
        """Tell whether anything is different from what the generation itself says."""
        return bool(self.removed or self.groups or self.limits or self.closed)

    def then(self, later: "Access") -> "Access":
        """Give what holds after a later change, which has the last word on each document."""
        removed = self.removed | later.removed
        of_old = {place: seen for place, seen in later.groups.items() if place not in self.limits}
        of_new = {place: seen for place, seen in later.groups.items() if place in self.limits}
        groups, limits = {**self.groups, **of_old}, {**self.limits, **of_new, **later.limits}
        return Access(
            removed=removed,
            groups={place: seen for place, seen in groups.items() if place not in removed},
            limits={place: seen for place, seen in limits.items() if place not in removed},
            closed=self.closed or later.closed,
        )

    def effective_groups(self, document: Listed) -> _Groups:
        """Give the groups that may see a document of the older generation now."""
        place = document.source, document.uri
        groups = self.groups.get(place, document.groups)
        return intersect_groups(groups, self.limits[place]) if place in self.limits else groups


AS_PUBLISHED = Access()
NOBODY = frozenset({"\0nobody"})  # a group that no key can have: administrators look past groups
_Table = Callable[[int], Path | None]  # of a generation: its whole document table, or None


def intersect_groups(one: _Groups, other: _Groups) -> _Groups:
    """Give the groups of those who are let in by each of two sets; an empty set lets all in.

    >>> sorted(intersect_groups(frozenset({"a", "b"}), frozenset({"b", "c"})))
    ['b']
    >>> intersect_groups(frozenset({"a"}), frozenset({"c"})) == NOBODY
    True
    """
    if not one or not other:
        return one or other
    return one & other or NOBODY


def compare_lists(before: Iterable[Listed], after: Iterable[Listed]) -> Access:
    """Tell what one list of documents took away from another, and whom it lets see the rest."""
    now = {_place(document): document for document in after}
    removed = set[_Place]()
    groups, limits = dict[_Place, _Groups](), dict[_Place, _Groups]()
    for document in before:
        place = _place(document)
        if place not in now:
            removed.add(place)
        elif now[place].digest != document.digest:
            limits[place] = now[place].groups
        elif now[place].groups != document.groups:
            groups[place] = now[place].groups
    return Access(removed=frozenset(removed), groups=groups, limits=limits)


def compare_tables(
    before: Path | None, after: Path, regrouped: Iterable[Listed] = ()
) -> Access | None:
    """Tell what one document table takes away from another that it replaces; None without that one.

    regrouped: documents of the new table that get other groups than it says.
    """
    if before is None:
        return None
    groups = {_place(document): document.groups for document in regrouped}
    with closing(Documents(before)) as one, closing(Documents(after)) as other:
        now = (replace(d, groups=groups.get(_place(d), d.groups)) for d in other.all())
        return compare_lists(one.all(), now)


def write(collection: Path, number: int, parent: int | None, access: Access | None) -> None:
    """Write for good what a generation changes against its parent, before it has its name.

    None where that is not known: then no file stands, whatever a publish that failed left there.
    Raises OSError.
    """
    file = collection / FOLDER / f"{number}.json"
    if access is None or parent is None:
        file.unlink(missing_ok=True)
        return
    told = {
        "format": FORMAT,
        "generation": number,
        "parent": parent,
        "removed": sorted(map(list, access.removed)),
        "groups": _rows(access.groups),
        "limits": _rows(access.limits),
    }
    durable.folder(file.parent)
    body = json.dumps({**told, "checksum": _checksum(told)}, ensure_ascii=True).encode()
    draft = file.with_name(f"{durable.UNFINISHED}{file.name}")
    draft.unlink(missing_ok=True)
    durable.write(draft, body)
    draft.replace(file)
    durable.sync(file.parent)
    failpoints.reach("access log written")


def read(collection: Path, number: int) -> tuple[int, Access] | None:
    """Read a generation's parent and what it changed against it; None where that is not known.

    Raises OSError when the machine cannot read the file now.
    """
    file = collection / FOLDER / f"{number}.json"
    try:
        with open_plain(file) as content:  # a pipe in its place would never end
            told: dict[str, Any] = json.loads(content.read())
        known = {name: value for name, value in told.items() if name != "checksum"}
        if told["checksum"] != _checksum(known) or told["generation"] != number:
            return None
        groups, limits = (
            {(source, uri): frozenset(names) for source, uri, names in told[kind]}
            for kind in ("groups", "limits")
        )
        removed = frozenset((source, uri) for source, uri in told["removed"])
        return int(told["parent"]), Access(removed=removed, groups=groups, limits=limits)
    except OSError as error:
        if not tells_absence(error):
            raise
        return None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, IndexDamaged):
        return None


def access_between(collection: Path, older: int, newer: int, table: _Table) -> Access:
    """Tell what holds now of an older generation's documents, by a newer one that cannot answer.

    Goes back by the logs; where these do not lead to the older one, until a document table is
    whole. Two tables do not tell whether a text was shut in before another took its name; then it
    is for administrators alone. table: gives that of a generation. Raises OSError when the machine
    cannot read a file now.
    """
    if (known := _by_logs(collection, older, newer)) is not None:
        return known
    since, at = AS_PUBLISHED, newer
    tried: set[int] = set()
    while at != older:
        tried.add(at)
        if (file := table(at)) and (base := table(older)):
            jump = compare_tables(base, file) or AS_PUBLISHED
            return replace(jump, limits=dict.fromkeys(jump.limits, NOBODY)).then(since)
        step = read(collection, at)
        if step is None or step[0] in tried:
            why = f"who may see what is not known since generation {at}; administrators alone may"
            return Access(closed=f"{why}. See: ragdesk indexes verify")
        at, since = step[0], step[1].then(since)
    return since


def _by_logs(collection: Path, older: int, newer: int) -> Access | None:
    """Add up what the logs say since an older generation; None where they do not lead to it."""
    since, at = AS_PUBLISHED, newer
    tried: set[int] = set()
    while at != older:
        tried.add(at)
        step = read(collection, at)
        if step is None or step[0] in tried:
            return None
        at, since = step[0], step[1].then(since)
    return since


def numbers(collection: Path) -> list[int]:
    """List the generations of which a log stands, oldest first."""
    folder = collection / FOLDER
    if not folder.is_dir():
        return []
    found = (_NAME.fullmatch(file.name) for file in folder.iterdir())
    return sorted(int(name[1]) for name in found if name)


def obsolete_logs(collection: Path, standing: Iterable[int], current: int | None) -> list[Path]:
    """List the logs that no fallback can need.

    One needs those of all generations above the oldest that stands, gone ones between them
    included; and none above the newest, which a publish left that did not come to its end.
    """
    known = sorted(standing)
    if not known:
        return []
    newest = max(known[-1], current or 0)
    drafts = [f for f in _entries(collection) if f.name.startswith(durable.UNFINISHED)]
    old = [n for n in numbers(collection) if not known[0] < n <= newest]
    return [*drafts, *(collection / FOLDER / f"{n}.json" for n in old)]


def _entries(collection: Path) -> list[Path]:
    folder = collection / FOLDER
    return list(folder.iterdir()) if folder.is_dir() else []


def _rows(groups: Mapping[_Place, _Groups]) -> list[list[Any]]:
    return sorted([*place, sorted(names)] for place, names in groups.items())


def _place(document: Listed) -> _Place:
    return document.source, document.uri


def _checksum(told: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
