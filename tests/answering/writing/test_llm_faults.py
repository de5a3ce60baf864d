"""When the language model misbehaves: what the asker gets, and when it is well again."""

import asyncio
import time

import pytest
from engines import running
from fault_proxy import FAULTS, FaultProxy
from model_desk import RETURNED, by_model
from scripted_writer import app
from starlette.responses import Response

from ragdesk.answering.answer import Outcome, Question, TextDelta
from ragdesk.answering.writing.openai_client import OpenAIGenerator
from ragdesk.answering.writing.prompts import Prompt
from ragdesk.answering.writing.writing_options import GenerateOptions
from ragdesk.errors import EngineFailed, Overloaded, error_status

QUICK = {"connect_seconds": 1.0, "first_seconds": 2.0, "silence_seconds": 1.0, "rest_seconds": 0.05}
EXPECTED = {
    "refuse": {"unreachable", "resting"},
    "reset": {"reset"},
    "http500": {"refused"},
    "http503": {"busy"},
    "stall": {"slow"},
    "late_stall": {"stalled"},
    "late_reset": {"reset"},
    "truncate": {"truncated"},
    "drip": {"slow"},
    "garbage": {"reset"},
    "noise": {"garbage"},
}


async def well(asking) -> None:
    """Wait until the model answers again; at most a few seconds."""
    for _ in range(100):
        if not (await asking.ask(Question(text=RETURNED))).degraded:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the model did not come back")


@pytest.fixture(scope="module")
def target():
    with running(app(share=0.0, pace=0.005)) as url:
        yield int(url.rsplit(":", 1)[1].removesuffix("/v1"))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_model_degrades_to_the_documents_words_and_is_well_again(desk, target, fault):
    async def ask() -> None:
        async with FaultProxy(target) as proxy:
            asking = by_model(desk, proxy.url, **QUICK)
            await well(asking)

            await proxy.set(fault)
            began = time.monotonic()
            for _ in range(4):  # more than trips the breaker
                answer = await asking.ask(Question(text=RETURNED))
                assert answer.outcome is Outcome.ANSWERED
                assert (answer.generator, answer.degraded) == ("extractive", True)
                assert answer.degraded_reason.partition(":")[0] in EXPECTED[fault] | {"resting"}
            assert time.monotonic() - began < 4 * 6  # nothing hangs; the deadlines add up to 4 s

            await proxy.set("none")
            await well(asking)
            await asking.writer.engine.close()

    asyncio.run(ask())


@pytest.mark.parametrize(("after", "reason"), [("1", None), ("30", "busy")])
def test_a_full_model_is_asked_again_when_it_said_and_rests_for_nothing(desk, after, reason):
    """Four refusals in a row, of which one would have tripped the breaker."""
    writer, came = app(share=0.0), []

    async def full(scope, receive, send):
        if scope["type"] == "http" and scope["method"] == "POST":
            came.append(time.monotonic())
            if len(came) % 2:
                headers = {"retry-after": after}
                return await Response(status_code=503, headers=headers)(scope, receive, send)
        return await writer(scope, receive, send)

    async def ask(url: str) -> None:
        asking = by_model(desk, url, trips=1)
        for _ in range(4 if reason is None else 2):
            answer = await asking.ask(Question(text=RETURNED))
            assert (answer.degraded_reason or "").partition(":")[0] == (reason or "")
        await asking.writer.engine.close()

    with running(full) as url:
        asyncio.run(ask(url))
    waits = [later - first for first, later in zip(came[::2], came[1::2], strict=False)]
    assert len(came) == (8 if reason is None else 1)
    assert all(wait >= float(after) - 0.01 for wait in waits)


def test_one_retry_before_the_first_word_and_none_after(desk, target):
    async def ask() -> None:
        async with FaultProxy(target) as proxy:
            asking = by_model(desk, proxy.url, **QUICK)
            for fault, met in (("http500", 2), ("late_reset", 1), ("stall", 1)):
                await proxy.set("none")
                await well(asking)
                await proxy.set(fault)
                await asking.ask(Question(text=RETURNED))
                assert proxy.met == met, fault
            await asking.writer.engine.close()

    asyncio.run(ask())


def test_words_that_were_told_cannot_be_taken_back(desk, target):
    """A stream that breaks after its first words ends in an error, and not in another answer."""

    async def ask() -> None:
        async with FaultProxy(target, after=2_000) as proxy:
            asking = by_model(desk, proxy.url, **QUICK)
            await asking.ask(Question(text=RETURNED))
            await proxy.set("late_reset")
            told = []

            async def listen() -> None:
                async for event in asking.stream(Question(text=RETURNED, send="show")):
                    told.append(event)  # noqa: PERF401, what came before the error is wanted

            with pytest.raises(EngineFailed) as failed:
                await listen()
            assert any(isinstance(event, TextDelta) for event in told)
            assert error_status(failed.value).code == "generator_failed"
            await asking.writer.engine.close()

    asyncio.run(ask())


def test_another_replica_answers_when_one_is_broken(desk, target):
    async def ask() -> None:
        async with FaultProxy(target) as good, FaultProxy(target) as bad:
            await bad.set("reset")
            asking = by_model(desk, bad.url, more=(good.url,), **QUICK)
            answers = [await asking.ask(Question(text=RETURNED)) for _ in range(6)]
            assert not any(answer.degraded for answer in answers)
            await asking.writer.engine.close()

    asyncio.run(ask())


def test_more_than_may_wait_are_turned_down(desk, target):
    async def ask() -> None:
        async with FaultProxy(target) as proxy:
            await proxy.set("stall")
            asking = by_model(desk, proxy.url, running=1, waiting=1, **QUICK)
            tasks = []
            for _ in range(2):
                tasks.append(asyncio.ensure_future(asking.ask(Question(text=RETURNED))))
                await asyncio.sleep(0.3)
            with pytest.raises(Overloaded):
                await asking.ask(Question(text=RETURNED))
            answers = await asyncio.gather(*tasks)
            assert all(answer.degraded for answer in answers)
            await asking.writer.engine.close()

    asyncio.run(ask())


def test_a_key_that_is_refused_is_not_tried_again_and_rests_nobody(target):
    """What is wrong with one question, such as its length, must not close the engine for all."""

    async def ask() -> None:
        model = OpenAIGenerator(GenerateOptions(urls=(f"http://127.0.0.1:{target}/nowhere",)))
        for _ in range(GenerateOptions().trips + 1):
            with pytest.raises(EngineFailed) as failed:
                await anext(model(Prompt(system="s", user="u")))
            assert (failed.value.reason, failed.value.can_retry) == ("refused", False)
        await model.close()

    asyncio.run(ask())
