"""Read the numbers behind a chart of an office document, as a table."""

from ingest.parse import table_rows
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.office.package import Package
from ingest.parse.xml_tree import Element, local_name, read_attribute

MOST_POINTS = 1000
LONG_NUMBER = 16  # signs; shorter ones were written so
MOST_NUMBER_SIGNS = 30


def find_chart(package: Package, part: str, frame: Element) -> Element | None:
    """Return the chart that a frame of a part shows; None where it is not there."""
    relations = package.read_relations(part)
    for node in frame:
        kind, name = relations.get(read_attribute(node, "id"), ("", ""))
        if local_name(node) == "chart" and kind == "chart" and package.has_part(name):
            return package.archive.parse_entry(name)
    return None


def write_chart(chart: Element, builder: DocumentBuilder) -> bool:
    """Write a chart's title and numbers; False where it has no numbers."""
    builder.add_paragraph(chart_title(chart))
    rows = chart_rows(chart)
    if len(rows) > 1:
        table_rows.write_table(builder, rows[1:], header=rows[0])
    return len(rows) > 1


def chart_rows(chart: Element) -> list[list[str]]:
    """Return a row per category and a column per series; the first row names the series."""
    series = list(chart.iter("{*}ser"))
    columns = [
        (
            _read_points(item, "tx"),
            _read_points(item, "cat", "xVal"),
            _read_points(item, "val", "yVal"),
        )
        for item in series
    ]
    names = next((names for _, names, _ in columns if names), {})
    header = ["", *(" ".join(title.values()) for title, _, _ in columns)]
    indexes = sorted({n for _, _, values in columns for n in values})[:MOST_POINTS]
    return [
        header,
        *([names.get(n, ""), *(values.get(n, "") for *_, values in columns)] for n in indexes),
    ]


def chart_title(chart: Element) -> str:
    """Return the chart's title; "" if it has none of its own."""
    node = next(chart.iter("{*}title"), None)
    return "" if node is None else "".join(run.text or "" for run in node.iter("{*}t"))


def _read_points(series: Element, *parts: str) -> dict[int, str]:
    """Map the index of each point to what is stored of it."""
    values: dict[int, str] = {}
    for part in series:
        if local_name(part) in parts:
            for point in part.iter("{*}pt"):
                index = point.get("idx", "")
                text = next((value_node.text or "" for value_node in point.iter("{*}v")), "")
                if index.isdecimal() and len(index) < 7:  # noqa: PLR2004
                    values[int(index)] = _round_number(text)
    return values


def _round_number(text: str) -> str:
    """Write a number without the last digits, which binary fractions add.

    >>> _round_number("4.4000000000000004"), _round_number("Q1")
    ('4.4', 'Q1')
    """
    if len(text) < LONG_NUMBER or len(text) > MOST_NUMBER_SIGNS:
        return text
    try:
        return format(float(text), ".12g")
    except ValueError:
        return text
