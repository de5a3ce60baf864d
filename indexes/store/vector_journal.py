"""Vectors of an unpublished job, kept on disk: an interrupted job need not embed them again.

A job that ends before its publish, however it ends, leaves them here, and the next one goes on
from there: it parses again, which is cheap, and embeds only what is missing. Parts are named by
the sum of their content and checked before use, so nothing needs to be synced, and whoever
computes them (this process, or workers of a cluster) can hand them in.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from indexes.embedding.embedder import EmbedderCard
from indexes.search_results import Vectors
from indexes.store import durability, failpoints, segments

JOURNAL_FOLDER = "journal"
LEAST_TEXTS = 64  # texts; fewer are embedded again sooner than their file is worth keeping
_KEY = 16  # bytes of a text's digest


def hash_text(text: str) -> bytes:
    """Return the digest that names a text in chunk stores and journals."""
    return hashlib.sha256(text.encode()).digest()[:_KEY]


def journal_folder(collection: Path, card: EmbedderCard, canary: Vectors) -> Path:
    """Return the folder of one embedder's journal."""
    named = segments.embedder_facts(card)
    if named["recipe"] == 1:
        del named["recipe"]  # as 0.1.0 named it, whose journals are gone on with
    facts = json.dumps(named, sort_keys=True).encode()
    name = hashlib.sha256(facts + canary.astype("<f4").tobytes()).hexdigest()[:32]
    return collection / JOURNAL_FOLDER / name


def write_journal_part(folder: Path, vectors: Mapping[bytes, Vectors]) -> str:
    """Write vectors (dim,) by the keys of their texts into one part; returns its name.

    Any number of processes may write at once. Raises OSError when the disk is full.
    """
    body = b"".join(vectors) + np.stack(list(vectors.values())).astype("<f4").tobytes()
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(body).hexdigest()
    draft = folder / f"{durability.UNFINISHED_PREFIX}{secrets.token_hex(8)}"
    draft.write_bytes(body)
    failpoints.reach_failpoint("journal written")
    draft.replace(folder / name)
    failpoints.reach_failpoint("journal named")
    return name


def read_part_keys(file: Path, dim: int) -> list[bytes] | None:
    """List the keys of a part in their order; None when it is damaged."""
    body = file.read_bytes()
    count, rest = divmod(len(body), _KEY + 4 * dim)
    if rest or hashlib.sha256(body).hexdigest() != file.name:
        return None
    return [body[_KEY * row : _KEY * (row + 1)] for row in range(count)]


def list_journal_keys(collection: Path, card: EmbedderCard, canary: Vectors) -> set[bytes]:
    """List the keys of the texts whose vectors an interrupted job has left, and change nothing.

    No lock is needed: a part that vanishes meanwhile was published, or is begun anew.
    """
    folder = journal_folder(collection, card, canary)
    text_keys = set[bytes]()
    for file in folder.iterdir() if folder.is_dir() else ():
        with suppress(FileNotFoundError):
            text_keys.update(read_part_keys(file, card.dim) or ())
    return text_keys


class VectorJournal:
    """The journal of a collection for one embedder. The collection's lock must be held.

    folder: where its parts lie. inherited: number of texts in it when it was opened. used: how many
    of these were looked up. received: number of texts that came in since, from workers.
    """

    def __init__(self, collection: Path, card: EmbedderCard, canary: Vectors) -> None:
        self._top = collection / JOURNAL_FOLDER
        self.folder = journal_folder(collection, card, canary)
        self._dim = card.dim
        self.received = 0
        self._places: dict[bytes, tuple[Path, int]] = {}
        self._open: dict[Path, Vectors] = {}
        self._old: frozenset[bytes] = frozenset()
        self._used: set[bytes] = set()
        self._load_parts()
        self._old = frozenset(self._places)
        self.inherited = len(self._old)

    @property
    def used(self) -> int:
        """Count the texts that an earlier job had left and this one took."""
        return len(self._used)

    def keep_vectors(self, vectors: Mapping[bytes, Vectors]) -> None:
        """Keep vectors (dim,) by the keys of their texts, unless they are few."""
        if len(vectors) >= LEAST_TEXTS:
            write_journal_part(self.folder, vectors)

    def take_part(self, part: str) -> None:
        """Add a part that a worker has written. Raises OSError when it is not whole."""
        file = self.folder / part
        if (part_keys := read_part_keys(file, self._dim)) is None:
            raise OSError(f"{file} was changed since it was written.")
        new = [
            (text_key, row)
            for row, text_key in enumerate(part_keys)
            if text_key not in self._places
        ]
        self._places.update((text_key, (file, row)) for text_key, row in new)
        self.received += len(new)

    def find_vectors(self, text_keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        """Return the vectors of the keys that are known here."""
        vectors = {}
        for text_key in text_keys:
            if at := self._places.get(text_key):
                vectors[text_key] = self._map_part(at[0])[at[1]]
                if text_key in self._old:
                    self._used.add(text_key)
        return vectors

    def clear_parts(self) -> None:
        """Remove all parts: they were published."""
        self._open.clear()
        if self._top.exists():
            durability.discard_path(self._top)

    def _map_part(self, file: Path) -> Vectors:
        if file not in self._open:
            count = file.stat().st_size // (_KEY + 4 * self._dim)
            self._open[file] = np.memmap(
                file, "<f4", "r", offset=_KEY * count, shape=(count, self._dim)
            )
        return self._open[file]

    def _load_parts(self) -> None:
        """List what earlier jobs left; what is damaged, or another embedder's, is removed."""
        for other in self._top.iterdir() if self._top.is_dir() else ():
            if other != self.folder:
                durability.discard_path(other)
        for file in sorted(self.folder.iterdir()) if self.folder.is_dir() else ():
            if (part_keys := read_part_keys(file, self._dim)) is None:
                durability.discard_path(file)
            else:
                self._places.update(
                    (text_key, (file, row)) for row, text_key in enumerate(part_keys)
                )
