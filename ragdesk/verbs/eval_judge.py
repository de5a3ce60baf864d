"""``ragdesk eval judge``, ``ragdesk eval prefer``: let a language model judge stored runs."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from eval.judge import Judge
from eval.judging import CACHE, judge_run
from eval.prefer import prefer_runs
from eval.replies import JudgeOptions, Replies
from ragdesk.errors import TooManyErrors
from ragdesk.verbs import call

F = TypeVar("F", bound=Callable[..., Any])
JUDGE = """
\b
Examples:
  ragdesk eval judge runs/today --url http://127.0.0.1:8000 --model qwen3-8b
  ragdesk eval judge runs/today --model qwen3-8b --cache-only     replay, ask nobody
"""
PREFER = """
\b
Examples:
  ragdesk eval prefer runs/today runs/yesterday --model qwen3-8b --votes 3
  ragdesk eval prefer runs/today runs/rival --model qwen3-8b --cache-only
"""
folder = click.Path(path_type=Path, file_okay=False, exists=True)


def asked(verb: F) -> F:
    """Add what says which model judges."""
    for option in reversed(
        (
            click.option(
                "--url", default="http://127.0.0.1:8000", show_default=True, help="vLLM's address."
            ),
            click.option("--model", required=True, help="The model, as the server calls it."),
            click.option("--revision", default="", help="Stored with every verdict."),
            click.option("--jobs", default=8, show_default=True, type=click.IntRange(1, 64)),
            click.option(
                "--cache-only", is_flag=True, help="Ask nobody: replay the replies that are kept."
            ),
            call.json,
        )
    ):
        verb = option(verb)
    return verb


def _replies(run: Path, given: Mapping[str, Any]) -> Replies:
    options = JudgeOptions(url=given["url"], model=given["model"], revision=given["revision"])
    return Replies(options, run / CACHE, offline=given["cache_only"])


@click.command("judge", epilog=JUDGE)
@click.argument("run", type=folder)
@asked
def judge(*, run: Path, as_json: bool, **given: Any) -> None:
    """Let a language model check every sentence of the answers against their passages.

    A verdict counts only with a quote that stands in the passage; a reply that was cut or is not
    what was asked for is an error. Raw replies are kept in the folder, so that the same figures
    come again without the model. Beside the words' figures, not instead of them; fluency and
    helpfulness (1 to 5) are told and held by no gate.
    """
    found = judge_run(run, Judge(_replies(run, given)), given["jobs"])
    one = found["judge_faithfulness"]
    if as_json:
        call.say_json(found)
    else:
        for name in ("judge_faithfulness", "fluency", "helpfulness"):
            _say(f"{name.removeprefix('judge_')} by {given['model']}", found[name])
        click.echo(
            f"{one['n_ok']} judged, {one['n_skipped']} claim nothing, {one['n_error']} errors"
        )
    if not one["n_ok"]:
        raise TooManyErrors(f"No answer could be judged; why: {run / 'judged.jsonl'}")


@click.command("prefer", epilog=PREFER)
@click.argument("ours", type=folder)
@click.argument("theirs", type=folder)
@click.option(
    "--votes", default=1, show_default=True, type=click.IntRange(1, 9), help="In each order."
)
@asked
def prefer(*, ours: Path, theirs: Path, votes: int, as_json: bool, **given: Any) -> None:
    """Let a language model say which of two runs answers better, case by case.

    Every vote is asked twice, with the answers in turn: judges like what they read first. The
    share of cases whose two orders agree is told; a share near chance means that the judge saw
    the order, not the answers. Only cases that both runs answer are compared. Told, never gated.
    """
    found = prefer_runs(ours, theirs, _replies(ours, given), votes, given["jobs"])
    one = found["preferred"]
    if as_json:
        call.say_json(found)
    else:
        _say(f"preferred by {given['model']}, a tie counts half", one)
        click.echo(f"{found['won']} won, {found['tied']} tied, {found['lost']} lost")
        if one["n_ok"]:
            click.echo(f"both orders agree on {found['orders_agree']:.0%}")
        click.echo(f"{one['n_error']} errors")
    if not one["n_ok"]:
        raise TooManyErrors(f"No case could be judged; why: {ours / 'preferred.jsonl'}")


def _say(name: str, one: Mapping[str, Any]) -> None:
    if one["value"] is not None:
        click.echo(f"{name}: {one['value']:.3f} [{one['ci_low']:.3f}, {one['ci_high']:.3f}]")
