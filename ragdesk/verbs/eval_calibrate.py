"""``ragdesk eval calibrate``: fits how sure the desk must be before it answers."""

from pathlib import Path
from typing import Any

import click

from eval import store, trial
from eval.calibrate import calibrate, seen
from ragdesk.answering.calibrated import FILE
from ragdesk.assemble import Desks
from ragdesk.settings import load
from ragdesk.verbs import call

EXAMPLES = """
\b
Examples:
  ragdesk eval run cases.jsonl --out runs/today
  ragdesk eval calibrate runs/today --alpha 0.1
  ragdesk eval calibrate runs/today --alpha 0.05 --print-only
"""


@click.command("calibrate", epilog=EXAMPLES)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option(
    "--alpha",
    default=0.1,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="At most this share of unanswerable questions may be answered.",
)
@call.collection
@click.option("--print-only", is_flag=True, help="Show what would hold; write nothing.")
@call.json
@click.pass_obj
def command(door: call.Call, /, *, folder: Path, alpha: float, as_json: bool, **given: Any) -> None:
    """Fit when to answer on a stored run, and let the collection's desk use it.

    The run needs answerable and unanswerable questions. Its promise holds in 95 of 100 samples,
    and is tried on cases that were not used to fit. The desk then reports a confidence with every
    answer, and warns when the documents are no longer those of today.
    """
    held = calibrate(list(seen(store.read_cases(folder), trial.read(folder))), alpha)
    held["sketch"] = store.facts(folder)["target"].get("sketch", [])
    store.write_json(folder / FILE, held)
    written = None
    if not given["print_only"]:
        loaded = load(home=door.home, config=door.config)
        place = Desks(loaded.home, loaded.settings).existing(given["collection"])
        written = place / FILE
        store.write_json(written, held)
    if as_json:
        call.say_json(held)
        return
    for name, group in held["groups"].items():
        _tell(name, group, alpha)
    click.echo(f"Written: {written or folder / FILE}. A running server reads it when it restarts.")


def _tell(name: str, group: dict[str, Any], alpha: float) -> None:
    language = "all languages together" if name == "*" else name
    click.echo(f"{language}: answer from {group['floor']:.3f} on, AUROC {group['auroc']:.3f}")
    if group["floor"] > 1:
        click.echo(f"  No floor keeps {alpha:.0%}: every question would be refused.")
    for stratum, one in group["held_out"].items():
        interval = f"{one['ci_low']:.0%}-{one['ci_high']:.0%}"
        click.echo(f"  {stratum:18} answered {one['answered']:.1%} ({interval}) of {one['cases']}")
