"""The unigram tokenizer is held against the library ``tokenizers``, with the same pieces."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

from indexes.embedding.quantised_weights import PieceTable
from indexes.embedding.tokenizer import identify_tokenizer
from indexes.embedding.unigram_tokenizer import UnigramTokenizer, write_unigram_file

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
PIECES = [
    "▁",
    "a",
    "b",
    "e",
    "ab",
    "▁a",
    "▁ab",
    "ba",
    "abe",
    "▁be",
    "退",
    "款",
    "退款",
    "▁退",
    "de",
    "x",
    "xx",
]
SCORES = [
    -3.1,
    -4.2,
    -4.3,
    -4.4,
    -5.05,
    -4.9,
    -6.1,
    -5.7,
    -7.9,
    -6.2,
    -8.3,
    -8.1,
    -9.0,
    -8.8,
    -7.3,
    -9.1,
    -9.9,
]


@pytest.fixture(scope="module")
def pieces_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("pieces") / "pieces.unigram"
    table = PieceTable(
        pieces=SPECIAL + PIECES,
        scores=np.array([0.0] * 4 + SCORES, dtype=np.float32),
        begin=0,
        end=2,
        unknown=3,
        special=frozenset(range(4)),
        characters={"Ａ": "a", "\n": " ", "\t": " ", "\u200b": "", "㏂": "abe"},
    )
    write_unigram_file(table, file, version="of these tests")
    return file


@pytest.fixture(scope="module")
def pieces(pieces_file):
    return UnigramTokenizer(pieces_file)


def test_a_file_goes_by_its_version_whatever_bytes_the_trie_has(pieces_file, tmp_path):
    assert identify_tokenizer(pieces_file) == "of these tests"
    other = tmp_path / "pieces.unigram"
    other.write_bytes(pieces_file.read_bytes() + b"as another release writes it")
    assert identify_tokenizer(other) == identify_tokenizer(pieces_file)


@pytest.fixture(scope="module")
def library():
    kept = [
        float(np.float32(score)) for score in SCORES
    ]  # as models have them: equal sums are ties
    vocabulary = [*((name, 0.0) for name in SPECIAL), *zip(PIECES, kept, strict=True)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=3, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace("Ａ", "a"),
            normalizers.Replace(Regex("[\n\t]"), " "),
            normalizers.Replace("\u200b", ""),
            normalizers.Replace("㏂", "abe"),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in SPECIAL[:1]])
    return tokenizer


@settings(max_examples=300)
@given(text=st.text(alphabet="abex d退款Ａ\n\t\u200b㏂é", max_size=60))
def test_it_splits_as_the_library_does(text, pieces, library):
    expected = library.encode(text, add_special_tokens=False).ids
    assert pieces.encode(text, 1_000) == [0, *expected, 2]


@settings(max_examples=200)
@given(text=st.text(alphabet="abe x退款Ａ\n\t", max_size=60))
@example(text="bx款xa款xxx")
def test_its_pieces_begin_where_the_library_says(text, pieces, library):
    offsets = library.encode(text, add_special_tokens=False).offsets
    skipped = [end - len(text[first:end].lstrip()) for first, end in offsets]
    assert pieces.list_starts(text) == [start for start in skipped if start < len(text)]


@settings(max_examples=200)
@given(text=st.text(alphabet="abe d退款Ａ\n\t\u200b㏂", max_size=60))
def test_pieces_ascend_and_begin_within_the_text(text, pieces):
    starts = pieces.list_starts(text)
    assert starts == sorted(starts)
    assert all(0 <= start < len(text) for start in starts)


def test_a_long_text_ends_within_the_window(pieces):
    ids = pieces.encode("ab " * 1_000, 64)
    assert len(ids) == 64
    assert (ids[0], ids[-1]) == (0, 2)


def test_special_pieces_are_no_text(pieces):
    assert 2 not in pieces.encode("a</s>b", 64)[1:-1]


def test_decomposed_letters_are_read_as_composed_ones(pieces):
    assert pieces.encode("e\u0301", 8) == pieces.encode("\u00e9", 8) != pieces.encode("e", 8)


def test_another_file_is_refused(tmp_path):
    (tmp_path / "pieces.unigram").write_bytes(b"{}")
    with pytest.raises(ValueError, match="no file of a unigram tokenizer"):
        UnigramTokenizer(tmp_path / "pieces.unigram")


def test_a_piece_with_white_space_inside_is_refused(tmp_path):
    table = PieceTable(
        pieces=["<s>", "</s>", "<unk>", "a▁b"],
        scores=np.zeros(4, dtype=np.float32),
        begin=0,
        end=1,
        unknown=2,
        special=frozenset(range(3)),
        characters={},
    )
    with pytest.raises(ValueError, match="white space"):
        write_unigram_file(table, tmp_path / "pieces.unigram", version="1")
