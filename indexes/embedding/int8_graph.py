"""The graph of the packaged multilingual model: int8 matrices, and word vectors from outside.

Written by hand in the operators that ONNX Runtime has for a CPU, so that nothing is fused or
quantised by a library whose next release would make other vectors. Three things differ from
``bert_graph``: the table of 250,000 word vectors stays in its file, and the graph is given the
vectors of a text's words; queries, keys and values are one product; matrices are int8.

Activations are quantised as they come, by one scale for a text (ONNX Runtime's dynamic
quantisation), and a few channels of E5 are twenty times the others: these scales are evened out
before, by constants that go into the matrices (SmoothQuant, Xiao et al. 2023, arXiv:2211.10438).
What each part costs is in "Embedding" of tests/lab/RESULTS.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from indexes.embedding.bert_graph import BertConfig, BertGraph
from indexes.embedding.model_adapter import ModelAdapter, apply_adapter
from indexes.embedding.quantised_weights import QuantisedWeights

Weights = NDArray[np.float32]

RANGES_FILE = Path(__file__).with_name("activation_ranges.npz")
"""Greatest activations of each channel before each matrix, by ``tests.lab.quality.int8_recipe``."""
# Cosine to fp32 on XQuAD, mean of both languages: .9968 without, at .5 the same, .9988 at .7, .9976
# at .85; .9987 as here.
SMOOTHING = {"attention": 0.6, "context": 0.6, "inner": 0.6, "outer": 0.7}
_CONTRIB = "com.microsoft"


@dataclass(frozen=True, slots=True, kw_only=True)
class Int8Recipe:
    """How the products of the graph are made int8.

    ranges: greatest activations of each channel, by ``<layer>.<place>``; None: those packaged.
    smoothing: alpha of SmoothQuant by place, how much of a channel's range goes into the matrix;
    a place that is not there is left as it is. greatest_weight: seven bits, as without VNNI a
    processor adds pairs of products in 16 bits (2 x 255 x 127 > 32,767). weights_only: activations
    stay fp32, to measure what the weights cost; slow.
    """

    ranges: Mapping[str, Weights] | None = None
    smoothing: Mapping[str, float] = field(default_factory=lambda: SMOOTHING)
    greatest_weight: int = 63
    weights_only: bool = False


PACKAGED_RECIPE = Int8Recipe()


def convert_graph(
    weights: QuantisedWeights,
    file: Path,
    recipe: Int8Recipe | None = PACKAGED_RECIPE,
    adapter: ModelAdapter | None = None,
) -> None:
    """Write the graph of the packaged model; in fp32 where there is no recipe.

    Input ``words``: float32 (1, n, hidden), the word vectors of one text. Output ``vector``:
    float32 (1, hidden), of length one; with an adapter float32 (1, n, hidden), those of all tokens.
    """
    graph = WordVectorGraph(weights, recipe)
    if adapter:
        graph.weights = apply_adapter(graph.weights, adapter)
    onnx.save(graph.build_model(pools=adapter is None), str(file))


def read_activation_ranges() -> dict[str, Weights]:
    """Read the ranges that are packaged: by layer and place, one number a channel."""
    with np.load(RANGES_FILE, allow_pickle=False) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files}


class WordVectorGraph(BertGraph):
    """Builds the graph. product_inputs: what goes into each product, by ``<layer>.<place>``."""

    def __init__(self, weights: QuantisedWeights, recipe: Int8Recipe | None) -> None:
        sizes = weights.sizes
        config = BertConfig(
            layers=sizes.layers,
            heads=sizes.heads,
            hidden=sizes.hidden,
            inner=sizes.inner,
            vocabulary=sizes.vocabulary,
            positions=sizes.positions,
            kinds=sizes.kinds,
            epsilon=sizes.epsilon,
            pooling="mean",
        )
        super().__init__(config, weights.read_matrices())
        self.product_inputs: dict[str, str] = {}
        self._recipe = recipe
        ranges = recipe.ranges if recipe else {}
        self._ranges = read_activation_ranges() if ranges is None else ranges
        words = helper.make_tensor_value_info("words", TensorProto.FLOAT, [1, "n", config.hidden])
        del self.model.graph.input[:]
        self.model.graph.input.append(words)
        self.model.opset_import.append(helper.make_opsetid(_CONTRIB, 1))

    def embed_tokens(self) -> str:
        zero, step = self.add_value(np.array(0)), self.add_value(np.array(1))
        count = self.add_node("Gather", self.add_node("Shape", "words"), step)
        # A text is of the first kind, so the vector of that kind is part of every place's.
        kind = self.weights["embeddings.token_type_embeddings.weight"][0]
        places = self.add_value(self.weights["embeddings.position_embeddings.weight"] + kind)
        own = self.add_node("Gather", places, self.add_node("Range", zero, count, step))
        return self.add_norm(self.add_node("Add", "words", own), "embeddings.LayerNorm")

    def add_layer(self, tokens: str, under: str) -> str:
        attended = self._add_attention_block(tokens, under)
        tokens = self.add_norm(
            self.add_node("Add", attended, tokens), f"{under}attention.output.LayerNorm"
        )
        layer = under.split(".")[2]
        inner = self._add_product(
            tokens, *self._read_linear(f"{under}intermediate.dense"), f"{layer}.inner"
        )
        bent = self._add_contrib("Gelu", [inner])
        outer = self._add_product(
            bent, *self._read_linear(f"{under}output.dense"), f"{layer}.outer"
        )
        return self.add_norm(self.add_node("Add", outer, tokens), f"{under}output.LayerNorm")

    def _add_attention_block(self, tokens: str, under: str) -> str:
        """Add attention: one product for queries, keys and values, the heads, and their product.

        The heads' result is a mean of values, so its ranges are evened out in the values' matrix.
        """
        layer = under.split(".")[2]
        query, key, (value, value_bias) = (
            self._read_linear(f"{under}attention.self.{part}") for part in ("query", "key", "value")
        )
        out, out_bias = self._read_linear(f"{under}attention.output.dense")
        scales = self._find_scales(out, f"{layer}.context")
        if scales is not None:
            value, value_bias, out = value / scales[:, None], value_bias / scales, out * scales
        matrix = np.concatenate([query[0], key[0], value])
        bias = np.concatenate([query[1], key[1], value_bias])
        joined = self._add_product(tokens, matrix, bias, f"{layer}.attention")
        parts = [f"part{len(self.model.graph.node)}.{i}" for i in range(3)]
        sizes = self.add_value(np.full(3, self.bert.hidden))
        self.model.graph.node.append(helper.make_node("Split", [joined, sizes], parts, axis=2))
        heads = self._add_contrib("MultiHeadAttention", parts, num_heads=self.bert.heads)
        self.product_inputs[f"{layer}.context"] = heads
        return self._add_matrix(heads, out, out_bias)

    def _read_linear(self, name: str) -> tuple[Weights, Weights]:
        """Return the matrix (out, in) and the bias (out,) of a linear map."""
        return self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]

    def _find_scales(self, matrix: Weights, place: str) -> Weights | None:
        """Find what each channel is divided by before a product; None where it stays as it is."""
        share = self._recipe.smoothing.get(place.rpartition(".")[2]) if self._recipe else None
        if share is None:
            return None
        activations = np.maximum(self._ranges[place], 1e-3)
        scales = activations**share / np.maximum(np.abs(matrix).max(axis=0), 1e-4) ** (1 - share)
        return np.asarray(scales / np.exp(np.log(scales).mean()), dtype=np.float32)

    def _add_product(self, tokens: str, matrix: Weights, bias: Weights, place: str) -> str:
        """Add a product whose input is evened out first."""
        self.product_inputs[place] = tokens
        scales = self._find_scales(matrix, place)
        if scales is not None:
            tokens = self.add_node("Mul", tokens, self.add_value(1 / scales))
            matrix = matrix * scales
        return self._add_matrix(tokens, matrix, bias)

    def _add_matrix(self, tokens: str, matrix: Weights, bias: Weights) -> str:
        """Add a product with a matrix (out, in): int8 with a scale a row of it, or fp32."""
        if self._recipe is None:
            return self._add_float_matrix(tokens, matrix, bias)
        scales = np.maximum(np.abs(matrix).max(axis=1), 1e-12) / self._recipe.greatest_weight
        numbers = np.round(matrix / scales[:, None]).astype(np.int8)
        if self._recipe.weights_only:
            rounded = (numbers * scales[:, None]).astype(np.float32)
            return self._add_float_matrix(tokens, rounded, bias)
        return self._add_contrib(
            "DynamicQuantizeMatMul",
            [
                tokens,
                self.add_value(np.ascontiguousarray(numbers.T)),
                self.add_value(scales.astype(np.float32)),
                self.add_value(np.zeros(len(scales), np.int8)),
                self.add_value(bias),
            ],
        )

    def _add_float_matrix(self, tokens: str, matrix: Weights, bias: Weights) -> str:
        product = self.add_node("MatMul", tokens, self.add_value(np.ascontiguousarray(matrix.T)))
        return self.add_node("Add", product, self.add_value(bias))

    def _add_contrib(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        """Add an operator that only ONNX Runtime has."""
        out = f"{kind}{len(self.model.graph.node)}"
        self.model.graph.node.append(
            helper.make_node(kind, inputs, [out], domain=_CONTRIB, **attributes)
        )
        return out
