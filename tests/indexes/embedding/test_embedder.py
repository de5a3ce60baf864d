"""Embedding: the same vectors by every door, in any order, without torch once exported."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_encoder import tiny_bert

from indexes.embedding import model_files, recipes
from indexes.embedding.chinese_check import count_matches, reads_chinese
from indexes.embedding.embedder import EmbedOptions, open_embedder, open_tokenizer
from indexes.embedding.tokenizer import LONGEST_WORD_PIECE
from indexes.errors import ModelMissing

TEXTS = [
    "You have 30 days to ask for a refund.",
    "Refunds reach your card within two weeks, " * 60,  # beyond the window
    "Descale the machine when the red lamp blinks.",
    "The weather in Bergen is wet.",
    "退款需要三个工作日。",
    "a",
    "",
]
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A small model of random weights, saved the way sentence-transformers saves them."""
    return tiny_bert(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="module")
def english(cache):
    return open_embedder(EmbedOptions(model="packaged-english", device="cpu"), cache)


def unlike(one, other):
    return float(np.abs(one - other).max())


def test_the_packaged_model_is_described_by_its_card(packaged):
    card = packaged.card
    assert (card.name, card.dim, card.max_tokens) == ("multilingual-e5-small", 384, 512)
    assert card.revision.endswith(f"-int8.{recipes.EXPORT_RECIPE}")
    assert card.normalised
    assert card.reads_cjk


def test_the_english_model_is_described_by_its_card(english):
    card = english.card
    assert (card.name, card.dim, card.max_tokens) == ("all-MiniLM-L6-v2", 384, 256)
    assert not card.reads_cjk


def test_vectors_are_unit_length_and_in_order(packaged):
    vectors = packaged.embed_passages(TEXTS)
    assert vectors.shape == (len(TEXTS), 384)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert packaged.embed_passages([]).shape == (0, 384)


@settings(max_examples=10)
@given(chosen=st.lists(st.sampled_from(TEXTS), max_size=6))
def test_a_vector_does_not_depend_on_its_neighbours(chosen, packaged, english):
    together = packaged.embed_passages(chosen)
    for text, vector in zip(chosen, together, strict=True):
        assert unlike(packaged.embed_passages([text])[0], vector) <= 1e-6
    together = english.embed_passages(chosen)
    for text, vector in zip(chosen, together, strict=True):
        assert unlike(english.embed_query(text), vector) <= 1e-6


def test_they_find_what_means_the_same(packaged, english):
    for embedder in (packaged, english):
        passages = embedder.embed_passages(TEXTS[:1] + TEXTS[2:4])
        asked = embedder.embed_query("How long can I get my money back?")
        assert (passages @ asked).argmax() == 0


@pytest.mark.parametrize("model", ["packaged", "packaged-english"])
def test_int8_stays_near_torch(model, cache):
    int8 = open_embedder(EmbedOptions(model=model, device="cpu"), cache)
    torch = open_embedder(EmbedOptions(model=model, backend="torch", device="cpu"), cache)
    assert torch.card.revision == int8.card.revision.removesuffix(f"-int8.{recipes.EXPORT_RECIPE}")
    cosine = (int8.embed_passages(TEXTS[:4]) * torch.embed_passages(TEXTS[:4])).sum(axis=1)
    assert cosine.min() > 0.98


