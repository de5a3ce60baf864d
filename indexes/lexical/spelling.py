"""Correct a question's words that stand nowhere: a typo of one letter, a wrong homophone.

Only words that no entry holds which the asker may see are corrected, and only into words that such
entries hold: so nothing is lost that would have been found, and nothing is told of what is hidden.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from indexes.lexical.background import background_share, is_common
from indexes.lexical.bm25 import Ranking
from indexes.lexical.near_terms import is_correctable
from indexes.text.folding import normalise_text
from indexes.text.homophones import iter_homophone_pairs
from indexes.text.scripts import HAN_RUN
from indexes.text.tokens import drop_stopwords
from indexes.text.word_forms import stem_word

MOST_CORRECTED = 4  # words of a question, and pairs; a page pasted as one is no typo
WORD_LIFT = 5.0  # times as often together as by chance, that two characters are taken for a word
GRAMMAR_SHARE = 0.15  # of general text; characters of more are mostly right where they stand
# A word that is no part of an identifier, an address or a path.
_WORD = re.compile(r"(?<![0-9a-z_.@+&/\\-])[a-z]{4,32}(?![0-9a-z_@+&/\\]|[.-][0-9a-z])")


@dataclass(frozen=True, slots=True)
class Correction:
    """A question with words put right. words: those that it now holds in the place of others."""

    text: str
    words: frozenset[str]


def correct_text(text: str, ranking: Ranking) -> Correction | None:
    """Correct the words of a text that stand nowhere in a ranking; None where there are none."""
    folded = normalise_text(text)
    edits = [*_correct_letters(folded, ranking), *_correct_homophones(folded, ranking)]
    if not edits:
        return None
    words = set()
    for start, end, surface, word in sorted(edits, reverse=True):
        folded = folded[:start] + surface + folded[end:]
        words.add(word)
    return Correction(folded, frozenset(words))


def _correct_letters(text: str, ranking: Ranking) -> Iterator[tuple[int, int, str, str]]:
    """Yield the spans of misspelt words, what to write there, and its stem."""
    tries = 0
    for match in _WORD.finditer(text):
        stem = stem_word(match[0])
        if not is_correctable(stem) or is_common(stem) or ranking.df(stem):
            continue
        if (tries := tries + 1) > MOST_CORRECTED:
            return
        known = [(ranking.df(term), term) for term in ranking.list_near_terms(stem)]
        holders, best = max(known, default=(0, ""), key=lambda item: (item[0], item[1]))
        if holders and (surface := _spell_stem(best)):
            yield match.start(), match.end(), surface, best


def _spell_stem(stem: str) -> str:
    """Return a word that has this stem; empty where none of a few has.

    >>> _spell_stem("refund"), _spell_stem("polici")
    ('refund', 'policy')
    """
    words = (stem, f"{stem}e") if stem[-1] != "i" else (f"{stem[:-1]}y", stem)
    return next((word for word in words if stem_word(word) == stem), "")


def _correct_homophones(text: str, ranking: Ranking) -> Iterator[tuple[int, int, str, str]]:
    """Yield the spans of Han pairs that sound like a word that stands somewhere, and that word.

    A character that a known pair of the question holds is right: beside it lies a seam.
    """
    tries = 0
    for run in HAN_RUN.finditer(text):
        signs = run[0]
        pairs = [signs[i : i + 2] for i in range(len(signs) - 1)]
        known_terms = {term for term in ranking.keep_terms([*signs, *pairs]) if ranking.df(term)}
        is_known = [pair in known_terms or is_common(pair) for pair in pairs]
        right = {i + at for i, known in enumerate(is_known) if known for at in (0, 1)}
        for i, pair in enumerate(pairs):
            if is_known[i]:
                continue
            doubtful = {
                at
                for at in (0, 1)
                if i + at not in right and pair[1 - at] in known_terms and _may_be_wrong(pair[at])
            }
            if not doubtful or not drop_stopwords([pair]):
                continue
            if (tries := tries + 1) > MOST_CORRECTED:
                return
            if best := _choose_homophone(pair, doubtful, ranking):
                right |= {i, i + 1}
                yield run.start() + i, run.start() + i + 2, best, best


def _may_be_wrong(sign: str) -> bool:
    """Tell whether a character is no word of grammar, nor as common as one."""
    return bool(drop_stopwords([sign])) and background_share(sign) < GRAMMAR_SHARE


def _choose_homophone(pair: str, doubtful: set[int], ranking: Ranking) -> str:
    """Choose the word that most entries hold among those that sound alike; empty for none.

    doubtful: the places of the pair of which one may change.
    """
    others = [
        other
        for other in iter_homophone_pairs(pair)
        if any(other[at] != pair[at] for at in doubtful)
    ]
    best = (0, "")
    for other in ranking.keep_terms(others):
        if (holders := ranking.df(other)) and _is_word(other, ranking):
            best = max(best, (holders, other))
    return best[1]


def _is_word(pair: str, ranking: Ranking) -> bool:
    """Tell whether two characters stand together far more often than by chance."""
    first, second = (ranking.expect_share(sign) for sign in pair)
    return ranking.df(pair) >= WORD_LIFT * first * second * ranking.count
