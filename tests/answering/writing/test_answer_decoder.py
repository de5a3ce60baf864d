"""A model's answer read while it is written, whatever pieces it comes in."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragdesk.answering.writing.answer_decoder import (
    DecodedSentence,
    MarkedDecoder,
    StructuredDecoder,
)
from ragdesk.errors import EngineFailed

texts = st.text(min_size=1, max_size=20)
answers = st.lists(st.tuples(texts, st.lists(st.integers(-2, 12), max_size=4)), max_size=4)


def pieces(text: str, cuts: list[int]) -> list[str]:
    at = sorted({c % (len(text) + 1) for c in cuts} | {0, len(text)})
    return [text[a:b] for a, b in itertools.pairwise(at)]


@given(answers, st.lists(st.integers(0, 500), max_size=12), st.booleans(), st.booleans())
def test_json_is_read_in_any_pieces_and_numbers_outside_are_dropped(
    held, cuts, ascii_only, growing
):
    written = json.dumps(
        {"sentences": [{"text": t, "citations": c} for t, c in held]}, ensure_ascii=ascii_only
    )
    read = StructuredDecoder(9, growing=growing)
    said = [one for piece in pieces(written, cuts) for one in read.feed(piece)]
    whole = [one for one in said if one.is_complete]
    assert [one.text for one in whole] == [t for t, _ in held]
    assert all(set(one.citations) <= set(range(1, 10)) for one in whole)
    assert [set(one.citations) for one in whole] == [set(c) & set(range(1, 10)) for _, c in held]
    assert read.ended
    assert growing or said == whole


@given(answers, st.integers(0, 500))
def test_what_is_cut_off_parses_as_a_prefix(held, cut):
    written = json.dumps({"sentences": [{"text": t, "citations": c} for t, c in held]})
    read = StructuredDecoder(9, growing=False)
    said = list(read.feed(written[:cut]))
    assert [one.text for one in said] == [t for t, _ in held][: len(said)]


def test_controls_inside_a_string_do_no_harm():
    read = StructuredDecoder(2, growing=True)
    said = list(read.feed('{"sentences": [{"text": "a\tb\x05c", "citations": [2]}]}'))
    assert said[-1] == DecodedSentence("a b c", (2,), is_complete=True)


@pytest.mark.parametrize("written", ["Sorry, no.", '{"sentences": [{"words": "x"}]}', "{" * 70_000])
def test_what_is_no_answer_is_named(written):
    with pytest.raises(EngineFailed, match=r"JSON|end"):
        list(StructuredDecoder(3, growing=False).feed(written))


@pytest.mark.parametrize("blank", [" ", "\n", " \n\t", "\u3000"])
def test_endless_blanks_end(blank):
    read = MarkedDecoder(3, growing=True)
    said = [one for piece in ("Yes", blank * 20_000, "x", " [2] No") for one in read.feed(piece)]
    last = list(read.end())
    assert [one.citations for one in (*said, *last) if one.is_complete] == [(2,), ()]
    assert last[0].text == "No"


def test_marks_in_plain_text_cite_and_invented_ones_are_dropped():
    read = MarkedDecoder(3, growing=False)
    text = "It takes 3 days [1]. Ask us. [2][9] 退款[3，1]。No source."
    said = [one for piece in text for one in read.feed(piece)] + list(read.end())
    assert said == [
        DecodedSentence("It takes 3 days", (1,), is_complete=True),
        DecodedSentence("Ask us.", (2,), is_complete=True),
        DecodedSentence("退款", (3, 1), is_complete=True),
        DecodedSentence("No source", (), is_complete=True),
    ]
