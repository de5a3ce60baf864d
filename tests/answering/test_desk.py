"""What holds for every answer, whatever is asked."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from question_words import WORDS

from indexes.chunk import SearchFilter
from ragdesk.answering.answer import ClaimChecked, ClaimVerdict, Outcome, PassagesReady, TextDelta
from ragdesk.answering.messages import NO_ANSWER_TEXT

questions = st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join) | st.text(max_size=30)


@settings(max_examples=60)
@given(questions)
def test_an_answer_can_be_checked(ask, index, text):
    answer, told = ask(text)

    for citation in answer.citations:
        assert index.read_text(citation.uri)[citation.start : citation.end] == citation.quote
    assert "".join(e.text for e in told if isinstance(e, TextDelta)) == answer.text
    assert told[0] == PassagesReady(answer.passages)
    verdicts = [(e.claim, e.support, e.verdict) for e in told if isinstance(e, ClaimChecked)]
    assert verdicts == [(c.text, c.support, c.verdict) for c in answer.claims]
    assert [c.number for c in answer.citations] == list(range(1, len(answer.citations) + 1))
    places = {(c.uri, c.start, c.end) for c in answer.citations}
    assert len(places) == len(answer.citations)
    shown = {p.chunk for p in answer.passages}
    assert {c.chunk for c in answer.citations} <= shown
    numbers = {c.number for c in answer.citations}
    for claim in answer.claims:
        assert set(claim.citations) <= numbers
        assert claim.text in answer.text
        if claim.verdict is ClaimVerdict.NO_CLAIM:  # a fixed sentence of ours: it rests on nothing
            assert not claim.citations
            continue
        assert claim.citations
        assert f"[{claim.citations[0]}]" in answer.text
    rests_on_nothing = answer.outcome in {Outcome.NOT_FOUND, Outcome.CLARIFY}
    assert rests_on_nothing == (not answer.citations)
    assert [p.rank for p in answer.passages] == list(range(1, len(answer.passages) + 1))
    assert all(0 <= p.score <= 1 for p in answer.passages)


@pytest.mark.parametrize("text", ["", "   ", "?", "\x00", "的", "the", "a" * 5000, "\ud800", "🙂"])
def test_a_question_without_words_is_refused(ask, text):
    answer, _ = ask(text)
    assert answer.outcome is Outcome.NOT_FOUND


def test_a_question_is_answered_by_the_sentence_that_holds_it(ask):
    answer, _ = ask("How many days do I have to send unused articles back?")
    assert answer.outcome is Outcome.ANSWERED
    assert "Unused articles can be sent back within 30 days of delivery. [1]" in answer.text
    assert answer.generator == "extractive"
    assert answer.language == "en"
    assert {"retrieve", "generate", "total"} <= set(answer.seconds)


def test_chinese_is_answered_without_a_model_that_reads_it(ask):
    answer, _ = ask("退款几天到账？")
    assert answer.claims[0].text == "退款在三天内到账。"
    assert answer.language == "zh"


@pytest.mark.parametrize(
    ("text", "language"), [("Who won the chess championship?", "en"), ("今天北京天气如何？", "zh")]
)
def test_what_the_documents_do_not_say_is_refused_in_the_language_of_the_question(
    ask, text, language
):
    answer, _ = ask(text)
    assert (answer.outcome, answer.text) == (Outcome.NOT_FOUND, NO_ANSWER_TEXT[language])
    assert not answer.claims


def test_a_name_is_found_across_languages(ask):
    answer, _ = ask("E1047 是什么意思？")
    assert answer.outcome is Outcome.ANSWERED
    assert "E1047 | Pump blocked | Rinse the filter" in answer.text


def test_a_question_in_another_language_is_refused_rather_than_garbled(ask):
    answer, _ = ask("寄到挪威的运费是多少欧元？")
    assert all(c.uri.startswith("政策/") for c in answer.citations)


def test_a_row_brings_its_header(ask):
    answer, _ = ask("What does E1047 mean?")
    assert [c.quote for c in answer.citations][:2] == [
        "Code | Meaning | What to do",
        "E1047 | Pump blocked | Rinse the filter",
    ]
    assert answer.claims[0].citations == (1, 2)


def test_a_list_is_said_whole_with_its_lead_in(ask):
    answer, _ = ask("How do I reset the kettle?")
    assert answer.text.startswith("Reset the kettle as follows:\n- Unplug it.\n- Hold the lid")


def test_an_faq_entry_answers_with_its_answer_alone(ask):
    answer, _ = ask("How do I change my password?")
    assert answer.claims[0].text.startswith("Open the account page and choose Security. Then")
    assert "How do I" not in answer.text
    assert answer.citations[0].question == "How do I change my password?"


def test_a_question_in_the_text_is_said_with_what_answers_it(ask):
    answer, _ = ask("Is a gift voucher paid out in cash?")
    assert answer.claims[0].text == "Q: Can a gift voucher be paid out in cash?\nNo, never."
    answer, _ = ask("Who may redeem a gift voucher abroad?")
    assert not any("abroad" in claim.text for claim in answer.claims)


def test_what_a_group_may_not_see_is_not_said(ask):
    everyone, _ = ask("How high is the staff discount?", where=SearchFilter(groups=frozenset()))
    staff, _ = ask(
        "How high is the staff discount?", where=SearchFilter(groups=frozenset({"staff"}))
    )
    assert "40" not in everyone.text
    assert all(p.uri != "secret.md" for p in everyone.passages)
    assert "The staff discount is 40 percent. [1]" in staff.text


def test_signals_are_given_when_asked_for(ask):
    silent, _ = ask("How do I reset the kettle?")
    told, _ = ask("How do I reset the kettle?", explain=True)
    assert silent.signals is None
    assert all(isinstance(value, float) for value in told.signals.values())
