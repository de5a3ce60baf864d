"""A model's answer read while it is written, whatever pieces it comes in."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragdesk.answering.writing.answer_decoder import DecodedSentence, MarkedDecoder
from ragdesk.answering.writing.structured_decoder import LONGEST_PREFACE, StructuredDecoder
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


@pytest.mark.parametrize(
    "written",
    [
        "Sorry, no. " * LONGEST_PREFACE,
        '{"sentences": [{"words": "x"}]}',
        '{"sentences": ["x"]}',
        "{" * 70_000,
        '{"sentences": []' + ' "a"' * 70_000,
    ],
)
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


ANSWER = '{"answerable": true, "sentences": [{"text": "Beans {dark} keep.", "citations": [2]}]}'


@pytest.mark.parametrize(
    "before", ["", "```json\n", 'Here {it} is, see "[1]":\n\n', "{}\n", "{ x {"]
)
@pytest.mark.parametrize("after", ["", "\n```", '\nThe {rest} is [1] "free.'])
@pytest.mark.parametrize("growing", [True, False])
def test_words_and_fences_around_json_are_passed_over(before, after, growing):
    read = StructuredDecoder(3, growing=growing)
    said = [one for piece in before + ANSWER + after for one in read.feed(piece)]
    assert [one for one in said if one.is_complete] == [
        DecodedSentence("Beans {dark} keep.", (2,), is_complete=True)
    ]
    assert read.ended
    assert read.answerable


@pytest.mark.parametrize("value", ["false", '"false"', " false "])
@pytest.mark.parametrize("order", [("{0}, {1}"), ("{1}, {0}")])
def test_json_says_that_no_passage_answers(value, order):
    members = f'"answerable": {value}', '"sentences": []'
    read = StructuredDecoder(3, growing=False)
    assert not [one for piece in f"{{{order.format(*members)}}}" for one in read.feed(piece)]
    assert read.ended
    assert not read.answerable


def test_marks_inside_a_json_sentence_are_its_citations_where_it_has_none():
    read = StructuredDecoder(3, growing=False)
    sentences = [
        {"text": "Beans keep 【2】.", "citations": []},
        {"text": "Milk does not [1].", "citations": ["3", 9]},
        {"text": "Tea does.", "note": {"citations": [1]}},
    ]
    said = list(read.feed(json.dumps({"sentences": sentences})))
    assert [(one.text, one.citations) for one in said] == [
        ("Beans keep.", (2,)),
        ("Milk does not.", (3,)),
        ("Tea does.", ()),
    ]


@pytest.mark.parametrize(
    "mark", ["【2】", "［2］", "〔2〕", "〖2〗", "[ 2 ]", "【2†L4-L9】", "[２]"]
)
@pytest.mark.parametrize("growing", [True, False])
def test_marks_of_any_width_cite(mark, growing):
    read = MarkedDecoder(3, growing=growing)
    said = [one for piece in f"豆子可存放九天{mark}。奶不行 {mark}" for one in read.feed(piece)]
    whole = [one for one in (*said, *read.end()) if one.is_complete]
    assert [(one.text, one.citations) for one in whole] == [
        ("豆子可存放九天", (2,)),
        ("奶不行", (2,)),
    ]
    assert not growing or all(mark not in one.text for one in said)


def test_fences_around_plain_text_are_no_words_and_code_inside_stays():
    text = "```markdown\nBeans keep. [1]\nRun\n```sh\nbrew --now\n```\n[2]\n```"
    for growing in (True, False):
        read = MarkedDecoder(3, growing=growing)
        said = [one for piece in text for one in read.feed(piece)]
        whole = [one for one in (*said, *read.end()) if one.is_complete]
        assert [(one.text, one.citations) for one in whole] == [
            ("Beans keep.", (1,)),
            ("Run\nbrew --now", (2,)),
        ]
        grown = [one.text for one in said if not one.is_complete]
        assert all(whole[0].text.startswith(one) or whole[1].text.startswith(one) for one in grown)


@pytest.mark.parametrize(
    "text", ["NO_ANSWER", "**NO_ANSWER**\n", "[NO_ANSWER]. See [1].", "`NO_ANSWER`"]
)
@pytest.mark.parametrize("growing", [True, False])
def test_plain_text_says_that_no_passage_answers(text, growing):
    read = MarkedDecoder(3, growing=growing)
    said = [one for piece in text for one in read.feed(piece)] + list(read.end())
    assert not said
    assert not read.answerable


def test_an_answer_that_begins_like_a_denial_is_shown_once_it_is_none():
    read = MarkedDecoder(3, growing=True)
    said = [one.text for piece in ("NO", "_A", "RS key is needed [1]") for one in read.feed(piece)]
    assert said == ["NO_ARS key is needed"]
    assert read.answerable
