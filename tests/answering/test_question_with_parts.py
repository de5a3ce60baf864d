"""A question that asks several things is answered part by part, through the whole desk."""

from ragdesk.answering.answer import ClaimVerdict, Outcome

SHIPPING_AND_INVOICE = "发票可以补开多久，退款几天到账？"


def test_each_part_is_answered_from_its_own_document(ask):
    answer, _ = ask(
        "What does shipping to Norway cost, and how many days do I have to send back unused articles?"
    )
    assert answer.outcome is Outcome.ANSWERED
    assert "12.50 euros" in answer.text
    assert "30 days" in answer.text
    assert len({citation.uri for citation in answer.citations}) == 2


def test_a_chinese_question_of_two_parts_is_answered_twice(ask):
    answer, _ = ask(SHIPPING_AND_INVOICE)
    assert "一百八十天" in answer.text
    assert "三天" in answer.text


def test_a_part_that_no_document_answers_is_named_and_claims_nothing(ask):
    answer, _ = ask("What does shipping to Norway cost, and which zebra painted the corridor?")
    last = answer.claims[-1]
    assert answer.outcome is Outcome.ANSWERED
    assert "12.50 euros" in answer.text
    assert "which zebra painted the corridor?" in last.text
    assert (last.verdict, last.citations) == (ClaimVerdict.NO_CLAIM, ())


def test_where_no_part_is_answered_the_question_is_refused(ask):
    answer, _ = ask("Which zebra painted the corridor, and how does granite sing?")
    assert answer.outcome is Outcome.NOT_FOUND
    assert answer.claims == ()
