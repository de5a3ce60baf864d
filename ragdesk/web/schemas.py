"""The models of HTTP requests, checked by pydantic, and of all replies but answers.

An answer's own fields are declared in ``ragdesk.answering.answer``. A field of a request that is
not known is refused: a misspelt filter that was ignored would answer from documents that the
asker meant to leave out.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from indexes.chunk import SearchFilter

NonBlankText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
NotBlank = Annotated[str, StringConstraints(pattern=r"\S", max_length=1_000)]
ShortTexts = Annotated[list[NotBlank], Field(max_length=100)]
COLLECTION_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}$"
Collection = Annotated[str, StringConstraints(pattern=COLLECTION_PATTERN)]


class StrictModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Filters(StrictModel):
    """Leave out everything else. A document passes with one of the values of each field."""

    paths: ShortTexts = Field(default=[], description="Beginnings of uris.")
    media_types: ShortTexts = []
    languages: ShortTexts = []
    uris: ShortTexts = []

    def to_filter(self, groups: frozenset[str] | None) -> SearchFilter:
        """Make a SearchFilter for an asker of ``groups``."""
        return SearchFilter(
            groups=groups,
            paths=tuple(self.paths),
            media_types=frozenset(self.media_types),
            languages=frozenset(self.languages),
            uris=frozenset(self.uris),
        )


class TurnIn(StrictModel):
    role: Literal["user", "assistant"]
    text: Annotated[str, StringConstraints(min_length=1, max_length=8_000)]


class Ask(StrictModel):
    question: NonBlankText = Field(examples=["How long do refunds take?"])
    collection: Collection = "default"
    history: Annotated[list[TurnIn], Field(max_length=50)] = Field(
        default=[],
        description="What was said before, oldest first: a follow-up is understood with it.",
    )
    conversation: ShortText | None = Field(
        default=None,
        description="Id of a conversation to go on: its turns are the history, its collection is "
        "asked, and the turn is kept in it.",
    )
    filters: Filters = Filters()
    stream: bool = Field(default=False, description="Answer with Server-Sent Events.")
    explain: bool = Field(default=False, description="Add the signals behind the outcome.")
    verify: Literal["hold", "show"] | None = Field(
        default=None,
        description="Send a model's sentence once it is checked, or as it is written. "
        "Any key of scope `ask` may choose; else as the setting `[verify] send` says.",
    )


class Search(StrictModel):
    query: NonBlankText = Field(examples=["refund"])
    collection: Collection = "default"
    filters: Filters = Filters()
    top_k: Annotated[int, Field(ge=1, le=50)] = 8


class CollectionOut(BaseModel):
    name: str
    generation: int
    documents: int = Field(description="Documents that this key may see.")
    embedder: str = Field(description="Model that made its vectors; none: words alone find.")


class CollectionsOut(BaseModel):
    collections: list[CollectionOut]


class DocumentOut(BaseModel):
    uri: str
    title: str
    media_type: str
    language: str
    source: str
    digest: str = Field(description="SHA-256 of the original bytes.")
    notes: list[str] = Field(description="What was seen in it and not kept.")
    groups: list[str] = Field(description="Who may see it, of groups that this key may know.")
    chunks: int
    size: int | None = Field(description="Bytes of the original; null where it is not kept.")
    taken_in: float | None = Field(
        description="When its bytes first came, in Unix time; for who sees every document."
    )
    state: Literal["answers", "scheduled", "expired", "empty"]
    valid_from: str | None
    valid_until: str | None


class DocumentsOut(BaseModel):
    generation: int
    documents: list[DocumentOut]
    total: int = Field(description="Documents on all pages of this list.")
    next: str | None = Field(description="Cursor of what follows; null at the end.")
    facets: dict[str, dict[str, int]] | None = Field(
        default=None, description="With `facets`: how many documents have which value."
    )


class LinkOut(BaseModel):
    start: int = Field(description="Code points into the stored text.")
    end: int
    href: str = Field(description="As in the document: http, https, mailto or tel, or relative.")
    uri: str | None = Field(
        default=None, description="Of the document that a relative address leads to."
    )


class LinksOut(BaseModel):
    links: list[LinkOut]


class PageSizeOut(BaseModel):
    width: float = Field(description="In points, as the page is shown.")
    height: float


class BoxOut(BaseModel):
    page: int = Field(description="From 1.")
    left: float = Field(description="In points from the top left of the page as it is shown.")
    top: float
    right: float
    bottom: float


class PagesOut(BaseModel):
    pages: list[PageSizeOut] = Field(description="Of a PDF; empty for another document.")
    boxes: list[BoxOut] = Field(description="Of the text asked for, a box a line.")


class DocumentShownOut(DocumentOut):
    generation: int


class PicturesOut(BaseModel):
    pictures: int


class PageLookOut(BaseModel):
    name: str
    greeting: str = Field(description="Empty: the page's own.")
    logo: str | None = Field(description="Path of the logo on this server.")
    accent: str = Field(description="#rrggbb on light paper; empty: the page's own.")
    accent_dark: str
    suggestions: list[str] = Field(description="Questions to begin with, as set.")


class SuggestionsOut(BaseModel):
    questions: list[str]


class SkipOut(BaseModel):
    uri: str
    reason: str
    source: str
    generation: int = Field(description="The one after whose job it was skipped.")


class SkippedOut(BaseModel):
    generation: int
    total: int
    skipped: list[SkipOut]
    next: str | None = Field(description="Cursor of what follows; null at the end.")


class JobOut(BaseModel):
    id: str
    action: Literal["put", "delete"]
    collection: str
    uri: str
    state: Literal["queued", "running", "done", "failed"]
    report: dict[str, Any] | None
    error: dict[str, str] | None
    created: float
    finished: float | None
    waits_for: str | None = Field(description="What holds up a job that was begun.")
    waits_since: float | None = Field(description="Since when, in Unix time.")


class ListedJobOut(JobOut):
    started: float | None
    position: int | None = Field(description="Jobs of its collection that come before it.")


class JobsOut(BaseModel):
    jobs: list[ListedJobOut]
    next: str | None = Field(description="Cursor of what follows; null at the end.")


class NotServedOut(BaseModel):
    """A collection whose newest generation is not served."""

    collection: str | None = Field(default=None, description="Its name, for administrators alone.")
    status: Literal["ok", "behind", "restricted", "closed", "opening"]
    reason: str = Field(description="Code of what stops it.")
    since: str = Field(description="When that began, UTC.")
    failures: int = Field(description="How often it was tried.")
    next_step: str | None = Field(default=None, description="What the operator types or does.")


class DegradedOut(BaseModel):
    """A collection that is served, and could answer better."""

    collection: str | None = Field(default=None, description="Its name, for administrators alone.")
    reason: str = Field(description="Code of what is off.")
    next_step: str = Field(description="What the operator types or does.")


class ReadyOut(BaseModel):
    ready: bool
    collections: int
    served: int = Field(description="Collections that can be asked.")
    behind: int = Field(description="Those of them that an older generation answers.")
    restricted: int = Field(description="Those of them that answer administrators alone.")
    not_served: list[NotServedOut]
    degraded: list[DegradedOut] = Field(description="Those that answer by less than they could.")


class ProblemOut(BaseModel):
    """RFC 9457 problem JSON."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[dict[str, str]] | None = None
