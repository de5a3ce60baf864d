"""``ragdesk settings``: every setting, its value, and where the value comes from."""

import click

from ragdesk import settings_example
from ragdesk.advanced_settings import ADVANCED_NOTE
from ragdesk.cli import shared_options, terminal
from ragdesk.settings import list_settings, load_settings

SETTINGS_EXAMPLES = """
\b
Examples:
  ragdesk settings                           the settings as they hold now
  ragdesk settings --advanced                the weights that we tune as well
  ragdesk settings --example > ragdesk.toml  a file with every default, to change
  RAGDESK_SERVE__PORT=9000 ragdesk settings  variables win over the file
"""


@click.command("settings", epilog=SETTINGS_EXAMPLES)
@click.option(
    "--example", "as_example", is_flag=True, help="Write a settings file of all defaults."
)
@click.option(
    "--advanced",
    "with_advanced",
    is_flag=True,
    help="Show the advanced tables too. Changed values make our measured figures void.",
)
@shared_options.json_option
@click.pass_obj
def command(
    call: shared_options.CliCall, *, as_example: bool, with_advanced: bool, as_json: bool
) -> None:
    """Show each setting, its value, and where the value comes from. Secrets are masked.

    Advanced settings are left out while they stand at their defaults.
    """
    if as_example:
        click.echo(settings_example.format_example(with_advanced=with_advanced), nl=False)
        return
    loaded = load_settings(home=call.home, config=call.config)
    rows = list_settings(loaded.settings, loaded.origins)
    listed = [
        row for row in rows if with_advanced or not row.is_advanced or row.origin != "default"
    ]
    if as_json:
        values = {row.name: {"value": row.value, "origin": row.origin} for row in listed}
        home = {"value": loaded.home, "origin": loaded.origins["home"]}
        shared_options.print_json({"home": home, **values})
        return
    lines = [("home", str(loaded.home), loaded.origins["home"])]
    lines += [(row.name, _format_setting(row.value), row.origin) for row in listed]
    terminal.print_table(terminal.open_console(), ("setting", "value", "from"), lines)
    if with_advanced:
        click.echo(f"\n{ADVANCED_NOTE}")
    elif hidden := len(rows) - len(listed):
        click.echo(f"\n{hidden} advanced settings at their defaults: ragdesk settings --advanced")


def _format_setting(value: object) -> str:
    if isinstance(value, tuple | frozenset | list):
        return ", ".join(map(str, value)) or "–"
    return "–" if value is None or value == "" else str(value)
