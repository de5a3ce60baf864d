"""The numbers behind a chart of an office document, as a table: what a reader sees drawn."""

from ingest.parse.ooxml import Element
from ingest.parse.zipped import local

MOST_POINTS = 1000


def rows(chart: Element) -> list[list[str]]:
    """Give a row per category and a column per series; the first row names the series."""
    series = list(chart.iter("{*}ser"))
    columns = [
        (_points(one, "tx"), _points(one, "cat", "xVal"), _points(one, "val", "yVal"))
        for one in series
    ]
    names = next((names for _, names, _ in columns if names), {})
    header = ["", *(" ".join(title.values()) for title, _, _ in columns)]
    marked = sorted({n for _, _, values in columns for n in values})[:MOST_POINTS]
    return [
        header,
        *([names.get(n, ""), *(values.get(n, "") for *_, values in columns)] for n in marked),
    ]


def title(chart: Element) -> str:
    """Give the chart's title; "" if it has none of its own."""
    node = next(chart.iter("{*}title"), None)
    return "" if node is None else "".join(one.text or "" for one in node.iter("{*}t"))


def _points(series: Element, *parts: str) -> dict[int, str]:
    """Map the index of each point to what is stored of it."""
    found: dict[int, str] = {}
    for part in series:
        if local(part) in parts:
            for point in part.iter("{*}pt"):
                index = point.get("idx", "")
                said = next((one.text or "" for one in point.iter("{*}v")), "")
                if index.isdecimal() and len(index) < 7:  # noqa: PLR2004
                    found[int(index)] = said
    return found
