"""Embed through sentence-transformers: on a GPU in half precision, or any model on a CPU.

The only file that imports torch and sentence_transformers; it also writes the graph that
``on_onnx`` runs, once per model.
"""

import threading
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from safetensors import SafetensorError
from sentence_transformers import SentenceTransformer

from indexes.embedding.model_files import ModelFiles, TextEncoder
from indexes.embedding.quantised_weights import (
    QuantisedWeights,
    check_weights,
    dequantise_rows,
)
from indexes.embedding.unigram_tokenizer import UnigramTokenizer
from indexes.errors import ModelMissing

BATCH_CPU = 8  # texts, sorted by length: 4-16 are alike on a CPU
BATCH_GPU = 128
MOST_ONNX_BYTES = 1_900_000_000  # bytes of weights that fit an ONNX file (2 GiB, protobuf's limit)
_OPSET = 17


def has_gpu() -> bool:
    """Tell whether this torch can use a CUDA device that is here."""
    return torch.cuda.is_available()


def free_memory() -> int | None:
    """Return the free bytes of the first GPU; None where this torch sees none."""
    return int(torch.cuda.mem_get_info(0)[0]) if has_gpu() else None


def open_torch_encoder(weights: ModelFiles, *, device: str = "auto", threads: int) -> TextEncoder:
    """Load a model; gives the function that makes unit vectors (n, dim) of n texts.

    On a GPU the weights are float16: cosine to float32 at least 0.999998 (40 abstracts).
    Raises ModelMissing when the device is not here.
    """
    if device == "auto":
        device = "cuda" if has_gpu() else "cpu"
    model = _load_model(weights, device)
    batch = BATCH_GPU
    if device == "cpu":
        batch = BATCH_CPU
        torch.set_num_threads(threads)
    else:
        model.half()
    lock = threading.Lock()  # a tokenizer that is truncating must not be entered twice

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        with lock:
            vectors = model.encode(
                list(texts), batch_size=batch, convert_to_numpy=True, show_progress_bar=False
            )
        array = np.asarray(vectors, dtype=np.float32).reshape(len(texts), -1)
        lengths = np.linalg.norm(array, axis=1, keepdims=True)
        unit: NDArray[np.float32] = array / np.maximum(lengths, 1e-12)
        return unit

    return encode


def open_multilingual_bert(model: ModelFiles, *, device: str = "auto", threads: int) -> TextEncoder:
    """Load the packaged multilingual model from its weights, as ``open_torch_encoder`` does others.

    Raises ModelMissing when the device or the weights are not here.
    """
    if device == "auto":
        device = "cuda" if has_gpu() else "cpu"
    if model.weights is None:
        raise ModelMissing(f"{model.name} on torch needs its weights: set embed.weights.")
    check_weights(model.weights)
    bert = build_bert(QuantisedWeights(model.weights))
    pieces = UnigramTokenizer(model.tokenizer)
    try:
        bert = bert.to(device)
    except (AssertionError, RuntimeError) as error:
        raise ModelMissing(f"{model.name} cannot run on device {device!r}: {error}") from error
    if device == "cpu":
        torch.set_num_threads(threads)
    else:
        bert.half()
    size = BATCH_CPU if device == "cpu" else BATCH_GPU

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        ids = [pieces.encode(text, model.max_tokens) for text in texts]
        order = sorted(range(len(ids)), key=lambda row: -len(ids[row]))
        vectors = np.empty((len(ids), bert.config.hidden_size), dtype=np.float32)
        for first in range(0, len(ids), size):
            rows = order[first : first + size]
            vectors[rows] = _embed_batch(bert, [ids[row] for row in rows], device)
        return vectors

    return encode


def build_bert(weights: QuantisedWeights) -> Any:  # transformers' hints fit no call
    """Build the model of transformers from the packaged weights, in fp32."""
    sizes = weights.sizes
    config = transformers.BertConfig(
        vocab_size=sizes.vocabulary,
        hidden_size=sizes.hidden,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        intermediate_size=sizes.inner,
        max_position_embeddings=sizes.positions,
        type_vocab_size=sizes.kinds,
        layer_norm_eps=sizes.epsilon,
    )
    bert: Any = transformers.BertModel(config, add_pooling_layer=False)
    words = dequantise_rows(weights.read_word_rows())
    state = {name: torch.from_numpy(array) for name, array in weights.read_matrices().items()}
    state["embeddings.word_embeddings.weight"] = torch.from_numpy(words)
    bert.load_state_dict(state, strict=False)
    return bert.eval()


