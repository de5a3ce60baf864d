"""The route by which a page of a website makes its visitor known to this desk."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import Forbidden
from ragdesk.support.sign_in.identity import Identity
from ragdesk.web.auth import require_identity
from ragdesk.web.request_body import StrictRoute
from ragdesk.web.server_state import server_state

router = APIRouter(route_class=StrictRoute, tags=["sign-in"])


class VisitorOut(BaseModel):
    visitor: str
    secret: str = Field(description="Sent as X-Visitor with every request; not shown again.")


@router.post("/v1/visitors", status_code=201, response_model=VisitorOut)
async def create_visitor(
    request: Request, identity: Annotated[Identity, Depends(require_identity)]
) -> Response:
    """Make a visitor of a website known: their secret opens their own conversations alone."""
    if identity.site is None:
        raise Forbidden("Visitors are made with a publishable key: Authorization: Bearer rdp_…")
    visitors = server_state(request).gate.identities.visitors
    visitor, secret = await run_in_thread(visitors.create, identity.site.id)
    return JSONResponse({"visitor": visitor.id, "secret": secret}, 201)
