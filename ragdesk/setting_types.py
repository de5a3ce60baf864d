"""The types of settings by their dotted names, and what the text of a variable is as one."""

import contextlib
import json
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from ragdesk.errors import SettingsError

LIST_TYPES: Final = (tuple, list, frozenset, set)


def named_options(hint: Any) -> type | None:
    """Return the options of each table that an operator names: of ``Mapping[str, Options]``."""
    _, options = get_args(hint) if get_origin(hint) is Mapping else (None, None)
    return options if is_dataclass(options) and isinstance(options, type) else None


def option_type(cls: type, option: str) -> Any:
    """Find the type of an option by its dotted name; None for an unknown one."""
    holder, name = _find_holder(cls, option)
    return None if holder is None else get_type_hints(holder).get(name)


def parse_variable(variable: str, text: str, cls: type, option: str) -> Any:
    """Read a variable's text: lists are split at commas, a table is JSON, "" may be none.

    Raises SettingsError for an empty list where an empty one would limit nothing, as its field
    says (``narrows``): a variable is empty where whoever was to fill it did not.
    """
    hint = option_type(cls, option)
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    if text == "" and type(None) in options:
        return None
    if any(get_origin(part) in LIST_TYPES for part in options):
        names = [part.strip() for part in text.split(",") if part.strip()]
        if not names and _narrows(cls, option):
            raise SettingsError(
                f"{variable} is empty, which would limit nothing. Name each with commas between "
                "them, or do not set the variable at all."
            )
        return names
    if any(get_origin(part) is Mapping for part in options):
        with contextlib.suppress(ValueError):  # what is no JSON is refused as no table
            return json.loads(text)
    return text


def _narrows(cls: type, option: str) -> bool:
    holder, name = _find_holder(cls, option)
    parts: Any = fields(holder) if holder is not None else ()
    return any(part.name == name and part.metadata.get("narrows", False) for part in parts)


def _find_holder(cls: type, option: str) -> tuple[type | None, str]:
    """Find the options that hold an option, and its name among them; None for an unknown one."""
    head, _, rest = option.partition(".")
    hint = get_type_hints(cls).get(head)
    if (named := named_options(hint)) is not None:
        hint, (_, _, rest) = named, rest.partition(".")
    if is_dataclass(hint):
        return _find_holder(hint, rest) if isinstance(hint, type) and rest else (None, head)
    return (None, head) if rest or hint is None else (cls, head)
