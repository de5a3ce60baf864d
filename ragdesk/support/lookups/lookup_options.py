"""The settings of lookups: ``[lookups.NAME]``, one a table."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from ragdesk.support.lookups.lookup_pattern import compile_pattern, has_fixed_letters
from ragdesk.support.lookups.lookup_template import check_lookup_address, read_template

LONGEST_LOOKUP_SECONDS: Final = 20.0
LOOKUP_LANGUAGES: Final = frozenset({"en", "zh"})
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")
_OWN_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "accept", "accept-encoding"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupOptions:
    """A live fact: a number in a question, asked of a system of yours for the customer who asks.

    url: address that is asked (GET), with {value} for the number and {sub} for the customer, as
        their signed token names them. Both are URL-encoded; the host is fixed.
    pattern: form of the number: letters and digits stand for themselves, and {digits:5-10},
        {letters:2} or {alnum:8} for so many characters.
    words: one of them stands in the question, such as order, parcel or 订单. Needed where the
        pattern has no letters of its own.
    answer: sentence that says the reply, by language, such as
        { en = "Order {value} is {status}[, due on {eta}].", zh = "订单 {value}：{status}。" }.
        Names of fields of the JSON in braces; what stands in [ ] is left out where one is missing.
    terms: by language, what is said for a field's own word: { zh = { shipped = "已发货" } }.
    title: name of the source as people read it, by language. Empty: the name of the table.
    headers: sent with each request, such as { Authorization = "Bearer …" }.
    owner: name of the field of the reply that holds the customer. Another one than who asks reads
        as not found. Needed where {sub} does not stand in the address.
    collections: in which it is asked. Empty: in all.
    private_networks: networks of your own in which the host may lie, such as 10.0.0.0/8. An address
        that url writes out in numbers needs none.
    seconds: how long a reply is waited for.
    """

    url: str
    pattern: str
    answer: Mapping[str, str]
    words: tuple[str, ...] = ()
    terms: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    title: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, metadata={"secret": True}, repr=False)
    owner: str = ""
    collections: tuple[str, ...] = field(default=(), metadata={"narrows": True})
    private_networks: tuple[str, ...] = ()
    seconds: float = 3.0

    def __post_init__(self) -> None:
        check_lookup_address(self.url)
        _check_host(self.url)
        compile_pattern(self.pattern)
        if not self.words and not has_fixed_letters(self.pattern):
            raise ValueError("words must name what the number is of, such as order")
        if any(not word.strip() for word in self.words):
            raise ValueError("words must not be empty")
        if not self.answer:
            raise ValueError("answer must hold a sentence, such as { en = … }")
        for languages in (self.answer, self.terms, self.title):
            if unknown := sorted(set(languages) - LOOKUP_LANGUAGES):
                raise ValueError(f"a language is one of en, zh, not {unknown[0]!r}")
        for template in self.answer.values():
            read_template(template)
        if "{sub}" not in self.url and not self.owner:
            raise ValueError(
                "url needs {sub}, or owner the field that names the customer: without either, "
                "everybody would read everybody's"
            )
        if not 0 < self.seconds <= LONGEST_LOOKUP_SECONDS:
            raise ValueError(f"seconds must lie between 0 and {LONGEST_LOOKUP_SECONDS:g}")
        for network in self.private_networks:
            ipaddress.ip_network(network)
        _check_headers(self.headers)


def _check_host(url: str) -> None:
    """Raise ValueError for a host in a spelling that is never asked."""
    from ingest.outbound.allowed_hosts import (  # noqa: PLC0415, httpx where a lookup is declared
        parse_origin,
    )

    address = urlsplit(url)
    parse_origin(f"{address.scheme}://{address.netloc}")


def _check_headers(headers: Mapping[str, str]) -> None:
    """Raise ValueError for headers that are none, without telling what they hold."""
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OWN_HEADERS:
            known = name.partition(":")[0][:64]  # a whole line may have been written there
            raise ValueError(f"headers must not hold {known!r}")
        if not _HEADER_VALUE.fullmatch(value):
            raise ValueError(f"the value of the header {name} holds what no header may")
