"""Find quantities, dates and amounts of money in a text, however they are written. Pure.

"30 days", "thirty days" and "三十天" are one quantity; "30 working days" is another one. What
can be converted without knowing the world (hours and days, grams and kilograms) is converted;
what cannot (months and days, euros and dollars) is not.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from indexes.text.numerals import NUMERAL_DIGITS, NUMERALS, parse_numeral

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    " fifteen sixteen seventeen eighteen nineteen"
)
_DECADES = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORDS: Final = {word: i for i, word in enumerate(_SMALL.split())} | {
    word: 10 * i for i, word in enumerate(_DECADES.split(), 2)
}
_BIG: Final = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9}

# What a number may be followed by: its unit, and how many of the base unit it makes.
_UNITS: Final = """
hour 1/3600 seconds? secs? s 秒钟 秒
hour 1/60 minutes? mins? min 分钟
hour 1 hours? hrs? hr h 个小时 小时 个钟头
hour 24 days? 天内 天 日内 日 个日历日
hour 168 weeks? 个星期 个礼拜 星期 周
workday 1 (?:working|business)[\\s-]days? 个工作日 工作日
month 1 months? 个月
month 3 quarters? 个季度 季度
month 12 years? yrs? 周年 年
percent 1 % percent per\\scent 个百分点
permille 1 ‰ per\\smille
eur 1 eur euros? € 欧元
usd 1 usd dollars? us\\$ \\$ 美元 美金
gbp 1 gbp pounds? £ 英镑
cny 1 cny rmb yuan 人民币 元 块钱 块(?!儿)
jpy 1 jpy yen 日元
chf 1 chf francs? 法郎
nok 1 nok kroner 克朗
gram 1/1000 mg 毫克
gram 1 grams? g 克
gram 1000 kilograms? kilos? kg 公斤 千克
gram 1000000 tonnes? tons? 吨
litre 1/1000 millilit(?:re|er)s? ml 毫升
litre 1 lit(?:re|er)s? l 升
metre 1/1000 millimet(?:re|er)s? mm 毫米
metre 1/100 centimet(?:re|er)s? cm 厘米 公分
metre 1 met(?:re|er)s? m 米
metre 1000 kilomet(?:re|er)s? km 公里 千米
byte 1 kb
byte 1000 mb
byte 1000000 gb
byte 1000000000 tb
watt 1 watts? w 瓦
watt 1000 kilowatts? kw 千瓦
degree 1 °c degrees? ℃ 摄氏度 度
bar 1 bar 巴
volt 1 volts? v 伏
"""
CURRENCIES: Final = frozenset({"eur", "usd", "gbp", "cny", "jpy", "chf", "nok"})


def _parse_units() -> Iterator[tuple[str, str, Decimal]]:
    for line in _UNITS.strip().splitlines():
        unit, size, *spellings = line.split(" ")
        above, _, below = size.partition("/")
        for spelling in spellings:
            yield spelling, unit, Decimal(above) / Decimal(below or 1)


_TABLE: Final = sorted(_parse_units(), key=lambda row: -len(row[0]))
_WORD_ENDS: Final = {
    pattern: "(?![a-z0-9])" if re.search("[a-z)?]$", pattern) else "" for pattern, _, _ in _TABLE
}
_UNIT = re.compile(
    f"[ -]?(?:{'|'.join(f'({pattern}{_WORD_ENDS[pattern]})' for pattern, _, _ in _TABLE)})"
)
_SIGN: Final = {"€": "eur", "$": "usd", "£": "gbp", "¥": "cny"}
_WORD = f"(?:{'|'.join(sorted(_WORDS, key=len, reverse=True))})"
_BIGS = f"(?:{'|'.join(_BIG)})"
# "one hundred and twenty" is one number, "one hundred and two hundred" are two.
_SPOKEN = rf"{_WORD}(?:[ -](?:{_WORD}|{_BIGS}(?: and(?= {_WORD}(?![ -]{_BIGS}|[a-z])))?))*"
_MONEY = "(?:€|eur|chf|kr|nok|欧元)"
_COMMA = re.compile(rf"(\d),(\d\d)(?= ?{_MONEY}(?![a-z]))|({_MONEY} ?\d+),(\d\d)(?!\d)")
_NUMBER = re.compile(
    r"(?P<sign>[€$£¥]|\b(?:eur|usd|gbp|cny|rmb|chf|nok) ?)? ?"
    r"(?P<minus>(?<![^\s(（])[-−])?"
    r"(?P<digits>(?<![a-z0-9_.])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?!\d))"
    rf"|(?<![a-z])(?P<word>{_SPOKEN})(?![a-z])"
    r"|(?P<half>(?<![a-z])half an? (?=hour)|半(?=小时|年|天|个月))"
    rf"|(?P<share>百分之)?(?P<han>(?![万亿])[{NUMERALS}]+(?:点[{NUMERAL_DIGITS}]+)?)"
)
_SCALE = re.compile(
    r" ?(?:(hundred)|(thousand|(?<=\d)k)|(million|(?<=\d)m)|(billion|bn)|"
    r"(千)|(万亿)|(万)|(亿))(?![a-z])"
)
_SCALES: Final = (100, 10**3, 10**6, 10**9, 10**3, 10**12, 10**4, 10**8)
_NAMES = (
    "january,jan february,feb march,mar april,apr may june,jun july,jul august,aug"
    " september,sept,sep october,oct november,nov december,dec"
)
MONTHS: Final = {name: i for i, names in enumerate(_NAMES.split(), 1) for name in names.split(",")}
_M = "|".join(sorted(MONTHS, key=len, reverse=True))
_DATE = re.compile(
    r"(?<!\d)(?P<y1>(?:19|20)\d\d)[-/.](?P<m1>\d{1,2})[-/.](?P<d1>\d{1,2})(?!\d)"
    r"|(?:(?P<y2>(?:19|20)\d\d) ?年 ?)?(?<!\d)(?P<m2>\d{1,2}) ?月 ?(?:(?P<d2>\d{1,2}) ?[日号])?"
    r"|(?P<y5>(?:19|20)\d\d) ?年"
    rf"|(?<![a-z0-9])(?P<d3>\d{{1,2}})(?:st|nd|rd|th)? (?:of )?(?P<m3>{_M})\b\.?"
    r"(?:,? (?P<y3>(?:19|20)\d\d))?"
    rf"|(?<![a-z])(?P<m4>{_M})\b\.? (?P<d4>\d{{1,2}})(?:st|nd|rd|th)?\b"
    r"(?:,? (?P<y4>(?:19|20)\d\d))?"
    rf"|(?<![a-z])(?P<m6>{_M}) (?P<y6>(?:19|20)\d\d)\b"
    r"|(?<![\d./-])(?P<a7>\d{1,2})(?P<x7>[-/.])(?P<b7>\d{1,2})(?P=x7)(?P<y7>(?:19|20)\d\d)(?!\d)"
)
_EACH = re.compile(r"每一?|(?<![a-z])(?:an?|per|each|every)(?= )")
Date = tuple[int | None, int | None, int | None]
_HALF = Decimal("0.5")
_AND_A_HALF = re.compile("个半(?=小时|钟头)| and a half(?= )")
_COUNTED = 12  # up to it a word without a unit only counts what a sentence lists: "two ways"
_ORDINARY: Final = 10**15  # beyond, a run of digits is a name, not a quantity
_EXACT = 20  # power of ten up to which a number can be rounded to its sixth place
_IN_MAY = re.compile(r"(?<![a-z])(?:in|by|since|until|till|of|during|early|late|mid) may(?![a-z])")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number and its unit, None where the text gives none.

    value: in the base unit. count: the number as it was written. text: the words.
    """

    value: Decimal
    count: Decimal
    unit: str | None
    text: str


