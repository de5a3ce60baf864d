"""Turn the blocks of a Feishu document (docx) into HTML."""

import html
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

from ingest.connectors.json_values import find_facts, find_list, find_text, find_value

DocxBlock = Mapping[str, Any]

DEEPEST_DOCX: Final = 30
_HEADINGS: Final = range(3, 12)
_BULLET, _ORDERED, _CODE, _QUOTE, _TODO, _TABLE = 12, 13, 14, 15, 17, 31
_LISTS: Final = {_BULLET: "ul", _TODO: "ul", _ORDERED: "ol"}
_CONTENTS: Final = {
    1: "page",
    2: "text",
    _BULLET: "bullet",
    _ORDERED: "ordered",
    _CODE: "code",
    _QUOTE: "quote",
    _TODO: "todo",
}
_MOST_COLUMNS = 1_000
_LONGEST_LINK = 2_048


class DocxWriter:
    """Writes the blocks of one document, which come as a list with the ids of what lies in each."""

    def __init__(self, blocks: Iterable[DocxBlock]) -> None:
        self._blocks = {find_text(block, "block_id"): block for block in blocks}
        self._written: set[str] = set()  # a block in two places, or in itself, is written once

    def write_document(self) -> str:
        """Return all that lies in the first block, which is the document."""
        root = next(iter(self._blocks), "")
        self._written.add(root)
        return self._write_children(self._blocks.get(root, {}), 0)

    def find_title(self) -> str:
        """Return the title of the document."""
        root = next(iter(self._blocks.values()), {})
        return "".join(_iter_words(find_list(root, "page", "elements")))

    def _write_children(self, block: DocxBlock, depth: int) -> str:
        names = (name for name in find_list(block, "children") if isinstance(name, str))
        return "".join(self._write_lists(names, depth)) if depth < DEEPEST_DOCX else ""

    def _write_lists(self, names: Iterable[str], depth: int) -> Iterator[str]:
        """Put items that follow each other into one list."""
        open_list = ""
        for name in names:
            block = self._take_block(name)
            if block is None:
                continue
            kind = find_value(block, "block_type")
            tag = _LISTS.get(kind, "") if isinstance(kind, int) else ""
            if tag != open_list:
                yield f"</{open_list}>" if open_list else ""
                yield f"<{tag}>" if tag else ""
                open_list = tag
            yield self._write_block(block, kind if isinstance(kind, int) else 0, depth)
        yield f"</{open_list}>" if open_list else ""

    def _take_block(self, name: str) -> DocxBlock | None:
        if name in self._written or name not in self._blocks:
            return None
        self._written.add(name)
        return self._blocks[name]

    def _write_block(self, block: DocxBlock, kind: int, depth: int) -> str:
        if kind == _TABLE:
            return self._write_table(block, depth)
        inner = self._write_children(block, depth + 1)
        name = f"heading{kind - 2}" if kind in _HEADINGS else _CONTENTS.get(kind, "")
        elements = find_list(block, name, "elements") if name else []
        text = write_elements(elements)
        if kind in _HEADINGS:
            level = min(6, kind - 1)
            return f"<h{level}>{text}</h{level}>{inner}\n"
        if kind in _LISTS:
            return f"<li>{text}{inner}</li>\n"
        if kind == _CODE:
            return f"<pre>{html.escape(''.join(_iter_words(elements)))}</pre>\n"
        if kind == _QUOTE:
            return f"<blockquote><p>{text}</p></blockquote>{inner}\n"
        return (f"<p>{text}</p>{inner}" if text else inner) + "\n"

    def _write_table(self, block: DocxBlock, depth: int) -> str:
        columns = find_value(block, "table", "property", "column_size")
        if not isinstance(columns, int) or not 0 < columns <= _MOST_COLUMNS:
            return ""
        is_head = find_value(block, "table", "property", "header_row") is True
        rows: list[str] = []
        cells: list[str] = []
        for name in find_list(block, "table", "cells"):
            cell = self._take_block(name) if isinstance(name, str) else None
            tag = "th" if is_head and not rows else "td"
            inner = self._write_children(cell, depth + 1) if cell else ""
            cells.append(f"<{tag}>{inner}</{tag}>")
            if len(cells) == columns:
                rows.append(f"<tr>{''.join(cells)}</tr>")
                cells = []
        return f"<table>{''.join(rows)}</table>\n"


def write_elements(elements: Iterable[Any]) -> str:
    """Return the elements of a text as HTML: words, links, mentioned documents, formulas.

    >>> link = {"link": {"url": "https%3A%2F%2Fa.example%2F"}}
    >>> write_elements([{"text_run": {"content": "a<b", "text_element_style": link}}])
    '<a href="https://a.example/">a&lt;b</a>'
    """
    return "".join(map(_write_element, elements))


def _write_element(element: Any) -> str:
    words = html.escape("".join(_iter_words([element]))).replace("\n", "<br>")
    run = find_facts(element, "text_run")
    address = find_text(run, "text_element_style", "link", "url")
    address = unquote(address or find_text(element, "mention_doc", "url"))
    if address.startswith(("https://", "http://", "mailto:")) and len(address) <= _LONGEST_LINK:
        return f'<a href="{html.escape(address)}">{words}</a>'
    return words


def _iter_words(elements: Iterable[Any]) -> Iterator[str]:
    for element in elements:
        yield find_text(element, "text_run", "content")
        yield find_text(element, "mention_doc", "title")
        yield find_text(element, "equation", "content")
