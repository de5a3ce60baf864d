"""The clients that people really use: OpenAI's own and LangChain's, over HTTP on loopback."""

import asyncio
import contextlib
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import openai
import pytest
from engines import hesitating, running
from fakes import HashEmbedder
from langchain_openai import ChatOpenAI
from server_process import served
from web_home import CANARY

from ragdesk.answering.answer_options import DecideOptions
from ragdesk.answering.writing.writing_options import GenerateOptions
from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from ragdesk.support.key_store import KeyStore
from ragdesk.web import api

REFUND = "When does a refund reach a bank account?"
ANSWER = "A refund reaches a bank account within 5 working days. [1]"
MARMALADE = "What is the marmalade?"
MESSAGES = [{"role": "user", "content": REFUND}]


@pytest.fixture(scope="module")
def server(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Run a server in a process of its own; gives its address and a key of everything."""
    home = shutil.copytree(published, tmp_path_factory.mktemp("clients") / "home")
    with contextlib.closing(KeyStore(home)) as keys:
        _, token = keys.create("all", groups=["staff"])
    with served(home) as (port, _):
        yield f"http://127.0.0.1:{port}/v1", token


@pytest.fixture(scope="module")
def client(server) -> Iterator[openai.OpenAI]:
    address, token = server
    with openai.OpenAI(base_url=address, api_key=token, max_retries=0) as client:
        yield client


@pytest.fixture
def chat(server) -> ChatOpenAI:
    address, token = server
    return ChatOpenAI(base_url=address, api_key=token, model="ragdesk", max_retries=0)


def test_openai_asks_whole_and_streamed(client):
    completion = client.chat.completions.create(
        model="ragdesk", messages=MESSAGES, temperature=0.2, max_tokens=100, user="mia"
    )
    (choice,) = completion.choices
    assert choice.message.content == ANSWER
    assert choice.finish_reason == "stop"
    assert choice.finish_detail == {"outcome": "answered", "reason": None}
    (annotation,) = choice.message.annotations
    assert annotation.url_citation.title == "refunds.md"
    assert completion.ragdesk["citations"][0]["uri"] == "refunds.md"
    assert completion.usage.total_tokens > 0

    stream = client.chat.completions.create(
        model="ragdesk", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    content, usage, answer = "", None, None
    for chunk in stream:
        content += (chunk.choices[0].delta.content or "") if chunk.choices else ""
        usage = chunk.usage or usage
        answer = (chunk.model_extra or {}).get("ragdesk", answer)
    assert content == ANSWER
    assert usage == completion.usage
    assert answer["outcome"] == "answered"

    with client.chat.completions.stream(model="ragdesk", messages=MESSAGES) as helper:
        for _ in helper:
            pass
        assert helper.get_final_completion().choices[0].message.content == ANSWER


def test_openai_asks_from_an_event_loop(server):
    address, token = server

    async def use() -> None:
        async with openai.AsyncOpenAI(base_url=address, api_key=token, max_retries=0) as client:
            whole = client.chat.completions.create(model="ragdesk/other", messages=MESSAGES)
            other = client.chat.completions.create(
                model="ragdesk", messages=[{"role": "user", "content": "The canary password?"}]
            )
            refused, secret = await asyncio.gather(whole, other)
            assert refused.choices[0].finish_detail["outcome"] == "not_found"
            assert CANARY.strip() in secret.choices[0].message.content
            stream = await client.chat.completions.create(
                model="ragdesk", messages=MESSAGES, stream=True
            )
            parts = [chunk.choices[0].delta.content or "" async for chunk in stream]
            assert "".join(parts) == ANSWER
            assert [model.id async for model in client.models.list()] == [
                "ragdesk",
                "ragdesk/other",
            ]

    asyncio.run(use())


def test_openai_lists_models_and_raises_its_own_errors(client, server):
    assert [model.id for model in client.models.list()] == ["ragdesk", "ragdesk/other"]
    assert client.models.retrieve("ragdesk/other").owned_by == "ragdesk"
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("ragdesk/none")
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="ragdesk", messages=MESSAGES, n=2)
    assert refused.value.param == "n"
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(
            model="ragdesk", messages=MESSAGES, tools=[], tool_choice="required"
        )
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model="ragdesk", input="x")
    stranger = openai.OpenAI(base_url=server[0], api_key="sk-none", max_retries=0)
    with stranger, pytest.raises(openai.AuthenticationError) as unknown:
        stranger.models.list()
    assert unknown.value.code == "invalid_api_key"


def test_langchain_asks_whole_and_streamed(chat):
    reply = chat.invoke([("system", "Be brief."), ("user", REFUND)])
    assert reply.content == ANSWER
    assert reply.response_metadata["finish_reason"] == "stop"
    assert reply.usage_metadata["total_tokens"] > 0
    assert "".join(chunk.content for chunk in chat.stream(REFUND)) == ANSWER
    usage = [chunk.usage_metadata for chunk in chat.stream(REFUND, stream_usage=True)]
    assert [one["total_tokens"] for one in usage if one] == [reply.usage_metadata["total_tokens"]]
    history = [("user", "What about a refund to my bank account?"), ("assistant", "Yes.")]
    assert (
        "5 working days" in chat.invoke([*history, ("user", "And how long does it take?")]).content
    )
    assert [reply.content for reply in chat.batch([REFUND] * 3)] == [ANSWER] * 3


def test_langchain_asks_from_an_event_loop_and_hears_what_is_not_taken(chat):
    async def use() -> None:
        assert (await chat.ainvoke(REFUND)).content == ANSWER
        assert "".join([chunk.content async for chunk in chat.astream(REFUND)]) == ANSWER

    asyncio.run(use())
    with pytest.raises(openai.BadRequestError):
        chat.with_structured_output({"title": "A", "type": "object", "properties": {}}).invoke(
            REFUND
        )
    with pytest.raises(openai.NotFoundError):
        chat.model_copy(update={"model_name": "gpt-4o"}).invoke(REFUND)


class HesitatingDesk:
    """A desk whose model says one sentence and waits, with an OpenAI client of it."""

    def __init__(self, home: Path, keys: KeyStore) -> None:
        self.go, self.model = threading.Event(), contextlib.ExitStack()
        url = self.model.enter_context(running(hesitating(self.go)))
        generate = GenerateOptions(urls=(url,), first_seconds=60.0, model="m")
        settings = replace(Settings(), generate=generate, decide=DecideOptions(floor=0.0))
        self.app = api.build_app(Workspace(home, settings, HashEmbedder()), keys)

    def ask(self, client: openai.OpenAI) -> openai.Stream:
        question = [{"role": "user", "content": "When does a refund reach my bank account?"}]
        return client.chat.completions.create(model="ragdesk", messages=question, stream=True)

    @property
    def in_flight(self) -> float:
        return self.app.state.desk.metrics.in_flight._value.get()


@pytest.fixture
def hesitating_desk(home, keys) -> Iterator[HesitatingDesk]:
    desk = HesitatingDesk(home, keys)
    yield desk
    desk.go.set()
    desk.model.close()


def read_words(stream: openai.Stream) -> str:
    return next(delta for chunk in stream if (delta := chunk.choices[0].delta.content))


def test_whoever_leaves_in_the_middle_ends_the_work(hesitating_desk):
    with running(hesitating_desk.app) as address:
        client = openai.OpenAI(base_url=address, api_key="-", max_retries=0)
        stream = hesitating_desk.ask(client)
        assert "5 working days" in read_words(stream)  # as it comes: the model is not done
        assert hesitating_desk.in_flight == 1
        stream.close()
        client.close()
        until = time.monotonic() + 20
        while hesitating_desk.in_flight and time.monotonic() < until:
            time.sleep(0.01)
        assert hesitating_desk.in_flight == 0


def test_a_model_that_dies_in_the_middle_is_an_error_and_no_whole_answer(hesitating_desk):
    with running(hesitating_desk.app) as address:
        client = openai.OpenAI(base_url=address, api_key="-", max_retries=0)
        stream = hesitating_desk.ask(client)
        assert "5 working days" in read_words(stream)
        dying = threading.Thread(target=hesitating_desk.model.close)
        dying.start()
        with pytest.raises(openai.APIError) as broken:
            list(stream)
        assert broken.value.code == "generator_failed"
        hesitating_desk.go.set()
        dying.join(30)
        client.close()
