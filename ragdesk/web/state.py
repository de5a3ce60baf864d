"""What the routes share."""

from dataclasses import dataclass, field
from typing import cast

from starlette.requests import Request

from ragdesk.metrics import Metrics
from ragdesk.web.gate import Gate
from ragdesk.web.jobs import Jobs
from ragdesk.web.limits import ServeOptions
from ragdesk.web.live import Live
from ragdesk.web.once import Once
from ragdesk.web.uploads import Uploads


@dataclass(slots=True, kw_only=True)
class State:
    """One server's things. ``secret`` signs cursors; ``ready`` is false before and after work."""

    options: ServeOptions
    gate: Gate
    live: Live
    jobs: Jobs
    uploads: Uploads
    metrics: Metrics
    secret: bytes
    once: Once = field(default_factory=Once)
    ready: bool = False


def of(request: Request) -> State:
    """Give the state of the server a request came to."""
    return cast("State", request.app.state.desk)
