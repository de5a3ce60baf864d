"""English sentences are compared by the English model, and those of other languages beside them."""

import pytest
from fakes import HashEmbedder, HashEncoder, document, publish

from indexes.embedding.background import measure_background
from indexes.index import Index
from ragdesk.answering.answer import Question
from ragdesk.answering.reading.sentence_comparer import SentenceComparer, match_tokens
from ragdesk.answering.reading.sentence_extractor import SentenceExtractor
from ragdesk.answering.retrieval.retriever import Retriever

TEXTS = {
    "zh": ("网关.md", "长按按钮十秒恢复设置。\n\nVPN 的 MTU 建议设为 1400。"),
    "en": ("desk.md", "Trainers are booked for the front desk.\n\nThe desk opens at seven."),
    "faq": ("faq.md", "Q: May dogs come in? A: Yes, on a lead."),
}


class TextRecorder(HashEncoder):
    """Keeps the texts that it is given."""

    def __init__(self):
        super().__init__()
        self.texts: list[str] = []

    def encode_passages(self, texts):
        self.texts.extend(texts)
        return super().encode_passages(texts)


@pytest.fixture(scope="module")
def recorder():
    return TextRecorder()


@pytest.fixture(scope="module")
def rank_units(tmp_path_factory, recorder):
    embedder = HashEmbedder()
    collection = tmp_path_factory.mktemp("home") / "default"
    held = [
        document(uri, text, language="zh" if name == "zh" else "en")
        for name, (uri, text) in TEXTS.items()
    ]
    publish(collection, *held, embedder=embedder)
    with Index.open(collection, card=embedder.card) as index:
        retrieve = Retriever(
            index=index, embedder=embedder, background=measure_background(embedder)
        )
        extract = SentenceExtractor(
            embedder=embedder,
            document_text=index.read_text_by_id,
            context_chunks=retrieve.context_chunks,
            is_answerable=lambda _: True,
            comparers={"en": SentenceComparer(lambda: recorder)},
        )
        yield lambda text: extract.rank_units(retrieve(Question(text=text)))


def test_the_model_is_opened_once_and_compares_no_text_with_nothing():
    opened: list[HashEncoder] = []

    def open_encoder() -> HashEncoder:
        opened.append(HashEncoder())
        return opened[-1]

    compare = SentenceComparer(open_encoder)
    found = compare("When does the desk open?", ["The desk opens at seven.", "Trainers wait."])
    for scores in (found.cosines, found.token_matches):
        assert scores.shape == (2,)
        assert 1 >= scores[0] > scores[1] >= 0
    assert compare("When?", []).cosines.shape == (0,)
    assert len(opened) == 1


def test_each_word_of_a_question_is_met_by_the_word_most_like_it():
    encoder = HashEncoder()
    asked = encoder.encode_query("desk opens")
    whole, half, none = encoder.encode_passages(["The desk opens", "A desk", ""])
    assert match_tokens(asked, whole) == pytest.approx(1)
    assert 0.5 < match_tokens(asked, half) < 0.9
    assert match_tokens(asked, none) == 0


def test_a_sentence_of_another_language_is_compared_too(rank_units):
    best, *rest = rank_units("Which VPN MTU 1400 applies, and who says so?")
    assert "1400" in best.text
    assert best.closeness > 0
    assert any(unit.closeness is not None for unit in rest)


def test_an_answer_is_compared_behind_its_question_and_below_its_headings(rank_units, recorder):
    best, *_ = rank_units("May dogs come into the rooms?")
    assert best.text == "Yes, on a lead."
    assert any(text.endswith(".md. May dogs come in? Yes, on a lead.") for text in recorder.texts)
