"""A BERT sentence encoder as an ONNX graph, written from its weights without torch.

BERT (Devlin et al. 2019, arXiv:1810.04805) with mean or first-token pooling is what most small
sentence encoders are, the packaged one too. Tracing it takes torch, transformers and
sentence-transformers, which is most of the time and memory of a first ingest. A model that differs
in anything, be it one weight more, is not written here but traced (``on_torch``).
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from safetensors import SafetensorError, safe_open

from indexes.embedding.model_adapter import ModelAdapter, apply_adapter

Array = NDArray[Any]

# As in the traced graphs.
OPSET = 17
IR = 8
_PARTS = ("Transformer", "Pooling", "Normalize")
_REQUIRED_SETTINGS = {
    "transformer_task": "feature-extraction",
    "module_output_name": "token_embeddings",
}
_LEAST = 1e-12  # a length below which a vector has no direction
_UNUSED_WEIGHTS = {
    "embeddings.position_ids",
    "pooler.dense.weight",
    "pooler.dense.bias",
}  # not read
_LAYER = {
    "attention.self.query": ("hidden", "hidden"),
    "attention.self.key": ("hidden", "hidden"),
    "attention.self.value": ("hidden", "hidden"),
    "attention.output.dense": ("hidden", "hidden"),
    "intermediate.dense": ("inner", "hidden"),
    "output.dense": ("hidden", "inner"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BertConfig:
    """The sizes of a model, and how the vectors of its tokens become one: ``mean`` or ``cls``."""

    layers: int
    heads: int
    hidden: int
    inner: int
    vocabulary: int
    positions: int
    kinds: int
    epsilon: float
    pooling: str

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the name and shape of every weight that is read."""
        size = {"hidden": self.hidden, "inner": self.inner}
        shapes: dict[str, tuple[int, ...]] = {
            "embeddings.word_embeddings.weight": (self.vocabulary, self.hidden),
            "embeddings.position_embeddings.weight": (self.positions, self.hidden),
            "embeddings.token_type_embeddings.weight": (self.kinds, self.hidden),
        }
        norms = ["embeddings.LayerNorm"]
        for layer in range(self.layers):
            under = f"encoder.layer.{layer}."
            norms += [f"{under}attention.output.LayerNorm", f"{under}output.LayerNorm"]
            for name, (out, into) in _LAYER.items():
                shapes[f"{under}{name}.weight"] = (size[out], size[into])
                shapes[f"{under}{name}.bias"] = (size[out],)
        for name in norms:
            shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = (self.hidden,)
        return shapes


def write_bert_graph(folder: Path, file: Path, adapter: ModelAdapter | None = None) -> bool:
    """Write the graph of the model in a folder; False where it is another kind of model.

    Input ``ids``: int64 (1, n), the tokens of one text. Output ``vector``: float32 (1, hidden), of
    length one; with an adapter ``tokens``: float32 (1, n, hidden), the vectors of all tokens. There
    is no mask, as a text that runs alone needs none.
    """
    try:
        bert = _read_config(folder)
        weights = bert and _read_weights(folder, bert)
    except (AttributeError, KeyError, OSError, TypeError, ValueError, SafetensorError):
        return False  # tracing says what is the matter
    if not bert or not weights:
        return False
    if adapter:
        weights = apply_adapter(weights, adapter)
    onnx.save(BertGraph(bert, weights).build_model(pools=adapter is None), str(file))
    return True


def _read_config(folder: Path) -> BertConfig | None:
    """Read the settings of a model; None where one of them is not what is written here."""
    config = json.loads((folder / "config.json").read_bytes())
    modules = json.loads((folder / "modules.json").read_bytes())
    kinds = [module["type"].rpartition(".")[2] for module in modules]
    plain = {
        "model_type": "bert",
        "hidden_act": "gelu",
        "position_embedding_type": "absolute",
        "is_decoder": False,
        "add_cross_attention": False,
    }
    usual = all(config.get(name, value) == value for name, value in plain.items())
    if not usual or "model_type" not in config or kinds not in (list(_PARTS), list(_PARTS[:2])):
        return None
    if modules[0]["path"]:  # an older layout, with the transformer in a folder of its own
        return None
    settings = json.loads((folder / "sentence_bert_config.json").read_bytes())
    pooling = _read_pooling(json.loads((folder / modules[1]["path"] / "config.json").read_bytes()))
    if pooling is None or any(
        settings.get(name, value) != value for name, value in _REQUIRED_SETTINGS.items()
    ):
        return None
    return BertConfig(
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        hidden=config["hidden_size"],
        inner=config["intermediate_size"],
        vocabulary=config["vocab_size"],
        positions=config["max_position_embeddings"],
        kinds=config["type_vocab_size"],
        epsilon=config["layer_norm_eps"],
        pooling=pooling,
    )


