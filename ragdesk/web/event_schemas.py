"""The schemas of Server-Sent Events, as ``/openapi.json`` gives them.

OpenAPI 3.1 has no words for a stream of events. ``itemSchema`` is that of 3.2, which FastAPI and
its readers use in 3.1 already: one schema an event, whose ``data`` is a text that holds JSON.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, Field, TypeAdapter

from ragdesk.answering.answer import (
    Answer,
    ClaimChecked,
    JsonObject,
    PassagesReady,
    TextDelta,
)

EVENT_MEDIA_TYPE: Final = "text/event-stream"
ITEM_SCHEMA: Final = "itemSchema"
SCHEMA_PLACE: Final = "#/components/schemas/{model}"


class ErrorEventOut(BaseModel):
    """The last event of a stream that broke off."""

    code: str
    message: str


class DeletedEventOut(BaseModel):
    """The last event of a conversation that its follower may not, or cannot, see any more."""


class StateEventOut(BaseModel):
    state: str


class LabelsEventOut(BaseModel):
    """What agents and editors say that questions are about; nobody else is told of it."""

    labels: dict[str, str] = Field(description="Intents by turn; of all that have one.")


class VerifyProgressOut(BaseModel):
    seconds: float


class VerifyDoneOut(BaseModel):
    problems: list[str]
    unlisted_originals: int


class ChunkChoiceOut(BaseModel):
    index: Literal[0]
    delta: dict[str, Any]
    logprobs: None
    finish_reason: Literal["stop"] | None
    finish_detail: dict[str, str | None] | None = None


class CompletionChunkOut(BaseModel):
    """A part of a chat completion; the last one has the whole answer as ``ragdesk``."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChunkChoiceOut]
    usage: dict[str, int | bool] | None = None
    ragdesk: Answer | None = None


EventModels = Mapping[str, Any]
ANSWER_EVENTS: Final[EventModels] = {
    "found": PassagesReady,
    "delta": TextDelta,
    "verdict": ClaimChecked,
    "done": Answer,
    "error": ErrorEventOut,
}
VERIFY_EVENTS: Final[EventModels] = {
    "progress": VerifyProgressOut,
    "done": VerifyDoneOut,
    "error": ErrorEventOut,
}


def describe_event_stream(
    events: EventModels, example: str, *, numbered: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Return the content of a response that is a stream of named events.

    events: the model of each one's data, by its name. numbered: those that bring an ``id``.
    """
    listed = [
        _describe_event(name, model, with_id=name in numbered) for name, model in events.items()
    ]
    return _describe_stream(", ".join(events), {"oneOf": listed}, example)


def describe_data_stream(models: tuple[Any, ...], last_line: str, example: str) -> dict[str, Any]:
    """Return the content of a response whose events have no names; ``last_line`` ends it."""
    data: list[JsonObject] = [_describe_json(model) for model in models]
    item = {
        "type": "object",
        "properties": {"data": {"anyOf": [*data, {"const": last_line}]}},
        "required": ["data"],
    }
    return _describe_stream(f"unnamed ones, then `{last_line}`", item, example)


def take_definitions(value: Any) -> dict[str, Any]:
    """Take the schemas out of a description that others refer to; they stand in ``components``."""
    definitions: dict[str, Any] = {}
    if isinstance(value, dict):
        if ITEM_SCHEMA in value:
            definitions |= value[ITEM_SCHEMA].pop("$defs")
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            definitions |= take_definitions(part)
    return definitions


def _describe_stream(events: str, item: JsonObject, example: str) -> dict[str, Any]:
    definitions: JsonObject = {}
    for schema in _iter_contents(item):
        definitions |= schema.pop("$defs", {})
    words = f"Server-Sent Events: {events}. Lines that begin with a colon are signs of life."
    return {
        EVENT_MEDIA_TYPE: {
            ITEM_SCHEMA: {**item, "description": words, "$defs": definitions},
            "example": example,
        }
    }


def _iter_contents(item: JsonObject) -> list[JsonObject]:
    events = item.get("oneOf", [item])
    data = [event["properties"]["data"] for event in events]
    return [
        part["contentSchema"]
        for entry in data
        for part in entry.get("anyOf", [entry])
        if "contentSchema" in part
    ]


def _describe_event(name: str, model: Any, *, with_id: bool) -> JsonObject:
    properties = {"event": {"const": name}, "data": _describe_json(model)}
    if with_id:
        properties["id"] = {"type": "string", "description": "To go on from: Last-Event-ID."}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _describe_json(model: Any) -> JsonObject:
    """Return the schema of a text that holds a model as JSON, its parts under ``$defs``."""
    schema = TypeAdapter(model).json_schema(mode="serialization", ref_template=SCHEMA_PLACE)
    definitions = schema.pop("$defs", {})
    name = str(schema.get("title", model.__name__))
    place = {"$ref": SCHEMA_PLACE.format(model=name), "$defs": {**definitions, name: schema}}
    return {"type": "string", "contentMediaType": "application/json", "contentSchema": place}
