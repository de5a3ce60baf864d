"""Drafts in replies: as JSON values; and made once an ``Idempotency-Key``.

A retry is shown the draft as it stands now, if who asks may still see it: of a draft that others
changed, or that quotes what is hidden by now, no words of before are kept.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ragdesk.answering.answer import JsonObject
from ragdesk.support.access import Principal
from ragdesk.support.learning.draft import Draft
from ragdesk.support.learning.entry_effect import EntryEffect
from ragdesk.web import learning_schemas
from ragdesk.web.learning_access import find_draft
from ragdesk.web.server_state import ServerState, server_state

ChangeDraft = Callable[[], Awaitable[tuple[Draft, str | None]]]
"""Makes or changes a draft; gives it, and the job that takes it in, where there is one."""
FinishDraft = Callable[[Draft], Awaitable[str | None]]
"""Has a draft taken in that is approved and not published; gives the job, where there is one."""


def describe_draft(
    state: ServerState, draft: Draft, effect: EntryEffect | None = None, job: str | None = None
) -> dict[str, Any]:
    """Write a draft as JSON values. job: that takes it in."""
    values = {
        name: getattr(draft, name)
        for name in learning_schemas.DraftOut.model_fields
        if hasattr(draft, name)
    }
    return {
        **values,
        "similar": list(draft.similar),
        "sources": [asdict(source) for source in draft.sources],
        "personal": list(draft.personal),
        "approvals": list(draft.approvals),
        "approvals_needed": state.learning.options.approvals,
        "groups": sorted(draft.groups),
        "effect": asdict(effect) if effect else None,
        "job": job,
    }


async def respond_with_draft(
    request: Request,
    who: Principal,
    change: ChangeDraft,
    status: int = 200,
    finish: FinishDraft | None = None,
) -> Response:
    """Make or change a draft once an ``Idempotency-Key``, and show it.

    finish: what was still to be done behind the change, where a retry finds no job of it. Raises
    NotFound for a retry whose draft is gone, or hidden from who asks.
    """
    state = server_state(request)

    async def build_response() -> Response:
        draft, job = await change()
        return JSONResponse(describe_draft(state, draft, job=job), status)

    async def show_again(note: bytes) -> Response:
        known = json.loads(note)
        draft = await find_draft(state, known["id"], who)
        job = known["job"]
        if job is None and finish is not None:
            job = await finish(draft)
        return JSONResponse(describe_draft(state, draft, job=job), status)

    digest = hashlib.sha256(await request.body()).digest()
    return await state.idempotency.get_or_show(
        request, who, digest, build_response, show_again, pick_note=_pick_note, deed="draft"
    )


def _pick_note(reply: JsonObject) -> JsonObject:
    return {"id": reply["id"], "job": reply["job"]}
