"""Let a job fail at every named place, in every way, and see what it cost.

    python -m tests.resilience.write_failures

A collection stands, its folder changes, and the job that takes the changes in is killed, raises,
or meets a full disk at the place. Then the generation that answers must be the one before or the
new one, whole; and the job, run again, must end with what an undisturbed job makes. Jobs run in
forks of one process that has imported everything and done nothing.
"""

import argparse
import errno
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen

from indexes.embedding.model_files import find_model
from indexes.errors import IndexNotFound
from indexes.index import Index
from indexes.store import failpoints
from indexes.upkeep import backup, restore, verify
from ingest.job import IngestJob
from ingest.sandbox.guard import GuardOptions
from ragdesk.assemble import EXTRA_FILES
from tests.fakes import HashEmbedder, document, publish
from tests.lab.results import write_section
from tests.resilience.kills import ROOT

KILL, RAISE, FULL = MODES = ("kill", "exception", "disk full")
FAILED = 7
DONE = 0
RESTORING = ("backup unpacked", "backup moved in")
TITLE = "P5: an interrupted job resumes exactly, at every failpoint"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one failure. reached: the place was. answers: the old or the new generation.

    again: texts that the job embedded when it was run again. wrong: what is not as promised.
    """

    place: str
    mode: str
    reached: bool
    answers: str
    again: int
    wrong: tuple[str, ...]


def changed(folder: Path) -> None:
    """Bring a folder of documents from its first state to its second."""
    lines = "\n\n".join(f"Paragraph {n} of a long document, number{n}." for n in range(3_000))
    (folder / "long.md").write_text(lines, encoding="utf-8")
    (folder / "changed.md").write_text("Refunds arrive within 20 days.", encoding="utf-8")
    (folder / "gone.md").unlink()


def first(folder: Path) -> None:
    """Write the first state of a folder of documents."""
    folder.mkdir(parents=True)
    for name in ("changed", "gone", "same"):
        (folder / f"{name}.md").write_text(f"Words of {name}, 14 days.", encoding="utf-8")


def job(place: Path) -> int:
    """Take the folder in as a user would; returns the texts embedded."""
    tokenizer = find_model("packaged", place).tokenizer
    made = IngestJob(
        collection=place / "c",
        embedder=HashEmbedder(),
        tokenizer=tokenizer,
        guard=GuardOptions(workers=1),
    )
    groups = frozenset({"staff"}) if (place / "kb" / "long.md").exists() else None
    return made.run([place / "kb"], groups=groups, allow_removals=True).embedded


def built(place: Path) -> int:
    """Publish the folder without parsing it: the same places but those of reading files."""
    documents = [
        document(f.name, f.read_text(encoding="utf-8")) for f in sorted(place.glob("kb/*"))
    ]
    names = {record.uri for record, _ in documents}
    with Index.open(place / "c") as index:
        gone = [listed.id for listed in index.iter_documents() if listed.uri not in names]
    return publish(place / "c", *documents, removed=gone).embedded


def restored(place: Path) -> int:
    """Restore the backup that lies there."""
    restore.restore_backup(place / "kb.rdb", place / "c", extra_files=EXTRA_FILES)
    return 0


WORK: dict[str, Callable[[Path], int]] = {"job": job, "build": built, "restore": restored}


def fail(mode: str) -> None:
    """Fail in one of the ways."""
    if mode == KILL:
        os.kill(os.getpid(), signal.SIGKILL)
    if mode == FULL:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    raise RuntimeError("armed")


def fork_jobs() -> None:
    """Fork a job for every line on standard input: kind, folder, and where and how to fail."""
    for line in sys.stdin:
        kind, place, where, mode = json.loads(line)
        reached = Path(place, "reached")
        if (child := os.fork()) == 0:

            def at(name: str, where: str = where, mode: str = mode, mark: Path = reached) -> None:
                if name == where:
                    mark.touch()
                    fail(mode)

            try:
                with failpoints.arm_failpoints(at):
                    embedded = WORK[kind](Path(place))
            except (RuntimeError, OSError):
                os._exit(FAILED)
            Path(place, "embedded").write_text(str(embedded), encoding="ascii")
            os._exit(DONE)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


class Jobs:
    """The process that forks jobs, seen from outside."""

    def __init__(self, process: Popen[str]) -> None:
        self._process = process

    def run(self, kind: str, place: Path, where: str = "", mode: str = "") -> int:
        """Run a job, failing at a place in a way; returns its exit code."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([kind, str(place), where, mode]) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def jobs() -> Iterator[Jobs]:
    """Start the process that forks jobs."""
    command = [sys.executable, "-m", "tests.resilience.write_failures", "--fork"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True, cwd=ROOT, env=environment) as process:
        yield Jobs(process)
        process.communicate()


def digest(collection: Path) -> str:
    """Sum up what answers; nothing where nothing stands yet."""
    try:
        with Index.open(collection) as index:
            return f"damaged: {index.refused[0]}" if index.refused else index.digest_content()
    except IndexNotFound:
        return ""


