"""A language model's server that means harm: what it sends is cut off, and the documents answer."""

import asyncio
import contextlib
import json

import pytest
from hostile_server import HEALTH, LISTS, HostileServer
from model_desk import RETURNED, by_model

from ragdesk.answering.answer import Question
from ragdesk.answering.writing.model_writer import MAX_ANSWER_SENTENCES
from ragdesk.answering.writing.openai_client import OpenAIGenerator
from ragdesk.answering.writing.prompts import Prompt
from ragdesk.answering.writing.writing_options import GenerateOptions
from ragdesk.errors import EngineFailed

QUICK = {"connect_seconds": 0.5, "first_seconds": 5.0, "silence_seconds": 1.0, "rest_seconds": 0.02}
# What lies in the buffers of a socket counts as sent: some MiB, however little is read.
TAKEN = 24 << 20


CASES = (
    *("line", "reasoning", "deep sentence", "tool call", "gzip bomb", "interim", "redirect"),
    *("odd patience", "list of models", "deep list"),
)


def test_what_a_hostile_server_sends_is_bounded_and_the_documents_answer(desk):
    async def ask() -> None:
        async with HostileServer(most=2 * TAKEN) as server:
            for case in CASES:
                server.set(case)
                asking = by_model(desk, server.url, model="" if case in LISTS else "m", **QUICK)
                answer = await asking.ask(Question(text=RETURNED))
                model = asking.writer.model
                await asking.writer.engine.close()
                assert (answer.generator, answer.degraded) == ("extractive", True), case
                assert answer.citations, case
                assert len(model) <= 1, case
                assert server.sent < TAKEN, case
                assert not server.elsewhere, case

    asyncio.run(ask())


def test_no_cookie_of_a_model_server_goes_out_with_a_later_question():
    async def ask() -> None:
        async with HostileServer() as server:
            server.set("cookies")
            model = OpenAIGenerator(GenerateOptions(urls=(server.url,), model="m", **QUICK))
            for _ in range(3):
                assert [piece async for piece in model(Prompt(system="s", user="u"))]
            await model.close()
            assert len(server.heads) == 3
            assert not any(b"\r\ncookie:" in head.lower() for head in server.heads)

    asyncio.run(ask())


def test_a_health_without_end_is_read_by_its_status():
    async def ask() -> None:
        async with HostileServer(most=2 * TAKEN) as server:
            server.set(HEALTH)
            options = GenerateOptions(urls=(server.url,), model="m", trips=1, **QUICK)
            model = OpenAIGenerator(options)
            with pytest.raises(EngineFailed):
                await anext(model(Prompt(system="s", user="u")))
            async with asyncio.timeout(10):
                while not server.healths:  # noqa: ASYNC110, a server's count
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            assert server.sent < TAKEN
            await model.close()

    asyncio.run(ask())


def test_sentences_without_end_are_cut_off_and_what_was_checked_stands(desk):
    async def ask() -> None:
        async with HostileServer(most=2 * TAKEN) as server:
            server.set("sentences")
            asking = by_model(desk, server.url, model="hostile", **QUICK)
            answer = await asking.ask(Question(text=RETURNED))
            await asking.writer.engine.close()
            assert answer.degraded
            assert answer.withheld == MAX_ANSWER_SENTENCES
            assert server.sent < TAKEN

    asyncio.run(ask())


def test_nothing_is_asked_for_that_is_coded(desk):
    heads = []

    async def ask() -> None:
        async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.close()

        server = await asyncio.start_server(meet, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        async with server:
            model = OpenAIGenerator(GenerateOptions(urls=(url,), **QUICK))
            with pytest.raises(EngineFailed):
                await anext(model(Prompt(system="s", user="u")))
            await model.close()

    asyncio.run(ask())
    assert all(b"accept-encoding: identity" in head.lower() for head in heads)


def test_bytes_after_the_list_of_models_answer_no_question():
    """A connection that is used again would take them for the reply to the next request."""

    def framed(body: str) -> bytes:
        return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()

    def event(words: str) -> str:
        choice = {"delta": {"content": words}, "finish_reason": "stop"}
        return f"data: {json.dumps({'choices': [choice]})}\n\n"

    talks = []

    async def serve(reader, writer):
        talks.append(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                listed = framed(json.dumps({"data": [{"id": "m"}]})) + framed(event("slipped in"))
                writer.write(listed if head.startswith(b"GET") else framed(event("asked for")))
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def ask() -> list[object]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client = OpenAIGenerator(GenerateOptions(urls=(f"http://127.0.0.1:{port}/v1",)))
        try:
            return [piece async for piece in client(Prompt(system="s", user="q"))]
        finally:
            await client.close()
            server.close()
            await asyncio.gather(*talks)

    assert asyncio.run(ask())[0] == "asked for"
