"""The protocol of an answer's writer, implemented by extraction and by a language model."""

from collections.abc import AsyncGenerator
from typing import Protocol

from ragdesk.answering.answer import Question
from ragdesk.answering.retrieval.retrieval_result import Retrieval
from ragdesk.answering.statement import Statement, WriterNote
from ragdesk.answering.writing.generator import GenerateText

WriterPart = str | Statement | WriterNote


class Writer(Protocol):
    """Writes what the passages say about a question, statement by statement, with quotes.

    Words of a statement may come before it, as they are written. ``admit`` turns a question down
    before anything is done for it; a failure is an EngineFailed.
    """

    @property
    def generator(self) -> str: ...
    @property
    def model(self) -> str: ...
    def follow_up(self, question: Question) -> GenerateText | None: ...
    def admit(self) -> None: ...
    def __call__(
        self, question: Question, retrieval: Retrieval
    ) -> AsyncGenerator[WriterPart, None]: ...
