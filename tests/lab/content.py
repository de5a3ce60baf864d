"""Sums up what a collection holds, read from its files alone, so that two versions can be compared.

``python -m tests.lab.content COLLECTION…`` prints one digest for each folder of a collection: of its
documents' names, texts, spans, chunk contexts, vectors, groups and validity. Ids, numbers of
generations and the order of segments take no part, and no module of the product is imported.
"""

import argparse
import hashlib
import json
import sqlite3
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

FLAT_HEADER = struct.Struct("<4siqqq?iQ")  # FAISS: magic, dimension, vectors, …, numbers


def read_vectors(file: Path) -> np.ndarray:
    """Read the unit vectors of a segment, shape (vectors, dimension), from FAISS's flat format."""
    raw = file.read_bytes()
    magic, dimension, count, *_, numbers = FLAT_HEADER.unpack_from(raw)
    if magic != b"IxFI" or numbers != count * dimension:
        raise ValueError(f"{file} is no flat index")
    return np.frombuffer(raw, "<f4", numbers, FLAT_HEADER.size).reshape(count, dimension)


def query(file: Path, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Run one statement on an SQLite file that nobody writes."""
    connection = sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)
    try:
        return connection.execute(statement, values).fetchall()
    finally:
        connection.close()


def describe_documents(collection: Path) -> Iterator[str]:
    """Describe each document of the newest generation in one line, in the order of its uri."""
    generations = collection / "generations"
    newest = max((f for f in generations.iterdir() if f.name.isdigit()), key=lambda f: int(f.name))
    table = newest / "documents.sqlite"
    listed = query(
        table,
        "SELECT documents.id, uri, title, media_type, language, digest, groups, segment, first, count,"
        " starts, ends, version, beside FROM documents LEFT JOIN validity USING (id)"
        " ORDER BY source, uri",
    )
    for row in listed:
        identity, *about, segment, first, count, starts, ends, version, beside = row
        shelf = collection / "segments" / segment / "shelf.sqlite"
        text = query(shelf, "SELECT text, boxes FROM records WHERE id = ?", identity)[0]
        chunks = query(
            shelf,
            "SELECT start, end, text, facts FROM chunks WHERE row >= ? AND row < ? ORDER BY row",
            first,
            first + count,
        )
        places = [
            (start, end, body, json.dumps(json.loads(facts), sort_keys=True))
            for start, end, body, facts in chunks
        ]
        yield repr((about, (starts, ends, version, beside), text, places))


def describe_vectors(collection: Path) -> Iterator[str]:
    """Describe each vector of the collection's segments by the text's digest, sorted by it."""
    vectors: dict[bytes, str] = {}
    for segment in sorted((collection / "segments").iterdir()):
        flat = segment / "dense" / "vectors.faiss"
        if not flat.exists():
            continue
        numbers = read_vectors(flat)
        for digest, row in query(segment / "shelf.sqlite", "SELECT digest, row FROM vectors"):
            vectors[digest] = hashlib.sha256(numbers[row].tobytes()).hexdigest()
    for digest in sorted(vectors):
        yield f"{digest.hex()} {vectors[digest]}"


def digest_collection(collection: Path) -> tuple[int, int, str]:
    """Sum up a collection: its number of documents, of vectors, and one digest of both."""
    total = hashlib.sha256()
    counts = []
    for lines in (describe_documents(collection), describe_vectors(collection)):
        number = 0
        for line in lines:
            total.update(line.encode())
            number += 1
        counts.append(number)
    return counts[0], counts[1], total.hexdigest()


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each collection."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("collection", type=Path, nargs="+")
    for collection in parser.parse_args(arguments).collection:
        documents, vectors, digest = digest_collection(collection)
        print(f"{collection.name}: {documents} documents, {vectors} vectors, {digest}")


if __name__ == "__main__":
    main()
