"""Read what a workbook shows beside its cells: text boxes; charts and other drawings as counts."""

import re
from html import unescape

from ingest.parse.office import paragraph_text
from ingest.parse.office.chart_data import chart_title, find_chart
from ingest.parse.office.package import Package
from ingest.parse.office.unread_parts import UnreadParts
from ingest.parse.office.word_margins import strip_page_words
from ingest.parse.text_cleaning import clean_text, join_wrapped_lines
from ingest.parse.xml_tree import (
    Element,
    find_ancestor,
    find_child,
    local_name,
    read_attribute,
)

_WORKBOOK_SIGN = "["  # in a reference: the cells of another file
_OBJECTS = ("oleObject", "package")
_MARGINS_END = b"headerFooter>"
_MARGIN = re.compile(
    rb"<(?:\w{1,20}+:)?(?:odd|even|first)(?:Header|Footer)\b[^<>]{0,99}+>([^<>]{1,4000}+)<"
)
# Fonts, sizes and colours; the page's number, the file's or sheet's name, the date.
_MARGIN_CODE = re.compile(r'&(?:"[^"]{0,200}"|\d{1,3}|K[0-9A-Fa-f+-]{1,7}|.)', re.DOTALL)


class SheetDrawings:
    """Reads the drawings of worksheets, each once. unread: counts what is not read of them."""

    def __init__(self, package: Package, unread: UnreadParts) -> None:
        self._package = package
        self._unread = unread
        self._drawings: set[str] = set()  # that were read
        self._margins: set[str] = set()  # that were counted: sheets repeat them

    def read_sheet(self, part: str) -> list[str]:
        """Return the words that stand on a worksheet beside its cells, line by line."""
        name = part.lstrip("/")
        lines: list[str] = []
        for kind, target in self._package.read_relations(name).values():
            self._unread.add("object", int(kind in _OBJECTS))
            if kind == "drawing" and self._package.has_part(target):
                lines += self._read_drawing(target)
        if self._package.has_part(name):
            self._count_margins(self._package.archive.read_entry(name))
        return lines

    def count_chart_sheets(self) -> None:
        """Count what the sheets show that are charts and have no cells."""
        for part in dict.fromkeys(self._package.find_related(self._package.main, "chartsheet")):
            self._unread.add("box", len(self.read_sheet(part)))

    def _read_drawing(self, name: str) -> list[str]:
        if name in self._drawings:
            return []
        self._drawings.add(name)
        root = self._package.archive.parse_entry(name)
        self._unread.count_content(root)
        self._unread.add("struck", paragraph_text.count_struck_words(root))
        charts = dict.fromkeys(self._package.find_related(name, "chartEx"))
        self._unread.add("chart", len(charts))
        lines: list[str] = []
        for node in root.iter("{*}sp", "{*}pic", "{*}relIds", "{*}graphicFrame"):
            if find_ancestor(node, "Fallback") is not None:
                continue
            if local_name(node) == "relIds":
                self._unread.add("diagram")
                continue
            if local_name(node) == "graphicFrame":
                lines += self._read_chart(name, node)
                continue
            words = _read_shape(node)
            hidden = read_attribute(_find_properties(node), "hidden") in {"1", "true"}
            self._unread.add("shape", int(hidden))
            lines += [] if hidden else words
        return lines

    def _read_chart(self, part: str, frame: Element) -> list[str]:
        """Return a chart's title; of this workbook's own cells it says nothing that they do not."""
        content = find_child(frame, "graphic", "graphicData")
        chart = None if content is None else find_chart(self._package, part, content)
        if chart is None:
            return []
        references = [node.text or "" for node in chart.iter("{*}f")]
        if not references or any(_WORKBOOK_SIGN in reference for reference in references):
            self._unread.add("chart")
        words = join_wrapped_lines(clean_text(chart_title(chart))).strip()
        return [words] if words else []

    def _count_margins(self, data: bytes) -> None:
        """Count the headers and footers of printed pages that say more than names and numbers."""
        end = data.rfind(_MARGINS_END)
        begin = data.rfind(_MARGINS_END[:-1], 0, max(end, 0))
        for match in _MARGIN.finditer(data, max(begin, 0), max(end, 0)):
            text = unescape(match[1].decode(errors="replace"))
            words = strip_page_words(_MARGIN_CODE.sub(" ", text))
            if any(map(str.isalnum, words)) and words not in self._margins:
                self._margins.add(words)
                self._unread.add("margin")


def _find_properties(shape: Element) -> Element | None:
    return next(shape.iter("{*}cNvPr"), None)


def _read_shape(shape: Element) -> list[str]:
    """Return the lines of a text box, or what describes a picture."""
    if local_name(shape) == "pic":
        properties = _find_properties(shape)
        words = "" if properties is None else paragraph_text.describe_picture(properties)
        return [words] if words else []
    paragraphs = map(paragraph_text.read_paragraph, shape.iter("{*}p"))
    return [words for words in paragraphs if words.strip()]
