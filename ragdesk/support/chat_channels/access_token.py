"""The access token by which a chat system takes replies: asked for once, used while it holds."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from ragdesk.errors import DeliveryFailed

ACCESS_TOKEN_MARGIN: Final = 300  # seconds before its end from which it is asked for anew


class ChatAccessToken:
    """The access token of one app. Safe between threads; one of them asks at a time.

    system: for messages. fetch: asks for one; gives the reply's JSON. names: of the fields that
    hold the token, and the seconds for which it holds.
    """

    def __init__(self, system: str, fetch: Callable[[], Any], names: tuple[str, str]) -> None:
        self._system = system
        self._fetch = fetch
        self._names = names
        self._lock = threading.Lock()
        self._token, self._end = "", 0.0

    def find(self) -> str:
        """Return the last token while it holds, or a new one. Raises DeliveryFailed."""
        with self._lock:
            if time.monotonic() < self._end:
                return self._token
            result = self._fetch()
            token_name, seconds_name = self._names
            try:
                token, seconds = str(result[token_name]), float(result[seconds_name])
            except (KeyError, TypeError, ValueError) as error:
                raise DeliveryFailed(f"{self._system} gave no access token.") from error
            self._token, self._end = token, time.monotonic() + seconds - ACCESS_TOKEN_MARGIN
            return token

    def check(self, result: Any, code_name: str, expired: frozenset[int]) -> None:
        """Raise DeliveryFailed where a reply says that a message was not taken.

        expired: codes that say that the token holds no more: the next try asks for another.
        """
        code = result.get(code_name) if isinstance(result, Mapping) else None
        if code != 0:
            if code in expired:
                self._end = 0.0
            raise DeliveryFailed(f"{self._system} took no message: code {code}.")
