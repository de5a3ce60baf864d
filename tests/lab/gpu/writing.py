"""How much of vLLM's rate is left through a desk: the same prompts, asked of it directly.

Both ways stream from the same server, greedily, so that they write the same. Tokens are counted by
the server itself (``vllm:generation_tokens_total``), or as pieces streamed where it has no count.
"""

import asyncio
import json
import re
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from tests.lab.gpu.figures import need, table

GOAL = 0.95  # of the direct tokens a second


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """at_once: questions asked at the same time, in turn. each: questions of one round."""

    at_once: tuple[int, ...] = (1, 8, 64)
    each: int = 128
    max_tokens: int = 256


@dataclass(slots=True)
class Round:
    """What one way did: seconds to the first words of each answer, and failures."""

    first: list[float] = field(default_factory=list)
    pieces: int = 0
    failed: int = 0
    seconds: float = 0.0
    tokens: float = 0.0


class Recorded:
    """A desk's prompt writer that remembers the prompts."""

    def __init__(self, ground: Any) -> None:
        self.ground = ground
        self.prompts = list[Any]()

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        """Write a prompt."""
        self.prompts.append(self.ground(*arguments, **more))
        return self.prompts[-1]


def body(prompt: Any, model: str, sizes: Sizes) -> dict[str, Any]:
    """Write the request that a desk sends for a prompt."""
    content: dict[str, Any] = {
        "model": model,
        "messages": [
            {"role": "system", "content": prompt.system},
            {"role": "user", "content": prompt.user},
        ],
        "max_tokens": sizes.max_tokens,
        "temperature": 0.0,
        "stream": True,
    }
    if prompt.schema is not None:
        answer_schema = {"name": "answer", "schema": prompt.schema, "strict": True}
        content["response_format"] = {"type": "json_schema", "json_schema": answer_schema}
    content["chat_template_kwargs"] = {"enable_thinking": False}
    return content


async def all_of(
    works: Sequence[Callable[[Round], Awaitable[None]]],
    at_once: int,
    counted: Callable[[], Awaitable[float | None]],
) -> Round:
    """Do all works, so many at once."""
    round_ = Round()
    places = asyncio.Semaphore(at_once)

    async def answer_one(work: Callable[[Round], Awaitable[None]]) -> None:
        async with places:
            await work(round_)

    before = await counted()
    began = time.perf_counter()
    await asyncio.gather(*map(answer_one, works))
    round_.seconds = time.perf_counter() - began
    after = await counted()
    round_.tokens = float(round_.pieces) if before is None or after is None else after - before
    return round_


async def directly(client: Any, url: str, content: dict[str, Any], round_: Round) -> None:
    """Ask the server itself."""
    began = time.perf_counter()
    spoke = False
    async with client.stream("POST", f"{url}/chat/completions", json=content) as response:
        round_.failed += response.status_code != 200
        async for line in response.aiter_lines():
            if not line.startswith("data:") or line[5:].strip() == "[DONE]":
                continue
            choices = json.loads(line[5:])["choices"]
            if choices and choices[0]["delta"].get("content"):
                round_.pieces += 1
                if not spoke:
                    round_.first.append(time.perf_counter() - began)
                spoke = True


async def through(desk: Any, question: str, round_: Round) -> None:
    """Ask the desk; its first words are those that an asker sees."""
    from ragdesk.answering.answer import Done, Question, TextDelta

    began = time.perf_counter()
    spoke = False
    async with aclosing(desk.stream(Question(text=question))) as events:
        async for event in events:
            if isinstance(event, TextDelta) and not spoke:
                round_.first.append(time.perf_counter() - began)
                spoke = True
            if isinstance(event, Done):
                reason = (event.answer.degraded_reason or "").partition(":")[0]
                round_.failed += reason not in {"", "cut_off", "unsupported"}


class Pieces:
    """A desk's generator that counts what it hands on."""

    def __init__(self, generator: Any) -> None:
        self.generator = generator
        self.count = 0

    async def __call__(self, prompt: Any, **more: Any) -> AsyncIterator[Any]:
        """Write."""
        async with aclosing(self.generator(prompt, **more)) as pieces:
            async for piece in pieces:
                self.count += isinstance(piece, str)
                yield piece

    def __getattr__(self, name: str) -> Any:
        return getattr(self.generator, name)


