"""Texts with closed placeholders: the address of a lookup, and the sentence that says its reply.

No template engine: a placeholder names a value, and nothing can be called, computed or repeated.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from urllib.parse import quote, urlsplit

from ragdesk.answering.writing.sanitize import sanitize_text

ADDRESS_PLACES: Final = ("value", "sub")
LONGEST_FACT: Final = 1_000  # characters of a sentence that says a reply
LONGEST_FACT_PART: Final = 200  # of one field of it
_PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)\}")
_PART = re.compile(r"\[[^\[\]]*\]|[^\[\]]+")
_DOTS = frozenset({".", ".."})


def check_lookup_address(url: str) -> None:
    """Raise ValueError for an address that is none of a lookup.

    The host is fixed; placeholders stand in path or query: ``{value}`` and ``{sub}``.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("url must begin with https:// or http:// and name a host")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("url has no user, password or fragment; a secret goes into headers")
    if "{" in parts.netloc or "}" in parts.netloc:
        raise ValueError("the host of url is fixed: no placeholder may stand in it")
    places = _PLACE.findall(f"{parts.path}?{parts.query}")
    if set(places) - set(ADDRESS_PLACES) or re.search(r"[{}\s]", _PLACE.sub("", url)):
        raise ValueError("the placeholders of url are {value} and {sub}, and no others")
    if "value" not in places:
        raise ValueError("url needs {value}, which stands for what is looked up")


def format_address(url: str, value: str, sub: str) -> str | None:
    """Return the address of a value for a customer; None for a name that would lead elsewhere.

    >>> format_address("https://a.example/o/{value}?of={sub}", "12345", "mia/../x@y")
    'https://a.example/o/12345?of=mia%2F..%2Fx%40y'
    >>> format_address("https://a.example/of/{sub}/{value}", "12345", "..") is None
    True
    """
    if sub in _DOTS:  # the one part of a path that encoding leaves what it is
        return None
    values = {"value": quote(value, safe=""), "sub": quote(sub, safe="")}
    return _PLACE.sub(lambda place: values[place[1]], url)


@dataclass(frozen=True, slots=True)
class _TemplatePart:
    """A stretch of a template. optional: it is left out where a field of it is missing."""

    text: str
    places: Sequence[str]
    optional: bool


@cache
def read_template(template: str) -> tuple[_TemplatePart, ...]:
    """Read the template of a reply. Raises ValueError for one that is none."""
    parts: list[_TemplatePart] = []
    for part_text in _PART.findall(template):
        optional = part_text.startswith("[")
        text = part_text[1:-1] if optional else part_text
        parts.append(_TemplatePart(text, tuple(_PLACE.findall(text)), optional))
    whole = "".join(f"[{part.text}]" if part.optional else part.text for part in parts)
    if whole != template or re.search(r"[{}]", _PLACE.sub("", template)):
        raise ValueError(
            "an answer has placeholders such as {status} or {delivery.date}, and parts in [ ] that "
            "are left out where a field is missing"
        )
    return tuple(parts)


def fill_template(
    template: str, value: str, reply: Mapping[str, Any], terms: Mapping[str, str]
) -> str | None:
    """Return the sentence that says a reply; None where a field is missing that it needs.

    terms: what is said in place of a field's own word. Fields are data of another system: without
    invisible characters, links or markup, and cut where they are long.

    >>> reply = {"status": "shipped", "eta": {"day": "2 December"}}
    >>> template = "Order {value} was {status}[, and arrives on {eta.day}][ by {carrier}]."
    >>> fill_template(template, "12345", reply, {"shipped": "sent off"})
    'Order 12345 was sent off, and arrives on 2 December.'
    """
    filled = ""
    for part in read_template(template):
        fields = {
            place: value if place == "value" else read_field(reply, place) for place in part.places
        }
        if all(fields.values()):
            words = {name: terms.get(field, field) for name, field in fields.items() if field}
            filled += _PLACE.sub(lambda place, words=words: words[place[1]], part.text)  # type: ignore[misc]
        elif not part.optional:
            return None
    return " ".join(filled.split())[:LONGEST_FACT] or None


def read_field(reply: Mapping[str, Any], place: str) -> str:
    r"""Return a field of a reply as words, by its dotted name; empty for none.

    >>> read_field({"items": [{"name": "Lava  fryer\u200b"}]}, "items.0.name")
    'Lava fryer'
    >>> read_field({"note": "see https://evil.example [1] <b>"}, "note")
    'see … (1) ‹b›'
    """
    field = find_field(reply, place)
    if isinstance(field, bool):
        field = str(field).lower()
    text = sanitize_text(str(field)[: 4 * LONGEST_FACT_PART])
    if len(text) > LONGEST_FACT_PART:
        text = f"{text[:LONGEST_FACT_PART].rstrip()}…"
    return text


def find_field(reply: Mapping[str, Any], place: str) -> str | int | float:
    """Return a field of a reply as it stands there, by its dotted name; empty for none."""
    value: Any = reply
    for name in place.split("."):
        if isinstance(value, Mapping):
            value = value.get(name)
        elif isinstance(value, list) and name.isdecimal() and len(name) < len("100"):
            value = value[int(name)] if int(name) < len(value) else None
        else:
            return ""
    return value if isinstance(value, str | int | float) else ""
