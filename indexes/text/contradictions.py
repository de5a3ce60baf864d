"""Find contradictions between a claim and its evidence.

Compared are numbers, dates, names, negation, modality and opposites.

A sentence in which 30 days became 60, or "may" became "must", shares all its other words with
its source, so a share of words hardly moves. Contradictions are listed beside such a share and not
averaged into it. English and Chinese. Pure.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from indexes.text.folding import normalise_text
from indexes.text.quantities import (
    CURRENCIES,
    MONTHS,
    Date,
    Quantity,
    blank_dates,
    find_dates,
    find_numbers,
    find_per_units,
    find_quantities,
)
from indexes.text.scripts import HAN
from indexes.text.tokens import drop_stopwords, find_identifiers, is_han_pair, tokenize_text

ContradictionKind = Literal[
    "number",
    "unit",
    "currency",
    "date",
    "identifier",
    "name",
    "negation",
    "modal",
    "opposite",
    "binding",
]
_REMEMBERED = 256  # texts; the sentences of one answer rest on the same few passages
# Of both clauses' words: a long clause may hold a short claim and deny something else.
LEAST_MUTUAL_SHARE = 0.4
# Of a claim's words that a clause must share to be what the claim is held against.
LEAST_CLAUSE_SHARE = 0.5

# Of a claim's words that a clause holds, from which no more clauses are taken with it.
FULL_CLAUSE_SHARE = 0.6
LONGEST_WINDOW = 3  # clauses beside each other that a claim is held against at once

_TURNS = "but|however|while|whereas|although|unless|except|但|不过|而|除非"
_CLAUSE = re.compile(
    rf"[;；。！？!?\n]+|[,，](?= ?(?:{_TURNS}))|, | — |，|(?<=[{HAN}]),|,(?=[{HAN}])"
)
NEGATIONS = re.compile(
    r"(?<![a-z])(?:not|no|never|none|neither|nor|cannot|without|non|unable)(?![a-z])"
    r"|n't(?![a-z])|不得不|[不没無无未勿莫]|非(?!常)|禁止|严禁|别(?=[再去要把让使])"
)
# Hold a character of negation and deny nothing; read out before negations are counted.
HARMLESS_NEGATIONS = re.compile(
    r"不得不|不仅|不但|不过|不同|不断|不论|不管|不少|不久|不锈|不妨|差不多|要不|对不起|不止|无论|无线"
    r"|未来|没关系|不要紧|不明|莫非|不动产|无障碍|不一(?=[样致])|不符(?!合)"
    r"|无理由"
    r"|not only|no later than|no more than|no less than|no longer than|nothing but|no\. ?(?=\d)"
    r"|at least|whether or not"
)
_EXCLUDES = re.compile(r"(?:(?:and|but) )?not(?! only)(?![a-z])|(?:而|并)?不是|而非")
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
at least|minimum|no less than|至少|最少|最低
 <> at most|maximum|up to|no more than|至多|最多|最高
more than|above|over|exceed\w*|超过|高于|大于 <> less than|below|under|低于|小于|不足
includ(?:e|es|ed|ing)|包括|包含 <> exclud(?:e|es|ed|ing)|不包括|不包含|不含|除外
increas\w*|raise[sd]?|rises?|增加|提高|上涨 <> decreas\w*|reduc\w*|lower(?:ed|s)?|减少|降低|下降
available <> unavailable
valid|有效 <> invalid|expired?|无效|失效
buyer|customers? pays?|you pay|your own (?:cost|expense)|买家|买方|由(?:顾客|收件人|客户|您|个人)
 <> seller|we (?:pay|bear)|our (?:own )?(?:cost|expense)|卖家|卖方|由(?:我们|我方|商家|卖家)
accept(?:s|ed)?|allow(?:s|ed)?|接受|允许 <> refuse[sd]?|forbid\w*|prohibit\w*|reject\w*|拒绝|禁止
always|始终|总是|一律 <> never|从不|绝不
first|首先|首次 <> last|最后
free|免费|包邮 <> charged?|fee|costs?|收费|收取|付费|自理
larger|bigger|较大|更大 <> smaller|较小|更小
opened|已拆封|已开封 <> unopened|未拆封|未开封
used|已使用 <> unused|未使用
"""


def _parse_sides() -> Iterator[tuple[re.Pattern[str], re.Pattern[str]]]:
    for line in _SIDES.strip().replace("\n <>", " <>").replace("\n|", "|").splitlines():
        pattern, other = (rf"(?<![a-z])(?:{side})(?![a-z])" for side in line.split(" <> "))
        yield re.compile(pattern), re.compile(other)
        yield re.compile(other), re.compile(pattern)


