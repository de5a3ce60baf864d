"""``ragdesk eval run``: ask every case, measure, and hold the figures against a gate."""

import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from eval import gate, report, store
from eval.release import PAGE, WATCHED, check, release
from eval.released import Release
from eval.run import RunOptions, run
from ragdesk.errors import CheckFailed, TooManyErrors
from ragdesk.handles import raise_handle_limit
from ragdesk.target import opened
from ragdesk.verbs import call

F = TypeVar("F", bound=Callable[..., Any])
EXAMPLES = (
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
HEADLINE = (
    "recall@8",
    "ndcg@10",
    "right",
    "cites_evidence",
    "faithfulness",
    "citation_validity",
    "false_answer",
    "over_refusal",
)
folder = click.Path(path_type=Path, file_okay=False)


def asked(verb: F) -> F:
    """Add the options that say whom to ask."""
    about = "http://… or a mapping file ….toml; this machine's own desk if not given."
    verb = click.option("--target", help=about)(verb)
    verb = call.collection(verb)
    hint = "Bearer key of the target."
    return click.option("--key", envvar="RAGDESK_EVAL_KEY", default="", help=hint)(verb)


@click.command("run", epilog=EXAMPLES)
@click.argument("cases", type=click.Path(path_type=Path, exists=True), required=False)
@asked
@click.option("--out", required=True, type=folder, help="Folder of the run, to go on with too.")
@click.option("--gate", "gate_file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--baseline", type=folder, help="A measured run; a significant loss is exit 1.")
@click.option("--jobs", default=4, show_default=True, type=click.IntRange(1, 64))
@click.option("--fresh", is_flag=True, help="Forget what was answered before.")
@click.option("--cache-only", is_flag=True, help="Ask nobody: measure what the folder holds.")
@call.json
@click.pass_obj
def command(door: call.Call, /, *, out: Path, as_json: bool, **given: Any) -> None:
    """Ask every case, measure, and hold the figures against a gate.

    Writes report.json, report.md, report.html, junit.xml and scores.jsonl into the folder.
    Exit: 0 passed, 1 a gate failed or a significant loss, 6 too many cases unanswered to judge.
    """
    raise_handle_limit()
    held = gate.read(given["gate_file"]) if given["gate_file"] else None
    check(held, given["baseline"])
    if not given["cache_only"]:
        if given["cases"] is None:
            raise click.UsageError("Name a file of cases, or measure again with --cache-only.")
        _ask(door, out, given)
    done = release(out, held, given["baseline"])
    if as_json:
        call.say_json({**report.as_json(done.report), "gates": [asdict(v) for v in done.verdicts]})
    else:
        _tell(done, out)
    if done.unjudged:
        count = len(done.report.errors)
        first = done.report.errors[0][1]
        raise TooManyErrors(
            f"{count} of {len(done.report.scored)} cases were not answered ({first}). "
            "Ask them again: the same command."
        )
    if done.failed:
        raise CheckFailed(f"{len(done.failed)} of {len(done.verdicts)} gates failed: {out}")


def _ask(door: call.Call, out: Path, given: dict[str, Any]) -> None:
    cases = store.read_cases(given["cases"])
    with (
        opened(door, given["target"], given["collection"], given["key"]) as target,
        click.progressbar(length=len(cases), label="Asking", file=sys.stderr) as shown,
    ):

        def watch(done: int, _all: int) -> None:
            shown.update(done - shown.pos)

        run(cases, target, out, RunOptions(jobs=given["jobs"], fresh=given["fresh"], watch=watch))


def _tell(done: Release, out: Path) -> None:
    for name in HEADLINE:
        one = done.report.overall[name]
        if one.value is not None:
            interval = f"[{one.ci_low:.3f}, {one.ci_high:.3f}]"
            click.echo(f"{name:20} {one.value:.3f} {interval}  {one.n_ok} cases")
    for verdict in done.verdicts:
        sign = "passed" if verdict.passed else "FAILED"
        click.echo(f"{sign}  {verdict.line}  {verdict.why}")
        if verdict.cases:
            click.echo(f"        {', '.join(verdict.cases)}")
    click.echo(f"Everything, case by case: {out / PAGE}")
