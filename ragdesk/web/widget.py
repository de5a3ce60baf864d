"""The widget on other people's websites: its script, and the document of the frame that it opens.

The document may be framed by the pages of one publishable key alone. Everything else that this
server gives is framed by nobody.
"""

import html
import json
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.support.sign_in.identity import LONGEST_TOKEN
from ragdesk.support.sign_in.publishable_keys import is_origin
from ragdesk.web.health_routes import PAGE_FILES
from ragdesk.web.page_options import PageOptions
from ragdesk.web.request_middleware import CONTENT_POLICY
from ragdesk.web.server_state import server_state

router = APIRouter(tags=["page"])
WIDGET_PATH: Final = "/widget"
LOADER_SECONDS: Final = 600  # for which a browser keeps the script of the website's pages
_LOOK_PLACE: Final = b'"%LOOK%"'  # in the script
_ORIGINS_PLACE: Final = b'data-origins=""'  # in the document
_SHARED_HEADERS: Final = {
    # Pages that are isolated (Cross-Origin-Embedder-Policy) load nothing without these two.
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}
_MISSING_PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>No such chat</title>
<p>This chat is not here: its key is unknown, or it was revoked.</p>
<p lang="zh-CN">此客服窗口不存在：密钥无效或已撤销。</p></html>
"""


@router.get("/widget.js", include_in_schema=False)
async def widget_script(request: Request) -> Response:
    """Give the script that a website loads: it draws the button, and opens the frame."""
    body = make_loader(server_state(request).page_look.options)
    headers = {**_SHARED_HEADERS, "Cache-Control": f"public, max-age={LOADER_SECONDS}"}
    return Response(body, media_type=PAGE_FILES["widget.js"][1], headers=headers)


@router.get(WIDGET_PATH, include_in_schema=False)
async def widget_document(request: Request) -> Response:
    """Give the document of the frame, to the pages of the origins that its key names."""
    token = request.query_params.get("key", "")
    sites = server_state(request).gate.identities.sites
    site = await run_in_thread(sites.find_by_token, token) if len(token) <= LONGEST_TOKEN else None
    origins = sorted(filter(is_origin, site.origins)) if site else []
    if not origins:
        return HTMLResponse(_MISSING_PAGE, 404)
    body, media_type = PAGE_FILES["widget.html"]
    named = f'data-origins="{html.escape(" ".join(origins))}"'
    return Response(
        body.replace(_ORIGINS_PLACE, named.encode()),
        media_type=media_type,
        headers={**_SHARED_HEADERS, "Content-Security-Policy": make_frame_policy(origins)},
    )


def make_frame_policy(origins: list[str]) -> str:
    """Write the content policy of a document that the pages of some origins may frame."""
    ancestors = f"frame-ancestors {' '.join(origins)};"
    return CONTENT_POLICY.replace("frame-ancestors 'none';", ancestors)


def make_loader(options: PageOptions) -> bytes:
    """Return the script with the name and colours that the operator chose."""
    look = {"name": options.name, "accent": options.accent, "accentDark": options.accent_dark}
    return PAGE_FILES["widget.js"][0].replace(_LOOK_PLACE, json.dumps(look).encode())
