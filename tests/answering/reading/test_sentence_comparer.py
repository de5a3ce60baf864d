"""English sentences are compared by the English model, and those of other languages beside them."""

import pytest
from fakes import HashEmbedder, document, publish

from indexes.embedding.background import measure_background
from indexes.index import Index
from ragdesk.answering.answer import Question
from ragdesk.answering.reading.sentence_comparer import SentenceComparer
from ragdesk.answering.reading.sentence_extractor import SentenceExtractor
from ragdesk.answering.retrieval.retriever import Retriever

TEXTS = {
    "zh": ("网关.md", "长按按钮十秒恢复设置。\n\nVPN 的 MTU 建议设为 1400。"),
    "en": ("desk.md", "Trainers are booked for the front desk.\n\nThe desk opens at seven."),
}


@pytest.fixture(scope="module")
def rank_units(tmp_path_factory):
    embedder = HashEmbedder()
    collection = tmp_path_factory.mktemp("home") / "default"
    held = [document(uri, text, language=lang) for lang, (uri, text) in TEXTS.items()]
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
            comparers={"en": SentenceComparer(HashEmbedder)},
        )
        yield lambda text: extract.rank_units(retrieve(Question(text=text)))


def test_the_model_is_opened_once_and_compares_no_text_with_nothing():
    opened: list[HashEmbedder] = []

    def open_embedder() -> HashEmbedder:
        opened.append(HashEmbedder())
        return opened[-1]

    compare = SentenceComparer(open_embedder)
    cosines = compare("When does the desk open?", ["The desk opens at seven.", "Trainers wait."])
    assert cosines.shape == (2,)
    assert cosines[0] > cosines[1] >= 0
    assert compare("When?", []).shape == (0,)
    assert len(opened) == 1


def test_a_sentence_of_another_language_is_compared_too(rank_units):
    best, *rest = rank_units("Which VPN MTU 1400 applies, and who says so?")
    assert "1400" in best.text
    assert best.closeness > 0
    assert any(unit.closeness is not None for unit in rest)
