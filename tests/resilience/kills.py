"""Kill writers with SIGKILL at seeded moments while readers check every word they are given.

Four kinds of process: the driver; a zygote that forks writers (importing takes a second, and
hundreds of writers die here); the writers; the readers. A writer publishes step after step, and
every document's text follows from the step alone, so a mix of two steps gives itself away.
"""

import json
import os
import select
import shutil
import signal
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from subprocess import PIPE, Popen

import numpy as np

from indexes.build import Build
from indexes.errors import IndexesError, IndexNotFound
from indexes.index import Index
from indexes.store import generations
from indexes.text.tokens import tokenize_text
from indexes.upkeep import garbage
from tests.fakes import HashEmbedder, document

DOCUMENTS = 6
ROOT = Path(__file__).parents[2]
BORN = "born"
WRITING = "writing"
SWAPPED = "swapped"
ACKED = "acked"
DEAD = "dead"


@dataclass
class Toll:
    """What came of a loop of kills.

    in_window: kills that landed between the first temporary write and the last fsync of a
    publish. torn: reads that were mixed, damaged or impossible. lost: acknowledged steps that
    were gone after a kill, or unseen by a later read.
    """

    kills: int = 0
    in_window: int = 0
    reads: int = 0
    torn: int = 0
    lost: int = 0
    steps: int = 0
    trouble: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Give the share of kills that landed in the window."""
        return self.in_window / max(1, self.kills)


def texts(step: int) -> dict[str, str]:
    """Say what every document holds at a step: document n changes at every n-th step only."""
    documents = {"state.md": f"state of step{step}"}
    for n in range(2, DOCUMENTS):
        last = step - step % n
        documents[f"{n}.md"] = (
            f"document {n} since step{last}\nwith words of its own, number{last * n}"
        )
    return {
        uri: text for uri, text in documents.items() if (step + len(uri)) % 7 or uri == "state.md"
    }


def publish(collection: Path, step: int, *, aside: bool = False) -> None:
    """Bring a collection from whatever it holds to a step. aside: where nobody reads."""
    wanted = texts(step)
    with Build(collection, HashEmbedder()) as build:
        there = {d.uri: d for d in build.base.iter_documents()} if build.base else {}
        for uri, text in wanted.items():
            record, chunks = document(uri, text)
            if uri not in there or there[uri].id != record.id:
                build.add(record, chunks)
                if not aside:
                    _mark(WRITING, step)
        build.publish(removed=[d.id for uri, d in there.items() if uri not in wanted])


def overwrite(collection: Path, step: int) -> None:
    """Bring a collection to a step by writing over its files in place: the control."""
    scratch = collection.with_name(f"scratch-{os.getpid()}")
    publish(scratch, step, aside=True)
    _mark(WRITING, step)
    for file in sorted(f for f in scratch.rglob("*") if f.is_file()):
        target = collection / file.relative_to(scratch)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as out:
            content = file.read_bytes()
            for at in range(0, len(content), 1_024):
                out.write(content[at : at + 1_024])
                out.flush()
    _mark(SWAPPED, step)
    kept = {f.name for f in (scratch / generations.SEGMENTS_FOLDER).iterdir()}
    for segment in (collection / generations.SEGMENTS_FOLDER).iterdir():
        if segment.name not in kept:
            shutil.rmtree(segment)
    shutil.rmtree(scratch)


def visible(collection: Path) -> int:
    """Read a collection, check all of it, and tell its step. Raises ValueError when it is torn."""
    with Index.open(collection) as index:
        if index.refused and index.generation > 1:  # the first one may stand before its CURRENT
            raise ValueError(f"refused: {index.refused[0]}")
        documents = {d.uri: index.read_text(d.uri) for d in index.iter_documents()}
        step = int(str(documents["state.md"]).rpartition("step")[2])
        if documents != texts(step):
            raise ValueError(f"step {step} holds the text of another step")
        question = f"state of step{step}"
        for hits in (
            index.search_lexical(tokenize_text(question), k=1),
            index.search_dense(HashEmbedder().embed_query(question), k=1),
        ):
            if index.read_chunks(hits.rows)[0].text != question:
                raise ValueError(f"step {step} is not found by its own words")
        return step


def write_forever(collection: Path, step: int, *, in_place: bool) -> None:
    """Publish step after step until killed."""
    replace = os.replace

    def marked(source: str, target: str) -> None:
        replace(source, target)
        _mark(SWAPPED, step)

    if not in_place:
        os.replace = marked  # type: ignore[assignment]  # tells when CURRENT has been swapped
    while True:
        step += 1
        (overwrite if in_place else publish)(collection, step)
        _acknowledge(collection, step)
        _mark(ACKED, step)
        if step % 5 == 0 and not in_place:
            garbage.collect_garbage(collection, keep=2)


def fork_writers(collection: Path, *, in_place: bool) -> None:
    """Fork a writer for every line on standard input, which names the step it starts from."""
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            _mark(BORN, os.getpid())
            write_forever(collection, int(line), in_place=in_place)
        os.waitpid(child, 0)
        _mark(DEAD, child)


def read_forever(collection: Path) -> None:
    """Read and check until standard input ends, then say what was seen."""
    counted = Toll()
    while not select.select([sys.stdin], [], [], 0.005)[0]:
        before = _acknowledged(collection)
        if not before:
            continue
        counted.reads += 1
        try:
            step = visible(collection)
        except (IndexesError, OSError, ValueError, KeyError) as error:
            counted.torn += 1
            counted.trouble.append(f"{type(error).__name__}: {error}")
            continue
        counted.lost += step < before
        counted.torn += step > _acknowledged(collection) + 1
    counted.trouble = counted.trouble[:3]
    sys.stdout.write(json.dumps(asdict(counted)))


def toll(folder: Path, *, kills: int, seed: int, readers: int, in_place: bool = False) -> Toll:
    """Kill so many writers, and tell what the readers and a look after each kill have found."""
    collection = folder / "c"
    random = np.random.default_rng(seed)
    collection.mkdir(parents=True)
    _acknowledge(collection, 0)
    counted = Toll()
    step = 0
    pace = 0.1
    kind = "in-place" if in_place else "publish"
    with _child("fork", collection, kind) as zygote, ExitStack() as watching:
        watchers = [watching.enter_context(_child("read", collection)) for _ in range(readers)]
        for _ in range(kills):
            marks, took = _kill_one(
                zygote, step, int(random.integers(1, 3)), random.random() * pace
            )
            pace = 0.9 * pace + 0.1 * 1.5 * took if took else pace
            counted.kills += 1
            counted.in_window += marks[-1] == WRITING
            acknowledged = _acknowledged(collection)
            step = _look(collection, acknowledged, counted)
            _acknowledge(collection, step)
        for watcher in watchers:
            report = json.loads(watcher.communicate()[0])
            counted.reads += report["reads"]
            counted.torn += report["torn"]
            counted.lost += report["lost"]
            counted.trouble += report["trouble"]
        zygote.communicate()
    counted.steps = step
    return counted


def _look(collection: Path, acknowledged: int, counted: Toll) -> int:
    """Look at a collection whose writer has just died; returns the step to go on from."""
    try:
        step = visible(collection)
    except IndexNotFound:
        counted.lost += acknowledged > 0
        return acknowledged
    except (IndexesError, OSError, ValueError, KeyError) as error:
        counted.lost += 1
        counted.trouble.append(f"{type(error).__name__}: {error}")
        return acknowledged
    counted.lost += step < acknowledged
    return max(step, acknowledged)


def _kill_one(
    zygote: Popen[str], step: int, publishes: int, delay: float
) -> tuple[list[str], float]:
    """Start a writer and kill it so long after its n-th publish began to write.

    Returns its marks, and the seconds that its last whole publish took (0 if there was none).
    """
    assert zygote.stdin
    zygote.stdin.write(f"{step}\n")
    zygote.stdin.flush()
    marks = [BORN]
    begun = set()
    took = 0.0
    started = 0.0
    pid = 0
    for what, value in _marks(zygote):
        if what == DEAD:
            break
        if what == BORN:
            pid = value
            continue
        marks.append(what)
        if what == WRITING and value not in begun:
            begun.add(value)
            started = time.perf_counter()
            if len(begun) == publishes:
                time.sleep(delay)
                os.kill(pid, signal.SIGKILL)
        if what == ACKED and len(begun) < publishes:
            took = time.perf_counter() - started
    return marks, took


def _marks(zygote: Popen[str]) -> Iterator[tuple[str, int]]:
    assert zygote.stdout
    for line in zygote.stdout:
        what, value = line.split()
        yield what, int(value)


def _mark(what: str, value: int) -> None:
    os.write(1, f"{what} {value}\n".encode())  # in one call: a kill cannot cut it


def _acknowledge(collection: Path, step: int) -> None:
    file = os.open(collection.with_name("acknowledged"), os.O_RDWR | os.O_CREAT)
    os.pwrite(file, struct.pack("<Q", step), 0)
    os.close(file)


def _acknowledged(collection: Path) -> int:
    return int(struct.unpack("<Q", collection.with_name("acknowledged").read_bytes())[0])


def _child(verb: str, collection: Path, *more: str) -> Popen[str]:
    command = [sys.executable, "-m", "tests.resilience.kills", verb, str(collection), *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return Popen(command, stdin=PIPE, stdout=PIPE, text=True, cwd=ROOT, env=environment)


if __name__ == "__main__":
    if sys.argv[1] == "read":
        read_forever(Path(sys.argv[2]))
    else:
        fork_writers(Path(sys.argv[2]), in_place=sys.argv[3] == "in-place")
