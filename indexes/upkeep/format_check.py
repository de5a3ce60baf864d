"""Check the format of a segment and of a document table completely, as untrusted input.

Sums tell that a file is as it was written, and nothing of who wrote it: a forged backup has right
sums. So every count, offset, number and type is checked here, each against what is really there,
before anything is built on it. ``verify`` and ``restore`` read all of it; a server need not.
"""

import base64
import binascii
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from indexes.chunk import LONGEST_HREF, MOST_LINKS, Chunk, ChunkKind, is_web_address
from indexes.chunk_views import MOST_VIEWS, WHOLE_VIEW, iter_views
from indexes.errors import IndexDamaged, IndexesError
from indexes.lexical.index_writer import INDEX_ARRAYS
from indexes.mapped_arrays import map_array
from indexes.store import chunk_store, document_table, generations, manifest, sqlite_guard
from indexes.store.document_notes import NOTES_FILE, read_notes
from indexes.store.paths import is_digest
from indexes.store.row_languages import LANGUAGES_FILE, encode_languages
from indexes.store.segments import (
    CHUNKS_FILE,
    KINDS_FILE,
    LEXICAL_FOLDER,
    OWNERS_FILE,
    VECTORS_FOLDER,
    read_tokens_version,
)
from indexes.store.strict_json import check_integer, check_text, parse_json
from indexes.vectors import faiss_file_check, faiss_index

MOST_ROWS = 1 << 32  # chunks or entries of a segment: rows are 32 bits wide
# Bytes of what is known of a document: one with 100,000 pages has a tenth.
MOST_FACT_BYTES = 16 << 20
_WIDEST = 1 << 16  # numbers of a vector
_SLAB = 1 << 20
_MOMENT = re.compile(r"(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)?")
_ODD = (ValueError, TypeError, KeyError, AttributeError, OverflowError, IndexError)
_TABLES = (
    frozenset({document_table.TABLE_FILE}),
    frozenset({document_table.BASE_FILE, document_table.CHANGES_FILE}),
)
_SEGMENT_FILES = frozenset(
    (
        CHUNKS_FILE,
        OWNERS_FILE,
        KINDS_FILE,
        LANGUAGES_FILE,
        NOTES_FILE,
        *(f"{LEXICAL_FOLDER}/{name}.npy" for name in INDEX_ARRAYS),
        *faiss_index.list_vector_files(VECTORS_FOLDER),
    )
)
_RECORD = (("number", "integer"), ("id", "text"), ("uri", "text"), ("title", "text"))
_RECORDS = (*_RECORD, ("facts", "text"), ("text", "text"), ("boxes", "blob"))
_COLUMNS = {
    "records": (*_RECORDS, ("first", "integer"), ("count", "integer")),
    "chunks": (
        *(("row", "integer"), ("id", "text"), ("record", "integer"), ("start", "integer")),
        *(('"end"', "integer"), ("text", "text"), ("facts", "text")),
    ),
    "vectors": (("digest", "blob"), ("row", "integer")),
    "links": (*((name, "integer") for name in ("record", "start", '"end"')), ("href", "text")),
    "documents": (
        *((name, "text") for name in ("id", "uri", "source", "title", "media_type", "language")),
        *((name, "text") for name in ("digest", "groups", "segment")),
        *(("first", "integer"), ("count", "integer")),
    ),
    "readers": (("name", "text"), ("id", "text")),
    "removed": (("id", "text"),),
    "validity": (
        *((name, "text") for name in ("id", "starts", "ends", "version")),
        ("beside", "integer"),
    ),
}


def list_segment_problems(folder: Path) -> list[str]:
    """List all that is wrong with a segment whose files have the sums of its manifest."""
    try:
        sealed = manifest.read_manifest(folder)
        if not sealed.files.keys() <= _SEGMENT_FILES:
            raise ValueError(f"it lists {min(sealed.files.keys() - _SEGMENT_FILES)}")
        counts, dim, inverted = _read_segment_facts(sealed.facts)
    except (IndexesError, *_ODD) as error:
        return [_describe_problem(folder / manifest.MANIFEST_FILE, error)]
    checks: Sequence[tuple[str, Callable[[Path], None]]] = (
        (LEXICAL_FOLDER, lambda place: _check_postings(place, counts["entries"])),
        (VECTORS_FOLDER, lambda place: _check_vectors(place, counts, dim, inverted=inverted)),
        (CHUNKS_FILE, lambda place: _check_chunk_store(place, folder, counts)),
        (NOTES_FILE, lambda _: _check_notes(folder, counts["documents"])),
    )
    return [problem for name, check in checks for problem in _run_check(folder / name, check)]


