"""Holds two checkouts against one another: what they take in, what they answer, how long they take.

``python -m tests.lab.before_after --before TREE [--paths NAME=PATH …] [--rounds 5]`` takes the
sample company and other folders in with both trees, and compares the digests of ``content``, and
the runs of ``eval run`` on the sample company but for ids and times. Then both take the sample
company in and answer 200 questions, in turns; the median of the rounds' ratios is printed. With
``--write`` all of it goes into RESULTS.md.

``--timed NAME=PATH …`` times the ingest of further folders in turns, and nothing else: as against a
release of long ago, whose contents and answers are meant to be others. Where the default model has
changed since, ``--model packaged-english`` gives the newer tree the older one's.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests.lab.content import digest_collection
from tests.lab.results import write_section

ROOT = Path(__file__).parents[2]
HANDBOOK = Path("eval/handbook")
QUESTIONS = 200
# Of a run: named after the machine's hours, or after versions of documents and not their content.
UNSTABLE = frozenset(
    ["id", "chunk", "document", "generation", "seconds", "wall", "latency", "begun", "created"]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a command cost: seconds on the clock, and of the processors."""

    wall: float
    cpu: float


def run_ragdesk(tree: Path, home: Path, *arguments: str) -> Cost:
    """Run a checkout's command line to its end."""
    command = [sys.executable, "-m", "ragdesk", "--home", str(home), *arguments]
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr
    messages = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, 1}:  # 1: a figure that is not as it should be
        raise RuntimeError(messages.decode()[-2_000:])
    return Cost(wall=time.perf_counter() - began, cpu=usage.ru_utime + usage.ru_stime)


def drop_unstable(value: Any) -> Any:
    """Return a JSON value without what differs from one run to the next."""
    if isinstance(value, dict):
        return {
            name: drop_unstable(part)
            for name, part in value.items()
            if name not in UNSTABLE and not name.endswith("_seconds")
        }
    return [drop_unstable(part) for part in value] if isinstance(value, list) else value


def read_stable(folder: Path) -> tuple[list[str], str]:
    """Read a run of ``eval run``: its answers, sorted, and its report, as texts to compare."""
    lines = (folder / "run.jsonl").read_text(encoding="utf-8").splitlines()
    answers = [json.dumps(drop_unstable(json.loads(line)), sort_keys=True) for line in lines]
    report = drop_unstable(json.loads((folder / "report.json").read_text(encoding="utf-8")))
    return sorted(answers), json.dumps(report, sort_keys=True)


def compare_content(trees: Sequence[Path], work: Path, paths: dict[str, Path]) -> Iterator[str]:
    """Take each folder in with both trees, and yield a row of the table for it."""
    for name, path in paths.items():
        digests = []
        for number, tree in enumerate(trees):
            run_ragdesk(tree, work / str(number), "ingest", str(path), "--collection", name)
            digests.append(digest_collection(work / str(number) / "collections" / name))
        documents, vectors, digest = digests[1]
        same = "equal" if digests[0] == digests[1] else "**different**"
        yield f"| {name} | {documents} | {vectors} | {digest[:16]} | {same} |"


def compare_answers(trees: Sequence[Path], work: Path) -> str:
    """Ask the sample company's cases of both trees; say whether answers and reports are equal."""
    runs = []
    for number, tree in enumerate(trees):
        folder = work / f"run-{number}"
        arguments = [str(tree / HANDBOOK / "cases.jsonl"), "--out", str(folder), "--jobs", "1"]
        run_ragdesk(tree, work / str(number), "eval", "run", *arguments, "--collection", "sample")
        runs.append(read_stable(folder))
    answers = sum(before == after for before, after in zip(runs[0][0], runs[1][0], strict=True))
    report = "equal" if runs[0][1] == runs[1][1] else "**different**"
    return f"`run.jsonl`: {answers} of {len(runs[1][0])} answers equal; `report.json`: {report}."


