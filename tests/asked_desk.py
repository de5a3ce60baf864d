"""A desk that works each question out once, for tests of what is done with its answers."""

from ragdesk.answering.answer import Answer, Question
from ragdesk.answering.desk import Desk


class AskedDesk:
    """Asks a desk, and gives its answer again to whoever asks the very same."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._answers: dict[Question, Answer] = {}

    async def ask(self, question: Question) -> Answer:
        """Answer a question, all at once."""
        if question not in self._answers:
            self._answers[question] = await self._desk.ask(question)
        return self._answers[question]
