"""One letter a token: the quick way writes what the definition says, token by token."""

from bisect import bisect_left
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from indexes.text.sentences import split_sentences
from ingest.token_breaks import mark_token_breaks

ALPHABET = "ab .,;:\n\t退，。;  )？! 😀\u3000é\u200b好"
CLAUSE = tuple(",;:)|，；、：）》")


def plainly(text, cuts, start, end, question):
    begins = {start + first for first, _ in split_sentences(text[start:end])}
    if question:
        begins.discard(next((at for at in sorted(begins) if at >= question[1]), -1))
    own = cuts[bisect_left(cuts, start) : bisect_left(cuts, end)]
    return "".join(
        letter(text[here:after], after in begins, text[after : after + 1])
        for here, after in pairwise((*own, end))
    )


def letter(piece, begins, following):
    if begins:
        return "S" if "\n" not in piece else "P" if piece.count("\n") > 1 else "L"
    word = piece.rstrip()
    spaced = word != piece
    if word.endswith(CLAUSE) and (spaced or word[-1] >= "\u2e80"):
        return "C"
    return "W" if spaced or word[-1:] >= "\u2e80" or following >= "\u2e80" else "x"


@given(
    st.lists(st.sampled_from([*ALPHABET, "word ", "End. Next", "问题？\n"]), max_size=60),
    st.lists(st.integers(0, 120), max_size=60),
    st.tuples(st.integers(0, 120), st.integers(0, 120)),
    st.none() | st.tuples(st.integers(0, 40), st.integers(0, 120)),
)
def test_letters_are_written_as_they_are_defined(parts, cuts, span, question):
    text = "".join(parts)
    start, end = sorted(min(at, len(text)) for at in span)
    cuts = sorted(at for at in cuts if at < len(text))  # several tokens may begin at one place
    given_ = (text, cuts, start, end, question)
    assert mark_token_breaks(*given_) == plainly(*given_)


def test_what_ends_after_a_token_is_told():
    text = "One, two. Three\nfour\n\n退款。"
    cuts = [0, 3, 5, 8, 10, 16, 22, 23, 24]
    assert mark_token_breaks(text, cuts, 0, len(text)) == "xCxSWPWWW"
