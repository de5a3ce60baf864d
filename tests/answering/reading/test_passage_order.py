"""The order of passages beside an answer: what was read in them decides."""

import asyncio

import pytest
from unit_desk import EMBEDDER, take_in

from indexes.build import Build
from indexes.index import Index
from ragdesk.answering.answer import Done, PassagesReady, Question
from ragdesk.answering.answer_options import DecideOptions
from ragdesk.answering.desk import Desk
from ragdesk.answering.reading.passage_order import order_by_reading
from ragdesk.answering.retrieval.question_analysis import analyze_question
from ragdesk.answering.retrieval.retriever import Retriever

TEXTS = {
    # All words of the question, in sentences that answer something else.
    "looms.md": "# Looms\n\nThe loom is black. Its belt is of leather. Belt and loom are cleaned. "
    "Tighten the screws. Who cleans the loom wears gloves. The belt of the loom is sold.",
    "care.md": "# Care\n\nAsk us first. Tighten the belt of the loom by the left wheel.",
    "hours.md": "# Hours\n\nThe workshop opens at nine. It shuts at five.",
}
QUESTION = "How do I tighten the belt of the loom?"


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home") / "default"
    with Build(folder, EMBEDDER) as build:
        for item in TEXTS.items():
            build.add(*take_in(*item))
        build.publish()
    with Index.open(folder, card=EMBEDDER.card) as index:
        yield Desk(
            retrieve=Retriever(index=index, embedder=EMBEDDER),
            collection="default",
            decide=DecideOptions(floor=0.0),
        )


def tell_events(desk, text):
    async def listen():
        return [event async for event in desk.stream(Question(text=text))]

    return asyncio.run(listen())


def test_the_passage_that_holds_the_answer_stands_first(desk):
    answer = tell_events(desk, QUESTION)[-1].answer
    assert answer.passages[0].uri == answer.citations[0].uri == "care.md"
    assert [passage.rank for passage in answer.passages] == [1, 2, 3]
    scores = [passage.score for passage in answer.passages]
    assert scores[0] < max(scores)  # retrieval alone ranks another one first


def test_the_first_event_names_the_passages_as_the_answer_does(desk):
    events = tell_events(desk, QUESTION)
    assert isinstance(events[0], PassagesReady)
    assert isinstance(events[-1], Done)
    assert events[0].passages == events[-1].answer.passages


def test_of_several_parts_each_has_its_best_passage_in_turn(desk):
    answer = tell_events(
        desk, "How do I tighten the belt of the loom, and does the workshop open at nine?"
    )[-1]
    first, second = answer.answer.passages[:2]
    assert {first.uri, second.uri} == {"care.md", "hours.md"}


def test_passages_that_nothing_was_read_of_keep_their_order(desk):
    found = desk.retrieve(Question(text=QUESTION), analyze_question(QUESTION))
    assert order_by_reading(found).passages == found.passages
