"""A streamed answer that is asked for again by its ``Idempotency-Key``."""

import asyncio
import json
import threading
import time
from contextlib import AsyncExitStack, aclosing
from types import SimpleNamespace

import httpx
import pytest
from engines import running
from fakes import HashEmbedder
from starlette.requests import Request
from web_home import REFUNDS, publish, serving

from ragdesk.answering.answer import Done, Outcome, TextDelta
from ragdesk.assemble import Workspace
from ragdesk.errors import Overloaded
from ragdesk.settings import Settings
from ragdesk.support.access import Principal
from ragdesk.web import api
from ragdesk.web.idempotency import IdempotencyCache
from ragdesk.web.leases import RequestLeases
from ragdesk.web.stream_retries import open_events_once

ASK = {"question": "When does a refund reach my bank account?", "stream": True}
WHO = Principal(name="a", scopes=frozenset({"ask"}), groups=None)


def read_answer(path, reply):
    lines = [line for line in reply.text.split("\n") if line.startswith("data: {")]
    values = [json.loads(line.removeprefix("data: ")) for line in lines]
    if path == "/v1/answers":
        deltas = [value["text"] for value in values if set(value) == {"text"}]
        assert "".join(deltas) == values[-1]["text"]
        return values[-1]
    return next(value["ragdesk"] for value in values if "ragdesk" in value)


@pytest.mark.parametrize("path", ["/v1/answers", "/v1/chat/completions"])
def test_a_retry_keeps_no_second_turn_and_says_what_is_so_now(home, keys, path):
    with serving(home, keys) as client:
        talk = client.post("/v1/conversations", json={}).json()["id"]
        body = {**ASK, "conversation": talk}
        if path != "/v1/answers":
            message = {"role": "user", "content": ASK["question"]}
            body = {"model": "ragdesk", "messages": [message], "stream": True}
        headers = {"Idempotency-Key": "k"}

        def ask():
            return read_answer(path, client.post(path, json=body, headers=headers))

        first, again = ask(), ask()
        assert (first["id"], first["text"]) == (again["id"], again["text"])
        publish(home, "default", {"refunds.md": REFUNDS.replace("5 working", "7 working")})
        client.app.state.desk.open_collections.refresh_all()
        later = ask()
        assert later["id"] == first["id"]
        assert "7 working" in later["text"]
        other = client.post(path, json={**body, "stream": False}, headers=headers)
        assert other.status_code in {400, 422}
        turns = client.get(f"/v1/conversations/{talk}/turns").json()["turns"]
        assert [turn["id"] for turn in turns] == [first["id"]] * (path == "/v1/answers")
        figures = client.app.state.desk.metrics.sum_families()
        assert figures["ragdesk_answers_total.answered"] == 1


class Streams:
    """Requests of one key, each with its own end."""

    def __init__(self):
        desk = SimpleNamespace(idempotency=IdempotencyCache())
        self.app = SimpleNamespace(state=SimpleNamespace(desk=desk))
        self.made = self.kept = 0
        self.keep_seconds = 0.0
        self.fails = False

    def make_request(self):
        async def receive():
            return {"type": "http.request", "body": b"{}"}

        scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
        request = Request({**scope, "app": self.app}, receive)
        request.state.idempotency_key = "k"
        return request

    async def make(self, keep):
        self.made += 1
        return self.iter_events(keep)

    async def iter_events(self, keep):
        yield TextDelta("a")
        yield Done(await keep(self.keep_turn()))

    async def keep_turn(self):
        await asyncio.sleep(self.keep_seconds)
        if self.fails:
            raise Overloaded("Not now.")
        self.kept += 1
        return SimpleNamespace(id=f"answer-{self.made}", outcome=Outcome.ANSWERED)

    async def repeat(self, note):
        return self.iter_again(note)

    async def iter_again(self, note):
        yield Done(SimpleNamespace(**note))

    async def ask(self, *, events=9, make=None):
        """Read so many events of a request, and leave; gives the last answer."""
        last = None
        async with AsyncExitStack() as ending:
            opened, is_first = await open_events_once(
                self.make_request(),
                WHO,
                RequestLeases(None, ending),
                make or self.make,
                self.repeat,
            )
            async with aclosing(opened) as iterator:
                async for event in iterator:
                    last = event.answer.id if isinstance(event, Done) else None
                    events -= 1
                    if not events:
                        break
        return last, is_first


def test_one_that_broke_off_is_begun_anew_and_one_that_ended_is_not():
    async def ask():
        streams = Streams()
        assert await streams.ask(events=1) == (None, True)  # its client left
        assert await streams.ask() == ("answer-2", True)
        assert await streams.ask() == ("answer-2", False)
        assert streams.made == 2

    asyncio.run(ask())


def test_one_that_could_not_begin_leaves_its_key_free():
    async def refuse(keep):
        raise Overloaded("Not now.")

    async def ask():
        streams = Streams()
        with pytest.raises(Overloaded, match="Not now"):
            await streams.ask(make=refuse)
        assert await streams.ask() == ("answer-1", True)

    asyncio.run(ask())


def test_a_turn_that_is_being_kept_as_its_client_leaves_is_kept_once():
    async def ask():
        streams = Streams()
        streams.keep_seconds = 0.2
        first = asyncio.ensure_future(streams.ask())
        await asyncio.sleep(0.1)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert await streams.ask() == ("answer-1", False)
        assert streams.made == streams.kept == 1

    asyncio.run(ask())


def test_a_turn_that_could_not_be_kept_leaves_its_key_free_even_where_its_end_is_cancelled():
    async def ask():
        streams = Streams()
        streams.keep_seconds, streams.fails = 0.2, True
        first = asyncio.ensure_future(streams.ask())
        await asyncio.sleep(0.1)
        first.cancel()
        await asyncio.sleep(0.05)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        await asyncio.sleep(0.2)
        streams.fails = False
        again = await asyncio.wait_for(streams.ask(), 5)
        assert again == ("answer-2", True)
        assert (streams.made, streams.kept) == (2, 1)

    asyncio.run(ask())


def test_a_client_that_leaves_a_server_as_its_turn_is_being_kept_finds_one_turn(home, keys):
    app = api.build_app(Workspace(home, Settings(), HashEmbedder()), keys)
    with running(app) as address, httpx.Client(base_url=address, timeout=20) as client:
        talk = client.post("/conversations", json={}).json()["id"]
        handoffs = app.state.desk.support.handoffs
        call_person = handoffs.open
        keeps, goes_on = threading.Event(), threading.Event()

        def call_late(*what):
            keeps.set()
            goes_on.wait(20)
            return call_person(*what)

        handoffs.open = call_late  # what its turn ends with
        body = {**ASK, "question": "Let me talk to a human, please.", "conversation": talk}
        once = {"headers": {"Idempotency-Key": "k"}}
        with client.stream("POST", "/answers", json=body, **once):
            assert keeps.wait(20)
        time.sleep(0.2)  # the server hears that its client left
        goes_on.set()
        retry = read_answer("/v1/answers", client.post("/answers", json=body, **once))
        turns = client.get(f"/conversations/{talk}/turns").json()["turns"]
        assert [turn["id"] for turn in turns] == [retry["id"]]
        assert retry["outcome"] == "handed_over"


def test_of_two_at_once_one_is_the_first_and_the_other_waits_for_its_end():
    async def ask():
        streams = Streams()
        both = await asyncio.gather(streams.ask(), streams.ask())
        assert sorted(is_first for _, is_first in both) == [False, True]
        assert {name for name, _ in both} == {"answer-1"}
        assert streams.made == 1

    asyncio.run(ask())
