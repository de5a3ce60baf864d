"""Words, identifiers and sentences, in English and Chinese."""

import re
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indexes.text.folding import normalise_text, strip_invisible
from indexes.text.scripts import detect_language, reads_without_cjk
from indexes.text.sentences import split_sentences
from indexes.text.tokens import STOPWORDS, drop_stopwords, find_identifiers, tokenize_text

# Pieces that texts are made of, put together at random: marks, breaks, scripts, identifiers.
WORDS = (
    "The We refund U.S. e.g. Mr. No. 5 Inc. 3.50 $1,234.50 v7.5.1 ORD-2024-00123 a@b.example #12345 "
    "https://x.example/a?b=c. 退款 需要 三天 。 ！ ？ …… “你好。” （见下文。） ； ; . ... ! ? \n \n\n \r\n \t - * | # "
    "1. 2) 一、 \u2028 \x0c \x00 \u200b 😀 訂單 ＡＢＣ カタカナ 한국어 ﷽ ß İ é"
)
PIECES = st.sampled_from(WORDS.split(" "))
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(st.one_of(PIECES, st.just(" "), st.just("\n")), max_size=30).map("".join),
    st.lists(PIECES, max_size=20).map(" ".join),
)
ANY_TEXT = st.one_of(TEXTS, st.text(st.characters(categories=None), max_size=30))


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@given(ANY_TEXT)
@settings(max_examples=250)
@example("a\n\nb\r\nc\x0cd")
def test_sentences_cover_every_character_once_in_order(text):
    spans = split_sentences(text)
    assert all(0 <= a < b <= len(text) and text[a:b] == text[a:b].strip() for a, b in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    covered = "".join(text[a:b] for a, b in spans)
    assert "".join(covered.split()) == "".join(text.split())


@given(ANY_TEXT)
@settings(max_examples=150)
def test_a_text_and_its_normal_form_have_the_same_tokens(text):
    assert tokenize_text(normalise_text(text)) == tokenize_text(text)
    assert normalise_text(normalise_text(text)) == normalise_text(text)


@given(ANY_TEXT)
@example("#00þ")
@example("1,000.0b")
@settings(max_examples=150)
def test_every_identifier_is_a_token_so_that_it_can_be_looked_up(text):
    assert set(find_identifiers(text)) <= set(tokenize_text(text))


@given(ANY_TEXT)
@settings(max_examples=100)
def test_tokens_are_short_and_hold_no_white_space(text):
    assert all(
        0 < len(token) <= 64 and not re.search(r"\s", token) for token in tokenize_text(text)
    )


@given(ANY_TEXT)
@settings(max_examples=100)
def test_stripped_text_can_be_written_and_hides_nothing(text):
    seen = strip_invisible(text)
    seen.encode("utf-8")
    assert "\x00" not in seen
    assert strip_invisible(seen) == seen


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "We ship to the U.S. and Canada. The U.S. is big. See No. 5 first. No. We don't.",
            [
                "We ship to the U.S. and Canada.",
                "The U.S. is big.",
                "See No. 5 first.",
                "No.",
                "We don't.",
            ],
        ),
        (
            "Mr. J. Smith of Acme Inc. pays, e.g. by card. It costs $3.50 at 5 p.m. on Monday.",
            [
                "Mr. J. Smith of Acme Inc. pays, e.g. by card.",
                "It costs $3.50 at 5 p.m. on Monday.",
            ],
        ),
        (
            "See https://a.example/x?y=1.5. Then v7.5.1! Well... maybe. Done... Good.",
            [
                "See https://a.example/x?y=1.5.",
                "Then v7.5.1!",
                "Well... maybe.",
                "Done...",
                "Good.",
            ],
        ),
        (
            '"Really?" he said. "Yes." She left. (See below.) It ends.[1] Next',
            ['"Really?" he said.', '"Yes."', "She left.", "(See below.)", "It ends.[1]", "Next"],
        ),
        (
            "他说：“可以退。”然后呢？！是的……不过要三天；版本7.5.1，价格3.5元。（见下文。）好",
            [
                "他说：“可以退。”",
                "然后呢？！",
                "是的……不过要三天；版本7.5.1，价格3.5元。",
                "（见下文。）",
                "好",
            ],
        ),
        ("buy it. then leave. approx. two", ["buy it.", "then leave.", "approx. two"]),
    ],
)
def test_a_full_stop_ends_a_sentence_only_where_a_reader_would_stop(text, expected):
    assert cut(text) == expected


def test_items_rows_and_headings_end_at_their_line():
    text = (
        "# Refunds\nWithin\n\n1. Open the app\n2. Tap refund. Then wait\n- a\n* b\n• c\n\n"
        "| Plan | Days |\n| Basic. Old | 14 |\nname\tvalue\n一、退款\n（二）换货\nQ: When?\nA: Now."
    )
    assert cut(text) == [
        "# Refunds",
        "Within",
        "1. Open the app",
        "2. Tap refund.",
        "Then wait",
        "- a",
        "* b",
        "• c",
        "| Plan | Days |",
        "| Basic. Old | 14 |",
        "name\tvalue",
        "一、退款",
        "（二）换货",
        "Q: When?",
        "A: Now.",
    ]


