"""Vectors in Milvus (Lite, Standalone, Distributed): the only door to pymilvus.

Each generation is a physical collection of its own, named by the checksum of its manifest, so two
generations never mix. It is filled, counted with a strong read, and only then does the alias,
which is there for other clients, point at it. A reader counts too before it trusts one.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from indexes.errors import ModelMissing, VectorsUnreachable
from indexes.options import IndexesOptions
from indexes.search_results import Hits, Scores, Vectors, select_best
from indexes.vectors.faiss_index import EXACT_UP_TO
from indexes.vectors.milvus_filter import format_filter
from indexes.vectors.vector_store import (
    DocumentEntries,
    GenerationVectors,
    SearchScope,
    VectorSearcher,
    VectorStore,
)

try:
    from pymilvus import DataType, MilvusClient
    from pymilvus.exceptions import MilvusException
except ImportError as error:
    raise ModelMissing("pymilvus is not installed: pip install 'ragdesk[milvus]'") from error

STRONG_CONSISTENCY = "Strong"
MOST_HITS = 16_384  # hits of one search that Milvus gives, and rows of one query
_BATCH = 1_000  # entries of one insert: 1.5 MB of 384 dimensions; a message may have 64
_LONGEST = 65_535  # bytes of a VARCHAR
_LEAST_DIM = 2  # of a vector
_GROUPS, _GROUP = 1_024, 1_024  # groups of a document, bytes of a group's name
_TEXTS = ("uri", "media_type", "language", "starts", "ends")


class MilvusStore(VectorStore):
    """The copies of a desk's generations in one Milvus. Raises ValueError where none is named."""

    def __init__(self, options: IndexesOptions) -> None:
        if not options.uri:
            raise ValueError('indexes.uri names no Milvus. Set it, or backend = "faiss".')
        self._prefix = options.prefix
        with _naming_milvus(options.uri):
            self._client = MilvusClient(uri=options.uri, token=options.token)
        self._uri = options.uri

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def list_names(self, collection: str) -> list[str]:
        """List the physical collections of a collection, whole or not."""
        own = re.compile(rf"{re.escape(self._alias_name(collection))}_g_[0-9a-f]{{24}}")
        with _naming_milvus(self._uri):
            return sorted(n for n in self._client.list_collections() if own.fullmatch(n))

    def find_aliased(self, collection: str) -> str | None:
        """Return the physical collection that the alias points at, or None."""
        with _naming_milvus(self._uri):
            for name in self.list_names(collection):
                reply = self._client.list_aliases(collection_name=name)
                if self._alias_name(collection) in reply.get("aliases", ()):
                    return name
        return None

    def open_vectors(self, generation: GenerationVectors) -> "MilvusSearcher | None":
        """Return what searches the physical collection of a generation, if all of it is there."""
        name = self._physical_name(generation.collection, generation.checksum)
        with _naming_milvus(self._uri):
            if not self._is_whole(name, generation.count):
                return None
            self._client.load_collection(name)
        return MilvusSearcher(self._client, self._uri, name, generation)

    def publish_vectors(self, generation: GenerationVectors) -> None:
        """Copy a generation, and point the alias at the copy once all of it is there.

        Raises VectorsUnreachable; then the alias is as it was.
        """
        name = self._physical_name(generation.collection, generation.checksum)
        count = generation.count
        with _naming_milvus(self._uri):
            if not self._is_whole(name, count):
                how = "FLAT" if count <= EXACT_UP_TO else "AUTOINDEX"
                dim = generation.dim or _LEAST_DIM  # 0: of no documents
                self._fill_collection(name, generation.iter_entries(), dim, how)
            if (there := self._count_rows(name)) != count:
                raise VectorsUnreachable(f"Milvus holds {there} of {count} vectors in {name}.")
            self._point_alias(self._alias_name(generation.collection), name)

    def remove_vectors(self, collection: str, keep: frozenset[str]) -> None:
        """Drop the copies of all generations but those of some checksums, and the aliased one."""
        names_to_keep = {self._physical_name(collection, checksum) for checksum in keep}
        names_to_keep.add(self.find_aliased(collection) or "")
        with _naming_milvus(self._uri):
            for name in self.list_names(collection):
                if name not in names_to_keep:
                    self._client.drop_collection(name)

    def remove_all_vectors(self, collection: str) -> None:
        """Drop the alias of a collection, then every copy: none with an alias can be dropped."""
        aliased = self.find_aliased(collection)
        with _naming_milvus(self._uri):
            if aliased:
                self._client.drop_alias(self._alias_name(collection))
            for name in self.list_names(collection):
                self._client.drop_collection(name)

    def _is_whole(self, name: str, count: int) -> bool:
        return bool(self._client.has_collection(name)) and self._count_rows(name) == count

    def _fill_collection(
        self, name: str, entries: Iterable[DocumentEntries], dim: int, how: str
    ) -> None:
        self._client.drop_collection(name)  # an unfinished one; of none, nothing
        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("row", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dim)
        schema.add_field("kind", DataType.INT64)
        schema.add_field("open", DataType.BOOL)
        for text in _TEXTS:
            schema.add_field(text, DataType.VARCHAR, max_length=_LONGEST)
        schema.add_field(
            "groups",
            DataType.ARRAY,
            element_type=DataType.VARCHAR,
            max_capacity=_GROUPS,
            max_length=_GROUP,
        )
        params = self._client.prepare_index_params()
        params.add_index("vector", index_type=how, metric_type="IP")
        self._client.create_collection(name, schema=schema, index_params=params)
        for batch in _iter_batches(entries):
            self._client.insert(name, batch)
        self._client.flush(name)
        self._client.load_collection(name)

    def _count_rows(self, name: str) -> int:
        self._client.load_collection(name)
        reply = self._client.query(
            name, filter="", output_fields=["count(*)"], consistency_level=STRONG_CONSISTENCY
        )
        return int(reply[0]["count(*)"])

    def _point_alias(self, alias: str, name: str) -> None:
        known = [
            other
            for other in self._client.list_collections()
            if alias in self._client.list_aliases(collection_name=other).get("aliases", ())
        ]
        if known:
            self._client.alter_alias(collection_name=name, alias=alias)
        else:
            self._client.create_alias(collection_name=name, alias=alias)

    def _alias_name(self, collection: str) -> str:
        # Milvus knows no "-": the digest keeps "a-b" and "a_b" apart.
        digest = hashlib.sha256(collection.encode()).hexdigest()[:8]
        return f"{self._prefix}_{collection.replace('-', '_')}_{digest}"

    def _physical_name(self, collection: str, checksum: str) -> str:
        return f"{self._alias_name(collection)}_g_{checksum[:24]}"


