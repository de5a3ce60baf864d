"""Read the numbers behind a chart of an office document, as a table."""

from ingest.parse.xml_tree import Element, local_name

MOST_POINTS = 1000


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
                    values[int(index)] = text
    return values
