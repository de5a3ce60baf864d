"""The client against a server on this machine, with a resolver of the tests."""

import gzip
import ipaddress
import itertools
import logging
import ssl
import threading
import zlib
from collections.abc import Iterator

import pytest
from outside_systems import write_certificate
from small_server import SmallReply, SmallRequest, SmallServer

from ingest.errors import AddressRefused, OutboundFailed
from ingest.outbound.allowed_hosts import AllowedHosts
from ingest.outbound.host_resolver import resolve_host
from ingest.outbound.outbound_client import OutboundClient
from ingest.outbound.outbound_options import OutboundOptions

LOOPBACK = ipaddress.ip_address("127.0.0.1")
NAME = "docs.example.test"


def resolve_here(host: str, port: int, seconds: float) -> list[ipaddress.IPv4Address]:
    return [LOOPBACK]


def make_client(server: SmallServer, *more: str, **options: object) -> OutboundClient:
    """Give a client that may ask the server, by its name alone."""
    hosts = AllowedHosts.from_addresses(
        [f"http://{NAME}:{server.port}", *more], networks=["127.0.0.0/8"]
    )
    return OutboundClient(
        hosts,
        OutboundOptions(**options),  # type: ignore[arg-type]
        headers={"Authorization": "Bearer secret"},
        resolve=resolve_here,
    )


@pytest.fixture
def server() -> Iterator[SmallServer]:
    with SmallServer(lambda _: SmallReply(body=b"fine")) as one:
        yield one


def address(server: SmallServer, path: str = "/") -> str:
    return f"http://{NAME}:{server.port}{path}"


def test_no_log_holds_an_address_that_was_asked(server, caplog):
    """It may name a customer; libraries write it at info level, whoever has asked for that."""
    caplog.set_level(logging.DEBUG)
    with make_client(server) as client:
        client.get(address(server, "/orders/12345?customer=mia"))
    assert "mia" not in caplog.text
    assert "12345" not in caplog.text


def test_a_request_goes_to_the_checked_address_and_bears_the_name(server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with make_client(server) as client:
        reply = client.get(address(server, "/a?b=c"))
    assert (reply.status, reply.body, reply.is_ok) == (200, b"fine", True)
    (request,) = server.requests
    assert request.target == "/a?b=c"
    assert request.headers["host"] == f"{NAME}:{server.port}"
    assert request.headers["authorization"] == "Bearer secret"


def test_a_name_that_resolves_to_the_house_is_refused_before_anything_is_sent(server):
    hosts = AllowedHosts.from_addresses([address(server)])
    with (
        OutboundClient(hosts, resolve=resolve_here) as client,
        pytest.raises(AddressRefused, match=r"127\.0\.0\.1"),
    ):
        client.get(address(server))
    assert server.requests == []


def test_a_name_is_resolved_once_so_a_second_answer_changes_nothing(server):
    answers = itertools.chain([[LOOPBACK]], itertools.repeat([ipaddress.ip_address("10.9.9.9")]))
    calls = []

    def rebind(host: str, port: int, seconds: float) -> list[ipaddress.IPv4Address]:
        calls.append(host)
        return next(answers)

    hosts = AllowedHosts.from_addresses([address(server)], ["127.0.0.0/8"])
    with OutboundClient(hosts, resolve=rebind) as client:
        assert client.get(address(server)).body == b"fine"
        assert client.get(address(server)).body == b"fine"  # over the connection that stands
    assert calls == [NAME]
    with OutboundClient(hosts, resolve=rebind) as client, pytest.raises(AddressRefused):
        client.get(address(server))


def test_the_systems_resolver_answers_in_time_or_not_at_all(monkeypatch):
    assert resolve_host("127.0.0.1", 80, 1) == [LOOPBACK]
    waits = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [waits.wait(5)][:0])
    with pytest.raises(TimeoutError):
        resolve_host("slow.example", 80, 0.05)
    for _ in range(20):  # and a resolver that hangs does not fill the process with threads
        with pytest.raises(TimeoutError):
            resolve_host("slow.example", 80, 0.005)
    assert sum(thread.name == "resolve" for thread in threading.enumerate()) <= 16
    waits.set()
    monkeypatch.undo()
    assert resolve_host("localhost", 80, 10)


def redirect(place: str, status: int = 302) -> SmallReply:
    return SmallReply(status=status, headers={"location": place})


def test_redirects_are_followed_on_the_list_and_bounded(server):
    def answer(request: SmallRequest) -> SmallReply:
        step = int(request.path.strip("/") or 0)
        return SmallReply(body=b"end") if step == 3 else redirect(f"/{step + 1}")

    server.answer = answer
    with make_client(server) as client:
        reply = client.get(address(server))
        assert (reply.body, reply.url) == (b"end", address(server, "/3"))
    server.answer = lambda _: redirect("/again")
    with make_client(server) as client, pytest.raises(OutboundFailed) as caught:
        client.get(address(server))
    assert caught.value.reason == "too_many_redirects"
    with make_client(server, max_redirects=0) as client, pytest.raises(OutboundFailed):
        client.get(address(server))


