"""Ask a running server for an answer as events, and time its first word and its stream."""

import http.client
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ragdesk.errors import SettingsError

LONGEST_EVENT_LINE = 8 << 20  # bytes of an event: one holds all passages of an answer
MOST_EVENTS = 20_000
PATIENCE = 120.0  # seconds between two events


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamClient:
    """Asks one server. count_tokens: of what was written. send: "hold", "show", or the server's."""

    url: str
    collection: str
    count_tokens: Callable[[str], float]
    key: str = ""
    send: str = ""

    def __call__(self, question: str) -> Mapping[str, float]:
        """Ask, and return the seconds of its steps, and of its stream.

        first: seconds to the first word; none for an answer without one. rate: tokens a second from
        the first word to the last; infinite where all came at once. model: 1 where the model wrote
        it to its end. Raises OSError or ValueError for a server that did not answer.
        """
        begun = time.perf_counter()
        connection = self._connect()
        try:
            connection.request("POST", self._path, self._body(question), self._headers())
            response = connection.getresponse()
            if response.status != http.client.OK:
                raise OSError(f"{self.url} answered {response.status}.")
            return self._time_events(response, begun)
        finally:
            connection.close()

    def _time_events(self, response: http.client.HTTPResponse, begun: float) -> dict[str, float]:
        first = last = 0.0
        written, name = [], ""
        for _ in range(MOST_EVENTS):
            line = response.readline(LONGEST_EVENT_LINE)
            if not line:
                raise OSError("The stream ended without its last event.")
            if line.startswith(b"event: "):
                name = line[7:].strip().decode()
            elif line.startswith(b"data: "):
                data = json.loads(line[6:])
                if name == "error":
                    raise OSError(f"The stream ended with an error: {data.get('code')}.")
                if name == "delta":
                    last = time.perf_counter()
                    first = first or last
                    written.append(data["text"])
                elif name == "done":
                    tokens = self.count_tokens("".join(written[1:]))
                    rate = tokens / (last - first) if last > first else float("inf")
                    timed = {"first": first - begun} if first else {}
                    return _describe_answer(data) | timed | {"rate": rate}
        raise OSError("The stream has no end.")

    @property
    def _path(self) -> str:
        return f"{urlsplit(self.url).path.rstrip('/')}/v1/answers"

    def _connect(self) -> http.client.HTTPConnection:
        address = urlsplit(self.url)
        if address.scheme not in {"http", "https"} or not address.hostname:
            raise SettingsError(f"--url {self.url!r} is no address. Write http://127.0.0.1:8080")
        is_secure = address.scheme == "https"
        kind = http.client.HTTPSConnection if is_secure else http.client.HTTPConnection
        return kind(address.hostname, address.port, timeout=PATIENCE)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        return headers | ({"Authorization": f"Bearer {self.key}"} if self.key else {})

    def _body(self, question: str) -> bytes:
        fields = {"question": question, "collection": self.collection, "stream": True}
        return json.dumps(fields | ({"verify": self.send} if self.send else {})).encode()


def _describe_answer(done: Mapping[str, object]) -> dict[str, float]:
    """Return the seconds of the steps, and whether a model wrote the answer now, to its end."""
    steps = done.get("seconds")
    is_kept = bool(done.get("cached"))
    by_model = done.get("generator") == "vllm" and not is_kept and not done.get("degraded")
    is_answer = by_model and done.get("outcome") == "answered"
    return {**(steps if isinstance(steps, dict) else {}), "model": float(is_answer)}


def estimate_few_tokens(text: str) -> float:
    """Estimate tokens from below: four letters of Latin script make one, and two Han characters.

    >>> estimate_few_tokens("refund policy"), estimate_few_tokens("退款政策")
    (3.25, 2.0)
    """
    latin = sum(map(str.isascii, text))
    return latin / 4 + (len(text) - latin) / 2
