"""What an approved draft becomes: a document of the source ``approved``, and a regression case."""

import csv
import io
from dataclasses import dataclass
from typing import Final

from eval.case import Case, Evidence
from ragdesk.support.learning.draft import Draft

APPROVED_SOURCE: Final = "approved"
EVIDENCE_CHARACTERS: Final = 200  # of the answer that have to be cited again


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningOptions:
    """How the desk learns from its use.

    approvals: people who have to approve an entry before customers are answered from it, 1 or 2.
        With 2, its author is none of them.
    train_on_conversations: let `ragdesk insight train --from-conversations` learn intents from the
        questions that agents and editors labelled, without their personal data. Off, it refuses.
    """

    approvals: int = 1
    train_on_conversations: bool = False

    def __post_init__(self) -> None:
        if self.approvals not in {1, 2}:
            raise ValueError("approvals are 1 or 2")


def approved_uri(draft: Draft) -> str:
    """Return the uri of the document that a draft becomes.

    >>> from ragdesk.support.learning.draft import Draft
    >>> approved_uri(Draft(id="0a", collection="c", origin="gap", question="?", answer="!",
    ...     language="en", author="x", created=0, updated=0))
    'faq/0a.csv'
    """
    return f"faq/{draft.id}.csv"


def format_faq_document(draft: Draft) -> bytes:
    """Write a draft as a table of one FAQ entry, which the parsers read as such."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["Question", "Similar questions", "Answer"])
    similar = "\n".join(question.replace("\n", " ") for question in draft.similar)
    rows.writerow([draft.question.replace("\n", " "), similar, draft.answer])
    return text.getvalue().encode()


def make_case_id(draft: str) -> str:
    """Return the id of the case of a draft, by the draft's.

    >>> make_case_id("0a")
    'approved-0a'
    """
    return f"{APPROVED_SOURCE}-{draft}"


def make_regression_case(draft: Draft, uri: str) -> Case:
    """Make the case by which an evaluation asks the entry's question again."""
    quote = draft.answer.strip().split("\n")[0][:EVIDENCE_CHARACTERS]
    return Case(
        id=make_case_id(draft.id),
        lang=draft.language,
        question=draft.question.replace("\n", " "),
        reference=(draft.answer,),
        evidence=(Evidence(uri=uri, quote=quote),),
        tags=(APPROVED_SOURCE, draft.origin),
        cluster=make_case_id(draft.id),
    )
