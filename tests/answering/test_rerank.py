"""A cross-encoder of random weights: its order and its scale, whatever the question."""

import pytest
from answering_words import WORDS

from indexes.chunk import Chunk, Passage
from indexes.errors import ModelMissing
from ragdesk.answering.retrieval.reranker import RerankOptions, open_reranker


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


def passages(*texts: str) -> list[Passage]:
    made = [
        Chunk(document="d", uri="d.md", title="", text=text, start=0, end=len(text))
        for text in texts
    ]
    return [Passage(chunk=c, score=0.9 - n / 10) for n, c in enumerate(made)]


def test_all_passages_come_back_with_scores_that_do_not_rise(folder):
    rerank = open_reranker(RerankOptions(model=str(folder), depth=3))
    held = passages(*(" ".join(WORDS[n : n + 4]) for n in range(5)))

    ordered = rerank(" ".join(WORDS[:3]), held)

    assert {p.chunk.text for p in ordered} == {p.chunk.text for p in held}
    assert [p.chunk.text for p in ordered[3:]] == [p.chunk.text for p in held[3:]]
    scores = [p.score for p in ordered]
    assert scores == sorted(scores, reverse=True)
    assert 0 < min(scores) <= max(scores) < 1


def test_a_passage_scores_the_same_in_whatever_company(folder):
    rerank = open_reranker(RerankOptions(model=str(folder)))
    texts = [" ".join(WORDS[n : n + 5]) for n in range(6)]
    together = {p.chunk.text: p.score for p in rerank(WORDS[0], passages(*texts))}

    for text in texts:
        (alone,) = rerank(WORDS[0], passages(text))
        assert alone.score == pytest.approx(together[text], abs=1e-5)


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
