"""Work a server for half an hour as a bad day would, and count what it lost, leaked and grew.

    python -m tests.resilience.soak --minutes 30 --handles 256 --seed 20261129   writes RESILIENCY.md
    python -m tests.resilience.soak --minutes 2 --flip-every 45                  in small; writes nothing

A real ``ragdesk serve`` with so many open files at most. Writers put, replace, regroup and delete;
others ask, stream, search, list and fetch; broken clients do what no client should; and again and
again one bit of a file of the newest generation is flipped on the disk. Then the script is the
operator: it looks (``indexes verify``), does what the errors name (``rollback``, else ``restore`` of
the backup it took last), puts back what that took away, and goes on. Ends by itself; exit 1 when
a promise was broken.
``--out`` gets samples.csv, soak.png, report.md, report.json, events.log and serve.log.
"""

import argparse
import csv
import json
import os
import random
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.resilience import soak_work
from tests.resilience.soak_work import COLLECTIONS, MOST_UPLOAD, Broken, World, check, write

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "tests/resilience/RESILIENCY.md"
CONTROL = Path(__file__).with_name("soak_control.md")
TITLE = "P19, continued: a soak of mixed work, broken clients and flipped bits"
COLUMNS = (
    "seconds",
    "handles",
    "threads",
    "memory_mb",
    "mapped",
    "disk_mb",
    "uploads",
    "generations",
)
WRITERS = 2  # of each collection
ASKERS = 2  # in all
BROKEN = 3  # in all
EVERY = 5.0  # seconds between two samples
PROMISES = (
    "lost", "lost after a remedy", "leak", "5xx that was not due", "no answer", "wrong key let in",
    "job failed", "job without end", "stream without end", "damage not told by verify", "no remedy", "restarted",
    "not as acknowledged at the end", "damaged at the end", "did not stop", "uploads left",
    "grew",
)  # fmt: skip


class Served:
    """A ``ragdesk serve`` of its own process and home, and the commands an operator has."""

    def __init__(self, folder: Path, handles: int, *, words_only: bool) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.handles = handles
        self.log = folder / "serve.log"
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.variables = {
            **{k: v for k, v in os.environ.items() if not k.startswith("RAGDESK_")},
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(self.temporary),
            "RAGDESK_SERVE__MAX_UPLOAD_BYTES": str(MOST_UPLOAD),
            **({"RAGDESK_EMBED__MODEL": "none"} if words_only else {}),
        }
        known = json.loads(self.call("settings", "--json").stdout)
        if "indexes.keep_hours" in known:  # half an hour is younger than a day
            self.variables |= {"RAGDESK_INDEXES__KEEP_HOURS": "0.05"}
        self.process: subprocess.Popen[bytes] | None = None
        self.base = ""

    def call(self, *words: str, within: float = 180) -> subprocess.CompletedProcess[str]:
        """Run a command of ragdesk; one that finds the collection busy is run again."""
        command = [sys.executable, "-m", "ragdesk", "--home", str(self.home), *words]
        for _ in range(30):
            done = subprocess.run(
                command, env=self.variables, cwd=self.folder, capture_output=True, text=True,
                timeout=within, check=False,
            )  # fmt: skip
            if done.returncode != 75:
                break
            time.sleep(0.5)
        return done

    def start(self) -> None:
        """Start to serve, and wait for the line that says where."""
        at = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ragdesk", "--home", str(self.home), "serve", "--port", "0"],
                env=self.variables, cwd=self.folder, stdout=log, stderr=log, preexec_fn=self._limit,  # noqa: PLW1509
            )  # fmt: skip
        until = time.monotonic() + 120
        while time.monotonic() < until and self.process.poll() is None:
            new = self.log.read_bytes()[at:].decode(errors="replace")
            if address := re.search(r"(http://127\.0\.0\.1:\d+)/ ", new):
                self.base = address[1]
                return
            time.sleep(0.1)
        raise RuntimeError(f"The server did not start: {self.log.read_text()[-2_000:]}")

    def _limit(self) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (self.handles, self.handles))

    def stop(self, within: float = 60) -> bool:
        """End it by SIGTERM; False where only SIGKILL did."""
        if self.process is None or self.process.poll() is not None:
            return self.process is None
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return False
        return True

    def sizes(self) -> tuple[int, int, float, int, float, int, int]:
        """Count handles, threads, MB of memory, mapped files, MB of disk, uploads, generations."""
        place = Path(f"/proc/{self.process.pid}") if self.process else Path("/proc/self")
        status = dict(
            line.split(":", 1)
            for line in (place / "status").read_text().splitlines()
            if ":" in line
        )
        memory = int(status["VmRSS"].split()[0]) / 1024
        disk = 0
        for root, _, files in os.walk(self.home):
            for name in files:
                try:
                    disk += (Path(root) / name).lstat().st_blocks * 512
                except FileNotFoundError:  # cleared this moment
                    continue
        places = (self.home / "uploads", self.temporary)  # 0.1.0 kept them in TMPDIR
        uploads = [f for at in places for f in at.rglob("*") if f.is_file() and f.name != "LOCK"]
        return (
            len(list((place / "fd").iterdir())),
            int(status["Threads"]),
            memory,
            (place / "maps").read_text().count("/collections/"),
            disk / 1e6,
            len(uploads),
            len(list(self.home.glob("collections/*/generations/[0-9]*"))),
        )


