"""Which addresses of the network are public, and which spellings of one are plain."""

import ipaddress
import re
from ipaddress import IPv4Address, IPv6Address

IpAddress = IPv4Address | IPv6Address

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_IPV4_COMPATIBLE = ipaddress.ip_network("::/96")
# Public by their numbers, and yet a cloud's own word to its machines (Azure's WireServer).
_CLOUD_HOSTS = frozenset({ipaddress.ip_address("168.63.129.16")})
_ENDS_IN_NUMBER = re.compile(r"(^|\.)(0[xX][0-9a-fA-F]*|[0-9]+)\.?$")


def parse_ip_address(text: str) -> IpAddress | None:
    """Return the address that a text spells out plainly; None for names and odd spellings.

    >>> parse_ip_address("10.0.0.1"), parse_ip_address("0x7f.1"), parse_ip_address("fe80::1%eth0")
    (IPv4Address('10.0.0.1'), None, None)
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return None if getattr(address, "scope_id", None) else address


def is_odd_number(host: str) -> bool:
    """Tell whether a host is a number in a spelling that resolvers read and people do not.

    >>> [is_odd_number(host) for host in ("0x7f.1", "2130706433", "127.1", "127.0.0.1", "a.org")]
    [True, True, True, False, False]
    """
    return parse_ip_address(host) is None and bool(_ENDS_IN_NUMBER.search(host))


def list_inner_addresses(address: IpAddress) -> list[IpAddress]:
    """Return an address, and the IPv4 addresses that it stands for by a way of transition.

    >>> [str(inner) for inner in list_inner_addresses(IPv6Address("::ffff:127.0.0.1"))][1:]
    ['127.0.0.1']
    """
    if isinstance(address, IPv4Address):
        return [address]
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    low_bits = IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _NAT64 or (address in _IPV4_COMPATIBLE and int(address) > 1):
        inner.append(low_bits)
    return [address, *(inner_address for inner_address in inner if inner_address is not None)]


def is_public(address: IpAddress) -> bool:
    """Tell whether an address is one of the public internet, whichever way it is written.

    Not: loopback, private, shared, link-local (where clouds keep their metadata), multicast,
    reserved and documentation addresses, and IPv6 ones that stand for such a one.

    >>> [is_public(ipaddress.ip_address(text)) for text in ("93.184.216.34", "169.254.169.254",
    ... "::ffff:10.0.0.1", "64:ff9b::7f00:1", "224.0.0.1", "100.100.100.200", "2606:4700::1111")]
    [True, False, False, False, False, False, True]
    """
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return is_public(address.ipv4_mapped)
    return all(map(_is_global, list_inner_addresses(address)))


def _is_global(address: IpAddress) -> bool:
    if address in _CLOUD_HOSTS or address.is_multicast or address.is_reserved:
        return isinstance(address, IPv6Address) and address in _NAT64 and not address.is_multicast
    if isinstance(address, IPv6Address) and address.is_site_local:
        return False
    return address.is_global and not address.is_link_local and not address.is_unspecified
