"""``ragdesk eval``: measure answers, hold them against a gate, compare two builds."""

from pathlib import Path
from typing import Any

import click

from eval import compare, evidence, run_folder
from eval.imports.registry import SOURCES, import_set
from ragdesk.cli import (
    eval_bias,
    eval_calibrate,
    eval_generate,
    eval_judge,
    eval_run,
    eval_validate,
    shared_options,
)
from ragdesk.cli.eval_target import open_eval_target
from ragdesk.errors import CheckFailed, SettingsError

EVAL_EXAMPLES = """
\b
Examples:
  ragdesk eval lint cases.jsonl                   does the evidence still stand?
  ragdesk eval run cases.jsonl --out runs/today   ask this machine's desk, and measure
  ragdesk eval run cases.jsonl --target http://desk:8080 --out runs/today --gate gate.toml
  ragdesk eval run cases.jsonl --target rival.toml --out runs/rival
  ragdesk eval compare runs/today runs/yesterday
  ragdesk eval bias pairs.jsonl --out runs/bias   does it matter who asks, or how?
"""
PUBLIC_SETS = "\b\nSets:\n" + "".join(
    f"  {name}: {source.about}\n" for name, source in SOURCES.items()
)
folder_path = click.Path(path_type=Path, file_okay=False)
input_file = click.Path(path_type=Path, exists=True)


@click.group("eval", epilog=EVAL_EXAMPLES)
def command() -> None:
    """Measure answers: what is found, said, cited and refused, with intervals.

    Everything is counted from words and offsets, without a model and without a network.
    """


command.add_command(eval_run.command)
command.add_command(eval_bias.command)
command.add_command(eval_calibrate.command)
command.add_command(eval_generate.command)
command.add_command(eval_judge.judge_command)
command.add_command(eval_judge.prefer_command)
command.add_command(eval_validate.command)


@command.command("import", epilog=PUBLIC_SETS)
@click.argument("name", type=click.Choice(list(SOURCES)))
@click.argument("path", type=input_file)
@click.option(
    "--out", required=True, type=folder_path, help="Folder for cases.jsonl and documents/."
)
@shared_options.json_option
def eval_import(*, name: str, path: Path, out: Path, as_json: bool) -> None:
    """Read a public set as cases and documents."""
    cases, texts = import_set(name, path, out)
    if as_json:
        shared_options.print_json({"cases": cases, "documents": texts, "out": str(out)})
        return
    click.echo(
        f"{cases:,} cases in {out / run_folder.CASES}, {texts:,} documents in {out / 'documents'}"
    )
    if texts:
        click.echo(f"Next: ragdesk ingest {out / 'documents'} --collection {name}")


@command.command("lint")
@click.argument("cases", type=input_file)
@eval_run.run_target_options
@click.option("--no-documents", is_flag=True, help="Check the file alone.")
@shared_options.json_option
@click.pass_obj
def eval_lint(
    call: shared_options.CliCall,
    /,
    *,
    cases: Path,
    no_documents: bool,
    as_json: bool,
    **target_options: Any,
) -> None:
    """Name every case whose document drifted away from it, or that is written wrong."""
    checked_cases = run_folder.read_cases(cases)
    if no_documents:
        problems = list(evidence.lint_cases(checked_cases, None))
    else:
        with open_eval_target(
            call, target_options["target"], target_options["collection"], target_options["key"]
        ) as target:
            if not target.readable:
                raise SettingsError("This target's documents cannot be read: --no-documents.")
            problems = list(evidence.lint_cases(checked_cases, target.text))
    bad = {problem.case for problem in problems if problem.fatal}
    if as_json:
        listed = [{"case": p.case, "problem": p.what, "fatal": p.fatal} for p in problems]
        shared_options.print_json(
            {"cases": len(checked_cases), "broken": len(bad), "problems": listed}
        )
    else:
        for problem in problems:
            click.echo(f"{problem.case}: {problem.what}")
        click.echo(f"{len(checked_cases)} cases, {len(bad)} broken.")
    if bad:
        raise CheckFailed(
            f"{len(bad)} of {len(checked_cases)} cases cannot be measured as they stand."
        )


@command.command("compare")
@click.argument("ours", type=folder_path)
@click.argument("theirs", type=folder_path)
@click.option("--metric", "metrics", multiple=True, help="Compare this one; may be repeated.")
@shared_options.json_option
def eval_compare(*, ours: Path, theirs: Path, metrics: tuple[str, ...], as_json: bool) -> None:
    """Compare two measured runs, case by case; exit 1 where ours is significantly worse.

    Differences come with an interval, a p value adjusted for the number of metrics, and the
    smallest effect that these cases would have shown.
    """
    comparisons = compare.compare_runs(ours, theirs, metrics)
    if as_json:
        shared_options.print_json(compare.comparison_as_json(comparisons))
    else:
        for comparison in comparisons:
            effect = comparison.difference.effect
            click.echo(
                f"{comparison.name:24} {comparison.ours:.3f}  {comparison.theirs:.3f}  "
                f"{effect.value:+.3f} [{effect.low:+.3f}, {effect.high:+.3f}]  "
                f"p {comparison.adjusted:.3f}  {comparison.call}"
            )
    worse = [comparison.name for comparison in comparisons if comparison.call == "worse"]
    if worse:
        raise CheckFailed(f"Significantly worse: {', '.join(worse)}.")
