"""Produce the figures of the promises P1, P2 and P3, and write them to tests/resilience/RESILIENCY.md.

python -m tests.resilience.publish --kills 500
"""

import argparse
import tempfile
import time
from pathlib import Path

from tests.lab.results import write_section
from tests.resilience.damage import Tries, damage
from tests.resilience.kills import ROOT, Toll, toll
from tests.resilience.power_cuts import cuts

RESILIENCY = ROOT / "tests" / "resilience" / "RESILIENCY.md"
TITLE = """# What was tried to break it

A promise counts when a test produces its figure. Each section was written by the command it names.
"""


def killed(folder: Path, kills: int, seed: int) -> str:
    """Run the loop of kills, its control, and the power cuts; returns the section's body."""
    ours = toll(folder / "ours", kills=kills, seed=seed, readers=2)
    control = toll(
        folder / "control", kills=max(10, kills // 10), seed=seed, readers=2, in_place=True
    )
    moments, broken = cuts(folder / "cuts", publishes=5)
    rows = [
        _row("tmp, fsync, rename, CURRENT", ours),
        _row("in place (control: must fail)", control),
    ]
    for trouble in [*ours.trouble[:5], *broken[:5]]:
        print(trouble)
    return f"""
Writers killed with SIGKILL at seeded moments (seed {seed}), while two readers check every document
and two searches of each generation they are given. In the window: between the first temporary
write and the last fsync of a publish.

| writer | kills | in the window | published | reads | torn | lost |
|---|---|---|---|---|---|---|
{rows[0]}
{rows[1]}

Power cuts: five publishes, cut after every fsync, rename and mkdir, unsynced writes dropped; once
with names as durable as the folder syncs make them, once with names durable at once:
{moments} layouts, {len(broken)} of them torn or lost."""


def damaged(folder: Path, flips: int, seed: int) -> str:
    """Damage a generation in every way; returns the section's body."""
    kinds = damage(folder / "damage", flips=flips, seed=seed)
    total = Tries(*(sum(getattr(t, name) for t in kinds.values()) for name in Tries.__slots__))
    lines = [
        f"| {kind} | {t.tried} | {t.refused} | {t.answered} | {t.older} |"
        for kind, t in kinds.items()
    ]
    table = "\n".join(lines)
    return f"""
Every file that only the newest of three generations holds, and CURRENT (seed {seed}). Refused: the
damaged file is named. Answered: a whole generation answers, word for word; where only CURRENT is
damaged, that is the newest one.

| damage | tried | refused | answered | by an older generation |
|---|---|---|---|---|
{table}
| all | {total.tried} | {total.refused} | {total.answered} | {total.older} |"""


def _row(name: str, counted: Toll) -> str:
    return (
        f"| {name} | {counted.kills} | {counted.share:.0%} | {counted.steps} | {counted.reads:,} "
        f"| {counted.torn} | {counted.lost} |"
    )


def main() -> None:
    """Read the arguments, run both, print and write the sections."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--flips", type=int, default=300)
    parser.add_argument("--seed", type=int, default=20261122)
    arguments = parser.parse_args()
    if not RESILIENCY.exists():
        RESILIENCY.write_text(TITLE, encoding="utf-8")
    options = f"--kills {arguments.kills} --flips {arguments.flips} --seed {arguments.seed}"
    command = f"python -m tests.resilience.publish {options}"
    with tempfile.TemporaryDirectory() as folder:
        for heading, body in (
            (
                "P1, P2: a publish is whole or not at all",
                killed(Path(folder), arguments.kills, arguments.seed),
            ),
            (
                "P3: no damaged file is served",
                damaged(Path(folder), arguments.flips, arguments.seed),
            ),
        ):
            print(f"\n## {heading}\n\n{body}")
            write_section(heading, command, body, file=RESILIENCY)


if __name__ == "__main__":
    started = time.perf_counter()
    main()
    print(f"\n{time.perf_counter() - started:.0f} s")
