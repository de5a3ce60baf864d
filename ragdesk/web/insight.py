"""Routes of the figures of a desk: questions, outcomes, resolution, intents, surges.

Who may not see every document gets the figures of what they may: a count of questions about a
hidden document tells that there is one, and how it fares.
"""

import json
import time
from collections import Counter
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.open_collection import OpenCollection
from ragdesk.support.access import Principal, authorize
from ragdesk.support.conversations.retention import DAY_SECONDS
from ragdesk.support.insight.insight_report import build_insight_report
from ragdesk.support.insight.insight_turns import IsCounted, read_insight_turns
from ragdesk.support.learning.gap_questions import MaySeeAnswer, collect_gap_questions
from ragdesk.web import schemas
from ragdesk.web.auth import require_scope
from ragdesk.web.document_access import is_visible
from ragdesk.web.learning_access import make_answer_filter
from ragdesk.web.leases import Leases
from ragdesk.web.request_body import StrictRoute
from ragdesk.web.server_state import ServerState, server_state

router = APIRouter(route_class=StrictRoute, tags=["insight"])
FigureReader = Annotated[Principal, Depends(require_scope("agent"))]
MOST_FAILING = 10


class IntentFiguresOut(BaseModel):
    intent: str
    questions: int
    answered: int


class DayFiguresOut(BaseModel):
    day: str = Field(description="UTC.")
    questions: int
    outcomes: dict[str, int]
    sentiments: dict[str, int]


class FailingDocumentOut(BaseModel):
    uri: str
    refused: int = Field(description="Questions for which it was tried in vain.")
    disliked: int = Field(description="Disliked answers that cite it.")


class SurgeOut(BaseModel):
    kind: str = Field(description="refusals or anger.")
    count: int
    questions: int
    usual: float = Field(description="The usual share, before it.")
    since: int


class InsightOut(BaseModel):
    """The figures of a period. Shares are left to the reader: every count stands here."""

    collection: str
    days_counted: int
    limited: bool = Field(
        description="Questions that were looked for in documents that this key may not see, or in "
        "a customer's own facts, are left out."
    )
    questions: int
    outcomes: dict[str, int]
    reasons: dict[str, int]
    languages: dict[str, int]
    conversations: int
    resolved: int = Field(description="Answered at last, not disliked, without a person.")
    durable: int = Field(description="Resolved, and not asked again within seven days.")
    pending: int = Field(description="Resolved, and younger than seven days.")
    handed_over: int
    out_of_scope: int = Field(description="Questions that none of the intents fits.")
    deflection: float | None = Field(description="Share of conversations without a person.")
    likes: int
    dislikes: int
    first_answer_p50: float | None = Field(description="Seconds.")
    first_answer_p95: float | None
    intents: list[IntentFiguresOut]
    days: list[DayFiguresOut]
    documents: list[FailingDocumentOut] = Field(description="Of those that this key may see.")
    surges: list[SurgeOut] = Field(description="Of the whole desk, for its administrators.")


@router.get("/v1/insight", response_model=InsightOut)
async def show_figures(
    request: Request,
    who: FigureReader,
    leases: Leases,
    collection: Annotated[str, Query(pattern=schemas.COLLECTION_PATTERN)] = "default",
    days: Annotated[int, Query(ge=1, le=366)] = 30,
) -> Response:
    """Give the figures of a collection: what was asked, answered, resolved, and how it went."""
    state = server_state(request)
    authorize(who, "agent", collection)
    opened = await leases.lease_collection(collection)
    return JSONResponse(await run_in_thread(_count_figures, state, opened, who, days))


def _count_figures(
    state: ServerState, opened: OpenCollection, who: Principal, days: int
) -> dict[str, Any]:
    now = int(time.time())
    since = now - days * DAY_SECONDS
    database = state.conversations.database
    may_see = make_answer_filter(who, opened.index)
    is_counted = None if may_see is None else _make_counted(state, may_see)
    turns = read_insight_turns(database, since, [opened.collection], is_counted)
    report = build_insight_report(turns, since, now)
    is_administrator = "admin" in who.scopes and not who.collections
    surges = state.surges.list_surges() if is_administrator else []
    return {
        "collection": opened.collection,
        "days_counted": days,
        "limited": may_see is not None,
        **asdict(report),
        "deflection": report.deflection,
        "documents": _count_failing_documents(state, opened, who, since, may_see),
        "surges": [asdict(surge) for surge in surges],
    }


def _make_counted(state: ServerState, may_see: MaySeeAnswer) -> IsCounted:
    """Make what tells of a kept answer, as it is stored, whether its question is counted."""
    cipher = state.conversations.cipher

    def is_counted(sealed: str | None) -> bool:
        return may_see(json.loads(cipher.open(sealed)) if sealed is not None else {})

    return is_counted


def _count_failing_documents(
    state: ServerState,
    opened: OpenCollection,
    who: Principal,
    since: int,
    may_see: MaySeeAnswer | None,
) -> list[dict[str, Any]]:
    """Count the documents behind what went wrong, of those that the asker may see."""
    conversations = state.conversations
    questions = collect_gap_questions(
        conversations.database, conversations.cipher, since, [opened.collection], may_see
    )
    refused = Counter(uri for q in questions if not q.dislikes for uri in q.documents[:1])
    disliked = Counter(uri for q in questions if q.dislikes for uri in q.cited)
    listed = []
    for uri, _ in (refused + disliked).most_common():
        if any(is_visible(d, who) for d in opened.index.documents.list_by_uri(uri)):
            listed.append({"uri": uri, "refused": refused[uri], "disliked": disliked[uri]})
        if len(listed) == MOST_FAILING:
            break
    return listed
