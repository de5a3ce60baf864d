"""Find what a claim says of the wrong thing: its words stand in the evidence, and not together.

A small model takes the number of one table row and the label of another, or the subject of one
sentence and the rest of the next. Each word is borne out, the sentence is not. So the piece of the
evidence that bears a claim is looked for, by its numbers, dates and identifiers first; of a row the
label must be named, and where claim and piece go side by side nothing may stand in the place of
something else. Free rewording goes nowhere side by side, and is not judged here. English and Chinese.
Pure.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

from indexes.text.contradictions import Contradiction
from indexes.text.folding import normalise_text
from indexes.text.quantities import find_dates, find_numbers, find_quantities
from indexes.text.scripts import HAN
from indexes.text.tokens import STOPWORDS, drop_stopwords, find_identifiers, tokenize_text
from indexes.text.word_forms import stem_word

# Of a claim's words that stand in the same order in what it is compared with, English and Chinese.
LEAST_PARALLEL, LEAST_PARALLEL_HAN = 0.65, 0.5
MOST_OF_SLOT = 2 / 3  # of the words in such a place, which must all be taken from elsewhere
MOST_OF_ROW = 0.35  # of a claim's words that may stand in other rows than the one that bears it
LONGEST_SLOT = 4  # words, or twice as many Han characters, that may be exchanged for others
_SUBSENTENCE = re.compile(r"[;；。!?！？\n]+")
_CLAUSE = re.compile(rf"(?<=[{HAN}])[,，]|[,，](?=[{HAN}])|, ")
_LIST_NUMBER = re.compile(r"^\s*(?:[-*•·]\s+|\(?\d{1,2}[.)、．]\s+)")
_CELL = re.compile(r"\s*\|\s*|\t+")
_WORD = re.compile(f"[{HAN}]|[a-z0-9][a-z0-9.'-]*")
_HAN_SIGN = re.compile(f"[{HAN}]")
# Before a noun.
_DETERMINER = re.compile(
    r"(?<![a-z])(?:the|an?|your|our|their|its|his|her|this|these|each|every|any|all|both|by|from|of"
    r"|with|in|on|at|new|other)$"
)
_PARTICLES = frozenset("的了吗呢吧啊就会将")


@dataclass(frozen=True, slots=True)
class EvidencePiece:
    """A stretch of the evidence, and the words that stand above it.

    text: the sentence, or the row of a table. context: words of headings, of the table's head, of
    the question it answers.
    """

    text: str
    context: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece, or what stands between two semicolons of it, prepared for looking up.

    known: its words, and those above it. label: what a row is about.
    """

    words: frozenset[str]
    known: frozenset[str]
    items: frozenset[object]
    sequence: tuple[str, ...]
    label: frozenset[str]


def find_misplacements(
    claim: str, pieces: Sequence[EvidencePiece], *, question: str = ""
) -> list[Contradiction]:
    """List what a claim says of another thing than the piece of the evidence that bears it.

    question: names what a row is about as well as the claim does.

    >>> rows = [EvidencePiece(row, frozenset()) for row in ("Visa | 5 days", "PayPal | 1 day")]
    >>> find_misplacements("PayPal takes 5 days.", rows)
    [Contradiction(kind='binding', words='paypal')]
    """
    parts = [part for piece in pieces for part in _split_piece(piece.text, piece.context)]
    words = _content(claim)
    if not parts or not words:
        return []
    claim = _LIST_NUMBER.sub("", claim)
    items, sequence = _find_items(claim), _sequence(claim)
    bearing = max(parts, key=lambda part: (len(items & part.items), len(words & part.known)))
    elsewhere = frozenset().union(*(part.words for part in parts if part is not bearing))
    displaced = (words & elsewhere) - bearing.known
    return [
        *_check_row(words, displaced, bearing, parts, _content(question)),
        *_check_slots(normalise_text(claim), sequence, bearing, displaced),
    ]


def _check_row(
    words: frozenset[str],
    displaced: frozenset[str],
    bearing: _Part,
    parts: Sequence[_Part],
    asked: frozenset[str],
) -> Iterator[Contradiction]:
    """Find a row that is about something else than the claim, or holds little of it."""
    if not bearing.label:
        return
    others = frozenset().union(*(part.label for part in parts if part is not bearing))
    other = sorted(_names(displaced & others))
    if other and not _names(bearing.label) & words:
        yield Contradiction("binding", " ".join(other))
    elif not bearing.label & (words | asked):
        yield Contradiction("binding", " ".join(sorted(bearing.label)[:3]))
    elif len(_names(displaced)) > MOST_OF_ROW * len(_names(words)):
        yield Contradiction("binding", " ".join(sorted(_names(displaced))[:3]))


