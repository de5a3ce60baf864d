"""What became of a run: its report, the verdict of each gate, and the exit code they come to."""

from dataclasses import dataclass

from eval.compare import Compared
from eval.gate import Verdict
from eval.report import Report

PASSED, FAILED, UNJUDGED = 0, 1, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What became of a run. unjudged: too many cases went unanswered to say anything."""

    report: Report
    verdicts: tuple[Verdict, ...] = ()
    compared: tuple[Compared, ...] = ()
    unjudged: bool = False

    @property
    def failed(self) -> list[Verdict]:
        """List the gates that were not passed."""
        return [one for one in self.verdicts if not one.passed]

    @property
    def exit(self) -> int:
        """Give the exit code: 0 passed, 1 failed, 6 too many errors to judge."""
        return UNJUDGED if self.unjudged else FAILED if self.failed else PASSED
