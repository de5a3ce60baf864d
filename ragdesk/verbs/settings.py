"""``ragdesk settings``: every setting, its value, and where the value comes from."""

import click

from ragdesk import example, present
from ragdesk.settings import load, rows
from ragdesk.verbs import call

EXAMPLES = """
\b
Examples:
  ragdesk settings                           all settings as they hold now
  ragdesk settings --example > ragdesk.toml  a file with every default, to change
  RAGDESK_SERVE__PORT=9000 ragdesk settings  variables win over the file
"""


@click.command("settings", epilog=EXAMPLES)
@click.option(
    "--example", "as_example", is_flag=True, help="Write a settings file of all defaults."
)
@call.json
@click.pass_obj
def command(door: call.Call, *, as_example: bool, as_json: bool) -> None:
    """Show every setting, its value, and where the value comes from. Secrets are masked."""
    if as_example:
        click.echo(example.text(), nl=False)
        return
    loaded = load(home=door.home, config=door.config)
    found = rows(loaded.settings, loaded.origins)
    if as_json:
        values = {row.name: {"value": row.value, "origin": row.origin} for row in found}
        home = {"value": loaded.home, "origin": loaded.origins["home"]}
        call.say_json({"home": home, **values})
        return
    lines = [("home", str(loaded.home), loaded.origins["home"])]
    lines += [(row.name, _shown(row.value), row.origin) for row in found]
    present.table(present.console(), ("setting", "value", "from"), lines)


def _shown(value: object) -> str:
    if isinstance(value, tuple | frozenset | list):
        return ", ".join(map(str, value)) or "–"
    return "–" if value is None or value == "" else str(value)
