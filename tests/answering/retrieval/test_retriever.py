from dataclasses import replace

import pytest

from indexes.chunk import SearchFilter
from ragdesk.answering.answer import Question
from ragdesk.answering.retrieval.retriever import Retriever


def uris(found):
    return [passage.chunk.uri for passage in found.passages]


def test_a_name_goes_ahead_of_everything_else(retrieve):
    found = retrieve(Question(text="The machine shows E1047, which filter must be rinsed?"))
    assert found.passages[0].chunk.text.startswith("E1047")
    assert "identifier" in found.passages[0].found_by


def test_a_stretch_of_time_is_no_name(retrieve):
    assert retrieve(Question(text="Returns in Q2 of FY2024")).analysis.identifiers == ()


def test_an_faq_question_goes_ahead(retrieve):
    found = retrieve(Question(text="how can I change my password"))
    assert uris(found)[0] == "faq.csv"
    assert "question" in found.passages[0].found_by


def test_the_same_text_is_shown_once_and_remembered(retrieve):
    found = retrieve(Question(text="sent back unused articles within days"))
    shown = [uri for uri in uris(found) if uri.startswith("policies/returns")]
    assert len(shown) == 2  # the copy is left out, the older policy with other days is not
    assert "policies/returns-old.md" in shown
    assert [p.chunk.uri for same in found.duplicates.values() for p in same] == [
        "policies/returns-copy.md" if "policies/returns.md" in shown else "policies/returns.md"
    ]


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        (SearchFilter(paths=("policies/",)), {"policies/"}),
        (SearchFilter(languages=frozenset({"zh"})), {"政策/"}),
        (SearchFilter(uris=frozenset({"faq.csv"})), {"faq.csv"}),
    ],
)
def test_a_filter_holds_in_every_lane(retrieve, where, wanted):
    text = "How do I change my password? E1047 sent back 退款"
    found = retrieve(Question(text=text, where=where))
    assert found.passages
    assert all(any(uri.startswith(start) for start in wanted) for uri in uris(found))


def test_a_language_the_model_cannot_read_gets_no_vector(retrieve):
    found = retrieve(Question(text="退款几天到账"))
    assert found.similarity is None
    assert all(p.dense is None for p in found.passages)
    assert uris(found)[0] == "政策/退款.md"


def test_weights_of_nothing_leave_a_finder_out(index, embedder, retrieve):
    alone = replace(retrieve.options, dense=0.0, name=0.0, focus=0.0)
    found = Retriever(index=index, embedder=embedder, options=alone)(
        Question(text="Shipping to Norway")
    )
    assert [p.score for p in found.passages] == pytest.approx([p.lexical for p in found.passages])


def test_as_many_as_asked_for(retrieve):
    assert len(retrieve(Question(text="days"), top_k=2).passages) == 2


def test_neighbours_are_at_hand(retrieve):
    found = retrieve(Question(text="E1047"))
    around = retrieve.context_chunks(found.passages[0])
    assert [chunk.uri for chunk in around] == ["errors.md", "errors.md"]


def test_signals_rise_with_what_is_held(retrieve):
    good = retrieve(Question(text="Unused articles sent back within 30 days of delivery")).signals
    bad = retrieve(Question(text="chess championship of the universe")).signals
    assert good["focus"] > 0.9
    assert bad["focus"] < 0.1
    assert all(0 <= value <= 1 for name, value in good.items() if name != "words")
