"""Read a sitemap: the pages that a website lists, and further sitemaps (sitemaps.org, 0.9)."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ingest.connectors.remote_page import PageUnreadable
from ingest.errors import OutboundFailed, Unreadable
from ingest.outbound.reply_body import unpack_body
from ingest.parse.xml_tree import find_child, local_name, parse_xml

LARGEST_SITEMAP = 20_000_000  # bytes, unpacked: a tree of it takes ten times the memory
_MOST_URLS = 50_000  # of one sitemap: the limit of the protocol
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class SitemapEntry:
    """A page of a sitemap, and when it was changed last, as the website writes it."""

    address: str
    changed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitemap:
    """What one sitemap lists: pages, or further sitemaps."""

    pages: tuple[SitemapEntry, ...] = ()
    sitemaps: tuple[str, ...] = field(default=())


def parse_sitemap(body: bytes) -> Sitemap:
    """Read a sitemap or an index of sitemaps, as XML, packed XML or lines of text.

    Raises PageUnreadable for anything else, and for XML that declares entities.
    """
    try:
        if body.startswith(_GZIP):
            body = unpack_body([body], "gzip", LARGEST_SITEMAP)
        if not body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            return Sitemap(pages=tuple(_parse_lines(body)))
        root = parse_xml(body.lstrip(), "sitemap")
    except (Unreadable, OutboundFailed) as error:
        raise PageUnreadable(f"a sitemap cannot be read: {error}") from error
    if local_name(root) not in {"urlset", "sitemapindex"}:
        raise PageUnreadable("what should be a sitemap is none")
    entries: list[SitemapEntry] = []
    for node in root:
        place = find_child(node, "loc")
        changed = find_child(node, "lastmod")
        if place is not None and (address := (place.text or "").strip()):
            moment = (changed.text or "").strip() if changed is not None else ""
            entries.append(SitemapEntry(address, moment[:100]))
        if len(entries) > _MOST_URLS:
            raise PageUnreadable(f"a sitemap lists more than {_MOST_URLS:,} pages")
    if local_name(root) == "sitemapindex":
        return Sitemap(sitemaps=tuple(entry.address for entry in entries))
    return Sitemap(pages=tuple(entries))


def _parse_lines(body: bytes) -> Iterator[SitemapEntry]:
    """Read a sitemap of plain text: an address a line."""
    lines = body.decode("utf-8-sig", "replace").split("\n", _MOST_URLS)
    for line in lines[:_MOST_URLS]:
        address = line.strip()
        if address.startswith(("https://", "http://")):
            yield SitemapEntry(address)
        elif address:
            raise PageUnreadable("what should be a sitemap is none")
