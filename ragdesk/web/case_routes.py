"""Routes of the cases that administrators keep of a collection, for ``ragdesk eval``."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from eval.case import Case, Evidence
from indexes.chunk import Chunk
from indexes.index import Index
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import Invalid, NotFound
from ragdesk.kept_cases import format_case_lines, keep_case, read_kept_cases, remove_kept_case
from ragdesk.support.access import Principal
from ragdesk.support.replicas.done_requests import note_file_deed, plan_deed
from ragdesk.web import admin_schemas, cursors
from ragdesk.web.audit_routes import audit_request, audit_with_deed
from ragdesk.web.auth import require_scope
from ragdesk.web.idempotency import IDEMPOTENT
from ragdesk.web.leases import Leases
from ragdesk.web.problem_responses import name_problems
from ragdesk.web.request_body import StrictRoute
from ragdesk.web.server_state import server_state

router = APIRouter(route_class=StrictRoute, tags=["cases"])
CaseKeeper = Annotated[Principal, Depends(require_scope("admin"))]
CASES_PATH = "/v1/collections/{collection}/cases"
CASE_TAG = "retrieval-test"  # of every case that was kept in the browser


@router.get(CASES_PATH, response_model=admin_schemas.CasesOut)
async def list_cases(  # noqa: PLR0913, one parameter a part of the request
    collection: str,
    request: Request,
    *,
    who: CaseKeeper,
    leases: Leases,
    cursor: Annotated[str | None, Query(max_length=4_000)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """List the cases that were kept, newest first."""
    state = server_state(request)
    opened = await leases.lease_collection(collection)
    cases = await run_in_thread(read_kept_cases, opened.folder)
    scope = f"cases\0{collection}\0{who.name}"
    page, following = cursors.cut_page(cases[::-1], cursor, limit, scope=scope, secret=state.secret)
    listed = [_case_json(case) for case in page]
    return JSONResponse({"total": len(cases), "cases": listed, "next": following})


def _case_json(case: Case) -> dict[str, Any]:
    values = asdict(case)
    return {name: values[name] for name in admin_schemas.CaseOut.model_fields}


@router.post(
    CASES_PATH,
    status_code=201,
    response_model=admin_schemas.CaseOut,
    responses=name_problems(409),
    dependencies=IDEMPOTENT,
)
async def keep(
    collection: str,
    ask: admin_schemas.CaseIn,
    request: Request,
    who: CaseKeeper,
    leases: Leases,
) -> Response:
    """Keep a question as a case: its evidence is the text of the passages that were named."""
    state = server_state(request)
    opened = await leases.lease_collection(collection)

    def make_plan() -> Mapping[str, str]:
        name = f"kept-{secrets.token_hex(4)}"
        _make_case(opened.index, ask, name)  # what is refused is not planned: its key stays free
        return {"case": name}

    def keep_once() -> Case:
        plan = plan_deed(state.database, make_plan)
        case = _find_case(opened.folder, plan["case"])
        if case is None:
            case = _make_case(opened.index, ask, plan["case"])
            keep_case(opened.folder, case)
        note = {"id": f"{collection}/{case.id}", "case": case.id}
        note_file_deed(state.database, "case", note)
        return case

    async def build_response() -> Response:
        audit_with_deed(request, who, "case.create", "case")
        case = await run_in_thread(keep_once)
        await audit_request(request, who, "case.create", f"{collection}/{case.id}")
        return JSONResponse(_case_json(case), 201)

    async def show_again(former: bytes) -> Response:
        case = await run_in_thread(_find_case, opened.folder, json.loads(former)["case"])
        if case is None:
            raise NotFound("This case was kept, and removed since.")
        return JSONResponse(_case_json(case), 201)

    digest = ask.model_dump_json().encode()
    return await state.idempotency.get_or_make(
        request, who, digest, build_response, remake=show_again, deed="case"
    )


def _find_case(folder: Path, name: str) -> Case | None:
    return next((case for case in read_kept_cases(folder) if case.id == name), None)


def _make_case(index: Index, ask: admin_schemas.CaseIn, name: str) -> Case:
    answerable = ask.stratum in {"in_kb", "underspecified"}
    if answerable and not (ask.chunks or ask.reference or ask.must_include):
        raise Invalid("Tick the passages that hold the answer, or say what a right answer says.")
    if not answerable and (ask.chunks or ask.reference or ask.must_include):
        raise Invalid("A question that the documents do not answer has no evidence.")
    chunks = [_read_chunk(index, name) for name in dict.fromkeys(ask.chunks)]
    return Case(
        id=name,
        lang=ask.language,
        question=ask.question,
        answerable=answerable,
        stratum=ask.stratum,
        reference=(ask.reference.strip(),) if ask.reference.strip() else (),
        must_include=tuple((words,) for words in ask.must_include),
        evidence=tuple(Evidence(uri=chunk.uri, quote=chunk.text.strip()) for chunk in chunks),
        tags=tuple(dict.fromkeys([CASE_TAG, *ask.tags])),
        cluster=chunks[0].uri if chunks else "",
    )


def _read_chunk(index: Index, name: str) -> Chunk:
    row = index.find_row(name)
    if row is None:
        raise NotFound("One of these passages is no longer there: search again.")
    (chunk,) = index.read_chunks([row])
    return chunk


@router.get(f"{CASES_PATH}/file", response_class=Response)
async def download_cases(collection: str, who: CaseKeeper, leases: Leases) -> Response:
    """Give the cases as the file that ``ragdesk eval run`` and ``lint`` read."""
    del who
    opened = await leases.lease_collection(collection)
    cases = await run_in_thread(read_kept_cases, opened.folder)
    headers = {"Content-Disposition": f'attachment; filename="{collection}-cases.jsonl"'}
    return Response(format_case_lines(cases), media_type="application/jsonl", headers=headers)


@router.delete(f"{CASES_PATH}/{{case}}", status_code=204, responses=name_problems(409))
async def remove_case(
    collection: str, case: str, request: Request, who: CaseKeeper, leases: Leases
) -> Response:
    """Remove a case that was kept."""
    folder: Path = (await leases.lease_collection(collection)).folder
    await run_in_thread(remove_kept_case, folder, case)
    await audit_request(request, who, "case.remove", f"{collection}/{case}")
    return Response(status_code=204)
