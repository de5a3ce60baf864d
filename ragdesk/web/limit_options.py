"""The settings of how much may be asked: ``[limits]``."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitOptions:
    """How much may be asked. Every figure is per minute or at a time; 0 sets no limit.

    visitor_per_minute: requests of one visitor of a website, and messages of one author in a
        channel.
    daily_answers: answers by the language model for each publishable key and each channel a day
        (UTC), as each costs; a key may have a figure of its own.
    network_per_minute: requests of all visitors of one network (/24, or /56 of IPv6) to a website,
        and its sign-ins. Behind a proxy, name it in ``serve.trusted_proxies``: else it is one
        network.
    site_per_minute: requests of all visitors with one publishable key; messages of one channel.
    session_per_minute: requests of one staff session.
    key_per_minute: requests of one key.
    visitor_concurrent: requests of one visitor or author at a time, event streams among them.
    site_concurrent: requests with one publishable key, or of one channel, at a time.
    session_concurrent: requests of one staff session at a time.
    key_concurrent: requests of one key at a time.
    """

    visitor_per_minute: int = 60
    daily_answers: int = 5_000
    network_per_minute: int = 600
    site_per_minute: int = 6_000
    session_per_minute: int = 1_200
    key_per_minute: int = 12_000
    visitor_concurrent: int = 8
    site_concurrent: int = 256
    session_concurrent: int = 32
    key_concurrent: int = 0

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0")
