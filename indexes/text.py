"""Words: what a text is made of, for indexing, asking, quoting and measuring. Pure.

A document and a question pass through the same ``tokenize_text``, so a word is found however it
was written: full or half width, traditional or simplified, plural or singular.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain
from operator import add
from typing import Literal

from opencc import OpenCC

from indexes.sentence import split_sentences
from indexes.word import LONGEST_TERM, is_identifier, stem_word, spell_terms

__all__ = [
    "Language",
    "drop_stopwords",
    "find_identifiers",
    "is_han_pair",
    "detect_language",
    "normalise_text",
    "reads_without_cjk",
    "split_sentences",
    "STOPWORDS",
    "strip_invisible",
    "tokenize_text",
]

Language = Literal["zh", "en", "und"]

MOST_CACHED_RUNS = 1 << 16  # runs whose spelling is kept
LONGEST_CACHED_RUN, MOST_CACHED_TOKENS = 24, 7  # of the longest: some 45 MB at the most

HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
KANA = "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\uff66-\uff9f"
HANGUL = "\u1100-\u11ff\uac00-\ud7af"
# Every other script, its combining marks included, without the punctuation between them.
LETTER = "0-9a-zªµºß-öø-ͽͿ-\u05bd\u05c0-\u060b\u060d-\u061a\u0620-\u0963\u0966-\u10ff\u1200-\u1fff"

_HAN, _KANA = re.compile(f"[{HAN}]+"), re.compile(f"[{KANA}]+")
_CJK = re.compile(f"[{HAN}{KANA}{HANGUL}]+")
_LATIN = re.compile("[A-Za-zÀ-ÖØ-öø-ɏ]+")
# A run is a word or an identifier with its inner marks. Counts are bounded: a hostile text
# must cost no more than a plain one of its length.
_RUN = re.compile(
    f"[{HAN}]+|[{KANA}]+|[{HANGUL}]+"
    rf"|[{LETTER}]+(?:(?:[._@+'&-]|(?<=\d),(?=\d{{3}}(?!\d)))[{LETTER}]+){{0,31}}"
)
# A short number is a name only where a word says so: "error 1047", "订单号：1047".
_NAMED = re.compile(
    r"(?:#\s?|\b(?:order|error|code|invoice|ticket|case|sku|ref|item)\s?(?:no\.?|number|code|id)?\s?[#:]?\s?"
    r"|(?:订单|错误|编号|代码|工单|发票|单号|报错)[号码]?\s?[:#]?\s?)(\d{2,})(?![\d.,%]*\d)"
)
# Zero width, bidi, tags, variation selectors, fillers, soft hyphen, byte order mark, controls.
_INVISIBLE = re.compile(
    "[\x01-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")

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


@lru_cache(maxsize=1)
def _folding_table() -> dict[int, str | None]:
    """Map a character to the one it is searched as; accents go, combining marks too."""
    table: dict[int, str | None] = {**_simplified_table(), **dict.fromkeys(range(0x300, 0x370))}
    for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00)):
        base = unicodedata.normalize("NFD", chr(code))[0]
        if base.isascii():
            table[code] = base
    table |= dict.fromkeys(map(ord, "\u2018\u2019\u201b\u02bc\u2032`"), "'")
    return table | dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2212"), "-")


@lru_cache(maxsize=1)
def _simplified_table() -> dict[int, str]:
    """Map traditional characters to simplified, one by one.

    OpenCC also knows phrases, but then a word would fold by its neighbours, and the same
    word in a question and in a document would not always meet.
    """
    codes = (*range(0x3400, 0x4DC0), *range(0x4E00, 0xA000), *range(0x20000, 0x2EBE1))
    letters = [chr(code) for code in codes]
    folded = OpenCC("t2s").convert("\n".join(letters)).split("\n")
    return {ord(a): b for a, b in zip(letters, folded, strict=True) if a != b}


def strip_invisible(text: str) -> str:
    r"""Remove what a reader cannot see; a lone surrogate or NUL becomes U+FFFD.

    Instructions can hide in such characters, and terminals obey some of them.

    >>> strip_invisible("re\u00adfund\u200b \x00")
    'refund �'
    """
    return _UNWRITABLE.sub("\ufffd", _INVISIBLE.sub("", text))


def normalise_text(text: str) -> str:
    """Fold width, case, accents, traditional characters and invisible ones away.

    >>> normalise_text("ＡＢＣ—Café 訂單")
    'abc—cafe 订单'
    """
    if text.isascii():
        return _INVISIBLE.sub("", text).lower()
    return (
        unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).lower().translate(_folding_table())
    )


def tokenize_text(text: str) -> list[str]:
    """Cut a text into what is indexed and asked for, in order.

    English words are stemmed (Snowball). Han runs give characters and bigrams (CMRC dev R@1:
    .965; bigrams alone .959, characters .902), kana and hangul bigrams. An identifier stays
    whole, followed by its parts.

    >>> tokenize_text("Refunds for ORD-2024-00123")
    ['refund', 'for', 'ord-2024-00123', 'ord', '2024', '00123']
    >>> tokenize_text("退貨政策")
    ['退', '货', '政', '策', '退货', '货政', '政策']
    """
    return list(
        chain.from_iterable(map(_spelling_cache.__getitem__, _RUN.findall(normalise_text(text))))
    )


class _SpellingCache(dict[str, tuple[str, ...]]):
    """What each run is spelled as; words come again and again, and are remembered.

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
    single = run if _HAN.match(run) or len(run) == 1 else ""
    return (*single, *map(add, run, run[1:]))