class Operator:
    """Takes backups, flips bits, and does then what the errors name."""

    def __init__(self, world: World, served: Served) -> None:
        self.world = world
        self.served = served
        self.chance = random.Random(f"{world.seed} operator")  # noqa: S311 - no secret
        self.backups: dict[str, Path] = {}

    def back_up(self, collection: str) -> None:
        """Take a backup, and let go of the one before the last."""
        file = self.served.folder / f"{collection}-{time.time_ns()}.rdb"
        done = self.served.call("indexes", "backup", str(file), "--collection", collection)
        if done.returncode:
            self.world.note(f"backup of {collection}: exit {done.returncode} {done.stderr[-300:]}")
            return
        self.world.count("backups")
        old = self.backups.get(collection)
        self.backups[collection] = file
        if old:
            old.unlink()

    def flip(self, collection: str) -> None:
        """Flip one bit of the newest generation while everybody works, and put it right again."""
        world = self.world
        folder = self.served.home / "collections" / collection
        if collection not in self.backups:  # an operator without one has no remedy left
            self.back_up(collection)
        if collection not in self.backups:
            return
        world.writing[collection].clear()
        self._wait_for_writers(collection)
        file = self.chance.choice(newest_files(folder))
        with world.lock:
            world.damaged.add(collection)
        name = file.relative_to(folder)
        with file.open("r+b") as damaged:
            at = self.chance.randrange(file.stat().st_size)
            damaged.seek(at)
            bits = damaged.read(1)[0] ^ (1 << self.chance.randrange(8))
            damaged.seek(at)
            damaged.write(bytes([bits]))
        world.note(f"flipped a bit of {collection}/{name} at byte {at}")
        world.count("bits flipped")
        world.writing[collection].set()  # what is written onto the damage is refused, or kept whole
        time.sleep(8)
        world.writing[collection].clear()
        self._wait_for_writers(collection)
        self.mend(collection)
        with world.lock:
            world.returning.add(collection)
            world.damaged.discard(collection)
        self.put_back(collection)
        with world.lock:
            world.returning.discard(collection)
        world.writing[collection].set()

    def mend(self, collection: str) -> None:
        """Look, and do what is named: go back a generation, else restore the last backup."""
        if not self._problems(collection):
            self.world.fail("damage not told by verify", collection)
        backup = str(self.backups.get(collection, ""))
        remedies: list[tuple[str, tuple[str, ...]]] = [("rollback", ("indexes", "rollback"))]
        if backup:
            remedies.append(("restore", ("indexes", "restore", backup, "--replace")))
        for name, words in remedies:
            done = self.served.call(*words, "--collection", collection)
            self.world.note(f"{name} of {collection}: exit {done.returncode} {done.stderr[-300:]}")
            self.world.count(f"{name}: exit {done.returncode}")
            if done.returncode == 0 and self._mended(collection):
                self.world.count(f"mended by {name}")
                return
        self.world.fail("no remedy", f"{collection}: {self._problems(collection)[:3]}")

    def _mended(self, collection: str) -> bool:
        """Let go of older generations, which may be damaged too; tell whether all is whole then."""
        time.sleep(2)  # the server takes up the new one, and lets go of what it read
        self.served.call("indexes", "gc", "--keep", "1", "--collection", collection)
        problems = self._problems(collection)
        if problems:
            self.world.note(f"after the remedy, {collection}: {problems[:3]}")
        return not problems

    def _problems(self, collection: str) -> list[str]:
        done = self.served.call("indexes", "verify", "--json", "--collection", collection)
        try:
            verdict: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            return [f"exit {done.returncode}: {done.stderr[-300:]}"]
        return list(verdict.get("problems", [str(verdict)]))

    def put_back(self, collection: str) -> None:
        """Bring back what an older generation or a backup did not hold, and see that all is there."""
        world = self.world
        time.sleep(soak_work.SETTLED / 2)
        for _ in range(3):
            wrong = self._differences(collection)
            for place in wrong:
                outcome = soak_work.change_document(world, place, world.documents.get(place))
                world.count(f"put back: {outcome}")
            if not wrong:
                return
        world.note(f"{collection} does not take up what was put back; the server is started again")
        world.fail("restarted", collection)
        with world.lock:
            world.damaged.update(COLLECTIONS)
        world.down.set()
        self.served.stop()
        self.served.start()
        world.base = self.served.base
        time.sleep(2)  # who asked under its old address has noticed
        world.down.clear()
        with world.lock:
            world.damaged.clear()
        for place in self._differences(collection):
            soak_work.change_document(world, place, world.documents.get(place))
        for place in self._differences(collection):
            world.fail("lost after a remedy", str(place))

    def _differences(self, collection: str) -> list[soak_work.Place]:
        with self.world.lock:
            due = {p: d for p, d in self.world.documents.items() if p[0] == collection}
        wrong = []
        for place, document in due.items():
            reply = self.world.send("admin", "GET", f"{soak_work.address(place)}/text")
            if reply is None or not soak_work.is_of(reply, document):
                wrong.append(place)
        extra = set(listed(self.world, collection, "admin") or ()) - {uri for _, uri in due}
        return wrong + [(collection, uri) for uri in extra]

    def _wait_for_writers(self, collection: str) -> None:
        until = time.monotonic() + 130
        while time.monotonic() < until:
            with self.world.lock:
                if not any(place[0] == collection for place in self.world.changing):
                    return
            time.sleep(0.05)


