"""Restore forged backups in a jail: nothing outside may be read or written, nothing may hang or break.

    python -m tests.resilience.forged_backups                    10,000 forgeries; writes RESILIENCY.md
    python -m tests.resilience.forged_backups --count 300        in small; writes nothing

Each process works in a folder of its own whose siblings are canaries. An audit hook sees every file
that Python opens, makes, links, renames or removes, and every database. A restore goes into a name
of its own, or into a collection that stands: refused, that must be the same to the byte. What a
restore takes is used: verified, searched, listed, summed up and backed up again.
"""

import argparse
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parent))

import forgery
from fakes import HashEmbedder, document

from indexes.build import Build
from indexes.chunk import Chunk, DocumentRecord, SearchFilter, Validity
from indexes.errors import IndexesError
from indexes.index import Index
from indexes.store import document_table_writer
from indexes.text.tokens import tokenize_text
from indexes.upkeep import backup, history, restore, verify
from indexes.vectors import faiss_index
from ragdesk.assemble import EXTRA_FILES
from tests.lab.results import write_section

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "tests" / "resilience" / "RESILIENCY.md"
TITLE = "P18, continued: a forged backup reaches nothing, breaks nothing and changes nothing"
LACKS = "is missing: the bytes of a document"
CANARY = "canary-7f3a-of-another-folder"
DEADLINE = 20  # seconds of computing; a good one computes for 0.1
PATIENCE = 300  # seconds of waiting
ROOM = 1 << 30  # bytes of memory above what the process has when it begins
_READS = tuple(map(os.path.realpath, (sys.prefix, sys.base_prefix, ROOT, "/usr", "/proc")))
_PATHS = frozenset(
    {
        *("open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.link", "os.symlink"),
        *("os.truncate", "os.chmod", "os.chown", "os.utime", "sqlite3.connect", "os.listdir"),
    }
)


class Hung(BaseException):
    """One forgery took longer than the deadline."""


def make(folder: Path) -> Path:
    """Publish a small collection that has one of everything, and back it up."""
    collection = folder / "good"
    faq_text = "Question: How long?\nThirty days from the day of delivery."
    faq = document("faq.md", faq_text)[0]
    chunk = Chunk(
        document=faq.id, uri=faq.uri, title=faq.title, text=faq_text, start=0, end=len(faq_text),
        question=(0, 19), kind="faq", path=("Refunds",), page=1, section=(0, 10), lead="Refunds",
    )  # fmt: skip
    records = [
        document(
            "a.md", "Refund in 30 days\nTo your card\n退款 14 天", groups=frozenset({"x", "y"})
        ),
        document("old.md", "Summer prices", validity=Validity(ends="2026-01-01T00:00:00Z")),
        (faq, [chunk]),
        *(document(f"{n}.md", f"Article {n} of the handbook") for n in range(50)),
    ]
    texts = [record.text for record, _ in records] + ["Refund in 60 days"]
    exact = faiss_index.EXACT_UP_TO
    faiss_index.EXACT_UP_TO = 40
    small = document_table_writer.SMALL_TABLE
    document_table_writer.SMALL_TABLE = 0
    try:
        _publish(collection, *records)
        _publish(collection, document("a.md", texts[-1], groups=frozenset({"x"})))
    finally:
        faiss_index.EXACT_UP_TO = exact
        document_table_writer.SMALL_TABLE = small
    (collection / "originals").mkdir()
    for text in texts:
        body = text.encode()
        (collection / "originals" / hashlib.sha256(body).hexdigest()).write_bytes(body)
    source = {"prefix": "kb/", "always": False, "groups": ["x"]}
    (collection / "sources.json").write_text(json.dumps({"format": 1, "sources": {"/kb": source}}))
    group = {"weights": {"best": 1.5}, "intercept": -2.25, "floor": 0.5}
    told_of = {"groups": {"*": group, "en": group}, "sketch": ["0123456789ab"]}
    told_of["versions"] = {"signals": 2, "embedder": {"name": "hash"}}
    (collection / "calibration.json").write_text(json.dumps(told_of))
    backup.write_backup(collection, folder / "good.rdb", extra_files=EXTRA_FILES)
    return folder / "good.rdb"


def _publish(collection: Path, *records: tuple[DocumentRecord, list[Chunk]]) -> None:
    with Build(collection, HashEmbedder()) as build:
        for record, chunks in records:
            build.add(record, chunks)
        build.publish(merge="none")


