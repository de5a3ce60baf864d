"""What a claim states otherwise than its evidence: cases that shares of words cannot tell."""

import pytest

from indexes.text.contradictions import find_contradictions


def kinds(claim: str, evidence: str) -> list[str]:
    return [flag.kind for flag in find_contradictions(claim, evidence)]


@pytest.mark.parametrize(
    ("claim", "evidence"),
    [
        ("The company has 500 employees.", "The company has 1,500 employees."),
        ("The rating is 5.", "The rating is 4.5."),
        ("The rack holds 2 servers.", "The rack holds 2.5 servers."),
    ],
)
def test_a_part_of_a_number_is_another_number(claim, evidence):
    assert kinds(claim, evidence) == ["number"]
    assert kinds(evidence, evidence) == []


def test_a_number_inside_a_name_or_a_list_still_counts():
    assert kinds("Choose option 3 of model 500.", "Options 1,2,3 of RD-500.") == []


@pytest.mark.parametrize("digits", [15, 23, 28, 40, 400])
def test_a_long_serial_number_is_no_reason_to_fail(digits):
    serial = ("1234567890" * digits)[:digits]
    assert kinds("It weighs 7.", f"Its serial number is {serial} and it weighs 9.") == ["number"]
    assert kinds(f"It holds {serial} TB.", f"It holds {serial} TB.") == []


def test_may_is_a_month_beside_a_day_or_a_preposition():
    paid = "The invoice must be paid by 31/05/2024."
    assert kinds("The invoice is due on 31 May 2024.", paid) == []
    must, should = "You must apply by 3 May.", "You should apply by 3 May."
    assert kinds(must, should) == kinds(should, must) == ["modal"]
    assert kinds("You may apply in May.", "You must apply in May.") == ["modal"]


@pytest.mark.parametrize(
    ("written", "digits"),
    [
        ("押金三千五元", "3,500元"),
        ("预算一亿两千万元", "1.2亿元"),
        ("押金壹仟贰佰元整", "1200元"),
        ("运费两百五元", "250元"),
        ("覆盖百分之百", "100%"),
        ("投入三点五万亿元", "3.5万亿元"),
        ("十三五规划期间付 40 元", "期间付 40元"),
    ],
)
def test_a_chinese_numeral_is_the_number_that_the_index_reads(written, digits):
    assert kinds(f"{written}。", f"这里写的是{digits}。") == []
    assert kinds(f"{written}。", "这里写的是7元和7%。") != []


def test_what_is_said_of_things_without_something_is_affirmed():
    refused = "Claims without a photo are not processed."
    assert kinds("Claims without a photo are processed.", refused) == ["negation"]
    assert kinds(refused, refused) == []
    assert kinds("Bikes without lights may be ridden.", "Bikes without lights are ridden.") == []
