"""A request that is sent again after what it rests on was changed."""

import asyncio
import time

import pytest
from starlette.requests import Request
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


def make_request(key):
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
    request = Request(scope)
    request.state.idempotency_key = key
    return request


async def make_secret(cache, made):
    request = make_request("k")

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
