"""Measure how many texts a second an embedder does, to say about how long an ingest takes."""

import hashlib
import time
from pathlib import Path

from indexes.embedding.embedder import Embedder
from indexes.embedding.model_cache import remember_value

SAMPLE_COUNT = 8
# About as long as a chunk: 170 tokens.
SAMPLE_TEXT = (
    "The workshop opens at eight and closes at five on working days. Machines are handed out "
    "against a signature and a deposit of forty euros, which is paid back when the machine is "
    "clean and whole. Whoever needs one for longer than a day writes to the desk before noon. A "
    "machine that fails is not opened: its plug is pulled, a red tag is tied to it, and the desk "
    "is told what was heard or smelt before it stopped. Spare parts lie in the third aisle, by "
    "number, and each part that is taken is written into the book beside the door. Waste oil "
    "goes into the blue drum and nothing else does. Guests are welcome if they wear goggles, and "
    "children may come along to the gallery, from where all of the hall can be seen. "
)


def measure_rate(embedder: Embedder) -> float:
    """Measure the texts a second of an embedder, on a few texts of a chunk's length."""
    texts = [f"{number}. {SAMPLE_TEXT}" for number in range(SAMPLE_COUNT)]
    embedder.embed_passages(texts[:1])  # the first run makes ready
    start = time.perf_counter()
    embedder.embed_passages(texts)
    return SAMPLE_COUNT / max(time.perf_counter() - start, 1e-6)


def load_rate(embedder: Embedder, cache: Path) -> float:
    """Return the texts a second of an embedder as once measured on this machine."""
    card = embedder.card
    name = hashlib.sha256(f"{card.name}\0{card.revision}".encode()).hexdigest()[:32]
    value = remember_value(
        cache / "rates" / name, lambda: str(max(1, round(1_000 * measure_rate(embedder))))
    )
    return int(value) / 1_000 if value.isdecimal() else measure_rate(embedder)
