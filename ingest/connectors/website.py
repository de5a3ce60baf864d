"""A website as a source: the pages of its sitemap that its robots.txt lets us read."""

import codecs
import json
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import unquote, urlsplit

from ingest.connectors.paced_client import PacedClient
from ingest.connectors.remote_page import (
    PUBLIC,
    SHUT_NOTE,
    SHUT_STATUSES,
    PageContent,
    PageGone,
    PageShut,
    PageUnreadable,
    RemotePage,
)
from ingest.connectors.robots_file import RobotsRules, parse_robots
from ingest.connectors.sitemap import SitemapEntry, parse_sitemap
from ingest.errors import AddressRefused, OutboundFailed, SourceUnreadable
from ingest.outbound.allowed_hosts import parse_origin

AGENT: Final = "ragdesk"  # the name that a robots.txt knows us by
_MOST_SITEMAPS: Final = 1_000
_GONE: Final = frozenset({404, 410})
_NOT_MODIFIED: Final = 304
_GRAIN: Final = 2 * 86_400  # seconds: a date without a time, in any time zone, by any clock
_ENDINGS: Final = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/pdf": ".pdf",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "": ".html",
}
_CHARSETS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")


class WebsiteConnector:
    """Reads a website by its sitemap.

    address: its own, or that of a sitemap. roots: beginnings of paths, of which one is to fit;
    empty for all pages. now: the time. What its pages link to is not followed.
    """

    def __init__(
        self,
        client: PacedClient,
        address: str,
        roots: Sequence[str] = (),
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._client, self._address, self._roots = client, address, tuple(roots)
        self._now = now
        self._site = str(parse_origin(address))
        self._robots: dict[str, RobotsRules] = {}

    def list_pages(self) -> Iterator[RemotePage]:
        """List the pages of all sitemaps. Raises SourceUnreadable where one cannot be read."""
        waiting = list(self._find_sitemaps())
        known = set(waiting)
        while waiting:
            try:
                sitemap = parse_sitemap(self._read_sitemap(waiting.pop(0)))
            except PageUnreadable as error:
                raise SourceUnreadable(f"{self._site}: {error}. Nothing was changed.") from error
            for entry in sitemap.pages:
                address = entry.address.partition("#")[0]
                if page := self._make_page(SitemapEntry(address, entry.changed)):
                    yield page
            further = [
                address for address in dict.fromkeys(sitemap.sitemaps) if address not in known
            ]
            known.update(further)
            waiting += further
            if len(known) > _MOST_SITEMAPS:
                raise SourceUnreadable(f"{self._site} has more than {_MOST_SITEMAPS:,} sitemaps.")

    def _find_sitemaps(self) -> Sequence[str]:
        """Return the sitemap that is named, else those of the robots.txt, else the usual one."""
        path = urlsplit(self._address).path
        if path.endswith((".xml", ".xml.gz", ".txt")):
            return [self._address]
        listed = [
            address
            for address in self._read_robots(self._site).sitemaps
            if self._is_listed(address)
        ]
        return listed or [f"{self._site}/sitemap.xml"]

    def _read_sitemap(self, address: str) -> bytes:
        try:
            reply = self._client.get(address)
        except (AddressRefused, OutboundFailed) as error:
            raise SourceUnreadable(f"A sitemap of {self._site}: {error}") from error
        if not reply.is_ok:
            raise SourceUnreadable(
                f"{address} answered {reply.status}: no sitemap. Nothing was changed. Name the "
                f"address of one in the settings: [sources.{self._client.name}] address"
            )
        return reply.body

    def _make_page(self, entry: SitemapEntry) -> RemotePage | None:
        """Return a page that is to be read; None for one of other hosts or that is not wanted."""
        if not self._is_listed(entry.address) or not self._is_wanted(entry.address):
            return None
        if not self._may_read(entry.address):
            return None
        return RemotePage(
            id=entry.address,
            path=self._make_path(entry.address),
            address=entry.address,
            version="" if self._is_fresh(entry.changed) else entry.changed,
            readers=(frozenset({PUBLIC}),),
        )

    def _is_fresh(self, changed: str) -> bool:
        """Tell whether a page may have changed again under the same date: then it is asked for."""
        try:
            moment = datetime.fromisoformat(changed)
        except ValueError:
            return True
        utc = moment.replace(tzinfo=moment.tzinfo or UTC)
        return utc.timestamp() > self._now() - _GRAIN

    def _is_listed(self, address: str) -> bool:
        try:
            self._client.client.hosts.check_url(address)
        except AddressRefused:
            return False
        return True

    def _is_wanted(self, address: str) -> bool:
        path = urlsplit(address).path or "/"
        return not self._roots or any(map(path.startswith, self._roots))

    def _may_read(self, address: str) -> bool:
        parts = urlsplit(address)
        rules = self._read_robots(str(parse_origin(address)))
        return rules.allows(f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}")

    def _read_robots(self, site: str) -> RobotsRules:
        """Read what a site lets be read, once. Raises SourceUnreadable where it does not say."""
        if site in self._robots:
            return self._robots[site]
        try:
            reply = self._client.get(f"{site}/robots.txt")
        except (AddressRefused, OutboundFailed) as error:
            raise SourceUnreadable(f"The robots.txt of {site} cannot be read: {error}") from error
        text = reply.body.decode("utf-8", "replace") if reply.is_ok else ""  # none: all is allowed
        rules = self._robots[site] = parse_robots(text, AGENT)
        self._client.slow_down(rules.delay)
        return rules

    def _make_path(self, address: str) -> str:
        parts = urlsplit(address)
        path = unquote(parts.path, errors="replace")
        path = f"{path}index" if path.endswith("/") or not path else path
        site = str(parse_origin(address))
        host = "" if site == self._site else f"{site.partition('://')[2]}/"
        return f"{host}{path.lstrip('/')}{f'?{parts.query}' if parts.query else ''}"

    def fetch_page(self, page: RemotePage, stamp: str) -> PageContent | None:
        """Fetch a page; None where the website says that it is as it was."""
        known = json.loads(stamp) if stamp else {}
        conditions = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
        headers = {conditions[name]: value for name, value in known.items()}
        try:
            reply = self._client.send("GET", page.id, headers, accepts_401=True)
        except AddressRefused as error:  # as of a page that sends to a sign-in elsewhere
            raise PageShut(f"{error} So {SHUT_NOTE}") from error
        if reply.status == _NOT_MODIFIED and known:
            return None
        if reply.status in _GONE:
            raise PageGone(f"{page.id} is no more")
        if reply.status in SHUT_STATUSES:
            raise PageShut(f"the website answered {reply.status}; {SHUT_NOTE}")
        if not reply.is_ok:
            raise PageUnreadable(f"the website answered {reply.status}")
        if reply.url != page.id and not self._is_wanted(reply.url):
            raise PageShut(f"it redirects to a page that is not below the roots; {SHUT_NOTE}")
        if reply.url != page.id and not self._may_read(reply.url):
            raise PageShut(f"it redirects to a page that robots.txt keeps from us; {SHUT_NOTE}")
        kind, _, parameters = reply.headers.get("content-type", "").partition(";")
        ending = _ENDINGS.get(kind.strip().lower())
        if ending is None:
            raise PageUnreadable(f"it is of a type that is not read from websites: {kind[:60]}")
        names = [name for name in conditions if reply.headers.get(name)]
        body = reply.body
        if ending == ".html":
            body = _place_page(body, reply.url, parameters)
        stamp = json.dumps({name: reply.headers[name][:500] for name in names}) if names else ""
        return PageContent(body=body, ending=ending, stamp=stamp)

    def is_gone(self, page_id: str) -> bool:
        """Tell that a page which the sitemap no longer lists is none of the source's."""
        del page_id
        return True


def _place_page(body: bytes, address: str, parameters: str) -> bytes:
    """Put before a page what only its reply said: its encoding, and its address."""
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body  # which says its encoding itself, and in which nothing can be put
    charset = parameters.lower().partition("charset=")[2].partition(";")[0].strip(" \"'")
    declared = f'<meta charset="{charset}">' if charset and set(charset) <= _CHARSETS else ""
    target = address.replace("&", "&amp;").replace('"', "%22").replace("<", "%3C")
    if body.startswith(codecs.BOM_UTF8):
        body, declared = body.removeprefix(codecs.BOM_UTF8), '<meta charset="utf-8">'
    start = b""
    if body.lstrip().startswith(b"<?xml"):
        start, mark, body = body.partition(b"?>")
        start += mark
    return start + f'<!doctype html>{declared}<base href="{target}">\n'.encode() + body