_OPPOSITES: Final = tuple(_parse_sides())
_ORDINALS = ("first", "second", "third", "fourth")
_QUARTERS: Final = {
    f"q{n}": re.compile(rf"(?:{word}|{n}(?:st|nd|rd|th)) quarter|第{'一二三四'[n - 1]}季")
    for n, word in enumerate(_ORDINALS, 1)
}
# Takes off a bold heading as well, and no letter: "a) " may be a word of the claim.
_ITEM = re.compile(r"^\s*(?:[-*•]\s+|\(?\d{1,2}[.)、．]\s*)?(?:\*\*[^*]*\*\*:?\s*)?")
_NAME = re.compile(r"(?<![.!?…:]\s)(?<!^)(?<![\w'’\"“*-])[A-Z][A-Za-zÀ-ÿ'’-]+")
_LATIN = re.compile(r"[A-Za-z][A-Za-z0-9.+-]{1,}")
_HAN = re.compile(f"[{HAN}]")
_PREDICATE = re.compile(r"(?<=[a-z]) (?:is|are|was|were|may|can|must|will|shall) ")


@dataclass(frozen=True, slots=True)
class Contradiction:
    """One thing that a claim says and its evidence does not. words: the claim's own words."""

    kind: ContradictionKind
    words: str


@dataclass(frozen=True, slots=True)
class WordsOfText:
    """A text prepared for looking up names: normalised, and as sets of tokens."""

    plain: str
    words: frozenset[str]
    folded: frozenset[str]


def find_contradictions(
    claim: str, evidence: str, *, context: str | Sequence[str] = ""
) -> list[Contradiction]:
    """List what a claim states that its evidence lacks or contradicts.

    evidence: the sentences the claim rests on. context: texts that names and identifiers may come
    from as well (headings, the question); one text, or several.

    >>> find_contradictions("You must pay 60 euros.", "You can pay 30 euros within 60 days.")
    [Contradiction(kind='unit', words='60 euros'), Contradiction(kind='modal', words='must')]
    >>> find_contradictions("退款在三个工作日内到账。", "退款会在3个工作日之内到账。")
    []
    """
    claim = _ITEM.sub("", claim)  # its number in a list, its heading in bold
    claim_plain, evidence_plain = normalise_text(claim), normalise_text(evidence)
    known = [
        read_words(text)
        for text in (evidence, *([context] if isinstance(context, str) else context))
    ]
    return [
        *_find_amounts(
            find_quantities(claim_plain),
            [*find_quantities(evidence_plain), *find_per_units(evidence_plain)],
            evidence_plain,
        ),
        *_find_rates(find_per_units(claim_plain), find_per_units(evidence_plain)),
        *_find_dates(find_dates(claim_plain), find_dates(evidence_plain)),
        *_find_identifiers(claim, known),
        *_find_names(claim, known),
        *_find_tone(claim_plain, evidence_plain),
    ]


def find_unmet_names(text: str, *known: str) -> list[str]:
    """List the names and codes of a text that stand in none of some others.

    >>> find_unmet_names("Do you ship to Iceland?", "We ship to Norway and Denmark.")
    ['Iceland']
    >>> find_unmet_names("报错 E99 怎么处理", "E17 水泵压力异常")
    ['e99']
    """
    words = [read_words(other) for other in known]
    return [name.words for name in (*_find_identifiers(text, words), *_find_names(text, words))]


def _find_amounts(
    claimed: Sequence[Quantity], supported: Sequence[Quantity], text: str
) -> Iterator[Contradiction]:
    for quantity in claimed:
        if any(
            quantity.unit == other.unit and quantity.value == other.value for other in supported
        ):
            continue
        same = [other.unit for other in supported if other.count == quantity.count]
        if same and (quantity.unit is None or None in same):
            continue
        if same:
            money = quantity.unit in CURRENCIES and not CURRENCIES.isdisjoint(same)
            yield Contradiction("currency" if money else "unit", quantity.text)
        elif quantity.unit or not _states_number(quantity, text):
            yield Contradiction("number", quantity.text)


def _states_number(quantity: Quantity, text: str) -> bool:
    """Tell whether a number without a unit stands in a text, in digits or in words."""
    # Not a part of a longer number.
    digits = re.search(rf"(?<![\d.,]){re.escape(quantity.text)}(?!\d|[.,]\d)", text)
    return bool(digits) or quantity.count in find_numbers(text)