def _read_pooling(config: Mapping[str, Any]) -> str | None:
    """Read how token vectors become one, from settings of today's or older models."""
    if config.get("include_prompt", True) is not True:
        return None
    old = {name: on for name, on in config.items() if name.startswith("pooling_mode_") and on}
    names = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
    pooling = config.get("pooling_mode") or (names.get(*old) if len(old) == 1 else None)
    return pooling if pooling in {"mean", "cls"} else None


def _read_weights(folder: Path, bert: BertConfig) -> dict[str, Array] | None:
    """Read every weight as float32; None where one is missing, left over or of another shape."""
    (file,) = folder.glob("*.safetensors")
    shapes = bert.weight_shapes()
    with safe_open(str(file), framework="np") as opened:
        names = {name.removeprefix("bert."): name for name in opened.keys()}  # noqa: SIM118
        if not set(shapes) <= set(names) <= set(shapes) | _UNUSED_WEIGHTS:
            return None
        arrays = {name: opened.get_tensor(names[name]) for name in shapes}
    if any(arrays[name].shape != shape for name, shape in shapes.items()):
        return None
    return {name: np.asarray(array, dtype=np.float32) for name, array in arrays.items()}


class BertGraph:
    """Builds the ONNX graph; each method adds nodes and returns the name of its output.

    Another way of writing a part of it (``int8_graph``) is a subclass.
    """

    def __init__(self, bert: BertConfig, weights: Mapping[str, Array]) -> None:
        self.bert = bert
        self.weights = weights
        ids = helper.make_tensor_value_info("ids", TensorProto.INT64, [1, "n"])
        out = helper.make_tensor_value_info("vector", TensorProto.FLOAT, [1, bert.hidden])
        opset = helper.make_opsetid("", OPSET)
        empty = helper.make_graph([], "bert", [ids], [out])
        self.model = helper.make_model(empty, opset_imports=[opset], ir_version=IR)

    def build_model(self, *, pools: bool = True) -> onnx.ModelProto:
        """Write the whole of it, from the ids to the vector, or to the vectors of all tokens."""
        tokens = self.embed_tokens()
        for layer in range(self.bert.layers):
            tokens = self.add_layer(tokens, f"encoder.layer.{layer}.")
        if pools:
            self._normalise_vector(self._pool_tokens(tokens))
        else:
            self.replace_output(tokens, [1, "n", self.bert.hidden])
        return self.model

    def embed_tokens(self) -> str:
        """Add the vectors of words, of the first kind of text, and of places.

        Each is gathered, as in a traced graph, so that int8 makes the same of all three.
        """
        zero, step = self.add_value(np.array(0)), self.add_value(np.array(1))
        count = self.add_node("Gather", self.add_node("Shape", "ids"), step)
        words = self.add_node("Gather", self._embedding_table("word"), "ids")
        kind = self.add_node("Gather", self._embedding_table("token_type"), zero)
        places = self.add_node(
            "Gather", self._embedding_table("position"), self.add_node("Range", zero, count, step)
        )
        tokens = self.add_node("Add", self.add_node("Add", words, kind), places)
        return self.add_norm(tokens, "embeddings.LayerNorm")

    def add_layer(self, tokens: str, under: str) -> str:
        attended = self._add_linear(
            self._add_attention(tokens, under), f"{under}attention.output.dense"
        )
        tokens = self.add_norm(
            self.add_node("Add", attended, tokens), f"{under}attention.output.LayerNorm"
        )
        wide = self._add_gelu(self._add_linear(tokens, f"{under}intermediate.dense"))
        narrow = self._add_linear(wide, f"{under}output.dense")
        return self.add_norm(self.add_node("Add", narrow, tokens), f"{under}output.LayerNorm")

    def _add_attention(self, tokens: str, under: str) -> str:
        """Add multi-head self-attention (Vaswani et al. 2017, section 3.2)."""
        width = self.bert.hidden // self.bert.heads
        heads = self.add_value(np.array([0, 0, self.bert.heads, width]))  # 0: as it is

        def project(part: str, order: list[int]) -> str:
            flat = self._add_linear(tokens, f"{under}attention.self.{part}")
            return self.add_node("Transpose", self.add_node("Reshape", flat, heads), perm=order)

        scores = self.add_node(
            "MatMul", project("query", [0, 2, 1, 3]), project("key", [0, 2, 3, 1])
        )
        scaled = self.add_node("Mul", scores, self.add_number(1 / math.sqrt(width)))
        shares = self.add_node("Softmax", scaled, axis=-1)
        attended = self.add_node("MatMul", shares, project("value", [0, 2, 1, 3]))
        back = self.add_node("Transpose", attended, perm=[0, 2, 1, 3])
        return self.add_node("Reshape", back, self._flat_shape())

    def _flat_shape(self) -> str:
        """Return the shape of all tokens, one computed while it runs, as in a traced graph.

        From a known shape ONNX Runtime would fuse one more addition into the norm that follows,
        in an operator that is slower and rounds otherwise, and int8 makes much of little: cosine
        0.995 at worst of 300 passages to what is published, where this gives the same numbers.
        """
        return self.add_node(
            "Concat", self.add_node("Shape", "ids"), self.add_value(np.array([-1])), axis=0
        )

    def _add_linear(self, tokens: str, name: str) -> str:
        matrix = self.add_value(np.ascontiguousarray(self.weights[f"{name}.weight"].T))
        bias = self.add_value(self.weights[f"{name}.bias"])
        return self.add_node("Add", bias, self.add_node("MatMul", tokens, matrix))

    def _add_gelu(self, tokens: str) -> str:
        """Write x * (1 + erf(x / sqrt 2)) / 2 in the operators that ONNX Runtime fuses to one."""
        bent = self.add_node("Erf", self.add_node("Div", tokens, self.add_number(math.sqrt(2))))
        return self.add_node(
            "Mul",
            self.add_node("Mul", tokens, self.add_node("Add", bent, self.add_number(1))),
            self.add_number(0.5),
        )

    def add_norm(self, tokens: str, name: str) -> str:
        scale, shift = (
            self.add_value(self.weights[f"{name}.{part}"]) for part in ("weight", "bias")
        )
        return self.add_node(
            "LayerNormalization", tokens, scale, shift, axis=-1, epsilon=self.bert.epsilon
        )

    def _pool_tokens(self, tokens: str) -> str:
        if self.bert.pooling == "cls":
            return self.add_node("Gather", tokens, self.add_value(np.array(0)), axis=1)
        return self.add_node("ReduceMean", tokens, axes=[1], keepdims=0)

    def _normalise_vector(self, vector: str) -> None:
        length = self.add_node("ReduceL2", vector, axes=[-1], keepdims=1)
        self.add_node(
            "Div", vector, self.add_node("Max", length, self.add_number(_LEAST)), out="vector"
        )

    def _embedding_table(self, kind: str) -> str:
        return self.add_value(self.weights[f"embeddings.{kind}_embeddings.weight"])

    def add_input(self, name: str, shape: Sequence[int | str]) -> str:
        """Add one more thing that the graph is given, in fp32."""
        self.model.graph.input.append(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
        )
        return name

    def replace_output(self, name: str, shape: Sequence[int | str]) -> None:
        """Let the graph give another thing than a vector, in fp32."""
        del self.model.graph.output[:]
        self.model.graph.output.append(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
        )

    def add_number(self, number: float) -> str:
        return self.add_value(np.array(number, dtype=np.float32))

    def add_value(self, array: Array) -> str:
        name = f"value{len(self.model.graph.initializer)}"
        self.model.graph.initializer.append(numpy_helper.from_array(array, name))
        return name

    def add_node(self, kind: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        out = out or f"{kind}{len(self.model.graph.node)}"
        self.model.graph.node.append(helper.make_node(kind, list(inputs), [out], **attributes))
        return out
