"""Write what a frame of an office document shows: the words of SmartArt, a chart's numbers."""

from collections import defaultdict

from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.office import chart_data, paragraph_text
from ingest.parse.office.package import Package
from ingest.parse.office.unread_parts import UnreadParts
from ingest.parse.text_cleaning import clean_text, join_wrapped_lines
from ingest.parse.xml_tree import Element, local_name, read_attribute

_SHOWN_POINTS = frozenset({"", "node", "asst"})  # others lay out, join or hold the drawing
MOST_DIAGRAM_POINTS = 2_000
MOST_DIAGRAM_DEPTH = 8  # levels that are indented


def write_drawing(
    package: Package, part: str, frame: Element, builder: DocumentBuilder, unread: UnreadParts
) -> None:
    """Write the SmartArt drawing or the chart of a frame; count it where it holds no words."""
    if any(local_name(inner) == "relIds" for inner in frame):
        lines = read_diagram(package, part, frame)
        builder.add_list(lines)
        unread.add("diagram", int(not lines))
        return
    chart = chart_data.find_chart(package, part, frame)
    unread.add("chart", int(chart is None or not chart_data.write_chart(chart, builder)))


def read_diagram(package: Package, part: str, frame: Element) -> list[str]:
    """Return the lines of the drawing that a frame of a part shows; none where it has no words."""
    names = [read_attribute(node, "dm") for node in frame.iter("{*}relIds")]
    relations = package.read_relations(part)
    lines: list[str] = []
    for name in names:
        kind, target = relations.get(name, ("", ""))
        if kind == "diagramData" and package.has_part(target):
            lines += list_points(package.archive.parse_entry(target))
    return lines


def list_points(model: Element) -> list[str]:
    """Return the points of a drawing's model as list items, indented below their parents."""
    texts: dict[str, str] = {}
    for point in model.iter("{*}pt"):
        if read_attribute(point, "type") in _SHOWN_POINTS and len(texts) < MOST_DIAGRAM_POINTS:
            paragraphs = map(paragraph_text.read_paragraph, point.iter("{*}p"))
            text = " ".join(filter(None, map(join_wrapped_lines, map(clean_text, paragraphs))))
            texts[read_attribute(point, "modelId")] = text
    children: dict[str, list[tuple[int, str]]] = defaultdict(list)
    below: set[str] = set()
    for link in model.iter("{*}cxn"):
        if read_attribute(link, "type") in {"", "parOf"}:
            parent, child = (read_attribute(link, name) for name in ("srcId", "destId"))
            if parent in texts and child in texts:
                below.add(child)
            order = read_attribute(link, "srcOrd")
            place = int(order) if order.isdecimal() and len(order) < 7 else 0  # noqa: PLR2004
            children[parent].append((place, child))
    return _indent_points(texts, children, below)


def _indent_points(
    texts: dict[str, str], children: dict[str, list[tuple[int, str]]], below: set[str]
) -> list[str]:
    """Write each point once, before its children, even where the links run in a circle."""
    roots = [child for parent, links in children.items() if parent not in texts
             for _, child in sorted(links)]  # fmt: skip
    waiting = [
        (name, 0) for name in [*roots, *(name for name in texts if name not in below), *texts]
    ]
    waiting.reverse()
    lines: list[str] = []
    written: set[str] = set()
    while waiting:
        name, depth = waiting.pop()
        if name in written or name not in texts:
            continue
        written.add(name)
        if texts[name]:
            lines.append(f"{'  ' * min(depth, MOST_DIAGRAM_DEPTH)}- {texts[name]}")
        deeper = depth + bool(texts[name])
        waiting += [(child, deeper) for _, child in sorted(children[name], reverse=True)]
    return lines


def find_frames(node: Element, *names: str) -> list[Element]:
    """Return the frames in an element that show a drawing of these names: ``relIds``, ``chart``."""
    return [
        frame
        for frame in node.iter("{*}graphicData")
        if any(local_name(inner) in names for inner in frame)
    ]