def _embed_batch(bert: Any, ids: Sequence[Sequence[int]], device: str) -> NDArray[np.float32]:
    """Embed texts given as ids: the mean of their token vectors, of length one (n, dim)."""
    batch = {name: part.to(device) for name, part in pad_ids(ids).items()}
    with torch.no_grad():
        tokens = bert(**batch).last_hidden_state
        weight = batch["attention_mask"].unsqueeze(-1).to(tokens.dtype)
        means = ((tokens * weight).sum(dim=1) / weight.sum(dim=1)).float()
        return np.asarray(torch.nn.functional.normalize(means, dim=-1).cpu(), dtype=np.float32)


def pad_ids(ids: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
    """Pad texts given as ids to one length: what a BERT of transformers takes, by its names."""
    padded = torch.zeros((len(ids), max(map(len, ids))), dtype=torch.long)
    mask = torch.zeros_like(padded)
    for row, own in enumerate(ids):
        padded[row, : len(own)] = torch.tensor(own)
        mask[row, : len(own)] = 1
    return {"input_ids": padded, "attention_mask": mask}


def trace_onnx_graph(weights: ModelFiles, file: Path) -> Callable[[list[int]], NDArray[np.float32]]:
    """Write the whole model (transformer, pooling, whatever follows) as one ONNX graph.

    Input ``ids``: int64 (1, n), one text. Output: float32 (1, dim), a unit vector. There is no
    mask: a text that runs alone needs none, and the graph is a fifth faster without it. Returns
    what the graph must do (token ids to a vector), for a comparison. Raises ModelMissing when
    the model is too large for the format or cannot be written in it.
    """
    size = sum(part.stat().st_size for part in weights.folder.glob("*.safetensors"))
    if size > MOST_ONNX_BYTES:
        raise ModelMissing(f'{weights.name} is too large for ONNX. Set backend = "torch".')
    graph = _SingleTextModel(
        _load_model(weights, "cpu", model_kwargs={"attn_implementation": "eager"})
    )
    example = torch.tensor([[0, 5, 7, 6, 2]])
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # the tracing exporter is deprecated, but needs no
            torch.onnx.export(  # further package; torch is pinned, so it stays
                graph.eval(),
                (example,),
                str(file),
                input_names=["ids"],
                output_names=["vector"],
                dynamic_axes={"ids": {1: "n"}},
                opset_version=_OPSET,
                dynamo=False,
            )
    except (RuntimeError, torch.onnx.OnnxExporterError) as error:
        raise ModelMissing(
            f'{weights.name} cannot be written as ONNX ({error}). Set backend = "torch".'
        ) from error

    def exact(ids: list[int]) -> NDArray[np.float32]:
        with torch.no_grad():
            return np.asarray(graph(torch.tensor([ids]))[0], dtype=np.float32)

    return exact


class _SingleTextModel(torch.nn.Module):
    """A sentence-transformers model that takes the token ids of one text."""

    def __init__(self, model: SentenceTransformer) -> None:
        super().__init__()
        self.transformer, *rest = model
        self.rest = torch.nn.ModuleList(rest)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        features: dict[str, Any] = dict(self.transformer({"input_ids": ids}))
        features["attention_mask"] = torch.ones_like(ids)
        for module in self.rest:
            features = module(features)
        return torch.nn.functional.normalize(features["sentence_embedding"], dim=-1)


def _load_model(weights: ModelFiles, device: str, **more: Any) -> SentenceTransformer:
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # no hints
    try:
        model = SentenceTransformer(
            str(weights.folder),
            device=device,
            local_files_only=True,
            trust_remote_code=False,
            **more,
        )
    except (AssertionError, RuntimeError) as error:  # what torch raises for a missing device
        raise ModelMissing(f"{weights.name} cannot run on device {device!r}: {error}") from error
    except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
        raise ModelMissing(
            f"{weights.folder} holds no whole sentence-transformers model: {error}. Copy it anew."
        ) from error
    model.max_seq_length = weights.max_tokens
    return model.eval()
