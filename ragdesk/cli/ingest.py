"""``ragdesk ingest``: files and folders in, a new generation out."""

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn
from rich.progress import Progress as Bar

from indexes.errors import CollectionBusy, IndexesError
from indexes.upkeep import history
from ingest.connectors.source_options import RemoteSourceOptions
from ingest.errors import IngestError, MassRemoval, SourceUnreadable
from ingest.job import IngestJob
from ingest.job_forecast import JobForecast
from ingest.job_report import JobReport
from ingest.progress import JobProgress, ProgressCallback, ignore_progress
from ingest.runners import RunnerKind
from ingest.source_files import Listing
from ingest.source_watcher import WatchOptions, watch_sources
from ragdesk.assemble import Workspace
from ragdesk.cli import shared_options, terminal
from ragdesk.cli.ingest_report import print_report
from ragdesk.cli.ingest_sources import (
    FetchedSources,
    discard_removed,
    fetch_sources,
    find_source_options,
    print_sync_reports,
)
from ragdesk.collection_embedders import EmbedderChoice
from ragdesk.embedding_effort import UNMEASURED_RATE, format_duration, format_effort
from ragdesk.errors import HomeBusy, SettingsError, describe_error
from ragdesk.file_handles import raise_handle_limit
from ragdesk.home_lock import use_home
from ragdesk.sample_company import SAMPLE_FOLDER, has_sample, is_demo
from ragdesk.settings import load_settings

INGEST_EXAMPLES = """
\b
Examples:
  ragdesk ingest ./handbook                    add it, or bring it up to date
  ragdesk ingest ./handbook --plan             say what would change, change nothing
  ragdesk ingest ./hr --groups staff,managers  only keys of these groups see it
  ragdesk ingest ./faq.csv -c support --json   one file, another collection
  ragdesk ingest ./handbook --re-embed         move it to the model that is now the default
  ragdesk ingest ./hr --model packaged-english this collection with a model of its own
  ragdesk ingest ./handbook --on ray           parse and embed on a Ray cluster
  ragdesk ingest ./handbook --watch            and again after every change, until Ctrl-C
  ragdesk ingest --remove ./old                take a source away, also when it is gone
  ragdesk ingest ./new --remove ./old          it moved: the same names, nothing is embedded
  ragdesk ingest --source wiki                 what [sources.wiki] in the settings names
  */5 * * * *  ragdesk ingest /srv/kb --quiet  in a crontab: says what changed, or nothing

\b
Exit codes: 0 done (nothing to do is done too) · 2 usage or settings · 3 the index cannot be used
  4 a PATH cannot be read, or most of it would be removed · 75 another job is under way
"""


@click.command("ingest", epilog=INGEST_EXAMPLES)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="PATH…")
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="NAME",
    help="A website, wiki or document cloud of the settings: [sources.NAME].",
)
@shared_options.collection_option
@click.option("--plan", is_flag=True, help="Say what would change, and change nothing.")
@click.option(
    "--groups",
    callback=shared_options.parse_names,
    help="Who may see these documents, with commas between the groups.",
)
@click.option(
    "--remove",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Take a source away with its documents, whether or not the folder is still there.",
)
@click.option(
    "--beside-sample", is_flag=True, help="Even into a collection that ragdesk demo made."
)
@click.option("--allow-removals", is_flag=True, help="Even if over half of a source is gone.")
@click.option(
    "--begin-anew",
    is_flag=True,
    help="If the collection is damaged, let go of all but these PATHs; --plan says of what.",
)
@click.option(
    "--on",
    default="local",
    type=click.Choice(["local", "ray"]),
    show_default=True,
    help="Which machines compute: this one, or a Ray cluster (see [ray] in the settings).",
)
@click.option(
    "--model",
    metavar="NAME|FOLDER",
    help="Embedding model of this collection from now on, in place of [embed] model.",
)
@click.option(
    "--re-embed", is_flag=True, help="Move the collection to the model that is now the default."
)
@click.option("--watch", is_flag=True, help="Stay, and take changes in as they happen.")
@click.option(
    "--every",
    "interval",
    default=2.0,
    show_default=True,
    type=click.FloatRange(min=0.1),
    help="Seconds between two looks, with --watch.",
)
@click.option("--quiet", is_flag=True, help="Say nothing where nothing changed.")
@shared_options.json_option
@click.pass_obj
def command(  # noqa: PLR0913, one parameter an option
    call: shared_options.CliCall,
    *,
    paths: tuple[Path, ...],
    sources: tuple[str, ...],
    collection: str,
    plan: bool,
    groups: frozenset[str] | None,
    remove: tuple[Path, ...],
    beside_sample: bool,
    allow_removals: bool,
    begin_anew: bool,
    on: str,
    model: str | None,
    re_embed: bool,
    watch: bool,
    interval: float,
    quiet: bool,
    as_json: bool,
) -> None:
    """Mirror files and folders into a collection, and publish them as a new generation.

    What is gone from a PATH is removed here; other sources stay. A file that cannot be read is
    skipped with its reason. Nothing changes before the end, and then all at once.
    """
    if not (paths or remove or sources):
        raise click.UsageError(
            "Name a PATH to take in, a --source NAME, or what to take away: --remove PATH."
        )
    loaded = load_settings(home=call.home, config=call.config)
    raise_handle_limit()
    run = IngestRun(
        call=call,
        workspace=Workspace(loaded.home, loaded.settings),
        collection=collection,
        where="ray" if on == "ray" else "local",
        quiet=quiet,
        as_json=as_json,
        model=model,
        re_embed=re_embed,
    )
    remote = find_source_options(sources, loaded.settings.sources)
    if (paths or remote) and not beside_sample:
        run.keep_sample_apart([*paths, *map(Path, remote)])
    if not paths and not remote:
        run.workspace.find_collection(collection)  # else it would be made, to take nothing away
    changes: dict[str, Any] = {"groups": groups, "begin_anew": begin_anew, "remove": remove}
    if watch:
        if as_json or plan or begin_anew or remove or remote:
            raise click.UsageError(
                "--watch goes without --json, --plan, --begin-anew, --remove, --source."
            )
        run.watch(paths, interval=interval, groups=groups, allow_removals=allow_removals)
    else:
        with run.fetch(remote) as listing:
            if plan:
                run.plan(paths, remote=listing, **changes)
            else:
                changes["allow_removals"] = allow_removals
                run.run_confirmed(paths, remote=listing, **changes)


