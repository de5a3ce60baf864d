"""Fit the weights of retrieval on all sets at once, each set and language weighing the same.

    python -m tests.lab.quality.fusion_fit --keep DIR --features FILE --xquad DIR --cmrc DIR …

Takes the collections of ``retrieval_table``. What the retriever knows of the candidates is
gathered once into ``--features``; delete that file when retrieval itself has changed. The weights
minimise a listwise loss, the surprise at a right passage under a softmax of the scores; with
``--by rank`` they are searched one after the other for the best mean reciprocal rank. What they
gain is cross-validated: on each set by weights fitted without it and its kin (the other sets over
the same documents). Then each weight is left out, with the others as they are and refitted.
``--kept`` does only that, by the weights of today and in seconds: nothing is fitted.
``--write`` writes the section "Fusion" of RESULTS.md.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from eval.stats import estimate_difference, estimate_proportion
from ragdesk.answering.retrieval.retrieval_options import RetrieveOptions
from tests.lab.collection_shelf import CollectionShelf
from tests.lab.quality.fusion_features import (
    WEIGHTS,
    CandidateTable,
    Floats,
    fuse_parts,
    gather_candidates,
    lift_lanes,
    measure_drift,
    read_tables,
    read_weights,
    write_tables,
)
from tests.lab.quality.retrieval_sets import add_set_arguments, iter_sets
from tests.lab.quality.retrieval_table import add_run_arguments, name_command, read_settings
from tests.lab.results import write_section

LIMITS = {"worded": 1.0, "title": 1.0, "rise": 10.0}  # of the others 3; none is below 0
SUMMED = ("lexical", "dense", "name", "focus", "context", "language")
UNIT = (
    "lexical"  # what is fitted is written in its size: only ratios of those summed order passages
)
HEAT = 0.05  # score gap that the softmax takes for a factor of e: about that of two neighbours
PULL = 0.005  # cost of moving a weight by its own size: what changes nothing stays where it is
LARGEST_DRIFT = 0.02  # from here the sum of this file is no longer the retriever's
KIN = {"handbook": "sample"}  # the same documents under another name
Weights = Mapping[str, float]


def compute_loss(tables: Sequence[CandidateTable], weights: Weights) -> float:
    """Return the mean over sets of the surprise at a right passage.

    Left out is what no weight can change: questions without a right candidate, or with an FAQ lane.
    """
    losses = []
    for table in tables:
        reachable = table.right.any(axis=1) & ~table.faq.any(axis=1)
        if not reachable.any():
            continue
        heated = fuse_parts(table, weights)[reachable] / HEAT
        heated -= heated.max(axis=1, keepdims=True)
        powers = np.exp(heated)
        right = (powers * table.right[reachable]).sum(axis=1)
        losses.append(float(-np.log(np.maximum(right / powers.sum(axis=1), 1e-12)).mean()))
    return float(np.mean(losses)) if losses else 0.0


def compute_rank(tables: Sequence[CandidateTable], weights: Weights) -> float:
    """Return the mean over sets of the reciprocal rank of the first right passage, lanes apart."""
    means = []
    for table in tables:
        scores = fuse_parts(table, weights)
        best = np.where(table.right, scores, -np.inf).max(axis=1)
        ahead = (scores > best[:, None]).sum(axis=1)
        means.append(float(np.where(table.right.any(axis=1), 1 / (1 + ahead), 0.0).mean()))
    return float(np.mean(means))


def fit_weights(
    tables: Sequence[CandidateTable],
    start: Weights,
    fixed: Mapping[str, float] | None = None,
    by: str = "loss",
) -> dict[str, float]:
    """Fit the weights. fixed: weights that are set, not fitted. by: ``loss``, or ``rank``."""
    constant = dict(fixed or {})
    origin = {name: start[name] for name in WEIGHTS if name not in constant}

    def cost(weights: Weights) -> float:
        moves = [(weights[name] - was) / max(was, 0.3) for name, was in origin.items()]
        pull = PULL * sum(move**2 for move in moves)
        if by == "rank":  # a rank moves in steps: the loss, in small, says which way is down
            return 0.02 * (compute_loss(tables, weights) + pull) - compute_rank(tables, weights)
        return compute_loss(tables, weights) + pull

    descend = _search_coordinates if by == "rank" else _follow_gradient
    fitted = descend(cost, constant | origin, [*origin])
    scale = start[UNIT] / fitted[UNIT] if fitted[UNIT] > 0.01 else 1.0
    return {name: value * scale if name in SUMMED else value for name, value in fitted.items()}


def _follow_gradient(
    cost: Callable[[Weights], float], start: Weights, free: Sequence[str]
) -> dict[str, float]:
    def at(vector: Floats) -> dict[str, float]:
        return {**start, **dict(zip(free, vector.tolist(), strict=True))}

    bounds = [(0.0, LIMITS.get(name, 3.0)) for name in free]
    best = minimize(
        lambda vector: cost(at(vector)),
        np.array([start[name] for name in free]),
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 60},
    )
    return at(best.x)


def _search_coordinates(
    cost: Callable[[Weights], float], start: Weights, free: Sequence[str]
) -> dict[str, float]:
    """Move one weight at a time, by ever smaller steps, as long as that helps."""
    weights = dict(start)
    least = cost(weights)
    for step in (0.5, 0.25, 0.1, 0.05):
        for name in (*free, *free):
            size = max(weights[name], 0.2)
            for move in (-step, step):
                value = min(max(weights[name] + move * size, 0.0), LIMITS.get(name, 3.0))
                price = cost({**weights, name: value})
                if price < least:
                    weights, least = {**weights, name: value}, price
    return weights


def list_hits(table: CandidateTable, weights: Weights, near: float, depth: int) -> list[float]:
    """Return of each question whether a right passage is among the first ``depth``."""
    scores = lift_lanes(table, fuse_parts(table, weights), near)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
    hits = np.take_along_axis(table.right, order, axis=1).any(axis=1)
    return [float(hit) for hit in hits]


def name_kin(table: CandidateTable) -> str:
    """Return what sets over the same documents have in common."""
    first = table.name.split()[0]
    return KIN.get(first, first)


def fit_without_kin(
    tables: Sequence[CandidateTable],
    start: Weights,
    fixed: Mapping[str, float] | None = None,
    by: str = "loss",
) -> dict[str, dict[str, float]]:
    """Fit weights for each kin of sets on all others. With one kin alone there is no other."""
    fitted = {}
    for kin in dict.fromkeys(map(name_kin, tables)):
        others = [table for table in tables if name_kin(table) != kin]
        fitted[kin] = fit_weights(others or tables, start, fixed, by)
    return fitted


def iter_gain_rows(
    tables: Sequence[CandidateTable],
    start: Weights,
    whole: Weights,
    crossed: Mapping[str, Weights],
    near: float,
) -> Iterator[str]:
    """Yield a row for each set: hits by today's weights, by all sets', by the other sets'."""
    yield (
        "| set | questions | hit@1 now | fitted on all | fitted on the others "
        "| over now [95 %] | hit@8 now | on the others |"
    )
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for table in tables:
        other, clusters = crossed[name_kin(table)], table.clusters.tolist()
        now = list_hits(table, start, near, 1)
        apart = list_hits(table, other, near, 1)
        deep = [np.mean(list_hits(table, weights, near, 8)) for weights in (start, other)]
        yield (
            f"| {table.name} | {len(now)} | {estimate_proportion(now, clusters)} "
            f"| {np.mean(list_hits(table, whole, near, 1)):.3f} | {np.mean(apart):.3f} "
            f"| {estimate_difference(apart, now, clusters, (-1, 1))} "
            f"| {deep[0]:.3f} | {deep[1]:.3f} |"
        )