def newest_files(folder: Path) -> list[Path]:
    """List the files, of a byte or more, that the newest generation and its segments consist of."""
    number = (folder / "CURRENT").read_text().split()[0]
    generation = folder / "generations" / number
    listing = (generation / "MANIFEST.json").read_text()
    parts = [generation, *(s for s in (folder / "segments").iterdir() if s.name in listing)]
    files = (file for part in parts for file in part.rglob("*") if file.is_file())
    skipped = ("-shm", "-wal", ".lock")
    return sorted(f for f in files if f.stat().st_size and not f.name.endswith(skipped))


def listed(world: World, collection: str, who: str) -> list[str] | None:
    """List the uris that a key sees in a collection; None where that was not answered."""
    uris: list[str] = []
    cursor = None
    while True:
        parameters = {"limit": 500} | ({"cursor": cursor} if cursor else {})
        path = f"/v1/collections/{collection}/documents"
        reply = world.send(who, "GET", path, params=parameters)
        if reply is None or reply.status_code != 200:
            return None
        page = reply.json()
        uris += [document["uri"] for document in page["documents"]]
        cursor = page["next"]
        if not cursor:
            return uris


def keys(served: Served) -> dict[str, str]:
    """Create the keys: of an administrator, of staff, and of everybody else."""
    kinds = {"admin": ("--scope", "admin", "--scope", "write", "--scope", "ask")}
    kinds |= {"staff": ("--groups", "staff,open"), "public": ("--groups", "open")}
    made = {}
    for name, words in kinds.items():
        done = served.call("keys", "create", name, *words, "--json")
        made[name] = json.loads(done.stdout)["key"]
    return made


def work(world: World, served: Served, options: argparse.Namespace) -> list[tuple[float, ...]]:
    """Run everybody until the time is up; gives the samples."""
    calls: list[tuple[Callable[..., None], tuple[Any, ...]]] = [
        (write, (world, name, n)) for name in COLLECTIONS for n in range(WRITERS)
    ]
    calls += [(soak_work.ask, (world, n)) for n in range(ASKERS)] + [(soak_work.read, (world,))]
    calls += [(Broken(world, n).run, ()) for n in range(BROKEN)]
    threads = [threading.Thread(target=guarded, args=(world, call, a)) for call, a in calls]
    samples: list[tuple[float, ...]] = []
    sampler = threading.Thread(target=sample, args=(world, served, samples))
    for thread in (*threads, sampler):
        thread.start()
    operator = Operator(world, served)
    end = world.began + options.minutes * 60
    flip_at = world.began + options.flip_every
    backup_at = world.began + options.backup_every
    turn = 0
    try:
        while (now := time.monotonic()) < end:
            if served.process is None or served.process.poll() is not None:
                world.fail("no answer", "the server has ended")
                break
            if now >= backup_at:
                for name in COLLECTIONS:
                    operator.back_up(name)
                backup_at = time.monotonic() + options.backup_every
            if now >= flip_at and end - now > 20:
                operator.flip(COLLECTIONS[turn % len(COLLECTIONS)])
                turn += 1
                flip_at += options.flip_every
            time.sleep(0.5)
    finally:
        world.stop.set()
        for thread in (*threads, sampler):
            thread.join(200)
    return samples


