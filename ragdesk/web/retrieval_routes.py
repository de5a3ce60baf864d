"""The route of the retrieval test: which passages are found for a question, and by what scores.

What is asked here is counted nowhere, and kept nowhere but for a retry by ``Idempotency-Key``.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from indexes.chunk import Passage
from ragdesk.answering.answer import Answer, Question, to_json_object
from ragdesk.answering.retrieval.retrieval_result import Retrieval
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import Invalid
from ragdesk.open_collection import OpenCollection
from ragdesk.support.access import Principal
from ragdesk.web import admin_schemas
from ragdesk.web.answer_basis import respond_once
from ragdesk.web.auth import require_scope
from ragdesk.web.disconnect import cancel_on_disconnect
from ragdesk.web.idempotency import IDEMPOTENT
from ragdesk.web.leases import Leases
from ragdesk.web.request_body import StrictRoute
from ragdesk.web.server_state import server_state

router = APIRouter(route_class=StrictRoute, tags=["answers"])
RetrievalTester = Annotated[Principal, Depends(require_scope("admin"))]
FUSED_DEPTH = 50  # passages that are listed by their score before a reranker's
MOST_TERMS = 100


@router.post(
    "/v1/collections/{collection}/retrieval",
    response_model=admin_schemas.RetrievalOut,
    dependencies=IDEMPOTENT,
)
async def test_retrieval(
    collection: str,
    ask: admin_schemas.RetrievalIn,
    request: Request,
    who: RetrievalTester,
    leases: Leases,
) -> Response:
    """Find passages for a question with the scores of each finder, and say what the answer chose.

    As an asker of `groups`, to see what they would.
    """
    state = server_state(request)
    if len(ask.question) > state.options.max_question:
        raise Invalid(f"Ask in at most {state.options.max_question:,} characters.")
    opened = await leases.lease_collection(collection)

    async def build_response() -> Response:
        # A lease of its own: it may outlast its request, for others that wait for the same answer.
        async with state.open_collections.use_collection(collection) as opened:
            return JSONResponse(await _retrieve_and_answer(request, opened, ask))

    return await respond_once(request, who, opened, build_response)


async def _retrieve_and_answer(
    request: Request, opened: OpenCollection, ask: admin_schemas.RetrievalIn
) -> dict[str, Any]:
    groups = None if ask.groups is None else frozenset(ask.groups)
    where = ask.filters.to_filter(groups)
    question = Question(text=ask.question, where=where, explain=True)
    answer: Answer | None = None
    if ask.answer:
        answer = await cancel_on_disconnect(request, opened.desk.ask(question))
    reranked, fused = await run_in_thread(_retrieve_twice, opened, question, ask.top_k)
    return _describe_retrieval(opened, reranked, fused, answer)


def _retrieve_twice(
    opened: OpenCollection, question: Question, top_k: int
) -> tuple[Retrieval, Retrieval]:
    """Retrieve as for an answer, and where a reranker reads, without it."""
    reranked = opened.retrieve(question, top_k=top_k)
    if opened.retrieve.rerank is None:
        return reranked, reranked
    depth = max(FUSED_DEPTH, top_k)
    return reranked, opened.retrieve(question, top_k=depth, may_rerank=False)


def _describe_retrieval(
    opened: OpenCollection, reranked: Retrieval, fused: Retrieval, answer: Answer | None
) -> dict[str, Any]:
    weights = sorted(reranked.term_weights.weights.items(), key=lambda item: -item[1])[:MOST_TERMS]
    writes = opened.desk.writer is not None
    decide = opened.desk.decide
    signals = answer.signals if answer and answer.signals else reranked.signals
    return {
        "question": reranked.analysis.text,
        "collection": opened.collection,
        "generation": opened.index.generation,
        "language": reranked.analysis.language,
        "terms": {term: round(float(weight), 4) for term, weight in weights},
        "reranker": opened.retrieve.rerank is not None,
        "floor": decide.model_floor if writes else decide.floor,
        "signals": {name: round(float(value), 4) for name, value in signals.items()},
        "passages": _describe_passages(
            reranked.passages, fused.passages, answer, reranks=opened.retrieve.rerank is not None
        ),
        "duplicates": {name: len(same) for name, same in reranked.duplicates.items()},
        "answer": to_json_object(answer) if answer else None,
    }


def _describe_passages(
    passages: Sequence[Passage],
    fused: Sequence[Passage],
    answer: Answer | None,
    *,
    reranks: bool,
) -> list[dict[str, Any]]:
    places = {passage.chunk.id: rank for rank, passage in enumerate(fused, start=1)}
    scores = {passage.chunk.id: passage.score for passage in fused}
    answer_chunks = {passage.chunk for passage in answer.passages} if answer else set()
    cited: dict[str, list[int]] = {}
    for citation in answer.citations if answer else ():
        cited.setdefault(citation.chunk, []).append(citation.number)
    return [
        {
            "chunk": passage.chunk.id,
            **{name: getattr(passage.chunk, name) for name in _CHUNK_FIELDS},
            "path": list(passage.chunk.path),
            "found_by": sorted(passage.found_by),
            "rank": rank,
            "dense": _round(passage.dense),
            "lexical": _round(passage.lexical),
            "fusion": _round(scores.get(passage.chunk.id)),
            "fusion_rank": places.get(passage.chunk.id),
            "rerank": _round(passage.score) if reranks else None,
            "shown": passage.chunk.id in answer_chunks,
            "cited": cited.get(passage.chunk.id, []),
        }
        for rank, passage in enumerate(passages, start=1)
    ]


_CHUNK_FIELDS = ("uri", "title", "page", "start", "end", "text", "lead", "language")


def _round(score: float | None) -> float | None:
    return None if score is None else round(float(score), 4)