def find_dates(plain: str) -> list[tuple[Date, str]]:
    """List the dates of a normalised text: year, month, day, each None where it is not said.

    >>> find_dates("from 3 may 2024, 2024年5月")
    [((2024, 5, 3), '3 may 2024'), ((2024, 5, None), '2024年5月')]
    >>> find_dates("by 31/12/2024 or 08-12-2024")
    [((2024, 12, 31), '31/12/2024'), ((2024, None, None), '08-12-2024')]
    """
    result: list[tuple[Date, str]] = []
    for match in _DATE.finditer(plain):
        parts = {k[0]: v for k, v in match.groupdict().items() if v is not None}
        if match["a7"]:
            parts |= _order_day_month(int(match["a7"]), int(match["b7"]))
        month = parts.get("m")
        number = MONTHS.get(month, 0) or int(month) if month else None
        year, day = parts.get("y"), parts.get("d")
        if number is None or 1 <= number <= 12:  # noqa: PLR2004 (months)
            when = (int(year) if year else None, number, int(day) if day else None)
            result.append((when, match[0]))
    return result


def _order_day_month(first: int, second: int) -> dict[str, str]:
    """Decide which of two numbers is the month, where one of them cannot be."""
    if first > 12 >= second:  # noqa: PLR2004 (months)
        return {"d": str(first), "m": str(second)}
    return {"d": str(second), "m": str(first)} if second > 12 >= first else {}  # noqa: PLR2004


