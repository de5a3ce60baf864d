"""The description of the API, ``/openapi.json``: what routes declare, and what all have in common.

Its names are older than those of our classes, and they stay.
"""

import hashlib
from typing import Any, Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ragdesk.answering.answer import (
    Answer,
    Choice,
    Citation,
    Claim,
    ClaimVerdict,
    RankedPassage,
    SearchResult,
)
from ragdesk.web.credentials import SESSION_COOKIE
from ragdesk.web.event_schemas import SCHEMA_PLACE, take_definitions
from ragdesk.web.openai_api.openai_errors import OpenAiErrorOut
from ragdesk.web.problem_responses import (
    describe_headers,
    describe_problems,
    describe_shared_problems,
)
from ragdesk.web.request_examples import REQUEST_EXAMPLES
from ragdesk.web.schemas import ProblemOut

COMPONENT_NAMES = {
    Answer: "AnswerOut",
    Choice: "ChoiceOut",
    Citation: "CitationOut",
    Claim: "ClaimOut",
    ClaimVerdict: "Standing",
    RankedPassage: "PassageOut",
    SearchResult: "SearchOut",
}


# What the framework declares for its own form of a validation error, which is never sent.
FOREIGN_MODELS: Final = ("HTTPValidationError", "ValidationError")
SHOWN_MODELS: Final = (ProblemOut, OpenAiErrorOut)  # of problems: no route names them
WAYS_TO_SHOW: Final[dict[str, Any]] = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": SESSION_COOKIE,
        "description": "Of somebody who signed in. A change also brings `X-CSRF-Token`.",
    },
    "visitor": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Visitor",
        "description": "Of a website's visitor, beside its publishable key: their secret, or a "
        "token that the operator signed.",
    },
}


class DescribedApi(FastAPI):
    """An app whose ``/openapi.json`` says all that a route may answer, and with which headers.

    It calls the parts of an answer by the names of release 0.1.0.
    """

    _description: tuple[bytes, str] | None = None

    def setup(self) -> None:
        """Add the route of the description, and none of the framework's pages of it."""
        self.add_route("/openapi.json", self._give_description, include_in_schema=False)

    async def _give_description(self, request: Request) -> Response:
        """Give the description, encoded once; 304 to who has it as it is."""
        if self._description is None:
            body = bytes(JSONResponse(self.openapi()).body)
            self._description = body, f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        body, tag = self._description
        headers = {"Cache-Control": "no-cache", "ETag": tag}
        known = {entry.strip() for entry in request.headers.get("if-none-match", "").split(",")}
        if known & {tag, f"W/{tag}", "*"}:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="application/json", headers=headers)

    def openapi(self) -> dict[str, Any]:
        """Return the description, made once."""
        if self.openapi_schema is None:
            described = _describe_operations(super().openapi())
            self.openapi_schema = _rename_components(described)
            if root_path := self.state.options.root_path:
                self.openapi_schema["servers"] = [{"url": root_path}]
        return self.openapi_schema


def _describe_operations(description: dict[str, Any]) -> dict[str, Any]:
    """Write what routes have in common into each of them. Changes the description."""
    components = description["components"]
    schemas = components["schemas"]
    for path, operations in description["paths"].items():
        for operation in operations.values():
            for name, schema in take_definitions(operation).items():
                schemas.setdefault(name, schema)
            describe_problems(path, operation, schemas)
            _add_example(operation)
            if "security" in operation:
                operation["security"] = [{"key": []}, {"session": []}, {"key": [], "visitor": []}]
    for name in FOREIGN_MODELS:
        schemas.pop(name, None)
    for model in SHOWN_MODELS:
        schema = model.model_json_schema(mode="serialization", ref_template=SCHEMA_PLACE)
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    components["headers"] = describe_headers()
    components["responses"] = describe_shared_problems()
    components["securitySchemes"] |= WAYS_TO_SHOW
    return description


def _add_example(operation: dict[str, Any]) -> None:
    """Show what a request may look like, beside the schema of its body."""
    content = operation.get("requestBody", {}).get("content", {})
    for form in content.values():
        name = form["schema"].get("$ref", "").rpartition("/")[2]
        if name in REQUEST_EXAMPLES:
            form["example"] = REQUEST_EXAMPLES[name]


def _rename_components(description: dict[str, Any]) -> dict[str, Any]:
    names = {kind.__name__: name for kind, name in COMPONENT_NAMES.items()}
    renamed: dict[str, Any] = _rename_references(description, names)
    schemas = renamed["components"]["schemas"]
    for old_name, new_name in names.items():
        schemas[new_name] = {**schemas.pop(old_name), "title": new_name}
    renamed["components"]["schemas"] = dict(sorted(schemas.items()))
    return renamed


def _rename_references(value: Any, names: dict[str, str]) -> Any:
    """Return a copy of a description in which each ``$ref`` points at the new name."""
    if isinstance(value, list):
        return [_rename_references(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    copy = {key: _rename_references(item, names) for key, item in value.items()}
    if isinstance(reference := value.get("$ref"), str):
        folder, _, name = reference.rpartition("/")
        copy["$ref"] = f"{folder}/{names.get(name, name)}"
    return copy
