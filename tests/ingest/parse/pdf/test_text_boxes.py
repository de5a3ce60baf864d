"""Boxes come back as they were written, and a part of a run is found by proportion."""

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.parse.pdf.text_boxes import TextBox, find_boxes, read_page_sizes, write_boxes

LENGTH = st.integers(0, 20_000).map(lambda tenths: tenths / 10)


@st.composite
def places(draw) -> list[TextBox]:
    found, at, page = [], 0, 1
    for _ in range(draw(st.integers(0, 12))):
        at += draw(st.integers(0, 9))
        page += draw(st.integers(0, 2))
        end = at + draw(st.integers(1, 60))
        left, top = draw(LENGTH), draw(LENGTH)
        box = (left, top, left + draw(LENGTH), top + draw(LENGTH))
        found.append(
            TextBox(at, end, page, box, draw(st.sampled_from(("right", "left", "down", "up"))))
        )
        at = end
    return found


@settings(max_examples=60)
@given(places(), st.lists(st.tuples(LENGTH, LENGTH), max_size=5))
def test_whole_runs_come_back(found, sizes):
    boxes = write_boxes(sizes, found)
    assert read_page_sizes(boxes) == sizes
    for place in found:
        ((page, *box),) = find_boxes(boxes, place.start, place.end)
        assert page == place.page
        assert box == pytest.approx(place.box, abs=0.051)


@settings(max_examples=60)
@given(places(), st.integers(0, 300), st.integers(1, 300))
def test_parts_lie_inside_their_run(found, start, length):
    boxes = write_boxes([(1.0, 1.0)], found)
    touched = [p for p in found if p.start < start + length and p.end > start]
    parts = find_boxes(boxes, start, start + length)
    assert [page for page, *_ in parts] == [p.page for p in touched]
    for (_, left, top, right, bottom), place in zip(parts, touched, strict=True):
        assert place.box[0] - 0.1 <= left <= right + 0.1 <= place.box[2] + 0.2
        assert place.box[1] - 0.1 <= top <= bottom + 0.1 <= place.box[3] + 0.2


@pytest.mark.parametrize(
    ("run", "half"),
    [
        ("right", (1, 0.0, 0.0, 50.0, 10.0)),
        ("left", (1, 50.0, 0.0, 100.0, 10.0)),
        ("down", (1, 0.0, 0.0, 100.0, 5.0)),
        ("up", (1, 0.0, 5.0, 100.0, 10.0)),
    ],
)
def test_the_first_half_of_a_run_lies_where_it_begins(run, half):
    boxes = write_boxes([(200, 200)], [TextBox(0, 10, 1, (0, 0, 100, 10), run)])
    assert find_boxes(boxes, 0, 5) == [half]


def test_nothing_known_is_nothing_marked():
    assert find_boxes(b"", 0, 10) == []
    assert read_page_sizes(b"") == []
    assert find_boxes(write_boxes([], []), 0, 10) == []


@pytest.mark.parametrize(
    "damaged",
    [
        b"BOX9" + zlib.compress(b"\0" * 8),
        b"BOX1",
        b"BOX1" + zlib.compress(b"\1" * 30),
        write_boxes([(1, 1)], [TextBox(0, 1, 1, (0, 0, 1, 1))])[:-9],
        b"BOX1" + zlib.compress(b"\xff" * 8 + b"\0" * 300),
    ],
)
def test_what_is_no_map_is_refused(damaged):
    with pytest.raises(ValueError, match="map of boxes"):
        find_boxes(damaged, 0, 1)
