"""Write the example settings file from the option classes: each setting, default and reason.

The reason is what the class says of it: a line ``name: reason`` in its docstring.
"""

import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from ragdesk.advanced_settings import ADVANCED_NOTE, ADVANCED_TABLE, is_advanced
from ragdesk.settings import Settings, is_options, list_named_tables

EXAMPLE_HEAD = """\
# Settings of ragdesk. Every line shows a default; take the # away to change one.
# Put this file at ./ragdesk.toml or HOME/ragdesk.toml, or name it: ragdesk --config FILE.
# A variable wins over the file (RAGDESK_SERVE__PORT=9000), a flag over both.
# What holds now, and why: ragdesk settings. Written by: ragdesk settings --example
"""
EXAMPLE_FOOT = """\
## Weights and constants of ranking, reading and checking stand in tables of their own, such as
## [advanced.retrieve]. They are left out here: ragdesk settings --example --advanced
"""


def format_example(*, with_advanced: bool = False) -> str:
    """Write the whole file; the advanced tables are left out unless they are wanted."""
    tables = []
    advanced = ["\n".join(_wrap_comment(ADVANCED_NOTE)) + "\n"]
    named = list_named_tables()
    for part in fields(Settings):
        if part.name in named:
            tables.append(_format_named_table(part.name, named[part.name]))
            continue
        options = getattr(Settings(), part.name)
        names = [option.name for option in fields(options)]
        tuned = [name for name in names if is_advanced(f"{part.name}.{name}")]
        own = [name for name in names if name not in tuned]
        if own:
            tables.append(_format_options(part.name, options, own))
        if tuned:
            advanced.append(_format_options(f"{ADVANCED_TABLE}.{part.name}", options, tuned))
    return "\n".join([EXAMPLE_HEAD, *tables, *(advanced if with_advanced else [EXAMPLE_FOOT])])


def _format_options(table: str, options: object, names: Sequence[str]) -> str:
    """Write a table: what it is for, then each of the named settings."""
    doc = inspect.cleandoc(type(options).__doc__ or "")
    parts = [part.name for part in fields(options)] if is_options(options) else []
    reasons = _field_reasons(doc, parts)
    lines = [f"[{table}]", *_wrap_comment(doc.split("\n")[0].replace("``", '"')), ""]
    for name in names:
        value = getattr(options, name)
        setting = f"{name} is not set" if value is None else f"{name} = {_format_toml(value)}"
        lines += [*_wrap_comment(reasons.get(name, "")), f"# {setting}"]
    return "\n".join([*lines, ""])


def _format_named_table(table: str, options: type) -> str:
    """Write what a table is for that an operator names, and what each of its settings does."""
    doc = inspect.cleandoc(options.__doc__ or "")
    names = [part.name for part in fields(options)]
    reasons = _field_reasons(doc, names)
    lines = [f"## [{table}.NAME]: none, or as many as you need."]
    lines += _wrap_comment(doc.split("\n")[0].replace("``", '"'))
    for name in names:
        lines += _wrap_comment(f"- {name}: {reasons[name]}")
    return "\n".join([*lines, ""])


def _field_reasons(doc: str, names: Sequence[str]) -> dict[str, str]:
    """Find what a docstring says of each field: ``name: …`` or ``one, other: …``, to the next."""
    any_name = "|".join(names)
    head = re.compile(rf"(?:^|(?<=\s))((?:{any_name})(?:, (?:{any_name}))*): ", re.MULTILINE)
    matches = list(head.finditer(doc))
    ends = [*(match.start() for match in matches[1:]), len(doc)]
    reasons: dict[str, str] = {}
    for match, end in zip(matches, ends, strict=True):
        words = doc[match.end() : end].split("\n\n", maxsplit=1)[0].strip().replace("``", '"')
        for name in match[1].split(", "):
            reasons[name] = words[:1].upper() + words[1:]
    return reasons


def _wrap_comment(words: str, width: int = 96) -> Iterator[str]:
    line = ""
    for word in words.split():
        if len(line) + len(word) >= width:
            yield f"## {line}"
            line = ""
        line = f"{line} {word}".strip()
    if line:
        yield f"## {line}"


def _format_toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case tuple() | list() | frozenset() | set():
            items = value if isinstance(value, tuple | list) else sorted(value)
            return f"[{', '.join(map(_format_toml, items))}]"
        case dict():
            return (
                f"{{ {', '.join(f'{key} = {_format_toml(item)}' for key, item in value.items())} }}"
            )
        case str() | Path():
            escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
            return f'"{escaped}"'
        case _:
            raise TypeError(f"no TOML for {type(value).__name__}")
