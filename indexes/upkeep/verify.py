"""Check a collection's generations, files and documents for damage."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, MutableMapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from indexes.errors import IndexDamaged, IndexesError, IndexNotFound, tells_absence
from indexes.store import (
    access_log,
    document_table,
    durability,
    generations,
    locks,
    manifest,
    past_limits,
)
from indexes.store.chunk_store import ChunkStore
from indexes.store.document_table import DocumentTable, ListedDocument
from indexes.store.extra_files import ExtraFile, list_file_problems
from indexes.store.paths import ORIGINALS_FOLDER, open_plain, original_file, segment_folder
from indexes.store.row_layout import RowLayout
from indexes.store.segments import Segment
from indexes.upkeep import format_check


def verify_collection(
    collection: Path, *, extra_files: Sequence[ExtraFile] = (), lacking: bool = False
) -> list[str]:
    """Read every file of every generation anew and name all that is wrong with it.

    In a generation that is whole, every chunk is also held against the text of its document. One
    that is cleared meanwhile, as each publish may do, is passed over; one that is being read is not
    cleared. lacking: originals may be missing. Raises IndexNotFound where there is no collection.
    """
    require_collection(collection)
    findings: dict[str, None] = {}
    now = generations.read_current_number(collection)
    known = generations.list_generations(collection)
    if known and now not in known:
        findings[f"{collection / generations.CURRENT_FILE} names no generation."] = None
    checked: dict[str, list[str]] = {}
    digests: dict[int, set[str]] | None = {}
    for number in known:
        with ExitStack() as holds:
            if not _hold(collection, number, holds):
                continue
            problems = list_damage(collection, number) or _list_format_problems(
                collection, number, checked
            )
            findings.update(dict.fromkeys(problems or _compare_contents(collection, number)))
            if problems:
                digests = None  # what it lists is not known
            elif digests is not None:
                digests[number] = _read_digests(collection, number)
    findings.update(dict.fromkeys(list_file_problems(collection, extra_files)))
    least = generations.limits_revision(collection)
    findings.update(dict.fromkeys(past_limits.list_limit_problems(collection, least=least)))
    needed = {} if lacking else digests or {}
    findings.update(dict.fromkeys(_check_originals(collection, needed)))
    return list(findings)


def _hold(collection: Path, number: int, holds: ExitStack) -> bool:
    """Keep a generation from being cleared; False for one already cleared, which is no damage."""
    folder = collection / generations.GENERATIONS_FOLDER / str(number)
    try:
        holds.enter_context(locks.hold_generation(folder))
    except IndexDamaged:
        return True  # whoever reads it says how
    except OSError as error:
        if not tells_absence(error):
            raise
        return folder.exists()
    return True


def list_unlisted_originals(collection: Path) -> list[Path]:
    """List the originals that no generation names; ``collect_garbage`` removes them.

    They are no damage: a file that could not be parsed leaves its bytes, and so does a job that
    was ended.
    """
    folder = collection / ORIGINALS_FOLDER
    used = set[str]()
    try:
        for number in generations.list_generations(collection):
            with ExitStack() as holds:
                if _hold(collection, number, holds):
                    used |= _read_digests(collection, number)
    except IndexDamaged:
        return []
    return sorted(f for f in _list_original_files(folder) if f.name not in used)


def collect_last_readers(
    collection: Path,
    documents: Collection[ListedDocument],
    newest: Sequence[int],
    *,
    old_groups: bool,
) -> dict[tuple[str, str], frozenset[str]]:
    """Return who might last see the texts of some documents, by place; no entry is everybody.

    What the newest generation says of a document, of its text elsewhere, or of another text in its
    place, is newer than what is remembered. Raises IndexDamaged where that cannot be read, unless
    ``old_groups``.
    """
    keys = [
        key
        for document in documents
        for key in (document.digest, past_limits.place_key(*document.place))
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
    places = {document.place: document.digest for document in listed}
    seen_by: dict[str, frozenset[str] | None] = {}  # None: everybody
    for document in listed:
        others = seen_by.get(document.digest, frozenset())
        seen_by[document.digest] = (
            others | document.groups if document.groups and others is not None else None
        )
    past = dict[tuple[str, str], frozenset[str]]()
    for document in documents:
        place = document.place
        if places.get(place) == document.digest:
            continue
        groups = limits.readers_of(
            document, text=document.digest not in seen_by, place=place not in places
        )
        elsewhere = seen_by.get(document.digest) or frozenset()
        past[place] = access_log.intersect_groups(groups, elsewhere)
    return past


def limits_of_going(
    collection: Path, table: Path, regrouped: Sequence[ListedDocument] = ()
) -> past_limits.LimitChange:
    """Return which limited texts go where a table replaces that of the newest generation."""
    now = generations.read_current_number(collection)
    order = [*([now] if now else []), *reversed(generations.list_generations(collection))]
    tables = (generations.find_whole_table(collection, number) for number in order)
    return past_limits.compare_limit_tables(next(filter(None, tables), None), table, regrouped)


def renew_limits(collection: Path) -> None:
    """Discard the limits of past texts, where they cannot be read whole."""
    least = generations.limits_revision(collection)
    if any(past_limits.list_limit_problems(collection, least=least)):
        past_limits.reset_limits(collection, least=least)


def list_damage(collection: Path, number: int) -> list[str]:
    """List every file of a generation and its segments that is not as it was written."""
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
    """List what no writer of ours wrote, though its sums are right. checked: known segments."""
    generation = generations.read_generation(collection, number)
    for digest in generation.segments:
        if digest not in checked:
            checked[digest] = format_check.list_segment_problems(segment_folder(collection, digest))
    problems = [problem for digest in generation.segments for problem in checked[digest]]
    return problems + format_check.list_generation_problems(generation.folder)


def _read_digests(collection: Path, number: int) -> set[str]:
    return document_table.collect_digests(
        [collection / generations.GENERATIONS_FOLDER / str(number) / document_table.TABLE_FILE]
    )


def _list_original_files(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _check_originals(collection: Path, digests: Mapping[int, Collection[str]]) -> Iterator[str]:
    """List the source bytes that are missing or changed; digests: by generation.

    A collection that was built without files has no folder for them.
    """
    folder = collection / ORIGINALS_FOLDER
    present = set[str]()
    for file in _list_original_files(folder):
        if file.name.startswith(durability.UNFINISHED_PREFIX):
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
        # Others were cleared meanwhile, with their originals.
        standing = generations.list_generations(collection)
        listed = {digest for number in standing for digest in digests.get(number, ())}
        for digest in sorted(listed - present):
            file = original_file(collection, digest)
            yield f"{file} is missing: the bytes of a document that is listed."


def _compare_contents(collection: Path, number: int) -> Iterator[str]:
    """List where the document table, the tombstones and the chunk stores disagree."""
    generation = generations.read_generation(collection, number)
    with ExitStack() as opened:
        table = opened.enter_context(
            closing(DocumentTable(generation.folder / document_table.TABLE_FILE))
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
    """List the rows of a segment that belong to no document, or to two."""
    at = 0
    for first, count in sorted(row_range for row_range in claimed if row_range[1]):
        if first != at:
            yield f"Segment {part.digest}: documents meet badly between rows {at} and {first}."
        at = first + count
    if at != part.chunks:
        yield f"Segment {part.digest} has {part.chunks} rows; {at} of them are accounted for."


def _compare_document(chunk_store: ChunkStore, listed: ListedDocument) -> Iterator[str]:
    """List how a document in a chunk store differs from its entry in the document table."""
    try:
        record = chunk_store.load_record(listed.id)
        rows = chunk_store.find_rows(listed.id)
    except KeyError:
        yield f"{listed.uri} is listed, but is not in segment {listed.segment}."
        return
    if rows != (listed.first, listed.count):
        yield f"{listed.uri}: its chunks are not where the document table says."
    names = ("uri", "source", "title", "media_type", "language", "digest")
    for name in names:
        if getattr(record, name) != getattr(listed, name):
            yield f"{listed.uri}: its {name} in the chunk store is not that of the document table."


def require_collection(collection: Path) -> None:
    """Raise IndexNotFound, with the command that builds one, where there is no collection."""
    if not collection.is_dir():
        raise IndexNotFound(f"No index at {collection}. Build one: ragdesk ingest PATH")
