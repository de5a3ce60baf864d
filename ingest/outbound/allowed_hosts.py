"""The addresses that may be asked: what the operator listed, and nothing else."""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Self

import httpx

from ingest.errors import AddressRefused
from ingest.outbound.ip_addresses import (
    IpAddress,
    is_odd_number,
    is_public,
    list_inner_addresses,
    parse_ip_address,
)

_PORTS = {"https": 443, "http": 80}
_LARGEST_PORT = 65_535
_LONGEST_URL = 8_192  # characters


@dataclass(frozen=True, slots=True, order=True)
class HostOrigin:
    """A scheme, a host and a port: what a request goes to."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if _PORTS[self.scheme] == self.port else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedHosts:
    """A list of origins, and of networks that are not public and may be connected to.

    origins: a redirect is held against them too. networks: an address of the house that a name
    resolves to is refused unless it lies in one of them. An address that the operator wrote out in
    numbers is listed by that.
    """

    origins: frozenset[HostOrigin]
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def from_addresses(cls, addresses: Iterable[str], networks: Iterable[str] = ()) -> Self:
        """Read what the settings list: hosts, or addresses as ``http://wiki.example:8090``.

        A host alone stands for https. Raises ValueError, whose message says what is wrong.
        """
        return cls(
            origins=frozenset(map(parse_origin, addresses)),
            networks=tuple(map(_parse_network, networks)),
        )

    def check_url(self, address: str | httpx.URL) -> httpx.URL:
        """Return the address of a request, if it may be asked. Raises AddressRefused."""
        try:
            url = parse_url(address)
            origin = url_origin(url)
        except ValueError as error:
            raise AddressRefused(f"An address is refused: {error}.") from error
        if origin not in self.origins:
            listed = ", ".join(map(str, sorted(self.origins)[:10])) or "none"
            raise AddressRefused(f"{origin} is not listed; these addresses are: {listed}.")
        return url

    def check_addresses(self, host: str, addresses: Sequence[IpAddress]) -> Sequence[IpAddress]:
        """Return the addresses of a host, if all of them may be connected to.

        One that may not refuses all: a name that answers with both means harm. host: of an address
        that was checked against the list; one in numbers was written there. Raises AddressRefused.
        """
        literal = parse_ip_address(host)
        for address in addresses:
            if address != literal and not self._may_connect(address):
                raise AddressRefused(
                    f"{host} resolves to {address}, which is no public address. If it is meant, "
                    "list its network in private_networks."
                )
        return addresses

    def _may_connect(self, address: IpAddress) -> bool:
        if is_public(address):
            return True
        inner = list_inner_addresses(address)
        return all(
            any(inner_address in network for network in self.networks)
            for inner_address in inner[-1:]
        )


def parse_url(address: str | httpx.URL) -> httpx.URL:
    """Parse an absolute http(s) address, without its fragment. Raises ValueError.

    What is parsed here is what is connected to: nothing reads the text a second time.
    """
    text = str(address)
    if len(text) > _LONGEST_URL:
        raise ValueError("it is too long")
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise ValueError("it cannot be read") from error
    if url.scheme not in _PORTS:
        raise ValueError("its scheme is neither https nor http")
    if url.userinfo:
        raise ValueError("it names a user")
    host = url.raw_host.decode("ascii")
    if not host or "%" in host or is_odd_number(host):
        raise ValueError("its host cannot be read")
    if url.port is not None and not 0 < url.port <= _LARGEST_PORT:
        raise ValueError("its port cannot be read")
    return url.copy_with(fragment=None)


def url_origin(url: httpx.URL) -> HostOrigin:
    """Return the origin of a parsed address."""
    host = url.raw_host.decode("ascii").lower()
    literal = parse_ip_address(host)
    return HostOrigin(url.scheme, str(literal or host), url.port or _PORTS[url.scheme])


def parse_origin(address: str) -> HostOrigin:
    """Read an origin as settings list it. Raises ValueError.

    >>> str(parse_origin("Docs.example.com")), str(parse_origin("http://10.0.0.7:8090/wiki"))
    ('https://docs.example.com', 'http://10.0.0.7:8090')
    """
    text = address.strip()
    try:
        return url_origin(parse_url(text if "://" in text else f"https://{text}"))
    except ValueError as error:
        raise ValueError(f"{address!r} is no address of a host: {error}") from error


def _parse_network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ipaddress.ip_network(text.strip())
    except ValueError as error:
        raise ValueError(f"{text!r} is no network such as 10.0.0.0/8") from error