_spelling_cache = _SpellingCache()


def is_han_pair(term: str) -> bool:
    """Tell whether a token is a bigram of Han characters, in which no word need begin or end.

    >>> is_han_pair("退款"), is_han_pair("款"), is_han_pair("ok")
    (True, False, False)
    """
    return len(term) == 2 and _HAN.fullmatch(term) is not None  # noqa: PLR2004 (a pair)


def find_identifiers(text: str) -> list[str]:
    """List the names a text gives to things, as ``tokenize_text`` spells them, each once.

    Order numbers, SKUs, error codes, e-mail addresses, versions, numbers that a word
    before them makes a name. Amounts, measures, dates and years are none.

    >>> find_identifiers("Error E1047 on #12345 since v7.5.1, 30 days, $1,234.50")
    ['e1047', '12345', '7.5.1']
    """
    folded = normalise_text(text)
    runs = [(m.start(), m.group()) for m in _RUN.finditer(folded)]
    names = [
        (at, spell_terms(run)[0])
        for at, run in runs
        if len(run) <= LONGEST_TERM and is_identifier(run)
    ]
    names += [
        (m.start(1), m.group(1)) for m in _NAMED.finditer(folded) if len(m[1]) <= LONGEST_TERM
    ]
    return list(dict.fromkeys(name for _, name in sorted(names)))


# Both languages, as ``tokenize_text`` spells them.
STOPWORDS: frozenset[str] = frozenset(map(stem_word, _STOP_EN.split())) | frozenset(
    _STOP_ZH.split()
)


def drop_stopwords(words: Iterable[str]) -> list[str]:
    """Keep the tokens that carry meaning: no function words, no bigrams with a particle.

    >>> drop_stopwords(tokenize_text("What is the refund window?")), drop_stopwords(tokenize_text("退款的时间"))
    (['refund', 'window'], ['退', '款', '时', '间', '退款', '时间'])
    """
    return [word for word in words if word not in STOPWORDS and not _PARTICLE.intersection(word)]


def detect_language(text: str) -> Language:
    """Name the language of a text by its letters.

    zh: more than 30 % of the letters are Han and kana is rare. en: mostly Latin letters.

    >>> detect_language("如何退款 TiDB"), detect_language("How do refunds work?"), detect_language("123")
    ('zh', 'en', 'und')
    """
    letters = sum(map(str.isalpha, text))
    han, kana = _count_script_letters(_HAN, text), _count_script_letters(_KANA, text)
    if han > 0.3 * letters and kana < 0.1 * han:
        return "zh"
    return "en" if letters and _count_script_letters(_LATIN, text) > 0.5 * letters else "und"


def reads_without_cjk(text: str) -> bool:
    """Tell whether a model without Han, kana and hangul can read a text: at most 30 % of letters.

    >>> reads_without_cjk("order 42"), reads_without_cjk("订单"), reads_without_cjk("42")
    (True, False, True)
    """
    return _count_script_letters(_CJK, text) <= 0.3 * sum(map(str.isalpha, text))


def _count_script_letters(script: re.Pattern[str], text: str) -> int:
    return sum(map(len, script.findall(text)))
