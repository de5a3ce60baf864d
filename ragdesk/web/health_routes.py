"""Routes of the server itself: the page, health, readiness and metrics."""

import asyncio
import hashlib
import re
from collections import Counter
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from ragdesk.errors import (
    WORDS_OUTDATED,
    HomeUnusable,
    NotFound,
    Refusal,
)
from ragdesk.support.access import Principal, authorize_desk
from ragdesk.web import schemas
from ragdesk.web.auth import identify_request, require_scope
from ragdesk.web.server_state import server_state

router = APIRouter(tags=["server"])
Admin = Annotated[Principal, Depends(require_scope("admin"))]
SERVED_STATES = ("ok", "behind", "restricted")
INDEX_NAME = "index.html"
PAGE_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
PART_PLACE = re.compile(rb"(?m)^ *<!-- part: (\w+) -->\n")  # in a page: what others say, too
PAGE_FOLDER = files("ragdesk.web").joinpath("page")


def _read_page_file(file: Traversable) -> bytes:
    """Read a file of the page, with the parts that several pages share in their places."""

    def read_part(place: re.Match[bytes]) -> bytes:
        return PAGE_FOLDER.joinpath("parts", f"{place[1].decode()}.html").read_bytes()

    return PART_PLACE.sub(read_part, file.read_bytes())


PAGE_FILES = {
    file.name: (_read_page_file(file), PAGE_TYPES[file.name.rpartition(".")[2]])
    for file in PAGE_FOLDER.iterdir()
    if file.name.rpartition(".")[2] in PAGE_TYPES
}


def _page_response(name: str) -> Response:
    if name not in PAGE_FILES:
        raise NotFound("No such page.")
    body, media_type = PAGE_FILES[name]
    tag = hashlib.sha256(body).hexdigest()[:16]
    headers = {"Cache-Control": "no-cache", "ETag": f'"{tag}"'}
    if name == INDEX_NAME:  # the page alone may listen, where somebody presses its button
        headers["Permissions-Policy"] = "camera=(), microphone=(self), geolocation=()"
    return Response(body, media_type=media_type, headers=headers)


@router.get("/", include_in_schema=False)
async def index() -> Response:
    """Give the chat page."""
    return _page_response(INDEX_NAME)


@router.get("/admin", include_in_schema=False)
async def admin() -> Response:
    """Give the administrator's page."""
    return _page_response("admin.html")


@router.get("/page/{name}", include_in_schema=False)
async def page(name: str) -> Response:
    """Give a part of the chat page."""
    return _page_response(name)


@router.get("/inbox", include_in_schema=False)
async def inbox() -> Response:
    """Give the page on which agents answer what was handed over."""
    return _page_response("inbox.html")


@router.get("/docs", include_in_schema=False)
async def docs() -> Response:
    """Give the page of ``/openapi.json``: every route, what it takes and what it answers."""
    return _page_response("docs.html")


def _find_files() -> dict[str, tuple[BaseRoute, list[tuple[bytes, bytes]], bytes]]:
    """List the page's files by their paths: route, headers and body of each answer."""
    routes = {getattr(route, "path", ""): route for route in router.routes}
    pages = {"/": INDEX_NAME, "/inbox": "inbox.html", "/admin": "admin.html"}
    pages["/docs"] = "docs.html"
    paths = {path: (routes[path], name) for path, name in pages.items()}
    paths |= {f"/page/{name}": (routes["/page/{name}"], name) for name in PAGE_FILES}
    return {
        path: (route, _page_response(name).raw_headers, PAGE_FILES[name][0])
        for path, (route, name) in paths.items()
    }


FILES = _find_files()


class PageFiles:
    """ASGI middleware: serves the page's files at once, without slots and routes.

    They are asked for without a key, and by those who come and go in numbers: that this costs
    little leaves more for the others.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        file = FILES.get(scope["path"]) if scope["type"] == "http" else None
        if file is None or scope["method"] != "GET":
            return await self.app(scope, receive, send)
        scope["route"], headers, body = file
        tags = [value for name, value in scope["headers"] if name == b"if-none-match"]
        if tags == [dict(headers)[b"etag"]]:  # the browser has it as it is
            cache_headers = [
                (name, value) for name, value in headers if not name.startswith(b"content-")
            ]
            await send({"type": "http.response.start", "status": 304, "headers": cache_headers})
            return await send({"type": "http.response.body", "body": b""})
        await send({"type": "http.response.start", "status": 200, "headers": [*headers]})
        return await send({"type": "http.response.body", "body": body})


@router.get("/healthz")
async def healthz() -> Response:
    """Say that the process answers."""
    return JSONResponse({"status": "ok"})


@router.get(
    "/readyz",
    response_model=schemas.ReadyOut,
    responses={503: {"model": schemas.ReadyOut, "description": "No question can be asked now."}},
)
async def readyz(request: Request) -> Response:
    """Say whether questions can be asked: 503 while starting, stopping, or when none can be.

    One collection that cannot be served does not take the others away; it is listed under
    ``not_served`` with its reason, and by its name for whoever may see all of them. behind:
    collections that an older generation answers. restricted: those of them that answer
    administrators alone, as nobody knows who may see them now. degraded: collections that answer
    by their vectors alone, as another version wrote their words, and what writes them anew.
    """
    body = await describe_readiness(request)
    return JSONResponse(body, 200 if body["ready"] else 503)


async def describe_readiness(request: Request) -> dict[str, Any]:
    """Write whether questions can be asked as JSON values, and what is not served."""
    state = server_state(request)
    status = state.open_collections.status()
    outages = state.open_collections.outages()
    states = Counter(status.values())
    served = sum(states[name] for name in SERVED_STATES)
    listing = state.open_collections.listing
    ends = getattr(request.app.state, "is_ending", False)
    ready = state.ready and not ends and (served > 0 or not (status or listing))
    try:
        sees_names = await _sees_all_collections(request)
    except HomeUnusable:  # nobody's key can be read, so nobody can ask
        sees_names = False
        ready = False
    not_served = [
        {"status": status.get(name, "closed"), **outage.json()}
        | ({"collection": name} if sees_names else {})
        | {"next_step": outage.words and outage.words.format_step(name if sees_names else "NAME")}
        for name, outage in outages.items()
    ]
    degraded = [
        {
            "reason": WORDS_OUTDATED,
            "next_step": remedy.format_step(name if sees_names else "NAME"),
        }
        | ({"collection": name} if sees_names else {})
        for name, remedy in state.open_collections.words_outdated().items()
    ]
    if listing and not not_served:  # they would say the same
        not_served.append({"status": "closed", **listing.json()})
    return {
        "ready": ready,
        "collections": len(status),
        "served": served,
        "behind": states["behind"] + states["restricted"],
        "restricted": states["restricted"],
        "not_served": not_served,
        "degraded": degraded,
    }


async def _sees_all_collections(request: Request) -> bool:
    """Tell whether the asker shows a key of an administrator, or is the local user."""
    try:
        who = (await identify_request(request)).who
    except Refusal:
        return False
    return "admin" in who.scopes and not who.collections


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request, who: Admin) -> Response:
    """Give the server's numbers in the text format of Prometheus."""
    authorize_desk(who)
    text = await asyncio.to_thread(server_state(request).metrics.format_metrics)
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")
