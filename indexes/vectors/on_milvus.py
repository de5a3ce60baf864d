"""Vectors in Milvus (Lite, Standalone, Distributed): the only door to pymilvus.

Each generation is a physical collection of its own, named by the checksum of its manifest, so two
generations never mix. It is filled, counted with a strong read, and only then does the alias,
which is there for other clients, point at it. A reader counts too before it trusts one.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from indexes.errors import ModelMissing, VectorsUnreachable
from indexes.options import IndexesOptions
from indexes.search_results import Hits, RowMask, Rows, Scores, Vectors, select_best
from indexes.vectors.faiss_index import EXACT_UP_TO
from indexes.vectors.milvus_filter import format_filter, format_literal
from indexes.vectors.vector_store import DocumentEntries, SearchScope

try:
    from pymilvus import DataType, MilvusClient
    from pymilvus.exceptions import MilvusException
except ImportError as error:
    raise ModelMissing("pymilvus is not installed: pip install 'ragdesk[milvus]'") from error

STRONG_CONSISTENCY = "Strong"
MOST_HITS = 16_384  # hits of one search that Milvus gives, and rows of one query
_BATCH = 1_000  # entries of one insert: 1.5 MB of 384 dimensions; a message may have 64
_LONGEST = 65_535  # bytes of a VARCHAR
_GROUPS, _GROUP = 1_024, 1_024  # groups of a document, bytes of a group's name
_TEXTS = ("uri", "media_type", "language", "starts", "ends")


class MilvusStore:
    """The replicas of a desk in one Milvus."""

    def __init__(self, options: IndexesOptions) -> None:
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

    def open_replica(self, collection: str, checksum: str, count: int) -> "MilvusReplica | None":
        """Return the replica of a generation, if all of it is there."""
        name = self._replica_name(collection, checksum)
        with _naming_milvus(self._uri):
            if not self._client.has_collection(name) or self._count_rows(name) != count:
                return None
            self._client.load_collection(name)
        return MilvusReplica(self._client, name, count, self._uri)

    def publish_replica(
        self,
        collection: str,
        checksum: str,
        entries: Iterable[DocumentEntries],
        *,
        dim: int,
        count: int,
    ) -> "MilvusReplica":
        """Make a replica of a generation, and point the alias at it once all of it is there.

        Raises VectorsUnreachable; then the alias is as it was.
        """
        name = self._replica_name(collection, checksum)
        with _naming_milvus(self._uri):
            if not self._client.has_collection(name) or self._count_rows(name) != count:
                self._fill_replica(
                    name, entries, dim, "FLAT" if count <= EXACT_UP_TO else "AUTOINDEX"
                )
            if (there := self._count_rows(name)) != count:
                raise VectorsUnreachable(f"Milvus holds {there} of {count} vectors in {name}.")
            self._point_alias(self._alias_name(collection), name)
        return MilvusReplica(self._client, name, count, self._uri)

    def clear_replicas(self, collection: str, keep: Iterable[str]) -> list[str]:
        """Drop the replicas of all generations but those of some checksums, and the aliased one."""
        kept = {self._replica_name(collection, checksum) for checksum in keep}
        kept.add(self.find_aliased(collection) or "")
        gone = [name for name in self.list_names(collection) if name not in kept]
        with _naming_milvus(self._uri):
            for name in gone:
                self._client.drop_collection(name)
        return gone

    def _fill_replica(
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

    def _replica_name(self, collection: str, checksum: str) -> str:
        return f"{self._alias_name(collection)}_g_{checksum[:24]}"


class MilvusReplica:
    """One physical collection, whole. Any thread may search."""

    def __init__(self, client: MilvusClient, name: str, count: int, uri: str) -> None:
        self.name, self.count = name, count
        self._client, self._uri = client, uri
        fields = client.describe_collection(name)["fields"]
        self.dim = next(int(f["params"]["dim"]) for f in fields if f["name"] == "vector")

    def search_scope(self, vector: Vectors, k: int, scope: SearchScope) -> Hits:
        """Find the k nearest entries that may be found."""
        return self._search_rows(vector, k, format_filter(scope))

    def search(self, query: Vectors, k: int, *, mask: RowMask | None = None) -> Hits:
        """Find the k nearest of the rows that a mask allows. For small collections: rows travel."""
        if mask is None:
            return self._search_rows(query, k, "")
        rows = np.flatnonzero(mask).tolist()
        return self._search_rows(
            query, k, f"row in [{', '.join(map(format_literal, rows))}]" if rows else None
        )

    def score_rows(self, query: Vectors, rows: Rows) -> Scores:
        """Score the given rows (n,) exactly; NaN for a row that has no vector."""
        scores = np.full(len(rows), np.nan, np.float32)
        for at in range(0, len(rows), MOST_HITS):
            part = np.asarray(rows)[at : at + MOST_HITS]
            vectors = self._read_vectors(part.tolist())
            for place, row in enumerate(part.tolist(), start=at):
                if row in vectors:
                    scores[place] = _score_vectors(vectors[row][None], query)[0]
        return scores

    def vectors_at(self, places: Rows | Sequence[int]) -> Vectors:
        """Copy the vectors at some places (n,): places count in the order of rows."""
        reply = self._client.query(
            self.name,
            filter="row >= 0",
            output_fields=["row"],
            limit=MOST_HITS,
            consistency_level=STRONG_CONSISTENCY,
        )
        rows = np.sort(np.array([hit["row"] for hit in reply], np.int64))
        vectors_by_row = self._read_vectors(rows[np.asarray(places)].tolist())
        return np.stack([vectors_by_row[row] for row in rows[np.asarray(places)].tolist()])

    def _read_vectors(self, rows: Sequence[int]) -> dict[int, Vectors]:
        if not rows:
            return {}
        with _naming_milvus(self._uri):
            reply = self._client.get(
                self.name,
                ids=list(rows),
                output_fields=["vector"],
                consistency_level=STRONG_CONSISTENCY,
            )
        return {int(hit["row"]): np.asarray(hit["vector"], np.float32) for hit in reply}

    def _search_rows(self, query: Vectors, k: int, where: str | None) -> Hits:
        """Search, score what was found anew, and go on until the k-th place has no open tie."""
        vector = np.asarray(query, np.float32).reshape(-1)
        if len(vector) != self.dim:
            raise ValueError(f"The query has {len(vector)} dimensions, the index {self.dim}.")
        limit = min(k + 16, MOST_HITS)
        if k <= 0 or where is None or not self.count or not _has_direction(vector):
            return select_best(np.empty(0, np.int64), np.empty(0, np.float32), 0)
        while True:
            with _naming_milvus(self._uri):
                (reply,) = self._client.search(
                    self.name,
                    data=[vector.tolist()],
                    limit=min(limit, self.count),
                    filter=where,
                    output_fields=["vector"],
                    consistency_level=STRONG_CONSISTENCY,
                )
            rows = np.array([hit["row"] for hit in reply], np.int64)
            vectors = np.array([hit["entity"]["vector"] for hit in reply], np.float32)
            scores = _score_vectors(vectors.reshape(len(rows), self.dim), vector)
            hits = select_best(rows, scores, k)
            whole = len(rows) < limit or limit >= MOST_HITS or limit >= self.count
            if whole or hits.scores[-1] > scores.min():
                return hits
            limit = min(2 * limit, MOST_HITS)


def _has_direction(vector: Vectors) -> bool:
    return bool(np.isfinite(vector).all() and vector.any())


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