@dataclass(slots=True, kw_only=True)
class IngestRun:
    """What one call of the verb does. model, re_embed: for the first job that is done."""

    call: shared_options.CliCall
    workspace: Workspace
    collection: str
    where: RunnerKind
    quiet: bool
    as_json: bool
    model: str | None
    re_embed: bool
    errors: Console = field(default_factory=lambda: terminal.open_console(err=True))
    fetched: FetchedSources | None = None

    def run(self, paths: Sequence[Path], **options: Any) -> None:
        """Run one job, and report it. Raises HomeBusy while a backup is restored."""
        with use_home(self.workspace.home):
            self._run_job(paths, **options)

    def _run_job(self, paths: Sequence[Path], **options: Any) -> None:
        choice = self._choose_embedder()
        job = self.workspace.make_job(self.collection, choice=choice, on=self.where)

        def say_forecast(forecast: JobForecast) -> None:
            if not self.quiet:
                _print_lines(self.errors, self._forecast_lines(choice, forecast))

        with bar(self.errors) as progress:
            report = job.run(paths, on_forecast=say_forecast, on_progress=progress, **options)
        self.model, self.re_embed = None, False
        self.workspace.replicate_collection(self.collection)
        if not (self.quiet and report.is_quiet):
            self._print_report(report, plan=False)
        if report.due and _merge_segments(job, self.errors):
            self.workspace.replicate_collection(self.collection)
        self.workspace.reading.prepare_models()

    @contextmanager
    def fetch(self, remote: Mapping[str, RemoteSourceOptions]) -> Iterator[Listing]:
        """Fetch what changed in sources that are no folders, and keep it as it is for a block."""
        if not remote:
            yield ()
            return
        with ExitStack() as stack:
            with bar(self.errors) as progress:
                self.fetched = stack.enter_context(
                    fetch_sources(self.workspace.home, remote, progress)
                )
            yield self.fetched.listing

    def keep_sample_apart(self, paths: Sequence[Path]) -> None:
        """Keep one's own documents out of a collection of the sample company.

        Raises SettingsError for one that the demo made. Where the sample company came in another
        way, or by an older demo, say how it goes.
        """
        folder = self.workspace.collection_folder(self.collection)
        if not has_sample(folder) or all(map(_is_sample, paths)):
            return
        if is_demo(folder):
            raise SettingsError(
                f"The collection {self.collection!r} of {self.workspace.home} is the sample "
                "company's. Take your own documents into another home, or another collection: "
                "--collection NAME. If they are to stand beside it: --beside-sample"
            )
        if not self.quiet:
            remove = self.call.shell_command("ingest", self.collection)
            line = f"{self.collection}: holds the sample company too; it goes with: {remove}"
            self.errors.print(f"{line} --remove {SAMPLE_FOLDER}", soft_wrap=True)

    def run_confirmed(
        self, paths: Sequence[Path], *, allow_removals: bool, remove: Sequence[Path], **options: Any
    ) -> None:
        """Run one job. On a terminal, ask before a source is taken away, instead of refusing."""
        try:
            self.run(paths, allow_removals=allow_removals, remove=remove, **options)
        except MassRemoval as error:
            if not remove or self.as_json or not terminal.is_terminal():
                raise
            click.confirm(f"{error}\nRemove them now?", abort=True, err=True)
            self.run(paths, allow_removals=True, remove=remove, **options)
        discard_removed(self.workspace.home, remove)

    def plan(self, paths: Sequence[Path], **options: Any) -> None:
        """Report what a job would do."""
        choice = self._choose_embedder()
        job = self.workspace.make_job(self.collection, choice=choice)
        with bar(self.errors) as progress:
            report = job.plan(paths, on_progress=progress, **options)
        self._print_report(report, plan=True, choice=choice)

    def watch(self, paths: Sequence[Path], *, interval: float, **options: Any) -> None:
        """Run a job now and after every change, each with the embedder of that moment."""
        _run_on_changes(
            paths,
            lambda: self.run(paths, **options),
            interval=interval,
            home=self.workspace.home,
            errors=self.errors,
        )

    def _choose_embedder(self) -> EmbedderChoice:
        folder = self.workspace.collection_folder(self.collection)
        return self.workspace.embedders.choose(folder, model=self.model, re_embed=self.re_embed)

    def _forecast_lines(self, choice: EmbedderChoice, forecast: JobForecast) -> Iterator[str]:
        """Say which model the collection keeps or gets, and about how long embedding takes."""
        yield from self._keep_lines(choice)
        card = choice.embedder.card
        if not forecast.chunks or card.words_only:
            return
        effort = format_effort(forecast.chunks, self.workspace.embedders.load_rate(choice.embedder))
        moves = self.workspace.embedders.describe_move(choice)
        old = choice.facts["name"] if choice.facts else ""
        what = f"moves from {old} to {card.name}" if moves else f"embeds with {card.name}"
        yield f"{self.collection}: {what}: {effort}."

    def _keep_lines(self, choice: EmbedderChoice) -> Iterator[str]:
        if choice.moves_to and choice.facts:
            folder = self.workspace.collection_folder(self.collection)
            standing = next((s for s in history.list_history(folder) if s.current), None)
            rate = UNMEASURED_RATE * (os.cpu_count() or 1)
            effort = format_effort(standing.chunks if standing else 0, rate)
            yield (
                f"{self.collection}: keeps {choice.facts['name']}; --re-embed moves it to "
                f"{choice.moves_to}: {effort}."
            )

    def _print_report(
        self, report: JobReport, *, plan: bool, choice: EmbedderChoice | None = None
    ) -> None:
        seconds = 0.0
        if choice and report.embedded:
            seconds = report.embedded / self.workspace.embedders.load_rate(choice.embedder)
        if self.as_json:
            more: dict[str, Any] = {"embed_seconds": round(seconds, 3)} if plan else {}
            if self.fetched:
                more["sources"] = self.fetched.to_json()
            shared_options.print_json(report.to_json(plan=plan) | more)
            return
        to = terminal.open_console()
        if self.fetched:
            print_sync_reports(to, self.fetched.reports)
        print_report(to, report, self.call, plan=plan)
        if choice:
            _print_lines(to, self._keep_lines(choice))
        if seconds:
            to.print(f"{report.embedded:,} texts to embed, {format_duration(seconds)}.")


