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

from indexes.dense import EXACT_UP_TO, Vectors
from indexes.errors import ModelMissing, VectorsUnreachable
from indexes.expression import expression, literal
from indexes.hits import Hits, Mask, Rows, Scores, best
from indexes.remote import Asked, Entries, IndexesOptions

try:
    from pymilvus import DataType, MilvusClient
    from pymilvus.exceptions import MilvusException
except ImportError as error:
    raise ModelMissing("pymilvus is not installed: pip install 'ragdesk[milvus]'") from error

STRONG = "Strong"
MOST = 16_384  # hits of one search that Milvus gives, and rows of one query
_BATCH = 1_000  # entries of one insert: 1.5 MB of 384 dimensions; a message may have 64
_LONGEST = 65_535  # bytes of a VARCHAR
_GROUPS, _GROUP = 1_024, 1_024  # groups of a document, bytes of a group's name
_TEXTS = ("uri", "media_type", "language", "starts", "ends")


class Milvus:
    """The replicas of a desk in one Milvus."""

    def __init__(self, options: IndexesOptions) -> None:
        self._prefix = options.prefix
        with _reaching(options.uri):
            self._client = MilvusClient(uri=options.uri, token=options.token)
        self._uri = options.uri

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def names(self, collection: str) -> list[str]:
        """List the physical collections of a collection, whole or not."""
        own = re.compile(rf"{re.escape(self._alias(collection))}_g_[0-9a-f]{{24}}")
        with _reaching(self._uri):
            return sorted(n for n in self._client.list_collections() if own.fullmatch(n))

    def aliased(self, collection: str) -> str | None:
        """Tell which physical collection the alias points at, or None."""
        with _reaching(self._uri):
            for name in self.names(collection):
                found = self._client.list_aliases(collection_name=name)
                if self._alias(collection) in found.get("aliases", ()):
                    return name
        return None

    def open(self, collection: str, checksum: str, count: int) -> "Vectored | None":
        """Give the replica of a generation, if all of it is there."""
        name = self._name(collection, checksum)
        with _reaching(self._uri):
            if not self._client.has_collection(name) or self._count(name) != count:
                return None
            self._client.load_collection(name)
        return Vectored(self._client, name, count, self._uri)

    def publish(
        self, collection: str, checksum: str, entries: Iterable[Entries], *, dim: int, count: int
    ) -> "Vectored":
        """Make a replica of a generation, and point the alias at it once all of it is there.

        Raises VectorsUnreachable; then the alias is as it was.
        """
        name = self._name(collection, checksum)
        with _reaching(self._uri):
            if not self._client.has_collection(name) or self._count(name) != count:
                self._fill(name, entries, dim, "FLAT" if count <= EXACT_UP_TO else "AUTOINDEX")
            if (there := self._count(name)) != count:
                raise VectorsUnreachable(f"Milvus holds {there} of {count} vectors in {name}.")
            self._point(self._alias(collection), name)
        return Vectored(self._client, name, count, self._uri)

    def clear(self, collection: str, keep: Iterable[str]) -> list[str]:
        """Drop the replicas of all generations but those of some checksums, and the aliased one."""
        kept = {self._name(collection, checksum) for checksum in keep}
        kept.add(self.aliased(collection) or "")
        gone = [name for name in self.names(collection) if name not in kept]
        with _reaching(self._uri):
            for name in gone:
                self._client.drop_collection(name)
        return gone

    def _fill(self, name: str, entries: Iterable[Entries], dim: int, how: str) -> None:
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
        for batch in _batches(entries):
            self._client.insert(name, batch)
        self._client.flush(name)
        self._client.load_collection(name)

    def _count(self, name: str) -> int:
        self._client.load_collection(name)
        found = self._client.query(
            name, filter="", output_fields=["count(*)"], consistency_level=STRONG
        )
        return int(found[0]["count(*)"])

    def _point(self, alias: str, name: str) -> None:
        known = [
            other
            for other in self._client.list_collections()
            if alias in self._client.list_aliases(collection_name=other).get("aliases", ())
        ]
        if known:
            self._client.alter_alias(collection_name=name, alias=alias)
        else:
            self._client.create_alias(collection_name=name, alias=alias)

    def _alias(self, collection: str) -> str:
        # Milvus knows no "-": the digest keeps "a-b" and "a_b" apart.
        digest = hashlib.sha256(collection.encode()).hexdigest()[:8]
        return f"{self._prefix}_{collection.replace('-', '_')}_{digest}"

    def _name(self, collection: str, checksum: str) -> str:
        return f"{self._alias(collection)}_g_{checksum[:24]}"


