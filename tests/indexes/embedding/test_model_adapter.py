"""An adapter changes a model's matrices as if it had been saved with them, and nothing else."""

import shutil
from dataclasses import replace

import numpy as np
import onnxruntime as ort
import pytest
from safetensors.numpy import load_file, save_file
from tiny_encoder import tiny_bert

from indexes.embedding import bert_graph, model_files
from indexes.embedding.adapted_encoder import can_be_adapted, open_adapted_encoder
from indexes.embedding.model_adapter import apply_adapter, hash_adapter, read_adapter, write_adapter
from indexes.errors import ModelMissing

MATRIX = "encoder.layer.1.attention.self.query.weight"
BIAS = "encoder.layer.0.output.dense.bias"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("tiny") / "model", pooling="mean", unit=True)


@pytest.fixture(scope="module")
def weights(tiny):
    return load_file(str(next(tiny.glob("*.safetensors"))))


def changed(weights, rank=3):
    chance = np.random.default_rng(7)
    after = dict(weights)
    ups, downs = chance.normal(size=(32, rank)), chance.normal(size=(rank, 32))
    after[MATRIX] = (weights[MATRIX] + 0.3 * ups @ downs).astype(np.float32)
    after[BIAS] = (weights[BIAS] + chance.normal(size=32)).astype(np.float32)
    return after


@pytest.fixture
def adapter(tiny, weights, tmp_path):
    file = tmp_path / "adapter.safetensors"
    base = model_files.find_model(str(tiny), tmp_path).digest
    write_adapter(file, weights, changed(weights), base=base, rank=3, card={"data": "none"})
    return file


def test_what_was_changed_comes_back_and_what_was_not_is_not_stored(adapter, weights):
    read = read_adapter(adapter)
    assert set(read.changes) == {MATRIX, BIAS}
    assert read.card == {"data": "none"}
    after = apply_adapter(weights, read)
    for name, wanted in changed(weights).items():
        assert np.abs(after[name] - wanted).max() < 5e-3, name


def test_a_lower_rank_keeps_most_of_a_change(weights, tmp_path):
    wanted, errors = changed(weights, rank=8)[MATRIX], []
    for rank in (1, 4, 8):
        file = tmp_path / f"{rank}.safetensors"
        write_adapter(file, weights, changed(weights, rank=8), base="b", rank=rank, card={})
        after = apply_adapter(weights, read_adapter(file))[MATRIX]
        errors.append(np.linalg.norm(after - wanted))
    assert errors[0] > errors[1] > errors[2]


def test_the_graph_is_that_of_a_model_saved_so(tiny, weights, adapter, tmp_path):
    saved = shutil.copytree(tiny, tmp_path / "saved")
    save_file(changed(weights), next(saved.glob("*.safetensors")), metadata={"format": "pt"})

    def run(folder, change, ids):
        file = tmp_path / "graph.onnx"
        assert bert_graph.write_bert_graph(folder, file, change)
        session = ort.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        output = session.run(None, {"ids": np.array([ids], dtype=np.int64)})[0][0]
        vector = output.mean(axis=0) if change else output  # of all tokens, or one already
        return vector / np.linalg.norm(vector)

    ids = [2, 5, 6, 7, 3]
    adapted = run(tiny, read_adapter(adapter), ids)
    assert np.abs(adapted - run(saved, None, ids)).max() < 5e-3
    assert np.abs(adapted - run(tiny, None, ids)).max() > 0.05


def test_an_encoder_is_opened_for_the_model_that_learnt_and_no_other(tiny, adapter, tmp_path):
    model = model_files.find_model(str(tiny), tmp_path)
    cache = tmp_path / "cache"
    encoder = open_adapted_encoder(model, adapter, cache, threads=1)
    question, (first, second) = (
        encoder.encode_query("refund"),
        encoder.encode_passages(["a", "card"]),
    )
    assert question.whole.shape == first.whole.shape == (32,)
    assert question.tokens.shape[1] == 32
    for vectors in (question, first, second):
        assert np.abs(np.linalg.norm([vectors.whole, *vectors.tokens], axis=1) - 1).max() < 1e-3
    assert model.adapt(adapter).digest != model.digest
    other = tiny_bert(tmp_path / "other", pooling="cls")
    strange = model_files.find_model(str(other), tmp_path)
    assert can_be_adapted(model, adapter)
    assert not can_be_adapted(strange, adapter)
    with pytest.raises(ModelMissing, match="another model"):
        open_adapted_encoder(strange, adapter, cache, threads=1)


def test_tokens_are_those_of_the_text_without_what_is_set_before_it(tiny, adapter, tmp_path):
    model = model_files.find_model(str(tiny), tmp_path)
    plain = open_adapted_encoder(model, adapter, tmp_path, threads=1).encode_query("refund card")
    model = replace(model, query_prefix="card ")
    prefixed = open_adapted_encoder(model, adapter, tmp_path, threads=1).encode_query("refund card")
    assert len(plain.tokens) == len(prefixed.tokens) > 0
    assert np.abs(plain.whole - prefixed.whole).max() > 0.01


def test_a_cache_that_cannot_be_written_costs_time_alone(tiny, adapter, tmp_path):
    model, blocked = model_files.find_model(str(tiny), tmp_path), tmp_path / "blocked"
    blocked.write_text("a file where the folder would be")
    encoder = open_adapted_encoder(model, adapter, blocked, threads=1)
    assert encoder.encode_query("refund").whole.shape == (32,)


@pytest.mark.parametrize("damage", ["cut", "garble", "other"])
def test_a_damaged_file_is_no_adapter(adapter, weights, damage):
    whole = adapter.read_bytes()
    if damage == "cut":
        adapter.write_bytes(whole[: len(whole) // 2])
    elif damage == "garble":
        adapter.write_bytes(b"\0" * 64)
    else:
        save_file({"a": np.zeros(2, np.float32)}, adapter, metadata={"adapter": "{}", "card": "{}"})
    with pytest.raises(ModelMissing, match="adapter"):
        read_adapter(adapter)


def test_a_file_that_is_not_there_and_one_of_another_shape_are_told(adapter, weights, tmp_path):
    with pytest.raises(ModelMissing, match="No adapter"):
        hash_adapter(tmp_path / "none.safetensors")
    smaller = {**weights, MATRIX: weights[MATRIX][:4]}
    with pytest.raises(ModelMissing, match="another shape"):
        apply_adapter(smaller, read_adapter(adapter))
