"""Detect violations: what a sentence states that contradicts its sources.

Kept apart from every share of words, and conservative: people who rated answers as fully faithful
accept free paraphrases, so a number, name or "not" counts only against sources that say nearly
the same, or where it stands nowhere at all.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from eval.faithfulness import word_set
from indexes.text.contradictions import Contradiction, find_contradictions
from indexes.text.coverage import Idf, choose_pieces
from indexes.text.sentences import split_sentences

CLOSE = 0.75  # of a sentence, by idf: so much of it its nearest sentences hold, or they are others
SAME = 0.85  # then a "not" more or less turns the meaning round
AMOUNTS = frozenset({"number", "unit", "currency", "date", "identifier"})
_MARKER = re.compile(r"^\s*(?:[-*•]\s*)?(?:\(?\d{1,2}[.)]\s+)?")
# A label before a colon, and a list item's own heading, order an answer and claim nothing.
LABEL = re.compile(r"\*\*[^*\n]{1,60}(?:\*\*:|:\*\*)|(?<![\w-])[A-Z][\w-]{1,30}:(?=\s)")
_NOT = re.compile(r"\b(?:not|no|never|cannot|without|unable)\b|n['’]t\b|[不没无未]", re.IGNORECASE)
_QUOTED = re.compile(r"[\"“「『][^\"”」』]*")  # mentioned: a "not" in there denies nothing
_SPELT = re.compile(
    r"((?:[A-Z][\w'’-]{1,64}+ (?:of |and |the |for )?){2,8})\(([A-Z][A-Z0-9]{1,7})\)"
)
_COUNTED = frozenset({"one", "two", "three", "four", "1", "2", "3", "4", "一", "两", "二"})


def list_violations(
    sentence: str, sources: Sequence[str], idf: Idf, beside: str = ""
) -> list[Contradiction]:
    """List what a sentence states that contradicts its sources.

    beside: what names may come from without being a source: headings, the question.

    >>> violations = list_violations("You have 60 days.", ["You have 30 days."], lambda term: 1.0)
    >>> [violation.words for violation in violations]
    ['60 days']
    """
    statement = LABEL.sub("", _MARKER.sub("", sentence)).replace("*", "")
    pieces = [piece for source in sources for piece in _split_source(source)]
    if not pieces:
        return []
    at, share = choose_pieces(word_set(statement), [word_set(piece) for piece in pieces], idf)
    whole = "\n".join(sources)
    contradictions = find_contradictions(
        statement, "\n".join(pieces[i] for i in at), context=f"{beside}\n{whole}"
    )
    anywhere = (
        set(find_contradictions(statement, whole, context=beside)) if contradictions else set()
    )
    alone = len(at) == 1
    denied = alone and _denials(statement) != _denials(pieces[at[0]])
    turned = {"negation": denied, "opposite": alone}
    known = [
        name.lower()
        for names, name in _SPELT.findall(statement)
        if _is_abbreviation_of(names, name)
    ]
    short = {*known, *(name.rstrip("0123456789") for name in known)}  # IC3 is also read as IC
    return [
        contradiction
        for contradiction in contradictions
        if contradiction.words.lower() not in short
        and _counts_as_violation(
            contradiction,
            share,
            nowhere=contradiction in anywhere,
            turned=turned.get(contradiction.kind, False),
        )
    ]


def _counts_as_violation(
    sentence: Contradiction, share: float, *, nowhere: bool, turned: bool
) -> bool:
    if sentence.kind in AMOUNTS:
        return sentence.words.lower() not in _COUNTED and (nowhere or share >= CLOSE)
    if sentence.kind == "name":
        return nowhere and sentence.words[:1].isupper()
    return turned and share >= SAME


def _denials(text: str) -> int:
    return len(_NOT.findall(_QUOTED.sub(" ", text)))


def _is_abbreviation_of(names: str, short: str) -> bool:
    """Tell whether an abbreviation fits the names before it: Crime Complaint Center (CCC)."""
    letters = iter(re.sub(r"[^A-Z]", "", names))
    return all(letter in letters for letter in short if letter.isalpha())


@lru_cache(maxsize=8192)
def _split_source(source: str) -> tuple[str, ...]:
    return tuple(_cut_source(source))


def _cut_source(source: str) -> Iterator[str]:
    yield from (source[start:end] for start, end in split_sentences(source))
