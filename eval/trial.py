"""A trial: a target's raw reply to a case, and the file that keeps trials.

A run is stored whole: metrics can be computed again, and new ones added, without asking again.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

TRIALS = "run.jsonl"
Status = Literal["ok", "skipped", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One case, asked once.

    asked: digest of what was asked, so that a changed case is asked again. reply: the target's
    answer as JSON. resolved: per citation number, whether the stored text of the document held
    the quote when it was asked; None where that text cannot be had. seconds: as the asker saw it.
    """

    case: str
    asked: str
    status: Status = "ok"
    reason: str = ""
    reply: Mapping[str, Any] = field(default_factory=dict)
    resolved: Mapping[str, bool | None] = field(default_factory=dict)
    seconds: float = 0.0


def read_trials(folder: Path) -> dict[str, Trial]:
    """Read the trials of a run by case; the last trial of a case counts.

    A last line that was cut when the run was killed is left out; any other broken line raises
    ValueError.
    """
    file = folder / TRIALS
    return {trial.case: trial for trial in _read_trial_lines(file)} if file.exists() else {}


def trial_as_line(trial: Trial) -> str:
    """Write a trial as one line."""
    return json.dumps(asdict(trial), ensure_ascii=False, sort_keys=True) + "\n"


def _read_trial_lines(file: Path) -> Iterator[Trial]:
    lines = file.read_text(encoding="utf-8").split("\n")
    for number, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            yield Trial(**json.loads(text))
        except (TypeError, ValueError) as error:
            if number == len(lines):  # every whole line ends with a line feed
                return
            raise ValueError(f"{file}:{number}: {error}. Start anew: --fresh") from error
