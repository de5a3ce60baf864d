"""What the tests of all connectors share: a client of a small server, and a look at a source."""

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from small_server import SmallServer

from ingest.connectors.paced_client import PacedClient
from ingest.connectors.page_store import StoredPage, open_page_store
from ingest.connectors.remote_page import Connector
from ingest.connectors.source_sync import SourceSync, SyncReport
from ingest.outbound.allowed_hosts import AllowedHosts
from ingest.outbound.outbound_client import OutboundClient
from ingest.outbound.outbound_options import OutboundOptions

NAME = "wiki"
HOST = "wiki.example.test"
OPEN_CLIENTS: list[OutboundClient] = []
EVERYONE: Mapping[str, Sequence[str]] = {"public": ["*"]}


class Waits(list[float]):
    """Takes down how long a client would have slept, and does not sleep."""

    def sleep(self, seconds: float) -> None:
        self.append(seconds)


def site_address(server: SmallServer, path: str = "") -> str:
    return f"http://{HOST}:{server.port}{path}"


def make_paced_client(
    server: SmallServer,
    waits: Waits | None = None,
    headers: Mapping[str, str] | None = None,
    largest: int = 20_000_000,
) -> PacedClient:
    """Give a client that may ask the server alone, under a name."""
    hosts = AllowedHosts.from_addresses([site_address(server)], ["127.0.0.0/8"])
    client = OutboundClient(
        hosts,
        OutboundOptions(stall_seconds=2, largest_reply=largest),
        headers=headers,
        resolve=lambda *_: [ipaddress.ip_address("127.0.0.1")],
    )
    OPEN_CLIENTS.append(client)
    return PacedClient(
        NAME, client, rate=1000, sleep=(waits if waits is not None else Waits()).sleep
    )


def update_source(
    folder: Path,
    make_connector: Callable[[], Connector],
    group_map: Mapping[str, Sequence[str]] = EVERYONE,
) -> SyncReport:
    """Look at a source once, as a process of its own would."""
    with open_page_store(folder, NAME) as store:
        sync = SourceSync(name=NAME, connector=make_connector(), store=store, group_map=group_map)
        try:
            return sync.update_pages()
        finally:
            while OPEN_CLIENTS:
                OPEN_CLIENTS.pop().close()


def read_source(folder: Path) -> dict[str, StoredPage]:
    """Return the stored pages by their paths."""
    with open_page_store(folder, NAME) as store:
        return {page.path: page for page in store.read_pages().values()}
