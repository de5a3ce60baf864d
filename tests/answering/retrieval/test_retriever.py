import asyncio
from dataclasses import replace

import pytest

from indexes.chunk import SearchFilter
from ragdesk.answering.answer import Done, PassagesReady, Question, Turn
from ragdesk.answering.desk import Desk
from ragdesk.answering.retrieval.question_analysis import analyze_question
from ragdesk.answering.retrieval.reranker import order_passages
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


class LastFirst:
    """A reranker that turns the order it is shown around, and remembers what it was shown."""

    def __init__(self, depth):
        self.depth = depth
        self.questions, self.passages = [], []

    def __call__(self, question, passages):
        self.questions.append(question)
        self.passages.append(passages)
        count = min(self.depth, len(passages))
        return order_passages(passages, [n / count for n in range(1, count + 1)])


def ids(passages):
    return [passage.chunk.id for passage in passages]


WIDE = Question(text="unused articles parcels vouchers kettle software days delivery")


@pytest.fixture
def plain(retrieve):
    return retrieve(WIDE, top_k=50)


def test_a_reranker_lifts_what_the_cut_would_have_lost(retrieve, plain):
    rerank = LastFirst(depth=24)
    cut = replace(retrieve, rerank=rerank, options=replace(retrieve.options, top_k=2))
    before, after = retrieve(WIDE, top_k=2), cut(WIDE)
    (read,) = rerank.passages
    assert len(read) > len(plain.passages) > 4  # the repeats are still among them
    assert ids(after.passages) != ids(before.passages)
    assert after.passages[0].chunk.id == ids(read)[-1]
    assert len(after.passages) == 2
    assert rerank.questions == [WIDE.text]


def test_repeats_are_taken_out_of_the_new_order(retrieve):
    found = replace(retrieve, rerank=LastFirst(depth=24))(
        Question(text="sent back unused articles within days"), top_k=50
    )
    shown = [uri for uri in uris(found) if uri.startswith("policies/returns")]
    assert len(shown) == 2
    assert [p.chunk.uri for same in found.duplicates.values() for p in same]


def test_what_is_deeper_keeps_its_place_behind(retrieve):
    where = SearchFilter(paths=("policies/returns.md", "policies/shipping.md", "help/", "gifts"))
    question = replace(WIDE, where=where)  # without the copy: it may stand among the first two
    found = replace(retrieve, rerank=LastFirst(depth=2))(question, top_k=50)
    first, second, *rest = ids(retrieve(question, top_k=50).passages)
    assert len(rest) > 1
    assert ids(found.passages) == [second, first, *rest]


@pytest.mark.parametrize("depth", [1, 3, 24, 500])
def test_scores_never_rise_and_no_more_is_gathered_than_the_pool(retrieve, depth):
    small = replace(retrieve.options, pool=4, look=4, top_k=2)
    rerank = LastFirst(depth)
    found = replace(retrieve, rerank=rerank, options=small)(WIDE)
    scores = [p.score for p in found.passages]
    assert scores == sorted(scores, reverse=True)
    assert 0 <= min(scores) <= max(scores) <= 1
    assert len(rerank.passages[0]) == 4


def test_lanes_stay_ahead_of_a_reranker(retrieve):
    backwards = replace(retrieve, rerank=LastFirst(depth=24))
    for text, finder in (
        ("The machine shows E1047, which filter must be rinsed?", "identifier"),
        ("how can I change my password", "question"),
    ):
        before, after = retrieve(Question(text=text)), backwards(Question(text=text))
        assert before.passages[0].chunk == after.passages[0].chunk
        assert finder in after.passages[0].found_by
        scores = [p.score for p in after.passages]
        assert scores == sorted(scores, reverse=True)


def test_signals_stay_on_the_scale_that_they_were_fitted_to(retrieve, plain):
    found = replace(retrieve, rerank=LastFirst(depth=24))(WIDE, top_k=50)
    assert found.passages[0].score == 1.0
    for name in ("top", "gap", "dense", "lexical", "focus"):
        assert found.signals[name] == pytest.approx(plain.signals[name])


def test_an_answer_shows_the_new_order_and_times_it(retrieve):
    rerank = LastFirst(depth=24)
    with_one = replace(retrieve, rerank=rerank)
    desk = Desk(retrieve=with_one, collection="default")
    history = (Turn(role="user", text="How long may unused articles be sent back?"),)

    async def ask():
        question = Question(text="And opened software?", history=history)
        return [event async for event in desk.stream(question)]

    told = asyncio.run(ask())
    passages = next(event for event in told if isinstance(event, PassagesReady)).passages
    assert len(rerank.questions) == 1  # whether a follow-up stands alone needs no second model
    expected = with_one(Question(text=rerank.questions[0]))
    assert [p.chunk for p in passages] == ids(expected.passages)
    seconds = told[-1].answer.seconds
    assert isinstance(told[-1], Done)
    assert seconds["rerank"] > 0
    assert seconds["retrieve"] > 0
    assert "rerank" not in asyncio.run(Desk(retrieve=retrieve, collection="d").ask(WIDE)).seconds


def test_a_typo_finds_what_was_meant_and_lowers_what_is_sure(retrieve):
    right = retrieve(Question(text="When do parcels leave the warehouse?"))
    typo = retrieve(Question(text="When do parcels leave the warehuose?"))
    assert uris(typo)[0] == uris(right)[0]
    assert 0.5 * right.signals["focus"] < typo.signals["focus"] < right.signals["focus"]


def test_a_homophone_finds_what_was_meant(retrieve):
    assert (
        uris(retrieve(Question(text="发飘怎么补开")))[0]
        == uris(retrieve(Question(text="发票怎么补开")))[0]
    )


@pytest.mark.parametrize(
    "text", ["Which IT parcels leave the Lyon warehuose, and WHEN?", "發飘怎麼補開？"]
)
def test_a_correction_changes_the_words_that_are_searched_and_nothing_else(retrieve, text):
    asked, searched = analyze_question(text), retrieve(Question(text=text)).analysis
    same = ("text", "language", "numbers", "reference_text", "reference_words", "wants_list")
    assert [getattr(searched, name) for name in same] == [getattr(asked, name) for name in same]
    shares = [a.question_type.answer_share("Two days in Lyon.") for a in (asked, searched)]
    assert shares[0] == shares[1]
    assert searched.terms != asked.terms