class MilvusSearcher(VectorSearcher):
    """Searches one physical collection that is whole."""

    def __init__(
        self, client: MilvusClient, uri: str, name: str, generation: GenerationVectors
    ) -> None:
        self._client = client
        self._uri = uri
        self._name = name
        self._count = generation.count
        self._most_views = generation.most_views

    def search_vectors(self, vector: Vectors, k: int, scope: SearchScope) -> Hits:
        """Find as many entries in scope as k chunks can have, and score them anew.

        Goes on until the last place has no open tie.
        """
        if not self._count:
            return Hits.empty()
        wanted = self._most_views * k
        most = min(MOST_HITS, self._count)
        limit = min(wanted + 16, most)
        where = format_filter(scope)
        while True:
            with _naming_milvus(self._uri):
                (reply,) = self._client.search(
                    self._name,
                    data=[vector.tolist()],
                    limit=limit,
                    filter=where,
                    output_fields=["vector"],
                    consistency_level=STRONG_CONSISTENCY,
                )
            rows = np.array([hit["row"] for hit in reply], np.int64)
            vectors = np.array([hit["entity"]["vector"] for hit in reply], np.float32)
            scores = _score_vectors(vectors.reshape(len(rows), len(vector)), vector)
            hits = select_best(rows, scores, wanted)
            is_whole = len(rows) < limit or limit >= most
            if is_whole or hits.scores[-1] > scores.min():
                return hits
            limit = min(2 * limit, most)


def _score_vectors(vectors: Vectors, query: Vectors) -> Scores:
    """Score in double precision, so that a score does not depend on who else is scored."""
    product = vectors.astype(np.float64) @ np.asarray(query, np.float64).reshape(-1)
    return np.asarray(product, dtype=np.float32)


def _iter_batches(entries: Iterable[DocumentEntries]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for document in entries:
        facts = {
            "open": not document.groups,
            "groups": sorted(document.groups),
            "uri": document.uri,
            "media_type": document.media_type,
            "language": document.language,
            "starts": document.validity.starts,
            "ends": document.validity.ends,
        }
        for row, vector, kind in zip(
            document.rows.tolist(), document.vectors, document.kinds, strict=True
        ):
            batch.append({**facts, "row": row, "vector": vector.tolist(), "kind": int(kind)})
            if len(batch) >= _BATCH:
                yield batch
                batch = []
    if batch:
        yield batch


class _naming_milvus:  # noqa: N801 - reads as a verb, like the functions of contextlib
    """Turn errors of Milvus into VectorsUnreachable."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, MilvusException):
            raise VectorsUnreachable(f"Milvus at {self._uri} says: {error.message}") from error