class Vectored:
    """One physical collection, whole. Any thread may search."""

    def __init__(self, client: MilvusClient, name: str, count: int, uri: str) -> None:
        self.name, self.count = name, count
        self._client, self._uri = client, uri
        fields = client.describe_collection(name)["fields"]
        self.dim = next(int(f["params"]["dim"]) for f in fields if f["name"] == "vector")

    def find(self, vector: Vectors, k: int, asked: Asked) -> Hits:
        """Find the k nearest entries that may be found."""
        return self._search(vector, k, expression(asked))

    def search(self, query: Vectors, k: int, *, mask: Mask | None = None) -> Hits:
        """Find the k nearest of the rows that a mask allows. For small collections: rows travel."""
        if mask is None:
            return self._search(query, k, "")
        rows = np.flatnonzero(mask).tolist()
        return self._search(query, k, f"row in [{', '.join(map(literal, rows))}]" if rows else None)

    def scores(self, query: Vectors, rows: Rows) -> Scores:
        """Score the given rows (n,) exactly; NaN for a row that has no vector."""
        given = np.full(len(rows), np.nan, np.float32)
        for at in range(0, len(rows), MOST):
            part = np.asarray(rows)[at : at + MOST]
            held = self._held(part.tolist())
            for place, row in enumerate(part.tolist(), start=at):
                if row in held:
                    given[place] = _score(held[row][None], query)[0]
        return given

    def vectors(self, places: Rows | Sequence[int]) -> Vectors:
        """Copy the vectors at some places (n,): places count in the order of rows."""
        found = self._client.query(
            self.name,
            filter="row >= 0",
            output_fields=["row"],
            limit=MOST,
            consistency_level=STRONG,
        )
        rows = np.sort(np.array([one["row"] for one in found], np.int64))
        held = self._held(rows[np.asarray(places)].tolist())
        return np.stack([held[row] for row in rows[np.asarray(places)].tolist()])

    def _held(self, rows: Sequence[int]) -> dict[int, Vectors]:
        if not rows:
            return {}
        with _reaching(self._uri):
            found = self._client.get(
                self.name, ids=list(rows), output_fields=["vector"], consistency_level=STRONG
            )
        return {int(one["row"]): np.asarray(one["vector"], np.float32) for one in found}

    def _search(self, query: Vectors, k: int, where: str | None) -> Hits:
        """Search, score what was found anew, and go on until the k-th place has no open tie."""
        asked = np.asarray(query, np.float32).reshape(-1)
        if len(asked) != self.dim:
            raise ValueError(f"The query has {len(asked)} dimensions, the index {self.dim}.")
        limit = min(k + 16, MOST)
        if k <= 0 or where is None or not self.count or not _has_direction(asked):
            return best(np.empty(0, np.int64), np.empty(0, np.float32), 0)
        while True:
            with _reaching(self._uri):
                (found,) = self._client.search(
                    self.name,
                    data=[asked.tolist()],
                    limit=min(limit, self.count),
                    filter=where,
                    output_fields=["vector"],
                    consistency_level=STRONG,
                )
            rows = np.array([hit["row"] for hit in found], np.int64)
            vectors = np.array([hit["entity"]["vector"] for hit in found], np.float32)
            scores = _score(vectors.reshape(len(rows), self.dim), asked)
            hits = best(rows, scores, k)
            whole = len(rows) < limit or limit >= MOST or limit >= self.count
            if whole or hits.scores[-1] > scores.min():
                return hits
            limit = min(2 * limit, MOST)


def _has_direction(vector: Vectors) -> bool:
    return bool(np.isfinite(vector).all() and vector.any())


def _score(vectors: Vectors, query: Vectors) -> Scores:
    """Score in double precision, so that a score does not depend on who else is scored."""
    product = vectors.astype(np.float64) @ np.asarray(query, np.float64).reshape(-1)
    return np.asarray(product, dtype=np.float32)


def _batches(entries: Iterable[Entries]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for one in entries:
        told = {
            "open": not one.groups,
            "groups": sorted(one.groups),
            "uri": one.uri,
            "media_type": one.media_type,
            "language": one.language,
            "starts": one.validity.starts,
            "ends": one.validity.ends,
        }
        for row, vector, kind in zip(one.rows.tolist(), one.vectors, one.kinds, strict=True):
            batch.append({**told, "row": row, "vector": vector.tolist(), "kind": int(kind)})
            if len(batch) >= _BATCH:
                yield batch
                batch = []
    if batch:
        yield batch


class _reaching:  # noqa: N801 - reads as a verb, like the functions of contextlib
    """Turns what Milvus says into an error that names it."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, MilvusException):
            raise VectorsUnreachable(f"Milvus at {self._uri} says: {error.message}") from error
