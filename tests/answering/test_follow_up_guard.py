"""A follow-up is answered by what meets its own words, and nothing is said twice unasked."""

import asyncio

import pytest

from ragdesk.answering.answer import Outcome, Question, Turn
from ragdesk.answering.follow_up_guard import make_follow_up_guard
from ragdesk.answering.follow_up_kind import FollowUpKind, classify_follow_up
from ragdesk.answering.retrieval.question_analysis import analyze_question

LAMPS = ("What does the Birke lamp cost?", "The Birke lamp costs 40 euros and burns for 9 hours.")
LAMPS_ZH = ("白桦台灯多少钱？", "白桦台灯售价 300 元，可以亮九小时。")


def turns(*texts: str) -> tuple[Turn, ...]:
    roles = ("user", "assistant")
    return tuple(Turn(role=roles[n % 2], text=text) for n, text in enumerate(texts))


def admits(question: str, before: tuple[str, ...], quote: str, lead: str = "Furniture") -> bool:
    guard = make_follow_up_guard(analyze_question(question), turns(*before), lambda _: 1.0)
    return guard.admits(quote, lead, guard.analysis.language)


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Who painted the ceiling?", FollowUpKind.SELF_STANDING),
        ("Thanks. Do you rent bicycles?", FollowUpKind.SELF_STANDING),
        ("And the Linde?", FollowUpKind.ELLIPTICAL),
        ("I live on an island", FollowUpKind.ELLIPTICAL),
        ("Does it come in oak?", FollowUpKind.PRONOUN),
        ("How long does that take?", FollowUpKind.PRONOUN),
        ("Why not?", FollowUpKind.ASKING),
        ("你们的总部在哪个城市？", FollowUpKind.SELF_STANDING),
        ("那椴木的呢？", FollowUpKind.ELLIPTICAL),
        ("它有多重？", FollowUpKind.PRONOUN),
        ("要多久？", FollowUpKind.ASKING),
    ],
)
def test_a_question_leans_on_the_talk_by_its_form(question, kind):
    assert classify_follow_up(analyze_question(question)) is kind


@pytest.mark.parametrize(
    ("question", "before", "quote", "wanted"),
    [
        ("And the Linde?", LAMPS, "The Linde lamp costs 55 euros.", True),
        ("And the wardrobe?", LAMPS, "The Linde lamp costs 55 euros.", False),
        ("Who painted the ceiling?", LAMPS, "The Linde lamp costs 55 euros.", False),
        ("Compare the Birke and the Linde", LAMPS, "The Linde lamp costs 55 euros.", True),
        ("Compare the Birke and the Linde", LAMPS, LAMPS[1], True),
        ("Compare the Birke and the Linde", LAMPS, "The wardrobe costs 90 euros.", False),
        ("白桦和椴木有什么区别？", LAMPS_ZH, "椴木台灯售价 420 元。", True),
        ("Why?", LAMPS, "The Birke is dear because it is made by hand.", True),
        ("Why?", LAMPS, "The Linde lamp costs 55 euros.", False),
        ("How often?", LAMPS, "The Birke lamp is oiled once a year.", True),
        ("How often?", LAMPS, "The newsletter comes once a month.", False),
        ("那椴木的呢？", LAMPS_ZH, "椴木台灯售价 420 元。", True),
        ("那衣柜呢？", LAMPS_ZH, "椴木台灯售价 420 元。", False),
        ("你们的总部在哪个城市？", LAMPS_ZH, "椴木台灯售价 420 元。", False),
    ],
)
def test_what_is_quoted_meets_the_question_itself(question, before, quote, wanted):
    assert admits(question, before, quote) is wanted


def test_a_name_above_the_quote_is_met():
    assert admits("And the Linde?", LAMPS, "It costs 55 euros.", "Lamps › Linde")


@pytest.mark.parametrize(
    ("question", "before", "wanted"),
    [
        ("What does the Birke lamp cost?", LAMPS, True),  # the same is asked once more
        ("Can you repeat that?", LAMPS, True),
        ("How long does it burn?", LAMPS, True),  # of another thing that the sentence holds
        ("And the Linde?", LAMPS, False),
        ("Which lamp gives more light?", LAMPS, False),
        ("白桦台灯多少钱？", LAMPS_ZH, True),
        ("能再说一遍吗？", LAMPS_ZH, True),
        ("那椴木的呢？", LAMPS_ZH, False),
    ],
)
def test_an_earlier_answer_is_said_again_only_if_it_is_asked_for(question, before, wanted):
    assert admits(question, before, before[1]) is wanted


@pytest.mark.parametrize(
    ("question", "before", "outcome"),
    [
        ("Who is the mayor?", ("What does shipping to Norway cost?",), Outcome.NOT_FOUND),
        ("And to Chile?", ("What does shipping to Norway cost?",), Outcome.NOT_FOUND),
        ("What does it cost?", ("Do you ship to Norway?",), Outcome.ANSWERED),
        ("And opened software?", ("When can I send unused articles back?",), Outcome.ANSWERED),
        ("市长是谁？", ("退款几天到账？",), Outcome.NOT_FOUND),
        ("会员呢？", ("几天内可以退回商品？",), Outcome.ANSWERED),
    ],
)
def test_the_desk_refuses_what_only_the_talk_before_is_answered_by(desk, question, before, outcome):
    first = asyncio.run(desk.ask(Question(text=before[0])))
    assert first.outcome is Outcome.ANSWERED
    history = turns(*before, first.text)
    assert asyncio.run(desk.ask(Question(text=question, history=history))).outcome is outcome
