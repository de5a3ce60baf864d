"""Limits on one server, on two that share a database, and by the network that a request is of."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import httpx
import pytest
from engines import running
from fakes import HashEmbedder
from postgresql_process import find_programs, new_database, run_postgresql
from starlette.datastructures import Headers

from ragdesk.assemble import Workspace
from ragdesk.errors import RateLimited
from ragdesk.settings import Settings
from ragdesk.support.access import LOCAL_PRINCIPAL, make_principal, make_visitor_principal
from ragdesk.support.database import Database
from ragdesk.support.key_store import KeyStore
from ragdesk.support.sign_in.identity import Identity, open_identities
from ragdesk.support.sign_in.publishable_keys import PublishableKeyStore
from ragdesk.support.sign_in.request_counts import RequestCounts
from ragdesk.support.sign_in.sign_in_options import SignInOptions
from ragdesk.web import api
from ragdesk.web.auth import Authenticator
from ragdesk.web.limit_options import LimitOptions
from ragdesk.web.limits import RequestLimits
from ragdesk.web.proxies import TrustedProxies

HOME, OFFICE, OTHER = "203.0.113.9", "198.51.100.1", "198.51.100.200"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def database(request, tmp_path):
    if request.param == "sqlite":
        with closing(Database(tmp_path)) as opened:
            yield opened
        return
    if find_programs() is None:
        pytest.skip("no PostgreSQL server: make test-deps")
    with (
        run_postgresql() as server,
        new_database(server) as address,
        closing(Database(tmp_path, address)) as opened,
    ):
        yield opened


@pytest.fixture
def threads():
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def site(database):
    keys = KeyStore(database.home, database)
    return PublishableKeyStore(keys).create(
        "shop", origins=["https://shop.example"], collections=["default"], daily_answers=3
    )


@pytest.fixture
def minute(monkeypatch):
    """Stop the clock in the middle of a minute."""
    now = int(time.time()) // 60 * 60 + 20.0
    monkeypatch.setattr(time, "time", lambda: now)


def visitor(site, name: str) -> Identity:
    who = make_visitor_principal(site.id, name, site.collections)
    return Identity(who=who, label=site.name, site=site)


def admit(limits: RequestLimits, identity: Identity | None, address: str = HOME) -> str:
    """Send a request that ends at once; gives the kind of limit that it ran into."""
    try:
        asyncio.run(limits.admit(identity, address)).end()
    except RateLimited as error:
        return error.kind
    return ""


def test_a_visitor_a_network_and_a_website_have_limits_of_their_own(
    database, site, threads, minute
):
    options = LimitOptions(visitor_per_minute=3, network_per_minute=4, site_per_minute=6)
    limits = RequestLimits(options, RequestCounts(database), threads)

    assert [admit(limits, visitor(site, "a")) for _ in range(9)] == [""] * 3 + ["visitor"] * 6
    assert [admit(limits, visitor(site, "b")) for _ in range(2)] == ["", "network"]
    assert [admit(limits, visitor(site, "c"), OFFICE) for _ in range(3)] == ["", "", "site"]
    refused = [admit(limits, visitor(site, "d"), OTHER) for _ in range(2)]  # as OFFICE
    assert refused == ["site", "network"]
    assert [admit(limits, None, OFFICE) for _ in range(5)] == ["", "", "", "", "network"]


def test_the_local_user_and_this_machine_have_none(database, threads):
    options = LimitOptions(key_per_minute=1, session_per_minute=1, network_per_minute=1)
    limits = RequestLimits(options, RequestCounts(database), threads)
    local = Identity(who=LOCAL_PRINCIPAL, label="local")
    assert {admit(limits, local, "127.0.0.1") for _ in range(200)} == {""}
    assert {admit(limits, None, "::1") for _ in range(20)} == {""}


def test_what_is_under_way_counts_until_it_ends(database, site, threads):
    limits = RequestLimits(LimitOptions(visitor_concurrent=2), RequestCounts(database), threads)

    async def use() -> None:
        running = [await limits.admit(visitor(site, "a"), HOME) for _ in range(2)]
        with pytest.raises(RateLimited, match="under way"):
            await limits.admit(visitor(site, "a"), HOME)
        (await limits.admit(visitor(site, "b"), HOME)).end()
        running[0].end()
        (await limits.admit(visitor(site, "a"), HOME)).end()

    asyncio.run(use())


def test_of_one_key_so_many_requests_are_under_way_at_a_time(database, threads):
    """Those of another key, and the limit of none, are counted apart."""
    keys = KeyStore(database.home, database)
    page, server = (
        Identity(who=make_principal(keys.create(name)[0]), label=name)
        for name in ("page", "server")
    )
    limits = RequestLimits(LimitOptions(key_concurrent=2), RequestCounts(database), threads)

    async def use() -> None:
        running = [await limits.admit(page, HOME) for _ in range(2)]
        with pytest.raises(RateLimited, match=r"under way \(key\)") as caught:
            await limits.admit(page, OTHER)
        assert (caught.value.kind, caught.value.retry_after) == ("key", 1)
        (await limits.admit(server, HOME)).end()
        running[0].end()
        (await limits.admit(page, HOME)).end()
        without = RequestLimits(LimitOptions(), RequestCounts(database), threads)
        for _ in range(50):
            await without.admit(page, HOME)

    asyncio.run(use())


def test_an_answer_over_the_limit_of_a_key_is_refused_until_another_request_has_ended(home, keys):
    ours, others = (
        {"Authorization": f"Bearer {keys.create(name)[1]}"} for name in ("ours", "others")
    )
    settings = replace(Settings(), limits=LimitOptions(key_concurrent=1))
    app = api.build_app(Workspace(home, settings, HashEmbedder()), keys)
    asked = {"question": "When does a refund reach a bank account?"}
    with running(app) as address, httpx.Client(base_url=address, timeout=20) as client:

        def ask(headers: dict[str, str]) -> httpx.Response:
            return client.post("/answers", json=asked, headers=headers)

        talk = client.post("/conversations", json={}, headers=ours).json()["id"]
        with client.stream("GET", f"/conversations/{talk}/events", headers=ours) as held:
            next(held.iter_lines())
            refused = ask(ours)
            assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
            assert refused.headers["Retry-After"] == "1"
            assert ask(others).status_code == 200
        until = time.monotonic() + 20  # the server hears a moment later that the stream was left
        while (answer := ask(ours)).status_code == 429 and time.monotonic() < until:
            time.sleep(0.05)
        assert answer.json()["outcome"] == "answered"


def test_answers_by_the_model_are_counted_by_the_day_and_outlast_a_restart(database, site, threads):
    key = make_principal(KeyStore(database.home, database).create("server")[0])

    async def answer(limits: RequestLimits) -> None:
        await limits.count_answer(visitor(site, "a"))

    for _ in range(3):  # a server each
        asyncio.run(answer(RequestLimits(LimitOptions(), RequestCounts(database), threads)))
    limits = RequestLimits(LimitOptions(), RequestCounts(database), threads)
    with pytest.raises(RateLimited, match="3 a day") as caught:
        asyncio.run(answer(limits))
    assert 0 < caught.value.retry_after <= 86_400
    asyncio.run(limits.count_answer(Identity(who=key, label="server")))


def test_servers_of_one_database_count_together(database, site, threads, minute):
    options = LimitOptions(visitor_per_minute=10)
    servers = [
        RequestLimits(options, RequestCounts(database), threads, shared=True) for _ in range(2)
    ]
    outcomes = [admit(servers[n % 2], visitor(site, "a")) for n in range(14)]
    assert outcomes[:10] == [""] * 10
    assert outcomes[10:] == ["visitor"] * 4


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.2", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.2", ["1.1.1.1, 203.0.113.9"], "203.0.113.9"),  # the first is the client's word
        ("10.0.0.2", ["203.0.113.9, 10.0.0.7"], "203.0.113.9"),
        ("10.0.0.2", ["1.1.1.1", "203.0.113.9"], "203.0.113.9"),
        ("10.0.0.2", [], "10.0.0.2"),
        ("198.51.100.1", ["203.0.113.9"], "198.51.100.1"),  # no proxy of ours
        ("10.0.0.2", ["nonsense"], "10.0.0.2"),  # else whoever writes it has no network
        ("10.0.0.2", ["203.0.113.9, nonsense"], "10.0.0.2"),
        ("10.0.0.2", ["203.0.113.9:4711"], "203.0.113.9"),
        ("::ffff:10.0.0.2", ["[2001:db8::1]:4711"], "2001:db8::1"),
    ],
)
def test_an_address_is_believed_of_the_proxies_that_the_settings_name(
    tmp_path, peer, forwarded, address
):
    with closing(KeyStore(tmp_path)) as keys:
        identities = open_identities(keys, SignInOptions())
        gate = Authenticator(identities, loopback=False, proxies=TrustedProxies(["10.0.0.0/8"]))
        raw = [(b"x-forwarded-for", value.encode()) for value in forwarded]
        assert gate.client_address(Headers(raw=raw), peer) == address
