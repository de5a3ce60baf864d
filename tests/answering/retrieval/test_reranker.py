"""A cross-encoder of random weights, and a reranker of ten lines, under one contract."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from contracts import RerankerContract
from fakes import HashEmbedder
from question_words import WORDS
from web_home import TEXTS, publish

from indexes.errors import ModelMissing
from indexes.text.tokens import tokenize_text
from ragdesk.answering.answer import Question
from ragdesk.answering.retrieval.reranker import Reranker, open_reranker, order_passages
from ragdesk.answering.retrieval.retrieval_options import RERANKERS, RerankOptions
from ragdesk.assemble import Workspace
from ragdesk.errors import SettingsError
from ragdesk.settings import Settings, load_settings


def save_cross_encoder(folder, *, kind="Bert", texts=WORDS, **config):
    """Save a cross-encoder of random weights that reads some words."""
    import transformers  # noqa: PLC0415 - seconds, for the tests that need it

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(texts)]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    transformers.set_seed(7)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    plain = {"intermediate_size": 16, "num_labels": 1, "initializer_range": 1.0}
    make_config = getattr(transformers, f"{kind}Config")
    shape = make_config(vocab_size=len(words), pad_token_id=0, **{**sizes, **plain, **config})
    getattr(transformers, f"{kind}ForSequenceClassification")(shape).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_cross_encoder(tmp_path_factory.mktemp("cross"))


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


def test_sigmoid_and_no_activation_give_the_same_scale(folder, tmp_path):
    passages = RerankerContract().passages(TestCrossEncoder.texts)
    orders = []
    for name in ("Sigmoid", "Identity"):
        place = tmp_path / name
        place.mkdir()
        path = {"Sigmoid": "torch.nn.modules.activation", "Identity": "torch.nn.modules.linear"}
        activation = {"activation_fn": f"{path[name]}.{name}"}
        save_cross_encoder(place, sentence_transformers=activation)
        rerank = open_reranker(RerankOptions(model=str(place)))
        orders.append([(p.chunk.text, p.score) for p in rerank(WORDS[0], passages)])
    assert orders[0] == orders[1]
    assert len({score for _, score in orders[0]}) > 1


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"num_labels": 3}, "has 3 labels; a reranker needs one score a pair"),
        (
            {"sentence_transformers": {"activation_fn": "torch.nn.modules.activation.Tanh"}},
            "ends in Tanh; a reranker ends in Sigmoid or Identity",
        ),
    ],
)
def test_a_head_that_gives_no_single_score_is_refused_by_name(tmp_path, config, message):
    save_cross_encoder(tmp_path, **config)
    with pytest.raises(SettingsError, match=message):
        open_reranker(RerankOptions(model=str(tmp_path)))


@pytest.mark.parametrize("kind", ["Bert", "XLMRoberta"])
def test_a_passage_longer_than_the_model_reads_is_cut(tmp_path, kind):
    save_cross_encoder(tmp_path, kind=kind, max_position_embeddings=16)
    rerank = open_reranker(RerankOptions(model=str(tmp_path)))
    some, many = " ".join(WORDS[:20]), " ".join(WORDS * 40)
    passages = RerankerContract().passages([some, many])
    first, second = rerank(" ".join(WORDS[:3]), passages)
    assert first.score == pytest.approx(second.score, abs=1e-5)


def test_threads_share_a_model(folder):
    rerank = open_reranker(RerankOptions(model=str(folder)))
    texts = [" ".join(WORDS[: n + 1]) for n in range(12)]
    passages = RerankerContract().passages(texts)

    def order(length):
        return [p.chunk.text for p in rerank(texts[3], passages[:length])]

    lengths = [*range(1, 13)] * 3
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(order, lengths)) == [order(length) for length in lengths]


def test_a_depth_of_nothing_is_refused():
    with pytest.raises(ValueError, match="depth must be at least 1"):
        RerankOptions(depth=0)


def test_searches_and_answers_go_by_the_model_that_settings_name(tmp_path):
    texts = [word for text in TEXTS.values() for word in tokenize_text(text)]
    model = tmp_path / "model"
    model.mkdir()
    save_cross_encoder(model, texts=texts)
    publish(tmp_path, "default", TEXTS)
    options = RerankOptions(model=str(model))
    workspace = Workspace(tmp_path, Settings(rerank=options), HashEmbedder())
    plain = Workspace(tmp_path, Settings(), HashEmbedder())
    question = Question(text="When does a refund reach a bank account?")
    with workspace.open_collection("default") as opened, plain.open_collection("default") as bare:
        before = bare.search(question, 50)
        ordered = open_reranker(options)(question.text, before)
        assert [p.chunk for p in before] != [p.chunk for p in ordered]
        assert [p.chunk for p in opened.search(question, 50)] == [p.chunk for p in ordered]
        answer = asyncio.run(opened.desk.ask(question))
    assert [p.chunk for p in answer.passages] == [p.chunk.id for p in ordered[:8]]
    assert answer.seconds["rerank"] > 0
