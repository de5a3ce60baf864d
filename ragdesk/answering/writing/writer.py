"""What writes an answer: the protocol that the extractive and the model's writer implement."""

from collections.abc import AsyncGenerator
from typing import Protocol

from ragdesk.answering.answer import Question
from ragdesk.answering.retrieval.result import Retrieval
from ragdesk.answering.statement import Statement, WriterNote
from ragdesk.answering.writing.generator import GenerateText

WriterPart = str | Statement | WriterNote


class Writer(Protocol):
    """Says what the passages say about a question, a statement at a time, each with its quotes.

    Words of a statement may come before it, as they are written. ``admit`` turns a question down
    before anything is done for it; a failure is an EngineFailed.
    """

    @property
    def generator(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def follow_up(self) -> GenerateText | None: ...
    def admit(self) -> None: ...
    def __call__(
        self, question: Question, retrieval: Retrieval
    ) -> AsyncGenerator[WriterPart, None]: ...
