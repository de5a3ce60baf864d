"""``ragdesk search``: the passages nearest to a query."""

import click

from ragdesk import present, wire
from ragdesk.answering.answer import Question
from ragdesk.assemble import Workspace
from ragdesk.settings import load_settings
from ragdesk.verbs import call

SEARCH_EXAMPLES = """
\b
Examples:
  ragdesk search "refund express fee"
  ragdesk search E-204 --top-k 3 --json
"""


@click.command("search", epilog=SEARCH_EXAMPLES)
@click.argument("query")
@call.collection_option
@click.option("-k", "--top-k", default=8, show_default=True, type=click.IntRange(1, 50))
@call.json_option
@click.pass_obj
def command(door: call.CliCall, *, query: str, collection: str, top_k: int, as_json: bool) -> None:
    """Find the passages nearest to a query, by words and by meaning."""
    loaded = load_settings(home=door.home, config=door.config)
    with Workspace(loaded.home, loaded.settings).open_collection(collection) as opened:
        passages = opened.search(Question(text=query), top_k)
    if as_json:
        generation = opened.index.generation
        call.print_json(
            {"query": query, "generation": generation, "passages": wire.passages_json(passages)}
        )
    else:
        present.print_passages(present.open_console(), passages)
