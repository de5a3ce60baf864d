"""The sample company of ``ragdesk demo``, kept apart from documents of one's own."""

from pathlib import Path

import eval as ruler
from indexes.store import durability
from ingest.sources import read_sources

SAMPLE_FOLDER = Path(ruler.__file__).parent / "handbook" / "documents"
DEMO_FOLDER = "demo"  # the demo's home, inside the home of one's own documents
DEMO_MARK = "DEMO"  # a file of a collection that the demo made


def mark_demo(collection: Path) -> None:
    """Note that a collection was made by the demo. Raises OSError."""
    if not (collection / DEMO_MARK).exists():
        durability.replace_file(collection / DEMO_MARK, b"made by: ragdesk demo\n")


def is_demo(collection: Path) -> bool:
    """Tell whether the demo made a collection."""
    return (collection / DEMO_MARK).is_file()


def has_sample(collection: Path) -> bool:
    """Tell whether the sample company is a source of a collection, whoever took it in."""
    return str(SAMPLE_FOLDER.resolve()) in read_sources(collection)
