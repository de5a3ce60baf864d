"""The models of the administrator's requests and replies."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from ragdesk.support.access import Scope, StaffRole
from ragdesk.web import schemas
from ragdesk.web.schemas import Collection, Filters, NonBlankText, StrictModel

NextCursor = Annotated[str | None, Field(description="Cursor of what follows; null at the end.")]
ShortName = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$"
    ),
]
ShortNames = Annotated[list[ShortName], Field(max_length=100)]


class DocumentChangeCounts(BaseModel):
    added: int
    removed: int
    changed: int
    regrouped: int = Field(description="The same words, for other groups.")


class GenerationOut(BaseModel):
    generation: int
    current: bool = Field(description="It answers.")
    created: str
    parent: int | None
    segments: int
    documents: int
    chunks: int
    vectors: int
    embedder: str
    problem: str | None
    made_by: Literal["first", "documents", "access", "upkeep", "unknown"] = Field(
        description="upkeep: merged or written anew, and no document differs."
    )
    changes: DocumentChangeCounts | None = Field(
        description="Against its parent, while that is kept."
    )
    sources: list[str] = Field(description="Of the documents that changed.")


class GenerationsOut(BaseModel):
    collection: str
    generations: list[GenerationOut]


class DocumentChangeOut(BaseModel):
    kind: Literal["added", "removed", "changed", "regrouped"]
    uri: str
    source: str
    title: str


class GenerationDiffOut(BaseModel):
    older: int
    newer: int
    counts: DocumentChangeCounts
    changes: list[DocumentChangeOut]
    next: NextCursor


class RollbackIn(StrictModel):
    to: Annotated[int, Field(ge=1, le=2**53)] | None = Field(
        default=None, description="Generation; null: the one before."
    )
    confirm: str = Field(max_length=100, description="The collection's name again.")


class RolledBackOut(BaseModel):
    collection: str
    generation: int = Field(description="The one that answers now.")
    content_of: int = Field(description="The one whose texts these are.")


class ChunkOut(BaseModel):
    chunk: str
    number: int
    kind: str
    language: str
    start: int = Field(description="Code points into the stored text; text[start:end] == text.")
    end: int
    text: str
    lead: str = Field(description="Indexed and shown to a model, never quoted.")
    path: list[str]
    page: int | None
    question: str | None = Field(description="Of an FAQ entry.")
    tokens: int = Field(description="Words as the index counts them, lead included.")
    terms: list[str] = Field(description="The different ones of them, as the index spells them.")
    has_vector: bool


class ChunksOut(BaseModel):
    generation: int
    uri: str
    title: str
    total: int
    chunks: list[ChunkOut]
    next: NextCursor


class RetrievalIn(StrictModel):
    question: NonBlankText
    filters: Filters = Filters()
    groups: ShortNames | None = Field(
        default=None,
        description="Ask as somebody of these groups; []: of none; null: who sees all.",
    )
    top_k: Annotated[int, Field(ge=1, le=50)] = 8
    answer: bool = Field(default=True, description="Answer the question, too.")


class ScoredPassageOut(BaseModel):
    chunk: str
    uri: str
    title: str
    path: list[str]
    page: int | None
    start: int
    end: int
    text: str
    lead: str
    language: str
    found_by: list[str]
    rank: int
    dense: float | None = Field(description="Similarity of vectors, 0..1.")
    lexical: float | None = Field(description="Score of words, 0..1.")
    fusion: float | None = Field(description="Of all finders together, before a reranker.")
    fusion_rank: int | None
    rerank: float | None = Field(description="A reranker's; null where there is none.")
    shown: bool = Field(description="Among the passages of the answer.")
    cited: list[int] = Field(description="Numbers of the answer's citations out of it.")


class RetrievalOut(BaseModel):
    question: str
    collection: str
    generation: int
    language: str
    terms: dict[str, float] = Field(description="Words searched for, and what each weighs.")
    reranker: bool
    floor: float = Field(description="Likelihood below which the question is refused.")
    signals: dict[str, float]
    passages: list[ScoredPassageOut]
    duplicates: dict[str, int] = Field(description="By chunk, how many say the same.")
    answer: dict[str, Any] | None


class CaseIn(StrictModel):
    question: NonBlankText
    language: Literal["en", "zh"] = "en"
    stratum: Literal["in_kb", "near_domain", "out_of_kb", "underspecified"] = "in_kb"
    chunks: Annotated[list[ShortName], Field(max_length=20)] = Field(
        default=[], description="The passages that hold the answer: their text is the evidence."
    )
    reference: Annotated[str, Field(max_length=4_000)] = Field(
        default="", description="A right answer in words."
    )
    must_include: ShortNames = Field(default=[], description="Words that a right answer says.")
    tags: ShortNames = Field(default=[])


class CaseOut(BaseModel):
    id: str
    lang: str
    question: str
    answerable: bool
    stratum: str
    reference: list[str]
    evidence: list[dict[str, Any]]
    tags: list[str]


class CasesOut(BaseModel):
    total: int
    cases: list[CaseOut]
    next: NextCursor


class KeyIn(StrictModel):
    name: ShortName
    role: StaffRole | None = Field(default=None, description="A named set of scopes.")
    scopes: Annotated[list[Scope], Field(max_length=10)] = Field(default=[])
    groups: ShortNames = Field(default=[])
    collections: Annotated[list[Collection], Field(max_length=100)] = Field(default=[])
    days: Annotated[int, Field(ge=1, le=3_650)] | None = Field(
        default=None, description="Until it expires; null: never."
    )


class KeyOut(BaseModel):
    id: str
    name: str
    scopes: list[str]
    role: str | None = Field(description="The role of just these scopes.")
    groups: list[str]
    collections: list[str]
    created: int
    expires: int | None
    revoked: int | None
    state: Literal["valid", "expired", "revoked"]
    own: bool = Field(description="The key of who asks.")


class NewKeyOut(KeyOut):
    key: str = Field(description="Shown this once.")


class KeysOut(BaseModel):
    keys: list[KeyOut]
    roles: dict[str, list[str]] = Field(description="Scopes of each role.")
    limits: dict[str, int] = Field(description="Of the settings, for all keys.")
    open: bool = Field(description="Nobody needs a key yet; the first one changes that.")
    next: NextCursor


class SiteIn(StrictModel):
    name: ShortName
    origins: Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=50)] = Field(
        description="Where its pages come from, as in `https://shop.example`."
    )
    collections: Annotated[list[Collection], Field(min_length=1, max_length=100)]
    daily_answers: Annotated[int, Field(ge=0, le=10_000_000)] | None = Field(
        default=None, description="Answers by a language model a day; null: as the settings say."
    )
    days: Annotated[int, Field(ge=1, le=3_650)] | None = None


class SiteOut(BaseModel):
    id: str
    name: str
    key: str = Field(description="No secret: it stands in the website's pages.")
    origins: list[str]
    collections: list[str]
    daily_answers: int | None
    created: int
    expires: int | None
    revoked: int | None
    state: Literal["valid", "expired", "revoked"]


class SitesOut(BaseModel):
    sites: list[SiteOut]
    next: NextCursor


class SettingOut(BaseModel):
    name: str
    value: Any
    origin: str = Field(description="default, a file, a variable or a flag.")
    advanced: bool


class SettingsOut(BaseModel):
    home: str
    settings: list[SettingOut]


class FindingOut(BaseModel):
    what: str
    state: Literal["ok", "note", "bad"]
    observed: str
    remedy: str


class HealthOut(BaseModel):
    version: str
    now: float
    started: float
    readiness: schemas.ReadyOut
    metrics: dict[str, float] = Field(description="Sums of the families of `/metrics`.")
    findings: list[FindingOut] | None = Field(description="With `check`: as `ragdesk doctor`.")
