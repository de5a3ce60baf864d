"""A digest of a generation's content that depends on neither segments nor their order nor dates.

Two jobs that were to do the same have done the same when their digests are equal: it depends on
documents, chunks, vectors, groups and validity, and neither on segments and their order nor on
dates. Interrupted jobs, clusters, backups and merges are held against it.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple

import numpy as np
from numpy.typing import NDArray

from indexes.chunk import Chunk, DocumentRecord
from indexes.store.document_table import ListedDocument
from indexes.store.row_layout import RowLayout
from indexes.vectors.vector_store import DocumentEntries


def digest_documents(
    layout: RowLayout, documents: Iterable[tuple[ListedDocument, DocumentRecord, Sequence[Chunk]]]
) -> str:
    """Return a digest of documents in the order given."""
    total = hashlib.sha256()
    for listed, record, chunks in documents:
        for piece in _document_bytes(record, chunks, *_document_vectors(layout, listed)):
            total.update(piece)
    return total.hexdigest()


def _document_bytes(
    record: DocumentRecord,
    chunks: Sequence[Chunk],
    kinds: NDArray[np.uint8],
    vectors: NDArray[np.float32],
) -> Iterator[bytes]:
    """Yield the bytes of one document. kinds (entries,), vectors (voiced entries, dim)."""
    facts = (record.id, record.uri, record.source, record.title, record.text, record.digest)
    yield repr((*facts, sorted(record.groups), astuple(record.validity))).encode()
    if record.links:
        yield repr(record.links).encode()
    if record.address:
        yield record.address.encode()
    yield repr([astuple(chunk) for chunk in chunks]).encode()
    yield kinds.tobytes()
    yield vectors.tobytes()


def _document_vectors(
    layout: RowLayout, listed: ListedDocument
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return the kinds (entries,) and the vectors (voiced entries, dim) of a document."""
    part = layout.segments[layout.find_segment(listed.segment)]
    rows, _ = part.entries_of(np.arange(listed.first, listed.first + listed.count))
    return part.kinds[rows], part.dense.vectors_of_rows(rows)


def collect_entries(layout: RowLayout, listed: ListedDocument) -> DocumentEntries:
    """Return the entries of a document that have a vector, as replicas hold them."""
    i = layout.find_segment(listed.segment)
    part = layout.segments[i]
    rows, _ = part.entries_of(np.arange(listed.first, listed.first + listed.count))
    rows = rows[np.isin(rows, part.dense.rows)]
    return DocumentEntries(
        rows=rows + layout.entry_starts[i],
        vectors=part.dense.vectors_of_rows(rows),
        kinds=part.kinds[rows].tolist(),
        uri=listed.uri,
        media_type=listed.media_type,
        language=listed.language,
        groups=listed.groups,
        validity=listed.validity,
    )