def iter_price_rows(
    tables: Sequence[CandidateTable],
    start: Weights,
    crossed: Mapping[str, Weights],
    near: float,
    by: str,
) -> Iterator[str]:
    """Yield a row for each weight: what leaving it out costs in hit@1, as a mean over sets."""
    yield (
        "| left out | loss, others as they are | hit@1 lost so | loss, others refitted "
        "| hit@1 lost so | sets that lose most |"
    )
    yield "| --- | --- | --- | --- | --- | --- |"
    base_loss, base = _score_crossed(tables, crossed, near)
    for name in WEIGHTS:
        if not any(weights[name] for weights in crossed.values()):
            continue
        bare = {kin: {**weights, name: 0.0} for kin, weights in crossed.items()}
        kept_loss, kept = _score_crossed(tables, bare, near)
        refitted = fit_without_kin(tables, start, {name: 0.0}, by)
        new_loss, new = _score_crossed(tables, refitted, near)
        gaps = base - new
        worst = [f"{tables[i].name} {gaps[i]:+.3f}" for i in np.argsort(-gaps)[:2] if gaps[i] > 0]
        yield (
            f"| {name} | {kept_loss - base_loss:+.4f} | {(base - kept).mean():+.4f} "
            f"| {new_loss - base_loss:+.4f} | {gaps.mean():+.4f} | {', '.join(worst)} |"
        )
        print(name, f"{gaps.mean():+.4f}", flush=True)


