"""The kinds of a turn: a question, which goes on to the documents, and all that is none."""

from enum import StrEnum

from ragdesk.answering.answer import AnswerReason


class TurnKind(StrEnum):
    """What somebody wants with a turn.

    One more: its name here, a reason for it in ``AnswerReason`` and its texts in ``messages``,
    examples in ``tests/lab/quality/turn_examples/``, and a new fit.
    """

    QUESTION = "question"
    GREETING = "greeting"
    THANKS = "thanks"
    GOODBYE = "goodbye"
    WANTS_PERSON = "wants_person"
    COMPLAINT = "complaint"
    SAFETY = "safety"
    NEEDS_ACCOUNT = "needs_account"
    OUT_OF_SCOPE = "out_of_scope"

    @property
    def needs_documents(self) -> bool:
        """Tell whether the documents are searched: for questions, and for what helps in danger."""
        return self in {TurnKind.QUESTION, TurnKind.SAFETY}

    @property
    def reason(self) -> AnswerReason:
        """Return the reason of an answer to such a turn. Raises ValueError for a question.

        >>> TurnKind.THANKS.reason
        <AnswerReason.THANKS: 'thanks'>
        """
        return AnswerReason(self.value)