def _find_rates(
    claimed: Sequence[Quantity], supported: Sequence[Quantity]
) -> Iterator[Contradiction]:
    """Find "per hour" where the evidence says "per day" alone."""
    units = {rate.value: rate.unit for rate in supported}
    for rate in claimed:
        if units and (rate.value, rate.unit) not in units.items():
            yield Contradiction("unit", rate.text)


def _find_dates(
    claimed: Sequence[tuple[Date, str]], supported: Sequence[tuple[Date, str]]
) -> Iterator[Contradiction]:
    for when, words in claimed:
        if not any(_dates_agree(when, other) for other, _ in supported):
            yield Contradiction("date", words)


def _dates_agree(date: Date, other: Date) -> bool:
    pairs = [(a, b) for a, b in zip(date, other, strict=True) if a is not None and b is not None]
    return bool(pairs) and all(a == b for a, b in pairs)


@lru_cache(maxsize=_REMEMBERED)
def read_words(text: str) -> WordsOfText:
    """Read a text that names may stand in, once."""
    plain = normalise_text(text)
    words = frozenset(tokenize_text(text))
    return WordsOfText(plain, words, words if plain.isascii() else frozenset(tokenize_text(plain)))


def _find_identifiers(claim: str, known: Sequence[WordsOfText]) -> Iterator[Contradiction]:
    for name in find_identifiers(claim):
        spelt = _QUARTERS.get(name)
        if not any(
            name in text.words or name in text.plain or (spelt and spelt.search(text.plain))
            for text in known
        ):
            yield Contradiction("identifier", name)


def _find_names(claim: str, known: Sequence[WordsOfText]) -> Iterator[Contradiction]:
    """Find capitalised words inside a sentence, or Latin ones in Chinese, that stand nowhere."""
    pattern = _LATIN if _HAN.search(claim) else _NAME
    for match in pattern.finditer(claim):
        word = normalise_text(match[0]).removesuffix("'s")
        name_words = drop_stopwords(tokenize_text(word))
        if (
            name_words
            and word not in MONTHS  # dates are compared as such
            and not any(word in t.plain or not t.folded.isdisjoint(name_words) for t in known)
            and not find_identifiers(word)
        ):
            yield Contradiction("name", match[0])


def _find_tone(claim: str, evidence: str) -> Iterator[Contradiction]:
    """Compare negation, modality and opposites of each clause with its nearest evidence clause."""
    clauses = [(part, _clause_words(part)) for part in _join_clauses(evidence, 1)]
    for clause in filter(None, map(str.strip, _CLAUSE.split(claim))):
        words = _clause_words(clause)
        evidence_clause = _pick_clause(words, _keep_amounts(clause, clauses))
        yield from _find_negation(clause, _pick_window(words, evidence_clause, evidence))
        if evidence_clause is None:
            continue
        yield from _find_exclusion(clause, words, evidence_clause, clauses)
        yield from _find_modal(clause, evidence_clause)
        for side, opposite in _OPPOSITES:
            match = side.search(clause)
            if (
                match
                and opposite.search(evidence_clause)
                and not (opposite.search(clause) or side.search(evidence_clause))
            ):
                yield Contradiction("opposite", match[0])


def _join_clauses(text: str, size: int) -> list[str]:
    """Return the clauses of a text, so many beside each other at a time.

    >>> _join_clauses("once, twice", 1), _join_clauses("once, twice", 2)
    (['once', 'twice'], ['once, twice'])
    """
    ends = [0, *(match.end() for match in _CLAUSE.finditer(text)), len(text)]
    windows = (
        text[start:end].strip(" ,;；。\n") for start, end in zip(ends, ends[size:], strict=False)
    )
    return [window for window in windows if window and "\n" not in window]


def _pick_window(words: frozenset[str], best: str | None, evidence: str) -> str | None:
    """Return what a negation is looked for in: the best clause, or more beside each other.

    Chinese puts between commas what a claim says in one clause.
    """
    if not any(map(is_han_pair, words)):
        return best
    for size in range(2, LONGEST_WINDOW + 1):
        if best and len(words & _clause_words(best)) >= FULL_CLAUSE_SHARE * len(words):
            break
        windows = [(part, _clause_words(part)) for part in _join_clauses(evidence, size)]
        best = _pick_clause(words, windows) or best
    return best


