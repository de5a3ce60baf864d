"""The way of a lookup: who is served, how often, and how long it takes."""

import asyncio
import time
from contextlib import closing
from dataclasses import replace

import pytest
from order_server import ORDER_LOOKUP, Orders, order_server

from ragdesk.answering.answer import Turn
from ragdesk.answering.lookup_result import LookupStatus
from ragdesk.support.access import LOCAL_PRINCIPAL, make_visitor_principal
from ragdesk.support.database import Database
from ragdesk.support.lookups.lookup_desk import NOT_FOUND_STEP, TRIES_PER_MINUTE, LookupDesk
from ragdesk.support.lookups.lookup_values import find_wanted
from ragdesk.support.sign_in.request_counts import RequestCounts
from ragdesk.support.sign_in.sign_in_tables import REQUEST_COUNTS

VISITOR = make_visitor_principal("key", "sub=mia@shop.example", frozenset())
MIA = replace(VISITOR, subject="mia@shop.example")


def look_up(desk, *questions, who=MIA, collection="default"):
    async def ask_all():
        return [await desk.look_up(question, (), who, collection) for question in questions]

    return [one for results in asyncio.run(ask_all()) for one in results]


@pytest.fixture
def shop(database):
    with order_server() as (server, lookup):
        desk = LookupDesk({"orders": lookup}, RequestCounts(database))
        yield server, desk
        desk.close()


def lookup_of(server):
    url = ORDER_LOOKUP.url.replace("https://orders.example", server.url)
    return replace(ORDER_LOOKUP, url=url)


def test_a_verified_customer_is_told_and_nobody_else(shop):
    server, desk = shop
    question = "Where is order 12345?"
    for who in (LOCAL_PRINCIPAL, VISITOR, replace(MIA, subject="")):
        (result,) = look_up(desk, question, who=who)
        assert (result.status, result.text) == (LookupStatus.NEEDS_ACCOUNT, "")
    assert server.requests == []
    (result,) = look_up(desk, question)
    assert result.text == "Order 12345 is on its way, expected on 2 December."
    assert look_up(desk, "How are gift cards refunded?") == []


def test_servers_of_one_database_count_together(shop, database, monkeypatch):
    server, desk = shop
    other = LookupDesk({"orders": lookup_of(server)}, RequestCounts(database))
    now = time.time() // 60 * 60 + 1
    monkeypatch.setattr(time, "time", lambda: now)
    questions = ["Where is order 12345?"] * TRIES_PER_MINUTE
    half = TRIES_PER_MINUTE // 2
    results = look_up(desk, *questions[:half]) + look_up(other, *questions[half:])
    assert {result.status for result in results} == {LookupStatus.FOUND}
    for each in (desk, other):
        (result,) = look_up(each, "Where is order 12345?")
        assert result.status is LookupStatus.LIMITED
    assert len(server.requests) == TRIES_PER_MINUTE
    monkeypatch.setattr(time, "time", lambda: now + 60)
    assert look_up(desk, "Where is order 12345?")[0].status is LookupStatus.FOUND
    other.close()


def test_what_takes_longer_than_its_time_is_left(database):
    orders = Orders()
    orders.delays = {200: 2.0}
    with order_server(orders, seconds=0.2) as (_, lookup):
        desk = LookupDesk({"orders": lookup}, RequestCounts(database))
        begun = time.monotonic()
        (result,) = look_up(desk, "Where is order 12345?")
        assert result.status is LookupStatus.UNAVAILABLE
        assert time.monotonic() - begun < 1.5  # the system's own two seconds are not waited for
        desk.close()


def test_not_found_is_said_after_a_whole_step_whatever_the_other_system_took(tmp_path):
    """A lower bound alone: how alike the times are is measured by tests/lab/speed/lookup_timing."""
    orders = Orders()
    orders.delays = {403: 0.2}
    question = "Where are orders 67890 and 99999?"  # somebody else's, and one that is not there
    with order_server(orders) as (server, lookup), closing(Database(tmp_path)) as database:
        desk = LookupDesk({"orders": lookup}, RequestCounts(database))
        begun = time.monotonic()
        results = look_up(desk, question)
        assert time.monotonic() - begun >= NOT_FOUND_STEP * 0.99
        assert [result.status for result in results] == [LookupStatus.NOT_FOUND] * 2
        assert len(server.requests) == 2
        desk.close()


def test_who_cannot_be_counted_is_not_served(shop, database):
    server, desk = shop
    with database.write() as connection:
        REQUEST_COUNTS.drop(connection)
    (result,) = look_up(desk, "Where is order 12345?")
    assert result.status is LookupStatus.UNAVAILABLE
    assert server.requests == []


@pytest.mark.parametrize(
    ("question", "before", "wanted"),
    [
        ("Is parcel 12345 late?", (), ("12345",)),
        ("我的訂單12345到了吗", (), ("12345",)),
        ("Reorder 12345 sheets", (), None),
        ("Call me at 12345", (), None),
        ("Where is my order?", (), ()),
        ("12345", ("Where is my parcel?",), ("12345",)),
        ("How much is 20000 euros in dollars?", ("Where is my parcel?",), None),
        ("When will it arrive?", ("Where is order 12345?",), ("12345",)),
        ("那它什么时候到？", ("我的订单 12345 呢？",), ("12345",)),
        ("Has my order been packed?", ("Where is order 12345?", "Thanks!"), ("12345",)),
        ("And for 67890?", ("Where is order 12345?",), ("67890",)),
        ("What does shipping to Norway cost?", ("Where is order 12345?",), None),
        ("退款要多久到账？", ("我的订单 12345 呢？",), None),
        ("How long does an order take?", ("Where is order 12345?",), ()),
    ],
)
def test_what_a_turn_wants_looked_up(question, before, wanted):
    history = [Turn(role="user", text=text) for text in before]
    assert find_wanted(ORDER_LOOKUP, question, history) == wanted
