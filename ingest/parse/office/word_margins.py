"""Read what stands in the margins of a Word document: headers and footers, each line once."""

import re
from collections.abc import Iterable, Iterator

from ingest.parse.office import paragraph_text
from ingest.parse.office.package import Package, is_on
from ingest.parse.office.word_styles import BLOCK_WRAPPERS, iterate_children, list_inner_blocks
from ingest.parse.office.word_tables import list_table_rows
from ingest.parse.text_cleaning import clean_text, format_row, join_wrapped_lines
from ingest.parse.xml_tree import Element, find_child, local_name, read_attribute

_MARGINS = ("header", "footer")
_PAGE_FIELD = re.compile(r"\s*(?:PAGE|NUMPAGES|SECTIONPAGES|SECTION)\b", re.IGNORECASE)
# What is left of "Page 3 of 10" and 第3页 共10页 without the numbers.
_PAGE_WORDS = (
    "page pages of p. pg. / - – — | · seite von página pagina de sur di pág. 第 页 頁 共 第页 共页"
    " 第頁 共頁 第页共页 第页/共页 第頁共頁 第页,共页 第页，共页 页共页 ページ"
)
_PAGE_WORD_SET = frozenset(_PAGE_WORDS.split())
MOST_MARGIN_LINES = 500
LONGEST_FIELD_CODE = 100  # characters of it that are looked at


class MarginTexts:
    """Collects the headers and footers that sections show.

    unread: names or relations of those that are missing or beyond the most lines.
    """

    def __init__(self, package: Package) -> None:
        self._package = package
        self._parts: dict[str, dict[str, None]] = {margin: {} for margin in _MARGINS}
        self.unread: set[str] = set()
        self._relations = package.read_relations(package.main)
        settings = package.parse_part("settings")
        self._even_pages = is_on(find_child(settings, "evenAndOddHeaders"))

    def add_section(self, section: Element) -> None:
        """Take the headers and footers of a section that some page of it shows."""
        visibility = {"default": True, "even": self._even_pages}
        visibility["first"] = is_on(find_child(section, "titlePg"))
        for margin in _MARGINS:
            for reference in iterate_children(section, f"{margin}Reference"):
                if visibility.get(read_attribute(reference, "type"), True):
                    relation = read_attribute(reference, "id")
                    kind, name = self._relations.get(relation, ("", ""))
                    if kind == margin and self._package.has_part(name):
                        self._parts[margin][name] = None
                    else:
                        self.unread.add(relation)

    def list_lines(self) -> list[str]:
        """Return the lines of headers, then of footers; page numbers alone are none."""
        lines: dict[str, None] = {}
        for margin in _MARGINS:
            for name in self._parts[margin]:
                root = self._package.archive.parse_entry(name)
                for line in _iterate_lines(root):
                    if not any(map(str.isalnum, line)):
                        continue
                    if len(lines) < MOST_MARGIN_LINES:
                        lines[line] = None
                    elif line not in lines:
                        self.unread.add(name)
                        break
        return list(lines)


def _iterate_lines(blocks: Iterable[Element]) -> Iterator[str]:
    for node in blocks:
        name = local_name(node)
        if name == "p":
            yield from _read_lines(node)
            for box in paragraph_text.find_text_boxes(node):
                for paragraph in box.iter("{*}p"):
                    yield from _read_lines(paragraph)
        elif name == "tbl":
            for row in list_table_rows(node):
                cells = (cell.iter("{*}p") for cell in row.cells)
                texts = [" ".join(line for p in cell for line in _read_lines(p)) for cell in cells]
                yield format_row(texts)
        elif name in BLOCK_WRAPPERS:
            yield from _iterate_lines(list_inner_blocks(node))


def _read_lines(paragraph: Element) -> Iterator[str]:
    numbered = _drop_page_fields(paragraph)
    for line in clean_text(paragraph_text.read_paragraph(paragraph)).split("\n"):
        text = join_wrapped_lines(line)
        yield strip_page_words(text) if numbered else text


def strip_page_words(text: str) -> str:
    """Return a line without the words around its page numbers, which are taken out already.

    >>> strip_page_words("Terms of rent - page of")
    'Terms of rent'
    """
    words = text.split()
    last = len(words)
    while last and words[last - 1].lower() in _PAGE_WORD_SET:
        last -= 1
    first = 0
    while first < last and words[first].lower() in _PAGE_WORD_SET:
        first += 1
    return " ".join(words[first:last])


def _drop_page_fields(paragraph: Element) -> bool:
    """Remove the page numbers that fields show, and tell whether there were any."""
    numbered = False
    for simple in list(paragraph.iter("{*}fldSimple")):
        if _PAGE_FIELD.match(read_attribute(simple, "instr")):
            simple.clear()
            numbered = True
    field: str | None = None  # the code of the field that is open
    for node in list(paragraph.iter("{*}fldChar", "{*}instrText", "{*}t")):
        if local_name(node) == "fldChar":
            field = "" if read_attribute(node, "fldCharType") == "begin" else field
            field = None if read_attribute(node, "fldCharType") == "end" else field
        elif field is not None and local_name(node) == "instrText":
            field = (field + (node.text or ""))[:LONGEST_FIELD_CODE]
        elif field is not None and _PAGE_FIELD.match(field):
            node.text = ""
            numbered = True
    return numbered
