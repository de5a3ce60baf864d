"""What a system of the operator's is asked, and what becomes of its replies: also of hostile ones."""

import ipaddress
import json
import time
from dataclasses import replace

import pytest
from order_server import ORDER_LOOKUP, SHOP_TOKEN, order_server
from small_server import SmallReply, SmallServer

from ragdesk.errors import LookupFailed
from ragdesk.support.lookups.lookup_server import LARGEST_LOOKUP_REPLY, LookupServer

MIA = "mia@shop.example"


@pytest.fixture
def ask():
    """Ask a server that answers as a function says."""
    opened = []

    def ask_once(reply, value="12345", sub=MIA, **changes):
        with order_server(reply if callable(reply) else lambda _: reply, **changes) as (
            web,
            options,
        ):
            server = LookupServer(options)
            opened.append(server)
            return server.fetch(value, sub), web.targets

    yield ask_once
    for server in opened:
        server.close()


def reason_of(ask, reply, **changes):
    with pytest.raises(LookupFailed) as caught:
        ask(reply, **changes)
    assert "12345" not in str(caught.value)
    assert SHOP_TOKEN not in str(caught.value)
    return caught.value.reason


def as_json(value, status=200):
    return SmallReply(body=json.dumps(value).encode(), status=status)


def test_a_reply_is_an_object_of_json(ask):
    assert ask(as_json({"status": "late"})) == (
        {"status": "late"},
        ["/orders/12345?customer=mia%40shop.example"],
    )
    for body in (b"", b"<html>", b"[1]", b"null", b'"x"', b"\xff\xfe", b"[" * 9_000, b"9" * 9_000):
        assert reason_of(ask, SmallReply(body=body)) == "garbage"


@pytest.mark.parametrize("status", [403, 404, 410])
def test_what_is_not_theirs_and_what_is_not_there_are_the_same(ask, status):
    assert ask(as_json({"error": "it is Noah's"}, status))[0] is None


@pytest.mark.parametrize("status", [204, 301, 400, 401, 429, 500, 503])
def test_other_statuses_are_failures(ask, status):
    assert reason_of(ask, as_json({}, status)) == f"status_{status}"


def test_the_owner_in_a_reply_decides(ask):
    def reply(owner):
        return as_json({"customer": {"id": owner}, "status": "late"})

    assert ask(reply(MIA), owner="customer.id")[0]
    for owner in ("noah@shop.example", "", None, 7, [MIA], MIA.upper()):
        assert ask(reply(owner), owner="customer.id")[0] is None
    assert ask(as_json({"status": "late"}), owner="customer.id")[0] is None
    assert ask(as_json({"id": 42}), sub="42", owner="id")[0]


def test_a_giant_reply_is_left(ask):
    giant = as_json({"status": "x" * LARGEST_LOOKUP_REPLY})
    assert reason_of(ask, giant) == "too_large"


def test_a_slow_drip_is_left_after_its_time(ask):
    def drip():
        for _ in range(100):
            yield b" "
            time.sleep(0.1)

    begun = time.monotonic()
    assert reason_of(ask, lambda _: SmallReply(body=drip()), seconds=0.4) == "too_slow"
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:1/",
        "file:///etc/passwd",
        "//evil.example/",
        "/orders/12345/elsewhere",
    ],
)
def test_no_redirect_is_followed(ask, target):
    reply = SmallReply(status=302, headers={"location": target})
    assert reason_of(ask, reply) in {"address_refused", "too_many_redirects"}


def test_a_name_that_leads_into_the_house_is_refused():
    for address in ("10.0.0.7", "127.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.7"):
        asked = []

        def resolve(host, port, seconds, found=address, asked=asked):
            asked.append(host)
            return [ipaddress.ip_address(found)]

        server = LookupServer(ORDER_LOOKUP, resolve)
        with pytest.raises(LookupFailed) as caught:
            server.fetch("12345", MIA)
        assert (caught.value.reason, asked) == ("address_refused", ["orders.example"])
        server.close()


def test_a_network_of_the_house_is_asked_where_it_is_listed():
    with SmallServer(lambda _: as_json({"status": "late"})) as web:
        options = replace(
            ORDER_LOOKUP,
            url=f"http://orders.example:{web.port}/{{value}}?of={{sub}}",
            private_networks=("127.0.0.0/8",),
        )
        server = LookupServer(options, lambda *_: [ipaddress.ip_address("127.0.0.1")])
        assert server.fetch("12345", MIA) == {"status": "late"}
        assert web.requests[0].headers["host"] == f"orders.example:{web.port}"
        server.close()


@pytest.mark.parametrize("sub", [".", ".."])
def test_a_customer_who_is_a_step_in_a_path_has_nothing(ask, sub):
    assert ask(as_json({"status": "late"}), sub=sub) == (None, [])