def _score_crossed(
    tables: Sequence[CandidateTable], crossed: Mapping[str, Weights], near: float
) -> tuple[float, Floats]:
    """Return the mean loss, and hit@1 of each set, by the weights of its kin."""
    losses = [compute_loss([table], crossed[name_kin(table)]) for table in tables]
    hits = [np.mean(list_hits(table, crossed[name_kin(table)], near, 1)) for table in tables]
    return float(np.mean(losses)), np.array(hits, dtype=np.float64)


def iter_weight_rows(
    start: Weights, whole: Weights, crossed: Mapping[str, Weights]
) -> Iterator[str]:
    """Yield a row for each weight: today's, fitted, and its range over the folds."""
    yield "| weight | now | fitted on all | least | most |\n| --- | --- | --- | --- | --- |"
    known = {option.name for option in fields(RetrieveOptions)}
    for name in WEIGHTS:
        values = [weights[name] for weights in crossed.values()]
        label = name if name in known else f"{name} (no option)"
        yield (
            f"| {label} | {start[name]:.2f} | {whole[name]:.3f} | {min(values):.3f} "
            f"| {max(values):.3f} |"
        )


def report_kept(tables: Sequence[CandidateTable], start: Weights, near: float) -> str:
    """Leave out each weight of today, the others as they are, and write that as Markdown."""
    loss, hits = compute_loss(tables, start), _list_all_hits(tables, start, near)
    means = f"hit@1 {np.mean(hits[1]):.3f}, hit@8 {np.mean(hits[8]):.3f}"
    head = "| left out | weight | loss | hit@1 lost | hit@8 lost | lose most at 1 | gain most |"
    rows = [f"Loss {loss:.4f}, {means}, the mean over {len(tables)} sets.", "", head]
    rows.append("| --- | --- | --- | --- | --- | --- | --- |")
    for name in WEIGHTS:
        if not start[name]:
            continue
        bare = {**start, name: 0.0}
        kept = _list_all_hits(tables, bare, near)
        gaps = hits[1] - kept[1]
        order = np.argsort(-gaps, kind="stable")
        most = [f"{tables[i].name} {gaps[i]:+.3f}" for i in order[:2] if gaps[i] > 0]
        least = [f"{tables[i].name} {-gaps[i]:+.3f}" for i in order[::-1][:2] if gaps[i] < 0]
        rows.append(
            f"| {name} | {start[name]:.2f} | {compute_loss(tables, bare) - loss:+.4f} "
            f"| {gaps.mean():+.4f} | {(hits[8] - kept[8]).mean():+.4f} | {', '.join(most)} "
            f"| {', '.join(least)} |"
        )
    return "\n".join(rows)


