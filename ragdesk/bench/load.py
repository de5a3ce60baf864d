"""An open-loop load: questions arrive on schedule, whether earlier ones were answered or not.

Latency counts from the moment a question was due. A load that waits for answers before it asks
again hides exactly the delays that people meet.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

WAITING = 256  # questions that may be under way at once; more are counted as turned away
QUEUES = 0.5  # of the time: from this share of waiting on, waiting is what is slow
QuestionTimer = Callable[[str], Mapping[str, float]]  # a question; the seconds of each step


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """The result of a load. waited: seconds from due to begun; took: from due to answered.

    answers: what was told of each answer, in the order of the two.
    """

    rate: float
    seconds: float
    took: tuple[float, ...]
    waited: tuple[float, ...]
    steps: Mapping[str, float] = field(default_factory=dict)
    answers: tuple[Mapping[str, float], ...] = ()
    errors: int = 0
    turned_away: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the figures of a load, with the bottleneck by name."""
        marks = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
        took = (
            {n: round(float(np.quantile(self.took, q)), 4) for n, q in marks.items()}
            if self.took
            else {}
        )
        return {
            "asked_per_second": self.rate,
            "answered_per_second": round(len(self.took) / self.seconds, 2),
            "answers": len(self.took),
            "errors": self.errors,
            "turned_away": self.turned_away,
            "seconds": took,
            "steps": {name: round(value, 4) for name, value in sorted(self.steps.items())},
            "bottleneck": self.bottleneck,
        }

    @property
    def bottleneck(self) -> str:
        """Return what most of the time went into: waiting for a free slot, or a step."""
        if self.took and sum(self.waited) >= QUEUES * sum(self.took):
            return "waiting: more questions than can be answered"
        steps = {name: value for name, value in self.steps.items() if name != "total"}
        return max(steps, key=lambda name: steps[name]) if steps else "unknown"


def run_open_loop(
    ask: QuestionTimer, questions: Sequence[str], *, rate: float, seconds: float, places: int
) -> LoadResult:
    """Ask ``rate`` questions a second, evenly, for some seconds; ``places`` answer at once."""
    lock = threading.Lock()
    under_way = 0
    took: list[float] = []
    waited: list[float] = []
    answers: list[Mapping[str, float]] = []
    steps: dict[str, float] = {}
    errors = turned_away = 0

    def ask_question(question: str, due: float) -> None:
        nonlocal under_way, errors
        begun = time.perf_counter()
        try:
            timings: Mapping[str, float] | None = ask(question)
        except Exception:  # noqa: BLE001, a load counts failures of whatever it asks
            timings = None
        ended = time.perf_counter()
        with lock:
            under_way -= 1
            if timings is None:
                errors += 1
                return
            took.append(ended - due)
            waited.append(begun - due)
            answers.append(timings)
            for name, value in timings.items():
                steps[name] = steps.get(name, 0.0) + value

    start = time.perf_counter()
    with ThreadPoolExecutor(max_workers=places) as pool:
        for n in range(int(rate * seconds)):
            due = start + n / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            with lock:
                full = under_way >= WAITING
                turned_away += full
                under_way += not full
            if not full:
                pool.submit(ask_question, questions[n % len(questions)], due)
    return LoadResult(
        rate=rate,
        seconds=time.perf_counter() - start,
        took=tuple(took),
        waited=tuple(waited),
        answers=tuple(answers),
        steps={name: value / max(1, len(took)) for name, value in steps.items()},
        errors=errors,
        turned_away=turned_away,
    )


def loads_as_markdown(loads: Sequence[LoadResult]) -> str:
    """Write loads as a table."""
    rows = [
        "| asked/s | answered/s | p50, s | p95, s | p99, s | errors | turned away | bottleneck |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for load in loads:
        ask_question = load.as_json()
        took = ask_question["seconds"]
        cells = [
            f"{load.rate:g}",
            ask_question["answered_per_second"],
            *(took.get(q, "") for q in ("p50", "p95", "p99")),
        ]
        cells += [load.errors, load.turned_away, load.bottleneck]
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(rows)
