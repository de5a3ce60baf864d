"""Embed on a CPU through ONNX Runtime, in fp32 or int8, without torch once a model is exported.

Every text runs alone, on one core, and as many texts at once as there are cores. That beats
batches (no padding, no waiting for each other) and makes a vector the same whatever else is
embedded with it: int8 scales are taken per run, so in a batch they depend on the neighbours.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]  # ships no hints
import tokenizers
from numpy.typing import NDArray

from indexes import weights as disk
from indexes.errors import ModelMissing
from indexes.weights import Weights

RECIPE = 1  # counts changes of export and quantisation that change vectors
SMALL = 400_000_000  # bytes of weights up to which one core serves one text
ALIKE = 0.9999  # cosine of the fp32 graph to the model itself, at least
_EXPORT = 900.0  # seconds; 10 for the packaged model

Encode = Callable[[Sequence[str]], NDArray[np.float32]]


def open_encoder(weights: Weights, cache: Path, *, int8: bool, threads: int) -> Encode:
    """Open a model, exported before or now; gives the function that makes unit vectors (n, dim).

    threads: CPU cores used in all. Raises ModelMissing when the model cannot be exported.
    """
    small = sum(f.stat().st_size for f in weights.folder.glob("*.safetensors")) < SMALL
    inner, outer = (1, threads) if small else (threads, 1)
    session = _open(_graph(weights, cache, int8=int8), threads=inner)
    encoder = tokenizers.Tokenizer.from_file(str(weights.tokenizer))
    encoder.no_padding()
    encoder.enable_truncation(weights.max_tokens)

    def run(ids: list[int]) -> NDArray[np.float32]:
        return np.asarray(session.run(None, {"ids": np.array([ids], dtype=np.int64)})[0][0])

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        folded = [text.lower() for text in texts] if weights.lower else list(texts)
        ids = [encoding.ids for encoding in encoder.encode_batch_fast(folded)]
        if len(ids) == 1 or outer == 1:
            return np.stack([run(text) for text in ids])
        order = sorted(range(len(ids)), key=lambda row: -len(ids[row]))  # the longest first, so
        with ThreadPoolExecutor(outer) as pool:  # that no core is left with one at the end
            vectors = np.stack(list(pool.map(run, [ids[row] for row in order])))
        return vectors[np.argsort(order)]

    return encode


def _graph(weights: Weights, cache: Path, *, int8: bool) -> bytes:
    """Read the exported model; export it first where it is not there, or damaged."""
    kind = "int8" if int8 else "fp32"
    name = f"{weights.digest[:16]}-{kind}-{RECIPE}-ort{ort.__version__}"
    file, seal = cache / f"{name}.onnx", cache / f"{name}.sha256"
    if file.is_file() and seal.is_file():
        graph = file.read_bytes()
        if hashlib.sha256(graph).hexdigest().encode() == seal.read_bytes():
            return graph
    graph = _export(weights, int8=int8)
    disk.write(file, graph)
    disk.write(seal, hashlib.sha256(graph).hexdigest().encode())
    return graph


def _export(weights: Weights, *, int8: bool) -> bytes:
    """Export in a process of its own: torch would leave 0.7 GB in this one, and its habits."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "model.onnx")
        order = {**asdict(weights), "folder": str(weights.folder), "target": str(target)}
        done = subprocess.run(  # noqa: S603 - this interpreter, this module
            [sys.executable, "-P", "-m", "indexes.on_onnx", json.dumps({**order, "int8": int8})],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_EXPORT,
            check=False,
        )
        if done.returncode:
            reason = done.stderr.strip().rpartition("\n")[2]
            raise ModelMissing(f"{weights.name} cannot be exported for the CPU: {reason}")
        return target.read_bytes()


def main() -> None:
    """Export the model that the one argument describes; what ``_export`` starts."""
    order = json.loads(sys.argv[1])
    target, int8 = Path(order.pop("target")), order.pop("int8")
    from indexes import on_torch  # noqa: PLC0415 - seconds, and only needed here

    weights = Weights(**{**order, "folder": Path(order["folder"])})
    raw = target.with_name("raw.onnx")
    exact = on_torch.export(weights, raw)
    _fuse(raw, target)
    _check(target, exact, weights.max_tokens)
    if int8:
        _quantise(raw, raw)
        _fuse(raw, target)


def _check(graph: Path, exact: Callable[[list[int]], NDArray[np.float32]], longest: int) -> None:
    """Hold the graph against the model it was traced from, at lengths it was not traced with.

    A branch that depended on the length would have been frozen. Exits with the reason.
    """
    session = _open(graph.read_bytes(), threads=1)
    for length in (3, min(40, longest), min(200, longest)):
        ids = [7 - row % 4 for row in range(length)]
        cosine = float(
            session.run(None, {"ids": np.array([ids], dtype=np.int64)})[0][0] @ exact(ids)
        )
        if not cosine > ALIKE:
            sys.exit(f"the exported graph gives other vectors (cosine {cosine:.4f})")


def _fuse(source: Path, target: Path) -> None:
    """Let ONNX Runtime fold constants and fuse operators, the same on every processor."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 3
    ort.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])


def _quantise(source: Path, target: Path) -> None:
    """Make the matrices int8: a scale per column, and seven bits.

    A scale per matrix gives a cosine of 0.91 at worst, per column 0.99. Eight bits gain 0.001,
    and on processors without VNNI the sums of pairs would saturate (2 x 255 x 127 > 32,767).
    """
    import onnx  # noqa: PLC0415 - only an export reads it
    from onnxruntime import quantization  # noqa: PLC0415

    model = onnx.load(str(source))
    quantization.quant_utils.add_pre_process_metadata(
        model
    )  # else it advises, on the root logger, _fuse
    quantization.quantize_dynamic(
        model,
        target,
        weight_type=quantization.QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )


def _open(graph: bytes, *, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    options.enable_mem_pattern = False  # it is planned per shape, and every length is one
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


if __name__ == "__main__":
    main()
