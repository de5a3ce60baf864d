"""``ragdesk insight``: what questions are about."""

import click

from ragdesk.cli import insight_train


@click.group("insight", epilog=insight_train.INSIGHT_EXAMPLES)
def command() -> None:
    """Tell what questions are about: their intents, on your own examples or on ours."""


command.add_command(insight_train.command)
