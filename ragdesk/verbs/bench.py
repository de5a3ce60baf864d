"""``ragdesk bench``: how fast this machine ingests, searches and serves, and what holds it up."""

import json
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from eval.case import Case
from eval.load import Ask, Load, markdown, open_loop
from eval.targets import Ragdesk
from ragdesk.answering.answer import Question
from ragdesk.assemble import Desks
from ragdesk.errors import SettingsError
from ragdesk.settings import load as settings_of
from ragdesk.verbs import call

EXAMPLES = """
\b
Examples:
  ragdesk bench ingest ./handbook
  ragdesk bench search --questions cases.jsonl --rate 20 --rate 50
  ragdesk bench serve --url http://127.0.0.1:8080 --questions cases.jsonl --rate 5 --json
"""
rates = click.option(
    "--rate", "rates", multiple=True, type=click.FloatRange(0, min_open=True), default=(2.0, 10.0)
)
asked = click.option(
    "--questions", required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
lasting = click.option("--seconds", default=10.0, show_default=True, type=click.FloatRange(1, 600))


@click.group("bench", epilog=EXAMPLES)
def command() -> None:
    """Measure ingest, search and serving on this machine.

    Questions come at a fixed rate, whether earlier ones were answered or not: a load that waits
    for its answers hides the delays that people meet.
    """


@command.command("ingest")
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@call.json
@click.pass_obj
def ingest(door: call.Call, /, *, path: Path, as_json: bool) -> None:
    """Take a folder into a collection that is thrown away, and say how fast."""
    loaded = settings_of(home=door.home, config=door.config)
    with tempfile.TemporaryDirectory() as scratch:
        desks = Desks(Path(scratch), loaded.settings)
        begun = time.perf_counter()
        _ = desks.embedder
        ready = time.perf_counter() - begun
        used, begun = _processor(), time.perf_counter()
        report = desks.job("bench").run([path])
        seconds, used = time.perf_counter() - begun, _processor() - used
    cores = len(os.sched_getaffinity(0))
    busy = used / seconds / cores
    found = {
        "documents": report.documents,
        "chunks": report.chunks,
        "seconds": round(seconds, 3),
        "chunks_per_second": round(report.chunks / seconds, 1),
        "load_model_seconds": round(ready, 3),
        "cores_busy": round(busy, 2),
        "bottleneck": "the processor" if busy > 0.7 else "waiting: reading, writing or one thread",  # noqa: PLR2004
    }
    if as_json:
        call.say_json(found)
        return
    for name, value in found.items():
        click.echo(f"{name:20} {value}")


@command.command("search")
@asked
@call.collection
@rates
@lasting
@call.json
@click.pass_obj
def search(door: call.Call, /, *, collection: str, as_json: bool, **given: Any) -> None:
    """Search this home's collection in this process, at each rate."""
    loaded = settings_of(home=door.home, config=door.config)
    with Desks(loaded.home, loaded.settings).open(collection) as opened:

        def ask(question: str) -> Mapping[str, float]:
            begun = time.perf_counter()
            opened.retrieve(Question(text=question))
            return {"retrieve": time.perf_counter() - begun}

        _report(ask, given, as_json=as_json)


@command.command("serve")
@click.option("--url", default="http://127.0.0.1:8080", show_default=True)
@asked
@call.collection
@click.option("--key", envvar="RAGDESK_EVAL_KEY", default="")
@rates
@lasting
@call.json
def serve(*, url: str, collection: str, key: str, as_json: bool, **given: Any) -> None:
    """Ask a running server over HTTP, at each rate."""
    with Ragdesk(url, collection, key=key) as target:

        def ask(question: str) -> Mapping[str, float]:
            told: dict[str, float] = target.ask(Case(id="", lang="", question=question))["seconds"]
            return told

        _report(ask, given, as_json=as_json)


def _report(ask: Ask, given: Mapping[str, Any], *, as_json: bool) -> None:
    asked = _read(given["questions"])
    places = 2 * len(os.sched_getaffinity(0)) + 6
    ask(asked[0])  # warm
    loads: list[Load] = [
        open_loop(ask, asked, rate=rate, seconds=given["seconds"], places=places)
        for rate in given["rates"]
    ]
    if as_json:
        call.say_json({"loads": [one.as_json() for one in loads]})
    else:
        click.echo(markdown(loads))


def _read(file: Path) -> list[str]:
    """Read questions: lines, or JSON lines with a question."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    try:
        found = [json.loads(line)["question"] if line.startswith("{") else line for line in lines]
    except (ValueError, KeyError) as error:
        raise SettingsError(f"{file}: a line has no question ({error}).") from error
    if not found:
        raise SettingsError(f"{file} holds no questions.")
    return found


def _processor() -> float:
    """Give the processor's seconds of this process and its ended children."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system
