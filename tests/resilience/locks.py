"""Let processes race for a collection's lock, and die holding it: P7.

    python -m tests.resilience.locks --races 1000

Whoever holds the lock reads a number, waits, and writes it back increased. Two holders at once
would lose an increase, so at the end the number must be the count of those who finished. One
winner in five is killed while it holds the lock. The control races without a lock, and must fail.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexes.errors import CollectionBusy
from indexes.store import locks
from tests.lab.results import write_section
from tests.resilience.kills import ROOT

RACERS = 4
DYING = 0.2
TITLE = "P7: one writer per collection"


@dataclass(frozen=True, slots=True)
class Races:
    """What came of some races. finished: winners that were not killed; counted: their increases."""

    races: int
    won: int
    killed: int
    finished: int
    counted: int

    @property
    def doubled(self) -> int:
        """Winners that were not alone."""
        return self.finished - self.counted


def race(folder: Path, seed: int, *, locked: bool) -> None:
    """Race until standard input ends, a try a line; say ``won``, ``busy`` or die."""
    dice = np.random.default_rng(seed)
    number = folder / "number"
    for _ in sys.stdin:
        try:
            with locks.lock_collection(folder / "c") if locked else nullcontext():
                before = int(number.read_text(encoding="ascii") or 0)
                time.sleep(dice.random() / 200)
                if dice.random() < DYING:
                    os.write(1, b"dies\n")
                    os.kill(os.getpid(), signal.SIGKILL)
                draft = folder / f"number-{os.getpid()}"
                draft.write_text(str(before + 1), encoding="ascii")
                draft.replace(number)
                os.write(1, b"won\n")
        except CollectionBusy:
            os.write(1, b"busy\n")


def races(folder: Path, count: int, *, seed: int, locked: bool = True) -> Races:
    """Let some processes race so often, together; returns what came of it."""
    folder.mkdir(parents=True)
    (folder / "number").write_text("0", encoding="ascii")
    dice = np.random.default_rng(seed)
    racers = list[subprocess.Popen[bytes]]()
    tally = [0, 0, 0]
    while len(racers) < RACERS:
        racers.append(_racer(folder, int(dice.integers(1 << 30)), locked=locked))
    for _ in range(-(-count // RACERS)):
        for racer in racers:
            _send(racer)
        for at, racer in enumerate(racers):
            line = racer.stdout.readline() if racer.stdout else b""
            tally[0] += line == b"won\n"
            tally[1] += line == b"dies\n"
            tally[2] += 1
            if line == b"dies\n":
                racer.communicate()
                racers[at] = _racer(folder, int(dice.integers(1 << 30)), locked=locked)
    for racer in racers:
        racer.communicate()
    counted = int((folder / "number").read_text(encoding="ascii"))
    return Races(tally[2], tally[0] + tally[1], tally[1], tally[0], counted)


def _racer(folder: Path, seed: int, *, locked: bool) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.resilience.locks", "--race", str(folder), str(seed)]
    command += [] if locked else ["--without"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=ROOT)


def _send(racer: subprocess.Popen[bytes]) -> None:
    assert racer.stdin
    racer.stdin.write(b"\n")
    racer.stdin.flush()


def body(ours: Races, control: Races) -> str:
    """Write the section."""
    rows = [
        f"| {name} | {r.races:,} | {r.won:,} | {r.killed} | {r.doubled} |"
        for name, r in (("flock", ours), ("no lock (control: must fail)", control))
    ]
    return f"""
{RACERS} processes try at once, again and again; one winner in five is killed while it holds the
lock, and every later try shows that this freed it. Double: winners that were not alone.

| | tries | won | killed holding it | double |
|---|---|---|---|---|
{rows[0]}
{rows[1]}
"""


def main() -> None:
    """Race, print, and write the section."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--races", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--race", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--without", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.race:
        race(Path(options.race[0]), int(options.race[1]), locked=not options.without)
        return
    with tempfile.TemporaryDirectory() as folder:
        ours = races(Path(folder, "ours"), options.races, seed=options.seed)
        control = races(
            Path(folder, "control"), options.races // 5, seed=options.seed, locked=False
        )
    text = body(ours, control)
    print(text)
    command = f"python -m tests.resilience.locks --races {options.races} --seed {options.seed}"
    write_section(TITLE, command, text, file=ROOT / "tests" / "resilience" / "RESILIENCY.md")


if __name__ == "__main__":
    main()
