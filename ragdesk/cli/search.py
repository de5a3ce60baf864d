"""``ragdesk search``: the passages nearest to a query."""

import click

from ragdesk.answering.answer import Question, rank_passages, to_json_object
from ragdesk.assemble import Workspace
from ragdesk.cli import shared_options, terminal
from ragdesk.degradation import format_degraded_reason
from ragdesk.settings import load_settings

SEARCH_EXAMPLES = """
\b
Examples:
  ragdesk search "refund express fee"
  ragdesk search E-204 --top-k 3 --json
"""


@click.command("search", epilog=SEARCH_EXAMPLES)
@click.argument("query")
@shared_options.collection_option
@click.option("-k", "--top-k", default=8, show_default=True, type=click.IntRange(1, 50))
@shared_options.json_option
@click.pass_obj
def command(
    call: shared_options.CliCall, *, query: str, collection: str, top_k: int, as_json: bool
) -> None:
    """Find the passages nearest to a query, by words and by meaning."""
    loaded = load_settings(home=call.home, config=call.config)
    with Workspace(loaded.home, loaded.settings).open_collection(collection) as opened:
        passages = opened.search(Question(text=query), top_k)
        generation = opened.index.generation
        degraded_reason = format_degraded_reason(opened.index)
    if as_json:
        shared_options.print_json(
            {
                "query": query,
                "generation": generation,
                "passages": [to_json_object(passage) for passage in rank_passages(passages)],
                "degraded_reason": degraded_reason,
            }
        )
    else:
        if degraded_reason:
            terminal.open_console(err=True).print(
                f"Degraded: {degraded_reason}", style="yellow", soft_wrap=True
            )
        terminal.print_passages(terminal.open_console(), passages)
