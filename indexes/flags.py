"""Hard flags: what a claim states otherwise than the text it rests on, however alike they read.

A sentence in which 30 days became 60, or "may" became "must", shares all its other words with
its source, so a share of words cannot tell. Flags stand beside such a share and are not
averaged in. English and Chinese, pure. ``indexes.support`` hands this on.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from indexes.quantity import (
    CURRENCIES,
    MONTHS,
    Date,
    Quantity,
    dates,
    each,
    numerals,
    quantities,
    undated,
)
from indexes.text import content, identifiers, normalise, tokens

Kind = Literal[
    "number", "unit", "currency", "date", "identifier", "name", "negation", "modal", "opposite"
]
_REMEMBERED = 256  # texts; the sentences of one answer rest on the same few passages
MUTUAL = 0.4  # of both clauses' words: a long clause may hold a short claim and deny something else
ALIKE = 0.5  # of a claim's words that a clause must share to be what the claim is held against

_TURNS = "but|however|while|whereas|although|unless|except|但|不过|而|除非"
_CLAUSE = re.compile(rf"[;；。！？!?\n]+|[,，](?= ?(?:{_TURNS}))|, | — |，")
NEGATIONS = re.compile(
    r"(?<![a-z])(?:not|no|never|none|neither|nor|cannot|without|non|unable)(?![a-z])"
    r"|n't(?![a-z])|不得不|[不没無无未勿莫]|非(?!常)|禁止|严禁|别(?=[再去要把让使])"
)
# Hold a character of negation and deny nothing; read out before negations are counted.
INNOCENT = re.compile(
    r"不得不|不仅|不但|不过|不同|不断|不论|不管|不少|不久|不锈|不妨|差不多|要不|对不起|不止|无论|无线"
    r"|未来|没关系|不要紧|不明|莫非|不动产|无障碍|不一(?=[样致])"
    r"|not only|no later than|no more than|no less than|no longer than|nothing but|no\. ?(?=\d)"
    r"|at least|whether or not"
)
_MODALS: Final = {
    "must": re.compile(
        r"(?<![a-z])(?:must|shall|has to|have to|had to|required?|requires|mandatory|obliged"
        r"|needs? to)(?![a-z])|必须|务必|应当|须(?!知)|需要|一定要|有义务|强制"
    ),
    "may": re.compile(
        r"(?<![a-z])(?:may|can|could|might|optional(?:ly)?|allowed|permitted|entitled)(?![a-z])"
        r"|可以|可(?![是靠能])|能够|(?<![不可只功性])能(?![源力耗量])|允许|有权|自愿"
    ),
    "should": re.compile(
        r"(?<![a-z])(?:should|recommend(?:ed|s)?|advis(?:e|ed|able)|ought)(?![a-z])"
        r"|建议|推荐|最好|宜"
    ),
}
# Two sides of one thing: a claim on one side must not rest on a clause that has only the other.
_SIDES = r"""
before|之前|以前 <> after|之后|以后
at least|minimum|no less than|至少|最少|最低 <> at most|maximum|up to|no more than|至多|最多|最高
more than|above|over|exceed\w*|超过|高于|大于 <> less than|below|under|低于|小于|不足
includ(?:e|es|ed|ing)|包括|包含 <> exclud(?:e|es|ed|ing)|不包括|不包含|不含|除外
increas\w*|raise[sd]?|rises?|增加|提高|上涨 <> decreas\w*|reduc\w*|lower(?:ed|s)?|减少|降低|下降
available <> unavailable
valid|有效 <> invalid|expired?|无效|失效
buyer|customer pays|买家|买方 <> seller|we pay|卖家|卖方
accept(?:s|ed)?|allow(?:s|ed)?|接受|允许 <> refuse[sd]?|forbid\w*|prohibit\w*|reject\w*|拒绝|禁止
always|始终|总是|一律 <> never|从不|绝不
first|首先|首次 <> last|最后
free|免费|包邮 <> charged?|fee|costs?|收费|收取|付费|自理
opened|已拆封|已开封 <> unopened|未拆封|未开封
used|已使用 <> unused|未使用
"""


def _sides() -> Iterator[tuple[re.Pattern[str], re.Pattern[str]]]:
    for line in _SIDES.strip().splitlines():
        one, other = (rf"(?<![a-z])(?:{side})(?![a-z])" for side in line.split(" <> "))
        yield re.compile(one), re.compile(other)
        yield re.compile(other), re.compile(one)


_OPPOSITES: Final = tuple(_sides())
_ORDINALS = ("first", "second", "third", "fourth")
_QUARTERS: Final = {
    f"q{n}": re.compile(rf"(?:{word}|{n}(?:st|nd|rd|th)) quarter|第{'一二三四'[n - 1]}季")
    for n, word in enumerate(_ORDINALS, 1)
}
_ITEM = re.compile(r"^\s*(?:[-*•]\s+|\(?\d{1,2}[.)、．]\s*)?(?:\*\*[^*]*\*\*:?\s*)?")
_NAME = re.compile(r"(?<![.!?…:]\s)(?<!^)(?<![\w'’\"“*-])[A-Z][A-Za-zÀ-ÿ'’-]+")
_LATIN = re.compile(r"[A-Za-z][A-Za-z0-9.+-]{1,}")
_HAN = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class Flag:
    """One thing that a claim says and its evidence does not. said: the claim's own words."""

    kind: Kind
    said: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A text that names may stand in: as it is compared, its words, and those of the former."""

    plain: str
    words: frozenset[str]
    folded: frozenset[str]


def flags(claim: str, evidence: str, *, beside: str | Sequence[str] = "") -> list[Flag]:
    """List what a claim states that its evidence does not bear, or says otherwise.

    evidence: the sentences the claim rests on. beside: what is known without being said there
    (headings, the question), for names and identifiers only; one text, or several.

    >>> flags("You must pay 60 euros.", "You can pay 30 euros within 60 days.")
    [Flag(kind='unit', said='60 euros'), Flag(kind='modal', said='must')]
    >>> flags("退款在三个工作日内到账。", "退款会在3个工作日之内到账。")
    []
    """
    claim = _ITEM.sub("", claim)  # its number in a list, its heading in bold
    said, held = normalise(claim), normalise(evidence)
    known = [heard(text) for text in (evidence, *([beside] if isinstance(beside, str) else beside))]
    return [
        *_amounts(quantities(said), [*quantities(held), *each(held)], held),
        *_dates(dates(said), dates(held)),
        *_identifiers(claim, known),
        *_names(claim, known),
        *_tone(said, held),
    ]


def _amounts(said: Sequence[Quantity], held: Sequence[Quantity], text: str) -> Iterator[Flag]:
    for one in said:
        if any(one.unit == other.unit and one.value == other.value for other in held):
            continue
        same = [other.unit for other in held if other.count == one.count]
        if same and (one.unit is None or None in same):
            continue
        if same:
            money = one.unit in CURRENCIES and not CURRENCIES.isdisjoint(same)
            yield Flag("currency" if money else "unit", one.text)
        elif one.unit or not _written(one, text):
            yield Flag("number", one.text)


def _written(one: Quantity, text: str) -> bool:
    """Tell whether a number without a unit stands in a text, in digits or in words."""
    digits = re.search(rf"(?<![\d.,]){re.escape(one.text)}(?!\d|[.,]\d)", text)  # no part of one
    return bool(digits) or one.count in numerals(text)


def _dates(said: Sequence[tuple[Date, str]], held: Sequence[tuple[Date, str]]) -> Iterator[Flag]:
    for when, words in said:
        if not any(_agree(when, other) for other, _ in held):
            yield Flag("date", words)


def _agree(one: Date, other: Date) -> bool:
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if a is not None and b is not None]
    return bool(pairs) and all(a == b for a, b in pairs)


@lru_cache(maxsize=_REMEMBERED)
def heard(text: str) -> Heard:
    """Read a text that names may stand in, once."""
    plain = normalise(text)
    words = frozenset(tokens(text))
    return Heard(plain, words, words if plain.isascii() else frozenset(tokens(plain)))


def _identifiers(claim: str, known: Sequence[Heard]) -> Iterator[Flag]:
    for name in identifiers(claim):
        spelt = _QUARTERS.get(name)
        if not any(
            name in text.words or name in text.plain or (spelt and spelt.search(text.plain))
            for text in known
        ):
            yield Flag("identifier", name)


def _names(claim: str, known: Sequence[Heard]) -> Iterator[Flag]:
    """Find capitalised words inside a sentence, or Latin ones in Chinese, that stand nowhere."""
    pattern = _LATIN if _HAN.search(claim) else _NAME
    for match in pattern.finditer(claim):
        word = normalise(match[0]).removesuffix("'s")
        spoken = content(tokens(word))
        if (
            spoken
            and word not in MONTHS  # dates are compared as such
            and not any(word in t.plain or not t.folded.isdisjoint(spoken) for t in known)
            and not identifiers(word)
        ):
            yield Flag("name", match[0])


def _tone(said: str, held: str) -> Iterator[Flag]:
    """Compare each clause of a claim with the clauses of the evidence that are most like it."""
    clauses = [(part, _words(part)) for part in _CLAUSE.split(held) if part.strip()]
    for clause in filter(None, map(str.strip, _CLAUSE.split(said))):
        near = _nearest(_words(clause), clauses)
        if near is None:
            continue
        yield from _negation(clause, near)
        yield from _modal(clause, near)
        for this, that in _OPPOSITES:
            met = this.search(clause)
            if met and that.search(near) and not (that.search(clause) or this.search(near)):
                yield Flag("opposite", met[0])


def _words(clause: str) -> frozenset[str]:
    return frozenset(content(tokens(clause)))


def _nearest(words: frozenset[str], clauses: Sequence[tuple[str, frozenset[str]]]) -> str | None:
    """Give the shortest clause that shares most with some words; None if none shares enough."""
    if not words or not clauses:
        return None
    shares = [(len(words & other) / len(words), -len(other), text) for text, other in clauses]
    best = max(shares)
    return best[2] if best[0] >= ALIKE else None


def nearest_clause(text: str, evidence: str) -> str | None:
    """Give the clause of some evidence that shares most with a text; None if none shares enough.

    >>> nearest_clause("May I smoke?", "You may not smoke, but you may drink.")
    'you may not smoke'
    """
    parts = [part.strip() for part in _CLAUSE.split(normalise(evidence)) if part.strip()]
    return _nearest(_words(normalise(text)), [(part, _words(part)) for part in parts])


def _negation(clause: str, near: str) -> Iterator[Flag]:
    """Find what one side denies and the other affirms: a denied word that both hold.

    Sides that deny as often as each other say it in other words: "without one" is "do not have".
    """
    mine, other = _words(clause), _words(near)
    if 2 * len(mine & other) < MUTUAL * (len(mine) + len(other)):
        return
    ours, theirs = (INNOCENT.sub(" ", text) for text in (clause, near))
    if len(NEGATIONS.findall(ours)) == len(NEGATIONS.findall(theirs)):
        return
    for one, text in ((ours, theirs), (theirs, ours)):
        affirmed = _words(text).difference(
            *(_denied(text, m.end()) for m in NEGATIONS.finditer(text))
        )
        for met in NEGATIONS.finditer(one):
            if affirmed.intersection(_denied(one, met.end())):
                yield Flag("negation", met[0])
                break


def denies(text: str) -> bool:
    """Tell whether a text denies something.

    >>> denies("No, you may not."), denies("Not only that."), denies("不得退货")
    (True, False, True)
    """
    return bool(NEGATIONS.search(INNOCENT.sub(" ", normalise(text))))


def _denied(text: str, at: int) -> list[str]:
    """Give the first words after a negation; in Chinese, those of the next few characters."""
    after = text[at : at + 60].lstrip()
    if after[:1] > "\u2e80":
        return content(tokens(after[:5]))
    return content(tokens(after))[:2]


def _modal(clause: str, near: str) -> Iterator[Flag]:
    ours, theirs = (
        {name: met[0] for name, form in _MODALS.items() if (met := form.search(text))}
        for text in (undated(clause), undated(near))  # May is a month
    )
    if ours and theirs and not ours.keys() & theirs.keys():
        yield Flag("modal", next(iter(ours.values())))
