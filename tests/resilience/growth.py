"""Measure what a PUT writes in a large collection, and how a home grows over a thousand of them.

    python -m tests.resilience.growth                     both, some ten minutes; writes RESILIENCY.md
    python -m tests.resilience.growth --documents 2000 --puts 5 --many 30     in small; writes nothing

Documents of one chunk, embedded by hashed words. A put replaces one of them or adds one, as the
server does: the original is kept, a segment written, a generation published. Bytes are those the
kernel counts as written to the disk (``write_bytes`` of /proc/self/io). Filters are asked of the
same large collection, best of five.
"""

import argparse
import hashlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from fakes import HashEmbedder, document

from indexes.build import Build
from indexes.chunk import SearchFilter
from indexes.index import Index
from indexes.store import durability
from indexes.upkeep import history as history_
from tests.lab.results import write_section

FIGURES = Path(__file__).with_name("RESILIENCY.md")
TITLE = "P19, continued: a put writes what changed, and a home stays flat over a thousand of them"
BEFORE = """On 363a9ed the same script (`--plain`) wrote 49,855 kB a put at 100,000 documents, in 0.15 s, and
4,528 kB at 10,000; after 500 puts 501 generations took 2,259 MB, growing by 4.5 MB with each. A
hundred paths took 6,439 ms there. Generations stay flat at 200, the most of young ones."""
HEAD = "| bytes written a put | median | mean | most | median seconds |\n|---|---|---|---|---|"
SIZES = "| after puts | generations | files | MB |\n|---|---|---|---|"
FILTERS = "| filter | documents let through | ms |\n|---|---|---|"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one put wrote, and how long it took."""

    written: int
    seconds: float


def grow(collection: Path, count: int) -> None:
    """Publish so many documents."""
    with Build(collection, HashEmbedder()) as build:
        for n in range(count):
            facts = {
                "source": "api",
                "media_type": ("text/markdown", "text/html")[n % 2],
                "groups": frozenset({f"group-{n % 100}"}) if n % 3 else frozenset[str](),
            }
            build.add(*document(name(n), f"Text of number{n} about refunds", **facts))
        build.publish()


def name(number: int) -> str:
    """Name a document."""
    return f"area-{number % 50}/some-folder/document-{number}.md"


def put(collection: Path, step: int, **options: object) -> Cost:
    """Put one document: every second one is new, the others replace one that is there."""
    before = written()
    began = time.perf_counter()
    uri = f"new/{step}.md" if step % 2 else name(step)
    record, chunks = document(uri, f"Put at step{step} about refunds", source="api")
    keep_original(collection, record.text.encode())
    with Build(collection, HashEmbedder(), **options) as build:  # type: ignore[arg-type]
        build.add(record, chunks)
        build.publish()
    return Cost(written() - before, time.perf_counter() - began)


def keep_original(collection: Path, body: bytes) -> None:
    """Keep the bytes of a document, synced."""
    durability.make_folder(collection / "originals")
    file = collection / "originals" / hashlib.sha256(body).hexdigest()
    file.unlink(missing_ok=True)
    durability.write_file(file, body)
    durability.sync_path(file.parent)


def written() -> int:
    """Tell how many bytes this process has had written to the disk."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(dict(line.split(": ") for line in lines)["write_bytes"])


def size(collection: Path) -> tuple[int, int]:
    """Count the files of a collection, and the bytes that they take on the disk, each inode once."""
    about = {
        f.stat().st_ino: f.stat().st_blocks * 512 for f in collection.rglob("*") if f.is_file()
    }
    return len(about), sum(about.values())


def costs_row(label: str, costs: list[Cost]) -> str:
    """Write a table row of what puts cost."""
    if not costs:
        return f"| {label} | – | – | – | – |"
    sizes = [cost.written for cost in costs]
    seconds = statistics.median(cost.seconds for cost in costs)
    cells = [statistics.median(sizes), statistics.mean(sizes), max(sizes)]
    return f"| {label} | {' | '.join(f'{c / 1e3:,.0f} kB' for c in cells)} | {seconds:.2f} |"


