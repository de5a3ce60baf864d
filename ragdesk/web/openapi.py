"""The description of the API: its names are older than those of our classes, and they stay."""

from typing import Any

from fastapi import FastAPI

from ragdesk.answering.answer import (
    Answer,
    Choice,
    Citation,
    Claim,
    ClaimVerdict,
    RankedPassage,
    SearchResult,
)

COMPONENT_NAMES = {
    Answer: "AnswerOut",
    Choice: "ChoiceOut",
    Citation: "CitationOut",
    Claim: "ClaimOut",
    ClaimVerdict: "Standing",
    RankedPassage: "PassageOut",
    SearchResult: "SearchOut",
}


class DescribedApi(FastAPI):
    """An app whose ``/openapi.json`` calls the parts of an answer by the names of release 0.1.0."""

    def openapi(self) -> dict[str, Any]:
        """Return the description, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = _rename_components(super().openapi())
            if root_path := self.state.options.root_path:
                self.openapi_schema["servers"] = [{"url": root_path}]
        return self.openapi_schema


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
