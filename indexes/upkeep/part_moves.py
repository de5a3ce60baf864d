"""Move segments and originals that were unpacked elsewhere into their places in a collection.

An operator may keep one of these folders on another disk, onto which no rename leads.
"""

import hashlib
import os
import shutil
from errno import EXDEV
from pathlib import Path

from indexes.errors import IndexDamaged
from indexes.store import durability, manifest
from indexes.store.paths import join_stored, open_plain

STAGE = f"{durability.UNFINISHED_PREFIX}restore"
"""A folder beside the parts: what is to be moved in, and what stood there and was damaged."""


def move_parts(place: Path, collection: Path, name: str, moved: list[tuple[Path, Path]]) -> None:
    """Move new parts into place, and whole ones over damaged ones.

    moved: gets every move as (from, to), in order, so that the caller can take them back.
    """
    if not (place / name).is_dir():
        return
    durability.make_folder(collection / name)
    stage = _stage(place / name, collection / name)
    for part in sorted(stage.iterdir()):
        target = join_stored(collection / name, part.name)
        if os.path.lexists(target):
            if _is_sound(target):
                continue
            aside = stage / f"damaged-{part.name}"
            target.rename(aside)
            moved.append((target, aside))
        part.rename(target)
        moved.append((part, target))
    durability.sync_path(collection / name)


def _stage(parts: Path, target: Path) -> Path:
    """Bring a folder of parts onto the disk of its target folder, which may be another."""
    stage = target / STAGE
    durability.discard_path(stage)
    try:
        parts.rename(stage)
    except OSError as error:
        if error.errno != EXDEV:
            raise
        shutil.copytree(parts, stage)
        durability.sync_tree(stage)
    return stage


def _is_sound(part: Path) -> bool:
    """Tell whether a segment or an original that stands already is what its name says."""
    if part.is_dir():
        return not manifest.list_problems(part, part.name)
    try:
        with open_plain(part) as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == part.name
    except IndexDamaged:
        return False
