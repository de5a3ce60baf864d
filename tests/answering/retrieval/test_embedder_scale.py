"""The order of passages and the signals are those of the texts, wherever cosines live."""

from dataclasses import replace

import pytest
from fakes import HashEmbedder, document, publish
from shifted_embedder import ShiftedEmbedder

from indexes.embedding.background import measure_background
from indexes.index import Index
from ragdesk.answering.answer import Question
from ragdesk.answering.answer_signals import add_answer_signals
from ragdesk.answering.retrieval.retriever import Retriever

DOCUMENTS = {
    "kettle.md": ("en", "The kettle is descaled with vinegar.\nRinse it twice before you use it."),
    "refund.md": ("en", "A refund takes five days.\nIt goes to the card that paid."),
    "garden.md": ("en", "Roses need water in the evening.\nCut them back in spring."),
    "退款.md": ("zh", "退款需要五天到账。\n款项退回原来的银行卡。"),
    "茶壶.md": ("zh", "茶壶要用白醋除垢。\n用之前冲洗两遍。"),
}
QUESTIONS = [
    "How long does a refund take?",
    "Do roses need water?",
    "退款几天到账？",
    "茶壶怎么除垢",
]


def speak(uri, language, text):
    record, chunks = document(uri, text, language=language)
    return record, [replace(chunk, language=language) for chunk in chunks]


def retrieve_all(folder, embedder, background):
    spoken = [speak(uri, language, text) for uri, (language, text) in DOCUMENTS.items()]
    publish(folder, *spoken, embedder=embedder)
    with Index.open(folder, card=embedder.card) as index:
        retrieve = Retriever(index=index, embedder=embedder, background=background)
        return [add_answer_signals(retrieve(Question(text=text)), embedder) for text in QUESTIONS]


def test_a_shifted_embedder_finds_the_same_and_is_as_sure(tmp_path):
    plain = HashEmbedder()
    shifted = ShiftedEmbedder(plain, floor=0.9)
    first = retrieve_all(tmp_path / "plain", plain, measure_background(plain))
    second = retrieve_all(tmp_path / "shifted", shifted, measure_background(shifted))
    for before, after in zip(first, second, strict=True):
        assert [p.chunk.id for p in after.passages] == [p.chunk.id for p in before.passages]
        assert dict(after.signals) == pytest.approx(dict(before.signals), abs=0.01)
        assert before.signals["dense"] > 0


def test_a_passage_in_the_language_of_the_question_comes_first(tmp_path):
    plain = HashEmbedder()
    for retrieval in retrieve_all(tmp_path / "c", plain, measure_background(plain)):
        assert retrieval.passages[0].chunk.language == retrieval.analysis.language