def list_generation_problems(folder: Path) -> list[str]:
    """List what is wrong with a generation's own files, as far as they stand alone."""
    names = manifest.read_manifest(folder).files.keys() - {generations.TOMBSTONES_FILE}
    if names not in _TABLES:
        return [f"{folder / manifest.MANIFEST_FILE} lists other files than a generation has."]
    return [
        problem for name in sorted(names) for problem in _run_check(folder / name, _check_table)
    ]


def _check_notes(folder: Path, documents: int) -> None:
    if len(read_notes(folder)) > documents:
        raise ValueError("it has notes on more documents than there are")


def _run_check(place: Path, check: Callable[[Path], None]) -> Iterator[str]:
    try:
        check(place)
    except (IndexesError, *_ODD) as error:
        yield _describe_problem(place, error)


def _describe_problem(place: Path, error: Exception) -> str:
    if isinstance(error, IndexesError):
        return str(error)
    why = str(error)[:200] if isinstance(error, ValueError) else type(error).__name__
    return f"{place} is not as we write it: {why}."


def _read_segment_facts(facts: Mapping[str, Any]) -> tuple[dict[str, int], int, bool]:
    """Read counts, dimension and kind of index from a segment's manifest. Raises ValueError."""
    stored_counts = facts["counts"]
    names = ("documents", "chunks", "entries", "vectors")
    counts = {name: check_integer(stored_counts[name], most=MOST_ROWS) for name in names}
    if not counts["chunks"] <= counts["entries"] <= MOST_VIEWS * counts["chunks"]:
        raise ValueError("its counts do not fit each other")
    embedder = facts["embedder"]
    dim = check_integer(embedder["dim"], most=_WIDEST)
    prefixes = embedder["prefixes"]
    for value in (embedder["name"], embedder["revision"], prefixes["query"], prefixes["passage"]):
        check_text(value)
    if type(embedder["normalised"]) is not bool or not isinstance(facts["splitter"], dict):
        raise ValueError("its embedder or splitter is not named as ours are")
    check_integer(embedder.get("recipe", 1))
    read_tokens_version(facts)
    try:
        canary = base64.b64decode(check_text(facts["canary"]), validate=True)
    except binascii.Error as error:
        raise ValueError("its canary is no vector") from error
    if len(canary) != 4 * dim or not np.isfinite(np.frombuffer(canary, "<f4")).all():
        raise ValueError("its canary is no vector")
    if facts["dense"] not in get_args(faiss_index.IndexKind):
        raise ValueError("its vectors are of no kind that is known")
    return counts, dim, facts["dense"] == "ivf"


def _map_checked(file: Path, kind: type[Any], count: int | None = None) -> NDArray[Any]:
    array = map_array(file)
    if array.ndim != 1 or array.dtype != np.dtype(kind):
        raise ValueError(f"{file.name} holds values of another kind")
    if count is not None and len(array) != count:
        raise ValueError(f"{file.name} holds {len(array)} values, not {count}")
    return array


def _check_postings(folder: Path, entries: int) -> None:
    """Check that terms lie within the blob, and postings within the entries, ascending."""
    parts = {
        name: _map_checked(folder / f"{name}.npy", kind) for name, kind in INDEX_ARRAYS.items()
    }
    terms = len(parts["ends"])
    rows = parts["rows"]
    starts = parts["starts"]
    expected = {"starts": terms + 1, "peaks": terms, "shortest": terms, "counts": len(rows)}
    for name, count in {**expected, "lengths": entries}.items():
        if len(parts[name]) != count:
            raise ValueError(f"{name}.npy holds {len(parts[name])} values, not {count}")
    _check_ascending(parts["ends"], first=None, last=len(parts["terms"]), strictly=False)
    _check_ascending(starts, first=0, last=len(rows), strictly=True)
    begins = np.zeros(len(rows) + 1, np.bool_)
    begins[starts] = True
    for at in range(0, len(rows), _SLAB):
        part = rows[max(at - 1, 0) : at + _SLAB].astype(np.int64)
        if part.max() >= entries:
            raise ValueError("rows.npy names an entry that there is not")
        follows = ~begins[max(at, 1) : at + _SLAB][: len(part) - 1]
        if np.any((np.diff(part) <= 0) & follows):
            raise ValueError("rows.npy is not in order")


