"""``ragdesk tune``: train the models of ragdesk further."""

import click

from ragdesk.cli import tune_reader


@click.group("tune", epilog=tune_reader.TUNE_EXAMPLES)
def command() -> None:
    """Train the models of ragdesk further, on public sets or on your own cases."""


command.add_command(tune_reader.command)
