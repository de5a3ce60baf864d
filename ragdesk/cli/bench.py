"""``ragdesk bench``: how fast this machine ingests, searches and serves, and what holds it up."""

import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from eval.case import Case
from eval.targets import RagdeskTarget
from indexes.embedding.tokenizer import Tokenizer
from ragdesk.answering.answer import Question
from ragdesk.assemble import Workspace
from ragdesk.bench.answer_stream import StreamClient, estimate_few_tokens
from ragdesk.bench.goodput import (
    GoodputBounds,
    GoodputResult,
    describe_goodput,
    goodput_as_markdown,
)
from ragdesk.bench.load import (
    WAITING,
    LoadResult,
    QuestionTimer,
    loads_as_markdown,
    run_open_loop,
)
from ragdesk.cli import shared_options
from ragdesk.errors import CheckFailed, SettingsError
from ragdesk.settings import load_settings

BENCH_EXAMPLES = """
\b
Examples:
  ragdesk bench ingest ./handbook
  ragdesk bench search --questions cases.jsonl --rate 20 --rate 50
  ragdesk bench serve --url http://127.0.0.1:8080 --questions cases.jsonl --rate 5 --json
  ragdesk bench serve --model --questions cases.jsonl --rate 1 --rate 4 --send show
"""
rates_option = click.option(
    "--rate", "rates", multiple=True, type=click.FloatRange(0, min_open=True), default=(2.0, 10.0)
)
questions_option = click.option(
    "--questions", required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
seconds_option = click.option(
    "--seconds", default=10.0, show_default=True, type=click.FloatRange(1, 600)
)


@click.group("bench", epilog=BENCH_EXAMPLES)
def command() -> None:
    """Measure ingest, search and serving on this machine.

    Questions come at a fixed rate, whether earlier ones were answered or not: a load that waits
    for its answers hides the delays that people meet.
    """


@command.command("ingest")
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@shared_options.json_option
@click.pass_obj
def bench_ingest(call: shared_options.CliCall, /, *, path: Path, as_json: bool) -> None:
    """Take a folder into a collection that is thrown away, and say how fast."""
    loaded = load_settings(home=call.home, config=call.config)
    with tempfile.TemporaryDirectory() as scratch:
        workspace = Workspace(Path(scratch), loaded.settings)
        start = time.perf_counter()
        choice = workspace.embedders.choose(workspace.collection_folder("bench"))
        ready = time.perf_counter() - start
        used = _processor_seconds()
        start = time.perf_counter()
        report = workspace.make_job("bench", choice=choice).run([path])
        seconds, used = time.perf_counter() - start, _processor_seconds() - used
    cores = len(os.sched_getaffinity(0))
    busy = used / seconds / cores
    figures = {
        "documents": report.documents,
        "chunks": report.chunks,
        "seconds": round(seconds, 3),
        "chunks_per_second": round(report.chunks / seconds, 1),
        "load_model_seconds": round(ready, 3),
        "cores_busy": round(busy, 2),
        "bottleneck": "the processor" if busy > 0.7 else "waiting: reading, writing or one thread",  # noqa: PLR2004
    }
    if as_json:
        shared_options.print_json(figures)
        return
    for name, value in figures.items():
        click.echo(f"{name:20} {value}")


@command.command("search")
@questions_option
@shared_options.collection_option
@rates_option
@seconds_option
@shared_options.json_option
@click.pass_obj
def bench_search(
    call: shared_options.CliCall, /, *, collection: str, as_json: bool, **options: Any
) -> None:
    """Search this home's collection in this process, at each rate."""
    loaded = load_settings(home=call.home, config=call.config)
    with Workspace(loaded.home, loaded.settings).open_collection(collection) as opened:

        def ask(question: str) -> Mapping[str, float]:
            start = time.perf_counter()
            opened.retrieve(Question(text=question))
            return {"retrieve": time.perf_counter() - start}

        _report_loads(ask, options, as_json=as_json)


@command.command("serve")
@click.option("--url", default="http://127.0.0.1:8080", show_default=True)
@questions_option
@shared_options.collection_option
@click.option("--key", envvar="RAGDESK_EVAL_KEY", default="")
@rates_option
@seconds_option
@click.option("--model", "by_model", is_flag=True, help="Goodput of answers that a model writes.")
@click.option("--first", default=1.0, show_default=True, help="Seconds to the first word, at most.")
@click.option(
    "--tokens", default=30.0, show_default=True, help="Tokens a second from there, at least."
)
@click.option("--tokenizer", type=click.Path(path_type=Path), help="Count tokens by this file.")
@click.option("--send", type=click.Choice(["hold", "show"]), help="Held until checked, or shown.")
@shared_options.json_option
def bench_serve(*, url: str, collection: str, key: str, as_json: bool, **options: Any) -> None:
    """Ask a running server over HTTP, at each rate.

    With --model answers are streamed, and what counts is goodput: questions a second whose first
    word came in time and whose words then came fast enough.
    """
    if options["by_model"]:
        _report_goodput(url, collection, key, options, as_json=as_json)
        return
    with RagdeskTarget(url, collection, key=key) as target:

        def ask(question: str) -> Mapping[str, float]:
            seconds: dict[str, float] = target.ask(Case(id="", lang="", question=question))[
                "seconds"
            ]
            return seconds

        _report_loads(ask, options, as_json=as_json)


def _report_goodput(
    url: str, collection: str, key: str, options: Mapping[str, Any], *, as_json: bool
) -> None:
    count: Callable[[str], float] = estimate_few_tokens
    if options["tokenizer"]:
        count = Tokenizer(options["tokenizer"]).count_tokens
    ask = StreamClient(
        url=url, collection=collection, key=key, count_tokens=count, send=options["send"] or ""
    )
    bounds = GoodputBounds(first_seconds=options["first"], rate=options["tokens"])
    questions, seconds = _read_questions(options["questions"]), options["seconds"]
    try:
        ask(questions[0])  # warm, and there
    except (OSError, ValueError) as error:
        raise CheckFailed(f"{url} does not answer: {error} Is ragdesk serve running?") from error
    loads = [
        run_open_loop(ask, questions, rate=rate, seconds=seconds, places=WAITING)
        for rate in options["rates"]
    ]
    results = [GoodputResult(load=load, bounds=bounds) for load in loads]
    if as_json:
        shared_options.print_json(describe_goodput(results))
    else:
        click.echo(goodput_as_markdown(results))


def _report_loads(ask: QuestionTimer, options: Mapping[str, Any], *, as_json: bool) -> None:
    questions = _read_questions(options["questions"])
    places = 2 * len(os.sched_getaffinity(0)) + 6
    ask(questions[0])  # warm
    loads: list[LoadResult] = [
        run_open_loop(ask, questions, rate=rate, seconds=options["seconds"], places=places)
        for rate in options["rates"]
    ]
    if as_json:
        shared_options.print_json({"loads": [load.as_json() for load in loads]})
    else:
        click.echo(loads_as_markdown(loads))


def _read_questions(file: Path) -> list[str]:
    """Read questions: lines, or JSON lines with a question."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    try:
        questions = [
            json.loads(line)["question"] if line.startswith("{") else line for line in lines
        ]
    except (ValueError, KeyError) as error:
        raise SettingsError(f"{file}: a line has no question ({error}).") from error
    if not questions:
        raise SettingsError(f"{file} holds no questions.")
    return questions


def _processor_seconds() -> float:
    """Return the processor's seconds of this process and its ended children."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system
