"""A field of an answer is declared once: JSON, stream and description follow the dataclass."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any, get_args, get_type_hints

import pytest
from pydantic import Field, TypeAdapter
from web_home import publish

from ragdesk.answering.answer import (
    Answer,
    ClaimChecked,
    Done,
    PassagesReady,
    SearchResult,
    TextDelta,
    to_json_object,
)
from ragdesk.web.openapi import COMPONENT_NAMES
from ragdesk.web.stream import format_events

FIRST_TIME = {"cached"}  # left out where the answer was not given before
LEFT_OUT = {"signals", "signal_versions"} | FIRST_TIME  # where nobody asked for them
# Left out where the quote has none.
NOT_OF_EACH = {"Citation": {"question", "columns", "links", "address", "boxes", "ocr"}}
EVENTS = {
    "found": PassagesReady,
    "delta": TextDelta,
    "verdict": ClaimChecked,
    "done": Answer,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedAnswer(Answer):
    """An answer with a field more, and nothing done for it."""

    signer: Annotated[str, Field(description="Who stands by it.")]


def field_names(kind: type) -> list[str]:
    return [field.name for field in fields(kind)]


def parts(kind: type) -> dict[str, type]:
    """Give the fields that hold another dataclass, or a tuple of them."""
    hints = get_type_hints(kind)
    inner = {name: next(iter(get_args(hints[name])), None) for name in field_names(kind)}
    return {name: part for name, part in inner.items() if is_dataclass(part)}


def items(value: list[Any] | dict[str, Any] | None) -> list[Any]:
    """Give the objects of a list, or the one that may be there."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def check_fields(kind: type, data: dict[str, Any], left_out: frozenset[str] | set[str]) -> set[str]:
    """Compare JSON with a dataclass, and its parts with theirs; gives the parts that were there."""
    missing = NOT_OF_EACH.get(kind.__name__, set()) - set(data)
    assert list(data) == [name for name in field_names(kind) if name not in left_out | missing]
    assert all(data[name] is not None for name in NOT_OF_EACH.get(kind.__name__, set()) & set(data))
    kinds = {kind.__name__}
    for name, part in parts(kind).items():
        for item in items(data.get(name)):
            kinds |= check_fields(part, item, set())
    return kinds


def read_events(body: str) -> list[tuple[str, dict[str, Any]]]:
    events = []
    for block in body.split("\n\n")[:-1]:
        name, data = block.split("\n")
        events.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return events


async def as_events(answer: Answer) -> AsyncGenerator[Done]:
    yield Done(answer)


async def stream_text(answer: Answer) -> str:
    pieces = [piece async for piece in format_events(as_events(answer), lambda _: None)]
    return b"".join(pieces).decode()


@pytest.fixture
def ambiguous(home):
    texts = {"kettle.md": "Clean it with a cloth.\n", "fryer.md": "Clean it with a rag.\n"}
    titles = {"kettle.md": "Fjord kettle", "fryer.md": "Lava fryer"}
    publish(home, "products", texts, titles=titles)
    return {"question": "How do I clean it?", "collection": "products"}


def test_json_has_the_fields_of_the_dataclasses_in_their_order(ambiguous, client):
    question = {"question": "When does a refund reach my account?"}
    plain = client.post("/v1/answers", json=question).json()
    explained = client.post("/v1/answers", json={**question, "explain": True}).json()
    clarify = client.post("/v1/answers", json=ambiguous).json()
    refusal = client.post("/v1/answers", json={"question": "Which refund is blue?"}).json()
    search = client.post("/v1/search", json={"query": "refund"}).json()

    kinds = check_fields(Answer, plain, LEFT_OUT) | check_fields(Answer, explained, FIRST_TIME)
    kinds |= check_fields(Answer, clarify, LEFT_OUT)
    kinds |= check_fields(Answer, refusal, LEFT_OUT)
    assert kinds == {
        "Answer",
        "Claim",
        "Citation",
        "RankedPassage",
        "Choice",
        "NextStep",
        "StepLink",
    }
    assert check_fields(SearchResult, search, set()) == {"SearchResult", "RankedPassage"}


def test_events_have_the_fields_of_the_dataclasses_and_done_is_the_answer(client):
    ask = {"question": "When does a refund reach my account?", "stream": True, "explain": True}
    events = read_events(client.post("/v1/answers", json=ask).text)

    for name, data in events:
        check_fields(EVENTS[name], data, FIRST_TIME)
    assert {name for name, _ in events} == set(EVENTS)


def test_the_description_has_the_fields_of_the_dataclasses(client):
    schemas = client.get("/openapi.json").json()["components"]["schemas"]

    described = {kind: schemas[name] for kind, name in COMPONENT_NAMES.items()}
    assert {name for name in schemas if name in {kind.__name__ for kind in described}} == set()
    for kind, schema in described.items():
        if is_dataclass(kind):
            assert list(schema["properties"]) == field_names(kind)
            optional = LEFT_OUT | NOT_OF_EACH.get(kind.__name__, set())
            assert set(schema["required"]) == set(field_names(kind)) - optional
            for name, part in parts(kind).items():
                component = COMPONENT_NAMES.get(part, part.__name__)
                reference = {"$ref": f"#/components/schemas/{component}"}
                described_part = schema["properties"][name]
                kinds = (described_part, *described_part.get("anyOf", ()))
                assert reference in (*kinds, *(kind.get("items") for kind in kinds))


def test_a_field_more_in_the_dataclass_is_in_json_stream_and_schema(client):
    answer = client.post("/v1/answers", json={"question": "refund"}).json()
    signed = TypeAdapter(SignedAnswer).validate_python({**answer, "signer": "Ada"})

    assert to_json_object(signed) == {**answer, "signer": "Ada"}
    assert read_events(asyncio.run(stream_text(signed))) == [("done", {**answer, "signer": "Ada"})]
    schema = TypeAdapter(SignedAnswer).json_schema(mode="serialization")
    assert schema["properties"]["signer"]["description"] == "Who stands by it."
    assert "signer" in schema["required"]
