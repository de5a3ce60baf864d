"""Metrics of correctness: answers against references, words weighed by idf. Pure."""

import re
from collections.abc import Sequence

from indexes.text.coverage import Idf
from indexes.text.folding import normalise_text
from indexes.text.scripts import HAN
from indexes.text.tokens import drop_stopwords, tokenize_text

_SPACE = re.compile(r"\s+")


def compute_answer_f1(answer: str, references: Sequence[str], idf: Idf) -> float:
    """Return the F1 of an answer's words against those of a reference.

    Words count by idf; of several references the best one counts.

    >>> references = ["30 days of delivery", "a month"]
    >>> round(compute_answer_f1("Within 30 days.", references, lambda term: 1.0), 3)
    0.667
    """
    return max((_f1(answer, reference, idf) for reference in references), default=0.0)


def compute_answer_recall(answer: str, references: Sequence[str], idf: Idf) -> float:
    """Return how much of the best reference an answer contains (0..1, by idf).

    >>> compute_answer_recall("You have 30 days in all.", ["30 days"], lambda t: 1.0)
    1.0
    """
    answer_words = set(tokenize_text(answer))
    return max(
        (
            _weight(_answer_words(r) & answer_words, idf) / (_weight(_answer_words(r), idf) or 1)
            for r in references
        ),
        default=0.0,
    )


def contains_phrase(answer: str, phrase: str) -> bool:
    """Tell whether an answer contains a phrase, whatever its case, width and white space.

    A phrase that begins or ends with a letter or digit must begin or end a word there.

    >>> contains_phrase("It takes 30 days.", "30  DAYS")
    True
    >>> contains_phrase("It takes 130 days", "30 days")
    False
    """
    folded_answer, wanted = _fold_answer(answer), _fold_answer(phrase)
    first = r"(?<![a-z0-9])" if re.match(r"[a-z0-9]", wanted) else ""
    last = r"(?![a-z0-9])" if re.search(r"[a-z0-9]$", wanted) else ""
    return bool(wanted) and bool(re.search(first + re.escape(wanted) + last, folded_answer))


def contains_stem(answer: str, stem: str) -> bool:
    """Tell whether an answer contains a phrase whose last word may be longer there.

    >>> contains_stem("Keep 30 centimetres free.", "30 cent")
    True
    >>> contains_stem("It takes 130 days", "30 day"), contains_stem("It costs 140", "14")
    (False, False)
    """
    folded_answer, wanted = _fold_answer(answer), _fold_answer(stem)
    if not re.search(r"[a-z]$", wanted):
        return contains_phrase(answer, stem)
    first = r"(?<![a-z0-9])" if re.match(r"[a-z0-9]", wanted) else ""
    return bool(re.search(first + re.escape(wanted), folded_answer))


def compute_included_share(answer: str, must_include: Sequence[Sequence[str]]) -> float:
    """Return the share of required statements that an answer contains.

    Of each list of wordings one is enough.

    >>> compute_included_share("30 days, free of charge", [["30 days", "a month"], ["€ 5"]])
    0.5
    """
    included = [
        any(contains_phrase(answer, phrase) for phrase in any_of) for any_of in must_include
    ]
    return sum(included) / len(included) if included else 1.0


def _f1(answer: str, reference: str, idf: Idf) -> float:
    ours, theirs = _answer_words(answer), _answer_words(reference)
    both = 2 * _weight(ours & theirs, idf)
    total = _weight(ours, idf) + _weight(theirs, idf)
    return both / total if total else float(_fold_answer(answer) == _fold_answer(reference))


def _answer_words(text: str) -> set[str]:
    spoken = tokenize_text(text)
    return set(drop_stopwords(spoken) or spoken)


def _weight(words: set[str], idf: Idf) -> float:
    return sum(idf(word) for word in sorted(words))  # sorted: a sum depends on its order


def _fold_answer(text: str) -> str:
    folded = _SPACE.sub(" ", normalise_text(text)).strip()
    return _CJK_GAP.sub("", folded)


_CJK_GAP = re.compile(rf"(?<=[{HAN}]) | (?=[{HAN}])")
