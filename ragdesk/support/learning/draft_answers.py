"""Draft an FAQ entry: out of the nearest passages, or out of an agent's reply. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ragdesk.answering.answer import RankedPassage
from ragdesk.support.learning.draft import (
    LONGEST_DRAFT_ANSWER,
    LONGEST_QUESTION,
    MOST_SIMILAR,
    Draft,
    DraftOrigin,
    DraftSource,
)
from ragdesk.support.learning.gap import Gap
from ragdesk.support.learning.ticket_exports import Ticket

NEAREST_PASSAGES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReply:
    """What an agent wrote. turn: the one it answers or corrects. citations: of the answer there.

    is_correction: it stands in place of an answer of the desk's.
    """

    turn: str
    collection: str
    language: str
    question: str
    text: str
    similar: tuple[str, ...] = ()
    citations: Sequence[Mapping[str, Any]] = ()
    is_correction: bool = False


FindPersonalData = Callable[[str], Sequence[str]]
"""Text in; the kinds of personal data in it out."""


def draft_from_gap(
    gap: Gap,
    collection: str,
    passages: Sequence[RankedPassage],
    author: str,
    find_personal: FindPersonalData,
) -> Draft:
    """Draft the entry of a gap: its question, and the nearest passages in their own words.

    Nothing is made up: the editor cuts and writes. Without a passage the answer is left to them.
    """
    nearest = passages[:NEAREST_PASSAGES]
    answer = "\n\n".join(passage.text.strip() for passage in nearest) or "…"
    others = [question.text for question in gap.questions if question.text != gap.question]
    similar = tuple(dict.fromkeys(others))[:MOST_SIMILAR]
    sources = [DraftSource(uri=p.uri, title=p.title, quote=p.text) for p in nearest]
    turn_sources = [DraftSource(turn=question.turn) for question in gap.questions[:MOST_SIMILAR]]
    return _make_draft(
        collection=collection,
        origin="gap",
        question=gap.question,
        answer=answer,
        similar=similar,
        language=gap.language,
        author=author,
        sources=(*sources, *turn_sources),
        gap=gap.id,
        find_personal=find_personal,
    )


def draft_from_reply(reply: AgentReply, author: str, find_personal: FindPersonalData) -> Draft:
    """Draft the entry of what an agent wrote to a customer, or in place of an answer."""
    sources = [
        DraftSource(uri=c["uri"], title=c["title"], quote=c["quote"]) for c in reply.citations
    ]
    return _make_draft(
        collection=reply.collection,
        origin="correction" if reply.is_correction else "reply",
        question=reply.question,
        answer=reply.text,
        similar=reply.similar,
        language=reply.language,
        author=author,
        sources=(*sources, *([DraftSource(turn=reply.turn)] if reply.turn else [])),
        gap="",
        find_personal=find_personal,
    )


def draft_from_ticket(
    ticket: Ticket, collection: str, language: str, author: str, find_personal: FindPersonalData
) -> Draft:
    """Draft the entry of a past ticket."""
    return _make_draft(
        collection=collection,
        origin="ticket",
        question=ticket.question[:LONGEST_QUESTION],
        answer=ticket.answer,
        similar=(),
        language=language,
        author=author,
        sources=(DraftSource(title=f"ticket {ticket.number}", quote=ticket.answer),),
        gap="",
        find_personal=find_personal,
    )


def _make_draft(  # noqa: PLR0913, one parameter a field
    *,
    collection: str,
    origin: DraftOrigin,
    question: str,
    answer: str,
    similar: tuple[str, ...],
    language: str,
    author: str,
    sources: tuple[DraftSource, ...],
    gap: str,
    find_personal: FindPersonalData,
) -> Draft:
    words = "\n".join((question, answer, *similar))
    return Draft(
        id="",
        collection=collection,
        origin=origin,
        question=question,
        answer=answer[:LONGEST_DRAFT_ANSWER],
        similar=similar,
        language=language,
        author=author,
        created=0,
        updated=0,
        sources=sources,
        personal=tuple(sorted(set(find_personal(words)))),
        gap=gap,
    )
