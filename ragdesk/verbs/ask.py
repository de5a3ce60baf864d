"""``ragdesk ask``: an answer in the documents' own sentences, with its sources."""

import asyncio

import click

from ragdesk import present, wire
from ragdesk.answering.answer import Question
from ragdesk.assemble import Desks
from ragdesk.settings import load
from ragdesk.verbs import call

EXAMPLES = """
\b
Examples:
  ragdesk ask "How long do I have to return an order?"
  ragdesk ask "退款多久到账？"
  ragdesk ask "What does error E-204 mean?" --json | jq .citations
"""


@click.command("ask", epilog=EXAMPLES)
@click.argument("question")
@call.collection
@click.option("--explain", is_flag=True, help="With --json: add the signals behind the outcome.")
@call.json
@click.pass_obj
def command(
    door: call.Call, *, question: str, collection: str, explain: bool, as_json: bool
) -> None:
    """Answer a question from the documents, each sentence with its source.

    Where the documents do not answer it, that is what is said.
    """
    if not question.strip():
        raise click.BadParameter("ask something.", param_hint="QUESTION")
    loaded = load(home=door.home, config=door.config)
    with Desks(loaded.home, loaded.settings).open(collection) as opened:
        answer = asyncio.run(opened.desk.ask(Question(text=question.strip(), explain=explain)))
    if as_json:
        call.say_json(wire.answer(answer))
    else:
        present.answer(present.console(), answer, door.again("ask", collection))
