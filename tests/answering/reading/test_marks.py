"""Lines of marks in documents: they answer nothing, however well their heading fits."""

import asyncio

import pytest
from fakes import CARD, HashEmbedder

from indexes.build import Build
from indexes.chunk import Chunk, DocumentRecord
from indexes.index import Index
from ragdesk.answering.answer import Outcome, Question
from ragdesk.answering.answer_options import DecideOptions
from ragdesk.answering.desk import Desk
from ragdesk.answering.retrieval.passage_words import analyze_sentences
from ragdesk.answering.retrieval.retriever import Retriever


def answer(folder, text):
    facts = {"uri": "a.md", "text": text, "title": "Refund policy", "language": "en"}
    record = DocumentRecord(id="a", source="s", digest="a", media_type="text/markdown", **facts)
    chunk = Chunk(document="a", start=0, end=len(text), **facts)
    with Build(folder, HashEmbedder(CARD)) as build:
        build.add(record, [chunk])
        build.publish()
    index = Index.open(folder)
    retrieve = Retriever(index=index, embedder=HashEmbedder(CARD))
    desk = Desk(retrieve=retrieve, collection="c", decide=DecideOptions(floor=0.0))
    try:
        return asyncio.run(desk.ask(Question(text="What is the refund policy?")))
    finally:
        index.close()


@pytest.mark.parametrize("text", ["…", "👍", "***", "👍\n\n***\n\n。"])
def test_marks_alone_answer_nothing(tmp_path, text):
    said = answer(tmp_path, text)
    assert (said.outcome, said.claims, said.citations) == (Outcome.NOT_FOUND, (), ())


def test_marks_beside_sentences_are_not_quoted(tmp_path):
    said = answer(tmp_path, "***\n\nThe refund policy gives you 30 days.\n\n👍")
    assert [c.quote for c in said.citations] == ["The refund policy gives you 30 days."]


def test_words_of_any_script_are_sentences():
    assert len(analyze_sentences("退款三天。\n\nⴰⵣⵓⵍ.\n\n꒐ꄷ\n\n***")) == 3
