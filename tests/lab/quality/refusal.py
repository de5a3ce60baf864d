"""Measure refusing: each question asked with its article, and with that article filtered out.

    python -m tests.lab.quality.refusal --xquad DIR

Takes a set in as one file a paragraph, asks ``--questions`` of its questions twice, and the
sample company's cases once; writes the section "Refusal" of RESULTS.md. ``--fit`` also prints
the coefficients of ``ragdesk/answering/decision.py``.
"""

import argparse
import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from eval.abstention_metrics import compute_auroc
from eval.case import Case
from eval.imports import squad
from eval.stats import estimate_mean
from indexes.chunk import SearchFilter
from ragdesk.answering.answer import Question
from ragdesk.answering.answer_options import DecideOptions
from ragdesk.answering.decision import answer_likelihood
from ragdesk.answering.retrieval.retriever import Retriever
from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from tests.lab.quality import handbook
from tests.lab.results import write_section

SEED = 20261122
SIGNALS = {
    "with vectors": ("lexical", "dense", "focus", "coverage"),
    "words alone": ("lexical", "focus", "coverage"),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What the signals of a question were, and whether the documents answer it."""

    group: str
    stratum: str
    known: bool
    signals: dict[str, float]


def seen_in_set(name: str, file: Path, home: Path, count: int) -> Iterator[Seen]:
    """Ask questions of a SQuAD-shaped set, with their article and without it."""
    folder = home / "texts" / name
    for text in squad.read_squad_texts(file):
        target = folder / text.uri
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text.text, encoding="utf-8")
    desks = Workspace(home, Settings())
    desks.make_job(name).run([folder])
    opened = desks.open_collection(name)
    cases = list(squad.read_squad_cases(file))
    articles: dict[str, set[str]] = {}
    for case in cases:
        articles.setdefault(case.cluster, set()).update(e.uri for e in case.evidence)
    uris = {d.uri for d in opened.documents}
    for case in random.Random(SEED).sample(cases, min(count, len(cases))):  # noqa: S311
        others = frozenset(uris - articles[case.cluster])
        signals = _ask(opened.retrieve, case, SearchFilter())
        without = _ask(opened.retrieve, case, SearchFilter(uris=others))
        yield Seen(group=name, stratum="in_kb", known=True, signals=signals)
        yield Seen(group=name, stratum="article left out", known=False, signals=without)


def seen_in_handbook(home: Path) -> Iterator[Seen]:
    """Ask the cases of the sample company."""
    opened = handbook.take_in(home)
    for case in handbook.cases():
        signals = _ask(opened.retrieve, case, SearchFilter())
        yield Seen(f"handbook {case.lang}", case.stratum, case.answerable, signals)


def _ask(retrieve: Retriever, case: Case, where: SearchFilter) -> dict[str, float]:
    return dict(retrieve(Question(text=case.question, where=where)).signals)


def table(labelled: Sequence[Seen]) -> str:
    """Write the share answered, by set and stratum, and how well the likelihood orders them."""
    floor = DecideOptions().floor
    rows = ["| set | stratum | questions | answered | AUROC |", "| --- | --- | --- | --- | --- |"]
    for group in dict.fromkeys(s.group for s in labelled):
        here = [s for s in labelled if s.group == group]
        known = [answer_likelihood(s.signals) for s in here if s.known]
        for stratum in dict.fromkeys(s.stratum for s in here):
            scores = [answer_likelihood(s.signals) for s in here if s.stratum == stratum]
            share = estimate_mean([float(score >= floor) for score in scores])
            order = "" if stratum == "in_kb" else f"{compute_auroc(known, scores):.3f}"
            rows.append(f"| {group} | {stratum} | {len(scores)} | {share} | {order} |")
    return "\n".join(rows)


def fit(labelled: Sequence[Seen], names: Sequence[str]) -> dict[str, float]:
    """Fit a ridge logistic regression; every set and side has the same weight."""
    x = np.array([[s.signals.get(n, 0.0) for n in names] for s in labelled])
    y = np.array([s.known for s in labelled])
    cells = [(s.group, s.known) for s in labelled]
    w = np.array([len(labelled) / cells.count(cell) / len(set(cells)) for cell in cells])
    fitted = LogisticRegression(solver="newton-cholesky", tol=1e-8).fit(x, y, sample_weight=w)
    numbers = np.concatenate([fitted.intercept_, fitted.coef_[0]])
    return dict(zip(("intercept", *names), numbers.round(2).tolist(), strict=True))


def main() -> None:
    """Ask, print, write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--xquad", type=Path, required=True)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--fit", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        labelled = list[Seen]()
        for lang in ("en", "zh"):
            file = args.xquad / f"xquad.{lang}.json"
            labelled += seen_in_set(f"xquad-{lang}", file, home, args.questions)
        labelled += seen_in_handbook(home)
    body = table(labelled)
    print(body)
    for way, names in SIGNALS.items() if args.fit else ():
        here = [s for s in labelled if (s.signals["dense"] > 0) == (way == "with vectors")]
        print(way, fit(here, names))
    write_section("Refusal", "python -m tests.lab.quality.refusal --xquad DIR", body)


if __name__ == "__main__":
    main()
