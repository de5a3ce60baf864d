"""When somebody is there, in the operator's time zone."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ragdesk.support.handoff.handoff_options import HandoffOptions
from ragdesk.support.handoff.handoff_rules import describe_waiting, is_staffed
from ragdesk.support.handoff.opening_hours import (
    DAYS,
    find_next_opening,
    find_zone,
    is_open,
    parse_hours,
)

LINES = ["mon-fri 09:00-12:00", "mon-thu 13:00-17:30", "sat 10:00-24:00", "fri-mon 22:00-23:00"]
START = datetime(2026, 1, 1, tzinfo=UTC)
MOMENTS = st.timedeltas(timedelta(0), timedelta(days=400)).map(lambda passed: START + passed)


@given(MOMENTS, st.lists(st.sampled_from(LINES), min_size=1))
def test_the_next_opening_is_the_first_open_minute_after(moment, lines):
    ranges = parse_hours(lines)
    assume(not is_open(ranges, moment))  # else nobody has to be waited for
    opening = find_next_opening(ranges, moment)
    assert opening is not None
    assert opening > moment
    assert is_open(ranges, opening)
    minutes = int((opening - moment).total_seconds() // 60)
    between = (moment + timedelta(minutes=step) for step in (*range(0, minutes, 17), minutes - 1))
    assert not any(is_open(ranges, one) for one in between if moment <= one < opening)


def test_days_may_go_round_the_week():
    (weekend,) = parse_hours(["sat-mon 08:00-24:00"])
    assert sorted(weekend.days) == [0, 5, 6]
    (whole,) = parse_hours(["mon-sun 00:00-24:00"])
    assert len(whole.days) == len(DAYS)
    assert is_open((whole,), datetime(2026, 1, 1, 23, 59, tzinfo=UTC))


@pytest.mark.parametrize(
    "line",
    ["", "monday 9-17", "mon 9:00-17:00", "mon 17:00-09:00", "mon 09:00-25:00", "abc 09:00-10:00"],
)
def test_other_lines_are_refused(line):
    with pytest.raises(ValueError, match=r"hours|hour|minute"):
        parse_hours([line])
    with pytest.raises(ValueError, match=r"hours|hour|minute"):
        HandoffOptions(hours=(line,))


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "Europe"])
def test_an_unknown_zone_is_refused(name):
    with pytest.raises(ValueError, match="time_zone"):
        find_zone(name)


def test_hours_are_those_of_the_zone_also_in_summer():
    berlin = HandoffOptions(hours=("mon-fri 09:00-17:00",), time_zone="Europe/Berlin")
    winter, summer = (
        datetime(2026, 1, 5, 7, 30, tzinfo=UTC),
        datetime(2026, 7, 6, 7, 30, tzinfo=UTC),
    )
    assert [is_staffed(berlin, moment) for moment in (winter, summer)] == [False, True]
    assert is_staffed(HandoffOptions(), winter)


def test_what_is_said_when_nobody_is_there():
    night = datetime(2026, 11, 30, 22, tzinfo=UTC)
    options = HandoffOptions(hours=("mon-fri 09:00-17:00",), time_zone="Asia/Shanghai")
    assert "again on Tuesday at 09:00 CST" in describe_waiting(options, night, "en")
    assert "周二 09:00 CST 起有人" in describe_waiting(options, night, "zh")
    own = HandoffOptions(hours=("mon 09:00-10:00",), away="We are asleep.", away_zh="我们休息了。")
    assert describe_waiting(own, night, "en") == "We are asleep."
    assert describe_waiting(own, night, "zh") == "我们休息了。"
    assert "Nobody" not in describe_waiting(HandoffOptions(), night, "en")
