"""Ask Feishu or Lark with the app's token, which is fetched and renewed as it runs out."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from ingest.connectors.json_values import find_list, find_text, find_value
from ingest.connectors.paced_client import LONGEST_PAUSE, PacedClient
from ingest.errors import SourceUnreadable

_TOKEN_PATH: Final = "/open-apis/auth/v3/tenant_access_token/internal"  # noqa: S105, a path
_SPARE: Final = 300.0  # seconds before its end, when a token is renewed
_OK: Final = 0
_EXPIRED: Final = frozenset({99991661, 99991663, 99991664, 99991668, 99991677})
_TOO_FAST: Final = frozenset({99991400, 1061045, 131009})
_MOST_TRIES: Final = 5
_MOST_REPLIES: Final = 10_000


@dataclass(frozen=True, slots=True)
class FeishuReply:
    """What Feishu answered: its code, which is 0 where all went well, and the data."""

    code: int
    data: Any
    message: str = ""


class FeishuRefusal(SourceUnreadable):
    """A listing that Feishu refused. code: why, by its own table."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class FeishuSession:
    """Sends requests with a tenant's access token.

    app_id, app_secret: of a custom app. clock: of seconds.
    """

    def __init__(
        self,
        client: PacedClient,
        address: str,
        app_id: str,
        app_secret: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.client = client
        self._address, self._clock = address.rstrip("/"), clock
        self._app = {"app_id": app_id, "app_secret": app_secret}
        self._token, self._token_ends = "", 0.0

    def ask(self, path: str, content: Any = None) -> FeishuReply:
        """Send a request and return the reply, whatever its code is. Raises SourceUnreadable."""
        method = "GET" if content is None else "POST"
        for attempt in range(_MOST_TRIES):
            headers = {"Authorization": f"Bearer {self._fetch_token()}"}
            reply = self._send(method, path, content, headers)
            if reply.code in _EXPIRED and attempt == 0:
                self._token = ""
            elif reply.code in _TOO_FAST:
                self.client.pause(min(LONGEST_PAUSE, 2.0**attempt))
            else:
                return reply
        raise SourceUnreadable(
            f"The source {self.client.name!r} does not answer any more (code {reply.code}). What "
            f"was fetched is kept: ragdesk ingest --source {self.client.name}"
        )

    def iterate(self, path: str, items: str = "items") -> Iterator[Mapping[str, Any]]:
        """Yield the items of a listing. Raises FeishuRefusal where one reply is none."""
        token, visited = "", set[str]()
        while True:
            more = f"&page_token={quote(token, safe='')}" if token else ""
            reply = self.ask(f"{path}{more}")
            if reply.code != _OK:
                raise FeishuRefusal(
                    reply.code,
                    f"A listing of {self.client.name!r} was refused: code {reply.code} "
                    f"{reply.message}. Nothing was changed. Is the app a member of what it reads?",
                )
            yield from (entry for entry in find_list(reply.data, items) if isinstance(entry, dict))
            token = find_text(reply.data, "page_token") or find_text(reply.data, "next_page_token")
            if find_value(reply.data, "has_more") is not True:
                return
            if not token or token in visited or len(visited) >= _MOST_REPLIES:
                raise SourceUnreadable(f"A listing of {self.client.name!r} never ends.")
            visited.add(token)

    def _fetch_token(self) -> str:
        if self._token and self._clock() < self._token_ends:
            return self._token
        status, facts = self.client.send_json("POST", f"{self._address}{_TOKEN_PATH}", self._app)
        token = find_text(facts, "tenant_access_token")
        if find_value(facts, "code") != _OK or not token:
            code = find_text(facts, "code") or f"status {status}"
            raise SourceUnreadable(
                f"The source {self.client.name!r} does not take its app ({code}). Nothing was "
                f"changed. Set both in the settings: [sources.{self.client.name}] user (its id) "
                "and token (its secret)"
            )
        seconds = find_value(facts, "expire")
        lifetime = float(seconds) if isinstance(seconds, int) and seconds > 0 else 0.0
        self._token, self._token_ends = token, self._clock() + lifetime - _SPARE
        return token

    def _send(
        self, method: str, path: str, content: Any, headers: Mapping[str, str]
    ) -> FeishuReply:
        address = f"{self._address}/open-apis{path}"
        status, facts = self.client.send_json(method, address, content, headers, accepts_401=True)
        code = find_value(facts, "code")
        number = code if isinstance(code, int) else -status
        return FeishuReply(number, find_value(facts, "data"), find_text(facts, "msg")[:200])
