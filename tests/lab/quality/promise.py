"""Is a calibrated promise kept on cases it never saw? On public sets, per stratum.

    python -m tests.lab.quality.promise --runs DIR --xquad DIR --rgb FILE --mtrag FILE --squad2 FILE

Each set is taken in once below DIR and asked for its signals; runs are kept there and gone on with.
XQuAD: each question with all paragraphs, without its own, and without its article. RGB: each
question among its own passages, and among its wrong ones. MTRAG: among the passages of its task.
Writes the section "Promise" of RESULTS.md.
"""

import argparse
import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eval import run_folder, trial
from eval.calibrate import calibrate_confidence, collect_signal_rows
from eval.case import Case, SourceText
from eval.imports import mtrag, rgb, squad
from eval.run import RunOptions, run_cases
from eval.targets import CallableTarget
from indexes.chunk import SearchFilter
from ragdesk.answering.answer import Question
from ragdesk.answering.answer_signals import add_answer_signals
from ragdesk.assemble import Workspace
from ragdesk.open_collection import OpenCollection
from ragdesk.settings import Settings
from tests.lab.results import write_section

ALPHA = 0.1
QUESTIONS = 300
SEED = 1
Asked = Iterator[tuple[Case, SearchFilter]]
STRATA = ("all unanswerable", "near_domain", "out_of_kb", "underspecified", "all answerable")


@dataclass(frozen=True, slots=True)
class Set:
    """A set, taken in: its name and its open collection."""

    name: str
    opened: OpenCollection

    @property
    def uris(self) -> frozenset[str]:
        """Name all its documents."""
        return frozenset(document.uri for document in self.opened.documents)


def take_in(desks: Workspace, name: str, texts: Iterable[SourceText]) -> Set:
    """Write a set's texts as files and take them in, unless that was done before."""
    if name not in desks.list_collections():
        folder = desks.home / "texts" / name
        for text in texts:
            file = folder / text.uri
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text.text, encoding="utf-8")
        desks.make_job(name).run([folder])
    return Set(name, desks.open_collection(name))


def of_xquad(data_set: Set, file: Path) -> Asked:
    """Ask with the paragraph, without it (near), and without its article (far)."""
    listed = list(squad.read_squad_cases(file))
    articles: dict[str, set[str]] = {}
    for case in listed:
        articles.setdefault(case.cluster, set()).add(case.evidence[0].uri)
    for case in random.Random(SEED).sample(listed, min(QUESTIONS, len(listed))):  # noqa: S311
        yield case, SearchFilter()
        near_case = unanswerable(case, "near_domain")
        yield near_case, SearchFilter(uris=data_set.uris - {case.evidence[0].uri})
        far_case = replace(unanswerable(case, "out_of_kb"), id=f"{case.id}-far")
        yield far_case, SearchFilter(uris=data_set.uris - articles[case.cluster])


def of_rgb(data_set: Set, file: Path) -> Asked:
    """Ask among all passages of a question, and among its wrong ones."""
    for case in rgb.read_rgb_cases(file):
        own = {uri for uri in data_set.uris if uri.startswith(f"{case.cluster}/")}
        yield case, SearchFilter(uris=frozenset(own))
        wrong = frozenset(uri for uri in own if "/wrong" in uri)
        yield unanswerable(case, "near_domain"), SearchFilter(uris=wrong)


def of_mtrag(_: Set, file: Path) -> Asked:
    """Ask among the passages of a task; one without any has nothing to be found."""
    tasks = {task["task_id"]: task for task in mtrag.read_mtrag_tasks(file)}
    for case in mtrag.read_mtrag_cases(file):
        own = frozenset(
            mtrag.name_passage(passage) for passage in tasks[case.id].get("contexts", ())
        )
        yield case, SearchFilter(uris=own or frozenset({"none"}))


def of_squad2(_: Set, file: Path) -> Asked:
    """Ask among all paragraphs."""
    listed = list(squad.read_squad_cases(file))
    for case in random.Random(SEED).sample(listed, min(800, len(listed))):  # noqa: S311
        yield case, SearchFilter()


