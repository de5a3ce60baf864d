"""A stream that lasts is ended when whoever asked may not ask any more."""

import asyncio
import json
import threading
from types import SimpleNamespace

import pytest
from engines import hesitating, running
from starlette.applications import Starlette
from starlette.routing import Route
from web_home import serving

from ragdesk.answering.answer_options import DecideOptions
from ragdesk.answering.writing.writing_options import GenerateOptions
from ragdesk.errors import Unauthenticated
from ragdesk.web import conversation_events, stream
from ragdesk.web.event_streams import EventStreams

ASK = {"question": "When does a refund reach my bank account?", "stream": True}


def test_an_answer_of_a_revoked_key_ends_before_its_next_words(home, keys, monkeypatch):
    monkeypatch.setattr(stream, "REIDENTIFY_SECONDS", 0.0)
    key, token = keys.create("Ann")
    go = threading.Event()
    (route,) = hesitating(go).routes

    async def revoke_and_write(request):
        keys.revoke(key.id)
        go.set()
        return await route.endpoint(request)

    writer = Starlette(routes=[Route(route.path, revoke_and_write, methods=["POST"])])
    with running(writer) as model:
        generate = GenerateOptions(urls=(model,), first_seconds=60.0, model="m")
        tables = {"generate": generate, "decide": DecideOptions(floor=0.0)}
        with serving(home, keys, tables=tables) as client:
            reply = client.post(
                "/v1/answers", json=ASK, headers={"Authorization": f"Bearer {token}"}
            )
    blocks = [block.split("\ndata: ") for block in reply.text.strip().split("\n\n")]
    names = [name.removeprefix("event: ") for name, _ in blocks]
    assert names == ["found", "error"]
    assert json.loads(blocks[-1][1])["code"] == "unauthenticated"


@pytest.mark.parametrize("checks_before", [1, 3])
def test_a_silent_conversation_ends_for_a_revoked_key(monkeypatch, checks_before):
    monkeypatch.setattr(conversation_events, "RECHECK_SECONDS", 0.01)
    opened = SimpleNamespace(id="talk", state="answering", collection="default")
    checked = []

    async def check():
        checked.append(1)
        if len(checked) > checks_before:
            raise Unauthenticated
        return SimpleNamespace(groups=None, scopes=frozenset({"ask"}))

    async def find(*_args, **_more):
        return opened

    async def nothing(*_args):
        return []

    monkeypatch.setattr(conversation_events, "open_conversation", find)
    monkeypatch.setattr(conversation_events, "_read_fresh", nothing)

    async def follow():
        state = SimpleNamespace(support=SimpleNamespace(streams=EventStreams()))
        events = conversation_events._write_events(state, opened, 7, asyncio.Event(), check)
        return [event async for event in events]

    sent = asyncio.run(asyncio.wait_for(follow(), 20))
    assert sent[1] == b'id: 7\nevent: state\ndata: {"state":"answering"}\n\n'
    assert sent[-1] == b"event: deleted\ndata: {}\n\n"
