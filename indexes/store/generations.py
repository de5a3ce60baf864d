"""The generations of a collection: which are published, which is current, who may write.

Order of a publish: everything is written and synced under a name nobody reads, renamed, its
parent synced; last of all CURRENT is replaced. A reader therefore sees generation N or N+1.
"""

import json
import logging
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from indexes.errors import IndexDamaged, IndexesError, tells_absence
from indexes.store import (
    access_log,
    document_table,
    document_table_writer,
    durability,
    failpoints,
    manifest,
    past_limits,
)
from indexes.store.access_log import AccessChanges
from indexes.store.document_table import DocumentTable, ListedDocument
from indexes.store.past_limits import UNCHANGED, LimitChange
from indexes.store.paths import is_digest, read_plain
from indexes.store.strict_json import check_integer, check_text, parse_json

CURRENT_FILE = "CURRENT"
GENERATIONS_FOLDER = "generations"
SEGMENTS_FOLDER = "segments"
TOMBSTONES_FILE = "tombstones.json"
_SUMS = frozenset({"documents", "chunks", "entries", "vectors", "tokens"})
_LONGEST_LINE = 200  # bytes of CURRENT
_MOST_DEAD = 64 << 20  # bytes: five million ranges
READING = "reading"  # of a manifest: the versions by which its documents were read
LIMITS = "limits"  # of a manifest: the revision of the past limits that its content rests on
_log = logging.getLogger(__name__)
_LINE = re.compile(r"([1-9][0-9]{0,17}) ([0-9a-f]{64})\n")
RowRanges = Mapping[str, Sequence[tuple[int, int]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A published generation with the facts of its manifest; its files are verified.

    segments: their digests, in the order in which rows are counted. parent: what it was made
    from. created: UTC, ISO 8601. dead: per segment, (first row, rows) of removed documents.
    sums: documents, chunks, entries, vectors and tokens that are live. checksum: of its manifest.
    reading: the versions and settings by which all of its documents were read, as whoever reads
    documents names them; None where they were not noted.
    """

    number: int
    folder: Path
    segments: tuple[str, ...]
    parent: int | None
    created: str
    dead: RowRanges
    sums: Mapping[str, int]
    checksum: str
    reading: Mapping[str, Any] | None = None


def list_generations(collection: Path) -> list[int]:
    """List the generations that stand in a collection, good or damaged, oldest first."""
    folder = collection / GENERATIONS_FOLDER
    if not folder.is_dir():
        return []
    return sorted(int(f.name) for f in folder.iterdir() if re.fullmatch("[1-9][0-9]{0,17}", f.name))


def read_current_number(collection: Path) -> int | None:
    """Read the generation that CURRENT names; None where it is missing, empty, cut or changed.

    The line also holds the checksum of the generation's manifest, so that a changed digit does
    not pass for an older generation.
    """
    try:
        line = read_plain(collection / CURRENT_FILE, most=_LONGEST_LINE).decode("ascii")
    except (UnicodeDecodeError, IndexDamaged):  # a link or a pipe, say, which would never end
        return None
    except OSError as error:
        if not tells_absence(error):
            raise
        return None
    match = _LINE.fullmatch(line)
    if not match:
        return None
    try:
        sealed = manifest.read_manifest(generation_folder(collection, int(match[1])))
    except IndexesError:  # the one CURRENT means, damaged: whoever opens it will say how
        return int(match[1])
    return int(match[1]) if sealed.checksum == match[2] else None


def order_generations(collection: Path) -> Iterator[int]:
    """List generations by preference: the current one, its ancestors, then every older one.

    The ancestors come first so that a generation that was rolled back does not return. Without a
    usable CURRENT: the newest first.
    """
    known = list_generations(collection)
    now = read_current_number(collection)
    tried: list[int] = []
    at = now
    while at in known and at not in tried:
        tried.append(at)
        yield at
        at = _read_parent(collection, at)
    yield from (n for n in reversed(known) if n not in tried and (now not in known or n < now))


def read_generation(collection: Path, number: int) -> Generation:
    """Read a generation's manifest and verify its files. Raises IndexDamaged, IndexMismatch."""
    folder = generation_folder(collection, number)
    sealed = read_generation_manifest(collection, number)
    manifest.verify_files(folder, sealed)
    dead = read_tombstones(folder / TOMBSTONES_FILE)
    return Generation(
        number=number,
        folder=folder,
        segments=tuple(sealed.facts["segments"]),
        parent=sealed.facts["parent"],
        created=sealed.facts["created"],
        dead=dead,
        sums=sealed.facts["sums"],
        checksum=sealed.checksum,
        reading=sealed.facts.get(READING),
    )


def read_generation_manifest(collection: Path, number: int) -> manifest.Manifest:
    """Read a generation's manifest and check its form; the files that it names are not read.

    Raises IndexDamaged, also for a manifest that belongs to something else, and IndexMismatch.
    """
    folder = generation_folder(collection, number)
    sealed = manifest.read_manifest(folder)
    if sealed.facts.get("generation") != number:
        raise IndexDamaged(f"{folder / manifest.MANIFEST_FILE} belongs to another generation.")
    try:
        _check_facts(sealed.facts)
    except (ValueError, KeyError, TypeError) as error:
        raise IndexDamaged(
            f"{folder / manifest.MANIFEST_FILE} describes no generation: {error}."
        ) from error
    return sealed


def _check_facts(facts: Mapping[str, Any]) -> None:
    """Check the form of a generation's manifest. Raises ValueError."""
    segments = facts["segments"]
    sums = facts["sums"]
    if not isinstance(segments, list) or not all(map(is_digest, segments)):
        raise ValueError("its segments are no digests")
    if len(set(segments)) != len(segments):
        raise ValueError("it names a segment twice")
    if not isinstance(sums, dict) or not sums.keys() >= _SUMS:
        raise ValueError("its sums are not those of a generation")
    for value in (facts["generation"], *sums.values()):
        check_integer(value)
    if facts["parent"] is not None:
        check_integer(facts["parent"])
    check_text(facts["created"], most=40)
    check_integer(facts.get(LIMITS, 0))
    if not isinstance(facts.get(READING, {}), dict):
        raise ValueError("it does not say how its documents were read")  # noqa: TRY004 - a file's fault


def read_tombstones(file: Path) -> dict[str, list[tuple[int, int]]]:
    """Read which rows of each segment are removed. Raises IndexDamaged."""
    try:
        body = read_plain(file, most=_MOST_DEAD)
        dead = parse_json(body, most=_MOST_DEAD, values=_MOST_DEAD)
        return {
            name: [(check_integer(first), check_integer(count)) for first, count in ranges]
            for name, ranges in dead.items()
        }
    except (ValueError, TypeError, AttributeError) as error:
        raise IndexDamaged(f"{file} is no list of removed rows: {error}.") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationPlan:
    """The planned content of a generation; see Generation for the meaning of its parts.

    access: what it changes against its parent; None where that is not known, so that nobody but
    administrators would be let in, should an older generation have to answer in its place.
    limits: which texts become past ones, or are opened again. reading: see Generation.
    """

    parent: int | None
    segments: Sequence[str]
    dead: RowRanges
    sums: Mapping[str, int]
    access: AccessChanges | None = None
    limits: LimitChange = UNCHANGED
    reading: Mapping[str, Any] | None = None


def publish_generation(
    collection: Path,
    plan: GenerationPlan,
    listed: Sequence[ListedDocument],
    *,
    base: Path | None = None,
    gone: Collection[str] = (),
) -> int:
    """Write a generation with its document table and make it current; returns its number.

    listed, base, gone: see ``write_document_table``. The lock must be held, and the segments
    stand under their final names. Raises OSError when anything cannot be written or synced: the old
    generation is then still the current one, unless the very last fsync failed, after which
    either may be; and IndexDamaged when the past limits cannot be read.
    """
    limits = past_limits.read_limits(collection, least=limits_revision(collection))
    limits = _take_over_limits(collection, limits)
    ends = past_limits.list_endings(limits, plan.limits.opening)
    number = (
        max([*list_generations(collection), read_current_number(collection) or 0], default=0) + 1
    )
    draft = collection / GENERATIONS_FOLDER / f"{durability.UNFINISHED_PREFIX}{number}"
    durability.discard_path(draft)
    draft.mkdir()
    shared = document_table_writer.write_document_table(draft, listed, base=base, gone=gone)
    failpoints.reach_failpoint("table written")
    (draft / TOMBSTONES_FILE).write_text(json.dumps(dict(plan.dead)), encoding="ascii")
    limits = past_limits.note_closing(limits, plan.limits.closing)
    facts = {
        "generation": number,
        "parent": plan.parent,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "segments": list(plan.segments),
        "sums": dict(plan.sums),
        LIMITS: limits.revision,
    }
    if plan.reading is not None:
        facts[READING] = dict(plan.reading)
    form = manifest.MANIFEST_FORMAT if shared else manifest.PLAIN_FORMAT
    sealed = manifest.seal_folder(draft, facts, known=shared, form=form)
    failpoints.reach_failpoint("generation sealed")
    access_log.write_access_log(collection, number, plan.parent, plan.access)
    try:
        durability.move_folder(draft, generation_folder(collection, number))
        failpoints.reach_failpoint("generation named")
        set_current(collection, number, sealed.checksum)
    except OSError:
        if read_current_number(collection) != number:
            durability.discard_path(generation_folder(collection, number))
        raise
    _note_ended(limits, ends)
    return number


def _note_ended(limits: past_limits.Limits, ends: past_limits.Entries) -> None:
    """Record which texts are open again after a publish, which stands even if this fails.

    Where that fails, an older record may close one of them, should it come back from a backup.
    """
    try:
        past_limits.note_entries(limits, ends)
    except (OSError, IndexesError) as error:
        name = limits.collection.name
        _log.warning("that texts of %s were opened again was not noted: %s", name, error)


def _take_over_limits(collection: Path, limits: past_limits.Limits) -> past_limits.Limits:
    """Record, once, who might see past texts of generations from versions that did not.

    What was cleared before is not known. What is noted already is newer.
    """
    known = list_generations(collection)
    for number in reversed(known):
        try:
            if LIMITS in read_generation_manifest(collection, number).facts:
                return limits
            break
        except IndexesError:
            continue
    tables = filter(None, (find_whole_table(collection, number) for number in known))
    past = past_limits.replay_limits(list(tables))
    newer = limits.read_entries(past)
    new = {key: groups for key, groups in past.items() if key not in newer}
    return past_limits.note_closing(limits, new)


def limits_revision(collection: Path) -> int:
    """Return the revision that the past limits must have, by the manifests that can be read.

    No publish lowers it: the newest whole one says it, and the current one after a rollback.
    """
    revisions = [0]
    now = read_current_number(collection)
    for number in reversed(list_generations(collection)):
        try:
            revisions.append(read_generation_manifest(collection, number).facts.get(LIMITS, 0))
        except IndexesError:
            continue
        except OSError as error:
            manifest.describe_unreadable(error)
            continue
        if now is None or number <= now:
            break
    return max(revisions)


def limits_problems(collection: Path) -> list[str]:
    """Return why the limits of past texts cannot be read.

    While they cannot, only administrators see a text that comes back.
    """
    try:
        past_limits.read_limits(collection, least=limits_revision(collection))
    except IndexDamaged as error:
        return [str(error)]
    except OSError as error:
        return [manifest.describe_unreadable(error)]
    return []


def collect_access_since(collection: Path, number: int) -> AccessChanges:
    """Collect removals and group changes since a generation that answers in a newer one's place.

    The newest permissions and removals are those of the generation that CURRENT names, or where it
    names none, of the newest that is known of. Raises OSError.
    """
    newest = read_current_number(collection)
    if newest is None:
        newest = max(
            [number, *list_generations(collection), *access_log.list_access_logs(collection)]
        )
    access = access_log.collect_access_changes(
        collection, number, newest, lambda n: find_whole_table(collection, n)
    )
    if number == newest:
        return access
    try:
        return _limit_past_texts(collection, number, access)
    except IndexDamaged as error:
        return replace(access, unknown_reason=f"who may see past texts is not known: {error}")


def _limit_past_texts(collection: Path, number: int, access: AccessChanges) -> AccessChanges:
    """Limit texts that were replaced since to those who might last see them."""
    least = limits_revision(collection)
    table = find_whole_table(collection, number)
    if not access.limits or table is None:
        past_limits.read_limits(collection, least=least)
        return access
    with closing(DocumentTable(table)) as older:
        replaced = [
            document
            for document in (older.find_in_source(*place) for place in access.limits)
            if document
        ]
    limits = past_limits.look_up_limits(
        collection, (document.digest for document in replaced), least=least
    )
    now = dict(access.limits)
    for document in replaced:
        groups = limits.readers_of(document, place=False)
        now[document.place] = access_log.intersect_groups(now[document.place], groups)
    return replace(access, limits=now)


def find_whole_table(collection: Path, number: int) -> Path | None:
    """Return the document table of a generation, or None where it is not as it was written."""
    try:
        return read_generation(collection, number).folder / document_table.TABLE_FILE
    except IndexesError:
        return None
    except OSError as error:
        manifest.describe_unreadable(error)
        return None


def set_current(collection: Path, number: int, checksum: str) -> None:
    """Make a generation the current one. ``checksum``: of its manifest."""
    durability.replace_file(collection / CURRENT_FILE, f"{number} {checksum}\n".encode())


def sweep_collection(collection: Path) -> list[Path]:
    """Remove unfinished and unreferenced files of a collection; returns their paths.

    The lock must be held.

    While any generation's manifest cannot be read, or the one that CURRENT names is missing,
    segments are left alone: it may need them, should somebody mend it.
    """
    places = (collection, collection / SEGMENTS_FOLDER, collection / GENERATIONS_FOLDER)
    swept = [
        f
        for place in places
        for f in place.iterdir()
        if f.name.startswith(durability.UNFINISHED_PREFIX)
    ]
    known = list_generations(collection)
    now = read_current_number(collection)
    try:
        used = {name for number in known for name in _read_segment_names(collection, number)}
        if now in known or not known:
            swept += [f for f in (collection / SEGMENTS_FOLDER).iterdir() if f.name not in used]
    except IndexesError:
        pass
    swept += past_limits.list_obsolete_parts(collection)
    if now is not None:  # else nobody knows which logs are of the newest
        swept += access_log.list_obsolete_logs(collection, known, now)
    for path in swept:
        durability.discard_path(path)
    return swept


def _read_segment_names(collection: Path, number: int) -> Sequence[str]:
    folder = generation_folder(collection, number)
    facts = manifest.read_manifest(folder).facts
    if facts.get("generation") != number:
        raise IndexDamaged(f"{folder / manifest.MANIFEST_FILE} belongs to another generation.")
    segments: Sequence[str] = facts["segments"]
    return segments


def generation_folder(collection: Path, number: int) -> Path:
    """Return the folder of one generation of a collection."""
    return collection / GENERATIONS_FOLDER / str(number)


def _read_parent(collection: Path, number: int) -> int | None:
    try:
        parent: Any = manifest.read_manifest(generation_folder(collection, number)).facts.get(
            "parent"
        )
    except IndexesError:
        return None
    return parent if isinstance(parent, int) else None
