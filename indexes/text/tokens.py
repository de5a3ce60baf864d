"""Split a text into the tokens that are indexed, searched, quoted and measured. Pure.

A document and a question pass through the same ``tokenize_text``, so a word is found however it
was written: full or half width, traditional or simplified, plural or singular, in figures or
in Chinese numerals, with or without marks.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from operator import add

from indexes.text.canonical_forms import find_canonical_forms
from indexes.text.folding import normalise_text
from indexes.text.scripts import HAN, HAN_RUN, HANGUL, KANA, LETTER
from indexes.text.word_forms import (
    LONGEST_TERM,
    is_identifier,
    name_identifier,
    spell_terms,
    stem_word,
)

TOKENS_VERSION = 2
"""The version of what ``tokenize_text`` gives: raise it by hand where any text gives other tokens.

Folding and stems are part of it, and so are the libraries that decide them (OpenCC, Snowball, the
interpreter's Unicode). Words in an index are found only by the tokens that wrote them.
"""
MOST_CACHED_RUNS = 1 << 16  # runs whose spelling is kept
# of the longest: some 45 MB at the most
LONGEST_CACHED_RUN = 24
MOST_CACHED_TOKENS = 7


# A run is a word or an identifier with its inner marks. Counts are bounded: a hostile text
# must cost no more than a plain one of its length.
_RUN = re.compile(
    f"[{HAN}]+|[{KANA}]+|[{HANGUL}]+"
    rf"|[{LETTER}]+(?:(?:[._@+'&-]|(?<=\d),(?=\d{{3}}(?!\d)))[{LETTER}]+){{0,31}}"
    rf"(?:\+\+|#(?<=[a-z]#)(?<![{LETTER}].#)(?!\d)"  # C++, C#
    rf"|/(?<=[a-z]/)(?<![{LETTER}_/.&]./)[a-z](?![{LETTER}_/.&])|)"  # A/B
    rf"|\.(?<![^\s(\[].)[a-z]{{2,20}}(?![{LETTER}._@-])"  # .NET
)
# The rest of a run, so that a text is cut behind it.
_REST = re.compile(f"(?<=[{HAN}])[{HAN}]*|(?<![{HAN}])[{LETTER}._@+'&,#-]*")
# A short number is a name only where a word says so: "error 1047", "订单号：1047".
_NAMED = re.compile(
    r"(?:#\s?|(?<![a-z0-9])(?:order|error|code|invoice|ticket|case|sku|ref|item)\s?(?:no\.?|number|code|id)?\s?[#:]?\s?"
    r"|(?:订单|错误|编号|代码|工单|发票|单号|报错|报警|故障|代号|报(?=\s?\d{3}))[号码]?\s?[:#]?\s?)"
    r"(\d{2,})(?![\d.,%]*\d)"
    rf"(?![{LETTER}])"  # else it is a part of a token, and could not be looked up
)

_STOP_EN = (
    "a an the and or but if then than as of at by for with about into to from in on off over"
    " under is am are was were be been being do does did doing have has had having can could"
    " should would will shall may might must i me my we our you your he him his she her it"
    " its they them their this that these those there here what which who whom whose when"
    " where why how not no nor so too very just also any some such own same both each s t d"
    " ll m re ve dont doesnt isnt please"
)
_STOP_ZH = (
    "的 了 吗 呢 吧 啊 呀 么 之 是 在 有 和 与 及 或 而 但 我 你 您 他 她 它 们 这 那 哪 个"
    " 也 都 就 还 又 被 把 对 从 为 于 以 其 等 请 会 能 我们 你们 您们 他们 这个 那个 哪个"
    " 哪些 什么 怎么 怎样 如何 为什 多少 是否 可以 能否 请问 一个 是什 有什"
)
_PARTICLE = frozenset("的了吗呢吧啊呀么")


def tokenize_text(text: str) -> list[str]:
    """Split a text into the tokens that are indexed and searched, in order.

    English words are stemmed (Snowball). Han runs give characters and bigrams (CMRC dev R@1:
    .965; bigrams alone .959, characters .902), kana and hangul bigrams. An identifier stays
    whole, followed by its parts and by the spelling without marks. What else has several
    spellings is followed by one that all of them share (``canonical_forms.py``).

    >>> tokenize_text("Refunds for ORD-2024-00123")
    ['refund', 'for', 'ord-2024-00123', 'ord', '2024', '00123', 'ord202400123']
    >>> tokenize_text("退貨政策")
    ['退', '货', '政', '策', '退货', '货政', '政策']
    """
    folded = normalise_text(text)
    forms = find_canonical_forms(folded)
    if not forms:
        return list(_iter_spellings(_RUN.findall(folded)))
    tokens: list[str] = []
    at = 0
    for form in forms:
        if form.end > at and (rest := _REST.match(folded, form.end)):
            tokens += _iter_spellings(_RUN.findall(folded, at, rest.end()))
            at = rest.end()
        tokens += form.terms
    tokens += _iter_spellings(_RUN.findall(folded, at))
    return tokens


def _iter_spellings(runs: Iterable[str]) -> Iterator[str]:
    return chain.from_iterable(map(_spelling_cache.__getitem__, runs))


class _SpellingCache(dict[str, tuple[str, ...]]):
    """A cache of the index spellings of each run of letters.

    Any thread may look up: what two spell at once they spell alike.
    """

    def __missing__(self, run: str) -> tuple[str, ...]:
        spelled = _spell_run(run)
        if len(run) <= LONGEST_CACHED_RUN and len(spelled) <= MOST_CACHED_TOKENS:
            if len(self) >= MOST_CACHED_RUNS:
                self.clear()
            self[run] = spelled
        return spelled


def _spell_run(run: str) -> tuple[str, ...]:
    if run[0] < "\u3005" and not "\u1100" <= run[0] <= "\u11ff":
        return spell_terms(run)
    single = run if HAN_RUN.match(run) or len(run) == 1 else ""
    return (*single, *map(add, run, run[1:]))


_spelling_cache = _SpellingCache()


def is_han_pair(term: str) -> bool:
    """Tell whether a token is a bigram of Han characters, in which no word need begin or end.

    >>> is_han_pair("退款"), is_han_pair("款"), is_han_pair("ok")
    (True, False, False)
    """
    return len(term) == 2 and HAN_RUN.fullmatch(term) is not None  # noqa: PLR2004 (a pair)


def find_identifiers(text: str) -> list[str]:
    """List the names a text gives to things, as ``tokenize_text`` spells them, each once.

    Of several spellings that is the one they share: e204 for E-204, digits for a telephone.

    Order numbers, SKUs, error codes, e-mail addresses, versions, numbers that a word
    before them makes a name. Amounts, measures, dates and years are none.

    >>> find_identifiers("Error E1047 on #12345 since v7.5.1, 30 days, $1,234.50")
    ['e1047', '12345', '7.5.1']
    """
    folded = normalise_text(text)
    runs = [(m.start(), m.group()) for m in _RUN.finditer(folded)]
    names = [
        (at, name_identifier(run))
        for at, run in runs
        if len(run) <= LONGEST_TERM and is_identifier(run)
    ]
    names += [
        (m.start(1), m.group(1)) for m in _NAMED.finditer(folded) if len(m[1]) <= LONGEST_TERM
    ]
    forms = [form for form in find_canonical_forms(folded) if form.is_name]
    inside = {at for form in forms for at in range(form.start, form.end)}
    names = [name for name in names if name[0] not in inside]
    names += [(form.start, form.terms[0]) for form in forms]
    return list(dict.fromkeys(name for _, name in sorted(names)))


# Both languages, as ``tokenize_text`` spells them.
STOPWORDS: frozenset[str] = frozenset(map(stem_word, _STOP_EN.split())) | frozenset(
    _STOP_ZH.split()
)


def drop_stopwords(words: Iterable[str]) -> list[str]:
    """Keep the tokens that carry meaning: no function words, no bigrams with a particle.

    >>> drop_stopwords(tokenize_text("What is the refund window?"))
    ['refund', 'window']
    >>> drop_stopwords(tokenize_text("退款的时间"))
    ['退', '款', '时', '间', '退款', '时间']
    """
    return [word for word in words if word not in STOPWORDS and not _PARTICLE.intersection(word)]
