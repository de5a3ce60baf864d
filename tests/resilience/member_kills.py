"""Kill jobs amid the mails of a mailbox, the attachments of mails, and pages that OCR reads.

    python -m tests.resilience.member_kills

A job dies by SIGKILL at a seeded moment once so many members or pages were kept, and another one
begins; then a last one runs to its end. It must end with what an undisturbed job makes, and read
no page that an earlier one had kept. Jobs run in forks of one process that has imported everything.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from subprocess import PIPE, Popen

import numpy as np
from pypdf import PdfWriter

from indexes.embedding.model_files import find_model
from indexes.store.paths import OCR_FOLDER, ORIGINALS_FOLDER
from indexes.upkeep import verify
from ingest.job import IngestJob
from ingest.sandbox.guard import GuardOptions
from ragdesk.assemble import EXTRA_FILES
from tests.fakes import HashEmbedder
from tests.lab.results import write_section
from tests.mail_files import mail
from tests.pdf_files import lines, scanned
from tests.resilience.kills import ROOT
from tests.resilience.write_failures import DONE, digest

MEMBERS, PAGES = "members", "pages"
TITLE = "P5, continued: a job killed amid mails, attachments and scanned pages"
_POLL_SECONDS = 0.002
_MOST_OF_PACE = 0.7  # of the way, as no two jobs take the same time


@dataclass(slots=True)
class Toll:
    """What came of a loop of kills.

    amid: kills that landed after a member or a further page was kept, and before the end. kept:
    pages that lay there when the last job began. wrong: what is not as promised.
    """

    kills: int = 0
    amid: int = 0
    kept: int = 0
    wrong: list[str] = field(default_factory=list)


def write_members(folder: Path, count: int) -> None:
    """Write a mailbox, a mail with many attachments, and mails attached to one another."""
    folder.mkdir(parents=True)
    box = bytearray()
    for n in range(count):
        files = {f"fee{n}.csv": f"boat,fee\nskiff,{n}\n".encode(), "plan.txt": b"Berth %d." % n}
        body = mail(f"The sluice opens at {n}.", subject=f"Sluice {n}", files=files).as_bytes()
        box += b"From a@b.example Mon Mar 02 09:00:00 2026\n" + body + b"\n"
    (folder / "in.mbox").write_bytes(box)
    many = {f"{n}.txt": f"Rule {n} of the harbour.".encode() for n in range(count)}
    (folder / "many.eml").write_bytes(mail("Rules below.", files=many).as_bytes())
    inner = mail("The innermost.", files={"a.txt": b"Deep words."}).as_bytes()
    outer = mail("Outer.", files={"inner.eml": inner}).as_bytes()
    (folder / "deep.eml").write_bytes(mail("Outermost.", files={"outer.eml": outer}).as_bytes())


def write_pages(folder: Path, count: int) -> None:
    """Write a scan of so many pages, and another one that came with a mail."""
    folder.mkdir(parents=True)
    for name, size in (("long.pdf", count), ("form.pdf", max(1, count // 3))):
        writer = PdfWriter()
        for n in range(size):
            file = folder / f"{n}.part"
            file.write_bytes(scanned(lines(f"Page {n} of {name[:4]} is on lockers.", "Ask us.")))
            writer.append(str(file))
            file.unlink()
        writer.write(folder / name)
    form = (folder / "form.pdf").read_bytes()
    (folder / "form.eml").write_bytes(mail("The form.", files={"form.pdf": form}).as_bytes())
    (folder / "form.pdf").unlink()


def list_pages(collection: Path) -> dict[str, tuple[int, int]]:
    """List the pages that are kept, and when each was written."""
    files = [f for f in collection.glob(f"{OCR_FOLDER}/*/*.json") if f.name[0].isdigit()]
    return {str(f): (f.stat().st_ino, f.stat().st_mtime_ns) for f in files}


def fork_jobs() -> None:
    """Fork a job for every line on standard input: a folder, in which ``kb`` and ``c`` lie."""
    for line in sys.stdin:
        place = Path(json.loads(line))
        if (child := os.fork()) == 0:
            job = IngestJob(
                collection=place / "c",
                embedder=HashEmbedder(),
                tokenizer=find_model("packaged", place).tokenizer,
                guard=GuardOptions(workers=1),
            )
            job.run([place / "kb"])
            os._exit(DONE)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


class Jobs:
    """The process that forks jobs, seen from outside."""

    def __init__(self, process: "Popen[str]") -> None:
        self._process = process

    def run(self, place: Path, meddle: Callable[[int], None] = lambda _: None) -> int:
        """Run a job; returns its exit code. meddle: is called with its process number."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(str(place)) + "\n")
        self._process.stdin.flush()
        meddle(int(self._process.stdout.readline()))
        return int(self._process.stdout.readline())


@contextmanager
def start_jobs() -> Iterator[Jobs]:
    """Start the process that forks jobs."""
    command = [sys.executable, "-m", "tests.resilience.member_kills", "--fork"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True, cwd=ROOT, env=environment) as process:
        yield Jobs(process)
        process.communicate()


