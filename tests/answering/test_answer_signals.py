import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from question_words import WORDS

from indexes.chunk import Chunk, Passage
from ragdesk.answering.answer import Question
from ragdesk.answering.answer_signals import add_answer_signals
from ragdesk.answering.calibration import Calibration
from ragdesk.answering.retrieval.question_analysis import (
    analyze_question,
    weigh_terms,
)
from ragdesk.answering.retrieval.retrieval_result import Retrieval

ADDED = {"topic", "topic_all", "told", "told_all", "meant", "both"}


def found(question: str, *texts: str) -> Retrieval:
    passages = tuple(
        Passage(
            chunk=Chunk(
                document=uri, uri=uri, title="", text=text, start=0, end=len(text), language="en"
            ),
            score=0.5,
        )
        for uri, text in ((f"{n}.md", text) for n, text in enumerate(texts))
    )
    analysis = analyze_question(question)
    return Retrieval(
        analysis=analysis,
        term_weights=weigh_terms(analysis.terms, lambda _: 1.0),
        idf=lambda _: 1.0,
        similarity=None,
        passages=passages,
        signals={"top": 0.5},
        duplicates={},
    )


def told(question: str, *texts: str) -> float:
    return add_answer_signals(found(question, *texts), NoModel()).signals["told"]


class NoModel:
    """No embedder: it must not be asked where no vector was made."""


@pytest.mark.parametrize(
    ("question", "answers", "only_speaks"),
    [
        (
            "How many articles did the warehouse send back?",
            "The warehouse did send back 300 articles in spring.",
            "The warehouse did send back articles in every spring.",
        ),
        (
            "How many parcels left Lyon in 2024?",
            "In 2024, 800 parcels left Lyon by train.",
            "In 2024, parcels left Lyon by train and by ship.",
        ),
        (
            "发票什么时间可以补开？",
            "发票在3月5日之前可以补开。",
            "发票可以补开，请联系我们的客服。",
        ),
    ],
)
def test_naming_what_was_asked_for_tells_more_than_speaking_of_it(question, answers, only_speaks):
    assert told(question, answers) > told(question, only_speaks) > 0


def test_a_question_in_the_documents_answers_nothing():
    asked = "Who repairs the kettle?"
    assert told(asked, "Who repairs the old kettle in my kitchen at home?") == 0.0
    assert told(asked, "Our partner Bergen Service repairs the old kettle at home.") > 0.5


def test_an_answer_in_several_documents_is_told_more_often():
    asked, text = "Who repairs the kettle?", "Bergen Service in town repairs the old kettle."
    once = add_answer_signals(found(asked, text, "Parcels leave."), NoModel()).signals
    twice = add_answer_signals(found(asked, text, text), NoModel()).signals
    assert twice["told"] == once["told"]
    assert twice["told_all"] > once["told_all"]


def test_nothing_found_adds_nothing():
    empty = replace(found("Who?"), passages=())
    assert add_answer_signals(empty, NoModel()) is empty


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8))
def test_every_signal_is_a_share(retrieve, spoken):
    seen = retrieve(Question(text=" ".join(spoken)))
    signals = add_answer_signals(seen, retrieve.embedder).signals
    assert all(0.0 <= signals.get(name, 0.0) <= 1.0 + 1e-6 for name in ADDED)
    assert {k: v for k, v in signals.items() if k not in ADDED} == dict(seen.signals)


def test_the_desk_assesses_where_it_is_asked_to_explain(ask):
    explained, _ = ask("How long may I send back unused articles?", explain=True)
    assert set(explained.signals) >= ADDED
    assert "assess" in explained.seconds
    plain, _ = ask("How long may I send back unused articles?")
    assert "assess" not in plain.seconds


def test_a_calibrated_desk_decides_by_what_it_assessed(desk):
    group = {"intercept": -2.0, "weights": {"told": 4.0}, "floor": 0.5}
    strict = replace(desk, calibration=Calibration({"*": group}))
    told = asyncio.run(strict.ask(Question(text="How long may I send back unused articles?")))
    assert told.confidence
    assert told.confidence > 0.5
    foreign = asyncio.run(strict.ask(Question(text="Who repairs bridges in Peru?")))
    assert foreign.outcome == "not_found"
