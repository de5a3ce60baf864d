"""Question, Answer and the events between them: each field of an answer is declared here, once.

The dataclasses that go out (RankedPassage to Answer, and the events) are at the same time the
JSON of every door, in the order of their fields, and the schemas of ``/openapi.json``: pydantic
reads their annotations. A field added to one of them is in all of these.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PlainSerializer, TypeAdapter

from indexes.chunk import Passage, SearchFilter
from ragdesk.answering.lookup_result import LookupResult

JsonObject = dict[str, Any]
RoundedScore = Annotated[float, PlainSerializer(lambda value: round(value, 4), return_type=float)]
RoundedSeconds = Annotated[float, PlainSerializer(lambda value: round(value, 6), return_type=float)]
DocumentVersion = Annotated[
    str | None, Field(description="Of the document, as its authors call it.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, of which documents, and by whom (``where.groups``).

    send: whether a model's words are held until they are checked; None asks the settings.
    lookups: what was looked up for the asker alone. An answer with any is of one person and one
    moment, and kept in no cache. session: names the conversation, where it is kept: it keeps to one
    of several model servers, and what is rewritten for it shares a cache there with nobody.
    """

    text: str
    history: tuple[Turn, ...] = ()
    where: SearchFilter = field(default_factory=SearchFilter)
    explain: bool = False
    send: Literal["hold", "show"] | None = None
    lookups: tuple[LookupResult, ...] = ()
    session: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedPassage:
    """A stretch of a document that was found for a question; the best has rank 1."""

    chunk: str
    uri: str
    title: str
    path: tuple[str, ...]
    page: int | None
    version: DocumentVersion
    start: int
    end: int
    text: str
    lead: str
    found_by: tuple[str, ...]
    rank: int
    score: RoundedScore


