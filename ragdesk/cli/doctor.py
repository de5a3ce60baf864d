"""``ragdesk doctor``: what is missing, and how to get it."""

import importlib
from collections.abc import Iterator
from dataclasses import asdict

import click
from rich.text import Text

from indexes.errors import ModelMissing
from ragdesk import installation_check
from ragdesk.cli import shared_options, terminal
from ragdesk.errors import CheckFailed
from ragdesk.installation_check import Finding

STATE_MARKS = {"ok": ("✓", "green"), "note": ("!", "yellow"), "bad": ("✗", "bold red")}
DOCTOR_EXAMPLES = """
\b
Examples:
  ragdesk doctor
  ragdesk doctor --prepare            make the models ready that settings and collections name
  ragdesk --home /srv/desk doctor --json
"""


@click.command("doctor", epilog=DOCTOR_EXAMPLES)
@click.option(
    "--prepare",
    is_flag=True,
    help="First make the models ready that settings and collections name, as for an image.",
)
@shared_options.json_option
@click.pass_obj
def command(call: shared_options.CliCall, *, prepare: bool, as_json: bool) -> None:
    """Check libraries, model, home and collections. Exit 1 when something does not work."""
    to = terminal.open_console()
    findings: list[Finding] = []
    for finding in _iter_findings(call, prepare=prepare):
        findings.append(finding)
        if not as_json:
            mark, style = STATE_MARKS[finding.state]
            to.print(Text.assemble((mark, style), f" {finding.what:<22} {finding.found}"))
            if finding.remedy:
                to.print(Text(f"    {finding.remedy}", style))
    bad = sum(finding.state == "bad" for finding in findings)
    if as_json:
        shared_options.print_json(
            {"ok": not bad, "findings": [asdict(finding) for finding in findings]}
        )
    if bad:
        call.json = False  # the one document was written above
        raise CheckFailed(f"{bad} of {len(findings)} checks failed.")


def _iter_findings(call: shared_options.CliCall, *, prepare: bool) -> Iterator[Finding]:
    yield from installation_check.check_installation()
    try:
        home_check = importlib.import_module("ragdesk.home_check")
    except (ModelMissing, ImportError) as error:
        yield Finding(what="self-test", state="bad", found=f"cannot start: {error}")
        return
    yield from home_check.check_home(call.home, call.config, prepare=prepare)
