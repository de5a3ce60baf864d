"""The numbers that are looked up: what is found of them in questions, and which patterns are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragdesk.support.lookups.lookup_pattern import (
    LONGEST_LOOKUP_VALUE,
    MOST_LOOKUP_VALUES,
    compile_pattern,
    find_values,
)

DIGITS = "{digits:5-10}"


@pytest.mark.parametrize(
    ("pattern", "text", "values"),
    [
        (DIGITS, "Where is order 12345?", ("12345",)),
        (DIGITS, "我的订单12345到哪里了", ("12345",)),
        (DIGITS, "订单号：１２３４５。", ("12345",)),
        (DIGITS, "#12345, please", ("12345",)),
        (DIGITS, "Is 12\u200b345 late?", ("12345",)),
        (DIGITS, "١٢٣٤٥ or 12345٣ or ๑๒๓๔๕", ()),
        (DIGITS, "../../12345/../admin", ("12345",)),
        (DIGITS, "12345%2F..%2Fadmin", ("12345",)),
        (DIGITS, "2026-11-30, 1.12345, 12,345 and A12345", ()),
        (DIGITS, "12345678901", ()),
        ("ORD-{digits:4}", "ord-1234 and ORD-12345", ("ORD-1234",)),
        ("{letters:2}{digits:9}{letters:2}", "RR123456789CN", ("RR123456789CN",)),
        ("{alnum:8}", "is A1B2C3D4 on its way", ("A1B2C3D4",)),
        (DIGITS, "11111 11111 22222 33333 44444", ("11111", "22222")[:MOST_LOOKUP_VALUES]),
    ],
)
def test_the_values_of_a_question(pattern, text, values):
    assert find_values(pattern, text) == values


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "ORDER",
        "(a+)+",
        "{digits}",
        "{digits:0-4}",
        "{digits:9-4}",
        "{any:4}",
        "{digits:5}/{digits:5}",
        "{digits:5}.{digits:5}",
        "{digits:1-9}{alnum:1-9}",
        "{digits:1-9}7",
        f"{{digits:{LONGEST_LOOKUP_VALUE + 1}}}",
        "{alnum:40}{alnum:40}",
        "{digits:5}\n",
    ],
)
def test_what_is_no_pattern_is_refused(pattern):
    with pytest.raises(ValueError, match=r"pattern|part"):
        compile_pattern(pattern)


@given(st.text(alphabet="0123456789abcXYZ-_./%\\ {}\u0663\uff15订", max_size=120))
def test_a_value_holds_nothing_that_means_something_in_an_address(text):
    for pattern in (DIGITS, "{letters:1-3}-{digits:2-5}", "A{alnum:4}"):
        for value in find_values(pattern, text):
            assert value.isascii()
            assert value.replace("-", "").isalnum()
            assert len(value) <= LONGEST_LOOKUP_VALUE
