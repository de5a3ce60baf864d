"""Measure a run of paired questions: what changes when only the asker, or the wording, does.

Each figure stands for all pairs and by kind and language, as ``right_gap[kind=name]``; gates name
them so. A pair of which one side was not answered is an error of every figure.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eval import gate, measure, run_folder, stats, trial
from eval.bias_metrics import (
    BIAS_METRICS,
    BiasMetric,
    PairReplies,
    SideReply,
    list_score_names,
    score_pair,
    tells_way_on,
)
from eval.bias_pair import BiasPair, list_bias_cases, name_bias_case, read_bias_pairs
from eval.case import Case
from eval.compare import Call, MetricComparison
from eval.errors import BadGate
from eval.gate import Gate
from eval.measure import Aggregate
from eval.paired_tests import (
    ALPHA,
    POWER,
    PairedDifference,
    adjust_holm,
    compute_permutation_p,
    estimate_share_gap,
)
from eval.release_outcome import ReleaseOutcome
from eval.report import EvalReport
from eval.scoring_types import Score, ScoredCase
from eval.target_reply import read_reply
from eval.trial import Trial

GAP: Final = "_gap"
UNBOUNDED: Final = frozenset(metric.name for metric in BIAS_METRICS if not metric.bounded)
_NO_FIGURE = "no pair tells it"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairCase(Case):
    """A pair as one case of its report. question: both, in a line."""

    kind: str


def measure_bias(folder: Path) -> EvalReport:
    """Measure the run of pairs in a folder, without asking anyone. Raises BadCases."""
    facts = run_folder.read_target_facts(folder)
    pairs = sorted(read_bias_pairs(folder), key=lambda pair: pair.id)
    trials = trial.read_trials(folder)
    scored = [_score_trials(pair, trials) for pair in pairs]
    cases = measure.score_cases(list_bias_cases(pairs), trials, {})
    groups = dict(_group_pairs(scored))
    return EvalReport(
        target=facts["target"],
        begun=facts["begun"],
        metrics=(),
        overall=_aggregate_pairs(scored),
        groups={name: _aggregate_pairs(some) for name, some in groups.items()},
        latency=measure.compute_latencies(cases),
        scored=scored,
    )


def judge_bias(folder: Path, rules: Gate | None = None) -> ReleaseOutcome:
    """Measure a run of pairs, and hold its figures against a gate. Raises EvalError."""
    check_bias_gate(rules)
    measured = measure_bias(folder)
    limit = rules or Gate(tests=())
    return ReleaseOutcome(
        report=measured,
        verdicts=tuple(gate.judge_report(rules, measured)) if rules else (),
        comparisons=tuple(compare_sides(measured.scored)),
        is_unjudged=gate.has_too_many_errors(limit, measured),
    )


def check_bias_gate(rules: Gate | None) -> None:
    """Refuse a gate that watches: pairs have no baseline. Raises BadGate."""
    if rules is not None and rules.watch:
        raise BadGate(
            "A gate of pairs cannot watch: there is no run before it. "
            'Write gates = ["right_gap[kind=name].ci_low >= -0.10"] instead.'
        )


def compare_sides(scored: Sequence[ScoredCase]) -> list[MetricComparison]:
    """Compare the sides of each kind, with Holm's correction over all that is compared.

    The smallest effect is that of the interval: pairs that all agree still show no more than it.
    """
    rows: list[tuple[str, BiasMetric, list[tuple[float, float, str, str]]]] = []
    for kind in sorted({_kind_of(pair) for pair in scored}):
        for metric in BIAS_METRICS:
            values = _both_sides(metric.name, [p for p in scored if _kind_of(p) == kind])
            if metric.side is not None and values:
                rows.append((f"{metric.name}[kind={kind}]", metric, values))
    differences = [_test_gaps(values) for _, _, values in rows]
    adjusted = adjust_holm([difference.p for difference in differences])
    return [
        _make_comparison(name, metric, values, difference, p)
        for (name, metric, values), difference, p in zip(rows, differences, adjusted, strict=True)
    ]


def list_pair_rows(report: EvalReport) -> Iterator[dict[str, Any]]:
    """Yield the scores of each pair as plain values, for scores.jsonl."""
    for scored in report.scored:
        yield {
            "case": scored.case.id,
            "kind": _kind_of(scored),
            "lang": scored.case.lang,
            "cluster": scored.case.cluster,
            "scores": {
                name: {
                    "value": None if score.value is None else round(score.value, 6),
                    "status": score.status,
                    "reason": score.reason,
                }
                for name, score in scored.scores.items()
            },
        }


def _score_trials(pair: BiasPair, trials: Mapping[str, Trial]) -> ScoredCase:
    case = PairCase(
        id=pair.id,
        lang=pair.lang,
        question=f"{pair.base} | {pair.variant}",
        answerable=pair.answerable,
        stratum="in_kb" if pair.answerable else "near_domain",
        tags=(pair.label,) if pair.label else (),
        cluster=pair.group or pair.id,
        kind=pair.kind,
    )
    base = trials.get(name_bias_case(pair, "base"))
    variant = trials.get(name_bias_case(pair, "variant"))
    replies = _read_both(pair, base, variant)
    if isinstance(replies, Score):
        return ScoredCase(case=case, scores=dict.fromkeys(list_score_names(), replies))
    return ScoredCase(case=case, scores=score_pair(replies))


def _read_both(pair: BiasPair, base: Trial | None, variant: Trial | None) -> PairReplies | Score:
    """Read both answers, or return a score that says why there are not two."""
    if base is None or variant is None:
        return Score(None, "error", "not asked")
    for side in (base, variant):
        if side.status != "ok":
            return Score(None, side.status, side.reason)
    try:
        return PairReplies(pair=pair, base=_read_side(base), variant=_read_side(variant))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return Score(None, "error", f"not an answer: {type(error).__name__}: {error}")


def _read_side(side: Trial) -> SideReply:
    reply = read_reply(side.reply, side.resolved)
    return SideReply(reply, tells_way_on(side.reply, reply.text))


def _group_pairs(scored: Sequence[ScoredCase]) -> Iterator[tuple[str, list[ScoredCase]]]:
    """Yield the pairs by kind, by language and by both, named as gates name them."""
    kinds = sorted({_kind_of(pair) for pair in scored})
    langs = sorted({pair.case.lang for pair in scored})
    for kind in kinds:
        yield f"kind={kind}", [pair for pair in scored if _kind_of(pair) == kind]
    for lang in langs:
        yield f"lang={lang}", [pair for pair in scored if pair.case.lang == lang]
    for kind in kinds:
        for lang in langs:
            name = f"kind={kind},lang={lang}"
            if some := [pair for pair in scored if gate.is_in_group(pair, name)]:
                yield name, some


def _kind_of(scored: ScoredCase) -> str:
    return scored.case.kind if isinstance(scored.case, PairCase) else ""


def _aggregate_pairs(scored: Sequence[ScoredCase]) -> dict[str, Aggregate]:
    clusters = [pair.case.cluster for pair in scored]
    return {
        name: _aggregate_scores(name, [pair.scores[name] for pair in scored], clusters)
        for name in list_score_names()
    }


def _aggregate_scores(name: str, scores: Sequence[Score], clusters: Sequence[str]) -> Aggregate:
    """Return the mean of a score: Wilson's interval of a share, Agresti and Min's of a gap."""
    known = [(s.value, c) for s, c in zip(scores, clusters, strict=True) if s.value is not None]
    errors = sum(score.status == "error" for score in scores)
    reasons = Counter(score.reason for score in scores if score.status != "ok")
    values, names = [value for value, _ in known], [cluster for _, cluster in known]
    low = high = worst = best = mean = None
    if values:
        mean = math.fsum(values) / len(values)
        low, high = _find_interval(name, values, names)
        if name not in UNBOUNDED:
            floor = -1.0 if name.endswith(GAP) else 0.0
            worst = (math.fsum(values) + floor * errors) / (len(values) + errors)
            best = (math.fsum(values) + errors) / (len(values) + errors)
    return Aggregate(
        value=mean,
        ci_low=low,
        ci_high=high,
        n_ok=len(values),
        n_skipped=len(scores) - len(values) - errors,
        n_error=errors,
        bound_low=worst,
        bound_high=best,
        reasons=dict(sorted(reasons.items())) or ({} if values else {_NO_FIGURE: 0}),
    )


def _find_interval(
    name: str, values: Sequence[float], clusters: Sequence[str]
) -> tuple[float | None, float | None]:
    if name in UNBOUNDED:
        estimate = stats.estimate_mean(values, clusters)
    elif name.endswith(GAP):
        estimate = estimate_share_gap(values, clusters)
    else:
        estimate = stats.estimate_proportion(values, clusters)
    if not math.isfinite(estimate.low) or estimate.low == estimate.high:
        return None, None  # a bootstrap of equal values would claim certainty
    return estimate.low, estimate.high


def _both_sides(name: str, scored: Sequence[ScoredCase]) -> list[tuple[float, float, str, str]]:
    """Return (variant, base, cluster, pair) wherever both sides have a value."""
    rows = []
    for pair in scored:
        base, variant = pair.scores.get(f"{name}_base"), pair.scores.get(f"{name}_variant")
        if base and variant and base.value is not None and variant.value is not None:
            rows.append((variant.value, base.value, pair.case.cluster, pair.case.id))
    return rows


def _test_gaps(rows: Sequence[tuple[float, float, str, str]]) -> PairedDifference:
    gaps = [variant - base for variant, base, _, _ in rows]
    clusters = [cluster for _, _, cluster, _ in rows]
    effect = estimate_share_gap(gaps, clusters)
    quantiles = stats.compute_normal_quantile(1 - ALPHA / 2), stats.compute_normal_quantile(POWER)
    return PairedDifference(
        effect=effect,
        p=compute_permutation_p(gaps, clusters),
        smallest=(effect.high - effect.low) / 2 * sum(quantiles) / quantiles[0],
        n=len(rows),
    )


def _make_comparison(
    name: str,
    metric: BiasMetric,
    rows: Sequence[tuple[float, float, str, str]],
    difference: PairedDifference,
    adjusted: float,
) -> MetricComparison:
    sign = 1.0 if metric.better == "higher" else -1.0
    gain = sign * difference.effect.value
    call: Call = "no difference shown"
    if adjusted < ALPHA and gain:
        call = "better" if gain > 0 else "worse"
    return MetricComparison(
        name=name,
        ours=sum(variant for variant, _, _, _ in rows) / len(rows),
        theirs=sum(base for _, base, _, _ in rows) / len(rows),
        difference=difference,
        adjusted=adjusted,
        call=call,
        cases=tuple(pair for a, b, _, pair in rows if sign * (a - b) < 0)[: gate.MOST_NAMED],
    )
