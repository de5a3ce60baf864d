"""Conversations, their turns and judgements of them as they are sent to somebody."""

from collections.abc import Mapping

from ragdesk.answering.answer import JsonObject
from ragdesk.support.access import Principal
from ragdesk.support.conversations.conversation import Conversation, ConversationTurn, Feedback
from ragdesk.web.conversation_access import AnswerView


def describe_conversation(conversation: Conversation, who: Principal) -> JsonObject:
    """Return a conversation as it is sent to somebody."""
    names = ("id", "collection", "title", "language", "state", "origin", "created", "updated")
    facts = {name: getattr(conversation, name) for name in names}
    is_own = conversation.person == who.person
    return {**facts, "shared": conversation.is_shared and is_own, "own": is_own}


def describe_feedback(feedback: Feedback) -> JsonObject:
    """Return a judgement as it is sent to whoever gave it."""
    return {
        "answer": feedback.turn,
        "verdict": feedback.verdict,
        "reasons": list(feedback.reasons),
        "comment": feedback.comment,
        "created": feedback.created,
    }


def describe_intent(turn: ConversationTurn, label: str | None) -> JsonObject:
    """Return what a question is about: as it was recognised, and as somebody of the house says."""
    return {"recognised": turn.intent, "label": label}


def describe_turn(
    turn: ConversationTurn,
    view: AnswerView,
    feedback: Feedback | None,
    labels: Mapping[str, str] | None = None,
) -> JsonObject:
    """Return a turn as its reader may see it. Blocks.

    labels: of intents, by turn; None for who is told of none.
    """
    answer = view.show(turn)
    intent = None
    if labels is not None and turn.author == "customer" and turn.question is not None:
        intent = describe_intent(turn, labels.get(turn.id))
    return {
        "id": turn.id,
        "number": turn.number,
        "author": turn.author,
        "question": turn.question,
        "answer": answer if answer is None else {"question": turn.question, **answer},
        "hidden": answer is None and turn.answer is not None,
        "created": turn.created,
        "feedback": None if feedback is None else describe_feedback(feedback),
        "intent": intent,
    }