def _check_ascending(values: NDArray[Any], *, first: int | None, last: int, strictly: bool) -> None:
    ends = (int(values[0]), int(values[-1])) if len(values) else (0, 0)
    if ends[1] != last or ends[0] < 0 or first not in {None, ends[0]}:
        raise ValueError("its terms do not cover its postings")
    for at in range(0, len(values), _SLAB):
        steps = np.diff(values[max(at - 1, 0) : at + _SLAB])
        if len(steps) and steps.min() < strictly:
            raise ValueError("its terms do not follow each other")


def _check_vectors(folder: Path, counts: Mapping[str, int], dim: int, *, inverted: bool) -> None:
    count = counts["vectors"]
    rows = _map_checked(folder / faiss_index.ROWS_FILE, np.int64, count)
    for at in range(0, count, _SLAB):
        steps = np.diff(rows[max(at - 1, 0) : at + _SLAB])
        if len(steps) and steps.min() <= 0:
            raise ValueError("rows.npy is not in order")
    if count and not 0 <= rows[0] <= rows[-1] < counts["entries"]:
        raise ValueError("rows.npy names an entry that there is not")
    faiss_file_check.check_flat_file(folder / faiss_index.FLAT_FILE, count=count, dim=dim)
    if (folder / faiss_index.INVERTED_FILE).exists() != inverted:
        raise ValueError("its inverted file is missing, or one too many")
    if inverted:
        faiss_file_check.check_inverted_file(
            folder / faiss_index.INVERTED_FILE, count=count, dim=dim
        )


def _check_chunk_store(file: Path, folder: Path, counts: Mapping[str, int]) -> None:
    """Check that documents and chunks follow one another, each chunk an exact span."""
    chunks = counts["chunks"]
    kinds, languages = bytearray(), []
    with sqlite_guard.inspect_database(file, chunk_store.list_store_schemas()) as base:
        _check_types(base, "records", "chunks", "vectors")
        has_links = base.execute("SELECT 1 FROM sqlite_master WHERE name = 'links'").fetchone()
        _check_numbering(base, "chunks", "row", chunks)
        _check_numbering(base, "records", "number", counts["documents"])
        odd = "SELECT 1 FROM vectors WHERE length(digest) <> 16 OR row < 0 OR row >= ? LIMIT 1"
        if base.execute(odd, (counts["vectors"],)).fetchone():
            raise ValueError("it notes a vector that there is not")
        at = 0
        query = "SELECT number, id, uri, title, facts, text, first, count FROM records ORDER BY 1"
        for number, identity, uri, title, facts, text, first, count in base.execute(query):
            if first != at or not 0 <= count <= chunks - at:
                raise ValueError("its documents do not follow each other")
            check_record(parse_json(facts.encode(), most=MOST_FACT_BYTES))
            if has_links:
                _check_links(base, number, len(text))
            named = {
                "document": check_text(identity),
                "uri": check_text(uri),
                "title": check_text(title),
            }
            rows = (
                "SELECT id, record, start, end, text, facts FROM chunks WHERE row >= ? AND row < ?"
            )
            for row in base.execute(f"{rows} ORDER BY row", (first, first + count)):
                chunk = _check_chunk_row(row, named, text, number)
                kinds += bytes(kind for kind, _ in iter_views(chunk))
                languages.append(chunk.language)
            at += count
    if at != chunks:
        raise ValueError("it holds chunks of no document")
    _check_entry_arrays(folder, bytes(kinds), counts)
    if (folder / LANGUAGES_FILE).exists():  # 0.1.0 wrote none
        codes = _map_checked(folder / LANGUAGES_FILE, np.uint8, counts["chunks"])
        if not np.array_equal(codes, encode_languages(languages)):
            raise ValueError("its languages are not those of its chunks")


def _check_links(base: sqlite3.Connection, number: int, length: int) -> None:
    """Check that the links of a document are spans of its text, one after the other."""
    query = "SELECT start, end, href FROM links WHERE record = ? ORDER BY start LIMIT ?"
    links = base.execute(query, (number, MOST_LINKS + 1)).fetchall()
    ends = [0, *(end for _, end, _ in links)]
    if len(links) > MOST_LINKS or ends[-1] > length:
        raise ValueError("it holds links that are not of its documents")
    for before, (start, end, href) in zip(ends, links, strict=False):
        if not before <= start < end or not 0 < len(href) <= LONGEST_HREF:
            raise ValueError("it holds links that are not of its documents")


