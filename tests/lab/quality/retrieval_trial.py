"""What a run of the retrieval table saw, question by question: kept as JSON, shown, compared."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from eval.paired_tests import compare_pairs
from eval.stats import Estimate, estimate_mean, estimate_proportion, is_binary

RANKING_HEAD = "| set | measure | questions | value [95 %] | sum |\n| --- | --- | --- | --- | --- |"
DECISION_HEAD = (
    "| set | decision | questions | share [95 %] | count |\n| --- | --- | --- | --- | --- |"
)
COMPARISON_HEAD = (
    "| set | measure | questions | before | after | difference [95 %] | p | won | lost |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)
FALSE_ANSWERS = "answered, of the unanswerable"
REFUSALS = "refused, of the answerable"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionResult:
    """What one question of a set gave.

    rank: of the first right passage, from 1; 0 where there is none. scores: by measure.
    likelihood: of an answer, by ``decide``; answered: whether that reaches the floor; both None
    where the set counts no refusals. family: the sets it is also pooled with.
    """

    set: str
    id: str
    cluster: str
    answerable: bool
    rank: int
    scores: Mapping[str, float]
    likelihood: float | None = None
    answered: bool | None = None
    family: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row of the table: values by question, and the clusters they are drawn in."""

    set: str
    measure: str
    ids: tuple[str, ...]
    values: tuple[float, ...]
    clusters: tuple[str, ...]

    def estimate(self) -> Estimate:
        """Estimate the mean: Wilson's interval of a share, else the bootstrap's."""
        if is_binary(self.values):
            return estimate_proportion(self.values, self.clusters)
        return estimate_mean(self.values, self.clusters, within=(0, 1))


def write_trial(file: Path, results: Iterable[QuestionResult], setup: Mapping[str, object]) -> None:
    """Write results and what they were made with."""
    rows = [asdict(result) for result in results]
    file.write_text(json.dumps({"setup": setup, "results": rows}, ensure_ascii=False, indent=1))


def read_trial(file: Path) -> list[QuestionResult]:
    """Read the results of a run."""
    return [QuestionResult(**row) for row in json.loads(file.read_text())["results"]]


def list_ranking_figures(results: Sequence[QuestionResult]) -> list[Figure]:
    """Return a figure for each set and measure, and for each family of sets pooled."""
    figures = []
    for name, part in _group_results(results):
        answerable = [result for result in part if result.answerable]
        for measure in answerable[0].scores if answerable else ():
            scores = [result.scores[measure] for result in answerable]
            figures.append(_make_figure(name, measure, answerable, scores))
    return figures


def list_decision_figures(results: Sequence[QuestionResult]) -> list[Figure]:
    """Return the share of false answers and of refusals, of each set that counts them."""
    figures = []
    for name, part in _group_results(results):
        decided = [result for result in part if result.answered is not None]
        foreign = [result for result in decided if not result.answerable]
        known = [result for result in decided if result.answerable]
        if foreign:
            values = [float(bool(result.answered)) for result in foreign]
            figures.append(_make_figure(name, FALSE_ANSWERS, foreign, values))
        if known:
            values = [float(not result.answered) for result in known]
            figures.append(_make_figure(name, REFUSALS, known, values))
    return figures


def format_figures(head: str, figures: Iterable[Figure]) -> str:
    """Write figures as a Markdown table."""
    rows = [
        f"| {f.set} | {f.measure} | {len(f.values)} | {f.estimate()} | {sum(f.values):g} |"
        for f in figures
    ]
    return "\n".join([head, *rows])


def compare_trials(before: Sequence[QuestionResult], after: Sequence[QuestionResult]) -> str:
    """Compare two runs question by question, over the questions that both asked."""
    rows = []
    for list_figures in (list_ranking_figures, list_decision_figures):
        old = {(figure.set, figure.measure): figure for figure in list_figures(before)}
        rows += [
            _compare_figures(old[new.set, new.measure], new)
            for new in list_figures(after)
            if (new.set, new.measure) in old
        ]
    return "\n".join([COMPARISON_HEAD, *rows])


def _compare_figures(old: Figure, new: Figure) -> str:
    earlier = dict(zip(old.ids, old.values, strict=True))
    common = [at for at, name in enumerate(new.ids) if name in earlier]
    if not common:
        return f"| {new.set} | {new.measure} | 0 | | | | | | |"
    theirs = [earlier[new.ids[at]] for at in common]
    ours = [new.values[at] for at in common]
    pairs = compare_pairs(ours, theirs, [new.clusters[at] for at in common], (-1, 1))
    won = sum(a > b for a, b in zip(ours, theirs, strict=True))
    lost = sum(a < b for a, b in zip(ours, theirs, strict=True))
    n = len(common)
    means = f"{sum(theirs) / n:.3f} | {sum(ours) / n:.3f}"
    return (
        f"| {new.set} | {new.measure} | {n} | {means} | {pairs.effect} | {pairs.p:.3f} "
        f"| {won} | {lost} |"
    )


def _make_figure(
    name: str, measure: str, results: Sequence[QuestionResult], values: Sequence[float]
) -> Figure:
    return Figure(
        set=name,
        measure=measure,
        ids=tuple(f"{result.set}/{result.id}" for result in results),
        values=tuple(values),
        clusters=tuple(f"{result.set}/{result.cluster or result.id}" for result in results),
    )


def _group_results(
    results: Sequence[QuestionResult],
) -> Iterator[tuple[str, list[QuestionResult]]]:
    """Yield the results of each set, then those of each family pooled."""
    for name in dict.fromkeys(result.set for result in results):
        yield name, [result for result in results if result.set == name]
    for family in dict.fromkeys(result.family for result in results if result.family):
        yield f"{family}, pooled", [result for result in results if result.family == family]
