"""What became of a run: its report, the verdict of each gate, and the exit code they come to."""

from dataclasses import dataclass

from eval.compare import MetricComparison
from eval.gate import GateVerdict
from eval.report import EvalReport

PASSED, FAILED, UNJUDGED = 0, 1, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseOutcome:
    """What became of a run. unjudged: too many cases went unanswered to say anything."""

    report: EvalReport
    verdicts: tuple[GateVerdict, ...] = ()
    comparisons: tuple[MetricComparison, ...] = ()
    is_unjudged: bool = False

    @property
    def failed_verdicts(self) -> list[GateVerdict]:
        """List the gates that were not passed."""
        return [one for one in self.verdicts if not one.passed]

    @property
    def exit_code(self) -> int:
        """Give the exit code: 0 passed, 1 failed, 6 too many errors to judge."""
        return UNJUDGED if self.is_unjudged else FAILED if self.failed_verdicts else PASSED
