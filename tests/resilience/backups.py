"""Take backups while others publish, restore each, and hold the digests against each other: P18.

    python -m tests.resilience.backups --backups 50

A thread publishes step after step and clears older generations away; meanwhile backups are taken,
restored into fresh collections, verified, and compared with the generation that they name. Then
bits of backups are flipped and backups are cut: each must be refused, and nothing be left.
"""

import argparse
import shutil
import tarfile
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexes.errors import IndexDamaged
from indexes.index import Index
from indexes.store import generations
from indexes.upkeep import backup, restore, verify
from ragdesk.assemble import EXTRA_FILES
from tests.lab.results import write_section
from tests.resilience.kills import ROOT, publish, texts

TITLE = "P18: a backup taken while ingesting restores to the same digest"


@dataclass
class Tally:
    """What came of it. equal: of digests; whole: no mix of steps; published: meanwhile."""

    taken: int = 0
    equal: int = 0
    whole: int = 0
    published: int = 0
    damaged: int = 0
    refused: int = 0


def taken(folder: Path, count: int, *, seed: int) -> Tally:
    """Take so many backups under publishes, and damage as many."""
    collection = folder / "c"
    tally = Tally()
    ended = threading.Event()
    publish(collection, 1, aside=True)

    def work() -> None:
        while not ended.is_set():
            tally.published += 1
            publish(collection, tally.published + 1, aside=True)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for number in range(count):
            _try_backup(folder, collection, number, tally)
    finally:
        ended.set()
        thread.join()
    _damage(folder, tally, count, np.random.default_rng(seed))
    return tally


def _try_backup(folder: Path, collection: Path, number: int, tally: Tally) -> None:
    file = folder / f"{number}.rdb"
    again = folder / "again"
    report = backup.write_backup(collection, file, extra_files=EXTRA_FILES)
    restore.restore_backup(file, again, extra_files=EXTRA_FILES)
    tally.taken += 1
    with (
        Index.open(again) as index,
        Index.open_generation(collection, report.generation) as original,
    ):
        tally.equal += index.digest_content() == original.digest_content()
        texts_by_uri = {
            listed.uri: index.read_text(listed.uri) for listed in index.iter_documents()
        }
    step = int(str(texts_by_uri["state.md"]).rpartition("step")[2])
    tally.whole += texts_by_uri == texts(step) and not verify.verify_collection(
        again, extra_files=EXTRA_FILES
    )
    shutil.rmtree(again)


def _damage(folder: Path, tally: Tally, count: int, dice: np.random.Generator) -> None:
    for number in range(count):
        file = folder / f"{number}.rdb"
        with tarfile.open(file) as archive:  # headers and contents; between them lies filling
            spans = [(member.offset, member.offset_data + member.size) for member in archive]
        start, end = spans[int(dice.integers(len(spans)))]
        body = bytearray(file.read_bytes())
        at = int(dice.integers(start, end))
        if number % 2:
            body = body[:at]
        else:
            body[at] ^= 1 << int(dice.integers(8))
        (folder / "bad.rdb").write_bytes(body)
        tally.damaged += 1
        try:
            restore.restore_backup(folder / "bad.rdb", folder / "bad", extra_files=EXTRA_FILES)
        except IndexDamaged:
            tally.refused += not generations.list_generations(folder / "bad")
        shutil.rmtree(folder / "bad", ignore_errors=True)


def body(tally: Tally) -> str:
    """Write the section."""
    return f"""
{tally.published} generations were published while the backups were taken.

| backups | digest equal after restore | whole and verified | damaged (a bit, or cut) | refused |
|---|---|---|---|---|
| {tally.taken} | {tally.equal} | {tally.whole} | {tally.damaged} | {tally.refused} |
"""


def main() -> None:
    """Run, print, and write the section."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--backups", type=int, default=50)
    parser.add_argument("--seed", type=int, default=20261123)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = body(taken(Path(folder), options.backups, seed=options.seed))
    print(text)
    command = (
        f"python -m tests.resilience.backups --backups {options.backups} --seed {options.seed}"
    )
    write_section(TITLE, command, text, file=ROOT / "tests" / "resilience" / "RESILIENCY.md")


if __name__ == "__main__":
    main()
