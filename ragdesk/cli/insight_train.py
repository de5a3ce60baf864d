"""``ragdesk insight train``: train a home's own intents, and say how well they are told apart."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from indexes.embedding.embedder import Embedder
from indexes.text.redaction.personal_span import PERSONAL_KINDS
from indexes.text.redaction.redaction import redact_text
from ragdesk.assemble import Workspace
from ragdesk.cli import shared_options
from ragdesk.errors import CheckFailed, SettingsError
from ragdesk.settings import LoadedSettings, load_settings
from ragdesk.support.encryption import TextCipher, read_encryption_keys
from ragdesk.support.key_store import open_home_database
from ragdesk.support.sign_in.audit_log import COMMAND_LINE, record_audit

if TYPE_CHECKING:
    from ragdesk.support.insight.conversation_training import ConversationTraining
    from ragdesk.support.insight.intent_training import HeldOutAccuracy, IntentTraining
    from ragdesk.support.insight.intents import LabelledText

EXAMPLES_PATH: Final = click.Path(path_type=Path, exists=True, dir_okay=False)
TRAINING_OFF: Final = (
    "Training on conversations is off. To allow it, set train_on_conversations = true under "
    "[learning] (or RAGDESK_LEARNING__TRAIN_ON_CONVERSATIONS=true). It learns from the questions "
    "that agents and editors labelled, without their personal data."
)

INSIGHT_EXAMPLES = """
\b
Examples:
  ragdesk insight train intents.csv
      the columns text and label; one label an intent, 20 examples of each or more
  ragdesk insight train intents.jsonl --json
      {"text": "Where do I park?", "label": "parking"} a line; a blank label is out of scope
  ragdesk insight train --from-conversations
      what agents and editors said of questions in the inbox, where the settings allow it
"""


@click.command("train", epilog=INSIGHT_EXAMPLES)
@click.argument("file", required=False, type=EXAMPLES_PATH)
@click.option(
    "--from-conversations",
    "on_turns",
    is_flag=True,
    help="Learn from questions that agents and editors labelled [learning.train_on_conversations].",
)
@shared_options.json_option
@click.pass_obj
def command(
    call: shared_options.CliCall, /, *, file: Path | None, on_turns: bool, as_json: bool
) -> None:
    """Train your own intents on labelled questions, and use them in place of the packaged ones.

    A fifth of the examples is held out and decides: intents that you trained before are replaced
    only where the new ones do no worse on it. Examples labelled out_of_scope, or not at all, teach
    what belongs to none. The intents are kept in the home, for the embedder of the settings.

    From conversations, personal data is taken out of every question first, the packaged intents
    have to be matched too, and the turns that were used are listed beside the classifier.
    """
    from ragdesk.support.insight import intent_training  # noqa: PLC0415 - numbers: not for --help

    if file is None and not on_turns:
        raise click.UsageError("Name a file of examples, or --from-conversations, or both.")
    loaded = load_settings(home=call.home, config=call.config)
    if on_turns and not loaded.settings.learning.train_on_conversations:
        raise SettingsError(TRAINING_OFF)
    texts = intent_training.read_intent_file(file) if file else []
    embedder = Workspace(loaded.home, loaded.settings).embedders.open_configured()
    turn_training = _train_on_turns(loaded, texts, embedder) if on_turns else None
    result = turn_training.training if turn_training else None
    if result is None:
        result = intent_training.train_intents(loaded.home, texts, embedder)
    if as_json:
        shared_options.print_json(_describe_training(result, turn_training))
    else:
        _print_turns(turn_training)
        _print_report(result)
    if not result.kept:
        call.json = False  # the one document was written above
        raise CheckFailed(
            f"The new intents do worse on the held-out examples: {result.file} stays as it was. "
            "Add examples of the intents that are confused, or remove the file to begin anew."
        )


def _train_on_turns(
    loaded: LoadedSettings, texts: "Sequence[LabelledText]", embedder: Embedder
) -> "ConversationTraining":
    """Train on the labelled turns of a home beside some texts, and note that in the audit log."""
    from ragdesk.support.insight import conversation_training  # noqa: PLC0415 - numbers
    from ragdesk.support.insight.intent_labels import IntentLabelStore  # noqa: PLC0415 - numbers

    settings = loaded.settings
    # Whatever the settings keep as it is: nothing is learnt with personal data in it.
    redaction = replace(settings.redaction, enabled=True, kinds=PERSONAL_KINDS)
    cipher = TextCipher(read_encryption_keys(settings.support.encryption_key))
    with closing(open_home_database(loaded.home, settings.support.database)) as database:
        turn_training = conversation_training.train_on_conversations(
            loaded.home,
            IntentLabelStore(database, cipher).iter_labelled_turns(),
            lambda text: redact_text(text, redaction).text,
            embedder,
            file_examples=texts,
        )
        count = f"{sum(turn_training.intents.values())} turns"
        outcome = "done" if turn_training.training.kept else "refused"
        record_audit(database, COMMAND_LINE, "intent.train", count, outcome)
    return turn_training


def _describe_training(
    result: "IntentTraining", turn_training: "ConversationTraining | None"
) -> dict[str, Any]:
    """Return a training as JSON values."""
    facts = {**asdict(result), "file": str(result.file), "conversations": None}
    if turn_training is not None:
        facts["conversations"] = {
            "questions": sum(turn_training.intents.values()),
            "intents": dict(turn_training.intents),
            "left_out": dict(turn_training.left_out),
            "turns": str(turn_training.turns) if turn_training.turns else None,
        }
    return facts


def _print_turns(turn_training: "ConversationTraining | None") -> None:
    if turn_training is None:
        return
    click.echo(
        f"Used {sum(turn_training.intents.values())} labelled questions, without personal data:"
    )
    for intent, count in turn_training.intents.items():
        click.echo(f"  {count:4}  {intent}")
    if turn_training.left_out:
        names = ", ".join(f"{intent} ({count})" for intent, count in turn_training.left_out.items())
        click.echo(f"Left out, as there are too few of them: {names}")
    if turn_training.turns:
        click.echo(f"Their turns are listed in {turn_training.turns}.")


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