async def measure(url: str, sizes: Sizes) -> list[dict[str, str]]:
    """Measure both ways at each number of askers, after one round that warms up."""
    need("httpx", "faiss")
    import httpx

    from ragdesk.assemble import Workspace
    from tests.lab.quality.handbook import HANDBOOK, cases

    questions = list(islice(cycle(case.question for case in cases()), sizes.each))
    url = url.rstrip("/")
    with tempfile.TemporaryDirectory() as home:
        desks = Workspace(Path(home), _settings(url, sizes))
        await asyncio.to_thread(desks.make_job("default").run, [HANDBOOK / "documents"])
        opened = desks.open_collection("default")
        engine = desks.engine
        if engine is None:
            raise AssertionError("a URL is set")
        engine.build_prompt = recorded = Recorded(engine.build_prompt)
        made = engine.open_generator
        counts = list[Pieces]()

        def counting() -> Any:
            counts.append(Pieces(made()))
            return counts[-1]

        engine.open_generator = counting
        rows = []
        async with httpx.AsyncClient(timeout=300, trust_env=False) as client:

            async def counted() -> float | None:
                response = await client.get(f"{url.removesuffix('/v1')}/metrics")
                counts = re.findall(r"(?m)^vllm:generation_tokens_total\S* (\S+)$", response.text)
                return sum(map(float, counts)) if counts else None

            model = (await client.get(f"{url}/models")).json()["data"][0]["id"]
            asks = [lambda round_, q=q: through(opened.desk, q, round_) for q in questions]
            await all_of(asks, max(sizes.at_once), counted)
            bodies = [body(prompt, model, sizes) for prompt in recorded.prompts]
            plain = [lambda round_, b=b: directly(client, url, b, round_) for b in bodies]
            for at_once in sizes.at_once:
                straight = await all_of(plain, at_once, counted)
                before = counts[-1].count
                desk = await all_of(asks, at_once, counted)
                desk.pieces = counts[-1].count - before
                desk.tokens = desk.tokens or float(desk.pieces)
                share = desk.tokens / desk.seconds / (straight.tokens / straight.seconds)
                rows.append(_row("directly", at_once, len(bodies), straight, "100%"))
                rows.append(_row("through ragdesk", at_once, len(asks), desk, f"{share:.1%}"))
        await desks.close()
    return rows


def section(url: str, sizes: Sizes) -> str:
    """Measure, and say it as a table."""
    rows = table(asyncio.run(measure(url, sizes)))
    return (
        f"The sample company's questions, {sizes.each} a round, greedy, at most {sizes.max_tokens} "
        f"tokens. First words: of the model directly, of what the asker sees through the desk. "
        f"share: of the direct tokens a second (goal {GOAL:.0%}).\n\n{rows}"
    )


def _settings(url: str, sizes: Sizes) -> Any:
    from ragdesk.answering.answer_options import DecideOptions
    from ragdesk.answering.writing.writing_options import GenerateOptions, VerifyOptions
    from ragdesk.settings import Settings

    most = max(sizes.at_once)
    return replace(
        Settings(),
        generate=GenerateOptions(
            urls=(url,), max_tokens=sizes.max_tokens, temperature=0.0, running=most,
            waiting=sizes.each, first_seconds=120, silence_seconds=60, total_seconds=300,
        ),
        verify=VerifyOptions(failed="keep"),
        decide=DecideOptions(floor=0.0),
    )  # fmt: skip


def _row(way: str, at_once: int, questions: int, round_: Round, share: str) -> dict[str, str]:
    p50, p95 = np.quantile(round_.first or [np.nan], (0.5, 0.95))
    return {
        "at once": str(at_once),
        "way": way,
        "answers/s": f"{questions / round_.seconds:.2f}",
        "tokens/s": f"{round_.tokens / round_.seconds:,.0f}",
        "first words p50, ms": f"{1e3 * p50:.0f}",
        "p95, ms": f"{1e3 * p95:.0f}",
        "failed": str(round_.failed),
        "share": share,
    }