def _check_chunk_row(row: Sequence[Any], named: Mapping[str, str], text: str, number: int) -> Chunk:
    """Check one chunk of a document, and return it."""
    identity, record, start, end, piece, facts = row
    if record != number or not 0 <= start <= end <= len(text) or text[start:end] != piece:
        raise ValueError("a chunk is not what stands in its document")
    known = check_chunk(parse_json(facts.encode(), most=MOST_FACT_BYTES))
    chunk = Chunk(**{**named, **known}, text=piece, start=start, end=end)
    if chunk.id != identity:
        raise ValueError("a chunk bears the name of another")
    return chunk


def check_record(facts: Any) -> None:
    """Check the form of a document in a chunk store. Raises ValueError."""
    names = ("source", "media_type", "language", "digest")
    if not isinstance(facts, dict) or facts.keys() - {"address"} != {*names, "pages"}:
        raise ValueError("a document is not described as ours are")
    address = check_text(facts.get("address", ""))
    if "address" in facts and not is_web_address(address):
        raise ValueError("a document has an address that is none")
    for name in names:
        check_text(facts[name])
    for start, end, label in facts["pages"]:
        check_integer(start), check_integer(end), check_text(label)


def check_chunk(facts: Any) -> dict[str, Any]:
    """Read a chunk of a chunk store. Raises ValueError."""
    if not isinstance(facts, dict):
        raise ValueError("a chunk is not described as ours are")  # noqa: TRY004 - a file's fault
    known = dict(facts)
    for name in ("lead", "language", "version", "title", "kind"):
        check_text(known.get(name, ""))
    for name in ("section", "question"):
        if name in known:
            start, end = known[name]
            known[name] = (check_integer(start), check_integer(end))
    if "path" in known:
        known["path"] = tuple(map(check_text, known["path"]))
    if known.get("page") is not None:
        check_integer(known["page"])
    if known.get("kind", "prose") not in get_args(ChunkKind):
        raise ValueError("a chunk is of no kind that is known")
    return known


def _check_entry_arrays(folder: Path, kinds: bytes, counts: Mapping[str, int]) -> None:
    """Check that entries are the views of the chunks, in their order."""
    stored_kinds = _map_checked(folder / KINDS_FILE, np.uint8, counts["entries"])
    owners = _map_checked(folder / OWNERS_FILE, np.uint32, counts["entries"])
    if stored_kinds.tobytes() != kinds:
        raise ValueError("its entries are not the views of its chunks")
    chunk = -1
    for at in range(0, len(stored_kinds), _SLAB):
        # The whole view of a chunk comes first, so each one begins the next chunk.
        expected = chunk + np.cumsum(stored_kinds[at : at + _SLAB] == WHOLE_VIEW)
        if not np.array_equal(owners[at : at + _SLAB], expected):
            raise ValueError("its entries do not follow its chunks")
        chunk = int(expected[-1])


def _check_table(file: Path) -> None:
    with sqlite_guard.inspect_database(file, document_table.list_table_schemas(file.name)) as base:
        tables = base.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        _check_types(base, *(name for (name,) in tables))
        if ("validity",) in tables:
            query = "SELECT starts, ends, version, beside FROM validity"
            for starts, ends, version, beside in base.execute(query):
                if not _MOMENT.fullmatch(starts) or not _MOMENT.fullmatch(ends):
                    raise ValueError("a document holds until no moment of any calendar")
                check_text(version), check_integer(beside, most=1)
        readers: dict[str, set[str]] = {}
        for name, identity in base.execute("SELECT name, id FROM readers"):
            readers.setdefault(identity, set()).add(name)
        query = "SELECT id, uri, digest, groups, segment, first, count FROM documents"
        for identity, uri, digest, groups, segment, first, count in base.execute(query):
            if not is_digest(digest) or not (is_digest(segment) or not count):
                raise ValueError(f"{uri[:80]} has a digest that is none")
            check_integer(first, most=MOST_ROWS), check_integer(count, most=MOST_ROWS)
            if set(document_table.read_groups(groups)) != readers.pop(identity, set()):
                raise ValueError(f"{uri[:80]} is said to be seen by two different sets of groups")
        if readers:
            raise ValueError("it names readers of a document that there is not")


def _check_types(base: sqlite3.Connection, *tables: str) -> None:
    for table in tables:
        if sqlite_guard.types_differ(base, table, _COLUMNS[table]):
            raise IndexDamaged(f"Table {table} holds a value of another type than its column.")


def _check_numbering(base: sqlite3.Connection, table: str, column: str, count: int) -> None:
    query = f"SELECT count(*), min({column}), max({column}) FROM {table}"  # noqa: S608 - our names
    expected = (count, 0, count - 1) if count else (0, None, None)
    if base.execute(query).fetchone() != expected:
        raise ValueError(f"it does not hold {count} {table}")
