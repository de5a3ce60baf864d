"""Compare ingest and search with other libraries: whole processes, the same rounds for all.

    MODEL=FOLDER python -m tests.lab.speed.peers CORPUS --model FOLDER \
        --peer 'python lc.py CORPUS' --peer 'python li.py CORPUS' --rounds 3

Each round runs ragdesk and every peer once, one after the other, each round beginning with
another, so that none always meets the machine first. A peer is a command that takes the corpus
in, searches it for the ten questions and prints one JSON line at its end: ``name``, ``ingest_s``,
``chunks``, ``q_p50_ms``, ``q_p95_ms``. Our process (``own``) does just that and prints just that.
Both sides load their model and past questions before they take a time; the whole process,
imports and all, is timed from outside. ``MODEL`` in the environment goes through to the peers.
The exported model is kept between the rounds; the first ingest, with its export, is told apart.
"""

import argparse
import json
import os
import shlex
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from indexes.embedding.embedder import EmbedOptions
from ragdesk.answering.answer import Question
from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from tests.lab.quality.corpora import run_watched
from tests.lab.results import write_section

HEADING = "Ingest and search beside four other libraries"
QUESTIONS = Path(__file__).parents[1] / "questions.jsonl"
ASKED = 10
REPEATS = 3
WARM = 3
PASSAGES = 5
OWN = "ragdesk"
FIGURES = ("ingest_s", "q_p50_ms", "q_p95_ms")


@dataclass(frozen=True, slots=True)
class ProcessRun:
    """One process from its start to its end: who, seconds, peak MB of its tree, what it says."""

    name: str
    seconds: float
    peak: float
    report: Mapping[str, Any]


def measure_own(corpus: Path, home: Path, model: EmbedOptions, asked: Path) -> dict[str, Any]:
    """Take a corpus into a home and search it, in this process; gives what a peer prints."""
    workspace = Workspace(home, Settings(embed=model))
    embedder = workspace.embedders.open_configured()
    if not embedder.card.words_only:
        embedder.embed_query("warm")
    began = time.perf_counter()
    report = workspace.make_job("default").run([corpus])
    seconds = time.perf_counter() - began
    with workspace.open_collection("default") as opened:
        times = time_questions(
            lambda text: opened.search(Question(text=text), PASSAGES), read_questions(asked)
        )
    p50, p95 = np.percentile(times, [50, 95])
    return {
        "name": OWN,
        "ingest_s": round(seconds, 2),
        "chunks": report.chunks,
        "q_p50_ms": round(float(p50), 1),
        "q_p95_ms": round(float(p95), 1),
    }


def read_questions(file: Path) -> list[str]:
    """Read ten questions: a line each, or as JSON lines, of which the English ones count."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    if file.suffix == ".jsonl":
        entries = [json.loads(line) for line in lines]
        lines = [entry["question"] for entry in entries if entry.get("lang", "en") == "en"]
    return lines[:ASKED]


def time_questions(search: Callable[[str], Any], questions: Sequence[str]) -> list[float]:
    """Return milliseconds of each search; the first few questions are asked before, untimed."""
    for text in questions[:WARM]:
        search(text)
    times: list[float] = []
    for text in [*questions] * REPEATS:
        began = time.perf_counter()
        search(text)
        times.append(1e3 * (time.perf_counter() - began))
    return times


def run_process(command: Sequence[str], number: int) -> ProcessRun:
    """Run a command to its end; the last line that it prints must be its JSON."""
    output, seconds, peak = run_watched(list(command))
    last = output.strip().rpartition("\n")[2]
    try:
        report = json.loads(last)
        missing = [name for name in FIGURES if not isinstance(report[name], int | float)]
    except (ValueError, KeyError, TypeError) as error:
        sys.exit(f"{shlex.join(command)}: its last line gives no {', '.join(FIGURES)} ({error!r})")
    if missing:
        sys.exit(f"{shlex.join(command)}: {missing[0]} is no number")
    return ProcessRun(str(report.get("name", number)), seconds, peak, report)


def measure_round(
    own: Sequence[str], home: Path, peers: Sequence[str], first: int
) -> list[ProcessRun]:
    """Run all once. first: which of them begins; ours takes the corpus into an empty home."""
    commands = [list(own), *(shlex.split(command) for command in peers)]
    runs: dict[int, ProcessRun] = {}
    for turn in range(len(commands)):
        number = (first + turn) % len(commands)
        if number == 0:
            shutil.rmtree(home / "collections", ignore_errors=True)
        runs[number] = run_process(commands[number], number)
    return [runs[number] for number in range(len(commands))]


def format_table(first: ProcessRun, rounds: Sequence[Sequence[ProcessRun]], model: str) -> str:
    """Write the section's body: each round, then the medians and their ratios to ours."""
    rows = "\n".join(
        _format_run(number, run) for number, runs in enumerate(rounds, 1) for run in runs
    )
    medians = [_find_medians([runs[at] for runs in rounds]) for at in range(len(rounds[0]))]
    names = [run.name for run in rounds[0]]
    ratios = "\n".join(
        f"| {name} | {' | '.join(f'{a / b:.2f}' for a, b in zip(values, medians[0], strict=True))} |"
        for name, values in zip(names, medians, strict=True)
    )
    best = [min(values) for values in zip(*medians[1:], strict=True)]
    fastest = ", ".join(
        f"{what} {theirs / ours:.2f} ×"
        for what, theirs, ours in zip(
            ("process", "ingest", "p50", "p95"), best, medians[0], strict=True
        )
    )
    return f"""\
Model: {model}. {ASKED} questions, {REPEATS} times each. Whole processes; ingest and search are \
what each says of itself.

| round | who | process s | peak MB | ingest s | chunks | search p50, ms | p95, ms |
|---|---|---|---|---|---|---|---|
{rows}

Medians of {len(rounds)} rounds, as a multiple of ours:

| who | process | ingest | search p50 | p95 |
|---|---|---|---|---|
{ratios}

The fastest peer of each column, as a multiple of ours: {fastest}.
The first process of a home, with the model's export: {first.seconds:.1f} s, {first.peak:.0f} MB.
"""


