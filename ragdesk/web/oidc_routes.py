"""Routes of signing in at an OpenID Connect provider, and of what ways in there are."""

import logging
from typing import Any, Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import NotFound, ProviderUnavailable, SignInFailed
from ragdesk.support.access import STAFF_PREFIX
from ragdesk.support.sign_in.account_store import Account
from ragdesk.support.sign_in.audit_log import record_audit
from ragdesk.support.sign_in.identity import IdentityStore
from ragdesk.web.credentials import read_cookie
from ragdesk.web.problem_responses import name_problems
from ragdesk.web.proxies import outer_path
from ragdesk.web.request_body import StrictRoute
from ragdesk.web.server_state import ServerState, server_state
from ragdesk.web.session_routes import is_secure, set_session_cookie

router = APIRouter(route_class=StrictRoute, tags=["sign-in"])
log = logging.getLogger("ragdesk.web")
SIGN_IN_COOKIE: Final = "rd_sign_in"
SIGN_IN_PATH: Final = "/v1/oidc"
SIGN_IN_SECONDS: Final = 600
StaffPage = Literal["chat", "inbox", "admin"]
PAGE_PATHS: Final[dict[str, str]] = {"chat": "/", "inbox": "/inbox", "admin": "/admin"}
SEE_OTHER: Final = 303
TO_BROWSER: Final[dict[str, Any]] = {
    "status_code": SEE_OTHER,
    "response_class": RedirectResponse,
    "responses": {
        SEE_OTHER: {
            "description": "Where the browser goes next.",
            "headers": {"Location": {"required": True, "schema": {"type": "string"}}},
        },
        **name_problems(401, 404, 502),
    },
}


class WaysInOut(BaseModel):
    """How one comes in here."""

    open: bool = Field(description="Whether the local user needs nothing.")
    oidc: str | None = Field(description="Where to sign in at the provider; null without one.")


@router.get("/v1/sign-in", response_model=WaysInOut)
async def ways_in(request: Request) -> Response:
    """Say how one signs in here: with a key always, and at a provider where one is set."""
    state = server_state(request)
    address = outer_path(request, f"{SIGN_IN_PATH}/start") if state.oidc.is_set else None
    fields = WaysInOut(open=state.gate.is_open, oidc=address)
    return JSONResponse(fields.model_dump())


@router.get("/v1/oidc/start", **TO_BROWSER)
async def start(request: Request, page: StaffPage = "chat") -> Response:
    """Send the browser to the provider, to sign in there. page: where it comes back to."""
    state = _require_provider(request)
    address, browser = await run_in_thread(state.oidc.begin)
    response = RedirectResponse(address, SEE_OTHER)
    response.set_cookie(
        SIGN_IN_COOKIE,
        f"{page}.{browser}",
        max_age=SIGN_IN_SECONDS,
        path=outer_path(request, SIGN_IN_PATH),
        secure=is_secure(request),
        httponly=True,
        samesite="lax",  # the provider sends the browser back, from its site
    )
    return response


@router.get("/v1/oidc/callback", **TO_BROWSER)
async def callback(request: Request) -> Response:
    """Open a session for whom the provider sent back. 403 for somebody in no group of ours."""
    state = _require_provider(request)
    page, _, browser = (read_cookie(request.headers, SIGN_IN_COOKIE) or "").partition(".")
    try:
        account = await run_in_thread(state.oidc.finish, dict(request.query_params), browser)
    except (SignInFailed, ProviderUnavailable) as error:
        reason = error.reason if isinstance(error, SignInFailed) else "provider"
        cause = type(error.__cause__).__name__
        fields = {"reason": reason, "cause": cause, "repeats": ("sign-in", reason)}
        log.warning("a sign-in failed", extra=fields)
        raise
    address = getattr(request.state, "address", None)
    cookie = await run_in_thread(_open_session, state.gate.identities, account, address)
    response = RedirectResponse(outer_path(request, PAGE_PATHS.get(page, "/")), SEE_OTHER)
    response.delete_cookie(SIGN_IN_COOKIE, path=outer_path(request, SIGN_IN_PATH))
    set_session_cookie(response, request, cookie)
    return response


def _open_session(identities: IdentityStore, account: Account, address: str | None) -> str:
    """Open a session of an account, and note that they signed in; gives the cookie's value."""
    cookie, _ = identities.sessions.create(account=account.id)
    name = f"{STAFF_PREFIX}{account.id}"
    record_audit(identities.keys.database, name, "session.create", "oidc", address=address)
    return cookie


def _require_provider(request: Request) -> ServerState:
    state = server_state(request)
    if not state.oidc.is_set:
        raise NotFound("No sign-in provider is set. Its operator names one: sign_in.oidc_issuer")
    return state
