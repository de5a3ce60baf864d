"""Find the links of a sheet's cells: the list of hyperlinks after its rows, and formulas."""

import io
import re
from typing import Any

from lxml import etree

from ingest.errors import Unreadable
from ingest.parse import xml_tree
from ingest.parse.office.package import Package
from ingest.parse.xml_tree import Element, local_name, read_attribute

CellPlace = tuple[int, int]
"""Row and column of a cell, from 1."""

MOST_CELL_LINKS = 20_000  # of a sheet
_WIDEST_RANGE = 50  # cells of a hyperlink over several; a wider one leads from its first cell
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})(?::([A-Z]{1,3})([0-9]{1,7}))?")
_FORMULA = "HYPERLINK("


def read_cell_links(package: Package, sheet: Any) -> dict[CellPlace, str]:
    """Return the addresses that the cells of a sheet lead to. Raises Unreadable."""
    name = str(getattr(sheet, "_worksheet_path", "")).lstrip("/")
    if not package.has_part(name):
        return {}
    data = package.archive.read_entry(name)
    has_formulas = _FORMULA.encode() in data
    if b"hyperlink" not in data and not has_formulas:  # most sheets
        return {}
    xml_tree.reject_entities(data)
    addresses = package.read_addresses(name)
    links: dict[CellPlace, str] = {}
    parsing = etree.iterparse(
        io.BytesIO(data),
        tag=("{*}hyperlink", "{*}row", *(("{*}c",) if has_formulas else ())),
        resolve_entities=False,
        no_network=True,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        for _, node in parsing:
            if local_name(node) == "row":
                _forget_rows(node)
                continue
            address = _read_target(node, addresses)
            places = _list_places(read_attribute(node, "r" if local_name(node) == "c" else "ref"))
            if address and len(links) < MOST_CELL_LINKS:
                links.update(dict.fromkeys(places, address))
    except etree.XMLSyntaxError as error:
        raise Unreadable("damaged: a sheet is no valid XML") from error
    return links


def _forget_rows(row: Element) -> None:
    """Free a row and those before it: a sheet may have millions of cells."""
    row.clear()
    above = row.getparent()
    while above is not None and row.getprevious() is not None:
        del above[0]


def _read_target(node: Element, addresses: dict[str, str]) -> str:
    if local_name(node) == "hyperlink":
        return addresses.get(read_attribute(node, "id"), "")
    formula = next((inner.text or "" for inner in node if local_name(inner) == "f"), "")
    return read_formula_address(formula)


def read_formula_address(formula: str) -> str:
    """Return the address of a formula that is a link with its address written out; else "".

    >>> read_formula_address('HYPERLINK("https://a.example","Form")'), read_formula_address("A1+1")
    ('https://a.example', '')
    >>> read_formula_address('HYPERLINK("https://a.example/"&A1,"Form")')
    ''
    """
    rest = formula.strip().removeprefix("=")
    if not rest.upper().startswith(_FORMULA):
        return ""
    rest = rest[len(_FORMULA) :].strip()
    address, _, after = rest[1:].partition('"') if rest.startswith('"') else ("", "", "")
    if not after.lstrip().startswith((",", ";", ")")):
        return ""  # only the beginning of an address that is computed
    return "" if address.startswith(("#", "[")) else address  # a place in this book, or another


def _list_places(reference: str) -> list[CellPlace]:
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        return []
    top, left = int(match[2]), _read_column(match[1])
    bottom, right = (int(match[4]), _read_column(match[3])) if match[3] else (top, left)
    if not 0 < (bottom - top + 1) * (right - left + 1) <= _WIDEST_RANGE:
        return [(top, left)]
    return [(row, column) for row in range(top, bottom + 1) for column in range(left, right + 1)]


def _read_column(letters: str) -> int:
    column = 0
    for letter in letters:
        column = 26 * column + ord(letter) - ord("A") + 1
    return column
