"""Routes of keys: list, make one (its token is shown this once), revoke.

An administrator whose key is limited to some collections makes and sees no key beyond them.
"""

import time
from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import Forbidden, Invalid, NotFound
from ragdesk.support.access import ROLE_SCOPES, Key, Principal, find_role
from ragdesk.web import admin_schemas, cursors
from ragdesk.web.audit_routes import audit_request, audit_with_deed
from ragdesk.web.auth import require_scope
from ragdesk.web.idempotency import IDEMPOTENT
from ragdesk.web.request_body import StrictRoute
from ragdesk.web.server_state import ServerState, server_state

router = APIRouter(route_class=StrictRoute, tags=["keys"])
KeyKeeper = Annotated[Principal, Depends(require_scope("admin"))]
SHOWN_LIMITS: Final = (
    "max_in_flight",
    "max_uploads",
    "max_upload_bytes",
    "max_question",
    "max_jobs",
    "max_collections",
)


@router.get("/v1/keys", response_model=admin_schemas.KeysOut)
async def list_keys(
    request: Request,
    who: KeyKeeper,
    cursor: Annotated[str | None, Query(max_length=4_000)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """List keys, newest first: never a token. With the roles, and the limits of them all."""
    state = server_state(request)
    keys = await run_in_thread(state.gate.identities.keys.list_keys)
    own = [key for key in reversed(keys) if _may_keep(key, who)]
    page, following = cursors.cut_page(
        own, cursor, limit, scope=f"keys\0{who.name}", secret=state.secret
    )
    roles = {role: sorted(scopes) for role, scopes in ROLE_SCOPES.items()}
    limits = {f"serve.{name}": getattr(state.options, name) for name in SHOWN_LIMITS}
    limits |= {f"limits.{n}": v for n, v in asdict(state.workspace.settings.limits).items()}
    listed = [describe_key(key, who) for key in page]
    reply = {"keys": listed, "roles": roles, "limits": limits, "open": state.gate.is_open}
    return JSONResponse({**reply, "next": following})


def _may_keep(key: Key, who: Principal) -> bool:
    """Tell whether a key lies within the collections of an administrator."""
    return not who.collections or bool(key.collections and key.collections <= who.collections)


def describe_key(key: Key, who: Principal) -> dict[str, Any]:
    """Write a key as JSON values, without its token, which nobody knows."""
    state = "valid" if key.is_valid(time.time()) else "revoked" if key.revoked else "expired"
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "role": find_role(key.scopes),
        "groups": sorted(key.groups),
        "collections": sorted(key.collections),
        "created": key.created,
        "expires": key.expires,
        "revoked": key.revoked,
        "state": state,
        "own": key.id == who.name,
    }


@router.post(
    "/v1/keys",
    status_code=201,
    response_model=admin_schemas.NewKeyOut,
    dependencies=IDEMPOTENT,
)
async def make_key(ask: admin_schemas.KeyIn, request: Request, who: KeyKeeper) -> Response:
    """Make a key. Its token is in this reply, and can never be shown again.

    The first key closes an open desk, so it has to be an administrator's.
    """
    state = server_state(request)
    scopes = frozenset(ask.scopes) | (ROLE_SCOPES[ask.role] if ask.role else frozenset())
    _check_key(ask, scopes, who, state)

    def create() -> dict[str, Any]:
        key, token = state.gate.identities.keys.create(
            ask.name,
            scopes=scopes,
            groups=ask.groups,
            collections=ask.collections,
            days=ask.days,
        )
        return {**describe_key(key, who), "key": token}

    async def build_response() -> Response:
        audit_with_deed(request, who, "key.create", "key")
        made = await run_in_thread(create)
        await audit_request(request, who, "key.create", made["id"])
        return JSONResponse(made, 201)

    digest = ask.model_dump_json().encode()
    return await state.idempotency.get_or_make(
        request, who, digest, build_response, is_secret=True, deed="key"
    )


def _check_key(
    ask: admin_schemas.KeyIn, scopes: frozenset[str], who: Principal, state: ServerState
) -> None:
    if not scopes:
        raise Invalid("Name a role, or the scopes of the key.")
    if who.collections and not (ask.collections and who.collections.issuperset(ask.collections)):
        raise Forbidden("This key makes keys for its own collections alone: name some of them.")
    if "admin" in scopes and ask.groups:
        raise Invalid("A key of scope admin sees every document: leave its groups out.")
    closes = state.gate.is_open
    if closes and ("admin" not in scopes or ask.collections):
        raise Invalid(
            "The first key closes the open desk: make it one of an administrator, for all "
            "collections, or nobody could administrate it here."
        )


@router.delete("/v1/keys/{key}", response_model=admin_schemas.KeyOut)
async def revoke_key(
    key: str,
    request: Request,
    who: KeyKeeper,
    confirm: Annotated[
        str | None, Query(max_length=100, description="The id again, for one's own key.")
    ] = None,
) -> Response:
    """Revoke a key for good. One's own key has to be named twice."""
    state = server_state(request)
    keys = await run_in_thread(state.gate.identities.keys.list_keys)
    if not any(other.id == key and _may_keep(other, who) for other in keys):
        raise NotFound("No such key.")
    if key == who.name and confirm != key:
        raise Invalid("This is your own key. To revoke it all the same, send its id as confirm.")
    revoked = await run_in_thread(state.gate.identities.keys.revoke, key)
    await audit_request(request, who, "key.revoke", key)
    return JSONResponse(describe_key(revoked, who))
