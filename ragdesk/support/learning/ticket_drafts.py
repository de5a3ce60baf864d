"""Draft FAQ entries out of past tickets: those that ask the same become one draft."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ragdesk.answering.retrieval.question_analysis import analyze_question
from ragdesk.support.learning.draft import LONGEST_QUESTION, MOST_SIMILAR, Draft
from ragdesk.support.learning.draft_answers import FindPersonalData, draft_from_ticket
from ragdesk.support.learning.gap_report import EmbedQuestions, GapOptions
from ragdesk.support.learning.question_clusters import choose_representative, cluster_questions
from ragdesk.support.learning.ticket_exports import Ticket

LONGEST_EMBEDDED = 400  # characters of a ticket that say what it asks


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketReading:
    """How tickets are read: by which embedder, and with what of personal data taken out.

    redact: gives a text as it may be kept. find_personal: the kinds of personal data in one.
    """

    embed: EmbedQuestions
    redact: Callable[[str], str]
    find_personal: FindPersonalData
    options: GapOptions


def draft_tickets(
    tickets: Sequence[Ticket], collection: str, author: str, reading: TicketReading
) -> list[Draft]:
    """Return a draft for each question that tickets ask, the most frequent first.

    Its answer is that of the ticket in the middle of them; the others are similar questions.
    """
    drafts: list[tuple[int, Draft]] = []
    languages = [analyze_question(ticket.question).language for ticket in tickets]
    for language in sorted(set(languages)):
        own = [t for t, name in zip(tickets, languages, strict=True) if name == language]
        texts = [ticket.question[:LONGEST_EMBEDDED] for ticket in own]
        vectors, shared = reading.embed(texts, language)
        for members in cluster_questions(vectors, shared, reading.options.floor):
            first = own[choose_representative(vectors, members)]
            others = [own[n] for n in members if own[n] is not first]
            draft = _draft_ticket(first, others, collection, author, reading)
            drafts.append((len(members), draft))
    drafts.sort(key=lambda pair: -pair[0])
    return [draft for _, draft in drafts]


def _draft_ticket(
    first: Ticket, others: Sequence[Ticket], collection: str, author: str, reading: TicketReading
) -> Draft:
    language = analyze_question(first.question).language
    question, answer = reading.redact(first.question), reading.redact(first.answer)
    clean_ticket = replace(first, question=question, answer=answer)
    draft = draft_from_ticket(clean_ticket, collection, language, author, reading.find_personal)
    questions = (reading.redact(ticket.question)[:LONGEST_QUESTION].strip() for ticket in others)
    similar = tuple(dict.fromkeys(text for text in questions if text and text != draft.question))
    personal_kinds = reading.find_personal("\n".join((first.question, first.answer, *similar)))
    return replace(
        draft, similar=similar[:MOST_SIMILAR], personal=tuple(sorted(set(personal_kinds)))
    )
