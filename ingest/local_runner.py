"""Parse the files of a job in children on this machine: those that run already, or its own."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from ingest.runners import Runner
from ingest.sandbox.guard import Guard, GuardOptions


class LocalRunnerOpener:
    """Opens a job's runner on this machine, given the names of the files to parse.

    shared_guard: a guard that others started, and will end. Raises ValueError when it splits by
    other options.
    """

    def __init__(
        self,
        options: GuardOptions,
        *,
        tokenizer: Path,
        split: Mapping[str, Any],
        shared_guard: Guard | None = None,
    ) -> None:
        if shared_guard and shared_guard.split_options != split:
            raise ValueError("The running guard splits by other options than this job.")
        self._options = options
        self._tokenizer = tokenizer
        self._split = split
        self._shared_guard = shared_guard
        self._early_guard = shared_guard

    def __call__(self, names: Sequence[str]) -> AbstractContextManager[Runner]:
        """Return the running guard, where it suits; else start the children that the files need."""
        if self._early_guard and (
            self._shared_guard or self._early_guard.can_take(names, self._options)
        ):
            return nullcontext(self._early_guard)
        return self._make_guard(names)

    @contextmanager
    def start_early(self, names: Sequence[str]) -> Iterator[None]:
        """Start the pool now, while the sources are still compared, for files of these names.

        A child takes 0.1 to 0.6 s for its imports, and a job as long to look at a large source.
        """
        if self._shared_guard or not names:
            yield
            return
        with self._make_guard(names) as self._early_guard:
            yield

    def _make_guard(self, names: Sequence[str]) -> Guard:
        options = replace(self._options, workers=1) if len(names) == 1 else self._options
        return Guard(options, tokenizer=self._tokenizer, split=self._split, names=names)