def kill_jobs(folder: Path, jobs: Jobs, kind: str, *, kills: int, seed: int) -> Toll:
    """Kill so many jobs over a folder ``kb``, and let the last one end.

    Each goes on from what the killed ones before left behind; of pages each is let read one more,
    at least.
    """
    random = np.random.default_rng(seed)
    toll = Toll()
    wanted, place = _lay_out(folder, "wanted"), _lay_out(folder, "killed")
    pace = _measure_pace(jobs, wanted, _make_watch(kind, wanted / "c", 0))
    pages: dict[str, tuple[int, int]] = {}
    for _ in range(kills):
        is_ready = _make_watch(kind, place / "c", len(pages))
        delay = random.random() * pace * _MOST_OF_PACE
        code = jobs.run(place, partial(_kill, is_ready=is_ready, delay=delay))
        toll.kills += 1
        toll.amid += code == -signal.SIGKILL
        if code == DONE:  # it was faster; what follows would find nothing to do
            shutil.rmtree(place / "c")
        toll.wrong += _find_read_again(pages if code != DONE else {}, place / "c")
        pages = list_pages(place / "c")
    toll.kept = len(pages)
    _end_job(jobs, place)
    toll.wrong += _find_read_again(pages, place / "c")
    if digest(place / "c") != digest(wanted / "c"):
        toll.wrong.append("the last job made something else")
    toll.wrong += verify.verify_collection(place / "c", extra_files=EXTRA_FILES)
    return toll


def _lay_out(folder: Path, name: str) -> Path:
    """Make a place for a collection; the folder of documents has one path for all of them."""
    place = folder / name
    place.mkdir()
    (place / "kb").symlink_to(folder / "kb")
    return place


def _measure_pace(jobs: Jobs, place: Path, is_ready: Callable[[], bool]) -> float:
    """Run a job to its end; return the seconds from its first member on, or those of a page."""
    began = time.perf_counter()

    def note_beginning(pid: int) -> None:
        nonlocal began
        _await(pid, is_ready)
        began = time.perf_counter()

    _end_job(jobs, place, note_beginning)
    return (time.perf_counter() - began) / (len(list_pages(place / "c")) or 1)


def _end_job(jobs: Jobs, place: Path, meddle: Callable[[int], None] = lambda _: None) -> None:
    if (code := jobs.run(place, meddle)) != DONE:
        raise RuntimeError(f"A job that nothing disturbed ended with {code}.")


def _make_watch(kind: str, collection: Path, pages: int) -> Callable[[], bool]:
    """Return what tells whether a job is amid its work: a member or one more page is kept."""
    if kind == PAGES:
        return lambda: len(list_pages(collection)) > pages
    return lambda: next(collection.glob(f"{ORIGINALS_FOLDER}/*"), None) is not None


def _kill(pid: int, is_ready: Callable[[], bool], delay: float) -> None:
    """Kill a process so long after it was amid its work, unless it has ended."""
    with suppress(ProcessLookupError):
        _await(pid, is_ready)
        time.sleep(delay)
        os.kill(pid, signal.SIGKILL)


def _await(pid: int, is_ready: Callable[[], bool]) -> None:
    """Wait until a process is amid its work. Raises ProcessLookupError once it has ended."""
    while not is_ready():
        os.kill(pid, 0)
        time.sleep(_POLL_SECONDS)


def _find_read_again(pages: dict[str, tuple[int, int]], collection: Path) -> Iterator[str]:
    """List pages that an earlier job had kept, and that were written again or are gone."""
    after = list_pages(collection)
    for name, stamp in pages.items():
        if after.get(name) != stamp:
            yield f"a page was read again: {Path(name).name}"


def main() -> None:
    """Kill jobs of both kinds, print, and write the section."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--fork", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--kills", type=int, default=100, help="amid members (100)")
    parser.add_argument("--pages", type=int, default=15, help="of the longest scan (15)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dry", action="store_true", help="print only")
    options = parser.parse_args()
    if options.fork:
        fork_jobs()
        return
    with tempfile.TemporaryDirectory() as place, start_jobs() as jobs:
        write_members(Path(place, "members", "kb"), 40)
        write_pages(Path(place, "pages", "kb"), options.pages)
        tolls = {
            "mails and attachments": kill_jobs(
                Path(place, "members"), jobs, MEMBERS, kills=options.kills, seed=options.seed
            ),
            "pages read by OCR": kill_jobs(
                Path(place, "pages"), jobs, PAGES, kills=options.pages // 2, seed=options.seed
            ),
        }
    body = _describe(tolls)
    print(body)
    if not options.dry:
        command = "python -m tests.resilience.member_kills"
        file = ROOT / "tests" / "resilience" / "RESILIENCY.md"
        write_section(TITLE, command, body, file=file)


def _describe(tolls: dict[str, Toll]) -> str:
    rows = "\n".join(
        f"| {name} | {toll.kills} | {toll.amid} | {toll.kept} | {'; '.join(toll.wrong) or 'none'} |"
        for name, toll in tolls.items()
    )
    return f"""
After each row's kills a last job ended with the documents, chunks and vectors of a job that nothing
disturbed, and `ragdesk indexes verify` found nothing, unless the last column says otherwise. A page
that a killed job had kept was never read again.

| amid | kills | that landed | pages kept before the last job | wrong |
|---|---|---|---|---|
{rows}
"""


if __name__ == "__main__":
    main()
