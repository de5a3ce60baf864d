"""A tool's result as words, for clients whose model is shown nothing but text."""

from pydantic import BaseModel

from ragdesk.web.mcp.tool_models import (
    AnswerToolResult,
    CollectionsToolResult,
    PassagePlace,
    PassageToolResult,
    SearchToolResult,
)


def format_tool_result(result: BaseModel) -> str:
    """Write a result for a model: what was found first, then where each part of it stands."""
    match result:
        case AnswerToolResult():
            return _format_answer(result)
        case SearchToolResult():
            return _format_passages(result)
        case PassageToolResult():
            return f"{_format_place(result)}\n\n{result.before}{result.text}{result.after}"
        case CollectionsToolResult():
            lines = [
                f"{collection.name}: {collection.documents} documents"
                for collection in result.collections
            ]
            return "\n".join(lines) or "There is no collection that you may ask."
    raise AssertionError(f"no words for {type(result).__name__}")


def _format_answer(answer: AnswerToolResult) -> str:
    parts = [answer.text]
    if answer.outcome != "answered":
        parts.insert(0, f"(outcome: {answer.outcome})")
    if answer.next_step:
        parts.append(answer.next_step)
    parts += [f"- {question}" for question in answer.choices]
    if answer.citations:
        parts.append(f"Sources, of generation {answer.generation}:")
    for citation in answer.citations:
        parts.append(f'[{citation.number}] {_format_place(citation)}: "{citation.quote}"')
    return "\n".join(parts)


def _format_passages(result: SearchToolResult) -> str:
    if not result.passages:
        return "Nothing was found."
    return "\n\n".join(
        f"{passage.rank}. {_format_place(passage)}\n{passage.text}" for passage in result.passages
    )


def _format_place(place: PassagePlace) -> str:
    heading = " › ".join([place.title, *place.path])
    page = f", page {place.page}" if place.page else ""
    chunk = f", chunk {place.chunk}" if place.chunk else ""
    return f"{heading} ({place.uri}{page}, {place.start}-{place.end}{chunk})"
