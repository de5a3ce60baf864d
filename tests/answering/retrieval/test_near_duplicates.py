"""What says the same is shown once; what only looks alike is not hidden."""

import pytest

from ragdesk.answering.retrieval.near_duplicates import has_same_content

REST = " Parcels are insured, tracked, packed with care and signed for at the door by somebody."


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Returns take 3 days, refunds 5 days.", "Returns take 5 days, refunds 3 days."),
        ("Customers in Norway pay no duty.", "Customers in Sweden pay no duty."),
        ("退款会在三十天内到账。", "退款会在十四天内到账。"),
        ("A refund takes three days.", "A refund takes five days."),
        ("The buyer pays the seller.", "The seller pays the buyer."),
        ("It may be opened.", "It may not be opened."),
    ],
)
def test_a_difference_that_matters_keeps_both(one, other):
    assert not has_same_content(one + REST, other + REST, min_share=0.8)
    assert not has_same_content(other + REST, one + REST, min_share=0.8)


def test_a_difference_that_was_asked_for_keeps_both():
    one, other = f"Standard shipping is slow.{REST}", f"Express shipping is slow.{REST}"
    assert has_same_content(one, other, min_share=0.8)
    assert not has_same_content(one, other, min_share=0.8, question_words={"standard"})


@pytest.mark.parametrize(
    "other",
    [
        "Returns are taken within 30 days." + REST.upper(),
        "Returns are taken within 30 days!" + REST.replace(",", " ·"),
        "Returns are taken gladly within 30 days." + REST,
    ],
)
def test_another_spelling_is_shown_once(other):
    assert has_same_content("Returns are taken within 30 days." + REST, other, min_share=0.8)
