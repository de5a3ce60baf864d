"""Damage what a write would start from, and count the documents lost and the secrets told.

    python -m tests.resilience.damaged_base --tries 200

A collection of 48 documents stands in three generations of two sources. One thing of it is
damaged (a bit, a cut, a file or a folder gone, CURRENT), or the process may open no more files, or
write no more than so many bytes; then a document is put, a source taken in, a document deleted, or
the segments are merged. Lost: documents that no generation that answers holds afterwards, with
nobody having said so. Then the two newest generations are damaged, and what the oldest answers
is held against who may see it now. Runs on older versions too: they are the control.
"""

import argparse
import os
import resource
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from indexes.chunk import SearchFilter
from indexes.embedding.model_files import find_model
from indexes.errors import IndexesError
from indexes.index import Index
from indexes.store import generations, manifest
from indexes.text.tokens import tokenize_text
from ingest.errors import IngestError
from ingest.job import IngestJob
from ingest.sandbox.guard import Guard, GuardOptions
from tests.fakes import HashEmbedder
from tests.lab.results import write_section
from tests.resilience.publish import RESILIENCY

DOCUMENTS = 48
SECRET = 8
DROPPED = 4
Act = Callable[[Path, str], None]
STAFF = frozenset({"staff"})
ACTIONS = ("put", "ingest", "delete", "compact")
KINDS = ("bit", "cut", "file gone", "generation gone", "CURRENT gone", "CURRENT cut")
LIMITS = ("open files", "bytes written")


@dataclass
class Tally:
    """What came of the tries, by what was harmed: tried, refused, done, and documents lost."""

    tried: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    remedied: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)


@dataclass
class Fallbacks:
    """What an older generation told in a newer one's place."""

    tried: int = 0
    answered: int = 0
    closed: int = 0
    leaks: int = 0
    returned: int = 0


class Desk:
    """Two sources and a collection of them, copied anew for each try."""

    def __init__(self, place: Path, guard: Guard) -> None:
        self.place = place
        self.guard = guard
        self.tokenizer = find_model("packaged", place).tokenizer
        self.a, self.b, self.c = (place / name for name in "abc")

    def job(self, collection: Path) -> IngestJob:
        return IngestJob(
            collection=collection,
            embedder=HashEmbedder(),
            tokenizer=self.tokenizer,
            running_guard=self.guard,
        )

    def make(self) -> Path:
        """Publish three generations: all open; eight shut in and four gone; a source more."""
        for folder, count in ((self.a, 24), (self.b, 16), (self.c, 1)):
            folder.mkdir(parents=True)
            for n in range(count):
                (folder / f"{folder.name}{n}.md").write_text(f"Words of {folder.name}{n}.")
        secret = self.place / "secret"
        secret.mkdir()
        for n in range(SECRET + DROPPED):
            (secret / f"s{n}.md").write_text(f"canary number{n} of the cellar.")
        made = self.place / "made"
        self.job(made).run([self.a, secret])
        for n in range(SECRET, SECRET + DROPPED):
            (secret / f"s{n}.md").unlink()
        self.job(made).run([self.a, secret], groups=None)
        self.job(made).run([secret], groups=STAFF)
        self.job(made).run([self.b])
        return made

    def act(self, action: str, collection: Path) -> None:
        job = self.job(collection)
        if action == "put":
            job.put("put.md", self.c / "c0.md")
        elif action == "ingest":
            job.run([self.c])
        elif action == "delete":
            job.delete("a3.md", source=str(self.a.resolve()))
        else:
            job.compact(everything=True)


def list_uris(collection: Path) -> set[str]:
    """Name the documents of what CURRENT names, or of what answers in its place."""
    with Index.open(collection) as index:
        return {d.uri for d in index.iter_documents()}


