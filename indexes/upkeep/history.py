"""List a collection's generations: their dates, sizes, and whether each can be read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexes.errors import IndexDamaged, IndexesError, tells_absence
from indexes.store import generations, manifest
from indexes.store.paths import segment_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationStatus:
    """A generation in a list. problem: why its manifest cannot be read, or None.

    embedder: the name of the model that made its vectors; "" where it has no documents.
    """

    generation: int
    current: bool
    created: str = ""
    parent: int | None = None
    segments: int = 0
    documents: int = 0
    chunks: int = 0
    vectors: int = 0
    embedder: str = ""
    problem: str | None = None


def list_history(collection: Path) -> list[GenerationStatus]:
    """List the generations of a collection, oldest first; their files are not verified."""
    now = generations.read_current_number(collection)
    return [
        _read_status(collection, n, current=n == now)
        for n in generations.list_generations(collection)
    ]


def find_current_generation(collection: Path) -> int | None:
    """Return the generation that answers; None where CURRENT names none that is there."""
    return generations.read_current_number(collection)


def find_previous_generation(collection: Path) -> int | None:
    """Return the generation to roll back to: the parent of the current one, or None.

    Where that cannot be read, the newest below it; where CURRENT names none, the newest.
    """
    now = generations.read_current_number(collection)
    known = generations.list_generations(collection)
    standing = next((status for status in list_history(collection) if status.current), None)
    if standing is not None and standing.problem is None:
        return standing.parent
    return max((n for n in known if now is None or n < now), default=None)


def find_embedder_facts(collection: Path) -> Mapping[str, Any] | None:
    """Return what the manifest of the generation that answers says of its embedder.

    None where there is no generation, none that can be read whole, or no document in it. Raises
    OSError when the machine cannot read it now.
    """
    now = generations.read_current_number(collection)
    number = now or max(generations.list_generations(collection), default=None)
    if number is None:
        return None
    try:
        facts = generations.read_generation_manifest(collection, number).facts
        return _read_embedder(collection, facts["segments"])
    except IndexesError:
        return None
    except OSError as error:
        if not tells_absence(error):
            raise
        return None


def _read_embedder(collection: Path, segments: Sequence[str]) -> Mapping[str, Any] | None:
    """Read which embedder made the segments, as all of a generation have one. IndexesError."""
    if not segments:
        return None
    folder = segment_folder(collection, segments[0])
    embedder = manifest.read_manifest(folder).facts.get("embedder")
    if not isinstance(embedder, Mapping) or not {"name", "revision"} <= embedder.keys():
        raise IndexDamaged(f"{folder / manifest.MANIFEST_FILE} names no embedder.")
    return embedder


def _read_status(collection: Path, number: int, *, current: bool) -> GenerationStatus:
    try:
        facts = generations.read_generation_manifest(collection, number).facts
        embedder = _read_embedder(collection, facts["segments"])
    except IndexesError as error:
        return GenerationStatus(generation=number, current=current, problem=str(error))
    counts = {name: facts["sums"][name] for name in ("documents", "chunks", "vectors")}
    return GenerationStatus(
        generation=number,
        current=current,
        created=facts["created"],
        parent=facts["parent"],
        segments=len(facts["segments"]),
        embedder=str(embedder["name"]) if embedder else "",
        **counts,
    )
