"""``ragdesk eval calibrate``: fits how sure the desk must be before it answers."""

from pathlib import Path
from typing import Any

import click

from eval import run_folder, trial
from eval.calibrate import calibrate_confidence, collect_signal_rows, find_signal_versions
from eval.errors import BadCases
from ragdesk.answering.calibration import CALIBRATION_FILENAME, UNNOTED_VERSIONS
from ragdesk.assemble import Workspace
from ragdesk.cli import shared_options
from ragdesk.settings import load_settings

CALIBRATE_EXAMPLES = """
\b
Examples:
  ragdesk eval run cases.jsonl --out runs/today
  ragdesk eval calibrate runs/today --alpha 0.1
  ragdesk eval calibrate runs/today --alpha 0.05 --print-only
"""


@click.command("calibrate", epilog=CALIBRATE_EXAMPLES)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option(
    "--alpha",
    default=0.1,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="At most this share of unanswerable questions may be answered.",
)
@shared_options.collection_option
@click.option("--print-only", is_flag=True, help="Show what would hold; write nothing.")
@shared_options.json_option
@click.pass_obj
def command(
    call: shared_options.CliCall, /, *, folder: Path, alpha: float, as_json: bool, **options: Any
) -> None:
    """Fit when to answer on a stored run, and let the collection's desk use it.

    The run needs answerable and unanswerable questions. Its promise holds in 95 of 100 samples,
    and is tried on cases that were not used to fit. The desk then reports a confidence with every
    answer, warns when the documents are no longer those of today, and sets the fit aside when its
    signals are those of another embedder or version.
    """
    trials = trial.read_trials(folder)
    versions = find_signal_versions(trials.values())
    if not versions and not options["print_only"]:
        raise BadCases(
            "The answers of this run do not tell the versions of their signals: an earlier ragdesk "
            "or another engine gave them, and the desk would set the calibration aside. Ask "
            f"again: ragdesk eval run {folder} --out {folder} --fresh"
        )
    calibration = calibrate_confidence(
        list(collect_signal_rows(run_folder.read_cases(folder), trials)), alpha
    )
    calibration["versions"] = versions or UNNOTED_VERSIONS
    calibration["sketch"] = run_folder.read_target_facts(folder)["target"].get("sketch", [])
    run_folder.write_json(folder / CALIBRATION_FILENAME, calibration)
    target_file = None
    if not options["print_only"]:
        loaded = load_settings(home=call.home, config=call.config)
        place = Workspace(loaded.home, loaded.settings).find_collection(options["collection"])
        target_file = place / CALIBRATION_FILENAME
        run_folder.write_json(target_file, calibration)
    if as_json:
        shared_options.print_json(calibration)
        return
    for name, group in calibration["groups"].items():
        _print_group(name, group, alpha)
    written = target_file or folder / CALIBRATION_FILENAME
    click.echo(f"Written: {written}. A running server reads it when it restarts.")


def _print_group(name: str, group: dict[str, Any], alpha: float) -> None:
    language = "all languages together" if name == "*" else name
    click.echo(f"{language}: answer from {group['floor']:.3f} on, AUROC {group['auroc']:.3f}")
    if group["floor"] > 1:
        click.echo(f"  No floor keeps {alpha:.0%}: every question would be refused.")
    for stratum, result in group["held_out"].items():
        interval = f"{result['ci_low']:.0%}-{result['ci_high']:.0%}"
        click.echo(
            f"  {stratum:18} answered {result['answered']:.1%} ({interval}) of {result['cases']}"
        )
