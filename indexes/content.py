"""What makes the content of a generation, as bytes to be summed up. Pure.

Two jobs that were to do the same have done the same when their digests are equal: it depends on
documents, chunks, vectors, groups and validity, and neither on segments and their order nor on
dates. Interrupted jobs, clusters, backups and merges are held against it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import astuple

import numpy as np
from numpy.typing import NDArray

from indexes.chunk import Chunk, Record


def of(
    record: Record, chunks: Sequence[Chunk], kinds: NDArray[np.uint8], vectors: NDArray[np.float32]
) -> Iterator[bytes]:
    """Give the bytes of one document. kinds (entries,), vectors (voiced entries, dim)."""
    told = (record.id, record.uri, record.source, record.title, record.text, record.digest)
    yield repr((*told, sorted(record.groups), astuple(record.validity))).encode()
    yield repr([astuple(chunk) for chunk in chunks]).encode()
    yield kinds.tobytes()
    yield vectors.tobytes()
