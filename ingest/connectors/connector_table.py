"""Open the connector of a source, by its kind."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from ingest.connectors.confluence import ConfluenceConnector, basic_login
from ingest.connectors.feishu import FeishuConnector
from ingest.connectors.feishu_session import FeishuSession
from ingest.connectors.notion import NotionConnector, notion_headers
from ingest.connectors.paced_client import PacedClient
from ingest.connectors.reader_groups import EVERYONE
from ingest.connectors.remote_page import PUBLIC, Connector
from ingest.connectors.source_options import FIXED_ADDRESSES, RemoteSourceOptions
from ingest.connectors.website import AGENT, WebsiteConnector
from ingest.outbound.allowed_hosts import AllowedHosts
from ingest.outbound.outbound_client import OutboundClient
from ingest.outbound.outbound_options import OutboundOptions

_WEBSITE_GROUPS: Final = {PUBLIC: (EVERYONE,)}


def group_map_of(options: RemoteSourceOptions) -> Mapping[str, Sequence[str]]:
    """Return who here stands for whom there; a website is for everyone, unless it is said."""
    return options.groups or (_WEBSITE_GROUPS if options.kind == "website" else {})


@contextmanager
def open_connector(name: str, options: RemoteSourceOptions) -> Iterator[Connector]:
    """Open the connector of a source for a block. Raises OSError for a wrong ca_file."""
    address = (options.address or FIXED_ADDRESSES[options.kind]).rstrip("/")
    hosts = AllowedHosts.from_addresses([address, *options.hosts], options.private_networks)
    outbound = OutboundOptions(
        ca_file=options.ca_file,
        max_redirects=5 if options.kind == "website" else 0,
        user_agent=AGENT,
    )
    with OutboundClient(hosts, outbound, headers=_make_headers(options)) as client:
        paced = PacedClient(name, client, rate=options.rate)
        yield _make_connector(paced, address, options)


def _make_headers(options: RemoteSourceOptions) -> dict[str, str]:
    if options.kind == "confluence":
        return basic_login(options.user, options.token)
    return notion_headers(options.token) if options.kind == "notion" else {}


def _make_connector(client: PacedClient, address: str, options: RemoteSourceOptions) -> Connector:
    if options.kind == "confluence":
        return ConfluenceConnector(client, address, options.roots)
    if options.kind == "notion":
        return NotionConnector(client, address, options.roots)
    if options.kind == "feishu":
        session = FeishuSession(client, address, options.user, options.token)
        return FeishuConnector(session, options.roots)
    return WebsiteConnector(client, address, options.roots)
