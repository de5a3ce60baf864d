"""``ragdesk insight train``: train a home's own intents, and say how well they are told apart."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ragdesk.assemble import Workspace
from ragdesk.cli import shared_options
from ragdesk.errors import CheckFailed
from ragdesk.settings import load_settings

if TYPE_CHECKING:
    from ragdesk.support.insight.intent_training import HeldOutAccuracy, IntentTraining

INSIGHT_EXAMPLES = """
\b
Examples:
  ragdesk insight train intents.csv
      the columns text and label; one label an intent, 20 examples of each or more
  ragdesk insight train intents.jsonl --json
      {"text": "Where do I park?", "label": "parking"} a line; a blank label is out of scope
"""


@click.command("train", epilog=INSIGHT_EXAMPLES)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@shared_options.json_option
@click.pass_obj
def command(call: shared_options.CliCall, /, *, file: Path, as_json: bool) -> None:
    """Train your own intents on labelled questions, and use them in place of the packaged ones.

    A fifth of the examples is held out and decides: intents that you trained before are replaced
    only where the new ones do no worse on it. Examples labelled out_of_scope, or not at all, teach
    what belongs to none. The intents are kept in the home, for the embedder of the settings.
    """
    from ragdesk.support.insight import intent_training  # noqa: PLC0415 - numbers: not for --help

    loaded = load_settings(home=call.home, config=call.config)
    texts = intent_training.read_intent_file(file)
    embedder = Workspace(loaded.home, loaded.settings).embedders.open_configured()
    result = intent_training.train_intents(loaded.home, texts, embedder)
    if as_json:
        shared_options.print_json({**asdict(result), "file": str(result.file)})
    else:
        _print_report(result)
    if not result.kept:
        call.json = False  # the one document was written above
        raise CheckFailed(
            f"The new intents do worse on the held-out examples: {result.file} stays as it was. "
            "Add examples of the intents that are confused, or remove the file to begin anew."
        )


def _print_report(result: "IntentTraining") -> None:
    click.echo(f"Learnt {len(result.labels)} labels from {result.learnt} examples.")
    if result.before is not None:
        click.echo(f"  before: {_format_accuracy(result.before)}")
    click.echo(f"  now:    {_format_accuracy(result.after)}")
    if result.worst_pairs:
        click.echo("Confused most:")
    for pair in result.worst_pairs:
        click.echo(f"  {pair.texts:4}  {pair.label} taken for {pair.taken_for}")
    if result.kept:
        click.echo(f"Written: {result.file}. A running server reads it when it restarts.")


def _format_accuracy(score: "HeldOutAccuracy") -> str:
    low, high = score.interval
    line = f"{score.accuracy:.3f} [{low:.3f}, {high:.3f}] of {score.texts} held-out examples right"
    for name, share in (("with an intent", score.in_scope), ("out of scope", score.out_of_scope)):
        line += "" if share is None else f", {name} {share:.3f}"
    return line
