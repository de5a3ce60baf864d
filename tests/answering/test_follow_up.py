"""Follow-up questions: made to stand alone where they lean on what was said, and only there."""

import asyncio

import pytest
from engines import running
from model_desk import by_model
from scripted_writer import app

from ragdesk.answering.answer import PassagesReady, Question, Turn
from ragdesk.answering.follow_up import needs_context, rewrite_question
from ragdesk.answering.retrieval.question_analysis import analyze_question

NORWAY = (
    Turn(role="user", text="What does shipping to Norway cost?"),
    Turn(role="assistant", text="12.50 euros."),
)
REFUND = (Turn(role="user", text="退款几天到账？"), Turn(role="assistant", text="三天。"))


@pytest.mark.parametrize(
    ("question", "history", "wanted"),
    [
        ("And how long does it take?", NORWAY, True),
        ("What about gift cards?", NORWAY, True),
        ("那会员呢？", REFUND, True),
        ("How many days do I have to send unused articles back to the warehouse in Lyon?", NORWAY, False),
        ("And how long does it take?", (), False),
        ("How do I contact IT support about a broken printer at the warehouse in Lyon?", NORWAY, False),
        ("How do I return it with a broken printer to the warehouse in Lyon?", NORWAY, True),
        ("怎么在马耳他买一把吉他和五个配件？", REFUND, False),
    ],
)  # fmt: skip
def test_only_what_leans_is_rewritten(question, history, wanted):
    analysis = analyze_question(question)
    assert needs_context(analysis, history) is wanted
    standalone = asyncio.run(rewrite_question(analysis, history, lambda _: 1.0))
    assert (standalone.text != question) is wanted


def test_a_follow_up_finds_what_it_leans_on(desk):
    async def first(question: Question) -> object:
        async for event in desk.stream(question):
            if isinstance(event, PassagesReady):
                return event.passages[0].uri
        return None

    assert (
        asyncio.run(first(Question(text="How much is that?", history=NORWAY)))
        == "policies/shipping.md"
    )


@pytest.mark.parametrize(
    ("question", "uri"),
    [("How do I reset the kettle?", "help/kettle.md"), ("发票怎么补开？", "政策/发票.md")],
)
def test_another_subject_brings_nothing_along(desk, question, uri):
    answer = asyncio.run(desk.ask(Question(text=question, history=NORWAY + REFUND)))
    alone = asyncio.run(desk.ask(Question(text=question)))
    assert {c.quote for c in answer.citations} <= {c.quote for c in alone.citations}
    assert answer.citations[0].uri == uri
    assert {mark.uri for mark in answer.citations} <= {mark.uri for mark in alone.citations}


def test_the_answer_names_the_question_as_it_was_asked(desk):
    asked = Question(text="How much is that?", history=NORWAY)
    assert asyncio.run(desk.ask(asked)).question == "How much is that?"


def test_a_model_that_fails_to_rewrite_changes_nothing(desk):
    with running(app(share=0.0)) as url:
        for address in (url, "http://127.0.0.1:9/v1"):

            async def ask(address: str = address) -> object:
                asking = by_model(desk, address)
                answer = await asking.ask(Question(text="How much is shipping?", history=NORWAY))
                await asking.writer.engine.close()
                return answer

            assert "12.50" in asyncio.run(ask()).text
