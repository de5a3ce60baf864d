"""Ask another system at a bearable rate, and again after a while where it has no time now."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from ingest.errors import OutboundFailed, SourceUnreadable
from ingest.outbound.outbound_client import OutboundClient, OutboundReply
from ingest.outbound.retry_after import read_http_date, read_retry_after

MOST_TRIES: Final = 5
LONGEST_PAUSE: Final = 300.0  # seconds that one reply may make us wait
_FIRST_WAIT = 1.0
_BUSY = frozenset({429, 503})
_SERVER_ERROR = 500
_UNAUTHORIZED = 401
_RETRIED = frozenset({"unreachable", "too_slow", "bad_reply"})


class PacedClient:
    """Sends the requests of one source, one after the other.

    name: of the source, for messages. rate: requests a second at most. sleep, clock: of time.
    """

    def __init__(
        self,
        name: str,
        client: OutboundClient,
        *,
        rate: float,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name, self.client = name, client
        self._interval = 1 / rate
        self._sleep, self._clock = sleep, clock
        self._next_turn = 0.0
        self.server_time: float | None = None  # of the last reply, by the other side's clock

    def slow_down(self, interval: float) -> None:
        """Leave at least so many seconds between two requests."""
        self._interval = max(self._interval, interval)

    def pause(self, seconds: float) -> None:
        """Send nothing for some seconds."""
        self._sleep(seconds)

    def get(self, address: str, headers: Mapping[str, str] | None = None) -> OutboundReply:
        """Fetch an address; any status but those of ``send`` is a reply."""
        return self.send("GET", address, headers)

    def send(
        self,
        method: str,
        address: str,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        *,
        accepts_401: bool = False,
    ) -> OutboundReply:
        """Send a request, and again where the other side has no time or fails.

        accepts_401: leave it to the caller what a wrong key means. Raises SourceUnreadable where
        the key is wrong, or the other side asks for more time than a look has.
        Raises AddressRefused, and OutboundFailed where no good reply came.
        """
        wait, reason = _FIRST_WAIT, ""
        for attempt in range(MOST_TRIES):
            if attempt:
                self._sleep(wait)
            self._take_turn()
            try:
                reply = self.client.send(method, address, headers=headers, content=content)
            except OutboundFailed as error:
                if error.reason not in _RETRIED:
                    raise
                reason, wait = str(error), min(LONGEST_PAUSE, _FIRST_WAIT * 2**attempt)
                continue
            self.server_time = read_http_date(reply.headers.get("date", "")) or self.server_time
            if reply.status == _UNAUTHORIZED and not accepts_401:
                raise SourceUnreadable(
                    f"The source {self.name!r} does not take its key (401). Nothing was changed. "
                    f"Name a valid one in the settings: [sources.{self.name}] token"
                )
            if reply.status not in _BUSY and reply.status < _SERVER_ERROR:
                return reply
            reason = f"it answered {reply.status}"
            wait = self._find_wait(reply, attempt)
        raise OutboundFailed("unreachable", f"It cannot be read now: {reason.rstrip('.')}.")

    def send_json(
        self,
        method: str,
        address: str,
        content: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        accepts_401: bool = False,
    ) -> tuple[int, Any]:
        """Send a request, and return the status and the reply's JSON; None where it is none."""
        more = {"Accept": "application/json", **(headers or {})}
        body = None
        if content is not None:
            body = json.dumps(content).encode()
            more["Content-Type"] = "application/json; charset=utf-8"
        reply = self.send(method, address, more, body, accepts_401=accepts_401)
        try:
            return reply.status, json.loads(reply.body)
        except (ValueError, RecursionError):
            return reply.status, None

    def _take_turn(self) -> None:
        now = self._clock()
        if now < self._next_turn:
            self._sleep(self._next_turn - now)
        self._next_turn = max(now, self._next_turn) + self._interval

    def _find_wait(self, reply: OutboundReply, attempt: int) -> float:
        """Return for how long a server asks to be left alone. Raises SourceUnreadable."""
        seconds = read_retry_after(reply.headers.get("retry-after", ""))
        if seconds is None:
            return float(min(LONGEST_PAUSE, _FIRST_WAIT * 2**attempt))
        if seconds > LONGEST_PAUSE:
            raise SourceUnreadable(
                f"The source {self.name!r} asks to be left alone for {seconds:,.0f} seconds. What "
                f"was fetched is kept; go on then: ragdesk ingest --source {self.name}"
            )
        return max(seconds, self._interval)
