import ipaddress

import pytest

from ingest.errors import AddressRefused
from ingest.outbound.allowed_hosts import AllowedHosts, parse_origin
from ingest.outbound.ip_addresses import is_public

LISTED = AllowedHosts.from_addresses(
    ["docs.example.com", "http://wiki.example:8090", "bücher.example", "https://10.0.0.7"]
)


@pytest.mark.parametrize(
    "address",
    [
        "https://docs.example.com/a?b=c#d",
        "HTTPS://DOCS.EXAMPLE.COM:443/a",
        "http://wiki.example:8090/",
        "https://xn--bcher-kva.example/x",
        "https://10.0.0.7/x",
    ],
)
def test_a_listed_address_may_be_asked(address):
    assert LISTED.check_url(address).fragment == ""


@pytest.mark.parametrize(
    "address",
    [
        "http://docs.example.com/",  # only https was listed
        "https://docs.example.com:8443/",
        "https://evil.example/",
        "https://docs.example.com.evil.example/",
        "https://docs.example.com@evil.example/",
        "https://evil.example\\@docs.example.com/",
        "https://user:word@docs.example.com/",
        "https://docs.example.com./",
        "https://docs.example.com%2eevil.example/",
        "https://docs.example.com%00/",
        "http://0x7f.1:8090/",
        "http://2130706433/",
        "http://127.1/",
        "http://127。0。0。1/",
        "http://[::ffff:10.0.0.7]/",
        "http://[fe80::1%25eth0]/",
        "https:///docs.example.com/",
        "//docs.example.com/",
        "ftp://docs.example.com/",
        "file:///etc/passwd",
        "gopher://docs.example.com/",
        "https://docs.example.com:0/",
        "https://docs.example.com:99999/",
        "https://docs.example.com/" + "a" * 9_000,
        "https://docs.example.com/\n",
        "",
    ],
)
def test_any_other_address_is_refused(address):
    with pytest.raises(AddressRefused):
        LISTED.check_url(address)


@pytest.mark.parametrize(
    "text",
    [
        *("127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "0.1.2.3"),
        *("169.254.169.254", "100.64.0.1", "100.100.100.200", "168.63.129.16", "224.0.0.1"),
        *("240.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1"),
        *("::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::a9fe:a9fe"),
        *("2002:7f00:1::", "2001:0:7f00:1::", "::ffff:0:0"),
    ],
)
def test_what_is_no_public_address_is_refused_and_may_be_listed(text):
    address = ipaddress.ip_address(text)
    assert not is_public(address)
    with pytest.raises(AddressRefused, match="private_networks"):
        LISTED.check_addresses("docs.example.com", [address])


def test_a_public_address_beside_one_that_is_none_is_refused_too():
    public, own = ipaddress.ip_address("93.184.216.34"), ipaddress.ip_address("10.0.0.1")
    assert LISTED.check_addresses("docs.example.com", [public]) == [public]
    with pytest.raises(AddressRefused, match=r"10\.0\.0\.1"):
        LISTED.check_addresses("docs.example.com", [public, own])


def test_listed_networks_and_written_out_addresses_may_be_connected_to():
    hosts = AllowedHosts.from_addresses(["wiki.example", "https://127.0.0.9"], ["10.0.0.0/8"])
    addresses = [ipaddress.ip_address(text) for text in ("10.1.2.3", "::ffff:10.1.2.3")]
    assert hosts.check_addresses("wiki.example", addresses) == addresses
    own = [ipaddress.ip_address("127.0.0.9")]
    assert hosts.check_addresses("127.0.0.9", own) == own
    for text in ("::ffff:192.168.1.1", "127.0.0.9", "127.0.0.1", "169.254.169.254"):
        with pytest.raises(AddressRefused):
            hosts.check_addresses("wiki.example", [ipaddress.ip_address(text)])


@pytest.mark.parametrize(
    "text", ["", "ftp://x.example", "https://a@x.example", "0x7f.1", "x y.example", "https://"]
)
def test_a_list_that_cannot_be_read_is_refused(text):
    with pytest.raises(ValueError, match="no address of a host"):
        parse_origin(text)


def test_a_network_that_cannot_be_read_is_refused():
    with pytest.raises(ValueError, match="no network"):
        AllowedHosts.from_addresses(["x.example"], ["10.0.0.0/33"])
