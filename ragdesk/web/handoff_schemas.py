"""The models of requests on hand-offs, and of their replies."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from ragdesk.support.handoff.handoff import LONGEST_REPLY, LONGEST_TEXT
from ragdesk.support.handoff.handoff_states import HandoffReason
from ragdesk.web.schemas import StrictModel

FreeText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=LONGEST_TEXT)]
ContactText = Annotated[  # one line, as other systems show it beside what others wrote
    str,
    StringConstraints(strip_whitespace=True, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$"),
]
Words = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_REPLY)
]
HandoffId = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class HandoffContactIn(StrictModel):
    """How somebody can be reached. Kept sealed, and shown to agents alone."""

    name: ContactText = ""
    email: Annotated[str, StringConstraints(pattern=r"^([^@\s]+@[^@\s]+)?$", max_length=200)] = ""
    phone: Annotated[str, StringConstraints(pattern=r"^[0-9+()./ -]*$", max_length=50)] = ""


class HandoffIn(StrictModel):
    """Ask for a person. Sent again while one is waited for, it adds text and contact."""

    conversation: HandoffId
    reason: HandoffReason = HandoffReason.CUSTOMER_ASKED
    text: FreeText = ""
    contact: HandoffContactIn = HandoffContactIn()
    language: Literal["en", "zh"] | None = Field(
        default=None, description="In which to speak to somebody who has asked nothing yet."
    )


class HandoffReplyIn(StrictModel):
    """What an agent answers, or a customer writes meanwhile."""

    text: Words
    draft: HandoffId | None = Field(
        default=None, description="Id of the draft that marks such as [1] in the text name."
    )
    role: Literal["agent", "customer"] | None = Field(
        default=None, description="Whose words these are, for somebody who is both."
    )


Confirmation = Annotated[
    str, Field(max_length=64, description="The id again: of one that another agent has.")
]


class HandoffTransferIn(StrictModel):
    to: ContactText = Field(default="", description="For whom it waits; empty: for anybody.")
    text: FreeText = Field(default="", description="A note for whoever takes it.")
    confirm: Confirmation = ""


class HandoffNoteIn(StrictModel):
    text: FreeText = ""


class HandoffEndIn(HandoffNoteIn):
    confirm: Confirmation = ""


class HandoffRatingIn(StrictModel):
    rating: Annotated[int, Field(ge=1, le=5)]
    comment: FreeText = ""


class HandoffOut(BaseModel):
    """A hand-off; what is for agents alone is left out for customers."""

    id: str
    conversation: str
    collection: str
    state: Literal["waiting", "with_person", "closed"]
    reason: HandoffReason
    created: int = Field(description="Seconds since 1970.")
    updated: int
    taken: int | None
    closed: int | None
    reopened: int
    rating: int | None
    agent_name: str | None = Field(description="Who has it, or for whom it waits.")
    actions: list[str] = Field(description="What may be done in this state.")
    message: str | None = Field(description="What is said to the customer while it waits.")
    question: str | None = None
    text: str | None = None
    contact: dict[str, str] | None = None
    language: str | None = None
    sentiment: str | None = None
    mine: bool | None = Field(default=None, description="Whether the asker has it.")
    comment: str | None = None
    payload: dict[str, Any] | None = None
    events: list[dict[str, Any]] | None = None
    troubles: list[dict[str, Any]] | None = Field(
        default=None, description="What another system did not take yet."
    )


class HandoffsOut(BaseModel):
    handoffs: list[HandoffOut]
    counts: dict[str, int] = Field(description="Of all states, for agents.")
    staffed: bool = Field(description="Whether somebody is there now, by the settings.")
    enabled: bool
    next: str | None = Field(description="Cursor of what follows; null at the end.")


class HandoffDraftOut(BaseModel):
    id: str
    question: str
    answer: dict[str, Any] = Field(description="An Answer, from what both sides may see.")