class Watch:
    """Sees what this process does with files, while it is ``on``. strays: what lay outside. why: it was refused."""

    def __init__(self, jail: Path) -> None:
        self.on = False
        self.strays = list[str]()
        self.why = ""
        self._jail = os.path.realpath(jail)
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[object, ...]) -> None:
        if not self.on or event not in _PATHS:
            return
        self.on = False
        try:
            writes = event not in {"open", "sqlite3.connect", "os.listdir"} or (
                event == "open"
                and isinstance(args[2], int)
                and bool(args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
            )
            for path in args[:2] if event in {"os.rename", "os.link", "os.symlink"} else args[:1]:
                if isinstance(path, str | bytes | os.PathLike):
                    self._judge(event, os.fsdecode(path), writes=writes)
        finally:
            self.on = True

    def _judge(self, event: str, path: str, *, writes: bool) -> None:
        plain = path.removeprefix("file://").partition("?")[0]
        if plain == ":memory:":
            return
        real = os.path.realpath(plain)
        inside = real == self._jail or real.startswith(f"{self._jail}/")
        read = not writes and any(real.startswith(f"{root}/") for root in _READS)
        if not inside and not read and real != "/dev/null":
            self.strays.append(f"{event} {real}")


@contextmanager
def deadline(seconds: int) -> Iterator[None]:
    def ring(*_: object) -> None:
        raise Hung

    timers = (
        (signal.SIGPROF, signal.ITIMER_PROF, seconds),
        (signal.SIGALRM, signal.ITIMER_REAL, PATIENCE),
    )
    for number, timer, most in timers:
        signal.signal(number, ring)
        signal.setitimer(timer, most)
    try:
        yield
    finally:
        for number, timer, _ in timers:
            signal.setitimer(timer, 0)
            signal.signal(number, signal.SIG_DFL)


def state(folder: Path) -> dict[str, str]:
    """Give the sums of all files of a collection; but of its lock, which says who held it."""
    files = (file for file in folder.rglob("*") if file.is_file() and file.name != "LOCK")
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def use(collection: Path, number: int, jail: Path) -> None:
    """Do with a restored collection what a desk does."""
    with Index.open_generation(collection, number) as index:
        for where in (
            SearchFilter(),
            SearchFilter(groups=frozenset({"x"})),
            SearchFilter(paths=("a",)),
        ):
            mask = index.make_mask(where)
            index.read_chunks(
                index.search_lexical(tokenize_text("refund days article 退款"), k=5, mask=mask).rows
            )
            query = HashEmbedder().embed_query("refund in days")
            if index.segments and index.segments[0].dense.dim == len(query):
                index.read_chunks(index.search_dense(query, k=5, mask=mask).rows)
        for listed in index.iter_documents():
            index.read_text(listed.uri)
            index.read_document(listed)
        index.digest_content()
    history.list_history(collection)
    backup.write_backup(collection, jail / "again.rdb", extra_files=EXTRA_FILES)
    (jail / "again.rdb").unlink()


def attempt(body: bytes, jail: Path, standing: Path | None, watch: Watch) -> str:
    """Restore one forgery; returns ``refused``, ``taken``, or what went wrong."""
    file = jail / "forged.rdb"
    home = jail / "home"
    file.write_bytes(body)
    collection = standing or home / "new"
    before = state(collection) if standing else {}
    watch.strays.clear()
    watch.on = True
    try:
        with deadline(DEADLINE):
            number = restore.restore_backup(file, collection, extra_files=EXTRA_FILES)
            problems = verify.verify_collection(collection, extra_files=EXTRA_FILES)
            use(collection, number, jail)
        outcome = f"taken, and verify says {problems[0]}" if problems else "taken"
        if all(LACKS in problem for problem in problems):  # as after a backup that lacked some
            outcome = "taken"
    except IndexesError as error:
        outcome = "refused"
        watch.why = str(error).rpartition("forged.rdb")[2]
    except Hung:
        outcome = f"hung: {traceback.format_exc(limit=-4)}"
    except (Exception, Warning):  # noqa: BLE001 - whatever it is, it is told
        outcome = f"broke: {traceback.format_exc(limit=-3)}"
    finally:
        watch.on = False
    if watch.strays:
        return f"strayed: {watch.strays[0]}"
    if outcome == "refused" and (state(collection) if standing else any(home.iterdir())) != (
        before or False
    ):
        return "refused, and something was changed"
    if outcome == "taken" and any(
        CANARY.encode() in f.read_bytes() for f in home.rglob("*") if f.is_file()
    ):
        return "strayed: a canary was read"
    return outcome


def work(jail: Path, seeds: range) -> None:
    """Try the forgeries of some seeds, and print what came of each as a line of JSON."""
    warnings.simplefilter("error")
    os.chdir(jail)  # names relative to a folder that is open are taken as relative to this one
    with (jail.parent / "canary").open("w") as canary:
        canary.write(CANARY)
    good = forgery.take_apart(make(jail))
    shutil.rmtree(jail / "good")
    shutil.copyfile(jail / "good.rdb", jail / "first.rdb")
    (jail / "home").mkdir()
    watch = Watch(jail)
    base = jail / "home" / "standing"

    def stand() -> Path:
        shutil.rmtree(jail / "home")
        (jail / "home").mkdir()
        restore.restore_backup(jail / "first.rdb", base, extra_files=EXTRA_FILES)
        return base

    whole = attempt((jail / "first.rdb").read_bytes(), jail, None, watch)
    if whole != "taken":  # then nothing below would tell anything
        raise RuntimeError(f"A good backup: {whole}")
    shutil.rmtree(jail / "home")
    (jail / "home").mkdir()
    pages = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (pages + ROOM, pages + ROOM))
    began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    standing = None
    for seed in seeds:
        kind, body = forgery.forge(good, seed)
        if seed % 4 == 0 and standing is None:
            standing = stand()
        elif seed % 4 == 1 and standing is not None:
            shutil.rmtree(jail / "home")
            (jail / "home").mkdir()
            standing = None
        at = time.process_time()
        outcome = attempt(body, jail, standing, watch)
        if outcome != "refused":
            shutil.rmtree(jail / "home")
            (jail / "home").mkdir()
            standing = None
        peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - began) >> 10
        row = {"seed": seed, "kind": kind, "outcome": outcome, "peak": peak, "why": watch.why}
        watch.why = ""
        print(json.dumps({**row, "seconds": time.process_time() - at}), flush=True)


