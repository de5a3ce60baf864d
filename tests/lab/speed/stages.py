"""Say where the time of an ingest goes, stage by stage, and name the bottleneck.

    python -m tests.lab.speed.stages FOLDER

Parsing runs in child processes and embedding in a thread, beside everything else: the first
lines tell what they computed. The stages are those of the job itself, which passes documents from
one to the other, and how long it had to wait for either.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import psutil
from numpy.typing import NDArray

from indexes.embedding.embedder import EmbedOptions, open_embedder
from indexes.embedding.model_files import find_model
from indexes.store import failpoints
from ingest.job import IngestJob
from ingest.job_report import JobReport
from ingest.sandbox.guard import Guard
from tests.lab.embedder_proxy import Through
from tests.lab.results import write_section

ABOUT = {
    "look": "list the sources, read every file for its digest, hold them against what is published",
    "wait for parsing": "the job has nothing to do until a child has parsed the next file",
    "wait for vectors": "the job may not run further ahead of the embedder",
    "write": "documents, chunks, words and vectors go to the draft",
    "words": "sorted words become the lexical index",
    "vectors": "vectors become the dense index",
    "seal": "checksums, fsync, names",
    "publish": "the document table and the new generation",
}
_ENDS = {  # the place that ends a stage of the writing
    "words written": "words",
    "shelf written": "write",
    "vectors written": "vectors",
    "segment sealed": "seal",
    "segment named": "seal",
    "table written": "publish",
    "generation published": "publish",
}


@dataclass
class Clock:
    """Gives every moment to one stage. embedding: seconds of it, beside the stages."""

    embedding: float = 0.0
    before: str = "write"
    spent: dict[str, float] = field(default_factory=lambda: dict.fromkeys(ABOUT, 0.0))
    stage: str = "look"
    since: float = field(default_factory=time.perf_counter)

    def enter(self, stage: str) -> None:
        """Begin a stage."""
        now = time.perf_counter()
        self.spent[self.stage] += now - self.since
        self.stage = stage
        self.since = now

    def reached(self, place: str) -> None:
        """Close what ends at a place that the job has reached."""
        if place == "texts awaited":
            self.before = self.stage
            self.enter("wait for vectors")
        elif place == "texts embedded":
            self.enter(self.before)
        elif place == "document added":
            self.enter("write")
        elif stage := _ENDS.get(place):
            self.stage = stage
            self.enter("seal" if stage == "vectors" else "publish" if stage == "seal" else "words")


@dataclass
class Timed(Through):
    """An embedder whose time is told apart."""

    clock: Clock

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed, on the clock."""
        began = time.perf_counter()
        vectors = self.real.embed_passages(texts)
        self.clock.embedding += time.perf_counter() - began
        return vectors


class Waited:
    """Children whose answers are waited for on the clock; they start with the first file."""

    def __init__(self, children: Guard, clock: Clock) -> None:
        self.split_options = children.split_options
        self._children = children
        self._clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def parse_files(
        self, files: Iterable[Any], *, make_id: Any, is_plan: bool = False
    ) -> Iterator[Any]:
        """Pass on what the children give."""
        outcomes = self._children.parse_files(files, make_id=make_id, is_plan=is_plan)
        while True:
            self._clock.enter("wait for parsing")
            outcome = next(outcomes, None)
            self._clock.enter("write")
            if outcome is None:
                return
            yield outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """Where the time of one job went, in seconds.

    parsing: computed by the children, together. embedding: while the embedder was at work.
    """

    report: JobReport
    seconds: float
    spent: Mapping[str, float]
    parsing: float
    embedding: float
    workers: int
    cores: int

    @property
    def bottleneck(self) -> str:
        """Name what to speed up first: the longest stage, parsing where it is waited for most."""
        longest = max(self.spent, key=lambda stage: self.spent[stage])
        return {"wait for parsing": "parse", "wait for vectors": "embed"}.get(longest, longest)

    def json(self) -> dict[str, Any]:
        """Give all as JSON values."""
        spent = {stage: round(value, 3) for stage, value in self.spent.items()}
        facts = {"seconds": round(self.seconds, 3), "stages": spent}
        beside = {"parsing": round(self.parsing, 3), "embedding": round(self.embedding, 3)}
        more = {**beside, "workers": self.workers, "cores": self.cores}
        counts = {"documents": self.report.documents, "chunks": self.report.chunks}
        return {**facts, **more, **counts, "bottleneck": self.bottleneck}


def measure(job: IngestJob, paths: Sequence[Path]) -> Stages:
    """Run a job once, on the clock."""
    clock = Clock()
    with ExitStack() as context:
        children = Guard(job.guard, tokenizer=job.tokenizer, split=asdict(_fitted(job)))
        context.enter_context(children)
        context.enter_context(failpoints.arm_failpoints(clock.reached))
        waited = Waited(children, clock)
        timed = replace(
            job, embedder=Timed(job.embedder, clock), remote_runner=lambda *_, **__: waited
        )
        processes = psutil.Process().children()
        before = sum(map(_computed, processes))
        clock.since = time.perf_counter()
        report = timed.run(paths, allow_removals=True)
        clock.enter("publish")
        seconds = sum(clock.spent.values())
        parsing = sum(_computed(p) for p in processes if p.is_running()) - before
        cores = len(os.sched_getaffinity(0))
        return Stages(
            report=report,
            seconds=seconds,
            spent=clock.spent,
            parsing=parsing,
            embedding=clock.embedding,
            workers=children.workers,
            cores=cores,
        )


def _fitted(job: IngestJob) -> Any:
    return job.split.shrink_to(job.embedder.card.max_tokens)


def _computed(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def table(stages: Stages) -> str:
    """Write the stages as a table."""
    rows = [
        f"| {stage} | {value:.2f} | {value / stages.seconds:.0%} | {ABOUT[stage]} |"
        for stage, value in stages.spent.items()
    ]
    lines = "\n".join(rows)
    report = stages.report
    return f"""
{report.documents} documents, {report.chunks} chunks, {report.embedded} texts embedded in \
{stages.seconds:.1f} s on {stages.cores} cores.
Beside the job, {stages.workers} children computed {stages.parsing:.1f} s of parsing and splitting, \
and the embedder worked for {stages.embedding:.1f} s.

| stage | s | share | |
|---|---|---|---|
{lines}

Bottleneck: {stages.bottleneck}.
"""


def main() -> None:
    """Measure one folder, and write the section."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", type=Path, help="where exported models are kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        models = options.models or Path(place, "models")
        job = IngestJob(
            collection=Path(place, "collections", "default"),
            embedder=open_embedder(EmbedOptions(), models),
            tokenizer=find_model("packaged", models).tokenizer,
        )
        body = table(measure(job, [options.folder]))
    print(body)
    write_section(
        "Stages of an ingest", f"python -m tests.lab.speed.stages {options.folder.name}", body
    )


if __name__ == "__main__":
    main()
