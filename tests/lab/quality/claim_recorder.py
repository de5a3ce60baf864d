"""Have a served model answer questions by the desk's own prompt, and keep what it said unchecked."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from indexes.chunk import Passage
from ragdesk.answering.answer import Question
from ragdesk.answering.decision import answer_likelihood
from ragdesk.answering.retrieval.question_analysis import analyze_question
from ragdesk.answering.statement import Statement
from ragdesk.answering.writing.claim_check import ClaimChecker
from ragdesk.answering.writing.model_writer import ModelWriter
from ragdesk.answering.writing.writing_options import GenerateOptions, GroundOptions, VerifyOptions
from ragdesk.assemble import Workspace
from ragdesk.errors import EngineFailed
from ragdesk.open_collection import OpenCollection
from ragdesk.settings import Settings
from tests.lab.quality.claim_sets import ClaimRecord, ClaimSet


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingChecker(ClaimChecker):
    """Checks as the desk does, and keeps each claim with its passages beside that."""

    record: list[tuple[str, tuple[Passage, ...]]] = field(default_factory=list)

    def __call__(self, claim: str, cited: Sequence[Passage], question: str = "") -> Statement:
        """Keep a claim, and check it."""
        self.record.append((claim, tuple(cited)))
        return ClaimChecker.__call__(self, claim, cited, question)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOptions:
    """Where the model is, and how it is asked.

    temperatures: of each round over the questions. answers: in all, at most. sentences: of one.
    passages: that the model reads; fewer than a desk gives, as a small model on a CPU is slow.
    """

    url: str
    temperatures: Sequence[float]
    answers: int
    sentences: int = 3
    max_tokens: int = 256
    context: int = 8_192
    tokenizer: str = ""
    passages: int = 4


def record_claims(
    home: Path, documents: Path, questions: Sequence[str], options: RecordOptions
) -> ClaimSet:
    """Ask each question in each round, and return all that was said, without labels.

    home: where the collection is, or is made.
    """
    records: list[ClaimRecord] = []
    passages: dict[str, Passage] = {}
    for number, temperature in enumerate(options.temperatures, start=1):
        workspace = Workspace(home, _settings(options, temperature))
        if not workspace.list_collections():
            workspace.make_job("default").run([documents])
        left = options.answers - len({record.answer for record in records})
        asked = questions[: max(0, left)]
        records += asyncio.run(_ask_round(workspace, asked, f"r{number}", passages))
    return ClaimSet(claims=tuple(records), passages=passages)


def _settings(options: RecordOptions, temperature: float) -> Settings:
    generate = GenerateOptions(
        urls=(options.url,),
        temperature=temperature,
        max_tokens=options.max_tokens,
        sentences=options.sentences,
        first_seconds=240,
        silence_seconds=120,
        total_seconds=480,
        running=2,
    )
    ground = GroundOptions(
        context=options.context, tokenizer=options.tokenizer, passages=options.passages
    )
    return replace(Settings(), generate=generate, ground=ground)


async def _ask_round(
    workspace: Workspace, questions: Sequence[str], name: str, passages: dict[str, Passage]
) -> list[ClaimRecord]:
    records: list[ClaimRecord] = []
    with workspace.open_collection("default") as opened:
        places = asyncio.Semaphore(2)

        async def ask(number: int, text: str) -> None:
            async with places:
                for record, cited in await _ask(workspace, opened, text, f"{name}-{number:03}"):
                    passages.update({passage.chunk.id: passage for passage in cited})
                    records.append(record)

        await asyncio.gather(*(ask(i, text) for i, text in enumerate(questions, start=1)))
    await workspace.close()
    return sorted(records, key=lambda record: record.answer)


async def _ask(
    workspace: Workspace, opened: OpenCollection, text: str, answer: str
) -> list[tuple[ClaimRecord, tuple[Passage, ...]]]:
    """Ask one question; what was said before the model failed counts."""
    if workspace.engine is None:
        raise ValueError("No model to ask.")
    question = Question(text=text)
    retrieval = opened.retrieve(question, analyze_question(text))
    check = RecordingChecker(options=VerifyOptions(failed="keep"), idf=opened.index.idf)
    writer = ModelWriter(engine=workspace.engine, verify=check, collection="default")
    try:
        async for _ in writer(question, retrieval):
            pass
    except EngineFailed as error:
        print(answer, error.reason, flush=True)
    print(answer, len(check.record), flush=True)
    likelihood = round(answer_likelihood(retrieval.signals), 3)
    return [
        (
            ClaimRecord(
                question=text,
                answer=answer,
                claim=claim,
                cited=tuple(passage.chunk.id for passage in cited),
                likelihood=likelihood,
            ),
            cited,
        )
        for claim, cited in check.record
    ]
