"""Responses that servers share, and a database that goes away while one of them is made."""

import asyncio
import contextlib
import sqlite3

import pytest
from starlette.responses import JSONResponse

from ragdesk.errors import HomeUnusable, OutcomeUnknown, WrongState
from ragdesk.support.access import Principal
from ragdesk.support.database import Database
from ragdesk.support.encryption import TextCipher
from ragdesk.support.replicas.replica_registry import ReplicaRegistry
from ragdesk.support.replicas.response_store import ResponseStore
from ragdesk.web.claim_notes import ClaimNotes
from ragdesk.web.shared_responses import SharedResponses, describe_recipe

WHO = Principal(name="a", scopes=frozenset({"admin"}), groups=None)


def recipe(basis="one", *, is_secret=False):
    name = ("a", "POST", "/", "", "k")
    return describe_recipe(name, WHO, ("r",), basis=basis, is_secret=is_secret)


class Desk:
    """Two servers of one database, which can lose the table of responses for a while."""

    def __init__(self, database, retry_seconds):
        self.database, self.done = database, 0
        self.servers = [self.start(retry_seconds) for _ in "ab"]

    def start(self, retry_seconds):
        registry = ReplicaRegistry(self.database)
        registry.beat()
        store = ResponseStore(registry, TextCipher([bytes(32)]))
        return SharedResponses(store, ClaimNotes(retry_seconds))

    def rename(self, former, name):
        with contextlib.closing(sqlite3.connect(self.database.file)) as file:
            file.execute(f"ALTER TABLE {former} RENAME TO {name}")

    def lose(self):
        self.rename("kept_responses", "gone")

    def restore(self):
        self.rename("gone", "kept_responses")

    async def act(self, _former=None):
        self.done += 1
        return JSONResponse({"id": self.done})

    async def act_and_lose(self, _former=None):
        reply = await self.act()
        self.lose()
        return reply

    async def act_and_fail(self, _former=None):
        await self.act_and_lose()
        with self.database.read() as connection:  # as a route that shows what it did
            connection.exec_driver_sql("SELECT * FROM kept_responses")

    async def act_by_former(self, former):
        return await self.act() if former is None else JSONResponse({"was": former.decode()})


@pytest.fixture
def desk(tmp_path):
    with contextlib.closing(Database(tmp_path)) as database:
        yield Desk(database, retry_seconds=600)


def read(reply):
    return reply.status_code, bytes(reply.body)


def test_a_database_that_is_lost_after_the_deed_takes_no_reply_and_has_nothing_done_twice(desk):
    async def ask():
        a, b = desk.servers
        first = await a.get_or_make(recipe(), desk.act_and_lose)
        assert read(first) == (200, b'{"id":1}')
        for server in (a, b):
            with pytest.raises(HomeUnusable):
                await server.get_or_make(recipe(), desk.act)
        desk.restore()
        for server in (a, b):  # the first says what it did before it is asked again
            assert read(await server.get_or_make(recipe(), desk.act)) == read(first)
        assert desk.done == 1

    asyncio.run(ask())


def test_another_server_waits_until_the_first_can_say_what_it_did(tmp_path):
    async def ask():
        desk = Desk(database, retry_seconds=0.02)
        a, b = desk.servers
        first = await a.get_or_make(recipe(), desk.act_and_lose)
        desk.restore()
        assert read(await b.get_or_make(recipe(), desk.act)) == read(first)
        assert desk.done == 1
        await a.close()

    with contextlib.closing(Database(tmp_path)) as database:
        asyncio.run(ask())


def test_a_server_that_stops_says_what_it_did(desk):
    async def ask():
        a, b = desk.servers
        await a.get_or_make(recipe(is_secret=True), desk.act_and_lose)
        desk.restore()
        await a.close()
        with pytest.raises(WrongState, match="shown once"):
            await b.get_or_make(recipe(is_secret=True), desk.act)
        assert desk.done == 1

    asyncio.run(ask())


def test_what_may_have_been_done_is_not_done_again_and_the_next_step_is_said(desk):
    async def ask():
        a, b = desk.servers
        with pytest.raises(OutcomeUnknown, match="Look whether it was done"):
            await a.get_or_make(recipe(), desk.act_and_fail)
        desk.restore()
        for server in (a, b, a):
            with pytest.raises(WrongState, match="with a new one"):
                await server.get_or_make(recipe("another"), desk.act)
        assert desk.done == 1

    asyncio.run(ask())


def test_what_was_not_done_is_done_once_the_database_is_back(desk):
    async def refuse(_former):
        desk.lose()
        raise WrongState("Not now.")

    async def ask():
        a, b = desk.servers
        with pytest.raises(WrongState, match="Not now"):
            await a.get_or_make(recipe(), refuse)
        with pytest.raises(HomeUnusable):  # before anything is done
            await b.get_or_make(recipe(), desk.act)
        desk.restore()
        assert read(await a.get_or_make(recipe(), desk.act)) == (200, b'{"id":1}')
        assert read(await b.get_or_make(recipe(), desk.act)) == (200, b'{"id":1}')

    asyncio.run(ask())


def test_a_response_that_was_not_made_anew_leaves_what_was_done_known(desk):
    async def fail(_former):
        raise HomeUnusable("away")

    async def ask():
        a, b = desk.servers
        await a.get_or_make(recipe(), desk.act_by_former)
        with pytest.raises(HomeUnusable):
            await b.get_or_make(recipe("two"), fail)
        for basis in ("two", "one"):  # nothing of before is sent as it was
            again = await b.get_or_make(recipe(basis), desk.act_by_former)
            assert b"was" in again.body
        assert desk.done == 1

    asyncio.run(ask())
