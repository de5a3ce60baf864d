"""Count the word pieces of a text as the model does, and find where each begins.

Opened from one file, without the model: the limited child that splits documents uses it too.
"""

import hashlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from operator import sub
from pathlib import Path

from indexes.embedding.unigram_tokenizer import (
    UNIGRAM_SUFFIX,
    UnigramTokenizer,
    read_unigram_version,
)

# Characters that one piece may stand for; beyond, it counts by its characters.
LONGEST_WORD_PIECE = 32
_FOUR = 4  # characters counted as a piece where the tokenizer sees none, or one endless word
_SEGMENT = 4_096  # characters encoded at once: a tokenizer takes about 100 bytes for each
_BATCH = 64

_StartsFinder = Callable[[list[str]], Iterator[list[int]]]


class Tokenizer:
    """Counts the word pieces of texts of any size. Special tokens are not counted."""

    def __init__(self, file: Path) -> None:
        """Open a ``tokenizer.json``, or the small file of the packaged multilingual model.

        Truncation and padding of its own are switched off.
        """
        self._iter_starts: _StartsFinder = (
            partial(map, UnigramTokenizer(file).list_starts)
            if file.suffix == UNIGRAM_SUFFIX
            else _JsonTokenizer(file).iter_starts
        )

    def count_tokens(self, text: str) -> int:
        """Count the pieces of a text, as ``token_starts`` finds them."""
        return len(self.token_starts(text))

    def token_starts(self, text: str) -> "array[int]":
        """Find the offsets (code points, ascending) at which the pieces of a text begin.

        A piece begins at its first character that is no white space.

        A word of 10 MB is one unknown piece to most models, and white space is none: a stretch
        of more than 32 characters counts one piece for every four, so that it can be cut.
        """
        offsets = array("q")
        last = 0
        for starts in self._encode_starts(text):
            far = max(map(sub, starts, chain((last,), starts)), default=0) > LONGEST_WORD_PIECE
            offsets.extend(_fill_gaps(starts, last) if far else starts)
            last = starts[-1] if starts else last
        if len(text) - last > LONGEST_WORD_PIECE:
            offsets.extend(range(last + _FOUR, len(text), _FOUR))
        return offsets

    def _encode_starts(self, text: str) -> Iterator[list[int]]:
        """Yield the offsets at which the pieces that the tokenizer sees begin, some at a time."""
        segments = list(_split_segments(text))
        for first in range(0, len(segments), _BATCH):
            batch = segments[first : first + _BATCH]
            all_starts = self._iter_starts([text[start:end] for start, end in batch])
            for (base, _), starts in zip(batch, all_starts, strict=True):
                yield [base + start for start in starts] if base else starts


def identify_tokenizer(file: Path) -> str:
    """Return what changes with the pieces that a tokenizer's file gives, and with nothing else.

    That is the SHA-256 of a ``tokenizer.json``. The other file holds what a library wrote, which
    its next release may write otherwise, so it names its version itself.
    """
    if file.suffix == UNIGRAM_SUFFIX:
        return read_unigram_version(file)
    return hashlib.sha256(file.read_bytes()).hexdigest()


class _JsonTokenizer:
    """A tokenizer of the library ``tokenizers``, from its JSON file."""

    def __init__(self, file: Path) -> None:
        import tokenizers  # noqa: PLC0415 - 20 ms that the packaged model's children do not need

        self._encoder = tokenizers.Tokenizer.from_file(str(file))
        self._encoder.no_truncation()
        self._encoder.no_padding()

    def iter_starts(self, texts: list[str]) -> Iterator[list[int]]:
        """Yield for each text the offsets at which its pieces begin, white space skipped."""
        encodings = self._encoder.encode_batch(texts, add_special_tokens=False)
        for text, encoding in zip(texts, encodings, strict=True):
            offsets = encoding.offsets
            starts = [start for start, _ in offsets]
            if starts and (
                starts[-1] >= len(text) or any(map(str.isspace, map(text.__getitem__, starts)))
            ):
                starts = [_skip_space(text, start, end) for start, end in offsets]
            yield starts


def _skip_space(piece: str, start: int, end: int) -> int:
    """Return where the text of a token begins after its space: "▁word" includes it."""
    while start < end and piece[start].isspace():
        start += 1
    return start


def _fill_gaps(starts: Iterable[int], last: int) -> Iterator[int]:
    """Split a long stretch in which no piece begins."""
    for start in starts:
        if start - last > LONGEST_WORD_PIECE:
            yield from range(last + _FOUR, start, _FOUR)
        yield start
        last = start


def _split_segments(text: str) -> Iterator[tuple[int, int]]:
    """Split a long text where no piece can cross: at line ends, else at white space."""
    start = 0
    while start < len(text):
        end = min(start + _SEGMENT, len(text))
        if end < len(text):
            line = text.rfind("\n", start, end) + 1
            end = line or text.rfind(" ", start, end) + 1 or end
        yield start, end
        start = end
