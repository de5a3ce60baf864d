"""The models of requests and replies about gaps, drafts, corrections and past tickets."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from ragdesk.support.learning.draft import LONGEST_DRAFT_ANSWER, LONGEST_QUESTION, MOST_SIMILAR
from ragdesk.web.schemas import Collection, ShortText, StrictModel

EntryQuestion = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_QUESTION)
]
EntryAnswer = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_DRAFT_ANSWER)
]
SimilarQuestions = Annotated[list[EntryQuestion], Field(max_length=MOST_SIMILAR)]


class GapQuestionOut(BaseModel):
    turn: str
    text: str
    time: int
    reason: str


class GapOut(BaseModel):
    id: str
    question: str
    language: str
    persons: int = Field(description="People who asked it.")
    count: int = Field(description="Questions in this period.")
    recent: int = Field(description="Of the later half of the period.")
    earlier: int = Field(description="Of the half before.")
    trend: float = Field(description="Above 1: asked more and more.")
    dislikes: int
    reasons: dict[str, int]
    documents: list[str] = Field(description="Uris that were tried, those that this key may see.")
    questions: list[GapQuestionOut] = Field(description="The latest, 20 at most.")
    drafts: list[str] = Field(description="Ids of drafts that were made for it and wait.")
    published: int | None = Field(
        description="When an entry for it was published: it was asked in vain since."
    )


class GapsOut(BaseModel):
    collection: str
    days: int
    gaps: list[GapOut]


class DraftSourceOut(BaseModel):
    uri: str
    title: str
    quote: str
    turn: str


class EntryEffectOut(BaseModel):
    questions: int = Field(description="Times its question was asked since it was published.")
    answered: int = Field(description="Answers since that cite it.")
    liked: int
    disliked: int


class DraftOut(BaseModel):
    id: str
    collection: str
    origin: Literal["gap", "reply", "ticket", "correction"]
    state: Literal["open", "approved", "published", "rejected"]
    question: str
    similar: list[str]
    answer: str
    language: str
    author: str
    created: int
    updated: int
    sources: list[DraftSourceOut]
    personal: list[str] = Field(description="Kinds of personal data that were found in it.")
    approvals: list[str]
    approvals_needed: int
    groups: list[str] = Field(description="Who may see the entry; empty: everybody.")
    gap: str
    uri: str = Field(description="Of the document it was published as.")
    reason: str = Field(description="Why it was rejected.")
    effect: EntryEffectOut | None = None
    job: str | None = Field(default=None, description="The job that publishes it.")


class DraftsOut(BaseModel):
    drafts: list[DraftOut] = Field(description="Of a page, those that the asker may see.")
    next: str | None = Field(description="Cursor of what follows; null at the end.")


class DraftEdit(StrictModel):
    question: EntryQuestion
    answer: EntryAnswer
    similar: SimilarQuestions = Field(default=[])


class DraftNew(DraftEdit):
    collection: Collection = "default"
    turn: ShortText | None = Field(
        default=None,
        description="Of a conversation: an agent's reply, whose citations are the sources of the "
        "entry, or the question that it answers.",
    )


class DraftApproval(StrictModel):
    personal_checked: bool = Field(
        default=False, description="Whoever approves it looked at the personal data found in it."
    )


class DraftRejection(StrictModel):
    reason: Annotated[str, StringConstraints(max_length=1_000)] = ""


class AnswerCorrection(StrictModel):
    """What is right in place of an answer that was given."""

    answer: ShortText = Field(description="The id of the answer that is wrong.")
    text: EntryAnswer = Field(description="What is right.")
    question: EntryQuestion | None = Field(
        default=None, description="The question, if it is to be put in other words."
    )


class TicketsOut(BaseModel):
    drafts: list[str] = Field(description="Ids of the drafts that were made.")
    tickets: int
    left_out: dict[str, int] = Field(description="Tickets of which none was made, by reason.")
