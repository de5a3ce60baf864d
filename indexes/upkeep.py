"""Look after a collection's generations: list them, check them, go back to one, clear old ones."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, MutableMapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

from indexes import (
    access_log,
    beside,
    documents,
    durable,
    generations,
    integrity,
    manifest,
    past_limits,
    retention,
)
from indexes.access_log import AccessChanges
from indexes.documents import DocumentTable, ListedDocument
from indexes.errors import IndexDamaged, IndexesError, IndexNotFound, tells_absence
from indexes.generations import GenerationPlan
from indexes.layout import RowLayout
from indexes.paths import ORIGINALS_FOLDER, open_plain, original_file, segment_folder
from indexes.retention import Retention
from indexes.segments import Segment
from indexes.shelf import ChunkStore

KEPT_GENERATIONS = 3  # generations: the current one, and two to go back to
_MANY = 1_000  # documents; more are not looked up one by one


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationStatus:
    """A generation as a list shows it. problem: why its manifest cannot be read, or None."""

    generation: int
    current: bool
    created: str = ""
    parent: int | None = None
    segments: int = 0
    documents: int = 0
    chunks: int = 0
    vectors: int = 0
    problem: str | None = None


def list_history(collection: Path) -> list[GenerationStatus]:
    """List the generations of a collection, oldest first; their files are not verified."""
    now = generations.read_current_number(collection)
    return [
        _read_status(collection, n, current=n == now)
        for n in generations.list_generations(collection)
    ]


def verify_collection(collection: Path, *, lacking: bool = False) -> list[str]:
    """Read every file of every generation anew and name all that is wrong with it.

    In a generation that is whole, every chunk is also held against the text of its document. One
    that is cleared meanwhile, as each publish may do, is passed over; one that is being read is not
    cleared. lacking: originals may be missing. Raises IndexNotFound where there is no collection.
    """
    require_collection(collection)
    findings: dict[str, None] = {}
    now, known = (
        generations.read_current_number(collection),
        generations.list_generations(collection),
    )
    if known and now not in known:
        findings[f"{collection / generations.CURRENT_FILE} names no generation."] = None
    checked: dict[str, list[str]] = {}
    digests: dict[int, set[str]] | None = {}
    for number in known:
        with ExitStack() as held:
            if not _hold(collection, number, held):
                continue
            problems = list_damage(collection, number) or _list_format_problems(
                collection, number, checked
            )
            findings.update(dict.fromkeys(problems or _compare_contents(collection, number)))
            if problems:
                digests = None  # what it lists is not known
            elif digests is not None:
                digests[number] = _read_digests(collection, number)
    findings.update(dict.fromkeys(beside.list_file_problems(collection)))
    least = generations.limits_revision(collection)
    findings.update(dict.fromkeys(past_limits.list_limit_problems(collection, least=least)))
    needed = {} if lacking else digests or {}
    findings.update(dict.fromkeys(_check_originals(collection, needed)))
    return list(findings)


def _hold(collection: Path, number: int, held: ExitStack) -> bool:
    """Keep a generation from being cleared; False for one that was, and is no damage."""
    folder = collection / generations.GENERATIONS_FOLDER / str(number)
    try:
        held.enter_context(generations.hold_generation(folder))
    except IndexDamaged:
        return True  # whoever reads it says how
    except OSError as error:
        if not tells_absence(error):
            raise
        return folder.exists()
    return True


def list_unlisted_originals(collection: Path) -> list[Path]:
    """List the originals that no generation names; ``collect_garbage`` removes them.

    They are no damage:
    a file that could not be parsed leaves its bytes, and so does a job that was ended.
    """
    folder, used = collection / ORIGINALS_FOLDER, set[str]()
    try:
        for number in generations.list_generations(collection):
            with ExitStack() as held:
                if _hold(collection, number, held):
                    used |= _read_digests(collection, number)
    except IndexDamaged:
        return []
    return sorted(f for f in _list_original_files(folder) if f.name not in used)


def roll_back(collection: Path, generation: int, *, old_groups: bool = False) -> int:
    """Answer from an earlier generation again, once all of it has been read and found good.

    Texts go back, and who may see them does not: a document keeps the groups that were last said
    of it. Where these are others, a new generation of the old content is published with them.
    Returns the number of the one that answers.

    Raises IndexNotFound for one that is not there, IndexDamaged for one that cannot be used, or
    when it cannot be known who may see its documents now (``old_groups``: as they were seen then),
    CollectionBusy while a job runs.
    """
    require_collection(collection)
    with generations.lock_collection(collection):
        if generation not in generations.list_generations(collection):
            raise IndexNotFound(f"{collection} has no generation {generation}.")
        if problems := list_damage(collection, generation):
            raise IndexDamaged(problems[0])
        target = generations.read_generation(collection, generation)
        table = target.folder / documents.TABLE_FILE
        regrouped = list(
            collect_regrouped(collection, table, old_groups=old_groups, known=generation)
        )
        limits = limits_of_going(collection, table, regrouped)
        if old_groups:
            renew_limits(collection)
        if not regrouped:
            least = generations.limits_revision(collection)
            past_limits.note_closing(
                past_limits.read_limits(collection, least=least), limits.closing
            )
            generations.set_current(collection, generation, target.checksum)
            return generation
        access = AccessChanges(
            groups={(document.source, document.uri): document.groups for document in regrouped}
        )
        plan = GenerationPlan(
            parent=generation,
            segments=target.segments,
            dead=target.dead,
            sums=target.sums,
            access=access,
            limits=limits,
        )
        return generations.publish_generation(collection, plan, regrouped, base=table)


def find_previous_generation(collection: Path) -> int | None:
    """Name the generation to go back to: what the one that answers was made from, or None.

    Where that cannot be read, the newest below it; where CURRENT names none, the newest.
    """
    now, known = (
        generations.read_current_number(collection),
        generations.list_generations(collection),
    )
    standing = next((status for status in list_history(collection) if status.current), None)
    if standing is not None and standing.problem is None:
        return standing.parent
    return max((n for n in known if now is None or n < now), default=None)


def collect_regrouped(
    collection: Path, table: Path, *, old_groups: bool = False, known: int = 0
) -> Iterator[ListedDocument]:
    """Give the documents of a table that others may see now than it says, with the groups of now.

    The last word on a document is that of the newest generation which lists it; one whose table is
    not whole, or that was cleared, speaks by its access log. Where another text has the name, or a
    log does not tell of which text it speaks, the old text is for those alone whom all let in.
    Raises IndexDamaged where neither table nor log can be read, unless ``old_groups`` lets what it
    said be passed over. known: it and those below need not be known.
    """
    with closing(DocumentTable(table)) as old:
        left = {(document.source, document.uri): document for document in old.iter_all()}
    numbers = _list_authorities(collection)
    past = _past_limits(collection, left.values(), numbers[:1], old_groups=old_groups)
    limits: dict[tuple[str, str], frozenset[str]] = {}
    for number in numbers:
        if not left:
            return
        if later := generations.find_whole_table(collection, number):
            for one in _find_listed(later, left):
                place = one.source, one.uri
                if one.digest != left[place].digest:
                    limits.setdefault(place, one.groups)
                else:
                    yield from _regroup(left.pop(place), one.groups, limits, past)
        elif step := access_log.read_access_log(collection, number):
            for place, groups in [*step[1].groups.items(), *step[1].limits.items()]:
                limits[place] = access_log.intersect_groups(limits.get(place, groups), groups)
        elif not old_groups and number > known:
            raise IndexDamaged(
                f"Who may see what is not known: neither generation {number} nor its access log "
                "can be read. To let those see it who saw it then, say --old-groups: "
                "ragdesk indexes rollback --to N --old-groups"
            )
    for one in left.values():
        yield from _regroup(one, one.groups, limits, past)


def _past_limits(
    collection: Path,
    documents_: Collection[ListedDocument],
    newest: Sequence[int],
    *,
    old_groups: bool,
) -> dict[tuple[str, str], frozenset[str]]:
    """Give who might last see the texts of some documents, by place; no entry is everybody.

    What the newest generation says of a document, of its text elsewhere, or of another text in its
    place, is newer than what is remembered. Raises IndexDamaged where that cannot be read, unless
    ``old_groups``.
    """
    keys = [
        key
        for one in documents_
        for key in (one.digest, past_limits.place_key(one.source, one.uri))
    ]
    try:
        least = generations.limits_revision(collection)
        limits = past_limits.look_up_limits(collection, keys, least=least)
    except IndexDamaged:
        if not old_groups:
            raise
        limits = past_limits.Limits(collection=collection)
    table = generations.find_whole_table(collection, newest[0]) if newest else None
    listed = list[ListedDocument]()
    if table:
        with closing(DocumentTable(table)) as now:
            listed = list(now.iter_all())
    places = {(one.source, one.uri): one.digest for one in listed}
    seen_by: dict[str, frozenset[str] | None] = {}  # None: everybody
    for one in listed:
        others = seen_by.get(one.digest, frozenset())
        seen_by[one.digest] = others | one.groups if one.groups and others is not None else None
    past = dict[tuple[str, str], frozenset[str]]()
    for one in documents_:
        place = one.source, one.uri
        if places.get(place) == one.digest:
            continue
        groups = limits.readers_of(one, text=one.digest not in seen_by, place=place not in places)
        elsewhere = seen_by.get(one.digest) or frozenset()
        past[place] = access_log.intersect_groups(groups, elsewhere)
    return past


def limits_of_going(
    collection: Path, table: Path, regrouped: Sequence[ListedDocument] = ()
) -> past_limits.LimitChange:
    """Tell which texts that are for some alone go, where a table takes the place of the newest."""
    now = generations.read_current_number(collection)
    order = [*([now] if now else []), *reversed(generations.list_generations(collection))]
    tables = (generations.find_whole_table(collection, number) for number in order)
    return past_limits.compare_limit_tables(next(filter(None, tables), None), table, regrouped)


def renew_limits(collection: Path) -> None:
    """Let go of what was remembered of past texts, where it cannot be read whole."""
    least = generations.limits_revision(collection)
    if any(past_limits.list_limit_problems(collection, least=least)):
        past_limits.reset_limits(collection, least=least)


def _list_authorities(collection: Path) -> list[int]:
    """List the generations that have a say in who may see what, newest first.

    With those that were cleared and left a log; of others between, one of each gap, of which
    nothing can be read.
    """
    known = {*generations.list_generations(collection), *access_log.list_access_logs(collection)}
    gaps = {number - 1 for number in known if number > min(known)}
    return sorted(known | gaps, reverse=True)


def _regroup(
    document: ListedDocument,
    groups: frozenset[str],
    *limits: Mapping[tuple[str, str], frozenset[str]],
) -> Iterator[ListedDocument]:
    """Give a document with the groups of now, if these are not its own. limits: by place."""
    now = groups
    for limit in limits:
        now = access_log.intersect_groups(
            now, limit.get((document.source, document.uri), frozenset())
        )
    if now != document.groups:
        yield replace(document, groups=now)


def _find_listed(table: Path, names: Collection[tuple[str, str]]) -> list[ListedDocument]:
    """Give the documents of a table that bear some names; of few, without reading all of it."""
    with closing(DocumentTable(table)) as listed:
        if len(names) > _MANY:
            return [
                document
                for document in listed.iter_all()
                if (document.source, document.uri) in names
            ]
        matches = [listed.find_in_source(source, uri) for source, uri in names]
        return [one for one in matches if one]


def collect_garbage(collection: Path, *, keep: int = KEPT_GENERATIONS) -> list[Path]:
    """Remove old generations, and segments and originals that only they used; returns them.

    The newest ``keep``, the one that answers and any that a process is reading stay; a damaged one
    that was rolled back from does not. While a manifest cannot be read, only generations go. Raises
    CollectionBusy while a job runs.
    """
    require_collection(collection)
    with generations.lock_collection(collection):
        cleared = _clear_damaged(collection)
        kept = Retention(generations=max(keep, 1), hours=0, most=0)
        cleared += retention.clear_generations(collection, kept)
        swept = generations.sweep_collection(collection)
        return [*cleared, *swept, *retention.clear_originals(collection)]


def _clear_damaged(collection: Path) -> list[Path]:
    """Remove the damaged generations above the one that CURRENT names: nobody can go to them.

    Otherwise ``verify_collection`` would name their damage for as long as they are among the newest.
    """
    known, current = (
        generations.list_generations(collection),
        generations.read_current_number(collection),
    )
    above = [number for number in known if current in known and number > (current or 0)]
    folders = [
        collection / generations.GENERATIONS_FOLDER / str(n)
        for n in above
        if list_damage(collection, n)
    ]
    cleared = [folder for folder in folders if not generations.is_being_read(folder)]
    for folder in cleared:
        durable.discard_path(folder)
    return cleared


def _read_status(collection: Path, number: int, *, current: bool) -> GenerationStatus:
    try:
        facts = generations.read_generation_manifest(collection, number).facts
    except IndexesError as error:
        return GenerationStatus(generation=number, current=current, problem=str(error))
    counts = {name: facts["sums"][name] for name in ("documents", "chunks", "vectors")}
    return GenerationStatus(
        generation=number,
        current=current,
        created=facts["created"],
        parent=facts["parent"],
        segments=len(facts["segments"]),
        **counts,
    )


def list_damage(collection: Path, number: int) -> list[str]:
    """Name every file of a generation and its segments that is not as it was written."""
    folder = collection / generations.GENERATIONS_FOLDER / str(number)
    try:
        generation = generations.read_generation(collection, number)
    except IndexesError as error:
        return [str(error)]
    except OSError as error:
        return [manifest.describe_unreadable(error)]
    problems = manifest.list_problems(folder)
    for digest in generation.segments:
        problems += manifest.list_problems(segment_folder(collection, digest), digest)
    return problems


def _list_format_problems(
    collection: Path, number: int, checked: MutableMapping[str, list[str]]
) -> list[str]:
    """Name what no writer of ours wrote, though its sums are right. checked: known segments."""
    generation = generations.read_generation(collection, number)
    for digest in generation.segments:
        if digest not in checked:
            checked[digest] = integrity.list_segment_problems(segment_folder(collection, digest))
    problems = [problem for digest in generation.segments for problem in checked[digest]]
    return problems + integrity.list_generation_problems(generation.folder)


def _read_digests(collection: Path, number: int) -> set[str]:
    return documents.collect_digests(
        [collection / generations.GENERATIONS_FOLDER / str(number) / documents.TABLE_FILE]
    )


def _list_original_files(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _check_originals(collection: Path, digests: Mapping[int, Collection[str]]) -> Iterator[str]:
    """Tell which source bytes are missing, or are not what they were; digests: by generation.

    A collection that was built without files has no folder for them.
    """
    folder = collection / ORIGINALS_FOLDER
    present = set[str]()
    for file in _list_original_files(folder):
        if file.name.startswith(durable.UNFINISHED_PREFIX):
            continue  # of a job that runs, or was ended; the next one writes over it
        present.add(file.name)
        try:
            with open_plain(file) as content:
                if hashlib.file_digest(content, "sha256").hexdigest() != file.name:
                    yield f"{file} was changed: its SHA-256 is not its name."
        except IndexDamaged as error:
            yield str(error)
        except FileNotFoundError:
            pass  # cleared meanwhile, or missing: told below, if it is needed
    if folder.is_dir():
        standing = generations.list_generations(
            collection
        )  # others were cleared with their originals
        listed = {digest for number in standing for digest in digests.get(number, ())}
        for digest in sorted(listed - present):
            file = original_file(collection, digest)
            yield f"{file} is missing: the bytes of a document that is listed."


def _compare_contents(collection: Path, number: int) -> Iterator[str]:
    """Tell where the document table, the tombstones and the shelves say different things."""
    generation = generations.read_generation(collection, number)
    with ExitStack() as opened:
        table = opened.enter_context(
            closing(DocumentTable(generation.folder / documents.TABLE_FILE))
        )
        parts = {}
        for name in generation.segments:
            part = Segment(segment_folder(collection, name))
            parts[name] = opened.enter_context(closing(part))
        claimed = defaultdict(
            list, {name: list(ranges) for name, ranges in generation.dead.items()}
        )
        for name in generation.dead.keys() - parts.keys():
            yield f"Rows of {name[:80]} are removed, which is no segment of generation {number}."
        count = 0
        for listed in table.iter_all():
            if listed.segment in parts:
                claimed[listed.segment].append((listed.first, listed.count))
                yield from _compare_document(parts[listed.segment].chunk_store, listed)
            else:
                yield f"{listed.uri} is listed in a segment that is not in generation {number}."
            count += 1
        torn = [
            problem for name, part in parts.items() for problem in _find_gaps(part, claimed[name])
        ]
        yield from torn
        if not torn and generation.dead.keys() <= parts.keys():  # then ranges may be believed
            live = {
                "documents": count,
                **RowLayout(list(parts.values())).count_live(generation.dead),
            }
            if live != dict(generation.sums):
                yield f"Generation {number} does not hold as much as its manifest says."


def _find_gaps(part: Segment, claimed: Sequence[tuple[int, int]]) -> Iterator[str]:
    """Tell which rows of a segment belong to no document, or to two."""
    at = 0
    for first, count in sorted(row_range for row_range in claimed if row_range[1]):
        if first != at:
            yield f"Segment {part.digest}: documents meet badly between rows {at} and {first}."
        at = first + count
    if at != part.chunks:
        yield f"Segment {part.digest} has {part.chunks} rows; {at} of them are accounted for."


def _compare_document(shelf: ChunkStore, listed: ListedDocument) -> Iterator[str]:
    """Tell how a document on the shelf differs from what the table says of it."""
    try:
        record, rows = shelf.load_record(listed.id), shelf.find_rows(listed.id)
    except KeyError:
        yield f"{listed.uri} is listed, but is not in segment {listed.segment}."
        return
    if rows != (listed.first, listed.count):
        yield f"{listed.uri}: its chunks are not where the document table says."
    names = ("uri", "source", "title", "media_type", "language", "digest")
    for name in names:
        if getattr(record, name) != getattr(listed, name):
            yield f"{listed.uri}: its {name} on the shelf is another than in the document table."


def require_collection(collection: Path) -> None:
    if not collection.is_dir():
        raise IndexNotFound(f"No index at {collection}. Build one: ragdesk ingest PATH")
