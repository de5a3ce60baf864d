"""RequestLimits on how much a key, a session, a visitor, a website and a network may ask.

A channel is limited as a website is, and who writes in it as a visitor.

The local user of an open desk is never limited. Requests are counted by the minute. With a database
that several servers share the counts are shared, too: each server tells what it counted once a
second, and sooner where a limit is near; requests under way are counted by each server alone.
"""

import ipaddress
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Literal

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

from ragdesk.errors import RateLimited
from ragdesk.request_context import run_in_pool
from ragdesk.support.sign_in.identity import Identity
from ragdesk.support.sign_in.publishable_keys import PublishableKey
from ragdesk.support.sign_in.request_counts import RequestCounts
from ragdesk.web.limit_options import LimitOptions

SubjectKind = Literal["key", "session", "visitor", "site"]
MINUTE_SECONDS: Final = 60
LIMIT_DAY_SECONDS: Final = 86_400
SHARE_SECONDS: Final = 1.0  # after which a server tells the others what it counted
SHARE_PART: Final = 20  # and after this part of a limit
MOST_SUBJECTS: Final = 100_000  # counted in memory at a time
NETWORK_BITS: Final = {4: 24, 6: 56}  # what one household or office usually has


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit of one subject. kind: what is counted, as the headers name it."""

    kind: str
    subject: str
    per_minute: int
    concurrent: int = 0


@dataclass(slots=True)
class MinuteCount:
    """What is known of a subject's requests in a minute: shared ones, and those of this server."""

    period: int
    shared: int = 0
    own: int = 0
    share_at: float = field(default_factory=lambda: time.monotonic() + SHARE_SECONDS)

    @property
    def total(self) -> int:
        """All that are known of."""
        return self.shared + self.own


@dataclass(slots=True)
class Admission:
    """A request that was let in: what it counts as under way, and what its response says of it."""

    running: Counter[str]
    subjects: Sequence[str] = ()
    headers: dict[str, str] = field(default_factory=dict)

    def wrap_send(self, send: Send) -> Send:
        """Add the headers to a response."""
        if not self.headers:
            return send

        async def send_with_limit(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self.headers)
            await send(message)

        return send_with_limit

    def end(self) -> None:
        """Note that the request is over."""
        for subject in self.subjects:
            self.running[subject] -= 1
            if self.running[subject] <= 0:
                del self.running[subject]


