"""Write ``ragdesk.example.toml`` from the option classes: each setting, its default, its reason.

The reason is what the class says of it: a line ``name: reason`` in its docstring.
"""

import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from ragdesk.settings import Settings, is_options

HEAD = """\
# Settings of ragdesk. Every line shows a default; take the # away to change one.
# Put this file at ./ragdesk.toml or HOME/ragdesk.toml, or name it: ragdesk --config FILE.
# A variable wins over the file (RAGDESK_SERVE__PORT=9000), a flag over both.
# What holds now, and why: ragdesk settings. Written by: ragdesk settings --example
"""


def text() -> str:
    """Write the whole file."""
    tables = [_table(part.name, getattr(Settings(), part.name)) for part in fields(Settings)]
    return "\n".join([HEAD, *tables])


def _table(name: str, options: object) -> str:
    doc = inspect.cleandoc(type(options).__doc__ or "")
    parts = [part.name for part in fields(options)] if is_options(options) else []
    reasons = _reasons(doc, parts)
    lines = [f"[{name}]", *_comment(doc.split("\n")[0]), ""]
    for part in parts:
        value = getattr(options, part)
        shown = f"{part} is not set" if value is None else f"{part} = {_toml(value)}"
        lines += [*_comment(reasons.get(part, "")), f"# {shown}"]
    return "\n".join([*lines, ""])


def _reasons(doc: str, names: Sequence[str]) -> dict[str, str]:
    """Find what a docstring says of each field: ``name: …`` or ``one, other: …``, to the next."""
    one = "|".join(names)
    head = re.compile(rf"(?:^|(?<=\s))((?:{one})(?:, (?:{one}))*): ", re.MULTILINE)
    found = list(head.finditer(doc))
    ends = [*(match.start() for match in found[1:]), len(doc)]
    reasons: dict[str, str] = {}
    for match, end in zip(found, ends, strict=True):
        words = doc[match.end() : end].split("\n\n", maxsplit=1)[0].strip().replace("``", '"')
        for name in match[1].split(", "):
            reasons[name] = words[:1].upper() + words[1:]
    return reasons


def _comment(words: str, width: int = 96) -> Iterator[str]:
    line = ""
    for word in words.split():
        if len(line) + len(word) >= width:
            yield f"## {line}"
            line = ""
        line = f"{line} {word}".strip()
    if line:
        yield f"## {line}"


def _toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case tuple() | list() | frozenset() | set():
            return f"[{', '.join(_toml(one) for one in sorted(value))}]"
        case dict():
            return f"{{ {', '.join(f'{key} = {_toml(one)}' for key, one in value.items())} }}"
        case str() | Path():
            escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
            return f'"{escaped}"'
        case _:
            raise TypeError(f"no TOML for {type(value).__name__}")
