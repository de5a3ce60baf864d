"""Turn the blocks of a Notion page into HTML."""

import html
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from ingest.connectors.json_values import find_facts, find_list, find_text, find_value

NotionBlock = Mapping[str, Any]
LoadChildren = Callable[[str], Iterable[NotionBlock]]
"""Gives the blocks that lie in a block, by its id."""

DEEPEST_BLOCKS: Final = 20
_HEADINGS: Final = {"heading_1": "h2", "heading_2": "h3", "heading_3": "h4", "heading_4": "h5"}
_LISTS: Final = {"bulleted_list_item": "ul", "to_do": "ul", "numbered_list_item": "ol"}
_LINKS: Final = frozenset({"bookmark", "embed", "link_preview"})
_FILES: Final = frozenset({"image", "video", "file", "pdf", "audio"})
_LONGEST_LINK: Final = 2_048


def write_blocks(blocks: Iterable[NotionBlock], load_children: LoadChildren, depth: int = 0) -> str:
    """Return blocks as HTML, with all that lies in them."""
    return "".join(_write_lists(blocks, load_children, depth))


def _write_lists(blocks: Iterable[NotionBlock], load: LoadChildren, depth: int) -> Iterator[str]:
    """Put items that follow each other into one list."""
    open_list = ""
    for block in blocks:
        name = _LISTS.get(find_text(block, "type"), "")
        if name != open_list:
            yield f"</{open_list}>" if open_list else ""
            yield f"<{name}>" if name else ""
            open_list = name
        yield _write_block(block, load, depth)
    yield f"</{open_list}>" if open_list else ""


def _write_block(block: NotionBlock, load: LoadChildren, depth: int) -> str:
    kind = find_text(block, "type")
    facts = find_facts(block, kind)
    if kind == "table":
        return _write_table(block, facts, load, depth)
    if (leaf := _write_leaf(kind, facts)) is not None:
        return leaf
    inner = _write_children(block, kind, load, depth)
    text = write_rich_text(find_list(facts, "rich_text"))
    if kind in _HEADINGS:
        return f"<{_HEADINGS[kind]}>{text}</{_HEADINGS[kind]}>{inner}\n"
    if kind in _LISTS:
        return f"<li>{text}{inner}</li>\n"
    if kind == "quote":
        return f"<blockquote><p>{text}</p>{inner}</blockquote>\n"
    return (f"<p>{text}</p>{inner}" if text else inner) + "\n"


def _write_leaf(kind: str, facts: NotionBlock) -> str | None:
    """Return a block in which no others lie; None for one of another kind."""
    if kind == "code":
        return f"<pre>{html.escape(_join_plain(find_list(facts, 'rich_text')))}</pre>\n"
    if kind == "equation":
        return f"<p>{html.escape(find_text(facts, 'expression'))}</p>\n"
    if kind in _LINKS:
        return f"<p>{_write_link(find_text(facts, 'url'), find_text(facts, 'url'))}</p>\n"
    if kind in _FILES:
        return f"<p>{write_rich_text(find_list(facts, 'caption'))}</p>\n"
    return None


def _write_children(block: NotionBlock, kind: str, load: LoadChildren, depth: int) -> str:
    """Return what lies in a block; pages that lie in it are documents of their own."""
    has_children = find_value(block, "has_children") is True
    if not has_children or kind in {"child_page", "child_database"} or depth >= DEEPEST_BLOCKS:
        return ""
    return write_blocks(load(find_text(block, "id")), load, depth + 1)


def _write_table(block: NotionBlock, facts: NotionBlock, load: LoadChildren, depth: int) -> str:
    if find_value(block, "has_children") is not True or depth >= DEEPEST_BLOCKS:
        return ""
    rows = []
    for number, row in enumerate(load(find_text(block, "id"))):
        cells = [
            write_rich_text(cell if isinstance(cell, list) else [])
            for cell in find_list(row, "table_row", "cells")
        ]
        is_head = number == 0 and find_value(facts, "has_column_header") is True
        name = "th" if is_head else "td"
        rows.append(f"<tr>{''.join(f'<{name}>{cell}</{name}>' for cell in cells)}</tr>")
    return f"<table>{''.join(rows)}</table>\n"


def write_rich_text(parts: Iterable[Any]) -> str:
    """Return a rich text as HTML: its words and links.

    >>> write_rich_text([{"plain_text": "a < b", "href": "https://x.example/?a&b"}])
    '<a href="https://x.example/?a&amp;b">a &lt; b</a>'
    """
    return "".join(
        _write_link(find_text(part, "href"), find_text(part, "plain_text")) for part in parts
    )


def _write_link(href: str, words: str) -> str:
    text = html.escape(words).replace("\n", "<br>")
    if href.startswith(("https://", "http://", "mailto:")) and len(href) <= _LONGEST_LINK:
        return f'<a href="{html.escape(href)}">{text}</a>'
    return text


def _join_plain(parts: Iterable[Any]) -> str:
    return "".join(find_text(part, "plain_text") for part in parts)


def find_page_name(page: NotionBlock) -> str:
    """Return the title of a page: that of its properties which is the title."""
    for value in find_facts(page, "properties").values():
        if find_text(value, "type") == "title":
            return _join_plain(find_list(value, "title"))
    return ""


def write_properties(page: NotionBlock) -> str:
    """Return the other properties of a page of a database, a paragraph each."""
    lines = []
    for name, value in find_facts(page, "properties").items():
        words = _read_property(value)
        if words:
            lines.append(f"<p><strong>{html.escape(str(name))}:</strong> {words}</p>\n")
    return "".join(lines)


def _read_property(value: Any) -> str:
    kind = find_text(value, "type")
    if kind == "rich_text":
        return write_rich_text(find_list(value, kind))
    if kind in {"url", "email", "phone_number", "number"}:
        number = find_value(value, kind)
        return html.escape(str(number)) if isinstance(number, str | int | float) else ""
    if kind in {"select", "status"}:
        return html.escape(find_text(value, kind, "name"))
    if kind == "multi_select":
        return html.escape(
            ", ".join(find_text(option, "name") for option in find_list(value, kind))
        )
    if kind == "date":
        days = (find_text(value, kind, "start"), find_text(value, kind, "end"))
        return html.escape(" – ".join(filter(None, days)))
    return ""
