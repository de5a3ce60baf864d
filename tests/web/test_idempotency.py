"""A request that is sent again after what it rests on was changed."""

import asyncio
import json
import time

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from web_home import REFUNDS, publish, serving

from ragdesk.errors import WrongState
from ragdesk.support.access import Principal
from ragdesk.web.idempotency import IdempotencyCache

ASK = {"question": "When does a refund reach my bank account?"}


def test_a_retry_after_a_publish_is_answered_anew_and_keeps_no_second_turn(home, keys):
    with serving(home, keys) as client:
        client.headers["Idempotency-Key"] = "k"
        talk = client.post("/v1/conversations", json={}).json()["id"]
        ask = {**ASK, "conversation": talk}
        first = client.post("/v1/answers", json=ask)
        assert client.post("/v1/answers", json=ask).content == first.content
        publish(home, "default", {"refunds.md": REFUNDS.replace("5 working", "7 working")})
        until = time.monotonic() + 20
        while "7 working" not in (again := client.post("/v1/answers", json=ask)).text:
            assert time.monotonic() < until
            time.sleep(0.05)
        assert again.json()["id"] == first.json()["id"]
        turns = client.get(f"/v1/conversations/{talk}/turns").json()["turns"]
        assert [turn["id"] for turn in turns] == [first.json()["id"]]
        opinion = {"answer": again.json()["id"], "verdict": "up"}
        assert client.post("/v1/feedback", json=opinion).status_code == 200


WHO = Principal(name="a", scopes=frozenset({"admin"}), groups=None)


def make_request(key="k"):
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
    request = Request(scope)
    request.state.idempotency_key = key
    return request


async def make_secret(cache, made):
    request = make_request()

    async def make():
        made.append("rd_secret")
        return JSONResponse({"key": made[-1]}, 201)

    response = await cache.get_or_make(request, WHO, b"body", make, is_secret=True)
    return bytes(response.body)


def test_a_secret_is_given_again_to_a_quick_retry():
    cache, made = IdempotencyCache(), []

    async def retry():
        assert await make_secret(cache, made) == await make_secret(cache, made)

    asyncio.run(retry())
    assert made == ["rd_secret"]


def test_a_secret_is_forgotten_and_never_made_twice():
    cache, made = IdempotencyCache(secret_seconds=0.0), []

    async def retry_late():
        await make_secret(cache, made)
        for _ in range(10):  # what was scheduled runs
            await asyncio.sleep(0)
        with pytest.raises(WrongState, match="shown once"):
            await make_secret(cache, made)

    asyncio.run(retry_late())
    assert made == ["rd_secret"]


class Deed:
    """Something that is to be done once, and what it rests on."""

    def __init__(self, cache):
        self.cache, self.done, self.shown = cache, [], []
        self.fails = False
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def ask(self, basis):
        async def make():
            self.done.append(basis)
            await self.may_end.wait()
            return JSONResponse({"id": len(self.done), "basis": basis})

        async def remake(former):
            self.shown.append(basis)
            if self.fails:
                raise ClientDisconnect
            return JSONResponse({"id": json.loads(former)["id"], "basis": basis})

        reply = await self.cache.get_or_make(
            make_request(), WHO, b"body", make, basis=basis, remake=remake
        )
        return json.loads(reply.body)


def test_a_retry_on_another_basis_waits_for_the_first_and_does_nothing_beside_it():
    async def retry():
        deed = Deed(IdempotencyCache())
        deed.may_end.clear()
        tasks = [asyncio.ensure_future(deed.ask(basis)) for basis in ("old", "new")]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        deed.may_end.set()
        assert await asyncio.gather(*tasks) == [
            {"id": 1, "basis": "old"},
            {"id": 1, "basis": "new"},
        ]
        assert deed.done == ["old"]

    asyncio.run(retry())


def test_a_reply_that_was_not_made_anew_leaves_what_was_done_known():
    async def retry():
        deed = Deed(IdempotencyCache())
        first = await deed.ask("old")
        deed.fails = True
        with pytest.raises(ClientDisconnect):
            await deed.ask("new")
        deed.fails = False
        assert await deed.ask("new") == {**first, "basis": "new"}
        assert (deed.done, deed.shown) == (["old"], ["new", "new"])

    asyncio.run(retry())


def test_what_an_answer_rests_on_is_told_to_other_servers_where_there_are_any_alone():
    async def ask(key, cache):
        request = make_request(key)

        async def make():
            return JSONResponse({})

        def describe():
            raise AssertionError("nobody reads it")

        return await cache.get_or_make(request, WHO, b"body", make, shared_basis=describe)

    for key in (None, "k"):
        assert asyncio.run(ask(key, IdempotencyCache())).status_code == 200
