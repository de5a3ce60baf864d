"""Embed on a CPU through ONNX Runtime, in fp32 or int8, without torch once a model is exported.

Every text runs alone, on one core, and as many texts at once as there are cores. That beats
batches (no padding, no waiting for each other) and makes a vector the same whatever else is
embedded with it: int8 scales are taken per run, so in a batch they depend on the neighbours.
"""

import contextlib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]  # ships no hints
import tokenizers
from numpy.typing import NDArray

from indexes.embedding import model_cache, weights_conversion
from indexes.embedding.model_files import ModelFiles, TextEncoder, TokenEncoder
from indexes.embedding.onnx_export import export_onnx_graph
from indexes.embedding.quantised_weights import dequantise_rows
from indexes.embedding.recipes import EXPORT_RECIPE
from indexes.embedding.unigram_tokenizer import UnigramTokenizer
from indexes.errors import ModelMissing
from indexes.search_results import Vectors

SMALL_MODEL = 400_000_000  # bytes of weights up to which one core serves one text


def open_onnx_encoder(weights: ModelFiles, cache: Path, *, int8: bool, threads: int) -> TextEncoder:
    """Open a model, exported before or now; gives the function that makes unit vectors (n, dim).

    threads: CPU cores used in all. Raises ModelMissing when the model cannot be exported.
    """
    run = _open_exported(weights, cache, int8=int8, threads=threads)
    return lambda texts: np.stack(run(texts))


def open_multilingual_encoder(model: ModelFiles, *, int8: bool, threads: int) -> TextEncoder:
    """Open the packaged multilingual model; gives the function that makes unit vectors (n, dim).

    threads: CPU cores used in all. Word vectors are read from their mapped file, so only what was
    needed of its 54 MB lies in memory. Raises ModelMissing.
    """
    run = _open_converted(model, int8=int8, threads=threads)
    return lambda texts: np.stack(run(texts))


def open_token_encoder(model: ModelFiles, cache: Path, *, threads: int) -> TokenEncoder:
    """Open a model that an adapter changes, in int8; gives the function that makes token vectors.

    threads: CPU cores used in all. Raises ModelMissing.
    """
    if model.has_word_table:
        return _open_converted(model, int8=True, threads=threads)
    return _open_exported(model, cache, int8=True, threads=threads)


def _open_exported(weights: ModelFiles, cache: Path, *, int8: bool, threads: int) -> TokenEncoder:
    """Open a model of sentence-transformers; gives what returns its graph's output for a text."""
    is_small = sum(f.stat().st_size for f in weights.folder.glob("*.safetensors")) < SMALL_MODEL
    inner, outer = (1, threads) if is_small else (threads, 1)
    session = _open_session(_load_graph(weights, cache, int8=int8), threads=inner)
    encoder = tokenizers.Tokenizer.from_file(str(weights.tokenizer))
    encoder.no_padding()
    encoder.enable_truncation(weights.max_tokens)

    def run(ids: list[int]) -> Vectors:
        return np.asarray(session.run(None, {"ids": np.array([ids], dtype=np.int64)})[0][0])

    def encode(texts: Sequence[str]) -> list[Vectors]:
        folded = [text.lower() for text in texts] if weights.lower else list(texts)
        ids = [encoding.ids for encoding in encoder.encode_batch_fast(folded)]
        if len(ids) == 1 or outer == 1:
            return [run(text) for text in ids]
        with ThreadPoolExecutor(outer) as pool:
            return _run_longest_first(pool, run, ids)

    return encode


