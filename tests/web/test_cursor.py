import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragdesk.errors import BadRequest
from ragdesk.web.cursors import read_cursor, sign_cursor

places = st.text(st.characters(codec="utf-8"), max_size=30)


@given(places, places)
def test_a_cursor_leads_back_to_its_place(place, scope):
    assert (
        read_cursor(sign_cursor(place, scope=scope, secret=b"s"), scope=scope, secret=b"s") == place
    )


@given(st.text(max_size=60))
def test_a_made_up_cursor_is_refused(cursor):
    with pytest.raises(BadRequest):
        read_cursor(cursor, scope="x", secret=b"s")


def test_a_cursor_of_another_reader_list_or_home_is_refused():
    cursor = sign_cursor("a.md", scope="one", secret=b"s")
    for scope, secret in (("two", b"s"), ("one", b"t")):
        with pytest.raises(BadRequest):
            read_cursor(cursor, scope=scope, secret=secret)
    with pytest.raises(BadRequest):
        read_cursor(cursor[:-1] + ("A" if cursor[-1] != "A" else "B"), scope="one", secret=b"s")
