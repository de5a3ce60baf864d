"""List a collection's generations: their dates, sizes, and whether each can be read."""

from dataclasses import dataclass
from pathlib import Path

from indexes.errors import IndexesError
from indexes.store import generations


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationStatus:
    """A generation in a list. problem: why its manifest cannot be read, or None."""

    generation: int
    current: bool
    created: str = ""
    parent: int | None = None
    segments: int = 0
    documents: int = 0
    chunks: int = 0
    vectors: int = 0
    problem: str | None = None


def list_history(collection: Path) -> list[GenerationStatus]:
    """List the generations of a collection, oldest first; their files are not verified."""
    now = generations.read_current_number(collection)
    return [
        _read_status(collection, n, current=n == now)
        for n in generations.list_generations(collection)
    ]


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


def _read_status(collection: Path, number: int, *, current: bool) -> GenerationStatus:
    try:
        facts = generations.read_generation_manifest(collection, number).facts
    except IndexesError as error:
        return GenerationStatus(generation=number, current=current, problem=str(error))
    counts = {name: facts["sums"][name] for name in ("documents", "chunks", "vectors")}
    return GenerationStatus(
        generation=number,
        current=current,
        created=facts["created"],
        parent=facts["parent"],
        segments=len(facts["segments"]),
        **counts,
    )
