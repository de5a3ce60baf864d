"""Places at which tests can make a job fail, to check what a failure costs.

Each stands just before or after something becomes durable. Nobody arms them in a desk's life: no
setting and no variable does, only code that runs in the same process.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

FAILPOINTS = (
    "original written",
    "originals kept",
    "sources.json written",
    "sources.json replaced",
    "draft begun",
    "document added",
    "texts awaited",
    "texts embedded",
    "journal written",
    "journal named",
    "words written",
    "shelf written",
    "vectors written",
    "segment sealed",
    "segment named",
    "table written",
    "limits.json written",
    "limits.json replaced",
    "generation sealed",
    "access log written",
    "generation named",
    "CURRENT written",
    "CURRENT replaced",
    "generation published",
    "backup unpacked",
    "backup moved in",
)

_actions: list[Callable[[str], None]] = []


def reach_failpoint(name: str) -> None:
    """Run the actions that tests have armed, at a named place."""
    for action in _actions:
        action(name)


@contextmanager
def arm_failpoints(action: Callable[[str], None]) -> Iterator[None]:
    """Run an action at each failpoint that is reached, in this process, within the block."""
    _actions.append(action)
    try:
        yield
    finally:
        _actions.remove(action)
