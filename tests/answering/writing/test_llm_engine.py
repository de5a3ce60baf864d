"""One language model for a process: opened beside the loop, and of one loop at a time."""

import asyncio
import threading
from dataclasses import replace

import pytest

from ragdesk.answering.writing.llm_engine import LlmEngine, open_llm_engine
from ragdesk.answering.writing.openai_client import OpenAIGenerator
from ragdesk.answering.writing.prompts import Prompt
from ragdesk.answering.writing.writing_options import GenerateOptions, GroundOptions, VllmOptions
from ragdesk.errors import EngineFailed

OPTIONS = GenerateOptions(urls=("http://127.0.0.1:9/v1",))


@pytest.fixture
def engine() -> LlmEngine:
    made = open_llm_engine(OPTIONS, GroundOptions(), VllmOptions())
    assert made
    return made


def test_a_model_is_opened_beside_the_loop_and_once(engine):
    made = []

    def make() -> OpenAIGenerator:
        made.append(threading.current_thread())
        return OpenAIGenerator(OPTIONS)

    async def start() -> None:
        engine.open_generator = make
        await engine.start()
        await engine.start()
        engine.admit()
        assert engine.current_generator() is engine.current_generator()
        await engine.close()

    asyncio.run(start())
    assert len(made) == 1
    assert made[0] is not threading.main_thread()


def test_words_before_an_answer_take_a_place_too(engine):
    engine.options = replace(OPTIONS, running=1, first_seconds=0.2)

    async def ask() -> str:
        async with engine.reserve_slot():
            async for _ in engine.generate_short(Prompt(system="", user="?")):
                pass
        return ""

    with pytest.raises(EngineFailed, match="No place"):
        asyncio.run(ask())


def test_another_loop_is_served_once_the_first_let_go(engine):
    async def use(*, close: bool) -> None:
        engine.current_generator()
        if close:
            await engine.close()

    asyncio.run(use(close=True))
    asyncio.run(use(close=False))
    with pytest.raises(RuntimeError, match="close it there"):
        asyncio.run(use(close=True))


def test_a_conversation_has_a_cache_of_its_own_and_the_rest_share_none(engine):
    salts, affinities = [], []

    class Model:
        model = "m"

        async def __call__(self, prompt, *, within=None):
            salts.append(prompt.salt)
            affinities.append(prompt.affinity)
            yield "x"

        async def close(self) -> None:
            pass

    async def ask() -> None:
        engine.open_generator = Model
        for session in ("talk", "talk", "other", "", ""):
            prompt = Prompt(system="", user="?")
            async for _ in engine.generate_short(prompt, session=session):
                pass

    asyncio.run(ask())
    assert salts[0] == salts[1]
    assert len(set(salts)) == 4
    assert affinities == ["talk", "talk", "other", "", ""]
    assert not any("talk" in salt for salt in salts)
