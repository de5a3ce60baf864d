"""One analysis of a question: what its words alone tell, and what they are worth in an index."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes.text.tokens import drop_stopwords, tokenize_text
from ragdesk.answering.retrieval.question_analysis import analyze_question, weigh_terms


def test_it_holds_what_each_step_reads():
    analysis = analyze_question("How many parcels of ORD-17 left in Q2 of 2024?")
    assert analysis.language == "en"
    assert analysis.identifiers == ("ord17",)  # a period is no name
    assert analysis.numbers == {"17", "2", "2024"}
    assert analysis.topic_words == analysis.content_words - {"mani"}  # of "how many"
    assert analysis.question_type.count_answer_types("Some 300 parcels.") == 1
    assert analyze_question("How many days?").topic_words == {"day"}
    assert analyze_question("哪些城市？").wants_list


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("一千二百五十元的押金退吗？", "The deposit of 1,250 is refunded."),
        ("押金 1,250 元退吗？", "押金壹仟贰佰伍拾元可以退。"),
        ("1.25万元以上要谁批？", "超过 12,500 元由总经理批准。"),
        ("百分之八十算过半吗？", "80% 以上的算。"),
        ("第八条写了什么？", "见第8条。"),
    ],
)
def test_a_number_is_the_same_in_each_spelling(question, sentence):
    assert analyze_question(question).numbers_stand_in(sentence)
    assert analyze_question(sentence).numbers_stand_in(question)
    assert not analyze_question(question).numbers_stand_in("第18条：1,251 元、1.26万、8.5%。")


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Who approves IT purchases?", "who approves purchases?"),
        ("CAN I RETURN IT?", "can i return it?"),
        ("Can I return it?", "can i return it?"),
    ],
)
def test_the_department_is_no_reference(question, text):
    assert analyze_question(question).reference_text == text


def test_characters_that_nobody_sees_are_gone_for_all_steps():
    fillers = "\u3164" * 20  # Hangul letters to Python: they made the language "und"
    hidden = analyze_question(f"Re\u00adfund it?{fillers}")
    plain = analyze_question("Refund it?")
    assert (hidden.text, hidden.language) == (plain.text, "en")
    assert (hidden.terms, hidden.reference_text) == (plain.terms, plain.reference_text)


@given(st.text(max_size=60))
def test_a_question_of_function_words_alone_is_searched_for_by_these(question):
    analysis = analyze_question(question)
    assert list(analysis.tokens) == tokenize_text(question)
    assert analysis.terms == tuple(drop_stopwords(analysis.tokens)) or not analysis.content_words
    assert set(analysis.terms) == (analysis.content_words or set(analysis.tokens))
    weights = weigh_terms(analysis.terms, lambda _: 0.5)
    assert weights.total == 0.5 * len(set(analysis.terms))
    assert weights.coverage(analysis.tokens) == float(bool(analysis.tokens))
