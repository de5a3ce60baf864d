"""The tools themselves: each asks the desk as its caller may, and gives a value.

Rights, history and limits are decided where every other door decides them: in
``question_answering``, ``answers`` and ``document_access``.
"""

from dataclasses import dataclass

from indexes.chunk import Chunk
from indexes.index import Index
from indexes.store.document_table import ListedDocument
from ragdesk.answering.answer import Answer, Citation, Done, RankedPassage
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import NotFound
from ragdesk.open_collection import OpenCollection
from ragdesk.support.access import Principal, authorize
from ragdesk.support.sign_in.identity import Identity
from ragdesk.web import schemas
from ragdesk.web.answers import search_passages
from ragdesk.web.document_access import use_kept_document
from ragdesk.web.documents import list_askable_collections
from ragdesk.web.mcp import tool_models
from ragdesk.web.question_answering import ask_through_door
from ragdesk.web.server_state import ServerState

NO_PASSAGE = "No such passage, or none that you may see."
DEFAULT_NAME = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCaller:
    """Who calls a tool of which server. identity: whose limits count; None counts nobody's."""

    state: ServerState
    who: Principal
    identity: Identity | None = None

    def choose_collection(self, name: str | None) -> str:
        """Return the collection that is meant: the only one of the caller's where none is named."""
        if name is not None:
            return name
        names = self.who.collections
        return next(iter(names)) if len(names) == 1 else DEFAULT_NAME


async def call_search(
    caller: ToolCaller, arguments: tool_models.SearchArguments
) -> tool_models.SearchToolResult:
    """Find the passages nearest to a query. Raises a Refusal."""
    collection = caller.choose_collection(arguments.collection)
    ask = schemas.Search(query=arguments.query, collection=collection, top_k=arguments.top_k)
    result = await search_passages(caller.state, caller.who, ask)
    return tool_models.SearchToolResult(
        collection=result.collection,
        generation=result.generation,
        passages=[_describe_found(passage) for passage in result.passages],
        degraded_reason=result.degraded_reason,
    )


async def call_answer(
    caller: ToolCaller, arguments: tool_models.AnswerArguments
) -> tool_models.AnswerToolResult:
    """Answer a question with citations; kept in no conversation. Raises a Refusal."""
    ask = schemas.Ask(
        question=arguments.question,
        collection=caller.choose_collection(arguments.collection),
        history=arguments.history,
    )
    answer: Answer | None = None
    async for event in ask_through_door(caller.state, caller.who, ask, caller.identity):
        if isinstance(event, Done):
            answer = event.answer
    if answer is None:
        raise AssertionError("every answer ends with Done")
    return tool_models.AnswerToolResult(
        collection=answer.collection,
        generation=answer.generation,
        outcome=answer.outcome.value,
        reason=answer.reason.value if answer.reason else None,
        text=answer.text,
        citations=[_describe_citation(citation) for citation in answer.citations],
        choices=[choice.question for choice in answer.choices],
        next_step=answer.next_step.text if answer.next_step else None,
        degraded_reason=answer.degraded_reason,
    )


async def call_get_passage(
    caller: ToolCaller, arguments: tool_models.PassageArguments
) -> tool_models.PassageToolResult:
    """Give the exact text of a place in a document. Raises NotFound, for a hidden one too."""
    collection = caller.choose_collection(arguments.collection)
    authorize(caller.who, "ask", collection)
    async with caller.state.open_collections.use_collection(collection) as opened:
        return await run_in_thread(_read_passage, opened, caller.who, arguments)


async def call_list_collections(
    caller: ToolCaller, _arguments: tool_models.ListArguments
) -> tool_models.CollectionsToolResult:
    """List the collections that the caller may ask. Raises Forbidden."""
    authorize(caller.who, "ask")
    rows = await list_askable_collections(caller.state, caller.who)
    listed = [tool_models.ListedCollection.model_validate(row) for row in rows]
    default = caller.choose_collection(None)
    is_there = any(collection.name == default for collection in listed)
    return tool_models.CollectionsToolResult(
        collections=listed, default=default if is_there else None
    )


def _read_passage(
    opened: OpenCollection, who: Principal, place: tool_models.PassageArguments
) -> tool_models.PassageToolResult:
    """Read a place. It blocks. What is hidden and what is not there read the same."""
    try:
        if place.uri is None or place.start is None or place.end is None:
            stored = _find_chunk(opened.index, place.chunk)
            uri, start, end = (stored.uri, stored.start, stored.end) if stored else ("", 0, 0)
        else:
            uri, start, end = place.uri, place.start, place.end
        with use_kept_document(opened, uri, who, place.generation, place.chunk) as (
            index,
            document,
        ):
            text = _read_text_to(index, document, end)
            chunk = _find_chunk(index, place.chunk)
            return tool_models.PassageToolResult(
                collection=opened.collection,
                generation=index.generation,
                chunk=chunk.id if chunk else None,
                uri=document.uri,
                title=document.title,
                path=list(chunk.path) if chunk else [],
                page=chunk.page if chunk else None,
                start=start,
                end=end,
                text=text[start:end],
                before=text[max(0, start - place.context) : start],
                after=text[end : end + place.context],
            )
    except NotFound:
        raise NotFound(NO_PASSAGE) from None


def _read_text_to(index: Index, document: ListedDocument, end: int) -> str:
    text = index.read_text_of(document) or ""
    if end > len(text):
        raise NotFound(NO_PASSAGE)
    return text


def _find_chunk(index: Index, chunk: str | None) -> Chunk | None:
    row = None if chunk is None else index.find_row(chunk)
    return None if row is None else index.read_chunks([row])[0]


def _describe_found(passage: RankedPassage) -> tool_models.FoundPassage:
    names = ("chunk", "uri", "title", "path", "page", "start", "end", "rank", "text")
    return tool_models.FoundPassage.model_validate(
        {name: getattr(passage, name) for name in names} | {"path": list(passage.path)}
    )


def _describe_citation(citation: Citation) -> tool_models.ToolCitation:
    names = ("chunk", "uri", "title", "page", "start", "end", "number", "quote")
    return tool_models.ToolCitation.model_validate(
        {name: getattr(citation, name) for name in names} | {"path": list(citation.path)}
    )