def test_a_wrapped_line_of_prose_goes_on():
    text = "We refund the full price\nwithin 30 days. Ask us,\nJane or Li.\nThanks"
    assert cut(text) == [
        "We refund the full price\nwithin 30 days.",
        "Ask us,\nJane or Li.",
        "Thanks",
    ]
    wide = "客户可以在收到商品之日起七天之内申请无理由退货，需要保证商品完好无损并且不"
    assert cut(f"{wide}\n{wide}\n影响二次销售。") == [f"{wide}\n{wide}\n影响二次销售。"]


def test_a_semicolon_ends_only_a_long_sentence():
    clause = "商品完好无损，并且包装齐全，配件没有缺失；"
    assert cut(clause * 2 + "完。") == [clause * 2 + "完。"]
    assert cut(clause * 8 + "完。") == [*[clause] * 8, "完。"]


@pytest.mark.parametrize(
    "piece",
    ["a", "a.", ". ", "退", "-a1", "1,", "a ", "a\n", "!", ".", "；", "“", "\n", "a | ", "é"],
)
def test_a_hostile_text_takes_no_longer_than_a_plain_one(piece):
    text = piece * (100_000 // len(piece)) + "a\nb"  # anything quadratic would never end
    assert tokenize_text(text)
    assert split_sentences(text)[-1][1] == len(text)
    assert len(find_identifiers(text)) <= len(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Policies, refunds and shipping", ["polici", "refund", "and", "ship"]),
        ("ORD-2024-00123", ["ord-2024-00123", "ord", "2024", "00123", "ord202400123"]),
        ("E1047 ＥＲＲ_CONNECTION_RESET", ["e1047", "1047", "err_connection_reset", "err", "connect", "reset"]),
        ("$1,234.50 is 1234.50; 20.00", ["1234.50", "is", "1234.50", "20.00", "20"]),
        ("v7.5.1 7.5.1-beta", ["7.5.1", "7.5", "7.5.1-beta", "7.5.1", "7.5", "beta"]),
        ("e-mail the U.S. customer's café", ["e", "mail", "email", "the", "us", "custom", "cafe"]),
        ("don’t don't", ["dont", "dont"]),
        ("10kg #12345", ["10kg", "10", "kg", "12345"]),
        ("退货", ["退", "货", "退货"]),
        ("カタカ 한국 国", ["カタ", "タカ", "한국", "国"]),
        ("re\u00adfund\u200bs", ["refund"]),
    ],
)  # fmt: skip
def test_tokens(text, expected):
    assert tokenize_text(text) == expected


def test_a_word_is_found_however_it_is_written():
    assert tokenize_text("訂單退貨") == tokenize_text("订单退货")
    assert tokenize_text("ＡＢＣ１２３") == tokenize_text("abc123")
    assert set(tokenize_text("1047")) <= set(tokenize_text("Error E1047"))
    assert set(tokenize_text("email")) <= set(tokenize_text("e-mail"))


def test_identifiers_are_names_and_not_amounts():
    text = (
        "Order no. 123 (ORD-2024-00123) by a.b+c@mail.example failed with E1047, 0x80070005 and error 404 in v8.0.0-alpha; "
        "set tidb_gc_life_time. SKU AB-1234-XL, phone 555-123-4567. 错误码：1105"
    )
    assert find_identifiers(text) == [
        "123",
        "ord202400123",
        "a.b+c@mail.example",
        "e1047",
        "0x80070005",
        "404",
        "8.0.0-alpha",
        "tidb_gc_life_time",
        "ab1234xl",
        "5551234567",
        "1105",
    ]
    assert (
        find_identifiers("30 days, 30-day, 10kg, 256GB, 2nd, $1,234.50, 20%, 2024-01-15, 2024, Q&A")
        == []
    )


def test_content_leaves_the_words_that_carry_meaning():
    assert drop_stopwords(tokenize_text("How do I get a refund?")) == ["get", "refund"]
    assert drop_stopwords(tokenize_text("我的退款呢")) == ["退", "款", "退款"]
    assert {"the", "doe", "的", "什么"} <= STOPWORDS


def test_language_goes_by_the_letters():
    assert detect_language("如何退款 to my card") == "zh"
    assert detect_language("退款 is Chinese for a refund of money") == "en"
    assert detect_language("払い戻しについて教えてください") == "und"
    assert detect_language("Как вернуть деньги") == "und"
    assert detect_language("123 !") == "und"
    assert reads_without_cjk("refund 退") is True
    assert reads_without_cjk("退款 ok") is False
    assert reads_without_cjk("カタカナ") is False
