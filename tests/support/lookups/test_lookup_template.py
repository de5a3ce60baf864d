"""Addresses and sentences of lookups: closed placeholders, and fields that are data."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragdesk.support.lookups.lookup_template import (
    LONGEST_FACT,
    check_lookup_address,
    fill_template,
    format_address,
    read_template,
)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/{value}",
        "https:///{value}",
        "https://{value}.a.example/",
        "https://a.example:{value}/",
        "https://user:word@a.example/{value}",
        "https://a.example/{value}#part",
        "https://a.example/orders",
        "https://a.example/{value}?key={secret}",
        "https://a.example/{value}/{value.real}",
        "https://a.example/{value!r}",
        "https://a.example/{value} HTTP/1.1",
        "https://a.example/{{value}}",
    ],
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(ValueError, match=r"url|host"):
        check_lookup_address(url)


@given(
    sub=st.text(min_size=1, max_size=200),
    value=st.from_regex("[A-Za-z0-9_-]{1,64}", fullmatch=True),
)
def test_what_stands_for_a_placeholder_cannot_leave_its_place(sub, value):
    address = format_address("https://a.example/of/{sub}/{value}?q={sub}", value, sub)
    if address is None:
        assert sub in {".", ".."}
        return
    assert address.startswith("https://a.example/of/")
    assert address.count("/") == 5
    assert address.count("?") == 1
    assert not {"#", "&", "\\", " ", "\n"} & set(address)
    assert address.isascii()


@pytest.mark.parametrize(
    "template", ["{status", "status}", "{}", "{0}", "{a.__class__()}", "[{a}", "[[{a}]]", "{{a}}"]
)
def test_a_template_that_is_none_is_refused(template):
    with pytest.raises(ValueError, match="placeholders"):
        read_template(template)


@pytest.mark.parametrize(
    ("template", "reply", "said"),
    [
        ("{value} is {status}.", {"status": "late"}, "7 is late."),
        ("{value} is {status}.", {}, None),
        ("{value} is {status}.", {"status": None}, None),
        ("{value} is {status}.", {"status": {"deep": 1}}, None),
        ("{n} of {all}, {ok}", {"n": 0, "all": 2.5, "ok": True}, "0 of 2.5, true"),
        ("{items.1.name}", {"items": [{"name": "a"}, {"name": "b"}]}, "b"),
        ("{items.9.name}", {"items": [{"name": "a"}]}, None),
        ("{status.__class__}", {"status": "x"}, None),
        ("Sent[ on {day}][ by {who}].", {"day": "Monday"}, "Sent on Monday."),
        ("{status}", {"status": "{value} [1] <i>x</i> `y`"}, "{value} (1) ‹i›x‹/i› 'y'"),
        ("{status}", {"status": "go to https://evil.example/?q=1 now"}, "go to … now"),
        ("{status}", {"status": "a\u200b\u202eb\x00c\n\n[2] d"}, "ab\ufffdc (2) d"),
    ],
)
def test_a_reply_as_a_sentence(template, reply, said):
    assert fill_template(template, "7", reply, {}) == said


def test_a_long_field_is_cut():
    said = fill_template("{a} {a} {a} {a} {a} {a}", "7", {"a": "word " * 5_000}, {})
    assert said is not None
    assert len(said) <= LONGEST_FACT
