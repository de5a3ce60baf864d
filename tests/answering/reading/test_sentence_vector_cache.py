"""What was read for one question is not read again for the next, up to a size."""

import threading

import numpy as np
import pytest
from fakes import HashEncoder

from ragdesk.answering.reading.sentence_comparer import SentenceComparer
from ragdesk.answering.reading.sentence_vector_cache import SentenceVectorCache

TEXTS = ["The desk opens at seven.", "Trainers wait.", "VPN goes by MTU 1400."]


@pytest.fixture
def encoded():
    return []


@pytest.fixture
def encode(encoded):
    encoder = HashEncoder()

    def encode_texts(texts):
        encoded.extend(texts)
        return encoder.encode_passages(texts)

    return encode_texts


def test_each_text_is_encoded_once_and_comes_back_in_order(encode, encoded):
    cache = SentenceVectorCache()
    first = cache.read([TEXTS[0], TEXTS[1], TEXTS[0]], encode)
    again = cache.read([TEXTS[2], TEXTS[0]], encode)
    assert encoded == [TEXTS[0], TEXTS[1], TEXTS[2]]
    assert first[0] is first[2] is again[1]
    alone = HashEncoder().encode_passages([TEXTS[2]])[0]
    assert np.array_equal(again[0].whole, alone.whole)
    assert np.allclose(again[0].tokens, alone.tokens, atol=1e-3)


def test_what_was_used_longest_ago_goes_first(encode, encoded):
    held = SentenceVectorCache()
    held.read(TEXTS[:2], encode)
    cache = SentenceVectorCache(most_bytes=held.size)
    cache.read(TEXTS[:2], encode)
    cache.read(TEXTS[:1], encode)
    cache.read(["Trainers sit."], encode)  # as long as the second
    encoded.clear()
    cache.read([TEXTS[0]], encode)
    assert encoded == []
    cache.read([TEXTS[1]], encode)
    assert encoded == [TEXTS[1]]
    assert cache.size <= held.size


def test_a_text_larger_than_the_cache_is_still_encoded(encode):
    cache = SentenceVectorCache(most_bytes=8)
    assert len(cache.read(TEXTS, encode)) == len(TEXTS)
    assert cache.size == 0


def test_models_that_share_a_cache_do_not_share_vectors(encode, encoded):
    cache = SentenceVectorCache()
    cache.read(TEXTS[:1], encode, "en")
    cache.read(TEXTS[:1], encode, "zh")
    assert encoded == [TEXTS[0], TEXTS[0]]


def test_a_text_compares_alike_whatever_was_asked_before():
    used, fresh = SentenceComparer(HashEncoder), SentenceComparer(HashEncoder)
    used("Who trains?", TEXTS)
    for text in TEXTS:
        before, now = (
            used("When does the desk open?", [text]),
            fresh("When does the desk open?", [text]),
        )
        assert before.cosines == now.cosines
        assert before.token_matches == now.token_matches


def test_threads_share_it(encode):
    cache = SentenceVectorCache(most_bytes=6_000)
    failures = []

    def read(turn):
        for n in range(200):
            texts = [f"{TEXTS[(turn + n) % 3]} {n % 7}", TEXTS[n % 3]]
            expected = HashEncoder().encode_passages(texts)
            got = cache.read(texts, HashEncoder().encode_passages)
            if not all(
                np.array_equal(a.whole, b.whole) for a, b in zip(got, expected, strict=True)
            ):
                failures.append(texts)

    threads = [threading.Thread(target=read, args=(turn,)) for turn in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    held = sum(v.whole.nbytes + v.tokens.nbytes for v in cache._vectors.values())
    assert cache.size == held <= 6_000