def test_asking_imports_no_torch_once_the_model_is_exported(packaged, cache):
    program = (
        "import sys; from pathlib import Path\n"
        "from indexes.embedding.embedder import EmbedOptions, open_embedder\n"
        f"open_embedder(EmbedOptions(device='cpu'), Path({str(cache)!r})).embed_query('refund?')\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'onnx', 'scipy', 'sklearn'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(  # noqa: S603 - the program above
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_model_of_ones_own_runs_in_fp32_like_sentence_transformers(tiny, tmp_path):
    texts = ["refund card", "a refund: days", "card " * 90, "query"]
    options = EmbedOptions(model=str(tiny), device="cpu", passage_prefix="query: ")
    onnx = open_embedder(options, tmp_path)
    torch = open_embedder(
        EmbedOptions(model=str(tiny), device="cpu", passage_prefix="query: ", backend="torch"),
        tmp_path,
    )
    assert onnx.card == torch.card
    assert (onnx.card.dim, onnx.card.max_tokens, onnx.card.reads_cjk) == (32, 24, False)
    assert unlike(onnx.embed_passages(texts), torch.embed_passages(texts)) < 1e-5
    assert unlike(onnx.embed_passages(["refund"])[0], onnx.embed_query("query: refund")) < 1e-6
    assert unlike(onnx.embed_passages(["refund"])[0], onnx.embed_query("refund")) > 1e-3

    for file in tmp_path.glob("*.onnx"):  # a damaged export is made again
        body = bytearray(file.read_bytes())
        body[len(body) // 2] ^= 1
        file.write_bytes(body)
    again = open_embedder(options, tmp_path)
    assert unlike(again.embed_passages(texts), onnx.embed_passages(texts)) < 1e-6


def test_settings_say_what_a_model_reads(tiny, tmp_path, packaged, english):
    options = EmbedOptions(model=str(tiny), device="cpu", backend="torch", reads_cjk=True)
    assert open_embedder(options, tmp_path).card.reads_cjk
    assert count_matches(english.embed_passages) <= 4
    assert count_matches(packaged.embed_passages) > 4


def test_the_test_of_chinese_is_passed_by_meaning():
    def knows(texts):
        return np.repeat(np.eye(len(texts) // 2, dtype=np.float32), 2, axis=0)

    assert reads_chinese(knows)
    assert not reads_chinese(lambda texts: np.ones((len(texts), 3), dtype=np.float32))


def test_what_is_missing_is_named_with_its_remedy(tiny, tmp_path):
    with pytest.raises(ModelMissing, match="No sentence-transformers model at"):
        open_embedder(EmbedOptions(model=str(tmp_path / "none")), tmp_path)
    for name in ("modules.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((tiny / name).read_bytes())
    with pytest.raises(ModelMissing, match="safetensors"):
        open_tokenizer(EmbedOptions(model=str(tmp_path)), tmp_path)
    with pytest.raises(ModelMissing, match="device"):
        open_embedder(EmbedOptions(model=str(tiny), device="cuda:99"), tmp_path)


@pytest.mark.parametrize("file", ["1_Pooling/config.json", "model.safetensors", "config.json"])
def test_a_damaged_model_is_named(tiny, tmp_path, file):
    model = shutil.copytree(tiny, tmp_path / "model")
    whole = (model / file).read_bytes()
    (model / file).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelMissing, match="holds no whole"):
        open_embedder(EmbedOptions(model=str(model), device="cpu", backend="torch"), tmp_path)


def test_another_file_makes_another_revision(tiny, tmp_path):
    model = shutil.copytree(tiny, tmp_path / "model")
    before = model_files.find_model(str(model), tmp_path).digest
    assert model_files.find_model(str(model), tmp_path).digest == before
    file = model / "1_Pooling" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"note": "changed"}))
    assert model_files.find_model(str(model), tmp_path).digest != before


@pytest.fixture(scope="module", params=["packaged", "packaged-english"])
def tokenizer(request, cache):
    return open_tokenizer(EmbedOptions(model=request.param), cache)


def test_tokens_are_counted_without_limit_or_padding(tokenizer):
    assert tokenizer.count_tokens("Refunds take 14 days.") in {6, 7}
    assert tokenizer.count_tokens("退款") in {2, 3}
    assert tokenizer.count_tokens("") == 0
    assert tokenizer.count_tokens("word " * 5_000) == 5_000


@settings(max_examples=50)
@given(text=st.text(alphabet="ab .,\n\t退😀\u3000é\u200b", max_size=300))
def test_cuts_ascend_and_begin_with_something(text, tokenizer):
    cuts = list(tokenizer.token_starts(text))
    assert cuts == sorted(cuts)
    assert all(0 <= at < len(text) for at in cuts)
    assert len(tokenizer.token_starts("x" + " " * 500)) > 500 / LONGEST_WORD_PIECE


def test_a_long_text_is_counted_like_its_lines(tokenizer):
    line = "You have 30 days, and then some: 退款需要三天。\n"
    assert tokenizer.count_tokens(line * 2_000) == 2_000 * tokenizer.count_tokens(line)
    once = list(tokenizer.token_starts(line))
    assert list(tokenizer.token_starts(line * 2_000))[-len(once) :] == [
        1_999 * len(line) + at for at in once
    ]


@pytest.mark.gpu
def test_half_precision_on_a_gpu_fits_vectors_made_on_a_cpu(cache):
    gpu = open_embedder(EmbedOptions(device="cuda"), cache)
    cpu = open_embedder(EmbedOptions(device="cpu", backend="onnx"), cache)
    assert gpu.card == cpu.card
    assert (gpu.embed_passages(TEXTS) * cpu.embed_passages(TEXTS)).sum(axis=1).min() > 0.999
