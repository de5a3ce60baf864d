"""The features of a text by which its intent and sentiment are told.

n-grams and parts of words; and the cues by which turns are told apart, such as anger or a hazard.
"""

from collections.abc import Iterator
from typing import Final

from indexes.text.folding import normalise_text
from ragdesk.answering.turns.turn_features import find_cues, iter_grams, split_pieces

LONGEST_READ: Final = 600  # characters: what is longer repeats itself, and would take its time
PART_LENGTH: Final = 4  # letters of a part of a word: mistyped words share most of theirs
CUE_VALUE: Final = 0.4  # of each cue beside all n-grams, which have length one together


def extract_text_features(text: str) -> dict[str, float]:
    """Return the features of a text by name; n-grams and parts together have length one.

    >>> sorted(name for name in extract_text_features("refund?") if "~" in name)
    ['~<ref', '~efun', '~fund', '~refu', '~und>']
    """
    pieces = split_pieces(normalise_text(text[:LONGEST_READ]))
    names = {*iter_grams(pieces), *_iter_word_parts(pieces)}
    value = len(names) ** -0.5 if names else 0.0
    cues = {f"cue {name}": CUE_VALUE for name in find_cues(text[:LONGEST_READ])}
    return dict.fromkeys(names, value) | cues


def _iter_word_parts(pieces: list[str]) -> Iterator[str]:
    for piece in pieces:
        if len(piece) >= PART_LENGTH and piece.isascii() and piece.isalpha():
            word = f"<{piece}>"
            for at in range(len(word) - PART_LENGTH + 1):
                yield f"~{word[at : at + PART_LENGTH]}"
