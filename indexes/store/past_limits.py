"""Limits of past texts: who might last see a limited text when it was removed or replaced.

Generations and their access logs are cleared; a backup is not. So a collection remembers, for each
text that was for some alone when it was removed or replaced, for whom: by the digest of the text,
and by its place (source and uri) where nothing has taken that. What comes back from a backup or an
older generation is for those alone. Whoever opens such a text again ends that, and this is
remembered too. The file also names the groups of limited sources, should ``sources.json`` be lost.

``limits.json`` has a sum over itself. When it has grown, its entries lie in ``limits/``, in files
that are named by their sums, 256 of them at most, so that a publish reads and writes few.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from indexes.errors import CollectionBusy, IndexDamaged, tells_absence
from indexes.store import durability
from indexes.store.access_log import NOBODY_GROUPS, intersect_groups
from indexes.store.document_table import DocumentTable, ListedDocument
from indexes.store.paths import is_digest, join_stored, read_plain
from indexes.store.strict_json import check_integer, check_text, checksum_facts, parse_json
from indexes.store.validity_periods import utc_now

LIMITS_FILE = "limits.json"
LIMITS_FOLDER = "limits"
FORMAT = 1
MOST = 128 << 20  # bytes of it in a backup, where all entries lie in it: over a million
_BYTES = 4  # of JSON, for each mark of it
_INLINE = 500  # entries; more lie in files of their own
_AGAIN = 5  # times that it may be replaced while it is read
_REMEDY = (
    f"Put {LIMITS_FILE} and {LIMITS_FOLDER}/ of a copy of the home in place. Where there is none, "
    "say that old texts are for those who saw them then: ragdesk indexes rollback --to N "
    "--old-groups, N being the generation that answers, or restore a backup with --old-groups"
)
_Groups = frozenset[str]
Entry = tuple[_Groups, str]  # who might see it, none being everybody; and since when, in UTC
Entries = Mapping[str, Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitChange:
    """A publish's changes to the limits. closing: by key, for whom; noted before. opening: keys."""

    closing: Mapping[str, _Groups] = field(default_factory=dict)
    opening: AbstractSet[str] = frozenset()


UNCHANGED = LimitChange()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of a collection's past texts, whose parts are read when they are needed.

    revision: counts writes; 0 is none yet. sources: groups of limited ones. inline: entries that
    lie in the file itself. parts: digests of files of more, by the beginning of their keys.
    """

    collection: Path
    revision: int = 0
    sources: Mapping[str, _Groups] = field(default_factory=dict)
    inline: Entries = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)

    def read_entries(self, keys: Iterable[str]) -> dict[str, Entry]:
        """Return the entries of some keys, where there are any. Raises IndexDamaged, OSError."""
        wanted = set(keys)
        entries = {key: self.inline[key] for key in wanted & self.inline.keys()}
        for part in sorted({_part(key) for key in wanted} & self.parts.keys()):
            more = _read_part(self.collection, self.parts[part])
            entries |= {key: more[key] for key in wanted & more.keys()}
        return entries

    def read_all_entries(self) -> dict[str, Entry]:
        """Return all entries. Raises IndexDamaged, OSError."""
        entries = dict(self.inline)
        for digest in self.parts.values():
            entries |= _read_part(self.collection, digest)
        return entries

    def readers_of(
        self, document: ListedDocument, *, text: bool = True, place: bool = True
    ) -> _Groups:
        """Return who might last see a document by the recorded limits; none is everybody.

        text, place: whether its digest, and its source and uri, have a say.
        """
        keys = [
            *([document.digest] if text else []),
            *([place_key(*document.place)] if place else []),
        ]
        groups: _Groups = frozenset()
        for key in keys:
            groups = intersect_groups(groups, self.inline.get(key, (groups, ""))[0])
        return groups


def place_key(source: str, uri: str) -> str:
    """Return the digest that names a document's place."""
    return hashlib.sha256(json.dumps([source, uri]).encode()).hexdigest()