def unanswerable(case: Case, stratum: Any) -> Case:
    """Make the case of a question whose answer was taken out."""
    nothing: Mapping[str, Any] = {"reference": (), "must_include": (), "evidence": ()}
    return replace(case, id=f"{case.id}-near", answerable=False, stratum=stratum, **nothing)


def measured(data_set: Set, cases_: Asked, runs: Path) -> dict[str, Any]:
    """Ask for the signals of every case, and fit the promise; gives the group of all languages."""
    pairs = list(cases_)
    where = {case.id: filter_ for case, filter_ in pairs}

    def signals(case: Case) -> dict[str, Any]:
        retrieve = data_set.opened.retrieve
        retrieval = retrieve(Question(text=case.question, where=where[case.id]))
        retrieval = add_answer_signals(retrieval, retrieve.embedder)
        known = {"signals": dict(retrieval.signals), "language": retrieval.analysis.language}
        return {"text": "", "outcome": "answered", "claims": [], **known}

    folder = runs / data_set.name
    target = CallableTarget(signals, {"name": data_set.name}, data_set.opened.index.read_text)
    run_cases([case for case, _ in pairs], target, folder, RunOptions(jobs=1))
    fitted = calibrate_confidence(
        list(collect_signal_rows(run_folder.read_cases(folder), trial.read_trials(folder))), ALPHA
    )
    group: dict[str, Any] = fitted["groups"]["*"]
    return group


def table(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """Write a row per set: how well signals order, and what the promise comes to."""
    rows = [f"| set | AUROC | {' | '.join(STRATA)} |", "| --- " * (len(STRATA) + 2) + "|"]
    for name, group in figures.items():
        cells = [_cell(group["held_out"].get(stratum)) for stratum in STRATA]
        rows.append(f"| {name} | {group['auroc']:.3f} | {' | '.join(cells)} |")
    preface = (
        f"Share of questions answered where at most {ALPHA:.0%} of the unanswerable may be, on "
        "cases that neither model nor floor saw; 95 % intervals over clusters."
    )
    return "\n".join([preface, "", *rows])


def _cell(figure: Mapping[str, Any] | None) -> str:
    if figure is None:
        return ""
    return f"{figure['answered']:.3f} [{figure['ci_low']:.3f}, {figure['ci_high']:.3f}], n {figure['cases']}"


def main(argv: Sequence[str] | None = None) -> None:
    """Measure the sets that are named, print, write down."""
    parser = argparse.ArgumentParser(
        description=__doc__, prog="python -m tests.lab.quality.promise"
    )
    parser.add_argument("--runs", type=Path, required=True)
    for name in ("xquad", "rgb", "mtrag", "squad2"):
        parser.add_argument(f"--{name}", type=Path)
    options = parser.parse_args(argv)
    desks = Workspace(options.runs / "home", Settings())
    figures = {}
    if options.xquad:
        for lang in ("en", "zh"):
            file = options.xquad / f"xquad.{lang}.json"
            data_set = take_in(desks, f"xquad-{lang}", squad.read_squad_texts(file))
            figures[data_set.name] = measured(data_set, of_xquad(data_set, file), options.runs)
    ways = (
        ("rgb", rgb.read_rgb_texts, of_rgb),
        ("mtrag", mtrag.read_mtrag_texts, of_mtrag),
        ("squad2", squad.read_squad_texts, of_squad2),
    )
    for name, texts, ask in ways:
        if file := getattr(options, name):
            data_set = take_in(desks, name, texts(file))
            figures[name] = measured(data_set, ask(data_set, file), options.runs)
    print(json.dumps(figures, indent=1))
    command = "python -m tests.lab.quality.promise --runs DIR --xquad DIR --rgb FILE --mtrag FILE --squad2 FILE"
    write_section("Promise", command, table(figures))


if __name__ == "__main__":
    main()
