"""The outcome of a release check: report, gate verdicts and exit code."""

from dataclasses import dataclass

from eval.compare import MetricComparison
from eval.gate import GateVerdict
from eval.report import EvalReport

PASSED = 0
FAILED = 1
UNJUDGED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseOutcome:
    """The result of a release check: the report of a run, gate verdicts and comparisons.

    is_unjudged: too many cases went unanswered to judge the run.
    """

    report: EvalReport
    verdicts: tuple[GateVerdict, ...] = ()
    comparisons: tuple[MetricComparison, ...] = ()
    is_unjudged: bool = False

    @property
    def failed_verdicts(self) -> list[GateVerdict]:
        """Return the gate verdicts that failed."""
        return [verdict for verdict in self.verdicts if not verdict.passed]

    @property
    def exit_code(self) -> int:
        """Return the exit code: 0 passed, 1 failed, 6 too many errors to judge."""
        return UNJUDGED if self.is_unjudged else FAILED if self.failed_verdicts else PASSED