def harm(collection: Path, kind: str, random: np.random.Generator) -> None:
    """Damage one thing that the newest generation needs."""
    newest = max(generations.list_generations(collection))
    folder = collection / "generations" / str(newest)
    parts = manifest.read_manifest(folder).facts["segments"]
    places = [folder, *(collection / "segments" / name for name in parts)]
    files = [f for p in places for f in sorted(p.rglob("*")) if f.is_file() and f.stat().st_size]
    file = files[int(random.integers(len(files)))]
    content = bytearray(file.read_bytes())
    if kind == "bit":
        bit = int(random.integers(8 * len(content)))
        content[bit // 8] ^= 1 << bit % 8
        file.write_bytes(content)
    elif kind == "cut":
        file.write_bytes(content[: int(random.integers(len(content)))])
    elif kind == "file gone":
        file.unlink()
    elif kind == "generation gone":
        shutil.rmtree(folder)
    elif kind == "CURRENT gone":
        (collection / "CURRENT").unlink()
    else:
        (collection / "CURRENT").write_bytes(b"1")


@contextmanager
def limited(what: str, amount: int) -> Iterator[None]:
    """Let this process open so many files more, or write files of so many bytes at most."""
    name = resource.RLIMIT_NOFILE if what == "open files" else resource.RLIMIT_FSIZE
    soft, hard = resource.getrlimit(name)
    opened = [os.open("/dev/null", os.O_RDONLY)]
    if what == "open files":  # leave no gap below: a handle takes the lowest number that is free
        highest = max(int(file.name) for file in Path("/proc/self/fd").iterdir())
        while opened[-1] < highest:
            opened.append(os.open("/dev/null", os.O_RDONLY))
    resource.setrlimit(name, (opened[-1] + 1 + amount if what == "open files" else amount, hard))
    try:
        yield
    finally:
        resource.setrlimit(name, (soft, hard))
        for descriptor in opened:
            os.close(descriptor)


def attempt(desk: Desk, case: str, action: str, tally: Tally, how: Act) -> None:
    """Copy the collection, harm it, act on it, and see what is left."""
    made = desk.place / "made"
    collection = desk.place / "try"
    shutil.rmtree(collection, ignore_errors=True)
    shutil.copytree(made, collection)
    everything = list_uris(collection) - ({"a3.md"} if action == "delete" else set())
    tally.tried[case] += 1
    try:
        how(collection, action)
        tally.done[case] += 1
    except (IndexesError, IngestError, OSError, MemoryError) as error:
        tally.refused[case] += 1
        tally.remedied[case] += _says_remedy(error)
        if case in KINDS:
            return  # what was published is still there, whatever a reader falls back to
    tally.lost[case] += len(everything - list_uris(collection))


def _says_remedy(error: BaseException) -> bool:
    from ragdesk.errors import describe_error  # noqa: PLC0415 - the roof, for its words alone

    message = describe_error(error) if isinstance(error, Exception) else ""
    return all(word in message for word in ("verify", "rollback", "restore", "--begin-anew"))


def damages(desk: Desk, tries: int, random: np.random.Generator) -> Tally:
    """Try every action on seeded damages, and under limits."""
    tally = Tally()

    def harmed(kind: str) -> Act:
        def how(collection: Path, action: str) -> None:
            harm(collection, kind, random)
            desk.act(action, collection)

        return how

    def bounded(limit: str, amount: int) -> Act:
        def how(collection: Path, action: str) -> None:
            with limited(limit, amount):
                desk.act(action, collection)

        return how

    for n in range(tries):
        kind = KINDS[n // len(ACTIONS) % len(KINDS)]
        attempt(desk, kind, ACTIONS[n % len(ACTIONS)], tally, harmed(kind))
    for n in range(tries // 2):
        limit = LIMITS[n // len(ACTIONS) % 2]
        action = ACTIONS[n % len(ACTIONS)]
        amount = int(random.integers(64)) if limit == "open files" else 2 ** (n // 8 % 16)
        attempt(desk, limit, action, tally, bounded(limit, amount))
    return tally


def fallbacks(desk: Desk, made: Path, tries: int, random: np.random.Generator) -> Fallbacks:
    """Let the first generation answer, and ask it as somebody without groups."""
    tally = Fallbacks()
    for n in range(tries):
        collection = desk.place / "try"
        shutil.rmtree(collection, ignore_errors=True)
        shutil.copytree(made, collection)
        for number in generations.list_generations(collection)[1:]:
            folder = collection / "generations" / str(number)
            file = folder / ("documents.sqlite", "MANIFEST.json", "tombstones.json")[n % 3]
            content = bytearray(file.read_bytes())
            content[int(random.integers(len(content)))] ^= 1
            file.write_bytes(content)
        if n % 4 == 3 and (logs := sorted((collection / "access").glob("*.json"))):
            logs[int(random.integers(len(logs)))].write_bytes(b"{")
        tally.tried += 1
        with suppress(IndexesError), Index.open(collection) as index:
            mask = index.make_mask(SearchFilter(groups=frozenset()))
            rows = index.search_lexical(tokenize_text("canary cellar"), k=99, mask=mask).rows
            uris = {chunk.uri for chunk in index.read_chunks(rows)}
            listed = {d.uri for d in index.iter_documents() if not d.groups}
            secrets = {f"s{i}.md" for i in range(SECRET)}
            gone = {f"s{i}.md" for i in range(SECRET, SECRET + DROPPED)}
            tally.answered += 1
            tally.closed += not index.make_mask(SearchFilter(groups=STAFF)).count_chunks
            tally.leaks += len((uris | listed) & secrets)
            tally.returned += len((uris | listed) & gone)
    return tally


def report(tally: Tally, answers: Fallbacks, seed: int) -> dict[str, str]:
    """Write the sections of the two promises."""
    cases = [*KINDS, *LIMITS]
    names = ("tried", "refused", "remedied", "done", "lost")
    rows = [[getattr(tally, name)[case] for name in names] for case in cases]
    total = [sum(column) for column in zip(*rows, strict=True)]
    lines = [
        f"| {case} | {' | '.join(map(str, row))} |"
        for case, row in zip([*cases, "all"], [*rows, total], strict=True)
    ]
    table = "\n".join(lines)
    return {
        "P3, continued: no write loses what a damaged base holds": f"""
{DOCUMENTS} documents in several generations (seed {seed}); one thing of what a write starts from is
damaged, or the process may open few more files, or write small files only; then a PUT, an ingest of
another source, a DELETE and a merge in turn. Lost: documents gone without anybody having said so.

| harmed | writes | refused | naming all remedies | done | documents lost |
|---|---|---|---|---|---|
{table}""",
        "P16, continued: a fallback opens nothing that was shut since": f"""
{SECRET} documents open at first and for `staff` since, {DROPPED} removed since; every generation but the
first is damaged, and in every fourth try one access log too (seed {seed}). Asked without groups.

| fallbacks | answered | closed but to administrators | canaries of staff told | removed, and back |
|---|---|---|---|---|
| {answers.tried} | {answers.answered} | {answers.closed} | {answers.leaks} | {answers.returned} |""",
    }


def run(tries: int, seed: int) -> tuple[Tally, Fallbacks]:
    """Make the collection, and try it."""
    random = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as place:
        desk = Desk(Path(place), None)  # type: ignore[arg-type] - it is set below
        options = desk.job(Path(place) / "none")
        guard = Guard(
            GuardOptions(workers=1),
            tokenizer=desk.tokenizer,
            split=options._split_options(),
            names=["a.md"],
        )
        with guard as desk.guard:
            made = desk.make()
            assert len(list_uris(made)) == DOCUMENTS
            return damages(desk, tries, random), fallbacks(desk, made, tries, random)


def main() -> None:
    """Read the arguments, run, print and write the sections."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=240)
    parser.add_argument("--seed", type=int, default=20261129)
    parser.add_argument("--print", action="store_true", help="Write no file: of a control.")
    options = parser.parse_args()
    for title, body in report(*run(options.tries, options.seed), options.seed).items():
        sys.stdout.write(f"{title}\n{body}\n")
        if not options.print:
            command = f"python -m tests.resilience.damaged_base --tries {options.tries}"
            write_section(title, command, body, file=RESILIENCY)


if __name__ == "__main__":
    main()
