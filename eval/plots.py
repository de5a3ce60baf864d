"""Draw plots as SVG without a library: no network, readable in light and dark."""

from collections.abc import Sequence
from html import escape

WIDTH = 380
HEIGHT = 260
LEFT = 46
BOTTOM = 40
TOP = 12
RIGHT = 12
Point = tuple[float, float]


def draw_axes(body: Sequence[str], title: str, axes: tuple[str, str], x_top: float = 1) -> str:
    """Draw the axes around a plot: x from 0 to ``x_top``, y from 0 to 1."""
    lines = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
    ]
    for step in range(5):
        share = step / 4
        x, y = map_point((share, 0))[0], map_point((0, share))[1]
        lines.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{share:.3g}</text>'
            f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">'
            f"{share * x_top:.3g}</text>"
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    lines += body
    lines.append(
        f'<text class="axis" x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">'
        f"{escape(axes[0])}</text>"
        f'<text class="axis" transform="translate(12 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" '
        f'text-anchor="middle">{escape(axes[1])}</text></svg>'
    )
    return "\n".join(lines)


def map_point(point: Point, x_top: float = 1) -> Point:
    """Return the place of a point of the plot in the picture."""
    x = LEFT + point[0] / (x_top or 1) * (WIDTH - LEFT - RIGHT)
    return x, HEIGHT - BOTTOM - point[1] * (HEIGHT - TOP - BOTTOM)


def draw_line(points: Sequence[Point], style: str, x_top: float = 1) -> str:
    """Draw points joined by lines."""
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in (map_point(p, x_top) for p in points))
    return f'<polyline class="{style}" points="{drawn}"/>'


def plot_risk_coverage(coverage: Sequence[float], risk: Sequence[float]) -> str:
    """Plot the share of wrong answers against the share of questions answered."""
    points = list(zip(coverage, risk, strict=True))
    aim = draw_line([(0, 0.1), (1, 0.1)], "aim")
    axes = ("share of questions answered, surest first", "share of them wrong")
    return draw_axes([aim, draw_line(points, "line")], "Risk over coverage", axes)


def plot_reliability(bins: Sequence[tuple[float, float, int]]) -> str:
    """Plot the share right against the confidence; a dot's size shows its number of cases."""
    most = max((n for _, _, n in bins), default=1)
    dots = []
    for sure, right, n in bins:
        x, y = map_point((sure, right))
        title = f"{n} cases: confidence {sure:.2f}, right {right:.2f}"
        size = 3 + 7 * (n / most) ** 0.5
        dots.append(
            f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{size:.1f}">'
            f"<title>{title}</title></circle>"
        )
    aim = draw_line([(0, 0), (1, 1)], "aim")
    return draw_axes([aim, *dots], "Reliability", ("confidence", "share right"))


def plot_latency(seconds: Sequence[float]) -> str:
    """Plot the number of answers over the seconds they took."""
    ordered = sorted(seconds)
    top = ordered[-1] if ordered else 1.0
    points = [(0.0, 0.0)]
    for at, value in enumerate(ordered, start=1):
        points += [(value, (at - 1) / len(ordered)), (value, at / len(ordered))]
    line = draw_line(points, "line", x_top=top)
    return draw_axes([line], "Latency", ("seconds", "share of answers"), x_top=top)


def plot_bars(rows: Sequence[tuple[str, float, float, float]]) -> str:
    """Draw shares with their intervals, one under the other."""
    height = 26
    left = 200
    right = 60
    width = 760
    lines = [f'<svg class="bars" viewBox="0 0 {width} {len(rows) * height + 4}" role="img">']
    span = width - left - right
    for at, (name, value, low, high) in enumerate(rows):
        y = at * height + 14
        x, a, b = (left + span * share for share in (value, low, high))
        lines.append(
            f'<text x="{left - 10}" y="{y + 4}" text-anchor="end">{escape(name)}</text>'
            f'<line class="grid" x1="{left}" x2="{left + span}" y1="{y}" y2="{y}"/>'
            f'<line class="whisker" x1="{a:.1f}" x2="{b:.1f}" y1="{y}" y2="{y}"/>'
            f'<circle class="dot" cx="{x:.1f}" cy="{y}" r="5"/>'
            f'<text x="{width - right + 12}" y="{y + 4}">{value:.3f}</text>'
        )
    return "\n".join([*lines, "</svg>"])
