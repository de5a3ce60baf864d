"""``ragdesk insight tickets``: past tickets become drafts of FAQ entries."""

from pathlib import Path

import click

from ragdesk.cli import shared_options
from ragdesk.cli.insight_gaps import open_learning
from ragdesk.support.learning.ticket_exports import read_tickets

TICKETS_EXAMPLES = """
\b
Examples:
  ragdesk insight tickets tickets.csv
      the columns question and answer, or subject, description and reply
  ragdesk insight tickets zendesk.json --collection faq --json
"""


@click.command("tickets", epilog=TICKETS_EXAMPLES)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@shared_options.collection_option
@shared_options.json_option
@click.pass_obj
def command(call: shared_options.CliCall, /, *, file: Path, collection: str, as_json: bool) -> None:
    """Draft FAQ entries out of past tickets: CSV, JSONL, or Zendesk's JSON.

    Tickets that ask the same become one draft, their personal data taken out. Nothing is published:
    an editor reads every draft on the page /admin.
    """
    read = read_tickets(file)
    with open_learning(call, collection) as desk:
        retrieve = desk.opened.retrieve
        embed = desk.learning.make_embed(retrieve.embedder, retrieve.background)
        drafts = desk.learning.import_tickets(read.tickets, collection, "local", embed)
        names = [desk.learning.drafts.add(draft).id for draft in drafts]
    left_out = dict(read.left_out)
    if as_json:
        count = len(read.tickets) + sum(left_out.values())
        shared_options.print_json({"drafts": names, "tickets": count, "left_out": left_out})
        return
    click.echo(f"Made {len(names)} drafts of {len(read.tickets)} tickets.")
    for reason, count in left_out.items():
        click.echo(f"  {count} left out: {reason}")
