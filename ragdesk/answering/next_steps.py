"""Say why an answer is no plain one, and what to do then: the last step of the desk. Pure.

A refusal that ends in itself leaves people alone. Each says what may help: the nearest sources,
other words, a person to turn to. Never words of a document that do not answer.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from ragdesk.answering.answer import (
    AnswerReason,
    NextStep,
    Outcome,
    RankedPassage,
    StepLink,
)
from ragdesk.answering.contact import Contact
from ragdesk.answering.messages import NEXT_STEP_TEXTS, format_contact, localise_text

MOST_SOURCES: Final = 3  # documents that are named as the nearest
FAR_CLOSENESS, FAR_WORDS = 0.2, 0.15
"""Below both, what is nearest has nothing to do with the question: similarity, share of words."""
# Where the nearest sources are worth a look: elsewhere they are about something else, or chosen
# from already.
_SOURCES_HELP: Final = frozenset(
    {AnswerReason.NEAR_MISS, AnswerReason.UNSUPPORTED, AnswerReason.SAFETY}
)
# Where a person can do what the documents cannot.
_PERSON_HELPS: Final = frozenset(AnswerReason) - {
    AnswerReason.GREETING,
    AnswerReason.THANKS,
    AnswerReason.GOODBYE,
    AnswerReason.AMBIGUOUS,
}


def find_reason(
    outcome: Outcome,
    passages: Sequence[RankedPassage],
    signals: Mapping[str, float],
    turn: AnswerReason | None = None,
) -> AnswerReason | None:
    """Return why an answer is no plain one; None where it is.

    signals: of retrieval. turn: why no question was asked, where that is so.

    >>> find_reason(Outcome.NOT_FOUND, (), {})
    <AnswerReason.NO_PASSAGE: 'no_passage'>
    """
    match outcome:
        case Outcome.ANSWERED | Outcome.NOT_FOUND if turn is not None:
            return turn
        case Outcome.CLARIFY:
            return AnswerReason.AMBIGUOUS
        case Outcome.UNSUPPORTED:
            return AnswerReason.UNSUPPORTED
        case Outcome.NOT_FOUND if not passages:
            return AnswerReason.NO_PASSAGE
        case Outcome.NOT_FOUND:
            is_far = (
                signals.get("dense", 0.0) < FAR_CLOSENESS
                and signals.get("lexical", 0.0) < FAR_WORDS
                and not signals.get("named", 0.0)
            )
            return AnswerReason.OUT_OF_SCOPE if is_far else AnswerReason.NEAR_MISS
    return None


def suggest_next_step(
    reason: AnswerReason | None,
    passages: Sequence[RankedPassage],
    contact: Contact,
    language: str,
    advice: str = "",
) -> NextStep | None:
    """Return what to do after an answer of this reason; None after a plain one.

    advice: said in place of our own sentence, and after a plain answer too.
    """
    if reason is None:
        return NextStep(text=advice) if advice else None
    sentences = [advice or localise_text(NEXT_STEP_TEXTS[reason], language)]
    links = _list_sources(passages) if reason in _SOURCES_HELP else []
    if reason in _PERSON_HELPS and not contact.is_empty:
        sentences.append(format_contact(contact, language))
        links.extend(contact.list_links())
    return NextStep(text=("" if language == "zh" else " ").join(sentences), links=tuple(links))


def _list_sources(passages: Sequence[RankedPassage]) -> list[StepLink]:
    titles: dict[str, str] = {}
    for passage in passages:
        titles.setdefault(passage.uri, passage.title or passage.uri)
    return [StepLink(title=title, uri=uri) for uri, title in list(titles.items())[:MOST_SOURCES]]
