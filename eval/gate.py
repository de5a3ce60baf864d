"""Gates: required figures of a release, compared with the bounds of measured intervals.

    gates = [
      "recall@8.ci_low >= 0.75",
      "false_answer[stratum=out_of_kb].ci_high <= 0.25",
    ]
    watch = ["right", "faithfulness"]   # with a baseline: no significant loss
    max_errors = 0.02                   # more unanswered cases than this: exit 6

A bound, not a value: a set that is too small to tell cannot pass.
"""

import operator
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from eval import stats
from eval.errors import BadGate
from eval.measure import Aggregate
from eval.report import EvalReport
from eval.scoring_types import ScoredCase

FIELDS = ("value", "ci_low", "ci_high", "bound_low", "bound_high", "n_ok", "n_skipped", "n_error")
_TEST = re.compile(
    rf"\s*(?P<name>[\w@]+)(?:\[(?P<group>[^\]]+)\])?\.(?P<field>{'|'.join(FIELDS)})"
    r"\s*(?P<sign>>=|<=|>|<|==)\s*(?P<bound>-?\d+(?:\.\d+)?)\s*"
)
_SIGNS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
}
MOST_NAMED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class GateTest:
    """A line of a gate: a figure and the value it must reach."""

    line: str
    name: str
    group: str
    field: str
    sign: str
    bound: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The required figures of a release. watch: metrics that must not fall below a baseline's."""

    tests: tuple[GateTest, ...]
    watch: tuple[str, ...] = ()
    max_errors: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVerdict:
    """The result of one gate test. cases: those that speak against it, the worst first."""

    line: str
    passed: bool
    figure: float | None
    why: str = ""
    cases: tuple[str, ...] = ()


def read_gate(file: Path) -> Gate:
    """Read a gate file. Raises BadGate."""
    try:
        fields = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadGate(f"{file}: {error}") from error
    if odd := sorted(set(fields) - {"gates", "watch", "max_errors"}):
        raise BadGate(f"{file}: {odd[0]!r} is not known; known are gates, watch, max_errors.")
    tests = tuple(parse_gate_line(str(line)) for line in fields.get("gates", ()))
    if not tests and not fields.get("watch"):
        raise BadGate(f'{file} holds no gates. Write one: gates = ["recall@8.ci_low >= 0.75"]')
    return Gate(
        tests=tests,
        watch=tuple(map(str, fields.get("watch", ()))),
        max_errors=float(fields.get("max_errors", 0.05)),
    )


def parse_gate_line(line: str) -> GateTest:
    """Read one line of a gate. Raises BadGate.

    >>> parse_gate_line("false_answer[stratum=out_of_kb].ci_high <= 0.1").group
    'stratum=out_of_kb'
    """
    parts = _TEST.fullmatch(line)
    if parts is None:
        raise BadGate(
            f"{line!r} is no gate. Write METRIC.FIELD >= NUMBER or METRIC[GROUP].FIELD <= NUMBER; "
            f"FIELD is one of {', '.join(FIELDS)}."
        )
    return GateTest(
        line=line.strip(),
        name=parts["name"],
        group=parts["group"] or "",
        field=parts["field"],
        sign=parts["sign"],
        bound=float(parts["bound"]),
    )


def judge_report(gate: Gate, report: EvalReport) -> list[GateVerdict]:
    """Test a report against a gate. Raises BadGate where a figure of that name is not measured."""
    return [_judge_test(test, report) for test in gate.tests]


def has_too_many_errors(gate: Gate, report: EvalReport) -> bool:
    """Tell whether too many cases went unanswered to judge the run."""
    return len(report.errors) > gate.max_errors * len(report.scored)


def _judge_test(test: GateTest, report: EvalReport) -> GateVerdict:
    figure = _tested_figure(test, report)
    measured = getattr(figure, test.field)
    cases = _list_opposing_cases(test, report)
    if measured is None:
        few = f"under {stats.FEW} independent groups of cases are too few for a bound"
        none = "; ".join(figure.reasons) or "nothing was measured"
        why = none if figure.value is None else few
        return GateVerdict(line=test.line, passed=False, figure=None, why=f"no figure: {why}")
    passed = _SIGNS[test.sign](float(measured), test.bound)
    why = "" if passed else f"{test.field} is {measured:.4g}"
    return GateVerdict(
        line=test.line,
        passed=passed,
        figure=float(measured),
        why=why,
        cases=() if passed else cases[:MOST_NAMED],
    )


def _tested_figure(test: GateTest, report: EvalReport) -> Aggregate:
    if test.group and test.group not in report.groups:
        raise BadGate(
            f"{test.line!r}: no group {test.group!r}; there are {', '.join(report.groups)}."
        )
    figure = report.find(test.name, test.group)
    if figure is None:
        raise BadGate(
            f"{test.line!r}: no metric {test.name!r}; there are {', '.join(report.overall)}."
        )
    return figure


def _list_opposing_cases(test: GateTest, report: EvalReport) -> tuple[str, ...]:
    """Return the cases whose score pulls the wrong way, the worst first."""
    if not any(test.name in scored.scores for scored in report.scored):
        return ()  # a curve has no scores of single cases
    up = test.sign.startswith(">")
    least = test.bound if test.bound < 0 else max(test.bound, 1e-9)
    some = [scored for scored in report.scored if is_in_group(scored, test.group)]
    bad = [
        (score.value if up else -score.value, scored.case.id)
        for scored in some
        if (score := scored.scores[test.name]).value is not None
        and (score.value < least if up else score.value > test.bound)
    ]
    unmeasured = [scored.case.id for scored in some if scored.scores[test.name].status == "error"]
    return (*(case for _, case in sorted(bad)), *unmeasured)


def is_in_group(scored: ScoredCase, group: str) -> bool:
    """Tell whether a case belongs to a group such as ``lang=en,stratum=in_kb``."""
    pairs = (pair.partition("=") for pair in group.split(",") if pair)
    return all(getattr(scored.case, name) == value for name, _, value in pairs)
