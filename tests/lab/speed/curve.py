"""Draw how time and memory of an ingest grow with the size of a collection.

    python -m tests.lab.speed.curve --megabytes 4 16 64 256
    python -m tests.lab.speed.curve --megabytes 1 2 4 --vectors

Every size is a folder of Markdown of that many bytes, no sentence of which comes twice, taken into
an empty home by a process of its own. Without ``--vectors`` they are switched off (``[embed]
model = "none"``), and the text is English and Chinese, a file each in turn: what is measured is
parsing, splitting, words and writing. With it the text is English, and embedding decides. The plot
lies beside the results.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from eval.plots import draw_axes, draw_line
from indexes.embedding.embedder import EmbedOptions, open_embedder
from tests.lab.quality.corpora import run_watched
from tests.lab.results import RESULTS, write_section

FILE = 200_000  # bytes of a file, about
WORDS = 30_000  # of the vocabulary; drawn as words of a language are, the n-th at 1 / n
OFF = 'model = "none"\n'
STYLE = """<style>text{font:10px sans-serif;fill:#555}polyline{fill:none;stroke:#2563eb;
stroke-width:2}.aim{stroke:#999;stroke-dasharray:4 4}.grid{stroke:#ccc}</style>"""


@dataclass(frozen=True, slots=True)
class Point:
    """One size: bytes of text, seconds, peak MB of the process tree, and what came of it.

    computed: seconds of all cores, which others on the machine hardly change. load: the average
    of the minute before.
    """

    size: int
    seconds: float
    peak: float
    documents: int
    chunks: int
    vectors: int
    computed: float
    load: float

    def row(self, first: "Point") -> str:
        """Write a table row; against ``first``, a straight line is 1.00."""
        straight = (self.computed / first.computed) / (self.size / first.size)
        cells = [f"{self.size / 1e6:,.0f}", f"{self.documents:,}", f"{self.chunks:,}"]
        cells += [
            f"{self.vectors:,}",
            f"{self.seconds:,.1f}",
            f"{self.size / 1e6 / self.seconds:.2f}",
            f"{self.computed:,.1f}",
        ]
        return f"| {' | '.join(cells)} | {straight:.2f} | {self.peak:,.0f} | {self.load:.1f} |"


def texts(size: int, seed: int, *, english: bool) -> Iterator[str]:
    """Give texts of Markdown until they hold so many bytes: English, and Chinese in turn."""
    first = bodies(seed, chinese=False)
    second = bodies(seed, chinese=True)
    drawn = first if english else chain.from_iterable(zip(first, second, strict=True))
    while size > 0:
        body = next(drawn)
        size -= len(body.encode())
        yield body


def bodies(seed: int, *, chinese: bool) -> Iterator[str]:
    """Give texts of Markdown in one language, without end."""
    dice = np.random.default_rng(seed)
    if chinese:
        signs = [chr(c) for c in dice.permutation(np.arange(0x4E00, 0x4E00 + 3_000))]
        pairs = dice.integers(0, len(signs), (WORDS, 2))
        words = [signs[a] + signs[b] for a, b in pairs]
        gap = ""
        stop = "。"
    else:
        parts = ["ba", "co", "di", "fu", "ge", "ho", "ka", "le", "mi", "no", "pe", "ru", "sa", "ti"]
        drawn = dice.integers(0, len(parts), (WORDS, 3))
        words = ["".join(parts[i] for i in row) for row in drawn]
        gap = " "
        stop = "."
    odds = np.cumsum(1 / np.arange(1, WORDS + 1))
    table = np.array(words)
    while True:
        yield _body(dice, table, odds / odds[-1], gap, stop)


def _body(
    dice: np.random.Generator, words: np.ndarray, odds: np.ndarray, gap: str, stop: str
) -> str:
    lines, size = [f"# {gap.join(words[np.searchsorted(odds, dice.random(3))])}"], 0
    while size < FILE:
        if len(lines) % 8 == 0:
            lines.append(f"## {gap.join(words[np.searchsorted(odds, dice.random(4))])}")
        drawn = words[np.searchsorted(odds, dice.random((6, 14)))]
        lines.append(gap.join(f"{gap.join(row)}{stop}" for row in drawn))
        size += len(lines[-1].encode())
    return "\n\n".join(lines) + "\n"


def measure(megabytes: float, models: Path, *, vectors: bool) -> Point:
    """Write a folder, take it in, and remove both."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "kb")
        home = Path(place, "home")
        folder.mkdir()
        home.mkdir()
        size = 0
        cached = f"[embed]\ncache = {json.dumps(str(models.absolute()))}\n"
        (home / "own.toml").write_text(cached + ("" if vectors else OFF), encoding="utf-8")
        for n, body in enumerate(texts(int(megabytes * 1e6), int(megabytes), english=vectors)):
            (folder / f"{n}.md").write_text(body, encoding="utf-8")
            size += len(body.encode())
        command = [sys.executable, "-m", "ragdesk", "--home", str(home)]
        command += ["--config", str(home / "own.toml"), "ingest", str(folder), "--json"]
        load = os.getloadavg()[0]
        before = _computed()
        output, seconds, peak = run_watched(command)
    report = json.loads(output)
    spent = _computed() - before
    counts = (report["documents"], report["chunks"], report["vectors"])
    return Point(size, seconds, peak, *counts, spent, load)


def _computed() -> float:
    """Give the seconds that ended children of this process, and theirs, computed."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def drawn(points: Sequence[Point], title: str) -> str:
    """Plot seconds of CPU against size, beside the straight line through the first point."""
    most = max(p.size for p in points)
    top = max(p.computed for p in points)
    reach = points[0].computed * most / points[0].size
    top = max(top, reach)
    curve = [(0.0, 0.0), *((p.size / 1e6, p.computed / top) for p in points)]
    lines = [draw_line([(0, 0), (most / 1e6, reach / top)], "aim", most / 1e6)]
    lines.append(draw_line(curve, "line", most / 1e6))
    axes = ("MB of text (dashed: a straight line)", f"CPU seconds, of {top:,.0f}")
    return (
        draw_axes(lines, title, axes, most / 1e6)
        .replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
        .replace("<title>", f"{STYLE}<title>", 1)
    )


def written(points: Sequence[Point], *, vectors: bool, note: str) -> None:
    """Write the section and the plot of what was measured so far."""
    title = f"Ingest by size, {'with vectors' if vectors else 'words only'}"
    file = RESULTS.with_name(f"curve-{'vectors' if vectors else 'words'}.svg")
    file.write_text(drawn(points, title) + "\n", encoding="utf-8")
    rows = "\n".join(point.row(points[0]) for point in points)
    body = f"""
Whole processes. CPU s: computed by all cores together. Against the line: those seconds a MB, the
first size being 1. Peak: of the process tree. Load: the average of a minute before. {note}

| MB of text | documents | chunks | vectors | s | MB/s | CPU s | against the line | peak MB | load |
|---|---|---|---|---|---|---|---|---|---|
{rows}

![{title}]({file.name})
"""
    sizes = " ".join(f"{point.size / 1e6:.0f}" for point in points)
    command = f"python -m tests.lab.speed.curve --megabytes {sizes}"
    write_section(title, command + (" --vectors" if vectors else ""), body)


def main() -> None:
    """Measure every size; the section is written after each, so that nothing is lost."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--megabytes", type=float, nargs="+", default=[4, 16, 64])
    parser.add_argument("--vectors", action="store_true", help="English text, which is embedded")
    parser.add_argument("--models", type=Path, help="where exported models are kept")
    parser.add_argument("--note", default="", help="what is to be said of the run, in its section")
    options = parser.parse_args()
    points: list[Point] = []
    with tempfile.TemporaryDirectory() as scratch:
        models = options.models or Path(scratch)
        if options.vectors:
            open_embedder(EmbedOptions(), models)  # its export is no part of any size
        for megabytes in sorted(options.megabytes):
            points.append(measure(megabytes, models, vectors=options.vectors))
            print(points[-1].row(points[0]), flush=True)
            written(points, vectors=options.vectors, note=options.note)


if __name__ == "__main__":
    main()