class Trial:
    """A collection before a change, what it is to become, and failures on the way there."""

    def __init__(self, folder: Path, run: Jobs, kind: str) -> None:
        self.folder = folder
        self._run = run
        self._kind = kind
        base = folder / "base"
        wanted = folder / "wanted"
        first(base / "kb")
        limited = document("limited.md", "Words for some.", groups=frozenset({"staff"}))
        publish(base / "c", document("same.md", "Words of same, 14 days."), limited)
        if kind == "restore":
            publish(folder / "source", document("same.md", "Other words."), document("b.md", "B."))
            backup.write_backup(folder / "source", base / "kb.rdb", extra_files=EXTRA_FILES)
        if kind == "job":
            shutil.rmtree(base / "c")
            self._done(base)
        changed(base / "kb")
        self.before = digest(base / "c")
        self._done(self._copy("wanted"))
        self.after = digest(wanted / "c")

    def _done(self, place: Path) -> None:
        if (code := self._run.run(self._kind, place)) != DONE:
            raise RuntimeError(f"An undisturbed {self._kind} ended with {code}.")

    def _copy(self, name: str) -> Path:
        """Lay the collection and its folder out anew. The folder's path is the source's name."""
        place = self.folder / name
        shutil.copytree(self.folder / "base" / "c", place / "c")
        for entry in ("kb", "kb.rdb"):
            if (self.folder / "base" / entry).exists():
                (place / entry).symlink_to(self.folder / "base" / entry)
        return place

    def fails(self, where: str, mode: str) -> Outcome:
        """Fail once, look, run again, look."""
        place = self.folder / "trial"
        wrong = []
        self._copy("trial")
        code = self._run.run(self._kind, place, where, mode)
        reached = (place / "reached").exists()
        if reached and code == DONE:
            wrong.append("the failure was swallowed")
        now = digest(place / "c")
        answers = {self.before: "old", self.after: "new"}.get(now, "torn")
        if answers == "torn":
            wrong.append(f"torn: {now}")
        if self._run.run(self._kind, place) != DONE:
            wrong.append("the next job failed")
        if digest(place / "c") != self.after:
            wrong.append("the next job made something else")
        wrong += verify.verify_collection(place / "c", extra_files=EXTRA_FILES)
        again = int((place / "embedded").read_text(encoding="ascii") or 0)
        shutil.rmtree(place)
        return Outcome(where, mode, reached, answers, again, tuple(wrong))


def trials(
    folder: Path, run: Jobs, kind: str, places: Sequence[str], modes: Sequence[str] = MODES
) -> list[Outcome]:
    """Fail at each place in each way."""
    trial = Trial(folder, run, kind)
    return [trial.fails(where, mode) for where in places for mode in modes]


def table(outcomes: Sequence[Outcome]) -> str:
    """Write the outcomes as a table, a row a place."""
    rows = []
    for place in dict.fromkeys(outcome.place for outcome in outcomes):
        here = {outcome.mode: outcome for outcome in outcomes if outcome.place == place}
        cells = [_cell(here[mode]) for mode in MODES if mode in here]
        rows.append(f"| {place} | {' | '.join(cells)} |")
    return "\n".join([f"| place | {' | '.join(MODES)} |", "|---|---|---|---|", *rows])


def _cell(outcome: Outcome) -> str:
    if not outcome.reached:
        return "not reached"
    return (
        f"**{'; '.join(outcome.wrong)}**"
        if outcome.wrong
        else f"{outcome.answers}, {outcome.again} again"
    )


def body(outcomes: Sequence[Outcome]) -> str:
    """Write the section."""
    reached = [outcome for outcome in outcomes if outcome.reached]
    wrong = [outcome for outcome in reached if outcome.wrong]
    return f"""
Failures: {len(reached)}. Torn, lost, or with another digest after the next job: {len(wrong)}.

Each cell: the generation that answers after the failure, and how many texts the next job
embeds again (of some 170; the rest was in the journal, or published). Every next job ended with
the digest of a job that nothing disturbed, and `ragdesk indexes verify` found nothing.

{table(outcomes)}
"""


def main() -> None:
    """Run all, print, and write the section."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--fork", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--dry", action="store_true", help="print only")
    options = parser.parse_args()
    if options.fork:
        fork_jobs()
        return
    places = [name for name in failpoints.FAILPOINTS if name not in RESTORING]
    with tempfile.TemporaryDirectory() as folder, jobs() as run:
        outcomes = trials(Path(folder, "job"), run, "job", places)
        outcomes += trials(Path(folder, "restore"), run, "restore", RESTORING)
    print(body(outcomes))
    if not options.dry:
        command = "python -m tests.resilience.write_failures"
        write_section(
            TITLE, command, body(outcomes), file=ROOT / "tests" / "resilience" / "RESILIENCY.md"
        )


if __name__ == "__main__":
    main()
