"""Split texts into the pieces of a unigram language model, from one small file that loads at once.

SentencePiece's unigram model (Kudo 2018, arXiv:1804.10959) chooses the likeliest split of a text
into pieces. XLM-RoBERTa's tokenizer has 250,000 of them: as ``tokenizer.json`` it costs 0.75 s and
298 MiB in each process that opens it, in SentencePiece's own format 0.4 s and 55 MiB. Here the
pieces lie in a trie (marisa) of 0.8 MB beside their scores: 20 ms and 12 MiB. Texts are split word
by word, as no piece holds white space but at its beginning, and most words come again.
"""

import json
import re
import struct
import unicodedata
from array import array
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import marisa_trie  # type: ignore[import-not-found]  # ships no hints

if TYPE_CHECKING:  # with NumPy, which a child that splits texts needs for nothing
    from indexes.embedding.quantised_weights import PieceTable

UNIGRAM_SUFFIX = ".unigram"
_MAGIC = b"RDUNIGRAM2\n"
_SPACE = "▁"  # what white space is in a piece
_NO_KEY = -1
_UNKNOWN_PENALTY = 10.0  # below the least score, as SentencePiece has it
_CACHED_WORDS = 1 << 16  # some 20 MB at the most
_LONGEST_CACHED_WORD = 24
_MARKS = 4  # characters other than letters and digits that count as one piece at most
_WORD = re.compile(f"{_SPACE}[^{_SPACE}]*|[^{_SPACE}]+")
_MANY_SPACES = re.compile(" {2,}")

_Split = tuple[tuple[int, ...], tuple[int, ...]]  # keys in the trie, and where each begins


class UnigramTokenizer:
    """Splits texts of any size. Any thread may call.

    begin, end: ids of the pieces that stand about a text.
    """

    def __init__(self, file: Path) -> None:
        """Open a file that ``write_unigram_file`` wrote. Raises ValueError where it is none."""
        data = file.read_bytes()
        head, place = _read_head(data, file)
        count = head["count"]
        self._scores = array("f", data[place : place + 4 * count])
        self._ids = array("i", data[place + 4 * count : place + 8 * count])
        self._trie = marisa_trie.Trie().frombytes(data[place + 8 * count :])
        self.begin, self.end, self._unknown = head["begin"], head["end"], head["unknown"]
        self._longest = head["longest"]
        self._unknown_score = min(self._scores) - _UNKNOWN_PENALTY
        characters: dict[str, str] = head["characters"]
        self._characters = str.maketrans(characters)
        resized = "".join(re.escape(c) for c, spelled in characters.items() if len(spelled) != 1)
        self._resized = re.compile(f"[{resized}]" if resized else "(?!)")
        self._split_known = lru_cache(_CACHED_WORDS)(self._split_word)

    def encode(self, text: str, longest: int) -> list[int]:
        """Return the ids of a text with the special ones about it: ``longest`` at most."""
        if not unicodedata.is_normalized("NFC", text):
            text = unicodedata.normalize("NFC", text)
        spelled = _MANY_SPACES.sub(" ", text.translate(self._characters))
        ids = [self.begin]
        for word in _list_words(_mark_spaces(spelled)):
            ids.extend(self._iter_ids(self._split(word)[0]))
            if len(ids) >= longest:
                break
        return [*ids[: longest - 1], self.end]

    def list_starts(self, text: str) -> list[int]:
        """List the offsets (code points) at which the pieces of a text begin, ascending.

        A piece begins at its first character that is no white space.
        """
        spelled, origins = self._spell(text)
        starts: list[int] = []
        place = 0
        for word in _list_words(spelled):
            own = self._split(word)[1]
            first = int(word[0] == _SPACE)
            starts += [place + max(start, first) for start in own]
            place += len(word)
        return [origins[start] for start in starts if start < len(origins)]

    def _spell(self, text: str) -> tuple[str, Sequence[int]]:
        """Spell a text as pieces are spelled; return it with the offset of each character in it."""
        origins: Sequence[int] = range(len(text))
        if self._resized.search(text):
            sizes = [len(self._characters.get(ord(c), c) or "") for c in text]
            origins = [i for i, size in enumerate(sizes) for _ in range(size)]
        spelled = text.translate(self._characters)
        if _MANY_SPACES.search(spelled):
            ends = [(m.start() + 1, m.end()) for m in _MANY_SPACES.finditer(spelled)]
            firsts, lasts = [0, *(end for _, end in ends)], [*(at for at, _ in ends), len(spelled)]
            spans = list(zip(firsts, lasts, strict=True))
            origins = list(chain.from_iterable(origins[a:b] for a, b in spans))
            spelled = "".join(spelled[a:b] for a, b in spans)
        marked = _mark_spaces(spelled)
        if len(marked) > len(spelled):
            origins = [0, *origins]
        return marked, origins

    def _split(self, word: str) -> _Split:
        if len(word) <= _LONGEST_CACHED_WORD:
            return self._split_known(word)
        return self._split_word(word)

    def _split_word(self, word: str) -> _Split:
        """Find the likeliest split of a word (Viterbi 1967)."""
        size = len(word)
        best = [-1e30] * (size + 1)
        best[0] = 0.0
        begins, keys = [0] * (size + 1), [_NO_KEY] * (size + 1)
        scores, find = self._scores, self._trie.iter_prefixes_with_ids
        for start in range(size):
            known = best[start]
            for piece, key in find(word[start : start + self._longest]):
                end = start + len(piece)
                score = known + scores[key]
                if score > best[end]:
                    best[end], begins[end], keys[end] = score, start, key
            if known + self._unknown_score > best[start + 1]:
                best[start + 1] = known + self._unknown_score
                begins[start + 1], keys[start + 1] = start, _NO_KEY
        pieces: list[tuple[int, int, int]] = []
        end = size
        while end:
            pieces.append((keys[end], begins[end], end))
            end = begins[end]
        pieces.reverse()
        starts = chain.from_iterable(_list_cuts(word, first, end) for _, first, end in pieces)
        return tuple(key for key, _, _ in pieces), tuple(starts)

    def _iter_ids(self, keys: Sequence[int]) -> Iterator[int]:
        """Yield the ids of pieces; characters that are unknown in a row are one piece."""
        last = 0
        for key in keys:
            if key != _NO_KEY:
                yield self._ids[key]
            elif last != _NO_KEY:
                yield self._unknown
            last = key