def run(
    count: int, *, first: int = 0, workers: int = 1, part: int = 500
) -> list[dict[str, object]]:
    """Try so many forgeries in processes of their own; one that dies of one costs only that one."""
    rows: list[dict[str, object]] = []
    waiting = [range(n, min(n + part, first + count)) for n in range(first, first + count, part)]
    running: list[tuple[subprocess.Popen[str], range, tempfile.TemporaryDirectory[str]]] = []
    while waiting or running:
        while waiting and len(running) < workers:
            seeds = waiting.pop(0)
            folder = tempfile.TemporaryDirectory()
            (Path(folder.name) / "jail").mkdir()
            arguments = [
                "--jail",
                str(Path(folder.name) / "jail"),
                "--seeds",
                f"{seeds.start}:{seeds.stop}",
            ]
            command = [sys.executable, "-m", "tests.resilience.forged_backups", *arguments]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
            running.append((process, seeds, folder))
        process, seeds, folder = running.pop(0)
        lines = [json.loads(line) for line in process.communicate()[0].splitlines()]
        rows += lines
        rest = range(seeds.start + len(lines), seeds.stop)
        if process.returncode or rest:
            if not lines and process.returncode == 1:
                raise RuntimeError("A worker did not start.")
            died = {"seed": rest.start, "kind": "?", "outcome": f"died: {process.returncode}"}
            rows.append({**died, "peak": 0, "seconds": 0.0})
            waiting.insert(0, range(rest.start + 1, rest.stop))
        folder.cleanup()
        waiting = [seeds for seeds in waiting if seeds]
    return rows


def section(tries: list[dict[str, object]]) -> str:
    """Write the figures."""
    kinds: dict[str, Counter[str]] = {}
    for row in tries:
        kinds.setdefault(str(row["kind"]), Counter())[str(row["outcome"]).partition(":")[0]] += 1
    bad = ("strayed", "hung", "broke", "died", "refused, and something was changed")
    rows = [
        f"| {kind} | {sum(c.values()):,} | {c['refused']:,} | {c['taken']:,} | "
        + " | ".join(str(sum(n for row, n in c.items() if row.startswith(name))) for name in bad)
        + " |"
        for kind, c in sorted(kinds.items())
    ]
    slowest = max(float(str(row["seconds"])) for row in tries)
    peak = max(int(str(row["peak"])) for row in tries)
    head = f"""{len(tries):,} backups forged from a good one, most of them with every sum made right again; a quarter
of them restored over a collection that stands. Taken: the change was one that a good backup can have
(a title, a group, an original that is not there); these were then verified, searched, listed, summed
up and backed up again.

| changed first | tried | refused | taken | read or wrote outside | hung | traceback | process died | changed what stood |
|---|---|---|---|---|---|---|---|---|"""
    before = """On 363a9ed, tests/indexes/upkeep/test_format_check.py took a digest of `../../../canary` and a manifest that names
`../../canary`, wrote 64 MB for a sparse member of 1 kB, took tables with views in the place of tables, needed 40
bytes of memory for each row that a table claims, and had overwritten an original when it refused."""
    foot = f"Longest: {slowest:.1f} s of computing; memory above that of a good one: at most {peak} MB."
    return "\n".join((head, *rows, "", foot, "", before))


def main() -> None:
    """Run, print, and write the section."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="the section, whatever the count")
    parser.add_argument("--jail", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--seeds", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.jail:
        work(options.jail, range(*map(int, options.seeds.split(":"))))
        return
    rows = run(options.count, first=options.first, workers=options.workers)
    for row in rows:
        if row["outcome"] not in {"refused", "taken"}:
            print(row["seed"], row["kind"], row["outcome"])
    print(text := section(rows))
    if options.write or options.count >= 10_000:
        command = f"python -m tests.resilience.forged_backups --count {options.count}"
        write_section(TITLE, command, f"\n{text}\n", file=FIGURES)


if __name__ == "__main__":
    main()
