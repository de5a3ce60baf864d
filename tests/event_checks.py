"""Whether an answer is one that ``/openapi.json`` declares, in what no other tool looks at.

Events of a stream, each against its own schema, and paths of the machine, which nobody is told.
"""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema

from ragdesk.web.event_schemas import EVENT_MEDIA_TYPE, ITEM_SCHEMA


def read_events(text: str) -> Iterator[dict[str, str]]:
    """Read Server-Sent Events, as a browser does: the fields of each that has data."""
    for block in text.split("\n\n"):
        event: dict[str, str] = {}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            if name in {"event", "data", "id"}:
                event[name] = value.removeprefix(" ")
        if "data" in event:
            yield event


def find_undeclared_events(description: dict[str, Any], operation: dict[str, Any], text: str):
    """Return the events of an answer's stream that no schema of its operation allows."""
    content = operation["responses"]["200"]["content"][EVENT_MEDIA_TYPE]
    return [
        event
        for event in read_events(text)
        if not is_declared_event(description, content[ITEM_SCHEMA], event)
    ]


def is_declared_event(
    description: dict[str, Any], item: dict[str, Any], event: dict[str, str]
) -> bool:
    """Tell whether an event is one of those declared, and its data as that one's schema says."""
    for option in item.get("oneOf", [item]):
        named = option["properties"].get("event", {}).get("const")
        if event.get("event") != named or not set(option["required"]) <= event.keys():
            continue
        data = option["properties"]["data"]
        for part in data.get("anyOf", [data]):
            if part.get("const") == event["data"]:
                return True
            if "contentSchema" in part and _is_valid(
                description, part["contentSchema"], json_of(event["data"])
            ):
                return True
    return False


def json_of(text: str) -> Any:
    """Return what a text holds as JSON; None where it holds none."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _is_valid(description: dict[str, Any], schema: dict[str, Any], value: Any) -> bool:
    whole = {**schema, "components": description["components"]}
    return jsonschema.Draft202012Validator(whole).is_valid(value)


def is_declared_reply(description: dict[str, Any], method: str, path: str, reply: Any) -> bool:
    """Tell whether a reply is one of those that a route declares: its status, form and content.

    reply: an httpx.Response. description: of ``/openapi.json``; path: as it stands there.
    """
    declared = description["paths"][path][method.lower()]["responses"].get(str(reply.status_code))
    if declared is None:
        return False
    if reference := declared.get("$ref"):
        declared = description["components"]["responses"][reference.rpartition("/")[2]]
    media_type = reply.headers.get("content-type", "").partition(";")[0]
    form = declared.get("content", {}).get(media_type)
    if form is None:
        return not declared.get("content") and not reply.content
    value = json_of(reply.text) if media_type.endswith("json") else reply.text
    return _is_valid(description, form["schema"], value)