def blank_dates(plain: str) -> str:
    """Blank the dates of a normalised text, and months that follow a preposition.

    >>> blank_dates("you may pay by 3 may 2024, or in may").split()
    ['you', 'may', 'pay', 'by', ',', 'or']
    """
    return _IN_MAY.sub(" ", _DATE.sub(" ", plain))


def find_quantities(plain: str) -> list[Quantity]:
    """List the quantities of a normalised text that are no part of a date, in order.

    >>> [(str(q.value), q.unit) for q in find_quantities("within 2 days, €12.50, 三个工作日")]
    [('48', 'hour'), ('12.5', 'eur'), ('3', 'workday')]
    >>> text = "-20 °c, one hundred and twenty days, 一年半"
    >>> [(str(q.value), q.unit) for q in find_quantities(text)]
    [('-20', 'degree'), ('2880', 'hour'), ('18', 'month')]
    """
    blank = _DATE.sub(lambda m: " " * len(m[0]), plain)
    blank = _COMMA.sub(lambda m: m[0].replace(",", "."), blank)
    result: list[Quantity] = []
    for match in _NUMBER.finditer(blank):
        value = _parse_number(match)
        end = match.end()
        if value is None:
            continue
        if scale := _SCALE.match(blank, end):
            value, end = value * _SCALES[(scale.lastindex or 1) - 1], scale.end()
        if more := _AND_A_HALF.match(blank, end):  # 一个半小时
            value, end = value + _HALF, more.end()
        unit = _read_currency(match)
        size = Decimal(1)
        if unit is None and (unit_match := _UNIT.match(blank, end)):
            _, unit, size = _TABLE[(unit_match.lastindex or 1) - 1]
            end = unit_match.end()
            if blank.startswith("半", end):  # 一年半
                value, end = value + _HALF, end + 1
        small = match["word"] is not None and value <= _COUNTED
        bare = unit is None and (small or match["han"] is not None)
        if not bare and value < _ORDINARY:
            text = blank[match.start() : end].strip()
            result.append(
                Quantity(_canonical_number(value * size), _canonical_number(value), unit, text)
            )
    return result


def find_numbers(plain: str) -> set[Decimal]:
    """Return every number in a normalised text, counting words included.

    >>> sorted(map(int, find_numbers("最多发送十条, in two ways")))
    [2, 10]
    """
    values = map(_parse_number, _NUMBER.finditer(plain))
    return {_canonical_number(value) for value in values if value is not None}


def find_per_units(plain: str) -> list[Quantity]:
    """List the units that a rate refers to: "per day" gives one day, 每年 twelve months.

    >>> [(str(q.value), q.unit) for q in find_per_units("每年一次, 10 per hour")]
    [('12', 'month'), ('1', 'hour')]
    """
    result: list[Quantity] = []
    for match in _EACH.finditer(plain):
        if unit_match := _UNIT.match(plain, match.end()):
            _, unit, size = _TABLE[(unit_match.lastindex or 1) - 1]
            result.append(
                Quantity(_canonical_number(size), Decimal(1), unit, match[0] + unit_match[0])
            )
    return result


def _read_currency(match: re.Match[str]) -> str | None:
    if match["share"]:
        return "percent"
    sign = (match["sign"] or "").strip()
    return _SIGN.get(sign, "cny" if sign == "rmb" else sign or None)


def _parse_number(match: re.Match[str]) -> Decimal | None:
    """Parse a number; None for an approximate one such as 两三."""
    if match["digits"]:
        value = Decimal(match["digits"].replace(",", ""))
        return -value if match["minus"] else value
    if match["word"]:
        return _parse_english(match["word"])
    if match[0] == "百分之百":
        return Decimal(100)
    return _HALF if match["half"] else parse_numeral(match["han"])


def _parse_english(text: str) -> Decimal:
    """Read an English numeral: thirty-five, one hundred and twenty, two thousand five hundred."""
    total = last = 0
    for part in re.split("[ -]", text):
        if part == "hundred":
            last *= _BIG[part]
        elif part in _BIG:
            total, last = total + last * _BIG[part], 0
        else:
            last += _WORDS.get(part, 0)
    return Decimal(total + last)


def _canonical_number(value: Decimal) -> Decimal:
    """Bring 30, 30.0 and 30.00 into one form."""
    if value.adjusted() > _EXACT:
        return value.normalize()
    rounded = round(value, 6)
    return Decimal(int(rounded)) if rounded == int(rounded) else rounded.normalize()
