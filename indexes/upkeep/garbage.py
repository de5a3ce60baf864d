"""Remove files of a collection that no kept generation refers to."""

from pathlib import Path

from indexes.store import durability, generations, locks
from indexes.upkeep import retention
from indexes.upkeep.retention import Retention
from indexes.upkeep.verify import list_damage, require_collection

KEPT_GENERATIONS = 3  # generations: the current one, and two to go back to


def collect_garbage(collection: Path, *, keep: int = KEPT_GENERATIONS) -> list[Path]:
    """Remove old generations, and segments and originals that only they used; returns them.

    The newest ``keep``, the one that answers and any that a process is reading stay; a damaged one
    that was rolled back from does not. While a manifest cannot be read, only generations go. Raises
    CollectionBusy while a job runs.
    """
    require_collection(collection)
    with locks.lock_collection(collection):
        cleared = _clear_damaged(collection)
        limits = Retention(generations=max(keep, 1), hours=0, most=0)
        cleared += retention.clear_generations(collection, limits)
        swept = generations.sweep_collection(collection)
        return [*cleared, *swept, *retention.clear_originals(collection)]


def _clear_damaged(collection: Path) -> list[Path]:
    """Remove the damaged generations above the current one: nobody can roll back to them.

    Otherwise ``verify_collection`` would name their damage while they are among the newest.
    """
    known = generations.list_generations(collection)
    current = generations.read_current_number(collection)
    above = [number for number in known if current in known and number > (current or 0)]
    folders = [
        collection / generations.GENERATIONS_FOLDER / str(n)
        for n in above
        if list_damage(collection, n)
    ]
    cleared = [folder for folder in folders if not locks.is_being_read(folder)]
    for folder in cleared:
        durability.discard_path(folder)
    return cleared
