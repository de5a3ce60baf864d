"""Write the example settings file from the option classes: each setting, default and reason.

The reason is what the class says of it: a line ``name: reason`` in its docstring.
"""

import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from ragdesk.settings import Settings, is_options

EXAMPLE_HEAD = """\
# Settings of ragdesk. Every line shows a default; take the # away to change one.
# Put this file at ./ragdesk.toml or HOME/ragdesk.toml, or name it: ragdesk --config FILE.
# A variable wins over the file (RAGDESK_SERVE__PORT=9000), a flag over both.
# What holds now, and why: ragdesk settings. Written by: ragdesk settings --example
"""


def format_example() -> str:
    """Write the whole file."""
    tables = [
        _format_options(part.name, getattr(Settings(), part.name)) for part in fields(Settings)
    ]
    return "\n".join([EXAMPLE_HEAD, *tables])


def _format_options(name: str, options: object) -> str:
    doc = inspect.cleandoc(type(options).__doc__ or "")
    parts = [part.name for part in fields(options)] if is_options(options) else []
    reasons = _field_reasons(doc, parts)
    lines = [f"[{name}]", *_wrap_comment(doc.split("\n")[0]), ""]
    for part in parts:
        value = getattr(options, part)
        setting = f"{part} is not set" if value is None else f"{part} = {_format_toml(value)}"
        lines += [*_wrap_comment(reasons.get(part, "")), f"# {setting}"]
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
            return f"[{', '.join(_format_toml(item) for item in sorted(value))}]"
        case dict():
            return (
                f"{{ {', '.join(f'{key} = {_format_toml(one)}' for key, one in value.items())} }}"
            )
        case str() | Path():
            escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
            return f'"{escaped}"'
        case _:
            raise TypeError(f"no TOML for {type(value).__name__}")