@pytest.mark.parametrize(
    "place",
    [
        "http://evil.example/",
        "//evil.example/",
        "http://127.0.0.1:{port}/",
        "http://2130706433:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://169.254.169.254/latest/meta-data/",
        "https://docs.example.test:{port}/",
        "file:///etc/passwd",
        "http://docs.example.test:{port}@evil.example/",
        "http://\\",
    ],
)
def test_a_redirect_off_the_list_is_refused(server, place):
    server.answer = lambda _: redirect(place.format(port=server.port))
    with make_client(server) as client, pytest.raises(AddressRefused):
        client.get(address(server))
    assert len(server.requests) == 1


def test_a_redirect_to_another_listed_origin_takes_no_secret_along(server):
    with SmallServer(lambda _: redirect(address(server, "/back"))) as other:
        first = address(server)
        server.answer = lambda request: (
            redirect(f"http://other.example.test:{other.port}/x", 307)
            if request.path == "/"
            else SmallReply(body=b"end")
        )
        with make_client(server, f"http://other.example.test:{other.port}") as client:
            assert client.send("POST", first, content=b"order 12345").body == b"end"
        assert "authorization" not in other.requests[0].headers
        assert other.requests[0].body == b""
        assert "authorization" not in server.requests[1].headers  # nor on the way back


def test_no_cookie_is_kept(server):
    server.answer = lambda _: SmallReply(headers={"set-cookie": "a=b; Path=/"})
    with make_client(server) as client:
        client.get(address(server))
        client.get(address(server))
    assert "cookie" not in server.requests[1].headers


def fail(server: SmallServer, **options: object) -> str:
    with make_client(server, **options) as client, pytest.raises(OutboundFailed) as caught:
        client.get(address(server))
    return caught.value.reason


def test_a_body_without_end_is_left_at_the_bound(server):
    server.answer = lambda _: SmallReply(body=itertools.repeat(b"a" * 65_536))
    assert fail(server, largest_reply=1_000_000) == "too_large"


def test_a_drip_ends_with_the_whole_time(server):
    ended = threading.Event()

    def drip() -> Iterator[bytes]:
        while not ended.wait(0.02):
            yield b"a"

    server.answer = lambda _: SmallReply(body=drip())
    assert fail(server, total_seconds=0.3, stall_seconds=5) == "too_slow"
    ended.set()


def test_silence_and_redirects_share_one_time(server):
    ended = threading.Event()

    def answer(request: SmallRequest) -> SmallReply:
        ended.wait(0.08)
        return redirect("/")

    server.answer = answer
    assert fail(server, total_seconds=0.2, max_redirects=50) == "too_slow"
    server.answer = lambda _: ended.wait(3) and SmallReply()
    assert fail(server, stall_seconds=0.1) == "too_slow"
    ended.set()


def packed(body: bytes, encoding: str = "gzip") -> SmallReply:
    return SmallReply(body=body, headers={"content-encoding": encoding})


def test_a_packed_body_is_unpacked_to_the_bound(server):
    server.answer = lambda _: packed(gzip.compress(b"whole"))
    with make_client(server) as client:
        assert client.get(address(server)).body == b"whole"
    coder = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(coder.compress(bytes(1 << 20)) for _ in range(200)) + coder.flush()
    server.answer = lambda _: packed(bomb)
    assert fail(server, largest_reply=1_000_000) == "too_large"
    server.answer = lambda _: packed(gzip.compress(b"cut" * 99)[:-12])
    assert fail(server) == "bad_reply"
    server.answer = lambda _: packed(b"no gzip")
    assert fail(server) == "bad_reply"
    server.answer = lambda _: packed(b"x", "br")
    assert fail(server) == "bad_reply"


def test_a_server_that_cannot_be_reached_is_named_without_path_or_query():
    with SmallServer(lambda _: SmallReply()) as gone:
        pass
    with make_client(gone) as client, pytest.raises(OutboundFailed) as caught:
        client.get(address(gone, "/orders/12345?token=x"))
    assert caught.value.reason == "unreachable"
    assert NAME in str(caught.value)
    assert "12345" not in str(caught.value)


@pytest.mark.parametrize("name", [NAME, "other.example.test"])
def test_tls_asks_for_a_certificate_of_the_name_not_of_the_address(tmp_path, name):
    certificate, key = write_certificate(tmp_path, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    names: list[str | None] = []
    context.sni_callback = lambda _, asked_name, __: names.append(asked_name)
    with SmallServer(lambda _: SmallReply(body=b"secure"), tls=context) as server:
        place = f"https://{NAME}:{server.port}"
        hosts = AllowedHosts.from_addresses([place], ["127.0.0.0/8"])
        options = OutboundOptions(ca_file=str(certificate))
        with OutboundClient(hosts, options, resolve=resolve_here) as client:
            if name == NAME:
                assert client.get(place).body == b"secure"
            else:
                with pytest.raises(OutboundFailed, match="CERTIFICATE"):
                    client.get(place)
    assert names == [NAME]
