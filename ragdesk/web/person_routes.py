"""Routes of a person's data: all that is kept of one, exported or erased, for administrators."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.support.access import Principal, authorize_desk
from ragdesk.support.learning.learning_data import remove_orphan_cases
from ragdesk.support.personal_data import erase_person, export_person
from ragdesk.web.answer_caching import forget_answers
from ragdesk.web.audit_routes import audit_request
from ragdesk.web.auth import require_scope
from ragdesk.web.request_body import StrictRoute
from ragdesk.web.server_state import server_state

router = APIRouter(route_class=StrictRoute, tags=["persons"])
DataOfficer = Annotated[Principal, Depends(require_scope("admin"))]


class PersonDataOut(BaseModel, extra="allow"):
    """All that is kept of a person, a list a kind; backups and logs are not looked into."""

    person: str
    exported: int
    conversations: list[dict[str, Any]]
    feedback: list[dict[str, Any]]


class PersonErasedOut(BaseModel):
    person: str
    erased: dict[str, int] = Field(description="Rows deleted or made nameless, by kind.")


@router.get("/v1/persons/{person}/data", response_model=PersonDataOut)
async def show_person_data(person: str, request: Request, who: DataOfficer) -> Response:
    """Export all that is kept of a person, in whichever collection: not for limited keys."""
    authorize_desk(who)
    state = server_state(request)
    await state.recorder.settle_person(person)
    cipher = state.conversations.cipher
    exported = await run_in_thread(export_person, state.database, cipher, person)
    await audit_request(request, who, "person.export", person)
    return JSONResponse(exported)


@router.delete("/v1/persons/{person}/data", response_model=PersonErasedOut)
async def erase_person_data(person: str, request: Request, who: DataOfficer) -> Response:
    """Delete all that is kept of a person. Backups that were made before still hold it.

    Cases of approved entries that rest on their words go too: a 409 where a job holds them; ask
    again then.
    """
    authorize_desk(who)
    state = server_state(request)
    await state.recorder.settle_person(person)
    erased = await run_in_thread(erase_person, state.database, person)
    forget_answers(state, person)
    await audit_request(request, who, "person.erase", person)
    folders = [state.workspace.collection_folder(c) for c in state.open_collections.list_names()]
    erased["cases"] = await asyncio.to_thread(remove_orphan_cases, state.database, folders)
    return JSONResponse({"person": person, "erased": erased})
