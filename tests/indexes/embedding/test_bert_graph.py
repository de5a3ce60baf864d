"""A graph that is written does what sentence-transformers does; what differs is traced."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from tiny_encoder import tiny_bert

from indexes.embedding import bert_graph, model_files, on_torch, onnx_export
from indexes.embedding.embedder import EmbedOptions, open_embedder

TEXTS = ["refund card", "a refund: days", "card " * 90, "query", ""]
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("tiny") / "model")


def written(folder, file):
    assert bert_graph.write_bert_graph(folder, file)
    session = ort.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    return lambda ids: session.run(None, {"ids": np.array([ids], dtype=np.int64)})[0][0]


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("unit", [True, False])
def test_a_written_graph_gives_the_vectors_of_sentence_transformers(tmp_path, pooling, unit):
    model = tiny_bert(tmp_path / "model", pooling=pooling, unit=unit, layer_norm_eps=1e-5)
    given = written(model, tmp_path / "graph.onnx")
    exact = on_torch.trace_onnx_graph(
        model_files.find_model(str(model), tmp_path), tmp_path / "traced.onnx"
    )
    for length in (1, 2, 7, 24):
        ids = [5 + row % 6 for row in range(length)]
        assert np.abs(given(ids) - exact(ids)).max() < 1e-6


def test_the_packaged_model_is_written(tmp_path, cache):
    found = model_files.find_model("packaged-english", cache)
    given = written(found.folder, tmp_path / "graph.onnx")
    exact = on_torch.trace_onnx_graph(found, tmp_path / "traced.onnx")
    for length in (3, 256):
        ids = [101, *(2_000 + 37 * row % 20_000 for row in range(length - 2)), 102]
        assert np.abs(given(ids) - exact(ids)).max() < 1e-5


def test_int8_makes_the_same_of_a_written_graph_and_of_a_traced_one(tmp_path, cache):
    """It makes much of little: another order of the same additions, and vectors differ by 0.02."""
    found = model_files.find_model("packaged-english", cache)
    traced = tmp_path / "traced.onnx"
    on_torch.trace_onnx_graph(found, traced)
    onnx_export._quantise_graph(traced, traced)
    onnx_export._fuse_graph(traced, traced)
    (tmp_path / "written.onnx").write_bytes(onnx_export.export_onnx_graph(found, int8=True))
    vectors = []
    for name in ("traced.onnx", "written.onnx"):
        session = ort.InferenceSession(str(tmp_path / name), providers=["CPUExecutionProvider"])
        ids = [[101, *(2_000 + 37 * row % 20_000 for row in range(n)), 102] for n in (7, 90, 250)]
        vectors.append([session.run(None, {"ids": np.array([one])})[0][0] for one in ids])
    assert np.abs(np.stack(vectors[0]) - np.stack(vectors[1])).max() < 1e-5


def test_a_first_export_imports_no_torch(tmp_path, cache):
    found = model_files.find_model("packaged-english", cache)
    order = {**asdict(found), "target": tmp_path / "graph.onnx", "int8": True}
    program = (
        "import sys; sys.modules['torch'] = sys.modules['transformers'] = None\n"
        "from indexes.embedding import onnx_export; onnx_export.main()"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    asked = [sys.executable, "-c", program, json.dumps(order, default=str)]
    subprocess.run(asked, env=environment, check=True)  # noqa: S603 - the program above
    assert (tmp_path / "graph.onnx").stat().st_size > 20_000_000


@pytest.mark.parametrize(
    "other",
    [
        {"hidden_act": "gelu_new"},
        {"position_embedding_type": "relative_key"},
        {"is_decoder": True},
        {"model_type": "roberta"},
        {"num_hidden_layers": 1},
        {"intermediate_size": 63},
    ],
)
def test_settings_of_another_kind_are_not_written(tiny, tmp_path, other):
    model = shutil.copytree(tiny, tmp_path / "model")
    file = model / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | other))
    assert not bert_graph.write_bert_graph(model, tmp_path / "graph.onnx")


@pytest.mark.parametrize(
    "other", [{"pooling_mode": "max"}, {"pooling_mode": ["cls", "mean"]}, {"include_prompt": False}]
)
def test_other_pooling_is_not_written(tiny, tmp_path, other):
    model = shutil.copytree(tiny, tmp_path / "model")
    file = model / "1_Pooling" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | other))
    assert not bert_graph.write_bert_graph(model, tmp_path / "graph.onnx")


@pytest.mark.parametrize("file", ["config.json", "1_Pooling/config.json", "model.safetensors"])
def test_a_damaged_model_is_not_written(tiny, tmp_path, file):
    model = shutil.copytree(tiny, tmp_path / "model")
    whole = (model / file).read_bytes()
    (model / file).write_bytes(whole[: len(whole) // 2])
    assert not bert_graph.write_bert_graph(model, tmp_path / "graph.onnx")


def test_what_is_not_written_is_traced_and_held_against_the_model(tmp_path):
    model = tiny_bert(tmp_path / "model", pooling="max")
    options = EmbedOptions(model=str(model), device="cpu")
    traced = open_embedder(options, tmp_path).embed_passages(TEXTS)
    torch = open_embedder(EmbedOptions(model=str(model), device="cpu", backend="torch"), tmp_path)
    assert np.abs(traced - torch.embed_passages(TEXTS)).max() < 1e-5

    graph = next(tmp_path.glob("*.onnx"))
    with pytest.raises(SystemExit, match="gives other vectors"):
        onnx_export._check_graph(graph, lambda ids: np.ones(32, dtype=np.float32) / np.sqrt(32), 24)
