"""Routes of publishable keys: those that websites show in their pages, so that visitors may ask."""

import json
import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import Forbidden, Invalid, NotFound
from ragdesk.support.access import Principal
from ragdesk.support.sign_in.publishable_keys import PublishableKey, PublishableKeyStore
from ragdesk.web import admin_schemas, cursors
from ragdesk.web.audit_routes import audit_request, audit_with_deed
from ragdesk.web.auth import require_scope
from ragdesk.web.idempotency import IDEMPOTENT
from ragdesk.web.request_body import StrictRoute
from ragdesk.web.server_state import ServerState, server_state

router = APIRouter(route_class=StrictRoute, tags=["keys"])
SiteKeeper = Annotated[Principal, Depends(require_scope("admin"))]


def _open_sites(state: ServerState) -> PublishableKeyStore:
    return PublishableKeyStore(state.gate.identities.keys)


@router.get("/v1/sites", response_model=admin_schemas.SitesOut)
async def list_sites(
    request: Request,
    who: SiteKeeper,
    cursor: Annotated[str | None, Query(max_length=4_000)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """List the publishable keys, newest first, with their tokens: these are no secrets."""
    state = server_state(request)
    keys = await run_in_thread(_open_sites(state).list_keys)
    own = [key for key in reversed(keys) if _may_keep(key, who)]
    page, following = cursors.cut_page(
        own, cursor, limit, scope=f"sites\0{who.name}", secret=state.secret
    )
    return JSONResponse({"sites": [_describe_site(key) for key in page], "next": following})


def _may_keep(key: PublishableKey, who: Principal) -> bool:
    return not who.collections or key.collections <= who.collections


def _describe_site(key: PublishableKey) -> dict[str, Any]:
    state = "valid" if key.is_valid(time.time()) else "revoked" if key.revoked else "expired"
    return {
        "id": key.id,
        "name": key.name,
        "key": key.token,
        "origins": sorted(key.origins),
        "collections": sorted(key.collections),
        "daily_answers": key.daily_answers,
        "created": key.created,
        "expires": key.expires,
        "revoked": key.revoked,
        "state": state,
    }


@router.post(
    "/v1/sites", status_code=201, response_model=admin_schemas.SiteOut, dependencies=IDEMPOTENT
)
async def make_site(ask: admin_schemas.SiteIn, request: Request, who: SiteKeeper) -> Response:
    """Make a publishable key for the pages of a website; an open desk has no other key yet."""
    state = server_state(request)
    if who.collections and not who.collections.issuperset(ask.collections):
        raise Forbidden("This key makes keys for its own collections alone.")
    if state.gate.is_open:
        raise Invalid("Make a key of an administrator first: any key closes the open desk.")

    def create() -> PublishableKey:
        return _open_sites(state).create(
            ask.name,
            origins=ask.origins,
            collections=ask.collections,
            daily_answers=ask.daily_answers,
            days=ask.days,
        )

    async def build_response() -> Response:
        audit_with_deed(request, who, "key.create", "key")
        key = await run_in_thread(create)
        await audit_request(request, who, "key.create", key.id)
        return JSONResponse(_describe_site(key), 201)

    async def show_again(former: bytes) -> Response:
        name = json.loads(former)["id"]
        keys = await run_in_thread(_open_sites(state).list_keys)
        site = next((key for key in keys if key.id == name), None)
        if site is None:
            raise NotFound("No such website.")
        return JSONResponse(_describe_site(site), 201)

    digest = ask.model_dump_json().encode()
    return await state.idempotency.get_or_make(
        request, who, digest, build_response, remake=show_again, deed="key"
    )


@router.delete("/v1/sites/{site}", response_model=admin_schemas.SiteOut)
async def revoke_site(site: str, request: Request, who: SiteKeeper) -> Response:
    """Revoke a publishable key for good: its website's visitors are let in no more."""
    sites = _open_sites(server_state(request))
    keys = await run_in_thread(sites.list_keys)
    if not any(key.id == site and _may_keep(key, who) for key in keys):
        raise NotFound("No such key.")
    revoked = await run_in_thread(sites.revoke, site)
    await audit_request(request, who, "key.revoke", site)
    return JSONResponse(_describe_site(revoked))