def _open_converted(model: ModelFiles, *, int8: bool, threads: int) -> TokenEncoder:
    """Open the packaged multilingual model; gives what returns its graph's output for a text."""
    if not int8 and model.weights is None:
        raise ModelMissing(f"{model.name} in fp32 needs its weights: set embed.weights.")
    adapted = _load_graph(model, model.folder.parent, int8=int8) if model.adapter else None
    try:
        pieces = UnigramTokenizer(model.tokenizer)
        words = np.load(model.folder / weights_conversion.WORDS_FILE, mmap_mode="r")
        if adapted is not None:
            graph = adapted
        elif int8 or model.weights is None:
            graph = (model.folder / weights_conversion.GRAPH_FILES[True]).read_bytes()
        else:
            graph = weights_conversion.read_fp32_graph(model.weights, model.folder)
    except (OSError, ValueError) as error:  # it was removed or changed since it was checked
        raise ModelMissing(
            f"{model.folder} holds no whole {model.name} ({error}). Delete that folder and try "
            "again."
        ) from error
    # Written as it is to run: a library's fusions would make other vectors.
    session = _open_session(graph, threads=1, fuses=False)

    def run(text: str) -> Vectors:
        vectors = dequantise_rows(words[pieces.encode(text, model.max_tokens)])
        return np.asarray(session.run(None, {"words": vectors[None]})[0][0])

    pool = ThreadPoolExecutor(threads, "embedding")  # its threads begin when they are needed

    def encode(texts: Sequence[str]) -> list[Vectors]:
        if len(texts) == 1 or threads == 1:
            return [run(text) for text in texts]
        return _run_longest_first(pool, run, texts)

    return encode


def _run_longest_first(
    pool: ThreadPoolExecutor, run: Callable[[Any], Vectors], texts: Sequence[Any]
) -> list[Vectors]:
    """Run texts beside each other, the longest first: so no core is left with one at the end."""
    order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
    outputs = dict(zip(order, pool.map(run, [texts[row] for row in order]), strict=True))
    return [outputs[row] for row in range(len(texts))]


def open_pair_graph(
    model: ModelFiles, graph: bytes
) -> Callable[[Sequence[int], Mapping[str, NDArray[np.float32]]], NDArray[np.float32]]:
    """Open a graph over the word vectors of the packaged multilingual model.

    Gives the function that runs it for the ids of one text and what else the graph is given, on
    the thread that calls. Raises ModelMissing.
    """
    try:
        words = np.load(model.folder / weights_conversion.WORDS_FILE, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise ModelMissing(
            f"{model.folder} holds no whole {model.name} ({error}). Delete that folder and try "
            "again."
        ) from error
    session = _open_session(graph, threads=1, fuses=False)

    def run(ids: Sequence[int], inputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        vectors = dequantise_rows(words[list(ids)])
        return np.asarray(session.run(None, {"words": vectors[None], **inputs})[0])

    return run


def find_graph(weights: ModelFiles, cache: Path, *, int8: bool) -> bytes | None:
    """Return the graph of a model where it was made before and is whole."""
    file, seal = _name_graph(weights, cache, int8=int8)
    if not (file.is_file() and seal.is_file()):
        return None
    graph = file.read_bytes()
    return graph if hashlib.sha256(graph).hexdigest().encode() == seal.read_bytes() else None


def _name_graph(weights: ModelFiles, cache: Path, *, int8: bool) -> tuple[Path, Path]:
    kind = f"{'int8' if int8 else 'fp32'}{'-tokens' if weights.adapter else ''}"
    name = f"{weights.digest[:16]}-{kind}-{EXPORT_RECIPE}-ort{ort.__version__}"
    return cache / f"{name}.onnx", cache / f"{name}.sha256"


def _load_graph(weights: ModelFiles, cache: Path, *, int8: bool) -> bytes:
    """Read the exported model; export it first where it is not there, or damaged.

    The cache only saves time, so a folder that cannot be written to is no error.
    """
    if graph := find_graph(weights, cache, int8=int8):
        return graph
    graph = export_onnx_graph(weights, int8=int8)
    file, seal = _name_graph(weights, cache, int8=int8)
    with contextlib.suppress(OSError):
        model_cache.write_cache_file(file, graph)
        model_cache.write_cache_file(seal, hashlib.sha256(graph).hexdigest().encode())
    return graph


def _open_session(graph: bytes, *, threads: int, fuses: bool = True) -> ort.InferenceSession:
    options = ort.SessionOptions()
    if not fuses:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_mem_pattern = False  # it is planned per shape, and every length is one
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
