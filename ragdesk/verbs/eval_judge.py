"""``ragdesk eval judge``: lets a language model check the answers of a stored run."""

from pathlib import Path
from typing import Any

import click

from eval.judge import Judge, JudgeOptions
from eval.judging import CACHE, judge_run
from ragdesk.errors import TooManyErrors
from ragdesk.verbs import call

EXAMPLES = """
\b
Examples:
  ragdesk eval judge runs/today --url http://127.0.0.1:8000 --model qwen3-8b
  ragdesk eval judge runs/today --model qwen3-8b --cache-only     replay, ask nobody
"""


@click.command("judge", epilog=EXAMPLES)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="vLLM's address.")
@click.option("--model", required=True, help="Name of the model as the server knows it.")
@click.option("--revision", default="", help="Stored with every verdict.")
@click.option("--jobs", default=8, show_default=True, type=click.IntRange(1, 64))
@click.option("--cache-only", is_flag=True, help="Ask nobody: replay the replies that are kept.")
@call.json
def command(*, folder: Path, as_json: bool, **given: Any) -> None:
    """Let a language model check every sentence of the answers against their passages.

    A verdict counts only with a quote that stands in the passage; a reply that was cut or is not
    what was asked for is an error. Raw replies are kept in the folder, so that the same figures
    come again without the model. Beside the words' figures, not instead of them.
    """
    options = JudgeOptions(url=given["url"], model=given["model"], revision=given["revision"])
    judge = Judge(options, folder / CACHE, offline=given["cache_only"])
    found = judge_run(folder, judge, given["jobs"])
    one = found["judge_faithfulness"]
    if as_json:
        call.say_json(found)
    elif one["value"] is not None:
        interval = f"[{one['ci_low']:.3f}, {one['ci_high']:.3f}]"
        click.echo(f"faithfulness by {options.model}: {one['value']:.3f} {interval}")
    if not as_json:
        click.echo(
            f"{one['n_ok']} judged, {one['n_skipped']} claim nothing, {one['n_error']} errors"
        )
    if not one["n_ok"]:
        raise TooManyErrors(f"No answer could be judged; why: {folder / 'judged.jsonl'}")
