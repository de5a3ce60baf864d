"""Routes of the desk as a whole: its settings, and its health, for administrators of all of it."""

import time
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import ragdesk
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.home_check import check_open_home
from ragdesk.settings import list_settings
from ragdesk.support.access import Principal, authorize_desk
from ragdesk.web import admin_schemas
from ragdesk.web.audit_routes import audit_request
from ragdesk.web.auth import require_scope
from ragdesk.web.health_routes import describe_readiness
from ragdesk.web.request_body import StrictRoute
from ragdesk.web.server_state import ServerState, server_state

router = APIRouter(route_class=StrictRoute, tags=["server"])
HOME_LABEL: Final = "HOME"
DeskKeeper = Annotated[Principal, Depends(require_scope("admin"))]


@router.get("/v1/settings", response_model=admin_schemas.SettingsOut)
async def settings(request: Request, who: DeskKeeper) -> Response:
    """List every setting as it holds, and where it came from. Secrets are masked."""
    authorize_desk(who)
    state = server_state(request)
    await audit_request(request, who, "settings.read", "")
    rows = list_settings(state.workspace.settings, request.app.state.origins)
    listed = [
        {
            "name": row.name,
            "value": row.value if _is_plain(row.value) else str(row.value),
            "origin": row.origin,
            "advanced": row.is_advanced,
        }
        for row in rows
    ]
    return JSONResponse({"home": state.workspace.home.absolute().name, "settings": listed})


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str | list | tuple)


def _check_home(state: ServerState) -> list[dict[str, str]]:
    return [
        {
            "what": finding.what,
            "state": finding.state,
            "observed": _hide_home(finding.found, state.workspace.home),
            "remedy": _hide_home(finding.remedy, state.workspace.home),
        }
        for finding in check_open_home(state.workspace)
    ]


def _hide_home(text: str, home: Path) -> str:
    """Return words of a check without the home's place on this machine."""
    return text.replace(str(home.absolute()), HOME_LABEL).replace(str(home), HOME_LABEL)


@router.get("/v1/health", response_model=admin_schemas.HealthOut)
async def health(
    request: Request,
    who: DeskKeeper,
    *,
    check: Annotated[
        bool, Query(description="Run the checks of `ragdesk doctor` too: they read all indexes.")
    ] = False,
) -> Response:
    """Say how the server is: what it serves, what it counted, and what its checks found."""
    authorize_desk(who)
    state = server_state(request)
    findings = None
    if check:
        findings = await run_in_thread(_check_home, state)
    return JSONResponse(
        {
            "version": ragdesk.__version__,
            "now": time.time(),
            "started": state.started,
            "readiness": await describe_readiness(request),
            "metrics": await run_in_thread(state.metrics.sum_families),
            "findings": findings,
        }
    )
