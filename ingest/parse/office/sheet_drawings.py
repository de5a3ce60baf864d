"""Read what lies over the cells of a sheet: the words of its shapes, pictures, charts.

A chart of this workbook's own cells says nothing that they do not say but its title.
"""

from collections.abc import Iterator

from ingest.parse.office.chart_data import chart_title, find_chart
from ingest.parse.office.package import Package
from ingest.parse.office.paragraph_text import (
    count_struck_words,
    describe_picture,
    read_paragraph,
)
from ingest.parse.office.unread_parts import UnreadParts
from ingest.parse.text_cleaning import clean_text, join_wrapped_lines
from ingest.parse.xml_tree import Element, find_child, local_name, read_attribute

MOST_SHAPES = 10_000  # of a sheet
_SHAPES = ("{*}sp", "{*}pic", "{*}graphicFrame")
_WORKBOOK_SIGN = "["  # in a reference: the cells of another file


def read_sheet_drawings(package: Package, part: str, unread: UnreadParts) -> list[str]:
    """Return the words over the cells of a worksheet, in their order; count what is not read."""
    words: list[str] = []
    for name in dict.fromkeys(package.find_related(part, "drawing")):
        if package.has_part(name):
            root = package.archive.parse_entry(name)
            unread.count_content(root)
            unread.add("struck", count_struck_words(root))
            for shape in _iterate_shapes(root, unread):
                words += _read_shape(package, name, shape, unread)
                if len(words) > MOST_SHAPES:
                    return words
    return words


def _iterate_shapes(root: Element, unread: UnreadParts) -> Iterator[Element]:
    for shape in root.iter(*_SHAPES):
        if next(shape.iterancestors("{*}Fallback"), None) is not None:
            continue
        if read_attribute(next(shape.iter("{*}cNvPr"), None), "hidden") in {"1", "true"}:
            unread.add("shape")
            continue
        yield shape


def _read_shape(package: Package, part: str, shape: Element, unread: UnreadParts) -> Iterator[str]:
    name = local_name(shape)
    if name == "pic":
        yield from _tidy(describe_picture(next(shape.iter("{*}cNvPr"), shape)))
    elif name == "sp":
        for paragraph in shape.iter("{*}p"):
            yield from _tidy(read_paragraph(paragraph))
    else:
        yield from _read_frame(package, part, shape, unread)


def _read_frame(package: Package, part: str, frame: Element, unread: UnreadParts) -> Iterator[str]:
    content = find_child(frame, "graphic", "graphicData")
    if content is None:
        return
    if next(content.iter("{*}relIds"), None) is not None:
        unread.add("diagram")
        return
    chart = find_chart(package, part, content)
    if chart is None:
        return
    yield from _tidy(chart_title(chart))
    references = [node.text or "" for node in chart.iter("{*}f")]
    if not references or any(_WORKBOOK_SIGN in reference for reference in references):
        unread.add("chart")


def _tidy(text: str) -> Iterator[str]:
    words = join_wrapped_lines(clean_text(text)).strip()
    if words:
        yield words
