"""Measure the seconds that each step of an answer takes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from ragdesk.request_context import trace_step


class StepClock:
    """Measures the time of steps, in seconds."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._steps: dict[str, float] = {}

    @contextmanager
    def measure_step(self, step: str) -> Iterator[None]:
        """Measure the seconds of a step, and trace it."""
        start = time.perf_counter()
        with trace_step(step):
            yield
        self._steps[step] = time.perf_counter() - start

    def split_step(self, step: str, part: str, seconds: float | None) -> None:
        """Count seconds of a step as a step of their own; None where the part was left out."""
        if seconds is None:
            return
        self._steps[step] -= seconds
        self._steps[part] = seconds

    def read_seconds(self) -> dict[str, float]:
        return {**self._steps, "total": time.perf_counter() - self._start}