def compare_limits(
    before: Iterable[ListedDocument], after: Iterable[ListedDocument], *, opens: bool = True
) -> LimitChange:
    """Return which limited texts go, given the documents before and after; others stay.

    opens: what comes for everybody, or goes and was for everybody, has its last word by that.
    """
    departures = {(document.place, document.digest): document for document in before}
    arrivals = [
        (document, departures.pop((document.place, document.digest), None)) for document in after
    ]
    arrival_places = {document.place for document, _ in arrivals}
    texts = dict[str, _Groups]()
    places = dict[str, _Groups]()
    for document in departures.values():
        if document.groups:
            texts[document.digest] = texts.get(document.digest, frozenset()) | document.groups
            if document.place not in arrival_places:
                places[place_key(*document.place)] = document.groups
    texts = {digest: groups - NOBODY_GROUPS or NOBODY_GROUPS for digest, groups in texts.items()}
    opening = set[str]()
    if opens:
        new = [
            document
            for document, same in arrivals
            if same is None or same.groups != document.groups
        ]
        free = [document for document in (*new, *departures.values()) if not document.groups]
        opening = {
            key for document in free for key in (document.digest, place_key(*document.place))
        }
    shut = texts | places
    return LimitChange(closing=shut, opening=frozenset(opening - shut.keys()))


def compare_limit_tables(
    before: Path | None, after: Path, regrouped: Iterable[ListedDocument] = ()
) -> LimitChange:
    """Return which limited texts go where one document table replaces another.

    Nothing is opened by that. regrouped: documents of the new one with other groups than it says.
    """
    if before is None:
        return UNCHANGED
    with (
        closing(DocumentTable(before)) as before_table,
        closing(DocumentTable(after)) as after_table,
    ):
        return compare_limits(
            before_table.iter_all(), [*after_table.iter_all(), *regrouped], opens=False
        )


def replay_limits(tables: Sequence[Path]) -> dict[str, _Groups]:
    """Return who might last see the past texts of some document tables, oldest first."""
    past = dict[str, _Groups]()
    places = dict[str, tuple[str, str]]()
    for before, after in pairwise(tables):
        with (
            closing(DocumentTable(before)) as before_table,
            closing(DocumentTable(after)) as after_table,
        ):
            limited = before_table.limited()
            at = {document.place for document in limited} | {*places.values()}
            standing = [
                document for place in at if (document := after_table.find_in_source(*place))
            ]
            change = compare_limits(limited, [*standing, *after_table.of_digests(past)])
        past = {key: groups for key, groups in past.items() if key not in change.opening}
        past |= change.closing
        places |= {place_key(*document.place): document.place for document in limited}
        places = {key: place for key, place in places.items() if key in past}
    return past


