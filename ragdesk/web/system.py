"""Routes of the server itself: the page, health, readiness and metrics."""

import asyncio
from collections import Counter
from importlib.resources import files
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from ragdesk.errors import NotFound
from ragdesk.support.access import Principal
from ragdesk.web.gate import may
from ragdesk.web.state import of

router = APIRouter(tags=["server"])
Admin = Annotated[Principal, Depends(may("admin"))]
TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
PAGE = {
    file.name: (file.read_bytes(), TYPES[file.name.rpartition(".")[2]])
    for file in files("ragdesk.web").joinpath("page").iterdir()
    if file.name.rpartition(".")[2] in TYPES
}


def _page(name: str) -> Response:
    if name not in PAGE:
        raise NotFound("No such page.")
    body, media_type = PAGE[name]
    return Response(body, media_type=media_type, headers={"Cache-Control": "no-cache"})


@router.get("/", include_in_schema=False)
async def index() -> Response:
    """Give the chat page."""
    return _page("index.html")


@router.get("/page/{name}", include_in_schema=False)
async def page(name: str) -> Response:
    """Give a part of the chat page."""
    return _page(name)


@router.get("/healthz")
async def healthz() -> Response:
    """Say that the process answers."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """Say whether questions can be asked: 503 while starting, stopping, or with a closed index.

    behind: collections whose newest generation cannot be served; an older one answers. restricted:
    those of them that answer administrators alone. The names and reasons are in the log.
    """
    state = of(request)
    served = state.live.status()
    ready = state.ready and "closed" not in served.values()
    states = Counter(served.values())
    behind = {"behind": states["behind"] + states["restricted"], "restricted": states["restricted"]}
    body = {"ready": ready, "collections": len(served), **behind}
    return JSONResponse(body, 200 if ready else 503)


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request, _who: Admin) -> Response:
    """Give the server's numbers in the text format of Prometheus."""
    text = await asyncio.to_thread(of(request).metrics.text)
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")
