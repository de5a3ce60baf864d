"""Find what a claim says of the wrong thing: its words stand in the evidence, and not together.

A small model takes the number of one table row and the label of another, or the subject of one
sentence and the rest of the next. Each word is borne out, the sentence is not. So the piece of
the evidence that bears a claim is looked for, by its numbers, dates and identifiers first; of a
row the label must be named, and where claim and piece go side by side nothing may stand in the
place of something else. Free rewording goes nowhere side by side, and is not judged here. English
and Chinese. Pure.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

from indexes.text.contradictions import Contradiction
from indexes.text.folding import normalise_text
from indexes.text.quantities import find_dates, find_numbers, find_quantities
from indexes.text.scripts import HAN
from indexes.text.tokens import (
    STOPWORDS,
    drop_stopwords,
    find_identifiers,
    is_han_pair,
    tokenize_text,
)
from indexes.text.word_forms import stem_word

# Of a claim's words that stand in the same order in what it is compared with, English and Chinese.
LEAST_PARALLEL, LEAST_PARALLEL_HAN = 0.65, 0.5
LEAST_EXACT = 0.3  # of a claim whose number, date or identifier the piece holds
MOST_OF_SLOT = 2 / 3  # of the words in such a place, which must all be taken from elsewhere
LEAST_FOREIGN = 2  # pairs of Han characters of a name that stands in other documents alone
LONGEST_MIXED = 10  # words of a claim that one piece should bear; longer ones may tell two things
MOST_MIXED = 0.5  # of a claim's words that may stand elsewhere than in the piece with its numbers
MOST_OF_ROW = 0.35  # of a claim's words that may stand in other rows than the one that bears it
LONGEST_SLOT = 4  # words, or twice as many Han characters, that may be exchanged for others
_SUBSENTENCE = re.compile(r"[;；。!?！？\n]+")
_CLAUSE = re.compile(rf"(?<=[{HAN}])[,，]|[,，](?=[{HAN}])|, ")
_JOINT = re.compile(r",? and |; ")
_LIST_NUMBER = re.compile(r"^\s*(?:[-*•·]\s+|\(?\d{1,2}[.)、．]\s+)")
_CELL = re.compile(r"(?:(?<!\s)\s++)?\|\s*+|\t+")
_WORD = re.compile(f"[{HAN}]|[a-z0-9][a-z0-9.'-]*")
_HAN_SIGN = re.compile(f"[{HAN}]")
# Before a noun.
_DETERMINER = re.compile(
    r"(?<![a-z])(?:the|an?|your|our|their|its|his|her|this|these|each|every|any|all|both|by|from|of"
    r"|with|in|on|at|new|other)$"
)
_PARTICLES = frozenset("的了吗呢吧啊就会将")
_SUBJECT = re.compile(
    r"(?:(?:the|an?|your|our|their|its|each) )?((?:[a-z][\w'’-]* ){1,4}?)"
    r"(?:is|are|was|were|can|may|must|shall|should|will|has|have|had|does|do|costs?|takes?|needs?|gets?|works?|tries|collects?|pays?"
    r"|receives?|starts?|ends?|holds?|gives?|keeps?|lasts?)(?![a-z])"
)
# Stand in names seldom; what they leave of a slot is looked at.
_FUNCTION_HAN = re.compile(
    "如果|因为|所以|以后|之后|以前|之前|开始|一[次个样起]"
    "|[是不没可能要用从在到往把被给与和或再都也还才若但我你您他她它们这那需须请]"
)


@dataclass(frozen=True, slots=True)
class EvidencePiece:
    """A stretch of the evidence, and the words that stand above it.

    text: the sentence, or the row of a table. context: words of headings, of the table's head, of
    the question it answers. head: the head of its table, as a row.
    """

    text: str
    context: frozenset[str]
    head: str = ""


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece, or what stands between two semicolons of it, prepared for looking up.

    known: its words, and those above it. label: what a row is about. opening: its own words in
    order. columns: of a row, what is exact in each cell, and the words of its column's name.
    sentence: words of the whole sentence that a clause stands in. subject: words before its verb.
    """

    words: frozenset[str]
    known: frozenset[str]
    items: frozenset[object]
    sequence: tuple[str, ...]
    label: frozenset[str]
    sentence: frozenset[str] = frozenset()
    opening: tuple[str, ...] = ()
    subject: frozenset[str] = frozenset()
    columns: tuple[tuple[frozenset[object], frozenset[str]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _ClaimView:
    """A claim beside the piece that bears it.

    plain: normalised. subject: words before its verb. displaced, foreign: words that the piece
    lacks, of other pieces and of other documents. is_exact: whether the piece was told by a number,
    a date or an identifier.
    """

    plain: str
    words: frozenset[str]
    subject: frozenset[str]
    sequence: tuple[str, ...]
    displaced: frozenset[str]
    foreign: frozenset[str]
    is_exact: bool


def find_misplacements(
    claim: str,
    pieces: Sequence[EvidencePiece],
    *,
    question: str = "",
    is_name: Callable[[str], bool] = lambda _: True,
) -> list[Contradiction]:
    """List what a claim says of another thing than the piece of the evidence that bears it.

    question: names what a row is about as well as the claim does. is_name: whether a word stands in
    some documents and not in most: two Han characters that do may be of the name of a thing.

    >>> rows = [EvidencePiece(row, frozenset()) for row in ("Visa | 5 days", "PayPal | 1 day")]
    >>> find_misplacements("PayPal takes 5 days.", rows)[0]
    Contradiction(kind='binding', words='paypal')
    >>> find_misplacements("Visa takes 5 days.", rows)
    []
    """
    parts = [part for piece in pieces for part in _split_piece(piece)]
    words = _content(claim)
    if not parts or not words:
        return []
    claim = _LIST_NUMBER.sub("", claim)
    items, sequence = find_exact_items(claim), _sequence(claim)
    bearing = max(parts, key=lambda part: (len(items & part.items), len(words & part.known)))
    elsewhere = frozenset().union(*(part.words for part in parts if part is not bearing))
    displaced = frozenset(
        word
        for word in (words & elsewhere) - bearing.known
        if not is_han_pair(word) or is_name(word)
    )
    foreign = frozenset(
        word for word in words - elsewhere - bearing.known if len(word) > 1 and is_name(word)
    )
    plain = normalise_text(claim)
    view = _ClaimView(
        plain=plain,
        words=words,
        subject=_read_subject(plain),
        sequence=sequence,
        displaced=displaced,
        foreign=foreign,
        is_exact=bool(items & bearing.items),
    )
    return [
        *_check_row(words, displaced, bearing, parts, _content(question)),
        *_check_column(words, items, bearing),
        *([] if _stands_in_clauses(plain, parts) else _check_mixture(view, bearing, parts)),
        *_check_slots(view, bearing),
    ]


def _check_mixture(
    view: _ClaimView, bearing: _Part, parts: Sequence[_Part]
) -> Iterator[Contradiction]:
    """Find a claim that is mostly of other pieces, or begins as another one does."""
    names = _names(view.words)
    elsewhere = _names(view.displaced - bearing.sentence)
    if view.is_exact and LONGEST_MIXED >= len(names) <= len(elsewhere) / MOST_MIXED:
        yield Contradiction("binding", " ".join(sorted(elsewhere)[:3]))
        return
    begins_so = (part.opening[:1] == view.sequence[:1] for part in parts if part is not bearing)
    if view.subject and view.subject <= _names(view.displaced) and any(begins_so):
        yield Contradiction("binding", " ".join(sorted(view.subject)))


def _stands_in_clauses(claim: str, parts: Sequence[_Part]) -> bool:
    """Tell whether each clause of a normalised English claim has a piece of its own that bears it.

    A clause with no subject goes on about that of the claim: its piece names that too, or names
    none and stands behind one that does.
    """
    clauses, subject = _JOINT.split(claim), _read_subject(claim)
    if len(clauses) == 1:
        return False
    bearing_places = set()
    for clause in clauses:
        items, words = find_exact_items(clause), _names(_content(clause))
        at = max(
            range(len(parts)),
            key=lambda n: (len(items & parts[n].items), len(words & parts[n].words)),
        )
        bearing = parts[at]
        if not items or not items <= bearing.items or bearing.label:
            return False
        if not words <= bearing.known:
            return False
        if not _read_subject(clause):
            before = parts[at - 1].known if at and not bearing.subject else bearing.known
            if not subject or not subject <= before or not bearing.subject <= subject:
                return False
        bearing_places.add(at)
    return len(bearing_places) > 1


def _read_subject(claim: str) -> frozenset[str]:
    """Return what a normalised English claim is about: the words before its verb.

    >>> sorted(_read_subject("the loan machine costs 6 euros"))
    ['loan', 'machin']
    """
    match = _SUBJECT.match(claim)
    return _names(_content(match[1])) if match else frozenset()


def _check_row(
    words: frozenset[str],
    displaced: frozenset[str],
    bearing: _Part,
    parts: Sequence[_Part],
    question: frozenset[str],
) -> Iterator[Contradiction]:
    """Find a row that is about something else than the claim, or holds little of it."""
    if not bearing.label:
        return
    other = max(parts, key=lambda part: (_share(part.label, words), part is bearing))
    if _share(other.label, words) > _share(bearing.label, words) and other.label & displaced:
        yield Contradiction("binding", " ".join(sorted(_names(other.label & displaced))))
    elif not _names(bearing.label) & (words | question) and not _names_column(bearing, words):
        yield Contradiction("binding", " ".join(sorted(bearing.label)[:3]))
    elif len(_names(displaced)) > MOST_OF_ROW * len(_names(words)):
        yield Contradiction("binding", " ".join(sorted(_names(displaced))[:3]))


def _names_column(bearing: _Part, words: frozenset[str]) -> bool:
    return any(names & words for _, names in bearing.columns[1:])


def _check_column(
    words: frozenset[str], items: frozenset[object], bearing: _Part
) -> Iterator[Contradiction]:
    """Find a value of one column that is said of another one."""
    amounts = {item for item in items if isinstance(item, tuple)}
    values = [names for cell_items, names in bearing.columns if cell_items & amounts]
    others = [
        names
        for cell_items, names in bearing.columns
        if not cell_items & amounts and any(isinstance(item, tuple) for item in cell_items)
    ]
    if not values:
        return
    own = frozenset().union(*values)
    for names in others:
        if (names - own) & words - bearing.words and not (own - names) & words:
            yield Contradiction("binding", " ".join(sorted((names - own) & words)))
            return


def _share(label: frozenset[str], words: frozenset[str]) -> float:
    return len(label & words) / len(label) if label else 0.0


def _names(words: frozenset[str]) -> frozenset[str]:
    """Leave out single Han characters, which many words share."""
    return frozenset(word for word in words if len(word) > 1)


def _check_slots(view: _ClaimView, bearing: _Part) -> Iterator[Contradiction]:
    """Find what stands in a claim where its piece has something else."""
    sequence = view.sequence
    matcher = SequenceMatcher(None, sequence, bearing.sequence, autojunk=False)
    parallel = sum(block.size for block in matcher.get_matching_blocks()) / max(1, len(sequence))
    han = any(_HAN_SIGN.match(word) for word in sequence)
    least = LEAST_PARALLEL_HAN if han else LEAST_PARALLEL
    strange = view.displaced | view.foreign
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        slot, other = sequence[start:end], bearing.sequence[other_start:other_end]
        # A subject is told from the rest sooner.
        is_subject = not start and (han or (bool(view.subject) and view.subject <= strange))
        enough = (LEAST_EXACT if view.is_exact else least - 0.15) if is_subject else least
        if parallel < enough or not _is_short(slot):
            continue
        if kind == "replace" and _is_short(other):
            own = [word for word in slot if han or word not in bearing.known]
            around = sequence[max(0, start - 1) : end + 1]
            suspects = strange if is_subject and not han else view.displaced
            yield from _check_exchange(view.plain, own, other, around, suspects)
        inserted = han and kind in {"replace", "delete"}
        if inserted and _is_within(_join(slot), view.foreign, LEAST_FOREIGN):
            yield Contradiction("binding", _join(slot))


def _check_exchange(
    claim: str,
    slot: Sequence[str],
    other: Sequence[str],
    around: Sequence[str],
    strange: frozenset[str],
) -> Iterator[Contradiction]:
    """Find a number in the place of another, or a name taken from elsewhere."""
    if not slot:
        return
    numbers, other_numbers = find_numbers(_join(slot)), find_numbers(_join(other))
    if numbers and other_numbers:
        if not numbers & other_numbers:
            yield Contradiction("number", _join(slot))
        return
    han = bool(_HAN_SIGN.match(slot[0]))
    words = _join(around if han and len(slot) == 1 else slot)
    names_thing = han or (bool(_content(_join(other))) and _is_noun(claim, slot[0]))
    if names_thing and _is_within(words, strange, 1):
        yield Contradiction("binding", words)


def _is_within(slot: str, strange: frozenset[str], least: int) -> bool:
    """Tell whether most of what a slot names, and so much at least, was taken from elsewhere."""
    names = _names(_content(_FUNCTION_HAN.sub(" ", slot)))
    common = names & strange
    return len(common) >= least and len(common) >= MOST_OF_SLOT * len(names)


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
def _split_piece(piece: EvidencePiece) -> tuple[_Part, ...]:
    """Take a row whole, and a sentence up to the end of each of its clauses."""
    text = piece.text
    if cells := _split_row(text):
        words = _content(text)
        label = _content(cells[0]).union(*map(find_identifiers, cells))
        head = _split_row(piece.head)
        columns = tuple(
            (find_exact_items(cell), _content(name))
            for cell, name in zip(cells, head, strict=False)
        )
        known = words | piece.context
        return (
            _Part(words, known, find_exact_items(text), _sequence(text), label, columns=columns),
        )
    parts = []
    for sentence in _SUBSENTENCE.split(text):
        before, sequence = piece.context, tuple[str, ...]()
        for clause in _CLAUSE.split(sentence):
            words = _content(clause)
            before |= words
            sequence += _sequence(clause)
            if words:
                opening = _sequence(clause)
                items = find_exact_items(clause)
                parts.append(
                    _Part(
                        words,
                        before,
                        items,
                        sequence,
                        frozenset(),
                        _content(sentence),
                        opening,
                        _read_subject(normalise_text(clause)),
                    )
                )
    return tuple(parts)


def _split_row(text: str) -> list[str]:
    cells = _CELL.split(text)
    return cells if sum(map(bool, cells)) > 1 else []


def _content(text: str) -> frozenset[str]:
    return frozenset(drop_stopwords(tokenize_text(text)))


def _sequence(text: str) -> tuple[str, ...]:
    """Return the words of a text in order: stems of words, single Han characters."""
    words = (match[0].rstrip(".'-") for match in _WORD.finditer(normalise_text(text)))
    stems = (stem_word(word) if word.isascii() else word for word in words)
    return tuple(
        word for word in stems if word not in (STOPWORDS if word.isascii() else _PARTICLES)
    )


def find_exact_items(text: str) -> frozenset[object]:
    """Return what is exact in a text: quantities with their units, dates, identifiers."""
    plain = normalise_text(text)
    return frozenset(
        [
            *((quantity.value, quantity.unit) for quantity in find_quantities(plain)),
            *(date for date, _ in find_dates(plain)),
            *find_identifiers(text),
        ]
    )