class RequestLimits:
    """The limits of a server.

    counts: shared with other servers; None counts in this one. threads: that wait for the database.
    """

    def __init__(
        self,
        options: LimitOptions,
        daily_counts: RequestCounts,
        threads: ThreadPoolExecutor,
        *,
        shared: bool = False,
    ) -> None:
        self.options = options
        self._daily_counts = daily_counts
        self._shared_counts = daily_counts if shared else None
        self._threads = threads
        self._minutes: dict[str, MinuteCount] = {}
        self._running: Counter[str] = Counter()

    async def admit(self, identity: Identity | None, address: str) -> Admission:
        """Let a request in, or raise RateLimited. The caller ends the admission.

        identity: who asks; None for somebody who signs in. address: where from.
        """
        limits = self._list_limits(identity, address)
        now = time.time()
        scarcest = None
        for limit in limits:
            self._check_running(limit)
            if limit.per_minute:
                rest = limit.per_minute - await self._count(limit, now)
                if rest < 0:
                    raise _over_limit(limit.kind, limit.per_minute, MINUTE_SECONDS, now)
                scarcest = (limit, rest) if scarcest is None or rest < scarcest[1] else scarcest
        subjects = [limit.subject for limit in limits if limit.concurrent]
        self._running.update(subjects)
        is_visitor = identity is not None and identity.site is not None
        headers = _limit_headers(scarcest[0], scarcest[1], now) if scarcest and is_visitor else {}
        return Admission(self._running, subjects, headers)

    async def count_answer(self, identity: Identity | None) -> None:
        """Count an answer that the language model is to write. Raises RateLimited past the day's.

        Those of visitors and channels are counted, in the database, as each costs.
        """
        site = identity.site if identity else None
        if identity is None or (site is None and identity.who.kind != "channel"):
            return
        own = site.daily_answers if site else None
        ceiling = self.options.daily_answers if own is None else own
        if not ceiling and own is None:
            return
        now = time.time()
        day = int(now) // LIMIT_DAY_SECONDS * LIMIT_DAY_SECONDS
        subject = f"answers:{site.id if site else identity.who.name}"
        count = await self._in_thread(lambda: self._daily_counts.add(subject, day))
        if count > ceiling:
            raise _over_limit("answers", ceiling, LIMIT_DAY_SECONDS, now)

    def _list_limits(self, identity: Identity | None, address: str) -> list[Limit]:
        if identity is None:
            return self._network_limits("sign-in", address)
        if identity.site is not None:
            return self._site_limits(identity, identity.site, address)
        if identity.session is not None:
            return [self._make_limit("session", f"session:{identity.session.id}")]
        if identity.who.kind == "local":
            return []
        if identity.who.kind == "channel":
            author, channel = identity.who.person, identity.who.name
            return [self._make_limit("visitor", author), self._make_limit("site", channel)]
        return [self._make_limit("key", f"key:{identity.who.name}")]

    def _site_limits(self, identity: Identity, site: PublishableKey, address: str) -> list[Limit]:
        """List the narrowest limit first: what it refuses takes nothing from all the others."""
        subject = f"site:{site.id}"
        own = [self._make_limit("visitor", identity.who.name)] if identity.who.person else []
        return [*own, *self._network_limits(subject, address), self._make_limit("site", subject)]

    def _network_limits(self, subject: str, address: str) -> list[Limit]:
        network = network_prefix(address)
        if network is None:
            return []
        per_minute = self.options.network_per_minute
        return [Limit(kind="network", subject=f"{subject}@{network}", per_minute=per_minute)]

    def _make_limit(self, kind: SubjectKind, subject: str) -> Limit:
        per_minute: int = getattr(self.options, f"{kind}_per_minute")
        concurrent: int = getattr(self.options, f"{kind}_concurrent")
        return Limit(kind=kind, subject=subject, per_minute=per_minute, concurrent=concurrent)

    def _check_running(self, limit: Limit) -> None:
        if limit.concurrent and self._running[limit.subject] >= limit.concurrent:
            raise RateLimited(
                f"Too many requests are under way ({limit.kind}). Come again when one has ended.",
                kind=limit.kind,
                retry_after=1,
            )

    async def _count(self, limit: Limit, now: float) -> int:
        """Count a request; gives how many of the minute are known with it."""
        period = int(now) // MINUTE_SECONDS * MINUTE_SECONDS
        count = self._minutes.get(limit.subject)
        if count is None or count.period != period:
            if len(self._minutes) >= MOST_SUBJECTS:
                self._minutes = {k: v for k, v in self._minutes.items() if v.period == period}
            count = self._minutes[limit.subject] = MinuteCount(period)
        count.own += 1
        if self._shared_counts is not None:
            is_large = count.own >= max(1, limit.per_minute // SHARE_PART)
            if is_large or time.monotonic() >= count.share_at:
                await self._share(limit.subject, count)
        return count.total

    async def _share(self, subject: str, count: MinuteCount) -> None:
        """Tell the other servers what was counted here, and learn what they counted."""
        counts, own = self._shared_counts, count.own
        if counts is None:
            return
        count.own -= own
        count.shared += own  # at least; others that come meanwhile go by this
        count.share_at = time.monotonic() + SHARE_SECONDS
        total = await self._in_thread(lambda: counts.add(subject, count.period, own))
        count.shared = max(count.shared, total)

    async def _in_thread(self, work: Callable[[], int]) -> int:
        return await run_in_pool(self._threads, work)


def network_prefix(address: str) -> str | None:
    """Return the network that an address lies in; None for this machine, and for no address.

    >>> network_prefix("203.0.113.9"), network_prefix("2001:db8:1:2ff::7")
    ('203.0.113.0/24', '2001:db8:1:200::/56')
    >>> network_prefix("::ffff:203.0.113.9"), network_prefix("127.0.0.1")
    ('203.0.113.0/24', None)
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if ip.is_loopback:
        return None
    return str(ipaddress.ip_network((ip, NETWORK_BITS[ip.version]), strict=False))


def _over_limit(kind: str, limit: int, period: int, now: float) -> RateLimited:
    wait = period - int(now) % period
    message = (
        f"That is more than {limit:,} a {'minute' if period == MINUTE_SECONDS else 'day'} ({kind})."
    )
    return RateLimited(f"{message} Come again in {wait:,} s.", kind=kind, retry_after=wait)


def _limit_headers(limit: Limit, rest: int, now: float) -> dict[str, str]:
    """Write what is left, as draft-ietf-httpapi-ratelimit-headers says it."""
    reset = MINUTE_SECONDS - int(now) % MINUTE_SECONDS
    return {
        "RateLimit-Policy": f'"{limit.kind}";q={limit.per_minute};w={MINUTE_SECONDS}',
        "RateLimit": f'"{limit.kind}";r={max(rest, 0)};t={reset}',
    }
