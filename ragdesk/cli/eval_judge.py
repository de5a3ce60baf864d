"""``ragdesk eval judge``, ``ragdesk eval prefer``: let a language model judge stored runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from eval.judge import Judge
from eval.judge_client import JudgeClient, JudgeOptions
from eval.judging import CACHE, judge_run
from eval.preference import compare_run_answers
from ragdesk.cli import shared_options
from ragdesk.cli.shared_options import F
from ragdesk.errors import TooManyErrors

JUDGE_EXAMPLES = """
\b
Examples:
  ragdesk eval judge runs/today --url http://127.0.0.1:8000 --model qwen3-8b
  ragdesk eval judge runs/today --model qwen3-8b --cache-only     replay, ask nobody
"""
PREFER_EXAMPLES = """
\b
Examples:
  ragdesk eval prefer runs/today runs/yesterday --model qwen3-8b --votes 3
  ragdesk eval prefer runs/today runs/rival --model qwen3-8b --cache-only
"""
stored_run = click.Path(path_type=Path, file_okay=False, exists=True)


def judge_options(verb: F) -> F:
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
            shared_options.json_option,
        )
    ):
        verb = option(verb)
    return verb


def _open_replies(run: Path, options: Mapping[str, Any]) -> JudgeClient:
    judge_settings = JudgeOptions(
        url=options["url"], model=options["model"], revision=options["revision"]
    )
    return JudgeClient(judge_settings, run / CACHE, offline=options["cache_only"])


@click.command("judge", epilog=JUDGE_EXAMPLES)
@click.argument("run", type=stored_run)
@judge_options
def judge_command(*, run: Path, as_json: bool, **options: Any) -> None:
    """Let a language model check every sentence of the answers against their passages.

    A verdict counts only with a quote that stands in the passage; a reply that was cut or is not
    what was asked for is an error. Raw replies are kept in the folder, so that the same figures
    come again without the model. Beside the words' figures, not instead of them; fluency and
    helpfulness (1 to 5) are told and held by no gate.
    """
    figures = judge_run(run, Judge(_open_replies(run, options)), options["jobs"])
    faithfulness = figures["judge_faithfulness"]
    if as_json:
        shared_options.print_json(figures)
    else:
        for name in ("judge_faithfulness", "fluency", "helpfulness"):
            _print_figure(f"{name.removeprefix('judge_')} by {options['model']}", figures[name])
        click.echo(
            f"{faithfulness['n_ok']} judged, {faithfulness['n_skipped']} claim nothing, "
            f"{faithfulness['n_error']} errors"
        )
    if not faithfulness["n_ok"]:
        raise TooManyErrors(f"No answer could be judged; why: {run / 'judged.jsonl'}")


@click.command("prefer", epilog=PREFER_EXAMPLES)
@click.argument("ours", type=stored_run)
@click.argument("theirs", type=stored_run)
@click.option(
    "--votes", default=1, show_default=True, type=click.IntRange(1, 9), help="In each order."
)
@judge_options
def prefer_command(*, ours: Path, theirs: Path, votes: int, as_json: bool, **options: Any) -> None:
    """Let a language model say which of two runs answers better, case by case.

    Every vote is asked twice, with the answers in turn: judges like what they read first. The
    share of cases whose two orders agree is told; a share near chance means that the judge saw
    the order, not the answers. Only cases that both runs answer are compared. Told, never gated.
    """
    figures = compare_run_answers(
        ours, theirs, _open_replies(ours, options), votes, options["jobs"]
    )
    preference = figures["preferred"]
    if as_json:
        shared_options.print_json(figures)
    else:
        _print_figure(f"preferred by {options['model']}, a tie counts half", preference)
        click.echo(f"{figures['won']} won, {figures['tied']} tied, {figures['lost']} lost")
        if preference["n_ok"]:
            click.echo(f"both orders agree on {figures['orders_agree']:.0%}")
        click.echo(f"{preference['n_error']} errors")
    if not preference["n_ok"]:
        raise TooManyErrors(f"No case could be judged; why: {ours / 'preferred.jsonl'}")


def _print_figure(name: str, figure: Mapping[str, Any]) -> None:
    if figure["value"] is not None:
        click.echo(
            f"{name}: {figure['value']:.3f} [{figure['ci_low']:.3f}, {figure['ci_high']:.3f}]"
        )
