"""Damage a published generation in every way a disk or a hand can, and see who notices.

Each try changes one thing, opens the collection as a reader would, and puts the thing back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from indexes.errors import IndexDamaged
from indexes.index import Index
from indexes.store import generations, manifest
from tests.resilience.kills import publish, texts

Change = Callable[[Path], object]
STEPS = 3


@dataclass(slots=True)
class Tries:
    """Of one kind of damage: tried, refused by name, answered by a whole generation, an older one.

    A damaged CURRENT is refused too, but the newest generation, being whole, still answers.
    """

    tried: int = 0
    refused: int = 0
    answered: int = 0
    older: int = 0


def damage(folder: Path, *, flips: int, seed: int) -> dict[str, Tries]:
    """Publish three generations in a folder, and damage what only the newest one holds."""
    collection = folder / "c"
    random = np.random.default_rng(seed)
    for step in range(1, STEPS + 1):
        publish(collection, step, aside=True)
    own = _own(collection, STEPS)
    elder = _own(collection, STEPS - 1)
    sizes = np.array([file.stat().st_size for file in own])
    # Half the flips fall on a random file, half on a random byte: small files would escape else.
    even = None
    by_size = sizes / sizes.sum()
    chosen = [own[int(random.choice(len(own), p=p))] for _ in range(flips) for p in (even, by_size)]
    current = [collection / generations.CURRENT_FILE]
    kinds: dict[str, tuple[Change, list[Path]]] = {
        "one bit flipped": (partial(_flip, random), chosen[:flips]),
        "cut at a random byte": (partial(_cut, random), chosen[: flips // 2]),
        "a byte appended": (lambda file: file.write_bytes(file.read_bytes() + b"\0"), own),
        "emptied": (lambda file: file.write_bytes(b""), own),
        "removed": (Path.unlink, own),
        "a stranger beside it": (lambda file: file.with_name("stranger").touch(), own),
        "CURRENT: one bit flipped": (partial(_flip, random), current * (flips // 5)),
        "CURRENT: cut, or emptied": (partial(_cut, random), current * (flips // 10)),
        "CURRENT: removed": (Path.unlink, current),
    }
    tries = {kind: _try_all(collection, *how) for kind, how in kinds.items()}
    swaps = Tries()
    for newer, older in zip(own, elder, strict=True):
        if newer.read_bytes() != older.read_bytes():
            _try(collection, partial(_swap, older), newer, swaps)
            _swap(older, newer)
    return {**tries, "changed places with its elder": swaps}


def _own(collection: Path, number: int) -> list[Path]:
    """List the files that only one generation holds: its folder, and the segment it brought."""
    place = collection / generations.GENERATIONS_FOLDER / str(number)
    brought = manifest.read_manifest(place).facts["segments"][-1]
    folders = (place, collection / generations.SEGMENTS_FOLDER / brought)
    return [f for folder in folders for f in sorted(folder.rglob("*")) if f.is_file()]


def _try_all(collection: Path, change: Change, files: list[Path]) -> Tries:
    tries = Tries()
    for file in files:
        before = file.read_bytes()
        _try(collection, change, file, tries)
        file.write_bytes(before)
        file.with_name("stranger").unlink(missing_ok=True)
    return tries


def _try(collection: Path, change: Change, file: Path, tries: Tries) -> None:
    change(file)
    tries.tried += 1
    try:
        with Index.open(collection) as index:
            # what is gone since stays gone
            newest = texts(STEPS)
            then = texts(index.generation)
            wanted = {uri: text for uri, text in then.items() if uri in newest}
            right = {d.uri: index.read_text(d.uri) for d in index.iter_documents()} == wanted
            tries.refused += bool(index.refused)
            tries.answered += right
            tries.older += right and index.generation < STEPS
    except IndexDamaged:
        tries.refused += 1


def _flip(random: np.random.Generator, file: Path) -> None:
    content = bytearray(file.read_bytes())
    bit = int(random.integers(8 * len(content)))
    content[bit // 8] ^= 1 << bit % 8
    file.write_bytes(content)


def _cut(random: np.random.Generator, file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: int(random.integers(len(content)))])


def _swap(other: Path, file: Path) -> None:
    file_content = file.read_bytes()
    other_content = other.read_bytes()
    file.write_bytes(other_content)
    other.write_bytes(file_content)