def read_limits(collection: Path, *, least: int = 0) -> Limits:
    """Read the limits of past texts. least: the revision that a generation says it was made by.

    Raises IndexDamaged when the file is damaged, missing though there was one, or older than
    that; OSError when the machine cannot read it now.
    """
    file = collection / LIMITS_FILE
    try:
        limits = _parse_limits(collection, read_plain(file, most=MOST))
    except OSError as error:
        if not tells_absence(error):
            raise
        if least:
            raise IndexDamaged(f"{file} is missing: who might see past texts. {_REMEDY}") from error
        return Limits(collection=collection)
    except IndexDamaged as error:
        raise IndexDamaged(f"{error} {_REMEDY}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IndexDamaged(f"{file} was cut or changed. {_REMEDY}") from error
    if limits.revision < least:
        raise IndexDamaged(f"{file} is older than what was published. {_REMEDY}")
    return limits


def read_all_limits(collection: Path, *, least: int = 0) -> Limits:
    """Read the limits with all entries in one, whoever replaces them meanwhile. Raises as read."""
    return _with_entries(collection, least, Limits.read_all_entries)


def look_up_limits(collection: Path, keys: Iterable[str], *, least: int = 0) -> Limits:
    """Read the limits with the entries of some keys, and no others. Raises as read."""
    wanted = set(keys)
    return _with_entries(collection, least, lambda limits: limits.read_entries(wanted))


def _with_entries(
    collection: Path, least: int, give: Callable[[Limits], dict[str, Entry]]
) -> Limits:
    """Read limits with matching entries, again where a writer replaces both meanwhile."""
    for _ in range(_AGAIN):
        limits = read_limits(collection, least=least)
        try:
            return replace(limits, inline=give(limits), parts={})
        except IndexDamaged:
            if read_limits(collection, least=least).revision == limits.revision:
                raise
    raise CollectionBusy(f"{collection / LIMITS_FILE} is replaced all the time. Try again.")


def note_closing(limits: Limits, shut: Mapping[str, _Groups]) -> Limits:
    """Record who might see the texts that go. Raises IndexDamaged, OSError: nothing is written.

    What is noted already, and said again, is not written again.
    """
    known = limits.read_entries(shut)
    now = utc_now()
    new = {
        key: (groups, now)
        for key, groups in shut.items()
        if key not in known or known[key][0] != groups
    }
    return _write_limits(limits, new, limits.sources) if new else limits


def list_endings(limits: Limits, opening: Iterable[str]) -> dict[str, Entry]:
    """Return the entries that opening some keys ends. Raises IndexDamaged, OSError."""
    now = utc_now()
    return {
        key: (frozenset(), now) for key, entry in limits.read_entries(opening).items() if entry[0]
    }


def note_entries(limits: Limits, entries: Entries) -> Limits:
    """Write entries for good, in the place of others of their keys. Raises as the former."""
    return _write_limits(limits, entries, limits.sources) if entries else limits


def note_sources(limits: Limits, sources: Mapping[str, _Groups]) -> Limits:
    """Write which groups limited sources have; those that it does not name stay as they are noted.

    A source without groups is open, and needs no line. Raises OSError.
    """
    now = {name: groups for name, groups in {**limits.sources, **sources}.items() if groups}
    return _write_limits(limits, {}, now) if now != limits.sources else limits


def reset_limits(collection: Path, *, least: int) -> None:
    """Discard limits that cannot be read. Raises OSError."""
    _write_limits(Limits(collection=collection, revision=least), {}, {})


def merge_limits(own: Limits, other: Limits) -> Limits:
    """Merge the limits that came with a backup; of two, the one for fewer people counts.

    An older one does not close what was opened here since.
    """
    known = own.read_all_entries()
    new = dict[str, Entry]()
    now = utc_now()
    for key, (groups, moment) in other.read_all_entries().items():
        since = min(moment, now)  # whoever wrote the backup wrote its times too
        if key not in known:
            new[key] = (groups, since)
            continue
        here, then = known[key]
        if groups and (here or since > then):
            new[key] = (intersect_groups(here, groups), max(since, then))
    new = {key: entry for key, entry in new.items() if known.get(key, ((), ""))[0] != entry[0]}
    sources = dict(own.sources)
    for name, groups in other.sources.items():
        sources[name] = intersect_groups(sources.get(name, groups), groups)
    if new or sources != dict(own.sources):
        return _write_limits(own, new, sources)
    return own


def export_limits(limits: Limits) -> bytes:
    """Write limits as one file without parts, as a backup holds them. Raises IndexDamaged."""
    return _encode_limits(replace(limits, inline=limits.read_all_entries(), parts={}))


def list_limit_problems(collection: Path, *, least: int) -> Iterator[str]:
    """List what is wrong with the limits of past texts. Raises OSError."""
    try:
        limits = read_limits(collection, least=least)
    except IndexDamaged as error:
        yield str(error)
        return
    for digest in limits.parts.values():
        try:
            _read_part(collection, digest)
        except IndexDamaged as error:
            yield str(error)


def list_obsolete_parts(collection: Path) -> list[Path]:
    """List the parts that nothing names any more. The lock must be held."""
    folder = collection / LIMITS_FOLDER
    if not folder.is_dir():
        return []
    try:
        used = set(read_limits(collection).parts.values())
    except IndexDamaged:
        return []
    return [file for file in folder.iterdir() if file.name not in used]


def _write_limits(limits: Limits, entries: Entries, sources: Mapping[str, _Groups]) -> Limits:
    """Write the parts that change, then the file that names them."""
    collection = limits.collection
    inline = dict[str, Entry]()
    parts = dict(limits.parts)
    if not parts and len(limits.inline.keys() | entries.keys()) <= _INLINE:
        inline = {**limits.inline, **entries}
    else:
        by_part = dict[str, dict[str, Entry]]()
        for key, entry in {**limits.inline, **entries}.items():
            by_part.setdefault(_part(key), {})[key] = entry
        durability.make_folder(collection / LIMITS_FOLDER)
        for part, changed in by_part.items():
            before = _read_part(collection, parts[part]) if part in parts else {}
            parts[part] = _write_part(collection, {**before, **changed})
        if by_part:
            durability.sync_path(collection / LIMITS_FOLDER)
    new = replace(
        limits, revision=limits.revision + 1, sources=dict(sources), inline=inline, parts=parts
    )
    durability.replace_file(collection / LIMITS_FILE, _encode_limits(new))
    return new


def _write_part(collection: Path, entries: Entries) -> str:
    body = json.dumps(_entry_rows(entries), sort_keys=True).encode()
    digest = hashlib.sha256(body).hexdigest()
    file = join_stored(collection / LIMITS_FOLDER, digest)
    draft = file.with_name(f"{durability.UNFINISHED_PREFIX}{file.name}")
    draft.unlink(missing_ok=True)
    durability.write_file(draft, body)
    draft.replace(file)
    return digest


def _read_part(collection: Path, digest: str) -> dict[str, Entry]:
    file = join_stored(collection / LIMITS_FOLDER, digest)
    try:
        body = read_plain(file, most=MOST)
    except OSError as error:
        if not tells_absence(error):
            raise
        raise IndexDamaged(f"{file} is missing. {_REMEDY}") from error
    if hashlib.sha256(body).hexdigest() != digest:
        raise IndexDamaged(f"{file} was cut or changed. {_REMEDY}")
    try:
        return _parse_entry_rows(_limits_json(body))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IndexDamaged(f"{file} was cut or changed. {_REMEDY}") from error


def _parse_limits(collection: Path, body: bytes) -> Limits:
    """Read ``limits.json``, which names the parts.

    Raises ValueError, KeyError, TypeError, AttributeError.
    """
    facts: dict[str, Any] = _limits_json(body)
    if facts["checksum"] != checksum_facts(facts):
        raise ValueError("its checksum is wrong")
    check_integer(facts["format"], least=FORMAT, most=FORMAT)
    parts = facts["parts"]
    if not all(is_digest(digest) for digest in parts.values()):
        raise ValueError("a part has no digest for its name")
    return Limits(
        collection=collection,
        revision=check_integer(facts["revision"], least=1),
        sources={
            check_text(name): _parse_group_names(groups)
            for name, groups in facts["sources"].items()
        },
        inline=_parse_entry_rows(facts["entries"]),
        parts=dict(parts),
    )


def _limits_json(body: bytes) -> Any:
    return parse_json(body, most=MOST, values=len(body) // _BYTES + 1_000)


def _encode_limits(limits: Limits) -> bytes:
    facts = {
        "format": FORMAT,
        "revision": limits.revision,
        "sources": {name: sorted(groups) for name, groups in limits.sources.items()},
        "entries": _entry_rows(limits.inline),
        "parts": dict(limits.parts),
    }
    return json.dumps({**facts, "checksum": checksum_facts(facts)}, sort_keys=True).encode()


def _entry_rows(entries: Entries) -> dict[str, list[Any]]:
    return {key: [sorted(groups), since] for key, (groups, since) in entries.items()}


def _parse_entry_rows(rows: Mapping[str, Any]) -> dict[str, Entry]:
    if not all(map(is_digest, rows)):
        raise ValueError("a key is no digest")
    return {
        key: (_parse_group_names(groups), check_text(since, most=40))
        for key, (groups, since) in rows.items()
    }


def _parse_group_names(groups: object) -> _Groups:
    if not isinstance(groups, list):
        raise ValueError("groups are no list")  # noqa: TRY004 - a file's fault
    return frozenset(map(check_text, groups))


def _part(key: str) -> str:
    return key[:2]
