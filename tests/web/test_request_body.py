import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web_home import HOSTILE

from ragdesk.errors import BadRequest
from ragdesk.web.request_body import MAX_JSON_DEPTH, parse_json_body


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_json_is_refused_with_a_reason(body):
    with pytest.raises(BadRequest, match=r"\w"):
        parse_json_body(body)


@pytest.mark.parametrize("pair", [b'\\"', b"\\\\", b'\\""'])
def test_a_string_without_an_end_is_read_once(pair):
    with pytest.raises(BadRequest, match="not JSON"):
        parse_json_body(b'"' + pair * 400_000)


def test_the_limits_themselves_pass():
    deep = b"[" * MAX_JSON_DEPTH + b"]" * MAX_JSON_DEPTH
    assert json.loads(deep) == parse_json_body(deep)
    assert parse_json_body(b'{"a": ' + b"9" * 18 + b"}") == {"a": 10**18 - 1}
    assert parse_json_body('"[[[[{{{{ 退款 \\" \\\\ 🙂"'.encode()) == '[[[[{{{{ 退款 " \\ 🙂'


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(allow_nan=False, allow_infinity=False)
    | names,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=10,
)


@given(values)
def test_plain_json_reads_as_the_standard_library_reads_it(value):
    body = json.dumps(value).encode()
    assert parse_json_body(body) == json.loads(body)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body):
    try:
        parse_json_body(body)
    except BadRequest:
        return
