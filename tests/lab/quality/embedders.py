"""Measure whether the weights of retrieval do for embedders whose cosines live in other ranges.

    python -m tests.lab.quality.embedders --sets DIR [--tidb DIR] [--keep DIR] [--model FOLDER]

Three embedders: the packaged English one, the packaged multilingual one, and a random projection of
that, all of whose cosines lie above 0.75; ``--model`` adds a sentence-transformers folder. Each
takes in the sample company and the documents of ``--sets``, and is asked all their questions: by
the weights as they are, which are the same for all, and by weights refitted for that embedder on
those very questions, which favours the latter. A case is lost where only refitted weights put a
right passage first, or among the eight of an answer.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from eval.stats import estimate_mean
from indexes.embedding.embedder import Embedder, EmbedOptions, open_embedder
from indexes.embedding.model_files import PACKAGED_MODEL
from tests.lab.collection_shelf import CollectionShelf, choose_settings
from tests.lab.quality.fusion_features import (
    CandidateTable,
    gather_candidates,
    measure_drift,
    read_weights,
)
from tests.lab.quality.fusion_fit import (
    LARGEST_DRIFT,
    fit_weights,
    fit_without_kin,
    list_hits,
    name_kin,
)
from tests.lab.quality.retrieval_sets import FOLDERS, SHOWN, add_set_arguments, iter_sets
from tests.lab.quality.retrieval_table import measure_set
from tests.lab.results import write_section
from tests.shifted_embedder import ShiftedEmbedder

ENGLISH = "packaged-english"
PROJECTED_DIM = 256
FLOOR = 0.75
HEAD = """| embedder | right among | questions | weights as they are | refitted on the same \
| lost / won | refitted on others | lost / won |
| --- | --- | --- | --- | --- | --- | --- | --- |"""
ANSWERED_HEAD = """| embedder | answered, of the answerable | answered, of the others |
| --- | --- | --- |"""


@dataclass(frozen=True, slots=True)
class EmbedderTrial:
    """What an embedder gave: candidates of each set, and whether it answered what (not) to."""

    tables: Sequence[CandidateTable]
    answered: Sequence[float]
    answered_wrongly: Sequence[float]


def open_embedders(options: argparse.Namespace, cache: Path) -> dict[str, Embedder]:
    """Open the two packaged embedders, a projection of one, and that of a folder if named."""
    multilingual = open_embedder(EmbedOptions(), cache)
    embedders: dict[str, Embedder] = {
        ENGLISH: open_embedder(EmbedOptions(model=ENGLISH), cache),
        PACKAGED_MODEL: multilingual,
        f"{PACKAGED_MODEL}, projected and shifted": ShiftedEmbedder(
            multilingual, floor=FLOOR, dim=PROJECTED_DIM
        ),
    }
    if options.model:
        named = EmbedOptions(
            model=str(options.model),
            query_prefix=options.query_prefix,
            passage_prefix=options.passage_prefix,
        )
        embedders[options.model.name] = open_embedder(named, cache)
    return embedders


def try_embedder(embedder: Embedder, options: argparse.Namespace, folder: Path) -> EmbedderTrial:
    """Take everything in with an embedder, and ask. Raises ValueError on drift."""
    shelf = CollectionShelf(folder, choose_settings(PACKAGED_MODEL, "", ""), embedder)
    weights = read_weights(shelf.settings.retrieve)
    tables: list[CandidateTable] = []
    answered: dict[bool, list[float]] = {True: [], False: []}
    with ExitStack() as stack:
        for part in iter_sets(options, shelf, stack):
            tables.append(gather_candidates(part, shelf.settings.retrieve))
            drift = measure_drift(tables[-1], weights)
            if drift > LARGEST_DRIFT:
                raise ValueError(f"{part.name}: fuse_parts differs from the retriever by {drift}")
            for result in measure_set(part, shelf.settings):
                answered[result.answerable].append(float(result.answered or False))
            shelf.embedder.save()
    return EmbedderTrial(tables, answered[True], answered[False])


def format_rows(name: str, trial: EmbedderTrial, near: float, by: str) -> Iterator[str]:
    """Yield a row for each depth: shares right, and cases lost and won to refitted weights."""
    weights = read_weights(choose_settings(PACKAGED_MODEL, "", "").retrieve)
    same = fit_weights(trial.tables, weights, by=by)
    others = fit_without_kin(trial.tables, weights, by=by)
    for depth in (1, SHOWN):
        now, on_same, on_others = (
            [hit for table in trial.tables for hit in list_hits(table, choose(table), near, depth)]
            for choose in (lambda _: weights, lambda _: same, lambda t: others[name_kin(t)])
        )
        cells = [name, f"first {depth}", str(len(now)), str(estimate_mean(now))]
        for refitted in (on_same, on_others):
            lost = sum(a < b for a, b in zip(now, refitted, strict=True))
            won = sum(a > b for a, b in zip(now, refitted, strict=True))
            cells += [f"{estimate_mean(refitted).value:.3f}", f"{lost} / {won}"]
        yield f"| {' | '.join(cells)} |"


def format_answered(name: str, trial: EmbedderTrial) -> str:
    """Write a row: how many questions were answered that can be, and that cannot."""
    shares = estimate_mean(trial.answered), estimate_mean(trial.answered_wrongly)
    return f"| {name} | {shares[0]} | {shares[1]} |"


def report_embedders(options: argparse.Namespace, folder: Path) -> str:
    """Try each embedder, and write both tables."""
    near = choose_settings(PACKAGED_MODEL, "", "").retrieve.near
    found, answered = [HEAD], [ANSWERED_HEAD]
    for name, embedder in open_embedders(options, folder / "models").items():
        trial = try_embedder(embedder, options, folder)
        found += format_rows(name, trial, near, options.by)
        answered.append(format_answered(name, trial))
        print("\n".join([*found, *answered]), flush=True)
    note = f"Refitted by {options.by}: on the questions that are asked, and on those of other sets."
    return "\n".join([note, "", *found, "", *answered])


def main() -> None:
    """Measure, print, write down if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_set_arguments(parser)
    parser.add_argument("--keep", type=Path, help="folder for collections and question vectors")
    parser.add_argument("--model", type=Path, help="a folder of one more model")
    parser.add_argument("--query-prefix", default="query: ")
    parser.add_argument("--passage-prefix", default="passage: ")
    parser.add_argument("--by", choices=("loss", "rank"), default="loss", help="what is refitted")
    parser.add_argument("--write", action="store_true", help="write the section of RESULTS.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        body = report_embedders(options, (options.keep or Path(scratch)).absolute())
    if options.write:
        sets = "".join(f" --{name} DIR" for name in FOLDERS if getattr(options, name))
        command = f"python -m tests.lab.quality.embedders{sets} --by {options.by} --write"
        write_section("Embedders", command, body)


if __name__ == "__main__":
    main()
