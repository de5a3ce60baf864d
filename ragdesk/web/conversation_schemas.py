"""The models of requests and replies of conversations and feedback."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from ragdesk.support.conversations.conversation import (
    ConversationState,
    FeedbackReason,
    TurnAuthor,
    Verdict,
)
from ragdesk.web.schemas import Collection, ShortText, StrictModel

Title = Annotated[str, StringConstraints(strip_whitespace=True, max_length=120)]
Origin = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]


class ConversationIn(StrictModel):
    collection: Collection = "default"
    title: Title = Field(default="", description="Without one, the first question is its title.")
    origin: Origin = Field(default="api", description="What it is begun by: page, api, widget.")


class ConversationChange(StrictModel):
    title: Annotated[Title, Field(min_length=1)]


class ConversationOut(BaseModel):
    id: str
    collection: str
    title: str
    language: str
    state: ConversationState
    origin: str
    created: int = Field(description="Unix time.")
    updated: int = Field(description="Unix time of the last turn.")
    shared: bool = Field(description="Whether a link opens it to others of the house.")
    own: bool = Field(description="Whether it is the asker's own; agents see others.")


class ConversationsOut(BaseModel):
    conversations: list[ConversationOut]
    next: str | None = Field(description="Cursor of what follows; null at the end.")


class FeedbackOut(BaseModel):
    answer: str
    verdict: Verdict
    reasons: list[FeedbackReason]
    comment: str | None
    created: int


class TurnIntentOut(BaseModel):
    """What a question is about."""

    recognised: str | None = Field(description="By the desk; null where no intent fits it.")
    label: str | None = Field(
        description="As an agent or editor says; `out_of_scope`: none fits. Null: nobody said."
    )


class TurnOut(BaseModel):
    """A turn. Of an answer, ``answer`` has what ``POST /v1/answers`` gave but its passages."""

    id: str = Field(description="The answer's.")
    number: int
    author: TurnAuthor
    question: str | None
    answer: dict[str, Any] | None = Field(
        description="As it was served, each citation with its `context` (500 characters around the "
        "quote, and where they start), `digest`, `status` (current, changed, gone; looked_up: a "
        "live fact) and `is_kept`: whether the whole text of its generation can be read. "
        "`generation_kept` says so of the answer. Null where it quotes what this key may not see "
        "today."
    )
    hidden: bool = Field(description="Whether there is an answer that this key may not see today.")
    created: int = Field(description="Unix time in milliseconds.")
    feedback: FeedbackOut | None = Field(description="What this asker thinks of it.")
    intent: TurnIntentOut | None = Field(
        description="What the question is about, for agents; null for others, and of replies."
    )


class TurnsOut(BaseModel):
    conversation: ConversationOut
    turns: list[TurnOut]
    next: int | None = Field(description="Number to send as `after`; null at the end.")


class ShareOut(BaseModel):
    token: str = Field(description="Shown this once; GET /v1/shared/{token} opens it.")


class FeedbackIn(StrictModel):
    answer: ShortText = Field(description="Id of an answer in a conversation.")
    verdict: Literal["up", "down"]
    reasons: Annotated[list[FeedbackReason], Field(max_length=20)] = Field(default=[])
    comment: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)] | None = (
        None
    )
