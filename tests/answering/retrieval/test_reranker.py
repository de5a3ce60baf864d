"""A cross-encoder of random weights, and a reranker of ten lines, under one contract."""

from dataclasses import replace
from pathlib import Path

import pytest
from contracts import RerankerContract
from question_words import WORDS

from indexes.errors import ModelMissing
from ragdesk.answering.retrieval.reranker import (
    RERANKERS,
    Reranker,
    RerankOptions,
    open_reranker,
    order_passages,
)
from ragdesk.settings import load_settings


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    import transformers  # noqa: PLC0415 - seconds, for the tests that need it

    folder = tmp_path_factory.mktemp("cross")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(WORDS)]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    transformers.set_seed(7)
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, num_labels=1, initializer_range=1.0,
    )  # fmt: skip
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    return folder


class TestCrossEncoder(RerankerContract):
    texts = tuple(" ".join(WORDS[n : n + 4]) for n in range(6))

    @pytest.fixture(autouse=True)
    def use(self, folder):
        self.rerank = lambda depth: open_reranker(RerankOptions(model=str(folder), depth=depth))


class WordReranker(Reranker):
    """Scores a passage by the share of the question's words that it holds."""

    def __init__(self, options):
        self.depth = options.depth

    def __call__(self, question, passages):
        words = set(question.split())
        head = [set(p.chunk.indexed_text.split()) for p in passages[: self.depth]]
        return order_passages(passages, [len(words & own) / len(words) for own in head])


class TestALineOfTheTable(RerankerContract):
    texts = TestCrossEncoder.texts

    @pytest.fixture(autouse=True)
    def use(self, monkeypatch):
        monkeypatch.setitem(RERANKERS, "words", f"{__name__}:WordReranker")
        environ = {
            "RAGDESK_ADVANCED__RERANK__BACKEND": "words",
            "RAGDESK_RERANK__MODEL": "any",
        }
        loaded = load_settings(home=Path("nowhere"), config=None, environ=environ)
        options = loaded.settings.rerank
        self.rerank = lambda depth: open_reranker(replace(options, depth=depth))

    def test_the_line_chooses(self):
        best, *_ = self.rerank(99)(self.texts[3], self.passages(self.texts))
        assert best.chunk.text == self.texts[3]


def test_a_reranker_that_is_not_in_the_table_is_refused_by_name():
    with pytest.raises(ValueError, match="backend must be one of cross-encoder"):
        RerankOptions(backend="elsewhere")


def test_pickled_weights_are_never_read(folder, tmp_path):
    for file in folder.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04N.")
    with pytest.raises(ModelMissing, match="safetensors"):
        open_reranker(RerankOptions(model=str(tmp_path)))


def test_no_model_is_no_step_and_a_wrong_one_is_named(tmp_path):
    assert open_reranker(RerankOptions()) is None
    with pytest.raises(ModelMissing, match="No cross-encoder"):
        open_reranker(RerankOptions(model=str(tmp_path / "none")))
