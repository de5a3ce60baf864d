"""Mark in a text, one letter a token, what kind of break follows each token.

P a paragraph, L a line, S a sentence, C a clause, W a word, x nothing. So a splitter of strings
sees tokens as characters: its sizes are exact, and it never tokenises.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

from indexes.text.sentences import Span, split_sentences

_CLAUSE_ENDS = tuple(",;:)|，；、：）》")
_FIRST_WIDE = "\u2e80"  # from here on, scripts are written without spaces
_MOST_PIECES = 1 << 16  # tokens; of 32 characters at most, and the white space after them


def mark_token_breaks(
    text: str, cuts: Sequence[int], start: int, end: int, question: Span | None = None
) -> str:
    """Return a string with one letter for each token of a span: the kind of break after it.

    cuts: where the tokens of the text begin. question: of an FAQ entry; no sentence break follows
    it, so that its answer begins in the chunk of its question.
    """
    sentence_starts = {start + first for first, _ in split_sentences(text[start:end])}
    if question:
        sentence_starts.discard(
            next((at for at in sorted(sentence_starts) if at >= question[1]), -1)
        )
    token_starts = cuts[bisect_left(cuts, start) : bisect_left(cuts, end)]
    pieces = [text[here:after] for here, after in pairwise((*token_starts, end))]
    breaks = list(map(_piece_breaks.__getitem__, pieces))
    if not text[start : end + 1].isascii():
        for n, (letter, after) in enumerate(zip(breaks, (*token_starts[1:], end), strict=False)):
            if letter == "x" and text[after : after + 1] >= _FIRST_WIDE:
                breaks[n] = "W"
    places = (*token_starts, end)
    for at in sentence_starts:
        n = bisect_left(places, at)
        while n < len(places) and places[n] == at:  # a character may be several tokens
            if n:
                lines = pieces[n - 1].count("\n")
                if lines > 1:
                    breaks[n - 1] = "P"
                else:
                    breaks[n - 1] = "L" if lines else "S"
            n += 1
    return "".join(breaks)


class _PieceBreaks(dict[str, str]):
    """A cache from a token's text to the break at its end, where no sentence begins after it.

    Looked up for every token of every long paragraph, so each text is analysed once.
    """

    def __missing__(self, piece: str) -> str:
        word = piece.rstrip()
        spaced = word != piece
        wide = word[-1:] >= _FIRST_WIDE
        letter = "W" if spaced or wide else "x"
        if word.endswith(_CLAUSE_ENDS) and (spaced or wide):
            letter = "C"
        if len(self) >= _MOST_PIECES:
            self.clear()
        self[piece] = letter
        return letter


_piece_breaks = _PieceBreaks()
