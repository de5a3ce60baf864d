"""Routes in OpenAI's shapes: chat completions, and the models that are collections."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from indexes.errors import IndexNotFound
from ragdesk.errors import ModelNotFound, NotFound
from ragdesk.open_collection import OpenCollection
from ragdesk.support.access import Principal, authorize
from ragdesk.web.answers import respond_to_ask
from ragdesk.web.askable_collections import iter_askable
from ragdesk.web.auth import require_scope
from ragdesk.web.event_schemas import CompletionChunkOut, describe_data_stream
from ragdesk.web.idempotency import IDEMPOTENT
from ragdesk.web.leases import Leases
from ragdesk.web.openai_api.chat_request import (
    MODEL_OWNER,
    ChatCompletionIn,
    find_model_collection,
    name_model,
)
from ragdesk.web.openai_api.chat_response import ChatCompletionOut, ChatForm
from ragdesk.web.openai_api.openai_errors import OpenAiErrorOut
from ragdesk.web.proxies import outer_path
from ragdesk.web.request_body import StrictRoute
from ragdesk.web.server_state import server_state

router = APIRouter(route_class=StrictRoute, tags=["OpenAI"])
Completer = Annotated[Principal, Depends(require_scope("ask"))]
CHUNK_CONTENT = describe_data_stream(
    (CompletionChunkOut, OpenAiErrorOut),
    "[DONE]",
    'data: {"object":"chat.completion.chunk","choices":[…]}\n\ndata: [DONE]\n\n',
)


class ModelOut(BaseModel):
    id: str
    object: Literal["model"]
    created: int
    owned_by: Literal["ragdesk"]


class ModelsOut(BaseModel):
    object: Literal["list"]
    data: list[ModelOut]


@router.post(
    "/v1/chat/completions",
    responses={200: {"model": ChatCompletionOut, "content": CHUNK_CONTENT}},
    dependencies=IDEMPOTENT,
)
async def complete_chat(
    chat: ChatCompletionIn, request: Request, who: Completer, leases: Leases
) -> Response:
    """Answer the last message of a chat from the documents, in the shape of OpenAI's API.

    ``model`` names a collection: `ragdesk`, or `ragdesk/<collection>`. Messages of the roles system
    and developer have no effect.
    """
    form = ChatForm(
        model=chat.model,
        ask=(ask := chat.to_ask()),
        base_address=str(request.base_url.replace(path=outer_path(request, "/"))),
        with_usage=bool(chat.stream_options and chat.stream_options.include_usage),
    )
    try:
        return await respond_to_ask(ask, request, who, leases, form)
    except (NotFound, IndexNotFound) as error:
        if ask.conversation is not None:  # which of the two there is not, its own words say
            raise
        raise ModelNotFound from error


@router.get("/v1/models", response_model=ModelsOut)
async def list_models(request: Request, who: Completer) -> Response:
    """List the collections that the key may ask, as models."""
    models = [_describe_model(opened) async for opened in iter_askable(server_state(request), who)]
    return JSONResponse({"object": "list", "data": models})


@router.get("/v1/models/{model:path}", response_model=ModelOut)
async def show_model(model: str, who: Completer, leases: Leases) -> Response:
    """Show a collection as a model."""
    collection = find_model_collection(model)
    try:
        authorize(who, "ask", collection)
        opened = await leases.lease_collection(collection)
    except (NotFound, IndexNotFound) as error:
        raise ModelNotFound from error
    return JSONResponse({**_describe_model(opened), "id": model})


def _describe_model(opened: OpenCollection) -> dict[str, object]:
    created = datetime.fromisoformat(opened.index.created)
    return {
        "id": name_model(opened.collection),
        "object": "model",
        "created": int(created.timestamp()),
        "owned_by": MODEL_OWNER,
    }
