"""A draft: an FAQ entry that an editor may approve, and where its words come from."""

from dataclasses import dataclass
from typing import Literal

from ragdesk.errors import Invalid

DraftState = Literal["open", "approved", "published", "rejected"]
DraftOrigin = Literal["gap", "reply", "ticket", "correction"]
LONGEST_QUESTION = 1_000
LONGEST_DRAFT_ANSWER = 8_000
MOST_SIMILAR = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftSource:
    """A place that the words of a draft come from.

    uri, quote: of a document. turn: of a conversation, in place of a document.
    """

    uri: str = ""
    title: str = ""
    quote: str = ""
    turn: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An FAQ entry on its way. Times are seconds since 1970.

    similar: other ways to ask it. personal: kinds of personal data in it ("phone"), each of which
    its reader must look at. approvals: people who approved it, in their order. uri: of the
    document it was published as. groups: who may see that; empty is everybody.
    """

    id: str
    collection: str
    origin: DraftOrigin
    question: str
    answer: str
    language: str
    author: str
    created: int
    updated: int
    state: DraftState = "open"
    similar: tuple[str, ...] = ()
    sources: tuple[DraftSource, ...] = ()
    personal: tuple[str, ...] = ()
    approvals: tuple[str, ...] = ()
    groups: frozenset[str] = frozenset()
    gap: str = ""
    uri: str = ""
    reason: str = ""

    @property
    def published(self) -> int | None:
        """Return when it was published, in seconds since 1970: it never changes afterwards."""
        return self.updated if self.state == "published" else None


def check_draft_texts(question: str, answer: str, similar: tuple[str, ...]) -> None:
    """Raise Invalid for a draft that is no FAQ entry: empty, too long, or of too many questions."""
    if not question.strip() or len(question) > LONGEST_QUESTION:
        raise Invalid(f"A question has 1 to {LONGEST_QUESTION:,} characters.")
    if not answer.strip() or len(answer) > LONGEST_DRAFT_ANSWER:
        raise Invalid(f"An answer has 1 to {LONGEST_DRAFT_ANSWER:,} characters.")
    if len(similar) > MOST_SIMILAR or any(
        not text.strip() or len(text) > LONGEST_QUESTION for text in similar
    ):
        raise Invalid(f"At most {MOST_SIMILAR} similar questions, none of them empty.")
