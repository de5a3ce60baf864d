"""Yield to the event loop when one task computes for long.

What a foreign server sends is cut into small pieces; thousands of them may lie ready at once, and
taking them one after the other would never wait, so nobody else would be served meanwhile.
"""

import asyncio
import time
from dataclasses import dataclass, field

TURN_SECONDS = 0.01  # seconds: a request that waits so long behind another notices nothing


@dataclass(slots=True)
class LoopTurns:
    """Measures how long one task has computed without a pause. started: on the monotonic clock."""

    started: float = field(default_factory=time.monotonic)

    def restart(self) -> None:
        """Note that the event loop has just run: the task has waited for something."""
        self.started = time.monotonic()

    async def yield_turn(self) -> None:
        """Let the event loop run, once this task has computed for a whole turn."""
        if time.monotonic() - self.started > TURN_SECONDS:
            await asyncio.sleep(0)
            self.restart()
