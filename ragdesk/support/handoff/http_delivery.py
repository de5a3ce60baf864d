"""HTTP to the other systems that hear of hand-offs: addresses of the settings alone.

No redirect is followed and no proxy of the environment is asked: what the settings name is what is
spoken to. Replies are read to a bound.
"""

import json
import logging
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx

from ingest.errors import OutboundFailed
from ingest.outbound.reply_body import ACCEPTED_ENCODINGS, unpack_body
from ingest.outbound.retry_after import read_retry_after
from ragdesk.errors import DeliveryFailed

# It writes every address at info level, and a vendor may want a secret there.
logging.getLogger("httpx").setLevel(logging.WARNING)
TIMEOUT_SECONDS: Final = 15.0  # of silence
LONGEST_EXCHANGE: Final = 60.0  # seconds until a reply is there: a byte at a time is no silence
LARGEST_OUTSIDE_REPLY: Final = 1_000_000
LONGEST_DELIVERY_WAIT: Final = 3_600.0  # seconds: after that it is tried all the same
OK_STATUS: Final = range(200, 300)


class HttpSender:
    """Sends JSON to one system. Safe to share between threads.

    name: of the system, for messages. address: begins every path. headers: of every request.
    """

    def __init__(
        self,
        name: str,
        address: str,
        headers: Mapping[str, str] | None = None,
        login: tuple[str, str] | None = None,
    ) -> None:
        self._name = name
        self._address = address.rstrip("/")
        self._client = httpx.Client(
            timeout=TIMEOUT_SECONDS,
            follow_redirects=False,
            trust_env=False,
            headers={
                "User-Agent": "ragdesk",
                "Accept-Encoding": ACCEPTED_ENCODINGS,
                **(headers or {}),
            },
            auth=httpx.BasicAuth(*login) if login else None,
        )

    def send_json(
        self, method: str, path: str, body: Any, headers: Mapping[str, str] | None = None
    ) -> Any:
        """Send a JSON body, and return the JSON of the reply; None where it is none.

        Raises DeliveryFailed, which tells no word of either.
        """
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        return self.send_text(method, path, text, headers)

    def send_text(
        self, method: str, path: str, text: str, headers: Mapping[str, str] | None = None
    ) -> Any:
        """Send JSON that is written already, byte for byte: a signature is over these."""
        more = {"Content-Type": "application/json", **(headers or {})}
        return self._exchange(method, path, text.encode(), more)

    def get_json(self, path: str) -> Any:
        """Return the JSON of a GET; None where it is none. Raises DeliveryFailed."""
        return self._exchange("GET", path, None, {})

    def _exchange(
        self, method: str, path: str, content: bytes | None, headers: Mapping[str, str]
    ) -> Any:
        address = f"{self._address}{path}"
        until = time.monotonic() + LONGEST_EXCHANGE
        try:
            with self._client.stream(method, address, content=content, headers=headers) as reply:
                status = reply.status_code
                if status not in OK_STATUS:
                    wait = find_delivery_wait(reply.headers.get("retry-after", ""))
                    raise DeliveryFailed(f"{self._name} answered {status}.", retry_after=wait)
                encoding = reply.headers.get("content-encoding", "")
                pieces = _iter_in_time(reply, until)
                return _parse_reply(unpack_body(pieces, encoding, LARGEST_OUTSIDE_REPLY))
        except OutboundFailed as error:
            raise DeliveryFailed(f"{self._name}: {error}") from error
        except httpx.HTTPError as error:
            reason = type(error).__name__
            raise DeliveryFailed(f"{self._name} cannot be reached: {reason}.") from error

    def close(self) -> None:
        """Close its connections."""
        self._client.close()


def _iter_in_time(reply: httpx.Response, until: float) -> Iterator[bytes]:
    for piece in reply.iter_raw():
        if time.monotonic() > until:
            raise DeliveryFailed("The reply takes too long.")
        yield piece


def _parse_reply(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def find_delivery_wait(header: str) -> float:
    """Return the seconds that a ``Retry-After`` asks for, an hour at most; 0 for none."""
    return min(LONGEST_DELIVERY_WAIT, read_retry_after(header) or 0.0)
