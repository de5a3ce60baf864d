"""Routes of a staff session: sign in with a key, see who one is, sign out."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field, StringConstraints
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import Forbidden, Unauthenticated
from ragdesk.support.access import find_role
from ragdesk.support.sign_in.identity import Identity, IdentityStore
from ragdesk.support.sign_in.session_store import LONGEST_SECONDS
from ragdesk.web.audit_routes import audit_request
from ragdesk.web.auth import is_loopback, require_identity
from ragdesk.web.credentials import read_cookie, read_credentials, session_cookie
from ragdesk.web.problem_responses import name_problems
from ragdesk.web.proxies import outer_path
from ragdesk.web.request_body import StrictRoute
from ragdesk.web.schemas import StrictModel
from ragdesk.web.server_state import server_state

router = APIRouter(route_class=StrictRoute, tags=["sign-in"])
Anybody = Annotated[Identity, Depends(require_identity)]


class SignIn(StrictModel):
    key: Annotated[str, StringConstraints(min_length=1, max_length=200)] = Field(
        description="A key: rd_…"
    )


class SessionOut(BaseModel):
    """Who asks, and what they may do."""

    kind: str = Field(description="local, key, staff or visitor.")
    name: str = Field(description="Of the key or the account, for people.")
    role: str | None = Field(description="asker, agent, editor or admin; null for other scopes.")
    scopes: list[str]
    groups: list[str] | None = Field(description="Document groups; null sees every document.")
    collections: list[str] = Field(description="None means all of them.")
    csrf_token: str | None = Field(
        description="Sent as X-CSRF-Token with every change; of a session."
    )
    expires: int | None = Field(description="When the session ends in any case, in Unix time.")


@router.post(
    "/v1/session", status_code=201, response_model=SessionOut, responses=name_problems(401)
)
async def sign_in(body: SignIn, request: Request) -> Response:
    """Sign in with a key: a cookie takes its place, which no script can read."""
    gate = server_state(request).gate
    if read_credentials(request.headers, request.method).is_ours is False:
        raise Forbidden("Sign in on a page of this server.")
    former = read_cookie(request.headers, _cookie_name(request))
    opened = await run_in_thread(_open_session, gate.identities, body.key, former)
    if opened is None:
        await gate.refuse_slowly(request.scope.get("state", {}).get("connection"))
        raise Unauthenticated
    identity, cookie = opened
    await audit_request(request, identity.who, "session.create", "key")
    response = await run_in_thread(_describe_identity, identity, gate.identities, 201)
    set_session_cookie(response, request, cookie)
    return response


def _open_session(
    identities: IdentityStore, key: str, former: str | None
) -> tuple[Identity, str] | None:
    """Open a session of a valid key, in place of the one that the browser has; gives its cookie."""
    by_key = identities.find_by_key(key)
    if by_key is None:
        return None
    if former is not None:
        identities.sessions.end(former)
    cookie, _ = identities.sessions.create(key=by_key.who.name)
    identity = identities.find_by_session(cookie)
    return None if identity is None else (identity, cookie)  # None: revoked meanwhile


@router.get("/v1/session", response_model=SessionOut)
async def session(request: Request, identity: Anybody) -> Response:
    """Say who asks, and what they may do; with a session also the token that its changes bring."""
    identities = server_state(request).gate.identities
    return await run_in_thread(_describe_identity, identity, identities)


@router.delete("/v1/session", status_code=204)
async def sign_out(request: Request, identity: Anybody) -> Response:
    """Sign out: the cookie opens nothing from now on. Keys stay as they are."""
    cookie = read_cookie(request.headers, _cookie_name(request))
    if identity.session is not None and cookie is not None:
        await run_in_thread(server_state(request).gate.identities.sessions.end, cookie)
        await audit_request(request, identity.who, "session.end", "")
    response = Response(status_code=204)
    response.delete_cookie(
        _cookie_name(request),
        path=outer_path(request, "") or "/",
        secure=is_secure(request),
        httponly=True,
        samesite="strict",
    )
    return response


def _cookie_name(request: Request) -> str:
    return session_cookie(outer_path(request, ""))


def set_session_cookie(response: Response, request: Request, cookie: str) -> None:
    """Give a browser its session: for this server alone, and read by no script."""
    response.set_cookie(
        _cookie_name(request),
        cookie,
        max_age=LONGEST_SECONDS,
        path=outer_path(request, "") or "/",
        secure=is_secure(request),
        httponly=True,
        samesite="strict",
    )


def is_secure(request: Request) -> bool:
    """Tell whether cookies are for encrypted connections alone: all but those to this machine."""
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    return request.url.scheme == "https" or not is_loopback(host)


def _describe_identity(
    identity: Identity, identities: IdentityStore, status: int = 200
) -> JSONResponse:
    who, current = identity.who, identity.session
    fields = SessionOut(
        kind=who.kind,
        name=identity.label,
        role=find_role(who.scopes),
        scopes=sorted(who.scopes),
        groups=None if who.groups is None else sorted(who.groups),
        collections=sorted(who.collections),
        csrf_token=None if current is None else identities.sessions.csrf_token(current),
        expires=None if current is None else current.expires,
    )
    return JSONResponse(fields.model_dump(), status)
