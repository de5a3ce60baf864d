"""``ragdesk search``: the passages nearest to a query."""

import click

from ragdesk import present, wire
from ragdesk.answering.answer import Question
from ragdesk.assemble import Desks
from ragdesk.settings import load
from ragdesk.verbs import call

EXAMPLES = """
\b
Examples:
  ragdesk search "refund express fee"
  ragdesk search E-204 --top-k 3 --json
"""


@click.command("search", epilog=EXAMPLES)
@click.argument("query")
@call.collection
@click.option("-k", "--top-k", default=8, show_default=True, type=click.IntRange(1, 50))
@call.json
@click.pass_obj
def command(door: call.Call, *, query: str, collection: str, top_k: int, as_json: bool) -> None:
    """Find the passages nearest to a query, by words and by meaning."""
    loaded = load(home=door.home, config=door.config)
    with Desks(loaded.home, loaded.settings).open(collection) as opened:
        found = opened.search(Question(text=query), top_k)
    if as_json:
        generation = opened.index.generation
        call.say_json({"query": query, "generation": generation, "passages": wire.passages(found)})
    else:
        present.passages(present.console(), found)