def _is_sample(path: Path) -> bool:
    return path.resolve().is_relative_to(SAMPLE_FOLDER.resolve())


def _print_lines(to: Console, lines: Iterable[str]) -> None:
    for line in lines:
        to.print(line, soft_wrap=True, highlight=False)


def _merge_segments(job: IngestJob, errors: Console) -> bool:
    """Merge segments behind the publishing: whoever asks has the new documents meanwhile."""
    try:
        job.compact()
    except (IndexesError, OSError) as error:
        errors.print(f"Published, but its segments were not merged: {describe_error(error)}")
        return False
    return True


def _run_on_changes(
    paths: Sequence[Path],
    run: Callable[[], None],
    *,
    interval: float,
    home: Path,
    errors: Console,
) -> None:
    """Run after every change until SIGINT or SIGTERM. What a job refuses is said, once."""
    ended = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: ended.set())

    def run_once() -> bool:
        try:
            run()
        except (CollectionBusy, HomeBusy):
            return False
        except IngestError as error:
            errors.print(f"ragdesk: {error}")
        return True

    def report_absence(error: SourceUnreadable) -> None:
        errors.print(f"ragdesk: {error} Waiting for it.")

    options = WatchOptions(interval=interval, quiet_period=interval)
    watch_sources(
        paths,
        run_once,
        options=options,
        stop=ended,
        excluded_folder=home,
        on_unavailable=report_absence,
    )


@contextmanager
def bar(to: Console) -> Iterator[ProgressCallback]:
    """Show a job's progress on a terminal; where there is none, nothing."""
    if not to.is_terminal:
        yield ignore_progress
        return
    columns = (
        SpinnerColumn(),
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[more]}"),
    )
    with Bar(*columns, console=to, transient=True) as progress:
        task = progress.add_task("Taking in", total=None, more="")

        def show(now: JobProgress) -> None:
            parsed = now.done == now.total  # the last texts are still to be given their vectors
            what = "Embedding, publishing" if parsed else "Taking in"
            words = _progress_text(now, parsed=parsed)
            progress.update(task, description=what, total=now.total, completed=now.done, more=words)

        yield show


def _progress_text(now: JobProgress, *, parsed: bool) -> str:
    time_left = (
        "" if parsed or now.seconds_left is None else f" · {_format_clock(now.seconds_left)} left"
    )
    skipped = f" · {now.skipped} skipped" if now.skipped else ""
    return f"{now.documents_per_second:.1f} documents/s{time_left} · {now.chunks:,} chunks{skipped}"


def _format_clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