def _list_all_hits(
    tables: Sequence[CandidateTable], weights: Weights, near: float
) -> dict[int, Floats]:
    """Return of each set the share of questions with a right passage first, and among eight."""
    return {
        depth: np.array([np.mean(list_hits(table, weights, near, depth)) for table in tables])
        for depth in (1, 8)
    }


def load_tables(options: argparse.Namespace, shelf: CollectionShelf) -> list[CandidateTable]:
    """Read the candidates that were gathered, or gather them. Raises ValueError on drift."""
    file = options.features
    if file and file.exists():
        tables = read_tables(file)
    else:
        tables = []
        with ExitStack() as stack:
            for part in iter_sets(options, shelf, stack):
                begin = time.perf_counter()
                if not any(case.answerable for case in part.cases) or not part.measures:
                    continue
                tables.append(gather_candidates(part, shelf.settings.retrieve))
                print(f"{part.name}: {time.perf_counter() - begin:.1f} s", flush=True)
                shelf.embedder.save()
        if file:
            write_tables(file, tables)
    weights = read_weights(shelf.settings.retrieve)
    for table in tables:
        drift = measure_drift(table, weights)
        reach = table.right.any(axis=1).mean()
        print(f"{table.name}: right among the candidates {reach:.3f}, drift {drift:.4f}")
        if drift > LARGEST_DRIFT:
            raise ValueError(
                f"{table.name}: fuse_parts of fusion_features.py differs from the retriever by "
                f"{drift:.3f}: mend the sum, or delete {file} where it is older than retrieval."
            )
    return tables


def report_fit(tables: Sequence[CandidateTable], start: Weights, near: float, by: str) -> str:
    """Fit, cross-validate, leave out; write it all as Markdown."""
    whole = fit_weights(tables, start, by=by)
    crossed = fit_without_kin(tables, start, by=by)
    head = (
        f"Loss {compute_loss(tables, start):.4f} now, {compute_loss(tables, whole):.4f} fitted on "
        "all sets, "
        f"{_score_crossed(tables, crossed, near)[0]:.4f} on each by the weights of the others."
    )
    blocks = [
        [head],
        iter_weight_rows(start, whole, crossed),
        iter_gain_rows(tables, start, whole, crossed, near),
        iter_price_rows(tables, start, crossed, near, by),
    ]
    return "\n\n".join("\n".join(block) for block in blocks)


def main() -> None:
    """Gather, fit, print, and write down if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_set_arguments(parser)
    add_run_arguments(parser)
    parser.add_argument("--features", type=Path, help="file for what is known of the candidates")
    parser.add_argument("--by", choices=("loss", "rank"), default="loss", help="what is fitted")
    parser.add_argument("--kept", action="store_true", help="leave out, and fit nothing")
    options = parser.parse_args()
    settings = read_settings(options)
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        shelf = CollectionShelf((options.keep or Path(scratch)).absolute(), settings)
        tables = load_tables(options, shelf)
    print(f"{time.perf_counter() - begin:.0f} s to gather", flush=True)
    retrieve = settings.retrieve
    if options.kept:
        body = report_kept(tables, read_weights(retrieve), retrieve.near)
    else:
        body = report_fit(tables, read_weights(retrieve), retrieve.near, options.by)
    print(f"{time.perf_counter() - begin:.0f} s in all\n{body}")
    if options.write:
        way = "--kept" if options.kept else f"--by {options.by}"
        most = f" --most {options.most}" if options.most else ""
        heading = "Fusion, nothing refitted" if options.kept else "Fusion"
        write_section(heading, f"{name_command('fusion_fit', options)}{most} {way}", body)


if __name__ == "__main__":
    main()