def write_questions(file: Path) -> None:
    """Write 200 cases: the sample company's, begun again where they end."""
    lines = (ROOT / HANDBOOK / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    with file.open("w", encoding="utf-8") as out:
        for number in range(QUESTIONS):
            case = json.loads(lines[number % len(lines)])
            out.write(json.dumps({**case, "id": f"q{number}"}, ensure_ascii=False) + "\n")


def pair_costs(trees: Sequence[Path], work: Path, sample: Path, rounds: int) -> Iterator[str]:
    """Take the sample in, and ask 200 questions, with both trees in turns; yield a row for each."""
    write_questions(work / "questions.jsonl")
    ratios: dict[str, list[float]] = {}
    for number in range(rounds):
        costs: dict[Path, dict[str, Cost]] = {}
        for tree in trees if number % 2 else reversed(trees):
            home = work / "timed"
            shutil.rmtree(home, ignore_errors=True)
            shutil.rmtree(work / "timed-run", ignore_errors=True)
            asked = [str(work / "questions.jsonl"), "--out", str(work / "timed-run")]
            costs[tree] = {
                "ingest of the sample company": run_ragdesk(tree, home, "ingest", str(sample)),
                f"{QUESTIONS} questions": run_ragdesk(
                    tree, home, "eval", "run", *asked, "--jobs", "1"
                ),
            }
        for name, cost in costs[trees[1]].items():
            before = costs[trees[0]][name]
            ratios.setdefault(f"{name}, seconds", []).append(cost.wall / before.wall)
            ratios.setdefault(f"{name}, CPU seconds", []).append(cost.cpu / before.cpu)
    for name, values in ratios.items():
        yield f"| {name} | {median(values):.3f} | {min(values):.3f} to {max(values):.3f} |"


def time_ingests(
    trees: Sequence[Path], work: Path, folders: dict[str, Path], model: str, rounds: int
) -> Iterator[str]:
    """Take each folder in with both trees in turns; yield a row for each.

    A home keeps its model between the rounds, as it does between two ingests: what is timed is a
    first ingest into an empty collection.
    """
    chosen = ["--model", model] if model else []
    for name, folder in folders.items():
        pairs: list[dict[Path, Cost]] = []
        for number in range(rounds + 1):
            costs = {}
            for tree in trees if number % 2 else reversed(trees):
                home = work / f"ingest-{trees.index(tree)}"
                shutil.rmtree(home / "collections", ignore_errors=True)
                more = chosen if tree == trees[1] else []
                costs[tree] = run_ragdesk(tree, home, "ingest", str(folder), *more)
            pairs.append(costs)
        del pairs[0]  # in which the models were made ready
        for what in ("wall", "cpu"):
            values = [
                float(getattr(costs[trees[1]], what) / getattr(costs[trees[0]], what))
                for costs in pairs
            ]
            seconds = median(getattr(costs[trees[1]], what) for costs in pairs)
            span = f"{min(values):.3f} to {max(values):.3f}"
            kind = "seconds" if what == "wall" else "CPU seconds"
            yield f"| {name}, {kind} | {seconds:.1f} | {median(values):.3f} | {span} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the comparison, and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--before", type=Path, required=True, help="a checkout of the older version"
    )
    parser.add_argument("--paths", nargs="*", default=[], metavar="NAME=PATH")
    parser.add_argument("--timed", nargs="*", default=[], metavar="NAME=PATH")
    parser.add_argument("--model", default="", help="of the newer tree, for --timed")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(arguments)
    trees = (options.before.resolve(), ROOT)
    with tempfile.TemporaryDirectory(prefix="before-after-") as folder:
        work = Path(folder)
        sample = work / "sample"  # one path for both: names of sources are paths
        shutil.copytree(ROOT / HANDBOOK / "documents", sample)
        paths = {"sample": sample}
        paths |= _split_pairs(options.paths)
        if timed := _split_pairs(options.timed):
            _report_ingests(trees, work, timed, options)
            return
        contents = "\n".join(compare_content(trees, work, paths))
        answers = compare_answers(trees, work)
        costs = "\n".join(pair_costs(trees, work, sample, options.rounds))
    text = (
        "| documents of | documents | vectors | digest | before and after |\n|---|---|---|---|---|\n"
        f"{contents}\n\n{answers}\n\n"
        f"After through before, median and range of {options.rounds} rounds in turns, each a process of its own:\n\n"
        f"| | ratio | range |\n|---|---|---|\n{costs}"
    )
    print(text)
    if options.write:
        write_section("Before and after", "python -m tests.lab.before_after --write", text)


def _split_pairs(pairs: Sequence[str]) -> dict[str, Path]:
    return {name: Path(path) for name, _, path in (pair.partition("=") for pair in pairs)}


def _report_ingests(
    trees: Sequence[Path], work: Path, folders: dict[str, Path], options: argparse.Namespace
) -> None:
    rows = "\n".join(time_ingests(trees, work, folders, options.model, options.rounds))
    text = (
        f"Ingest of whole folders, median and range of {options.rounds} rounds in turns, each a process of its own:\n\n"
        f"| folder | seconds after | after through before | range |\n|---|---|---|---|\n{rows}"
    )
    print(text)
    if options.write:
        names = " ".join(folders)
        write_section(
            "Ingest, before and after", f"python -m tests.lab.before_after --timed {names}", text
        )


if __name__ == "__main__":
    main()
