"""Ask the sample company through a running vLLM, and count what can go wrong.

    python -m tests.lab.quality.vllm --url http://127.0.0.1:8000/v1 [--questions 200] [--at-once 16]

With the tiny random model of ``tests/tiny_llama.py`` this proves the machinery: answers parse or
are counted as cut off, citations resolve, nothing raises, and the check rejects what was written.
Writes "Real vLLM" of RESULTS.md.
"""

import argparse
import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from ragdesk.answering.answer import Answer, ClaimVerdict, Done, Question, TextDelta
from ragdesk.answering.answer_options import DecideOptions
from ragdesk.answering.writing.prompt_builder import BuildPrompt
from ragdesk.answering.writing.prompts import Prompt, PromptSource
from ragdesk.answering.writing.writing_options import GenerateOptions, GroundOptions, VerifyOptions
from ragdesk.assemble import Workspace
from ragdesk.open_collection import OpenCollection
from ragdesk.settings import Settings
from tests.lab.quality.handbook import HANDBOOK, cases
from tests.lab.results import write_section


@dataclass(frozen=True, slots=True)
class Insisting:
    """Asks for three sentences at least: random weights would rather write an empty list."""

    ground: BuildPrompt

    def __call__(
        self, question: str, language: str, passages: Sequence[PromptSource], salt: str = ""
    ) -> Prompt:
        """Write the prompt, with a stricter schema."""
        prompt = self.ground(question, language, passages, salt)
        if prompt.schema is not None:
            prompt.schema["properties"]["sentences"]["minItems"] = 3
        return prompt


async def ask(
    opened: OpenCollection, text: str, places: asyncio.Semaphore
) -> tuple[Answer, float, bool]:
    """Ask once, streamed: the answer, its seconds, and whether its deltas are its text."""
    async with places:
        began = time.perf_counter()
        streamed = ""
        async for event in opened.desk.stream(Question(text=text)):
            if isinstance(event, TextDelta):
                streamed += event.text
            if isinstance(event, Done):
                same = streamed == event.answer.text
                return event.answer, time.perf_counter() - began, same
        raise AssertionError("a stream ends with Done")


async def run(desks: Workspace, questions: list[str], at_once: int) -> dict[str, str]:
    """Ask all questions, so many at once, and count."""
    opened = desks.open_collection("default")
    places = asyncio.Semaphore(at_once)
    if desks.engine:
        desks.engine.build_prompt = Insisting(desks.engine.build_prompt)
    began = time.perf_counter()
    outcomes = await asyncio.gather(
        *(ask(opened, q, places) for q in questions), return_exceptions=True
    )
    seconds = time.perf_counter() - began
    await desks.close()
    failed = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    whole = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    answers = [answer for answer, _, _ in whole]
    verdicts = Counter(str(c.verdict) for a in answers for c in a.claims)
    marks = [c for a in answers for c in a.citations]
    right = [c for c in marks if (opened.index.read_text(c.uri) or "")[c.start : c.end] == c.quote]
    real = all(
        set(c.citations) <= {m.number for m in a.citations} for a in answers for c in a.claims
    )
    reasons = Counter((a.degraded_reason or "none").partition(":")[0] for a in answers)
    rejected = verdicts[str(ClaimVerdict.UNSUPPORTED)]
    kept = sum(verdicts.values())
    times = [f"{q:.1f}" for q in np.quantile([took for _, took, _ in whole], (0.5, 0.95))]
    return {
        "questions, at once": f"{len(questions)}, {at_once}",
        "exceptions": f"{len(failed)} {Counter(type(e).__name__ for e in failed) or ''}",
        "degraded, by reason": ", ".join(f"{k} {v}" for k, v in sorted(reasons.items())),
        "deltas joined are the text": f"{sum(same for _, _, same in whole)} of {len(whole)}",
        "citations that resolve": f"{len(right)} of {len(marks)}; numbers all real: {real}",
        "sentences by verdict": ", ".join(f"{k} {v}" for k, v in sorted(verdicts.items())),
        "sentences rejected": f"{rejected} of {kept}",
        "seconds of an answer, p50, p95": ", ".join(times),
        "answers a second": f"{len(whole) / seconds:.2f}",
    }


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--home", type=Path, help="a home with the sample company taken in")
    parser.add_argument("--tokenizer", default="")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--max-tokens", type=int, default=256)
    options = parser.parse_args()
    settings = replace(
        Settings(),
        generate=GenerateOptions(
            urls=(options.url,),
            max_tokens=options.max_tokens,
            temperature=1.0,
            first_seconds=120,
            silence_seconds=60,
            total_seconds=300,
        ),
        ground=GroundOptions(context=8192, tokenizer=options.tokenizer),
        verify=VerifyOptions(failed="keep"),  # so that rejected sentences can be counted
        decide=DecideOptions(floor=0.0),  # so that every question reaches the model
    )
    questions = list(islice(cycle(case.question for case in cases()), options.questions))
    with tempfile.TemporaryDirectory() as scratch:
        desks = Workspace(options.home or Path(scratch), settings)
        if options.home is None:
            desks.make_job("default").run([HANDBOOK / "documents"])
        rows = asyncio.run(run(desks, questions, options.at_once))
    body = "\n".join(["| | |", "| --- | --- |", *(f"| {k} | {v} |" for k, v in rows.items())])
    print(body)
    write_section("Real vLLM", "python -m tests.lab.quality.vllm --url URL", body)


if __name__ == "__main__":
    main()
