"""What a job has paid for so far: vectors, kept until they are published.

A job that ends before its publish, however it ends, leaves them here, and the next one goes on
from there: it parses again, which is cheap, and embeds only what is missing. Parts are named by
the sum of their content and checked before use, so nothing needs to be synced, and whoever
computes them (this process, or workers of a cluster) can hand them in.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexes import durable, failpoints, segments
from indexes.embed import Card

FOLDER = "journal"
LEAST = 64  # texts; fewer are embedded again sooner than their file is worth keeping
_KEY = 16  # bytes of a text's digest
Vectors = NDArray[np.float32]


def key(text: str) -> bytes:
    """Name a text, as shelves and journals do."""
    return hashlib.sha256(text.encode()).digest()[:_KEY]


class Journal:
    """The journal of a collection for one embedder. The collection's lock must be held.

    found: texts that it held when it was opened. used: texts whose vectors were asked for.
    """

    def __init__(self, collection: Path, card: Card, canary: Vectors) -> None:
        told = json.dumps(segments.embedder_facts(card), sort_keys=True).encode()
        name = hashlib.sha256(told + canary.astype("<f4").tobytes()).hexdigest()[:32]
        self._top, self._folder = collection / FOLDER, collection / FOLDER / name
        self._dim = card.dim
        self._places: dict[bytes, tuple[Path, int]] = {}
        self._open: dict[Path, Vectors] = {}
        self._used: set[bytes] = set()
        self._read()
        self.found = len(self._places)

    @property
    def used(self) -> int:
        """Count the texts that an earlier job had left and this one took."""
        return len(self._used)

    def note(self, vectors: Mapping[bytes, Vectors]) -> None:
        """Keep vectors (dim,) by the keys of their texts. Raises OSError when the disk is full."""
        if len(vectors) < LEAST:
            return
        keys = b"".join(vectors)
        body = keys + np.stack(list(vectors.values())).astype("<f4").tobytes()
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = self._folder / f"{durable.UNFINISHED}part"
        draft.write_bytes(body)
        failpoints.reach("journal written")
        draft.replace(self._folder / hashlib.sha256(body).hexdigest())
        failpoints.reach("journal named")

    def vectors(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        """Give the vectors that are known here, of the keys asked for."""
        given = {}
        for one in keys:
            if place := self._places.get(one):
                given[one] = self._part(place[0])[place[1]]
                self._used.add(one)
        return given

    def clear(self) -> None:
        """Forget everything: it was published."""
        self._open.clear()
        if self._top.exists():
            durable.discard(self._top)

    def _part(self, file: Path) -> Vectors:
        if file not in self._open:
            count = _count(file.stat().st_size, self._dim)
            self._open[file] = np.memmap(
                file, "<f4", "r", offset=_KEY * count, shape=(count, self._dim)
            )
        return self._open[file]

    def _read(self) -> None:
        """List what earlier jobs left; what is damaged, or another embedder's, is removed."""
        for other in self._top.iterdir() if self._top.is_dir() else ():
            if other != self._folder:
                durable.discard(other)
        for file in sorted(self._folder.iterdir()) if self._folder.is_dir() else ():
            body = file.read_bytes()
            count = _count(len(body), self._dim)
            whole = count * (_KEY + 4 * self._dim) == len(body)
            if not whole or hashlib.sha256(body).hexdigest() != file.name:
                durable.discard(file)
                continue
            for row in range(count):
                self._places[body[_KEY * row : _KEY * (row + 1)]] = (file, row)


def _count(size: int, dim: int) -> int:
    return size // (_KEY + 4 * dim)
