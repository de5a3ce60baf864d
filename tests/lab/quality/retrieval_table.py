"""Measure what is found and what is refused, on every set that is named, in both languages.

    python -m tests.lab.quality.retrieval_table --keep DIR --xquad DIR --cmrc DIR --scifact DIR …

The sample company is always measured. ``--keep`` holds the collections and the questions' vectors
for the next run: then all takes minutes on one core. ``--set retrieve.NAME=VALUE`` tries an
option, ``--json FILE`` keeps what each question gave, and ``--compare BEFORE AFTER`` shows two
such files paired. ``--write`` writes the section "Retrieval table" of RESULTS.md.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from indexes.embedding.model_files import PACKAGED_MODEL
from ragdesk.answering.decision import answer_likelihood
from ragdesk.settings import Settings
from tests.lab.collection_shelf import CollectionShelf, change_setting, choose_settings
from tests.lab.quality.retrieval_sets import (
    FOLDERS,
    RetrievalSet,
    add_set_arguments,
    iter_sets,
)
from tests.lab.quality.retrieval_trial import (
    DECISION_HEAD,
    RANKING_HEAD,
    QuestionResult,
    compare_trials,
    format_figures,
    list_decision_figures,
    list_ranking_figures,
    read_trial,
    write_trial,
)
from tests.lab.results import write_section

HEADING = "Retrieval table"


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is measured: the embedder, the options on trial, where collections are kept."""
    parser.add_argument("--keep", type=Path, help="folder for collections and question vectors")
    parser.add_argument("--model", default=PACKAGED_MODEL, help="as [embed] model names it")
    parser.add_argument("--query-prefix", default="")
    parser.add_argument("--passage-prefix", default="")
    parser.add_argument(
        "--set", action="append", default=[], metavar="TABLE.NAME=VALUE", dest="changes"
    )
    parser.add_argument("--write", action="store_true", help="write the section of RESULTS.md")


def read_settings(options: argparse.Namespace) -> Settings:
    """Return the settings that a command line asks for. Raises ValueError."""
    settings = choose_settings(options.model, options.query_prefix, options.passage_prefix)
    for change in options.changes:
        settings = change_setting(settings, change)
    return settings


def measure_set(part: RetrievalSet, settings: Settings) -> Iterator[QuestionResult]:
    """Ask every question of a set."""
    for case in part.cases:
        retrieval = part.retrieve(case)
        chunks = [passage.chunk for passage in retrieval.passages]
        is_right = part.find_right(case) if case.answerable else None
        ranks = (n for n, chunk in enumerate(chunks, 1) if is_right and is_right(chunk))
        likelihood = answer_likelihood(retrieval.signals) if part.decides else None
        yield QuestionResult(
            set=part.name,
            id=case.id,
            cluster=case.cluster,
            answerable=case.answerable,
            rank=next(ranks, 0),
            scores={
                name: score(chunks, case) if case.answerable else 0.0
                for name, score in part.measures.items()
            },
            likelihood=likelihood,
            answered=None if likelihood is None else likelihood >= settings.decide.floor,
            family=part.family,
        )


def measure_sets(
    options: argparse.Namespace, shelf: CollectionShelf
) -> tuple[list[QuestionResult], list[str]]:
    """Measure the sets that were named; return the results, and where the time went."""
    results: list[QuestionResult] = []
    times: list[str] = []
    with ExitStack() as stack:
        for part in iter_sets(options, shelf, stack):
            begin, embedding = time.perf_counter(), shelf.embedder.seconds
            results += measure_set(part, shelf.settings)
            embedding = shelf.embedder.seconds - embedding
            seconds = time.perf_counter() - begin - embedding
            times.append(
                f"{part.name}: {len(part.cases)} questions, {seconds:.1f} s of search, "
                f"{embedding:.1f} s of embedding"
            )
            print(times[-1], flush=True)
            shelf.embedder.save()
    return results, times


def format_table(results: list[QuestionResult], shelf: CollectionShelf) -> str:
    """Write both tables as Markdown."""
    card, floor = shelf.embedder.card, shelf.settings.decide.floor
    embedder = (
        f"Embedder: {card.name} ({card.revision}). Intervals: Wilson's for shares, bootstrap for "
        "other means; over articles, reports, conversations and documents as clusters."
    )
    refusals = f"Refusals, by `decide` at its floor of {floor}, before anything is written:"
    return "\n\n".join(
        [
            embedder,
            format_figures(RANKING_HEAD, list_ranking_figures(results)),
            refusals,
            format_figures(DECISION_HEAD, list_decision_figures(results)),
        ]
    )


def main() -> None:
    """Measure, print, and write down if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_set_arguments(parser)
    add_run_arguments(parser)
    parser.add_argument("--json", type=Path, help="where to keep what each question gave")
    parser.add_argument("--compare", type=Path, nargs=2, metavar=("BEFORE", "AFTER"))
    options = parser.parse_args()
    if options.compare:
        print(compare_trials(*map(read_trial, options.compare)))
        return
    settings = read_settings(options)
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        shelf = CollectionShelf((options.keep or Path(scratch)).absolute(), settings)
        results, _ = measure_sets(options, shelf)
        body = format_table(results, shelf)
    print(
        f"{time.perf_counter() - begin:.0f} s in all, {shelf.ingest_seconds:.0f} s of it taking "
        f"in, {shelf.embedder.seconds:.0f} s embedding {shelf.embedder.computed} questions",
        flush=True,
    )
    print(body)
    if options.json:
        write_trial(options.json, results, {"model": options.model, "set": options.changes})
    if options.write:
        write_section(HEADING, name_command("retrieval_table", options), body)


def name_command(module: str, options: argparse.Namespace) -> str:
    """Write the command of a run without this machine's paths."""
    sets = "".join(f" --{name} DIR" for name in FOLDERS if getattr(options, name))
    model = "" if options.model == PACKAGED_MODEL else f" --model {Path(options.model).name}"
    changes = "".join(f" --set {change}" for change in options.changes)
    return f"python -m tests.lab.quality.{module}{sets}{model}{changes}"


if __name__ == "__main__":
    main()