def _keep_amounts(
    clause: str, clauses: Sequence[tuple[str, frozenset[str]]]
) -> Sequence[tuple[str, frozenset[str]]]:
    """Keep the clauses that hold a clause's amounts, and the fewest others."""
    amounts = {(quantity.value, quantity.unit) for quantity in find_quantities(clause)}
    if not amounts:
        return clauses
    fits = []
    for text, _ in clauses:
        others = {(other.value, other.unit) for other in find_quantities(text)}
        fits.append(len(amounts & others) - len(others - amounts) / 2)
    best = max(fits, default=0)
    return [each for each, fit in zip(clauses, fits, strict=True) if fit == best]


def _clause_words(clause: str) -> frozenset[str]:
    return frozenset(drop_stopwords(tokenize_text(clause)))


def _pick_clause(
    words: frozenset[str], clauses: Sequence[tuple[str, frozenset[str]]]
) -> str | None:
    """Return the shortest clause that shares most with some words; None if none shares enough."""
    if not words or not clauses:
        return None
    shares = [(len(words & other) / len(words), -len(other), text) for text, other in clauses]
    best = max(shares)
    return best[2] if best[0] >= LEAST_CLAUSE_SHARE else None


def find_nearest_clause(text: str, evidence: str) -> str | None:
    """Return the clause of some evidence that shares most with a text; None if none shares enough.

    >>> find_nearest_clause("May I smoke?", "You may not smoke, but you may drink.")
    'you may not smoke'
    """
    parts = [part.strip() for part in _CLAUSE.split(normalise_text(evidence)) if part.strip()]
    return _pick_clause(
        _clause_words(normalise_text(text)), [(part, _clause_words(part)) for part in parts]
    )


def _find_negation(clause: str, evidence_clause: str | None) -> Iterator[Contradiction]:
    """Find what one side denies and the other affirms: a denied word that both hold.

    Sides that deny as often as each other say it in other words: "without one" is "do not have".
    """
    if evidence_clause is None:
        return
    claim_words, evidence_words = _clause_words(clause), _clause_words(evidence_clause)
    if 2 * len(claim_words & evidence_words) < LEAST_MUTUAL_SHARE * (
        len(claim_words) + len(evidence_words)
    ):
        return
    claim_text, evidence_text = (
        HARMLESS_NEGATIONS.sub(" ", text) for text in (clause, evidence_clause)
    )
    if len(NEGATIONS.findall(claim_text)) == len(NEGATIONS.findall(evidence_text)):
        return
    for negated, text in ((claim_text, evidence_text), (evidence_text, claim_text)):
        affirmed = _clause_words(text).difference(
            *(_denied_words(text, m.end()) for m in NEGATIONS.finditer(text))
        )
        for match in NEGATIONS.finditer(negated):
            if affirmed.intersection(_denied_words(negated, match.end())):
                yield Contradiction("negation", match[0])
                break


def has_negation(text: str) -> bool:
    """Tell whether a text contains a negation.

    >>> has_negation("No, you may not."), has_negation("不得退货")
    (True, True)
    >>> has_negation("Not only that.")
    False
    """
    return bool(NEGATIONS.search(HARMLESS_NEGATIONS.sub(" ", normalise_text(text))))


def _denied_words(text: str, at: int) -> list[str]:
    """Return the first words after a negation; in Chinese, those of the next few characters.

    What is said of "returns without a box" stands behind the verb, and is not denied.
    """
    after = text[at : at + 60].lstrip()
    if after[:1] > "\u2e80":
        return drop_stopwords(tokenize_text(after[:5]))
    return drop_stopwords(tokenize_text(_PREDICATE.split(after, maxsplit=1)[0]))[:2]


def _find_exclusion(
    clause: str,
    words: frozenset[str],
    evidence_clause: str,
    clauses: Sequence[tuple[str, frozenset[str]]],
) -> Iterator[Contradiction]:
    """Find what a claim affirms and the evidence names to exclude it: "by mail, not by fax"."""
    affirmed = words - _clause_words(evidence_clause)
    for text, excluded in clauses:
        match = _EXCLUDES.match(text)
        if match and excluded and excluded <= affirmed and not has_negation(clause):
            yield Contradiction("negation", match[0])


def _find_modal(clause: str, evidence_clause: str) -> Iterator[Contradiction]:
    claim_modals, evidence_modals = (
        {name: match[0] for name, form in _MODALS.items() if (match := form.search(text))}
        for text in (blank_dates(clause), blank_dates(evidence_clause))  # May is a month
    )
    if claim_modals and evidence_modals and not claim_modals.keys() & evidence_modals.keys():
        yield Contradiction("modal", next(iter(claim_modals.values())))
