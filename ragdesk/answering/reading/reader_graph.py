"""The reader as a graph: the embedder's first layers, the reader's own, and a head on both.

The head sees the first token and the mean of the unit's own tokens. One pair runs alone, as a
text does in the embedder: without padding, and with the same score whatever else is read.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexes.embedding.int8_graph import Int8Recipe, WordVectorGraph, read_activation_ranges
from indexes.embedding.quantised_weights import QuantisedWeights, check_weights
from ragdesk.answering.reading.reader_weights import ReaderWeights, read_reader_weights


class ReaderGraph(WordVectorGraph):
    """Builds the graph.

    Input ``words``: float32 (1, n, hidden), the word vectors of a pair. Input ``unit``: float32
    (1, 1, n), the share of each token in the unit's mean. Output ``score``: float32 (1, 1).
    """

    def __init__(
        self, weights: QuantisedWeights, reader: ReaderWeights, recipe: Int8Recipe | None
    ) -> None:
        super().__init__(weights, recipe and replace(recipe, ranges=_join_ranges(reader)))
        self.weights = {**self.weights, **reader.matrices}
        self.layers = reader.layers

    def build_score_model(self) -> bytes:
        """Write the whole of it, from word vectors to the score; return its bytes."""
        unit = self.add_input("unit", [1, 1, "n"])
        tokens = self.embed_tokens()
        for layer in range(self.layers):
            tokens = self.add_layer(tokens, f"encoder.layer.{layer}.")
        first = self.add_node("Gather", tokens, self.add_value(np.array([0])), axis=1)
        both = self.add_node("Concat", first, self.add_node("MatMul", unit, tokens), axis=2)
        pooled = self.add_node("Squeeze", both, self.add_value(np.array([1])))
        inner = self._add_float_matrix(pooled, *self._read_linear("head.inner"))
        bent = self._add_contrib("Gelu", [inner])
        score = self._add_float_matrix(bent, *self._read_linear("head.score"))
        self.add_node("Identity", score, out="score")
        self.replace_output("score", [1, 1])
        return bytes(self.model.SerializeToString())


def _join_ranges(reader: ReaderWeights) -> dict[str, NDArray[np.float32]]:
    """Return the ranges of all layers: the embedder's own, and over them those of the reader."""
    return {**read_activation_ranges(), **reader.ranges}


def main() -> None:
    """Convert the embedder's weights (1) and a reader's (2) into a graph (3)."""
    embedder, reader, target = map(Path, sys.argv[1:])
    check_weights(embedder)
    graph = ReaderGraph(QuantisedWeights(embedder), read_reader_weights(reader), Int8Recipe())
    target.write_bytes(graph.build_score_model())


if __name__ == "__main__":
    main()
