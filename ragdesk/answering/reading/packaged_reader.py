"""Open the trained reader: its graph, converted once a machine, and the pairs that go through it.

It runs on the packaged multilingual embedder's words, tokenizer and first layers, and exists only
where these do. Pairs run alone, each on one core, as many at once as there are cores: no padding,
and a score that does not depend on what else is read.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexes.embedding.model_cache import remember_bytes, write_cache_file
from indexes.embedding.model_files import ModelFiles
from indexes.embedding.on_onnx import open_pair_graph
from indexes.embedding.recipes import EXPORT_RECIPE
from indexes.embedding.unigram_tokenizer import UnigramTokenizer
from indexes.errors import ModelMissing
from ragdesk.answering.reading.reader_weights import PACKAGED_READER, hash_reader_weights
from ragdesk.answering.reading.unit_reader import (
    EncodedPair,
    ReaderInput,
    UnitReader,
    UnitReading,
    encode_pairs,
    weigh_reading,
)

READER_RECIPE = 1  # counts changes of the graph that change scores
_LIMIT = 600.0  # seconds; 5 for a conversion on a quiet machine

RunGraph = Callable[[Sequence[int], Mapping[str, NDArray[np.float32]]], NDArray[np.float32]]


class PackagedReader(UnitReader):
    """Reads units with a trained graph. Any thread may call. threads: cores that are used."""

    def __init__(self, pieces: UnigramTokenizer, run_graph: RunGraph, threads: int) -> None:
        self._pieces, self._run_graph, self._threads = pieces, run_graph, threads

    def __call__(self, question: str, units: Sequence[ReaderInput]) -> UnitReading:
        """Return the scores of the units, in their order; the longest are run first."""
        pairs = encode_pairs(self._pieces, question, units)
        order = sorted(range(len(pairs)), key=lambda row: -len(pairs[row].ids))
        scores = np.zeros(len(pairs), dtype=np.float32)
        if self._threads == 1 or len(pairs) == 1:
            scores[order] = [self._score_pair(pairs[row]) for row in order]
        elif pairs:
            with ThreadPoolExecutor(self._threads) as pool:
                scores[order] = list(pool.map(self._score_pair, (pairs[row] for row in order)))
        return weigh_reading(scores)

    def _score_pair(self, pair: EncodedPair) -> float:
        first, last = pair.unit
        unit = np.zeros((1, 1, len(pair.ids)), dtype=np.float32)
        unit[..., first:last] = 1 / max(last - first, 1)
        return float(self._run_graph(pair.ids, {"unit": unit})[0, 0])


def open_packaged_reader(
    model: ModelFiles, cache: Path, *, threads: int, weights: Path = PACKAGED_READER
) -> PackagedReader | None:
    """Open a reader over the packaged multilingual model; None over any other one.

    weights: the reader's file. The graph is converted into the cache on its first use, from the
    embedder's own weights. Raises ModelMissing, also where a file that was named is not there.
    """
    if not weights.is_file() and weights != PACKAGED_READER:
        raise ModelMissing(
            f"No reader at {weights}. Train one: ragdesk tune reader --out FILE, or leave out "
            "advanced.reader.weights."
        )
    if not model.has_word_table or not weights.is_file():
        return None
    weights_hash = hash_reader_weights(weights)
    file = cache / f"reader-{weights_hash[:16]}.{EXPORT_RECIPE}.{READER_RECIPE}.onnx"
    seal = file.with_suffix(".sha256")

    def is_whole(graph: bytes) -> bool:
        return seal.is_file() and _hash_graph(graph) == seal.read_bytes()

    def convert() -> bytes:
        graph = _convert_reader(model, weights)
        write_cache_file(seal, _hash_graph(graph))
        return graph

    if model.weights is None and not file.is_file():
        return None
    graph = remember_bytes(file, convert, is_whole)
    pieces = UnigramTokenizer(model.tokenizer)
    return PackagedReader(pieces, open_pair_graph(model, graph), threads)


def _hash_graph(graph: bytes) -> bytes:
    return hashlib.sha256(graph).hexdigest().encode()


def _convert_reader(model: ModelFiles, weights: Path) -> bytes:
    """Write the graph in a process of its own, which takes the memory of ``onnx`` with it."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "reader.onnx")
        try:
            done = subprocess.run(  # noqa: S603 - this interpreter, this module
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "ragdesk.answering.reading.reader_graph",
                    str(model.weights),
                    str(weights.absolute()),
                    str(target),
                ],
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ModelMissing(
                f"The reader was not converted within {_LIMIT:.0f} s. Is the machine busy?"
            ) from error
        if done.returncode:
            reason = done.stderr.strip().rpartition("\n")[2]
            raise ModelMissing(f"The reader {weights} cannot be converted: {reason}")
        return target.read_bytes()
