"""Words of a question that stand nowhere are corrected into words that stand somewhere."""

import tempfile
from pathlib import Path
from string import ascii_lowercase

import numpy as np
import pytest
from fakes import write_lexical_index
from hypothesis import given
from hypothesis import strategies as st

from indexes.lexical.bm25 import Ranking
from indexes.lexical.postings import LexicalIndex
from indexes.lexical.spelling import correct_text
from indexes.text.tokens import tokenize_text

TEXTS = [
    "Gift vouchers are redeemed at the counter. The voucher number is printed below.",
    "The warranty of a bicycle covers the frame for ten years.",
    "Delivery takes two days. Returns of a bicycle are free.",
    "运费由买家承担，满百元免运费。",
    "登录账户后可以下载电子发票。",
    "发票抬头可以修改，登录后操作。",
]
WORDS = st.text("abc", min_size=5, max_size=8)


def rank_texts(folder, texts=TEXTS, live=None):
    segments = []
    for i, part in enumerate((texts[:3], texts[3:])):
        write_lexical_index(Path(folder) / str(i), [tokenize_text(text) for text in part])
        segments.append(LexicalIndex.open(Path(folder) / str(i)))
    masks = None if live is None else [np.array(live[:3]), np.array(live[3:])]
    return Ranking(segments, live=masks)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("How long is the waranty?", {"warranti"}),  # a letter is missing
        ("Is the delivvery free?", {"deliveri"}),  # one too many
        ("Where do I redeem a voucker?", {"voucher"}),  # another one
        ("What does the bicycel cost?", {"bicycl"}),
        ("the rfame broke", {"frame"}),  # the first two exchanged
        ("运匪谁承担？", {"运费"}),
        ("电子发飘在哪里下载？", {"发票"}),
        ("登路失败", {"登录"}),
        ("帐户在哪里登录", {"账户"}),
    ],
)
def test_a_wrong_letter_or_homophone_is_corrected(tmp_path, question, words):
    correction = correct_text(question, rank_texts(tmp_path))
    assert correction
    assert correction.words == words
    assert words <= set(tokenize_text(correction.text))


@pytest.mark.parametrize(
    "question",
    [
        "How long is the warranty?",
        "vouch",  # two letters off
        "What is VOUCKER-17, and voucker_id, and a@voucker.com?",  # names are spelled as they are
        "a bicy",
        "Is there time to travel?",  # words that general text holds
        "运费多少？",
        "飞机多少钱？",
        "是费用吗",
    ],
)
def test_what_is_right_or_a_name_or_too_far_stays(tmp_path, question):
    assert correct_text(question, rank_texts(tmp_path)) is None


def test_words_of_what_the_asker_may_not_see_are_no_corrections(tmp_path):
    hidden = rank_texts(tmp_path, live=[False, True, True, False, True, True])
    assert correct_text("Where do I redeem a voucker?", hidden) is None
    assert correct_text("运匪谁承担？", hidden) is None


def edits_of(word):
    """Every word one edit away, by trying them all."""
    heads = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    yield from (a + b[1:] for a, b in heads if b)
    yield from (a + b[1] + b[0] + b[2:] for a, b in heads if len(b) > 1)
    for letter in ascii_lowercase[:3]:
        yield from (a + letter + b[1:] for a, b in heads if b)
        yield from (a + letter + b for a, b in heads)


@given(st.sets(st.text("abc", min_size=1, max_size=9), min_size=1, max_size=60), WORDS)
def test_terms_are_near_as_by_trying_every_edit(terms, word):
    with tempfile.TemporaryDirectory() as folder:
        write_lexical_index(Path(folder), [sorted(terms)])
        segment = LexicalIndex.open(Path(folder))
        near = Ranking([segment]).list_near_terms(word)
    expected = {t for t in edits_of(word) if t in terms and t != word}
    swap = word[1::-1] + word[2:]  # the first two letters in the other order
    first_kept = {t for t in expected if t[0] == word[0] or t == swap}
    assert first_kept <= near <= expected


@given(
    st.sets(st.text("ab费鴻𠀀", max_size=9).filter(bool), max_size=40),
    st.text("ab费鴻𠀀", max_size=9),
)
def test_many_words_are_looked_up_at_once_as_by_one(terms, word):
    with tempfile.TemporaryDirectory() as folder:
        write_lexical_index(Path(folder), [sorted(terms)])
        segment = LexicalIndex.open(Path(folder))
        wanted = [*sorted(terms), word, f"{word}a", word[:-1]]
        kept = Ranking([segment]).keep_terms(wanted)
        assert kept == [w for w in wanted if segment.find_term(w) is not None]


def test_an_empty_list_has_nothing_near(tmp_path):
    write_lexical_index(tmp_path, [])
    assert Ranking([LexicalIndex.open(tmp_path)]).list_near_terms("rfeund") == set()
    assert Ranking([]).list_near_terms("rfeund") == set()


def test_pairs_are_made_only_beside_a_character_that_stands_somewhere(tmp_path, monkeypatch):
    ranking = rank_texts(tmp_path, TEXTS[:3])  # English alone
    monkeypatch.setattr(
        "indexes.lexical.spelling.iter_homophone_pairs", lambda _: pytest.fail("nothing to make")
    )
    assert correct_text("如何修改收货地址和联系电话？", ranking) is None
