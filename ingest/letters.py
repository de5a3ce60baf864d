"""A text with one letter a token, which tells what ends after it.

P a paragraph, L a line, S a sentence, C a clause, W a word, x nothing. So a splitter of strings
sees tokens as characters: its sizes are exact, and it never tokenises.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

from indexes.chunk import Span
from indexes.text import sentences

_CLAUSE = tuple(",;:)|，；、：）》")
_WIDE = "\u2e80"  # from here on, scripts are written without spaces
_REMEMBERED = 1 << 16  # tokens; of 32 characters at most, and the white space after them


def letters(
    text: str, cuts: Sequence[int], start: int, end: int, question: Span | None = None
) -> str:
    """Write a span of a text in letters. cuts: where the tokens of the text begin.

    question: of an FAQ entry; its answer begins in the chunk of its question.
    """
    begins = {start + first for first, _ in sentences(text[start:end])}
    if question:
        begins.discard(next((at for at in sorted(begins) if at >= question[1]), -1))
    own = cuts[bisect_left(cuts, start) : bisect_left(cuts, end)]
    pieces = [text[here:after] for here, after in pairwise((*own, end))]
    found = list(map(_known.__getitem__, pieces))
    if not text[start : end + 1].isascii():
        for n, (letter, after) in enumerate(zip(found, (*own[1:], end), strict=False)):
            if letter == "x" and text[after : after + 1] >= _WIDE:
                found[n] = "W"
    places = (*own, end)
    for at in begins:
        n = bisect_left(places, at)
        while n < len(places) and places[n] == at:  # a character may be several tokens
            if n:
                lines = pieces[n - 1].count("\n")
                found[n - 1] = "S" if not lines else "P" if lines > 1 else "L"
            n += 1
    return "".join(found)


class _Known(dict[str, str]):
    """What stands at the end of a token, where no sentence begins after it and Latin text follows.

    Asked for every token of every long paragraph, so what was seen is remembered.
    """

    def __missing__(self, piece: str) -> str:
        word = piece.rstrip()
        spaced, wide = word != piece, word[-1:] >= _WIDE
        letter = "W" if spaced or wide else "x"
        if word.endswith(_CLAUSE) and (spaced or wide):
            letter = "C"
        if len(self) >= _REMEMBERED:
            self.clear()
        self[piece] = letter
        return letter


_known = _Known()
