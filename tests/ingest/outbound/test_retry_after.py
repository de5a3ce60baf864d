"""How long other systems ask to be left alone, whatever they write there."""

import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.outbound.retry_after import read_http_date, read_retry_after
from ragdesk.answering.writing.openai_stream import bound_wait
from ragdesk.support.handoff.http_delivery import LONGEST_DELIVERY_WAIT, find_delivery_wait


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        (" 7 ", 7.0),
        ("2.5", 2.5),
        ("999999999", 999_999_999.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 40.0),
        ("Thu, 01 Jan 1970 00:01:40 -0000", 40.0),  # without a zone: not the machine's own
        ("Thu, 01 Jan 1970 00:00:10 GMT", 0.0),
        ("Mon, 99999999999999999999 Jan 2020 00:00:00 GMT", None),
        *[(word, None) for word in ("", "soon", "-1", "1e9", "nan", "inf", "²", "٣", "9" * 5_000)],
        ("1." + "0" * 100, None),
    ],
)
def test_seconds_and_dates_are_read_and_nothing_else(header, seconds):
    assert read_retry_after(header, lambda: 60.0) == seconds


@given(st.text(max_size=100))
def test_no_header_breaks_it(header):
    seconds = read_retry_after(header)
    assert seconds is None or 0.0 <= seconds < float("inf")
    read_http_date(header)


def test_each_caller_waits_as_long_as_it_can_bear():
    later = formatdate(time.time() + 30, usegmt=True)
    assert [bound_wait(word) for word in ("", "2", "61", "soon")] == [0.0, 2.0, 0.0, 0.0]
    assert 25 < bound_wait(later) <= 30
    waits = [find_delivery_wait(word) for word in ("", "2", "90000", "soon")]
    assert waits == [0.0, 2.0, LONGEST_DELIVERY_WAIT, 0.0]
    assert 25 < find_delivery_wait(later) <= 30
