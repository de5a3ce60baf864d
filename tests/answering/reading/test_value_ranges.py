"""Which range holds a number, a date, a weekday, a time."""

import pytest

from ragdesk.answering.reading.value_points import find_points
from ragdesk.answering.reading.value_ranges import contains_any, find_ranges


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("0 to 250 kWh", "we use 180 kWh", "we use 260 kWh"),
        ("up to 4 kg", "a parcel of 3.5 kg", "a parcel of 4100 g"),
        ("under 16", "she is 15", "she is 16"),
        ("8 to 15 people", "a group of 12", "a group of 16"),
        ("more than 90 days", "after 100 days", "after 90 days"),
        ("6 persons or fewer", "for 6 persons", "for 7 persons"),
        ("18 and over", "he is 18", "he is 17"),
        (">= 6 months", "half a year, 6 months", "5 months"),
        ("between 20 and 39 licences", "a dozen and 24 licences", "40 licences"),
        ("orders from €80", "an order of €95", "an order of €79"),
        ("3–7 March", "on 5 March", "on 8 March"),
        ("from 20 December to 6 January", "on 2 January 2027", "on 7 January"),
        ("before 1 July", "on 30 June", "on 1 July"),
        ("until 30 April 2026", "12 April 2026", "2 May 2026"),
        ("Mon–Fri 9–17", "on Wednesday", "on Saturday"),
        ("Saturday and Sunday: weekends 10:00 to 14:00", "at 11:30", "at 3 pm"),
        ("22:00 to 6:00", "at 23:15", "at 12:00"),
        ("3公斤以下", "2公斤的包裹", "3.5公斤的包裹"),
        ("满300元", "买了320元", "买了280元"),
        ("超过40人", "来了41人", "来了40人"),
        ("六十天以内", "第50天, 50天", "70天"),
        ("5至9台", "订了七台", "订了十台"),
        ("3月1日至3月15日", "3月10日到", "3月20日到"),
        ("不满十二岁", "十一岁", "十二岁"),
        ("周一至周五", "周三", "周六"),
        ("1000度以上不足3000度", "2000度", "3000度"),
    ],
)
def test_a_range_holds_what_lies_in_it_and_nothing_else(text, inside, outside):
    ranges = find_ranges(text)
    assert contains_any(ranges, find_points(inside)) is True
    assert contains_any(ranges, find_points(outside)) is False


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("up to 5 kg", "for 5 hours"),
        ("10 to 20 percent", "a party of 14"),
        ("0 to 250 kWh", "error E180"),
        ("0 to 250", "in 2024"),
        ("The fee is 12 euros.", "for 12 euros"),
        ("3公斤以下", "三天"),
        ("AB-12 to AB-14", "a party of 13"),
    ],
)
def test_what_cannot_be_compared_is_neither_inside_nor_outside(text, question):
    assert contains_any(find_ranges(text), find_points(question)) is None


def test_a_column_may_name_the_unit_of_its_cells():
    (tier,) = find_ranges("0 to 2", "gram")
    assert tier.scale == "gram"
