"""The audit log over HTTP: noting what was done, reading it, and letting go of what is old."""

import asyncio
import logging
from dataclasses import asdict
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import BadRequest, Forbidden, HomeUnusable
from ragdesk.support.access import Principal
from ragdesk.support.database import Database
from ragdesk.support.replicas.done_requests import DeedPart, current_deed
from ragdesk.support.sign_in.audit_log import (
    AuditAction,
    clear_audit,
    list_audit,
    make_entry_writer,
    record_audit,
)
from ragdesk.web import cursors
from ragdesk.web.auth import require_scope
from ragdesk.web.request_body import StrictRoute
from ragdesk.web.server_state import server_state

router = APIRouter(route_class=StrictRoute, tags=["audit"])
log = logging.getLogger("ragdesk.web")
CLEAR_SECONDS: Final = 6 * 3_600


class AuditEntryOut(BaseModel):
    id: int
    created: int = Field(description="Unix time.")
    who: str = Field(description="local, a key's id, staff:<account>, visitor:…, or command line.")
    action: str
    target: str = Field(description="Id, name or uri of what it was done to.")
    outcome: str
    address: str | None = Field(
        description="Where staff asked from, past trusted proxies; null of visitors."
    )


class AuditOut(BaseModel):
    entries: list[AuditEntryOut]
    next: str | None = Field(description="Cursor of what follows; null at the end.")


@router.get("/v1/audit", response_model=AuditOut)
async def audit(  # noqa: PLR0913, one parameter a part of the request
    request: Request,
    *,
    reader: Annotated[Principal, Depends(require_scope("admin"))],
    cursor: Annotated[str | None, Query(max_length=4_000)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    who: Annotated[str | None, Query(max_length=300)] = None,
    action: AuditAction | None = None,
) -> Response:
    """List who did what, newest first, a page at a time."""
    if reader.collections:
        raise Forbidden("The audit log is of all collections, and this key is limited to some.")
    state = server_state(request)
    scope = f"audit\0{reader.name}\0{who}\0{action}"
    before = _read_place(cursor, scope, state.secret) if cursor else None
    database = state.gate.identities.keys.database
    entries = await run_in_thread(
        lambda: list_audit(database, before=before, limit=limit + 1, who=who, action=action)
    )
    page = entries[:limit]
    more = len(entries) > limit
    following = (
        cursors.sign_cursor(str(page[-1].id), scope=scope, secret=state.secret) if more else None
    )
    return JSONResponse({"entries": [asdict(entry) for entry in page], "next": following})


def _read_place(cursor: str, scope: str, secret: bytes) -> int:
    try:
        return int(cursors.read_cursor(cursor, scope=scope, secret=secret))
    except ValueError as error:
        raise BadRequest("This cursor is not one of ours.") from error


async def audit_request(
    request: Request, who: Principal, action: AuditAction, target: str, outcome: str = "done"
) -> None:
    """Note who did what, on behalf of a request; of staff also where from.

    Where the deed's own transaction noted it (``audit_with_deed``), nothing is left to do.
    """
    if (deed := current_deed()) is not None and action in deed.audited:
        return
    database = server_state(request).gate.identities.keys.database
    address = _find_address(request, who)

    def write() -> None:
        record_audit(database, who, action, target, outcome, address=address)

    await run_in_thread(write)


def audit_with_deed(request: Request, who: Principal, action: AuditAction, part: DeedPart) -> None:
    """Have what a request is about to do noted in its own transaction: both come about or neither.

    Only of a request with an ``Idempotency-Key``; else ``audit_request`` notes it behind the deed.
    """
    deed = current_deed()
    if deed is not None:
        deed.audit[part] = action, make_entry_writer(who, action, _find_address(request, who))


def _find_address(request: Request, who: Principal) -> str | None:
    return None if who.kind == "visitor" else getattr(request.state, "address", None)


async def keep_audit(database: Database, days: int) -> None:
    """Let go of entries older than so many days, now and several times a day, until cancelled."""
    while True:
        try:
            await asyncio.to_thread(clear_audit, database, days)
        except HomeUnusable as error:  # it will be tried again; requests say so themselves
            log.warning("the audit log was not cleared", extra={"reason": str(error)})
        await asyncio.sleep(CLEAR_SECONDS)
