"""Keep the vectors of sentences that were read lately: questions go back to the same passages.

Of the sentences that 167 different questions over 389 documents were compared with, sixteen a
question, two in five had been read for an earlier one. Keys are digests, so no text is kept; what
is read for the first time is rounded like what is kept, so an answer does not hang on what was
asked before it.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import blake2b

import numpy as np

from indexes.embedding.adapted_encoder import TextVectors

CACHED_BYTES = 64 * 2**20  # some 2,700 sentences of 30 tokens


class SentenceVectorCache:
    """Holds the vectors of texts up to a size; what was used longest ago goes first.

    Any thread may call. most_bytes: of all arrays held.
    """

    def __init__(self, most_bytes: int = CACHED_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._vectors: OrderedDict[bytes, TextVectors] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Return the bytes of all arrays held."""
        return self._bytes

    def read(
        self,
        texts: Sequence[str],
        encode: Callable[[Sequence[str]], Sequence[TextVectors]],
        model: str = "",
    ) -> list[TextVectors]:
        """Return the vectors of texts, in order; ``encode`` is asked for those not held, once each.

        Token vectors are rounded to 16 bits. model: whose vectors these are, of those that share
        the cache.
        """
        keys = [
            blake2b(f"{model}\0{text}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
            for text in texts
        ]
        with self._lock:
            known = {
                key: vectors for key in keys if (vectors := self._vectors.get(key)) is not None
            }
            for key in known:
                self._vectors.move_to_end(key)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if missing:
            new_vectors = encode(list(missing.values()))
            fresh = dict(zip(missing, map(_round_tokens, new_vectors), strict=True))
            self._keep(fresh)
            known |= fresh
        return [known[key] for key in keys]

    def _keep(self, fresh: dict[bytes, TextVectors]) -> None:
        with self._lock:
            for key, vectors in fresh.items():
                if key not in self._vectors:
                    self._vectors[key] = vectors
                    self._bytes += _count_bytes(vectors)
            while self._bytes > self._most_bytes:
                _, oldest = self._vectors.popitem(last=False)
                self._bytes -= _count_bytes(oldest)


def _round_tokens(vectors: TextVectors) -> TextVectors:
    return TextVectors(vectors.whole, vectors.tokens.astype(np.float16))


def _count_bytes(vectors: TextVectors) -> int:
    return vectors.whole.nbytes + vectors.tokens.nbytes