def filters() -> Iterator[tuple[str, SearchFilter]]:
    """Give filters of a hundred values each, of every kind."""
    pad = "a" * 880
    yield (
        "100 paths × 900, of nothing",
        SearchFilter(paths=tuple(f"z{pad}{n:019}" for n in range(100))),
    )
    beside = tuple(f"area-{n % 50}/some-folder/{pad}{n}" for n in range(100))
    yield "100 paths × 900, beside documents", SearchFilter(paths=beside)
    yield (
        "100 folders, of all documents",
        SearchFilter(paths=tuple(f"area-{n}/" for n in range(100))),
    )
    yield "one folder", SearchFilter(paths=("area-7/",))
    yield "100 uris × 900", SearchFilter(uris=frozenset(f"{pad}{n}" for n in range(100)))
    yield "100 groups, of all", SearchFilter(groups=frozenset(f"group-{n}" for n in range(100)))
    yield "one group", SearchFilter(groups=frozenset({"group-7"}))
    yield "100 languages", SearchFilter(languages=frozenset(f"{pad}{n}" for n in range(100)))
    yield "100 media types", SearchFilter(media_types=frozenset(f"{pad}{n}" for n in range(100)))
    yield "all, for comparison", SearchFilter()


def filter_rows(collection: Path) -> list[str]:
    """Measure each filter, best of five."""
    rows = []
    with Index.open(collection) as index:
        for label, search_filter in filters():
            spent, let_through = best(
                lambda search_filter=search_filter: len(
                    index.documents.filter_ranges(search_filter)
                )
            )
            rows.append(f"| {label} | {let_through:,} | {1_000 * spent:,.1f} |")
    return rows


def best(do: Callable[[], int], rounds: int = 5) -> tuple[float, int]:
    """Give the least seconds that something took, and what it gave."""
    spent = []
    result = 0
    for _ in range(rounds):
        began = time.perf_counter()
        result = do()
        spent.append(time.perf_counter() - began)
    return min(spent), result


def history(collection: Path, puts: int, **options: object) -> tuple[list[Cost], list[str]]:
    """Put so many documents, and tell the size of the collection ten times on the way."""
    costs = []
    rows = []
    for step in range(1, puts + 1):
        costs.append(put(collection, step, **options))
        if step % max(1, puts // 10) == 0:
            files, taken = size(collection)
            left = len(history_.list_history(collection))
            rows.append(f"| {step:,} | {left:,} | {files:,} | {taken / 1e6:,.1f} |")
            print(rows[-1], flush=True)
    return costs, rows


def main() -> None:
    """Measure, print, and write the section where the numbers are the usual ones."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--puts", type=int, default=60, help="into the large collection")
    parser.add_argument("--many", type=int, default=1_000, help="puts into one of a tenth")
    parser.add_argument("--plain", action="store_true", help="as before: nothing is cleared")
    arguments = parser.parse_args()
    options: dict[str, object] = {}
    if not arguments.plain:
        from indexes.upkeep.retention import Retention  # noqa: PLC0415 - older versions have none

        options = {"kept": Retention()}
    with tempfile.TemporaryDirectory() as scratch:
        large = Path(scratch) / "large"
        small = Path(scratch) / "small"
        grow(large, arguments.documents)
        print("grown", flush=True)
        rows = filter_rows(large)
        print("\n".join(rows), flush=True)
        costs, _ = history(large, arguments.puts, **options)
        row = costs_row(f"{arguments.documents:,} documents, {arguments.puts} puts", costs)
        print(row, flush=True)
        rows += filter_rows(large)[:2]
        grow(small, arguments.documents // 10)
        more, sizes = history(small, arguments.many, **options)
        second = costs_row(
            f"{arguments.documents // 10:,} documents, {arguments.many:,} puts", more
        )
        print(second)
    body = "\n".join([BEFORE, "", HEAD, row, second, "", SIZES, *sizes, "", FILTERS, *rows])
    if (arguments.documents, arguments.puts, arguments.many, arguments.plain) == (
        100_000,
        60,
        1_000,
        False,
    ):
        write_section(TITLE, "python -m tests.resilience.growth", body, file=FIGURES)


if __name__ == "__main__":
    main()