@dataclass(frozen=True, slots=True, kw_only=True)
class CitedLink:
    """A link in a quote: the span of its words in the stored text, and where they lead."""

    start: int
    end: int
    text: str
    href: Annotated[str, Field(description="An address: http, https, mailto or tel.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageBox:
    """A place on a page, 1-based, in points from the top left of the page as it is shown."""

    page: int
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A mark in the answer, and the exact characters it rests on."""

    number: int
    chunk: str
    uri: str
    title: str
    path: tuple[str, ...]
    page: int | None
    version: DocumentVersion
    start: Annotated[
        int, Field(description="Code points into the stored text; text[start:end] == quote.")
    ]
    end: int
    quote: str
    question: Annotated[
        str | None,
        Field(
            description="Of the FAQ entry that the quote is out of.",
            exclude_if=lambda value: value is None,
        ),
    ] = None
    columns: Annotated[
        tuple[str, ...] | None,
        Field(
            description="Of a table row or cell: the names of its columns.",
            exclude_if=lambda value: value is None,
        ),
    ] = None
    links: Annotated[
        tuple[CitedLink, ...],
        Field(description="Where words of the quote lead.", exclude_if=lambda value: not value),
    ] = ()
    address: Annotated[
        str | None,
        Field(
            description="Of a page of another system: where people open it (https or http).",
            exclude_if=lambda value: value is None,
        ),
    ] = None
    boxes: Annotated[
        tuple[PageBox, ...] | None,
        Field(
            description="Of a PDF: where the quote stands on its pages, a box a line.",
            exclude_if=lambda value: value is None,
        ),
    ] = None
    ocr: Annotated[
        bool | None,
        Field(
            description="OCR read this from a picture of the page, and may have misread it.",
            exclude_if=lambda value: value is None,
        ),
    ] = None


class Outcome(StrEnum):
    ANSWERED = "answered"
    NOT_FOUND = "not_found"
    UNSUPPORTED = "unsupported"
    CLARIFY = "clarify"
    HANDED_OVER = "handed_over"


class AnswerReason(StrEnum):
    """Why an answer is not a plain one. Clients tell them apart: none is renamed or dropped."""

    NO_PASSAGE = "no_passage"
    NEAR_MISS = "near_miss"
    OUT_OF_SCOPE = "out_of_scope"
    GREETING = "greeting"
    THANKS = "thanks"
    GOODBYE = "goodbye"
    WANTS_PERSON = "wants_person"
    COMPLAINT = "complaint"
    SAFETY = "safety"
    NEEDS_ACCOUNT = "needs_account"
    AMBIGUOUS = "ambiguous"
    UNSUPPORTED = "unsupported"


class ClaimVerdict(StrEnum):
    SUPPORTED = "supported"
    PARTIAL = "partial"
    UNSUPPORTED = "unsupported"
    NO_CLAIM = "no_claim"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One sentence of an answer, and how well its citations carry it (0..1)."""

    text: str
    citations: tuple[int, ...]
    support: RoundedScore
    verdict: ClaimVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One thing that a question may mean, and the documents it is answered from."""

    label: str
    question: Annotated[
        str, Field(description="What to ask for it; with `uris` as filter, it is sure.")
    ]
    uris: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLink:
    """A place to go on from: a document of the collection, or an address outside of it."""

    title: str
    uri: Annotated[str | None, Field(description="Of a document of the collection.")] = None
    href: Annotated[str | None, Field(description="An address: http, https, mailto or tel.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """What to do where an answer does not help, or does not suffice."""

    text: str
    links: tuple[StepLink, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer from the documents: its words, and everything that they rest on."""

    id: str
    question: str
    language: str
    outcome: Outcome
    text: str
    claims: tuple[Claim, ...]
    citations: tuple[Citation, ...]
    passages: tuple[RankedPassage, ...]
    choices: Annotated[
        tuple[Choice, ...], Field(description="What may be meant, if the outcome is clarify.")
    ]
    reason: Annotated[
        AnswerReason | None, Field(description="Why this is no plain answer; null where it is one.")
    ]
    next_step: Annotated[
        NextStep | None, Field(description="What to do then, in the question's language.")
    ]
    collection: str
    generation: int
    generator: str
    model: str
    degraded: bool
    degraded_reason: str | None
    withheld: Annotated[
        int, Field(description="Sentences left out because the documents do not bear them.")
    ]
    confidence: float | None
    seconds: Annotated[
        Mapping[str, RoundedSeconds], Field(description="What each step took, and `total`.")
    ]
    cached: Annotated[
        bool,
        Field(
            description="Given before to the same question, of the same documents; `seconds` are "
            "of this time. Absent where it is not so.",
            exclude_if=lambda value: not value,
        ),
    ] = False
    signals: Annotated[
        Mapping[str, float] | None,
        Field(description="Only with `explain`.", exclude_if=lambda value: value is None),
    ] = None
    signal_versions: Annotated[
        Mapping[str, Any] | None,
        Field(
            description="Only with `explain`: embedder and version that the signals are of. A "
            "calibration fitted on them holds for no other.",
            exclude_if=lambda value: value is None,
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """The passages nearest to a query, best first.

    degraded_reason: why better ones may be missing, code first; None where nothing is amiss.
    """

    query: str
    collection: str
    generation: int
    passages: tuple[RankedPassage, ...]
    degraded_reason: str | None


@dataclass(frozen=True, slots=True)
class PassagesReady:
    """The first event of an answer: what it will be written from."""

    event_name: ClassVar = "found"

    passages: tuple[RankedPassage, ...]


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next words of an answer; all of them joined are its text."""

    event_name: ClassVar = "delta"

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimChecked:
    """What the check of a sentence gave, with the citations that no earlier sentence had."""

    event_name: ClassVar = "verdict"

    claim: str
    verdict: ClaimVerdict
    support: RoundedScore
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """The last event: the whole answer, which is the event's data as it stands."""

    event_name: ClassVar = "done"

    answer: Answer


AnswerEvent = PassagesReady | TextDelta | ClaimChecked | Done


def rank_passages(passages: Iterable[Passage]) -> tuple[RankedPassage, ...]:
    """Return passages as an answer shows them, numbered in their order from 1."""
    return tuple(_rank_passage(passage, rank) for rank, passage in enumerate(passages, start=1))


def _rank_passage(passage: Passage, rank: int) -> RankedPassage:
    chunk = passage.chunk
    return RankedPassage(
        chunk=chunk.id,
        uri=chunk.uri,
        title=chunk.title,
        path=chunk.path,
        page=chunk.page,
        version=chunk.version or None,
        start=chunk.start,
        end=chunk.end,
        text=chunk.text,
        lead=chunk.lead,
        found_by=tuple(sorted(passage.found_by)),
        rank=rank,
        score=passage.score,
    )


def to_json_object(value: RankedPassage | SearchResult | Answer | AnswerEvent) -> JsonObject:
    """Return an answer, a part or an event of it as plain JSON values: one form for every door.

    >>> to_json_object(TextDelta("Hi"))
    {'text': 'Hi'}
    """
    data = value.answer if isinstance(value, Done) else value
    data_type: object = type(data)  # for mypy, which takes a class for unhashable
    # mypy checks the types; a warning of pydantic's would carry words of documents into the log
    fields: JsonObject = _find_adapter(data_type).dump_python(data, mode="json", warnings=False)
    return fields


@cache
def _find_adapter(data_type: Any) -> TypeAdapter[Any]:
    """Return the serializer of a dataclass. It is built at the first call, not at import."""
    return TypeAdapter(data_type)
