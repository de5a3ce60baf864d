"""``ragdesk eval validate``: can the ruler be trusted? Against what people said."""

from pathlib import Path
from typing import Any

import click

from eval.imports.rated import SETS, read
from eval.mutations import suite
from eval.validate import PUBLISHED, validate
from ragdesk.verbs import call

EXAMPLES = """
\b
Examples:
  ragdesk eval validate mtrag mtrag-human/evaluations
  ragdesk eval validate mtrag mtrag-human/evaluations --mutations
  ragdesk eval validate summedits data/summedits --json
"""


@click.command("validate", epilog=EXAMPLES)
@click.argument("name", type=click.Choice(list(SETS)))
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--mutations", is_flag=True, help="Also break the best texts, and count what is found."
)
@call.json
def command(*, name: str, path: Path, mutations: bool, as_json: bool) -> None:
    """Hold the deterministic figures against labels that people gave.

    AUROC 0.5 means blind: the words of a text cannot tell that kind of error, and a gate on
    faithfulness does not guard against it. Thresholds are fitted on other sources than they are
    tried on.
    """
    rated = read(name, path)
    found = validate(rated)
    if mutations:
        found["mutations"] = suite(rated)
    if as_json:
        call.say_json({"set": name, **found, "published": PUBLISHED.get(name)})
        return
    if "texts" in found:
        click.echo(f"{found['texts']} texts, {found['good']} of them good.")
    for title in ("figures", "over_the_formula", "parts"):
        for figure, one in found.get(title, {}).items():
            prefix = {"over_the_formula": "over the formula: ", "parts": "auroc of "}.get(title, "")
            click.echo(f"{prefix + figure:34} {_shown(one)}")
    if name in PUBLISHED:
        click.echo(f"{'published, on other texts of it:':34} {PUBLISHED[name]}")
    for title, rows in found.get("mutations", {}).items():
        for kind, one in rows.items():
            click.echo(f"{f'{title}: {kind}':34} {_shown(one)}  n {one['n']}")


def _shown(one: dict[str, Any]) -> str:
    if one["value"] is None:
        return "cannot be told: all alike"
    return f"{one['value']:.3f} [{one['ci_low']:.3f}, {one['ci_high']:.3f}]"
