"""A lookup's way: find the number, check who asks, count, ask, say.

Whoever is no verified customer is asked to sign in, and nothing is fetched. A number of somebody
else's is answered as one that is not there: in the same words, by the same steps, after as long.
"""

import asyncio
import hashlib
import logging
import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from ragdesk.answering.answer import Turn
from ragdesk.answering.lookup_result import LookupResult, LookupStatus
from ragdesk.answering.retrieval.question_analysis import analyze_question
from ragdesk.errors import HomeUnusable, LookupFailed
from ragdesk.request_context import run_in_pool
from ragdesk.support.access import Principal
from ragdesk.support.lookups.lookup_options import LookupOptions
from ragdesk.support.lookups.lookup_server import LookupServer
from ragdesk.support.lookups.lookup_template import fill_template
from ragdesk.support.lookups.lookup_values import find_wanted
from ragdesk.support.sign_in.request_counts import RequestCounts

TRIES_PER_MINUTE: Final = 5  # of one customer, over all lookups and servers
LOOKUP_MINUTE: Final = 60
LOOKUP_THREADS: Final = 8
MOST_LOOKUPS: Final = 3  # of one question
# "Not found" is said after a whole number of these seconds: how long the other system looked at
# what is somebody else's cannot be read off. Measured by tests/lab/speed/lookup_timing.py.
NOT_FOUND_STEP: Final = 1.0
# And after a random part of these: a busy machine wakes later what has worked a moment ago.
NOT_FOUND_NOISE: Final = 0.25
_CHANCE: Final = random.SystemRandom()
log = logging.getLogger("ragdesk.support")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """A value to be looked up, and the language in which it is said."""

    name: str
    value: str
    language: str


class LookupDesk:
    """Looks up live facts for the questions of one server.

    counts: of tries, shared by all servers of a database. on_result: is told of each result.
    """

    def __init__(
        self,
        lookups: Mapping[str, LookupOptions],
        counts: RequestCounts,
        on_result: Callable[[LookupStatus], None] = lambda _: None,
        make_server: Callable[[LookupOptions], LookupServer] = LookupServer,
    ) -> None:
        self._options = dict(lookups)
        self._servers = {name: make_server(options) for name, options in lookups.items()}
        self._counts = counts
        self._on_result = on_result
        self._threads = ThreadPoolExecutor(LOOKUP_THREADS, thread_name_prefix="lookups")

    async def look_up(
        self, question: str, history: Sequence[Turn], who: Principal, collection: str
    ) -> tuple[LookupResult, ...]:
        """Return what the lookups of a collection say of a question; empty where it wants none."""
        if not self._options:
            return ()
        wanted = await asyncio.to_thread(self._find_all, question, history, collection)
        results = await asyncio.gather(*(self._answer(request, who) for request in wanted))
        for result in results:
            self._on_result(result.status)
        return tuple(results)

    def close(self) -> None:
        """Close the connections, and end the threads once they have nothing to do."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for server in self._servers.values():
            server.close()

    def _find_all(self, question: str, history: Sequence[Turn], collection: str) -> list[_Wanted]:
        wanted: list[_Wanted] = []
        language = _find_language(question, history)
        for name, options in self._options.items():
            if options.collections and collection not in options.collections:
                continue
            values = find_wanted(options, question, history)
            if values is not None:
                wanted += [
                    _Wanted(name=name, value=value, language=language) for value in values or ("",)
                ]
        named = [request for request in wanted if request.value]
        return (named or wanted[:1])[:MOST_LOOKUPS]

    async def _answer(self, wanted: _Wanted, who: Principal) -> LookupResult:
        if not who.subject:
            status, text = LookupStatus.NEEDS_ACCOUNT, ""
        elif not wanted.value:
            status, text = LookupStatus.NEEDS_VALUE, ""
        else:
            begun = time.monotonic()
            status, text = await self._fetch(wanted, who.subject)
            if status is LookupStatus.NOT_FOUND:
                noise = _CHANCE.uniform(0, NOT_FOUND_NOISE)
                await asyncio.sleep(_time_left(time.monotonic() - begun) + noise)
        options = self._options[wanted.name]
        return LookupResult(
            lookup=wanted.name,
            value=wanted.value,
            status=status,
            title=_localise(options.title, wanted.language) or wanted.name,
            text=text,
        )

    async def _fetch(self, wanted: _Wanted, sub: str) -> tuple[LookupStatus, str]:
        """Return what came of a lookup, and the sentence that says it."""
        options = self._options[wanted.name]
        try:
            async with asyncio.timeout(options.seconds):
                return await run_in_pool(self._threads, self._fetch_counted, wanted, sub)
        except TimeoutError:
            return _fail(wanted.name, "too_slow")
        except LookupFailed as error:
            return _fail(wanted.name, error.reason)
        except HomeUnusable:  # who cannot be counted is not served
            return _fail(wanted.name, "database")

    def _fetch_counted(self, wanted: _Wanted, sub: str) -> tuple[LookupStatus, str]:
        options = self._options[wanted.name]
        minute = int(time.time()) // LOOKUP_MINUTE * LOOKUP_MINUTE
        digest = hashlib.sha256(sub.encode()).hexdigest()[:32]
        if self._counts.add(f"lookup:{digest}", minute) > TRIES_PER_MINUTE:
            return LookupStatus.LIMITED, ""
        reply = self._servers[wanted.name].fetch(wanted.value, sub)
        if reply is None:
            return LookupStatus.NOT_FOUND, ""
        template = _localise(options.answer, wanted.language)
        terms = options.terms.get(wanted.language, {})
        text = fill_template(template, wanted.value, reply, terms)
        if text is None:
            raise LookupFailed("fields_missing")
        return LookupStatus.FOUND, text


def _fail(name: str, reason: str) -> tuple[LookupStatus, str]:
    log.warning("a lookup failed", extra={"lookup": name, "code": reason, "repeats": name})
    return LookupStatus.UNAVAILABLE, ""


def _time_left(seconds: float) -> float:
    """Return how long to wait so that a whole number of steps has passed.

    >>> round(_time_left(0.1), 3), round(_time_left(1.3), 3)
    (0.9, 0.7)
    """
    return math.ceil(seconds / NOT_FOUND_STEP) * NOT_FOUND_STEP - seconds


def _find_language(question: str, history: Sequence[Turn]) -> str:
    """Return the language of a question; of the turns before it where it has no letters."""
    texts = [question, *(turn.text for turn in reversed(history) if turn.role == "user")]
    languages = (analyze_question(text).language for text in texts)
    return next((language for language in languages if language != "und"), "en")


def _localise(texts: Mapping[str, str], language: str) -> str:
    """Return a text in a language; in another one where it has none of it, and empty for none."""
    return texts.get(language, texts.get("en", next(iter(texts.values()), "")))
