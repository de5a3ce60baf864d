"""``ragdesk ask``: an answer in the documents' own sentences, with its sources."""

import asyncio

import click

from ragdesk.answering.answer import Question, to_json_object
from ragdesk.assemble import Workspace
from ragdesk.cli import shared_options, terminal
from ragdesk.settings import load_settings

ASK_EXAMPLES = """
\b
Examples:
  ragdesk ask "How long do I have to return an order?"
  ragdesk ask "退款多久到账？"
  ragdesk ask "What does error E-204 mean?" --json | jq .citations
"""


@click.command("ask", epilog=ASK_EXAMPLES)
@click.argument("question")
@shared_options.collection_option
@click.option("--explain", is_flag=True, help="With --json: add the signals behind the outcome.")
@shared_options.json_option
@click.pass_obj
def command(
    call: shared_options.CliCall, *, question: str, collection: str, explain: bool, as_json: bool
) -> None:
    """Answer a question from the documents, each sentence with its source.

    Where the documents do not answer it, that is what is said.
    """
    if not question.strip():
        raise click.BadParameter("ask something.", param_hint="QUESTION")
    loaded = load_settings(home=call.home, config=call.config)
    with Workspace(loaded.home, loaded.settings).open_collection(collection) as opened:
        answer = asyncio.run(opened.desk.ask(Question(text=question.strip(), explain=explain)))
    if as_json:
        shared_options.print_json(to_json_object(answer))
    else:
        terminal.print_answer(
            terminal.open_console(), answer, call.shell_command("ask", collection)
        )