def guarded(world: World, call: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """Run a client; an error of its own is told, as a client that ended would prove nothing."""
    try:
        call(*arguments)
    except Exception as error:  # noqa: BLE001 - it is told, and fails the soak
        world.fail("no answer", f"{call.__name__} ended: {error!r}")


def sample(world: World, served: Served, samples: list[tuple[float, ...]]) -> None:
    """Note the server's sizes every few seconds."""
    while not world.stop.wait(EVERY):
        try:
            samples.append((round(time.monotonic() - world.began, 1), *served.sizes()))
        except (OSError, KeyError):
            world.count("samples missed")  # it is being started again


def finish(world: World, served: Served) -> None:
    """Hold everything against the model once nobody works any more, and end the server."""
    world.stop.clear()  # from here on every answer is awaited
    if served.process and served.process.poll() is None:
        time.sleep(3)
        for name in COLLECTIONS:
            check_all(world, name)
        until = time.monotonic() + 25  # what broken clients left is cleared
        while (left := served.sizes()[5]) > 0 and time.monotonic() < until:
            time.sleep(0.5)
        if left:
            world.fail("uploads left", str(left))
    world.stop.set()
    if not served.stop():
        world.fail("did not stop", "by SIGTERM")
    for name in world.writing if served.home.exists() else ():
        done = served.call("indexes", "verify", "--collection", name)
        if done.returncode:
            world.fail("damaged at the end", f"{name}: {done.stdout[-300:]}")


def check_all(world: World, collection: str) -> None:
    """Hold every document and the lists of a collection against the model."""
    kind = "not as acknowledged at the end"
    with world.lock:
        due = {place[1]: d for place, d in world.documents.items() if place[0] == collection}
    for uri in due:
        check(world, (collection, uri), kind, patience=1.0)
    if (there := listed(world, collection, "admin")) is not None:
        more = {uri for uri in set(there) - set(due) if not uri.startswith("broken/")}
        less = set(due) - set(there)
        if more or less:
            line = f"{sorted(more)[:5]} too many, {sorted(less)[:5]} missing"
            world.fail(kind, f"{collection}: {line}")
    for uri in set(listed(world, collection, "public") or ()) & set(due):
        if due[uri].staff:
            world.fail("leak", f"{collection}/{uri} is listed")


def slopes(samples: list[tuple[float, ...]]) -> dict[str, tuple[float, float, float]]:
    """Give, after the first fifth, each size's growth an hour, least and most."""
    settled = samples[len(samples) // 5 :]
    if len(settled) < 3:
        return {}
    hours = [row[0] / 3600 for row in settled]
    figures = {}
    for place, name in enumerate(COLUMNS[1:], 1):
        values = [row[place] for row in settled]
        slope = statistics.linear_regression(hours, values).slope
        figures[name] = (slope, min(values), max(values))
    return figures


def judge_growth(
    world: World, samples: list[tuple[float, ...]], options: argparse.Namespace
) -> None:
    """Say what grew, where the soak was long enough to tell: medians of the second and last fifth."""
    if options.minutes < 10 or len(samples) < 50:
        return
    fifth = len(samples) // 5
    early = samples[fifth : 2 * fifth]
    late = samples[-fifth:]
    for name, most in (("handles", 16), ("threads", 8), ("memory_mb", 60), ("disk_mb", 60)):
        place = COLUMNS.index(name)
        before, after = (statistics.median(row[place] for row in rows) for rows in (early, late))
        if after - before > max(most, before * 0.15):
            world.fail("grew", f"{name}: {before:.0f} to {after:.0f}")
    if max(row[1] for row in samples) > options.handles - 16:
        world.fail("grew", "the handles came near their limit")


def draw(samples: list[tuple[float, ...]], file: Path) -> None:
    """Draw the sizes over time."""
    os.environ.setdefault("MPLCONFIGDIR", str(file.parent / "matplotlib"))
    import matplotlib as mpl  # noqa: PLC0415 - of the tests' extra

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    names = ("handles", "threads", "memory_mb", "disk_mb")
    figure, axes = plt.subplots(len(names), 1, figsize=(8, 8), sharex=True)
    for name, axis in zip(names, axes, strict=True):
        column = COLUMNS.index(name)
        axis.plot([row[0] / 60 for row in samples], [row[column] for row in samples], linewidth=1)
        axis.set_ylabel(name)
        axis.set_ylim(bottom=0)
        axis.grid(visible=True, alpha=0.3)
    axes[-1].set_xlabel("minutes")
    figure.tight_layout()
    figure.savefig(file, dpi=110)
    plt.close(figure)


def report(world: World, samples: list[tuple[float, ...]], options: argparse.Namespace) -> str:
    """Write what was counted, as Markdown."""
    counts = world.counts
    lines = [
        f"{options.minutes:g} minutes at {options.handles} handles, seed {options.seed}.",
        f"A bit flipped every {options.flip_every:g} s.",
        "",
        "| promise | broken |",
        "|---|---|",
        *(f"| {name} | {counts[name]} |" for name in PROMISES),
        "",
        "| what happened | times |",
        "|---|---|",
        *(f"| {name} | {n:,} |" for name, n in sorted(counts.items()) if name not in PROMISES),
        "",
        "| after the first fifth | an hour | least | most |",
        "|---|---|---|---|",
        *(f"| {n} | {s:+.1f} | {a:.0f} | {b:.0f} |" for n, (s, a, b) in slopes(samples).items()),
    ]
    if world.failures:
        lines += ["", "Broken, the first of each kind:", ""]
        kinds: dict[str, str] = {}
        for line in world.failures:
            kinds.setdefault(line.strip().partition("  ")[2].partition(": ")[0], line)
        lines += [f"- {line.strip()[:240]}" for line in kinds.values()]
    return "\n".join(lines)


def soak(options: argparse.Namespace) -> World:
    """Do all of it, and write the files of ``--out``."""
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ragdesk-soak-") as folder:
        served = Served(Path(folder), options.handles, words_only=options.words_only)
        made = keys(served)
        served.start()
        (options.out / "events.log").unlink(missing_ok=True)
        world = World(served.base, made, options.seed, events=options.out / "events.log")
        dog = threading.Timer(options.minutes * 60 + 600, _give_up, (served, world))
        dog.daemon = True
        dog.start()
        samples: list[tuple[float, ...]] = []
        try:
            samples = work(world, served, options)
            finish(world, served)
        finally:
            dog.cancel()
            served.stop(5)
            shutil.copy(served.log, options.out / "serve.log")
    judge_growth(world, samples, options)
    with (options.out / "samples.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *samples])
    content = {"counts": dict(world.counts), "failures": world.failures, "last": list(world.recent)}
    (options.out / "report.json").write_text(json.dumps(content, indent=1, ensure_ascii=False))
    (options.out / "report.md").write_text(report(world, samples, options) + "\n")
    if samples:
        draw(samples, options.out / "soak.png")
    return world


def _give_up(served: Served, world: World) -> None:
    sys.stderr.write(f"The soak does not end by itself: {list(world.recent)[-5:]}\n")
    if served.process:
        served.process.kill()
    os._exit(3)


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    read = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    read.add_argument("--minutes", type=float, default=30.0)
    read.add_argument("--handles", type=int, default=256)
    read.add_argument("--seed", type=int, default=20261129)
    read.add_argument("--flip-every", type=float, default=300.0, help="seconds")
    read.add_argument("--backup-every", type=float, default=60.0, help="seconds")
    read.add_argument("--words-only", action="store_true", help="no embedder: lighter, no vectors")
    read.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "ragdesk-soak")
    read.add_argument("--control", type=Path, default=CONTROL, help="another version's report.md")
    return read.parse_args(words)


def main() -> int:
    """Run, print, and write the section when it ran for half an hour. Exit 1 with failures."""
    options = arguments()
    world = soak(options)
    body = (options.out / "report.md").read_text()
    sys.stdout.write(f"{body}\nsamples.csv, soak.png, report.json, serve.log: {options.out}\n")
    if options.minutes >= 30:
        from tests.lab.results import write_section  # noqa: PLC0415

        if options.control.exists():
            body += f"\nThe same script at 363a9ed (control):\n\n{options.control.read_text()}"
        write_section(
            TITLE, " ".join(["python -m tests.resilience.soak", *sys.argv[1:]]), body, file=FIGURES
        )
    return 1 if any(world.counts[name] for name in PROMISES) else 0


if __name__ == "__main__":
    raise SystemExit(main())
