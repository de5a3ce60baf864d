"""``ragdesk eval run``: ask every case, measure, and hold the figures against a gate."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from eval import gate, report, run_folder
from eval.case import Case
from eval.release import PAGE, WATCHED, check_gate, release_run
from eval.release_outcome import ReleaseOutcome
from eval.run import RunOptions, run_cases
from ragdesk.cli import shared_options
from ragdesk.cli.eval_target import open_eval_target
from ragdesk.cli.shared_options import F
from ragdesk.errors import CheckFailed, TooManyErrors
from ragdesk.file_handles import raise_handle_limit

RUN_EXAMPLES = (
    """
\b
Examples:
  ragdesk eval run cases.jsonl --out runs/today --gate gate.toml --baseline runs/release
  ragdesk eval run cases.jsonl --out runs/today --target http://127.0.0.1:8080
  ragdesk eval run --out runs/today --cache-only              measure again, ask nobody
\b
With --baseline and no gate file, none of these may get worse:
  """
    + ", ".join(WATCHED)
    + """
\b
A gate file:
  gates = ["recall@8.ci_low >= 0.75", "false_answer[stratum=out_of_kb].ci_high <= 0.25"]
  watch = ["right"]      no significant loss against the baseline
  max_errors = 0.02      of all cases; more unanswered ones end with exit code 6
\b
A mapping file, for an engine of another make (--target rival.toml):
  name = "rival"
  url = "http://rival:9000/v1/chat/completions"
  headers = { Authorization = "Bearer ${RIVAL_KEY}" }
  [request]
  model = "some-model"
  messages = "{messages}"
  [reply]
  text = "choices.0.message.content"
"""
)
HEADLINE_METRICS = (
    "recall@8",
    "ndcg@10",
    "right",
    "cites_evidence",
    "faithfulness",
    "citation_validity",
    "false_answer",
    "over_refusal",
)
out_folder = click.Path(path_type=Path, file_okay=False)


def run_target_options(verb: F) -> F:
    """Add the options that say whom to ask."""
    about = "http://… or a mapping file ….toml; this machine's own desk if not given."
    verb = click.option("--target", help=about)(verb)
    verb = shared_options.collection_option(verb)
    hint = "Bearer key of the target."
    return click.option("--key", envvar="RAGDESK_EVAL_KEY", default="", help=hint)(verb)


@click.command("run", epilog=RUN_EXAMPLES)
@click.argument("cases", type=click.Path(path_type=Path, exists=True), required=False)
@run_target_options
@click.option("--out", required=True, type=out_folder, help="Folder of the run, to go on with too.")
@click.option("--gate", "gate_file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--baseline", type=out_folder, help="A measured run; a significant loss is exit 1.")
@click.option("--jobs", default=4, show_default=True, type=click.IntRange(1, 64))
@click.option("--fresh", is_flag=True, help="Forget what was answered before.")
@click.option("--cache-only", is_flag=True, help="Ask nobody: measure what the folder holds.")
@shared_options.json_option
@click.pass_obj
def command(call: shared_options.CliCall, /, *, out: Path, as_json: bool, **options: Any) -> None:
    """Ask every case, measure, and hold the figures against a gate.

    Writes report.json, report.md, report.html, junit.xml and scores.jsonl into the folder.
    Exit: 0 passed, 1 a gate failed or a significant loss, 6 too many cases unanswered to judge.
    """
    raise_handle_limit()
    thresholds = gate.read_gate(options["gate_file"]) if options["gate_file"] else None
    check_gate(thresholds, options["baseline"])
    if not options["cache_only"]:
        if options["cases"] is None:
            raise click.UsageError("Name a file of cases, or measure again with --cache-only.")
        ask_listed_cases(call, run_folder.read_cases(options["cases"]), out, options)
    outcome = release_run(out, thresholds, options["baseline"])
    if as_json:
        shared_options.print_json(
            {
                **report.report_as_json(outcome.report),
                "gates": [asdict(v) for v in outcome.verdicts],
            }
        )
    else:
        _print_outcome(outcome, out)
    raise_unless_passed(outcome, out)


def ask_listed_cases(
    call: shared_options.CliCall, cases: Sequence[Case], out: Path, options: Mapping[str, Any]
) -> None:
    """Ask the target that the options name every case, with a progress bar; keep the trials."""
    with (
        open_eval_target(call, options["target"], options["collection"], options["key"]) as target,
        click.progressbar(length=len(cases), label="Asking", file=sys.stderr) as progress,
    ):

        def update(done: int, _all: int) -> None:
            progress.update(done - progress.pos)

        run_cases(
            cases,
            target,
            out,
            RunOptions(jobs=options["jobs"], fresh=options["fresh"], watch=update),
        )


def _print_outcome(outcome: ReleaseOutcome, out: Path) -> None:
    for name in HEADLINE_METRICS:
        metric = outcome.report.overall[name]
        if metric.value is not None:
            interval = f"[{metric.ci_low:.3f}, {metric.ci_high:.3f}]"
            click.echo(f"{name:20} {metric.value:.3f} {interval}  {metric.n_ok} cases")
    print_verdicts(outcome)
    click.echo(f"Everything, case by case: {out / PAGE}")


def print_verdicts(outcome: ReleaseOutcome) -> None:
    """Print each line of a gate, and the cases that speak against it."""
    for verdict in outcome.verdicts:
        sign = "passed" if verdict.passed else "FAILED"
        click.echo(f"{sign}  {verdict.line}  {verdict.why}")
        if verdict.cases:
            click.echo(f"        {', '.join(verdict.cases)}")


def raise_unless_passed(outcome: ReleaseOutcome, out: Path) -> None:
    """End with the exit code of a release: 6 too many unanswered cases, 1 a gate that failed."""
    if outcome.is_unjudged:
        count = len(outcome.report.errors)
        first = outcome.report.errors[0][1]
        raise TooManyErrors(
            f"{count} of {len(outcome.report.scored)} cases were not answered ({first}). "
            "Ask them again: the same command."
        )
    if outcome.failed_verdicts:
        raise CheckFailed(
            f"{len(outcome.failed_verdicts)} of {len(outcome.verdicts)} gates failed: {out}"
        )
