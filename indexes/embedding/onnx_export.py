"""Make the ONNX graph of a model once: written or traced, checked, fused, and int8 where asked.

All of it happens in a process of its own, which takes its memory with it: ``onnx`` holds a model
several times over, and torch, where a model has to be traced, leaves 0.7 GB and its habits.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]  # ships no hints
from numpy.typing import NDArray

from indexes.embedding.model_adapter import read_adapter
from indexes.embedding.model_files import ModelFiles
from indexes.embedding.quantised_weights import QuantisedWeights
from indexes.errors import ModelMissing

LEAST_TRACED_COSINE = 0.9999  # cosine of a traced graph in fp32 to the model itself, at least
_LIMIT = 900.0  # seconds; 2 for the packaged model, 20 for one of its size that is traced
_CPU = ["CPUExecutionProvider"]


def export_onnx_graph(weights: ModelFiles, *, int8: bool) -> bytes:
    """Make the graph: ids of one text (1, n), or its word vectors, to its unit vector (1, dim).

    With an adapter it is to the vectors of all tokens (1, n, dim). Raises ModelMissing.
    """
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "model.onnx")
        order = {**asdict(weights), "target": target, "int8": int8}
        try:
            done = subprocess.run(  # noqa: S603 - this interpreter, this module
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "indexes.embedding.onnx_export",
                    json.dumps(order, default=str),
                ],
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ModelMissing(
                f"{weights.name} was not exported within {_LIMIT:.0f} s. Is the machine busy?"
            ) from error
        if done.returncode:
            reason = done.stderr.strip().rpartition("\n")[2]
            raise ModelMissing(f"{weights.name} cannot be exported for the CPU: {reason}")
        return target.read_bytes()


def main() -> None:
    """Export the model that the only argument describes; the program of ``export_onnx_graph``."""
    order = json.loads(sys.argv[1])
    target = Path(order.pop("target"))
    int8 = order.pop("int8")
    from indexes.embedding import bert_graph  # noqa: PLC0415 - only an export needs onnx

    names = ("folder", "tokenizer", "weights", "adapter")
    paths = {name: Path(order[name]) for name in names if order[name] is not None}
    weights = ModelFiles(**{**order, **paths})
    adapter = read_adapter(weights.adapter) if weights.adapter else None
    if weights.has_word_table and weights.weights:
        from indexes.embedding import int8_graph  # noqa: PLC0415 - see above

        quantised = QuantisedWeights(weights.weights)
        recipe = int8_graph.PACKAGED_RECIPE if int8 else None
        int8_graph.convert_graph(quantised, target, recipe, adapter)
        return
    raw = target.with_name("raw.onnx")
    if not bert_graph.write_bert_graph(weights.folder, raw, adapter):
        if adapter:
            sys.exit("an adapter is for models of BERT's kind alone")
        from indexes.embedding import on_torch  # noqa: PLC0415 - seconds

        exact = on_torch.trace_onnx_graph(weights, raw)
        _check_graph(raw, exact, weights.max_tokens)
    if int8:
        _quantise_graph(raw, raw)
    _fuse_graph(raw, target)


def _check_graph(
    graph: Path, exact: Callable[[list[int]], NDArray[np.float32]], longest: int
) -> None:
    """Compare the graph with the model it was traced from, at other text lengths.

    A branch that depended on the length would have been frozen. Exits with the reason.
    """
    session = ort.InferenceSession(str(graph), providers=_CPU)
    for length in (3, min(40, longest), min(200, longest)):
        ids = [7 - row % 4 for row in range(length)]
        cosine = float(
            session.run(None, {"ids": np.array([ids], dtype=np.int64)})[0][0] @ exact(ids)
        )
        if not cosine > LEAST_TRACED_COSINE:
            sys.exit(f"the exported graph gives other vectors (cosine {cosine:.4f})")


def _fuse_graph(source: Path, target: Path) -> None:
    """Let ONNX Runtime fold constants and fuse operators, the same on every processor."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 3
    ort.InferenceSession(str(source), options, providers=_CPU)


def _quantise_graph(source: Path, target: Path) -> None:
    """Make the matrices int8: a scale per column, and seven bits.

    A scale per matrix gives a cosine of 0.91 at worst, per column 0.99. Eight bits gain 0.001,
    and on processors without VNNI the sums of pairs would saturate (2 x 255 x 127 > 32,767).
    """
    from onnxruntime import quantization  # noqa: PLC0415 - only an export needs it

    quantization.quantize_dynamic(
        source,
        target,
        weight_type=quantization.QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
        extra_options={"DefaultTensorType": 1},  # float, for what it cannot infer
    )


if __name__ == "__main__":
    main()
