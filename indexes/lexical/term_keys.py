"""Look many terms up in a sorted list at once, by their first eight bytes as a number.

Numbers are in the order of the bytes they are made of, so numpy finds a hundred of them in the
time of one search that compares strings. They take 8 bytes a term.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

KEY_BYTES: Final = 8
TermBytes = NDArray[np.uint8]
TermBounds = NDArray[np.int64]
TermKeys = NDArray[np.uint64]


def make_term_keys(terms: TermBytes, ends: TermBounds) -> TermKeys:
    """Return the keys (n,) of all terms. terms: their bytes, sorted; ends: where each ends."""
    begins = np.concatenate([np.zeros(1, np.int64), ends[:-1]])[: len(ends)]
    lengths = ends - begins
    keys = np.zeros(len(ends), dtype=np.uint64)
    for at in range(KEY_BYTES):
        letters = terms[np.minimum(begins + at, max(len(terms) - 1, 0))] if len(ends) else keys
        keys = (keys << np.uint64(8)) | np.where(at < lengths, letters, 0).astype(np.uint64)
    return keys


def encode_keys(words: Sequence[bytes]) -> TermKeys:
    """Return the keys (n,) of some words.

    >>> [hex(key) for key in encode_keys([b"ab", b"abcdefghij"])]
    ['0x6162000000000000', '0x6162636465666768']
    """
    spelled = b"".join(word[:KEY_BYTES].ljust(KEY_BYTES, b"\0") for word in words)
    return np.frombuffer(spelled, dtype=">u8").astype(np.uint64)


def mark_keys(keys: TermKeys, wanted: TermKeys) -> NDArray[np.bool_]:
    """Mark which of the wanted keys (m,) a term has; keys (n,) ascend."""
    if not len(keys):
        return np.zeros(len(wanted), dtype=np.bool_)
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.asarray(keys[places] == wanted)


def find_range(keys: TermKeys, prefix: bytes) -> tuple[int, int]:
    """Return the numbers of the first term that begins with a prefix, and of the first after."""
    following = prefix[:-1] + bytes([prefix[-1] + 1])
    first, last = np.searchsorted(keys, encode_keys([prefix, following])).tolist()
    return first, last