def _format_run(number: int, run: ProcessRun) -> str:
    report = run.report
    cells = [str(number), run.name, f"{run.seconds:.1f}", f"{run.peak:.0f}"]
    cells += [str(report.get(key, "-")) for key in ("ingest_s", "chunks", "q_p50_ms", "q_p95_ms")]
    return f"| {' | '.join(cells)} |"


def _find_medians(runs: Sequence[ProcessRun]) -> list[float]:
    figures = [[run.seconds, *(float(run.report[name]) for name in FIGURES)] for run in runs]
    return [statistics.median(column) for column in zip(*figures, strict=True)]


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("corpus", type=Path, help="the folder that all take in")
    parser.add_argument("--peer", action="append", default=[], help="a command; see above")
    parser.add_argument("--model", default="packaged", help="our embed.model: a name or a folder")
    parser.add_argument("--query-prefix", default="", help="what the model wants before a question")
    parser.add_argument("--passage-prefix", default="", help="and before a passage")
    parser.add_argument(
        "--questions", type=Path, default=QUESTIONS, help="the ten that the peers ask, one a line"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--heading", default=HEADING, help="of the section that is written")
    parser.add_argument("--dry", action="store_true", help="print only")
    parser.add_argument("--own", type=Path, metavar="HOME", help="be our process of a round")
    return parser


def main() -> None:
    """Measure and print; the section is written after each round, so that nothing is lost."""
    parser = make_parser()
    options = parser.parse_args()
    if options.own:
        model = EmbedOptions(
            model=options.model,
            query_prefix=options.query_prefix,
            passage_prefix=options.passage_prefix,
        )
        print(json.dumps(measure_own(options.corpus, options.own, model, options.questions)))
        return
    if not options.peer:
        parser.error("name at least one --peer")
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        own = [sys.executable, "-m", "tests.lab.speed.peers", *sys.argv[1:], "--own", place]
        first = run_process(own, 0)
        rounds: list[list[ProcessRun]] = []
        for number in range(options.rounds):
            rounds.append(measure_round(own, home, options.peer, number))
            model = f"{Path(options.model).name} for ragdesk"
            if peer_model := os.environ.get("MODEL"):
                model += f", {Path(peer_model).name} for the peers"
            body = format_table(first, rounds, model)
            print(body, flush=True)
            if not options.dry:
                write_section(options.heading, _describe_command(options, len(rounds)), body)


def _describe_command(options: argparse.Namespace, rounds: int) -> str:
    prefix = "MODEL=… " if os.environ.get("MODEL") else ""
    peers = " --peer …" * len(options.peer)
    model = "" if options.model == "packaged" else f" --model {Path(options.model).name}"
    return (
        f"{prefix}python -m tests.lab.speed.peers {options.corpus.name}{peers}{model} "
        f"--rounds {rounds}"
    )


if __name__ == "__main__":
    main()
