"""Routes of the figures of a desk: questions, outcomes, resolution, intents, surges."""

import time
from collections import Counter
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.assemble import OpenCollection
from ragdesk.support.access import Principal, authorize
from ragdesk.support.conversations.retention import DAY_SECONDS
from ragdesk.support.insight.insight_report import build_insight_report
from ragdesk.support.insight.insight_turns import read_insight_turns
from ragdesk.support.learning.gap_questions import collect_gap_questions
from ragdesk.web import schemas
from ragdesk.web.auth import require_scope
from ragdesk.web.document_access import is_visible
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
    turns = read_insight_turns(database, since, [opened.collection])
    report = build_insight_report(turns, since, now)
    is_administrator = "admin" in who.scopes and not who.collections
    surges = state.surges.list_surges() if is_administrator else []
    return {
        "collection": opened.collection,
        "days_counted": days,
        **asdict(report),
        "deflection": report.deflection,
        "documents": _count_failing_documents(state, opened, who, since),
        "surges": [asdict(surge) for surge in surges],
    }


def _count_failing_documents(
    state: ServerState, opened: OpenCollection, who: Principal, since: int
) -> list[dict[str, Any]]:
    """Count the documents behind what went wrong, of those that the asker may see."""
    conversations = state.conversations
    questions = collect_gap_questions(
        conversations.database, conversations.cipher, since, [opened.collection]
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
