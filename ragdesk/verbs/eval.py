"""``ragdesk eval``: measure answers, hold them against a gate, compare two builds."""

from pathlib import Path
from typing import Any

import click

from eval import compare, locate, store
from eval.imports.table import SOURCES, take
from ragdesk.errors import CheckFailed, SettingsError
from ragdesk.target import opened
from ragdesk.verbs import call, eval_calibrate, eval_generate, eval_judge, eval_run, eval_validate

EXAMPLES = """
\b
Examples:
  ragdesk eval lint cases.jsonl                   does the evidence still stand?
  ragdesk eval run cases.jsonl --out runs/today   ask this machine's desk, and measure
  ragdesk eval run cases.jsonl --target http://desk:8080 --out runs/today --gate gate.toml
  ragdesk eval run cases.jsonl --target rival.toml --out runs/rival
  ragdesk eval compare runs/today runs/yesterday
"""
SETS = "\b\nSets:\n" + "".join(f"  {name}: {one.about}\n" for name, one in SOURCES.items())
folder = click.Path(path_type=Path, file_okay=False)
file = click.Path(path_type=Path, exists=True)


@click.group("eval", epilog=EXAMPLES)
def command() -> None:
    """Measure answers: what is found, said, cited and refused, with intervals.

    Everything is counted from words and offsets, without a model and without a network.
    """


command.add_command(eval_run.command)
command.add_command(eval_calibrate.command)
command.add_command(eval_generate.command)
command.add_command(eval_judge.judge)
command.add_command(eval_judge.prefer)
command.add_command(eval_validate.command)


@command.command("import", epilog=SETS)
@click.argument("name", type=click.Choice(list(SOURCES)))
@click.argument("path", type=file)
@click.option("--out", required=True, type=folder, help="Folder for cases.jsonl and documents/.")
@call.json
def import_(*, name: str, path: Path, out: Path, as_json: bool) -> None:
    """Read a public set as cases and documents."""
    cases, texts = take(name, path, out)
    if as_json:
        call.say_json({"cases": cases, "documents": texts, "out": str(out)})
        return
    click.echo(
        f"{cases:,} cases in {out / store.CASES}, {texts:,} documents in {out / 'documents'}"
    )
    if texts:
        click.echo(f"Next: ragdesk ingest {out / 'documents'} --collection {name}")


@command.command("lint")
@click.argument("cases", type=file)
@eval_run.asked
@click.option("--no-documents", is_flag=True, help="Check the file alone.")
@call.json
@click.pass_obj
def lint(
    door: call.Call, /, *, cases: Path, no_documents: bool, as_json: bool, **asked: Any
) -> None:
    """Name every case whose document drifted away from it, or that is written wrong."""
    held = store.read_cases(cases)
    if no_documents:
        problems = list(locate.lint(held, None))
    else:
        with opened(door, asked["target"], asked["collection"], asked["key"]) as target:
            if not target.readable:
                raise SettingsError("This target's documents cannot be read: --no-documents.")
            problems = list(locate.lint(held, target.text))
    bad = {one.case for one in problems if one.fatal}
    if as_json:
        found = [{"case": p.case, "problem": p.what, "fatal": p.fatal} for p in problems]
        call.say_json({"cases": len(held), "broken": len(bad), "problems": found})
    else:
        for one in problems:
            click.echo(f"{one.case}: {one.what}")
        click.echo(f"{len(held)} cases, {len(bad)} broken.")
    if bad:
        raise CheckFailed(f"{len(bad)} of {len(held)} cases cannot be measured as they stand.")


@command.command("compare")
@click.argument("ours", type=folder)
@click.argument("theirs", type=folder)
@click.option("--metric", "metrics", multiple=True, help="Compare this one; may be repeated.")
@call.json
def compare_(*, ours: Path, theirs: Path, metrics: tuple[str, ...], as_json: bool) -> None:
    """Compare two measured runs, case by case; exit 1 where ours is significantly worse.

    Differences come with an interval, a p value adjusted for the number of metrics, and the
    smallest effect that these cases would have shown.
    """
    found = compare.runs(ours, theirs, metrics)
    if as_json:
        call.say_json(compare.as_json(found))
    else:
        for one in found:
            effect = one.difference.effect
            click.echo(
                f"{one.name:24} {one.ours:.3f}  {one.theirs:.3f}  {effect.value:+.3f} "
                f"[{effect.low:+.3f}, {effect.high:+.3f}]  p {one.adjusted:.3f}  {one.call}"
            )
    worse = [one.name for one in found if one.call == "worse"]
    if worse:
        raise CheckFailed(f"Significantly worse: {', '.join(worse)}.")
