"""How much a request out of the house may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundOptions:
    """Bounds of each request.

    total_seconds: from its first look-up to the last byte of the reply, redirects included: a
        server that sends a byte a second is left after this time.
    stall_seconds: for which the other side may be silent.
    largest_reply: bytes of a reply's body, unpacked.
    max_redirects: that are followed; 0 where a redirect can only be a mistake.
    ca_file: certificates of one's own authority, instead of the public ones, where it is named.
    user_agent: what the other side reads of who asks.
    """

    total_seconds: float = 60.0
    stall_seconds: float = 15.0
    largest_reply: int = 20_000_000
    max_redirects: int = 5
    ca_file: str = ""
    user_agent: str = "ragdesk"

    def __post_init__(self) -> None:
        if min(self.total_seconds, self.stall_seconds, self.largest_reply) <= 0:
            raise ValueError("total_seconds, stall_seconds and largest_reply must be more than 0")
        if self.max_redirects < 0:
            raise ValueError("max_redirects must be 0 or more")