def read_unigram_version(file: Path) -> str:
    """Return the version that a file was written with. Raises ValueError where it is none."""
    head, _ = _read_head(file.read_bytes(), file)
    return str(head["version"])


def _read_head(data: bytes, file: Path) -> tuple[dict[str, Any], int]:
    """Return a file's head and the place behind it."""
    if not data.startswith(_MAGIC):
        raise ValueError(f"{file} is no file of a unigram tokenizer.")
    (size,) = struct.unpack_from("<I", data, len(_MAGIC))
    place = len(_MAGIC) + 4
    return json.loads(data[place : place + size]), place + size


def write_unigram_file(table: "PieceTable", file: Path, *, version: str) -> None:
    """Write the pieces of a tokenizer into a file that ``UnigramTokenizer`` opens.

    version: names how texts are split, whatever bytes a release of the trie's library writes.
    """
    known = [
        piece for number, piece in enumerate(table.pieces) if piece and number not in table.special
    ]
    if any(_SPACE in piece[1:] for piece in known):
        raise ValueError("A piece holds white space: words cannot be split one by one.")
    trie = marisa_trie.Trie(known)
    ids, scores = array("i", [0]) * len(trie), array("f", [0.0]) * len(trie)
    for number, piece in enumerate(table.pieces):
        if piece and number not in table.special:
            key = trie[piece]
            ids[key], scores[key] = number, float(table.scores[number])
    head = json.dumps(
        {
            "version": version,
            "count": len(trie),
            "begin": table.begin,
            "end": table.end,
            "unknown": table.unknown,
            "longest": max(map(len, known)),
            "characters": dict(table.characters),
        }
    ).encode()
    parts = (_MAGIC, struct.pack("<I", len(head)), head, scores.tobytes(), ids.tobytes())
    file.write_bytes(b"".join((*parts, trie.tobytes())))


def _mark_spaces(text: str) -> str:
    """Write white space as pieces have it, and one before the first word.

    >>> _mark_spaces("a refund")
    '▁a▁refund'
    """
    padded = text if text.startswith(" ") or not text else f" {text}"
    return padded.replace(" ", _SPACE)


def _list_cuts(word: str, first: int, end: int) -> Sequence[int]:
    """List where a piece may be said to begin: a line of dots begins anew at every fourth.

    Sixteen dots are one piece, and a chunk of such pieces would be no piece of a document.
    """
    is_marks = end - first > _MARKS and not any(map(str.isalnum, word[first:end]))
    return range(first, end, _MARKS) if is_marks else (first,)


def _list_words(spelled: str) -> list[str]:
    """List the words of a marked text, each with the space before it.

    >>> _list_words("▁a▁refund▁")
    ['▁a', '▁refund', '▁']
    """
    words: list[str] = _WORD.findall(spelled)
    return words
