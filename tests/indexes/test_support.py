"""How much of one text another carries, in English and Chinese."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes.support import coverage, precision
from indexes.text import sentences, tokens

RARE = {"refund": 3.0, "退款": 3.0, "退": 2.0, "款": 2.0}
WORDS = st.lists(st.sampled_from(["refund", "window", "ship", "the", "退款", "的"]), max_size=6)


def idf(term: str) -> float:
    return RARE.get(term, 1.0)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("How long do refunds take?", "We open at nine. Refunds take five days. Ask us."),
        ("退款需要多少天？", "我们九点开门。退款一般需要五天。请联系我们。"),
        ("What does error E1047 mean?", "E1046 is heat. E1047 means that there is no water. Stop."),
    ],
)
def test_the_sentence_that_answers_covers_most_of_the_question(question, text):
    spans = sentences(text)
    shares = [coverage(tokens(question), tokens(text[a:b]), idf) for a, b in spans]
    assert shares.index(max(shares)) == 1


def test_a_rare_word_weighs_more():
    question = ["refund", "window", "shop"]
    assert coverage(question, ["refund"], idf) == 0.6
    assert coverage(question, ["window"], idf) == 0.2


def test_precision_falls_with_what_the_text_does_not_say():
    text = "You have 30 days to ask for a refund."
    assert precision("You can ask for a refund within 30 days.", text, idf) > 0.75
    assert precision("You can ask for a refund within 60 days.", text, idf) < 0.75
    assert precision("退款需要三天", "退款需要三天。", idf) == 1.0
    assert precision("退款需要五天", "退款需要三天。", idf) < 1.0


def test_nothing_asked_and_nothing_claimed():
    assert coverage([], ["a"], idf) == 0.0
    assert coverage(["the", "of"], ["the"], idf) == 0.5
    assert precision("", "text", idf) == 1.0
    assert precision("It is.", "text", idf) == 1.0


@given(WORDS, WORDS, WORDS)
def test_coverage_is_a_share_that_grows_with_the_text(question, text, more):
    share = coverage(question, text, idf)
    assert 0.0 <= share <= 1.0
    assert share <= coverage(question, text + more, idf)
    assert math.isclose(coverage(question, question, idf), 1.0) or not question
