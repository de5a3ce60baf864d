"""One system of the operator's that is asked for live facts, and what its replies mean."""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from ingest.errors import AddressRefused, OutboundFailed
from ingest.outbound.allowed_hosts import AllowedHosts
from ingest.outbound.host_resolver import Resolve, resolve_host
from ingest.outbound.outbound_client import OutboundClient
from ingest.outbound.outbound_options import OutboundOptions
from ragdesk.errors import LookupFailed
from ragdesk.support.lookups.lookup_options import LookupOptions
from ragdesk.support.lookups.lookup_template import find_field, format_address

LARGEST_LOOKUP_REPLY: Final = 16_384  # bytes
# Somebody else's, gone and never there are the same to whoever asks.
NOTHING_THERE: Final = frozenset({403, 404, 410})
_OK: Final = 200


class LookupServer:
    """Asks the address of one lookup, and no other. Safe to share between threads.

    resolve: gives the addresses of its host.
    """

    def __init__(self, options: LookupOptions, resolve: Resolve = resolve_host) -> None:
        self.options = options
        address = urlsplit(options.url)
        self._client = OutboundClient(
            AllowedHosts.from_addresses(
                [f"{address.scheme}://{address.netloc}"], options.private_networks
            ),
            OutboundOptions(
                total_seconds=options.seconds,
                stall_seconds=options.seconds,
                largest_reply=LARGEST_LOOKUP_REPLY,
                max_redirects=0,  # the address of a lookup is fixed: one that leads on is a mistake
            ),
            headers={"Accept": "application/json", **options.headers},
            resolve=resolve,
        )

    def fetch(self, value: str, sub: str) -> Mapping[str, Any] | None:
        """Return what is known of a customer's value; None where there is none of theirs. Blocks.

        Raises LookupFailed, which tells no word of the request or of the reply.
        """
        address = format_address(self.options.url, value, sub)
        if address is None:
            return None
        try:
            reply = self._client.get(address)
        except AddressRefused as error:
            raise LookupFailed("address_refused") from error
        except OutboundFailed as error:
            raise LookupFailed(error.reason) from error
        if reply.status in NOTHING_THERE:
            return None
        if reply.status != _OK:
            raise LookupFailed(f"status_{reply.status}")
        facts = _read_object(reply.body)
        return facts if self._is_theirs(facts, sub) else None

    def _is_theirs(self, facts: Mapping[str, Any], sub: str) -> bool:
        if not self.options.owner:
            return True
        owner = find_field(facts, self.options.owner)
        return not isinstance(owner, bool) and str(owner) == sub

    def close(self) -> None:
        """Close its connections."""
        self._client.close()


def _read_object(body: bytes) -> Mapping[str, Any]:
    try:
        facts = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise LookupFailed("garbage") from error
    if not isinstance(facts, dict):
        raise LookupFailed("garbage")
    return facts
