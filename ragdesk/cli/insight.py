"""``ragdesk insight``: what questions are about."""

import click

from ragdesk.cli import insight_gaps, insight_tickets, insight_train


@click.group("insight", epilog=insight_train.INSIGHT_EXAMPLES)
def command() -> None:
    """Learn from use: what was not answered, past tickets, and what questions are about."""


command.add_command(insight_gaps.command)
command.add_command(insight_tickets.command)
command.add_command(insight_train.command)