def _names(words: frozenset[str]) -> frozenset[str]:
    """Leave out single Han characters, which many words share."""
    return frozenset(word for word in words if len(word) > 1)


def _check_slots(
    claim: str, sequence: tuple[str, ...], bearing: _Part, displaced: frozenset[str]
) -> Iterator[Contradiction]:
    """Find what stands in a claim where its piece has something else."""
    matcher = SequenceMatcher(None, sequence, bearing.sequence, autojunk=False)
    parallel = sum(block.size for block in matcher.get_matching_blocks())
    han = any(_HAN_SIGN.match(word) for word in sequence)
    if parallel < (LEAST_PARALLEL_HAN if han else LEAST_PARALLEL) * len(sequence):
        return
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        slot, other = sequence[start:end], bearing.sequence[other_start:other_end]
        if kind != "replace" or not (_is_short(slot) and _is_short(other)):
            continue
        numbers, other_numbers = find_numbers(_join(slot)), find_numbers(_join(other))
        if numbers and other_numbers:
            if not numbers & other_numbers:
                yield Contradiction("number", _join(slot))
        elif (
            _names(_content(_join(other)))
            and _is_within(_join(slot), displaced, bearing.known)
            and (han or _is_noun(claim, slot[0]))
        ):
            yield Contradiction("binding", _join(slot))


def _is_within(slot: str, displaced: frozenset[str], known: frozenset[str]) -> bool:
    """Tell whether all that a slot names was taken from elsewhere in the evidence."""
    names = _names(_content(slot)) - known
    return bool(names) and len(names & displaced) >= MOST_OF_SLOT * len(names)


def _is_noun(claim: str, stem: str) -> bool:
    """Tell whether a word begins a normalised English claim, or stands where nouns do."""
    match = re.search(rf"(?<![a-z0-9]){re.escape(stem)}", claim)
    if match is None:
        return False
    before = claim[: match.start()].rstrip()
    return not before or bool(_DETERMINER.search(before))


def _is_short(slot: Sequence[str]) -> bool:
    han = sum(bool(_HAN_SIGN.match(word)) for word in slot)
    return len(slot) - han / 2 <= LONGEST_SLOT


def _join(slot: Sequence[str]) -> str:
    return "".join(word if _HAN_SIGN.match(word) else f" {word} " for word in slot).strip()


@lru_cache(maxsize=1024)
def _split_piece(text: str, context: frozenset[str]) -> tuple[_Part, ...]:
    """Split a row off whole, and a sentence at each of its clauses: all before one belongs to it."""
    if cells := _split_row(text):
        words = _content(text)
        label = _content(cells[0]).union(*map(find_identifiers, cells))
        return (_Part(words, words | context, _find_items(text), _sequence(text), label),)
    parts = []
    for sentence in _SUBSENTENCE.split(text):
        before, sequence = context, tuple[str, ...]()
        for clause in _CLAUSE.split(sentence):
            words = _content(clause)
            before |= words
            sequence += _sequence(clause)
            if words:
                parts.append(_Part(words, before, _find_items(clause), sequence, frozenset()))
    return tuple(parts)


def _split_row(text: str) -> list[str]:
    cells = [cell for cell in _CELL.split(text.strip().strip("|")) if cell]
    return cells if len(cells) > 1 else []


def _content(text: str) -> frozenset[str]:
    return frozenset(drop_stopwords(tokenize_text(text)))


def _sequence(text: str) -> tuple[str, ...]:
    """Return the words of a text in order: stems of words, single Han characters."""
    words = (match[0].rstrip(".'-") for match in _WORD.finditer(normalise_text(text)))
    stems = (stem_word(word) if word.isascii() else word for word in words)
    return tuple(
        word
        for word in stems
        if word not in (STOPWORDS if word.isascii() else _PARTICLES)
    )


def _find_items(text: str) -> frozenset[object]:
    """Return what is exact in a text: quantities with their units, dates, identifiers."""
    plain = normalise_text(text)
    return frozenset(
        [
            *((quantity.value, quantity.unit) for quantity in find_quantities(plain)),
            *(date for date, _ in find_dates(plain)),
            *find_identifiers(text),
        ]
    )
