"""Cut the power after every step of a publish, on paper, and see what a reader would find.

While a publish runs, every fsync, rename and mkdir is noted with what it made durable. From the
notes the disk is laid out as it would be after a power cut at each of these moments: what was
not synced is gone. Twice: once with names as durable as the folder syncs make them, and once
with all names on disk but unsynced contents lost, as a file system may order them.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from indexes.errors import IndexNotFound
from tests.resilience.kills import publish, visible

Content = dict[int, bytes]
Names = dict[int, dict[str, int]]


@dataclass
class Disk:
    """What is durable of the tree below a root: contents of files, and names in folders."""

    root: Path
    contents: Content = field(default_factory=dict)
    names: Names = field(default_factory=dict)
    moments: int = 0

    def sync(self, descriptor: int) -> None:
        """Note what an fsync of an open file or folder makes durable."""
        place = Path(f"/proc/self/fd/{descriptor}").readlink()
        number = os.fstat(descriptor).st_ino
        if place.is_dir():
            self.names[number] = {f.name: f.stat().st_ino for f in place.iterdir()}
        else:
            self.contents[number] = place.read_bytes()

    def forget(self, number: int) -> None:
        """Drop what is known of a file or folder whose number may be used again."""
        self.contents.pop(number, None)
        self.names.pop(number, None)

    def lay_out(self, target: Path, *, eager: bool) -> None:
        """Write the tree as it would be found. eager: names are durable at once."""
        folders = {f.stat().st_ino for f in self.root.rglob("*") if f.is_dir()}
        live = {f.stat().st_ino: f for f in [self.root, *self.root.rglob("*")]}

        def write(number: int, place: Path) -> None:
            if number in folders or number in self.names or place == target:
                place.mkdir(parents=True)
                names = self.names.get(number, {})
                if eager and number in live:
                    names = {f.name: f.stat().st_ino for f in live[number].iterdir()}
                for name, child in names.items():
                    write(child, place / name)
            else:
                place.write_bytes(self.contents.get(number, b""))

        write(self.root.stat().st_ino, target)


@contextmanager
def watched(disk: Disk, look: Callable[[], None]) -> Iterator[None]:
    """Note what the calls of this process make durable, and look after each."""
    names = ("fsync", "rename", "replace", "mkdir", "unlink", "rmdir")
    real: dict[str, Any] = {name: getattr(os, name) for name in names}

    def around(name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if name in {"unlink", "rmdir"}:
                known = os.stat(arguments[0], dir_fd=options.get("dir_fd"), follow_symlinks=False)
                if known.st_nlink == 1 or name == "rmdir":  # a file may have another name
                    disk.forget(known.st_ino)
                return real[name](*arguments, **options)
            done = real[name](*arguments, **options)
            if name == "fsync":
                disk.sync(arguments[0])
            for put_back in names:
                setattr(os, put_back, real[put_back])
            look()
            install()
            return done

        return call

    def install() -> None:
        for name in names:
            setattr(os, name, around(name))

    install()
    try:
        yield
    finally:
        for name in names:
            setattr(os, name, real[name])


def cuts(folder: Path, *, publishes: int) -> tuple[int, list[str]]:
    """Publish so many times, cutting the power at every moment; returns the cuts and what broke.

    At each cut the last acknowledged step, or the one being published, must be whole.
    """
    root = folder / "home"
    acknowledged = 0
    broken = []
    root.mkdir(parents=True)
    disk = Disk(root)

    def look() -> None:
        for eager in (False, True):
            target = folder / "after"
            disk.lay_out(target, eager=eager)
            disk.moments += 1
            try:
                step = visible(target / "collections" / "c")
            except IndexNotFound:
                step = 0
            except Exception as error:  # noqa: BLE001 - whatever a reader meets is what we count
                step = -1
                broken.append(f"cut {disk.moments}: {type(error).__name__}: {error}")
            if step not in {-1, acknowledged, acknowledged + 1}:
                broken.append(f"cut {disk.moments}: step {step}, acknowledged {acknowledged}")
            shutil.rmtree(target)

    for step in range(1, publishes + 1):
        with watched(disk, look):
            publish(root / "collections" / "c", step, aside=True)
        acknowledged = step
        look()
    return disk.moments, broken
