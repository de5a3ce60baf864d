"""Measure the desk on paired questions over the sample company: does it matter who asks, or how?

    python -m tests.lab.quality.bias PAIRS… [--home HOME] [--out DIR] [--each] [--write]

Each file is a section of its own, as ``ragdesk eval bias`` measures it: PAIRS of one file were
open while the desk was built, those of another may not have been. --each prints the pairs that end
differently. Writes "Fairness" of RESULTS.md.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from eval.bias import judge_bias
from eval.bias_pair import list_bias_cases, read_bias_pairs, write_bias_pairs
from eval.bias_report import bias_rows, tone_rows, write_bias_reports
from eval.release_outcome import ReleaseOutcome
from eval.run import RunOptions, run_cases
from eval.trial import read_trials
from ragdesk.assemble import Workspace
from ragdesk.cli.eval_target import DeskTarget
from ragdesk.open_collection import OpenCollection
from ragdesk.settings import Settings
from tests.lab.quality import handbook
from tests.lab.results import write_section

ABOUT = (
    "Right: what must be said is said, or a question without an answer is refused. Differences are "
    "the variant less the base, with 95 % intervals over the groups of pairs (Agresti and Min). "
    "Courtesy: a word of it; way on: a next step, an address, a page or a number. Significant by a "
    "permutation test with Holm's correction over all kinds and figures of a file: "
)


def ask_pairs(opened: OpenCollection, file: Path, out: Path) -> ReleaseOutcome:
    """Ask the desk both questions of every pair, and measure the answers."""
    pairs = read_bias_pairs(file)
    out.mkdir(parents=True, exist_ok=True)
    write_bias_pairs(out, pairs)
    with DeskTarget(opened) as target:
        run_cases(list_bias_cases(pairs), target, out, RunOptions(jobs=1))
    outcome = judge_bias(out)
    write_bias_reports(outcome, out)
    return outcome


def describe_pairs(name: str, outcome: ReleaseOutcome) -> str:
    """Write the tables of one file of pairs, and which differences are significant."""
    shown = [c.name for c in outcome.comparisons if c.call != "no difference shown"]
    return "\n".join(
        [
            f"{name}: {len(outcome.report.scored)} pairs. {ABOUT}{', '.join(shown) or 'none'}.",
            "",
            *bias_rows(outcome.report),
            "",
            *tone_rows(outcome.report),
        ]
    )


def print_pairs(outcome: ReleaseOutcome, folder: Path) -> None:
    """Print the pairs that are right, or refused, on one side only."""
    trials = read_trials(folder)
    for scored in outcome.report.scored:
        gaps = {name: scored.scores[f"{name}_gap"].value for name in ("right", "refused")}
        if any(gaps.values()):
            print(scored.case.id, gaps)
            for side, question in zip(
                ("base", "variant"), scored.case.question.split(" | "), strict=False
            ):
                reply = trials[f"{scored.case.id}:{side}"].reply
                told = " ".join(str(reply.get("text")).split())[:150]
                print(f"   {reply.get('outcome')} {reply.get('reason')} | {question} | {told}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=Path, nargs="+")
    parser.add_argument("--home", type=Path, help="where the sample company is, or is to be")
    parser.add_argument("--out", type=Path, help="keeps the runs; else they are forgotten")
    parser.add_argument("--each", action="store_true", help="print the pairs that end differently")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args(arguments)
    bodies = []
    with tempfile.TemporaryDirectory() as scratch:
        home, runs = given.home or Path(scratch) / "home", given.out or Path(scratch)
        desks = Workspace(home, Settings())
        if not desks.list_collections():
            desks.make_job("default").run([handbook.HANDBOOK / "documents"])
        with desks.open_collection("default") as opened:
            for file in given.pairs:
                outcome = ask_pairs(opened, file, runs / file.stem)
                bodies.append(describe_pairs(file.stem, outcome))
                if given.each:
                    print_pairs(outcome, runs / file.stem)
    body = "\n\n".join(bodies)
    print(body)
    if given.write:
        write_section("Fairness", "python -m tests.lab.quality.bias PAIRS… --write", body)


if __name__ == "__main__":
    main()
