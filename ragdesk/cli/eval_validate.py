"""``ragdesk eval validate``: can the ruler be trusted? Against what people said."""

from pathlib import Path
from typing import Any

import click

from eval.imports.rated import SETS, read_rated_set
from eval.mutations import run_mutation_suite
from eval.validate import PUBLISHED, validate_verifier
from ragdesk.cli import shared_options

VALIDATE_EXAMPLES = """
\b
Examples:
  ragdesk eval validate mtrag mtrag-human/evaluations
  ragdesk eval validate mtrag mtrag-human/evaluations --mutations
  ragdesk eval validate summedits data/summedits --json
"""


@click.command("validate", epilog=VALIDATE_EXAMPLES)
@click.argument("name", type=click.Choice(list(SETS)))
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--mutations", is_flag=True, help="Also break the best texts, and count what is found."
)
@shared_options.json_option
def command(*, name: str, path: Path, mutations: bool, as_json: bool) -> None:
    """Hold the deterministic figures against labels that people gave.

    AUROC 0.5 means blind: the words of a text cannot tell that kind of error, and a gate on
    faithfulness does not guard against it. Thresholds are fitted on other sources than they are
    tried on.
    """
    rated = read_rated_set(name, path)
    figures = validate_verifier(rated)
    if mutations:
        figures["mutations"] = run_mutation_suite(rated)
    if as_json:
        shared_options.print_json({"set": name, **figures, "published": PUBLISHED.get(name)})
        return
    if "texts" in figures:
        click.echo(f"{figures['texts']} texts, {figures['good']} of them good.")
    for title in ("figures", "over_the_formula", "parts"):
        for figure, value in figures.get(title, {}).items():
            prefix = {"over_the_formula": "over the formula: ", "parts": "auroc of "}.get(title, "")
            click.echo(f"{prefix + figure:34} {_format_interval(value)}")
    if name in PUBLISHED:
        click.echo(f"{'published, on other texts of it:':34} {PUBLISHED[name]}")
    for title, rows in figures.get("mutations", {}).items():
        for kind, value in rows.items():
            click.echo(f"{f'{title}: {kind}':34} {_format_interval(value)}  n {value['n']}")


def _format_interval(value: dict[str, Any]) -> str:
    if value["value"] is None:
        return "cannot be told: all alike"
    return f"{value['value']:.3f} [{value['ci_low']:.3f}, {value['ci_high']:.3f}]"
