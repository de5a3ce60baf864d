"""Give what can be spelled in several ways one more token, the same for each spelling. Pure.

Numbers (一千二百五十 is also 1250), articles (第八条 is also 第8条), dates (6 September 2027 is
also 2027-09-06 and --09-06, that day of any year), times (6:20 pm is also 18:20), telephone numbers
(digits alone), codes with a space in them (error E 204) and headings with spaced-out
characters. What one run of letters tells is spelled in ``word_forms.py``; here is what takes
more than that. Nothing is taken away: the words as they stand are tokens as before.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from operator import add, attrgetter
from typing import Final

from indexes.text.numerals import NUMERAL_DIGITS, NUMERALS, parse_numeral
from indexes.text.quantities import MONTHS
from indexes.text.scripts import HAN
from indexes.text.word_forms import order_day_month, spell_date, spell_phone

_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_MONTH_ENDS = "(?:ary|rch|ril|may|une|uly|ust|ber|jan|feb|mar|apr|jun|jul|aug|sep|ept|oct|nov|dec)"
_SHORT_MONTHS = "(?:jan|feb|mar|apr|jun|jul|aug|sep|ept|oct|nov|dec)"  # before a full stop
# Behind "Sept. " it may be the start of another sentence.
_OTHER_DAY = rf"(?:\d?(?:st|nd|rd|th)?\ (?:of\ )?(?:{_MONTH})(?![a-z])|\d?\ ?[ap]\.?m|\d{{0,3}}/\d)"
_YEAR = r"(?:19|20)\d\d(?!\d|[/-]\d)"
# A sentence is tokenised alone and as a part of its passage, and must have no token that the
# passage lacks: what looks at the end of a line or sentence looks for all that end one.
_BREAKS = r"\n\r\v\f\x1c-\x1e\x85\u2028\u2029"
_LINE_END = rf"[ \t]{{0,12}}(?:[{_BREAKS}]|$)"
_CLOSERS = r"[\"'”»」』)\]】》〉*_]{0,4}(?:\[\d{1,3}\])?"
_SENTENCE_START = rf"(?:^|[{_BREAKS}]|[.!?;。][.!?。]{{0,4}}{_CLOSERS})\s{{0,12}}"
# Words that stand before a number often and are no part of a code.
_TWO = "(?:in|of|by|at|to|on|is|or|as|no|up|an|if|we|am|pm|so|be)"
_THREE = (
    "(?:the|and|for|was|are|all|had|age|who|top|has|its|day|may|jan|feb|mar|apr|jun|jul|aug|sep|oct"
    "|nov|dec|per|out|but|not|his|her|our|any|via|fig|vol|usd|eur|gbp|cny|rmb)"
)
# Of the forms below each begins with one character of a set and looks back from there: Python's re
# skips what cannot begin quickly only then.
_PLAIN_FORMS = rf"""
  (?<![0-9a-z_.,/].)(?:
    (?<=[a-z.]\ .)(?:
      (?P<after_month>(?:(?<={_MONTH_ENDS}\ .)|(?<={_SHORT_MONTHS}\.\ .)(?!{_OTHER_DAY}))
        (?:\d?(?:st|nd|rd|th)?(?![0-9a-z:%]|[.,]\d)(?:,?\ {_YEAR})?|\d{{3}}(?!\d)))
    | (?P<code>(?<=[a-z]\ .)(?<![a-z.]{{4}}\ .)(?<!{_TWO}\ .)(?<!{_THREE}\ .)\d{{1,4}}
        (?![0-9a-z%]|[.,:/-]\d|\ \d{{3,4}}\ \d{{4}})))
  | (?P<before_month>\d?(?:st|nd|rd|th)?\ (?:of\ )?
      (?:{_MONTH.replace("may|", "")}|may(?=,?\ {_YEAR}|[.,;:)?!。、]|{_LINE_END}))(?![a-z])
      (?:\.(?<={_SHORT_MONTHS}\.))?(?:,?\ {_YEAR})?)
  | (?P<timestamp>\d{{3}}-\d\d-\d\dt[0-2]\d:[0-5]\d(?![0-9]))
  | (?P<slash_date>\d{{3}}/\d{{1,2}}/\d{{1,2}}(?![\d/])|\d?/\d{{1,2}}/{_YEAR})
  | (?P<clock>\d?:[0-5]\d(?::[0-5]\d)?(?![0-9:])(?:\ ?[ap]\.?m(?![a-z]))?|\d?\ ?[ap]\.?m(?![a-z]))
  | (?P<phone>(?:
      \d{{1,4}}[ -]\d{{2,8}}(?:[ -]\d{{2,8}}){{0,3}}
    | (?<=[(+].)(?:\d{{1,4}}\)[ -]?\d{{3,8}}(?:[ -]\d{{2,8}}){{0,3}}
      | \d{{0,14}}(?:[ .-]?\(\d{{1,5}}\)[ .-]?\d{{1,9}})?
        (?:[ .-]\d{{1,9}}){{0,6}}))(?![0-9a-z]|[.,:-]\d))
  )
"""
_N = f"[{NUMERALS}]"
_FIRST = re.sub("[百千万亿佰仟]", "", NUMERALS)  # 万一, 千万, 百度: a place alone begins a word
_DAY_PART = "(?:上午|下午|晚上|早上|中午|凌晨|傍晚|清晨|早晨)"
_COUNTED = (
    "年(?![级代])|天|日(?![常益])|个?月|个?工作日|个?小时|周|个?星期|个?礼拜|分钟|秒|元|块|倍|岁|名|人|次|米"
    "|厘米|公[里斤]|千克|克|吨|升|级|层|楼|页|度|折"
)
# 一个, 一次, 一些, 一度, 一日 are words: 一 counts
# before plain measures of time and money only.
_COUNTED_BY_ONE = "年(?![级代])|天|周(?!围)|个月|个?小时|个?工作日|个?星期|个?礼拜|分钟|元"
_MINUTES = f"(?:{_N}{{2,3}}分?|{_N}分)"
_PARTS = "条章节款项页版级编部册卷期届类号层课讲步回集"
_HAN_FORMS = rf"""
  (?<=第)\ ?(?P<ordinal>(?:\d{{1,5}}(?:\.\d{{1,4}}){{0,3}}|{_N}{{1,9}})\ ?[{_PARTS}])
| (?<=[0-9])(?<![0-9a-z_.,/].)(?:
    (?P<date>\d{{3}}\ ?年\ ?\d{{1,2}}\ ?月(?:\ ?\d{{1,2}}\ ?[日号])?|\d?\ ?月\ ?\d{{1,2}}\ ?[日号])
  | (?P<han_clock>\d?\ ?[点时](?:\ ?(?:[0-5]\d(?!\d)\ ?分?|\d\ ?分)|{_MINUTES}|整|钟|半)
    |(?<={_DAY_PART}.)\d?\ ?[点时])
  | (?P<scaled>\d{{0,14}}(?:,\d{{3}}){{0,4}}(?:\.\d{{1,6}})?\ ?(?:万亿|[万亿]))
  )
| (?<=[{_FIRST}])(?<![{NUMERALS}第].)(?:
    (?P<han_date>[{NUMERAL_DIGITS}]{{3}}年{_N}{{1,2}}月(?:{_N}{{1,3}}[日号])?|{_N}?月{_N}{{1,3}}[日号])
  | (?P<spoken_clock>{_N}{{0,2}}[点时](?:{_MINUTES}|[0-5]?\d分|整|钟|半)
    |(?<={_DAY_PART}.){_N}{{0,2}}点{_N}?)
  | (?P<numeral>{_N}{{1,24}}(?![{NUMERALS}几])(?:点[{NUMERAL_DIGITS}]{{1,6}}(?![{NUMERALS}]))?
    |(?<=百分之.)(?:点[{NUMERAL_DIGITS}]{{1,6}})?
    |(?<![统唯逐单同周期初].)(?:(?<!一)(?:点[{NUMERAL_DIGITS}]{{1,6}})?(?={_COUNTED}|[万亿])
                              |(?={_COUNTED_BY_ONE})))
  )
"""
_PLAIN = re.compile(f"[0-9]{_PLAIN_FORMS}", re.VERBOSE)
_ANY = re.compile(f"[0-9第{_FIRST}](?:{_HAN_FORMS}|(?<=[0-9]){_PLAIN_FORMS})", re.VERBOSE)
_ANY_HAN = re.compile(f"[{HAN}]")

# From the first space on; the character before it stands alone too.
_SPACED_OUT = re.compile(
    f" (?<=[{HAN}] )(?<![{HAN}]. ) {{0,3}}[{HAN}](?![{HAN}])(?: {{1,4}}[{HAN}](?![{HAN}]))*"
)
_DIGITS_ALONE = re.compile(r"\d+")
_MONTH_BEFORE = re.compile(rf"(?<![a-z])({_MONTH})\.? $")
_MAY_DO = re.compile(r"(?<![a-z])(?:i|you|he|she|it|we|they|who|which|that|this) may $")
_DAY_MONTH = re.compile(rf"(\d+)(?:st|nd|rd|th)? (?:of )?({_MONTH})\.?(?:,? (\d+))?")
_CLOCK = re.compile(r"(\d+)(?::(\d+))?\D*?(?::\d+)? ?([ap]?)\.?m?")
_HAN_DATE = re.compile(
    rf"(?:(\d+|[{NUMERAL_DIGITS}]+) ?年 ?)?(\d+|{_N}+) ?月(?: ?(\d+|{_N}+) ?[日号])?"
)
_HAN_CLOCK = re.compile(rf"(\d+|{_N}+) ?[点时] ?(\d+|{_N}+|半)?")
_CODE_PLACE = re.compile(
    r"(?:(?P<cue>(?<![a-z])(?:error|fault|alarm|warning|code)s?(?: codes?)?[ :]{1,2}"
    r"|(?:错误|故障|报警|警报|报错|代码|异常)(?:代?码)?[ :]{0,2})|"
    rf"{_SENTENCE_START}[ \t|*•>#-]{{0,4}}|\| ?)([a-z]{{1,3}}) $"
)
_CODE_END = re.compile(rf" ?[|:?.,;!)。、]|{_LINE_END}")
_DIALLED = re.compile(
    r"[48]00[ -]\d{3,4}[ -]\d{3,4}|1\d\d[ -]\d{4}[ -]\d{4}|\d{3}[ -]\d{3}[ -]\d{4}"
)
_AFTERNOON: Final = {"下午", "晚上", "傍晚", "中午"}
_LOOK_BACK = 32  # characters before a number in which its month or its word stands
_NOON = 12
_HOURS = 24
_SHORTEST_TRUNK = 10  # characters of a telephone number in groups, the first with its zero


@dataclass(frozen=True, slots=True)
class CanonicalForm:
    """Tokens that a stretch of a normalised text brings besides its words. end: where it ends.

    is_name: it is the name of a thing, a code or a telephone number.
    """

    start: int
    end: int
    terms: tuple[str, ...]
    is_name: bool = False


def find_canonical_forms(folded: str) -> list[CanonicalForm]:
    """List what a normalised text spells in one of several ways, in order of their ends.

    >>> [form.terms for form in find_canonical_forms("第八条: 壹仟元, by 6 sept 2027")]
    [('第8条',), ('1000',), ('2027-09-06', '--09-06')]
    """
    if folded.isascii() or not _ANY_HAN.search(folded):
        return list(_read_forms(_PLAIN, folded))
    forms = list(_read_forms(_ANY, folded))
    if spaced := list(_find_spaced_words(folded)):
        forms = sorted(forms + spaced, key=attrgetter("end"))
    return forms


def _read_forms(pattern: re.Pattern[str], folded: str) -> Iterator[CanonicalForm]:
    for match in pattern.finditer(folded):
        kind = match.lastgroup or ""
        if terms := _READERS[kind](match):
            yield CanonicalForm(match.start(), match.end(), terms, kind in _NAMES)


def _find_spaced_words(folded: str) -> Iterator[CanonicalForm]:
    """Join single characters that only spaces part: 请 假 制 度 has the pairs of 请假制度."""
    for match in _SPACED_OUT.finditer(folded):
        start = match.start() - 1
        word = folded[start : match.end()].replace(" ", "")
        yield CanonicalForm(start, match.end(), tuple(map(add, word, word[1:])))


def _read_after_month(match: re.Match[str]) -> tuple[str, ...]:
    start = match.start()
    far = max(0, start - _LOOK_BACK)
    month = _MONTH_BEFORE.search(match.string, far, start)
    if not month or (month[1] == "may" and _MAY_DO.search(match.string, far, start)):
        return ()
    first, *rest = map(int, _DIGITS_ALONE.findall(match[0]))
    if first > _NOON * 100:
        return spell_date(first, MONTHS[month[1]], None)
    return spell_date(rest[0] if rest else None, MONTHS[month[1]], first)


def _read_before_month(match: re.Match[str]) -> tuple[str, ...]:
    parts = _DAY_MONTH.match(match[0])
    if not parts:
        return ()
    return spell_date(int(parts[3]) if parts[3] else None, MONTHS[parts[2]], int(parts[1]))


def _read_timestamp(match: re.Match[str]) -> tuple[str, ...]:
    year, month, day, hour, minute = map(int, _DIGITS_ALONE.findall(match[0]))
    return spell_date(year, month, day) + _spell_time(hour, minute)


def _read_slash_date(match: re.Match[str]) -> tuple[str, ...]:
    first, second, third = map(int, match[0].split("/"))
    if len(match[0].partition("/")[0]) > 2:  # noqa: PLR2004 (digits of a day)
        return spell_date(first, second, third)
    day, month = order_day_month(first, second)
    return spell_date(third, month, day)


def _read_clock(match: re.Match[str]) -> tuple[str, ...]:
    parts = _CLOCK.match(match[0])
    if not parts:
        return ()
    half = match[0].rstrip("m.")[-1:]
    hour = int(parts[1])
    if half in {"a", "p"}:
        if not 1 <= hour <= _NOON:
            return ()
        hour = hour % _NOON + (_NOON if half == "p" else 0)
    return _spell_time(hour, int(parts[2] or 0))


def _spell_time(hour: int, minute: int) -> tuple[str, ...]:
    valid = hour < _HOURS and minute < 60  # noqa: PLR2004 (minutes of an hour)
    return (f"{hour:02}:{minute:02}",) if valid else ()


def _read_phone(match: re.Match[str]) -> tuple[str, ...]:
    written, before = match[0], match.string[max(0, match.start() - 1) : match.start()]
    with_code = before == "+"
    in_brackets = before == "(" and ")" in written
    if not (with_code or in_brackets or (" " in written and _is_dialled(written, before))):
        return ()  # digits and hyphens alone are one run: word_forms spells it
    return tuple(term for term in spell_phone(written, with_code=with_code) if term != written)


def _is_dialled(written: str, before: str) -> bool:
    """Tell whether numbers beside each other are one of a telephone, not a row of a table."""
    if before == "-":
        return False
    if written[0] == "0":
        return len(written) >= _SHORTEST_TRUNK
    return _DIALLED.fullmatch(written) is not None


def _read_code(match: re.Match[str]) -> tuple[str, ...]:
    text, start = match.string, match.start()
    place = _CODE_PLACE.search(text, max(0, start - _LOOK_BACK), start)
    if not place or not (place["cue"] or _CODE_END.match(text, match.end())):
        return ()
    return (place[2] + match[0],)


def _read_ordinal(match: re.Match[str]) -> tuple[str, ...]:
    written = match["ordinal"]
    number = _parse_whole(written[:-1].strip())
    return (f"第{number}{written[-1]}",) if number else ()


def _parse_whole(written: str) -> str:
    """Write a number in digits; nothing for what is none."""
    if written and written.isascii():
        short = written.lstrip("0")
        return short if short[:1].isdecimal() else f"0{short}"
    value = parse_numeral(written)
    return "" if value is None else write_number(value)


def _read_han_date(match: re.Match[str]) -> tuple[str, ...]:
    parts = _HAN_DATE.match(match[0])
    if not parts:
        return ()
    year, month, day = (int(_parse_whole(part) or 0) if part else None for part in parts.groups())
    return spell_date(year, month, day)


def _read_han_clock(match: re.Match[str]) -> tuple[str, ...]:
    parts = _HAN_CLOCK.match(match[0])
    if not parts:
        return ()
    hour, minute = _parse_clock_part(parts[1]), _parse_clock_part(parts[2] or "0")
    if hour is None or minute is None:
        return ()
    part = match.string[max(0, match.start() - 2) : match.start()]
    if part in _AFTERNOON and 0 < hour < _NOON:
        hour += _NOON
    return _spell_time(hour, minute)


def _parse_clock_part(written: str) -> int | None:
    """Read an hour or minutes; zeros before a digit count nothing (零五), alone they are 0."""
    if written == "半":
        return 30
    number = _parse_whole(written.lstrip("0零〇") or "0")
    return int(number) if number else None


def _read_spoken_clock(match: re.Match[str]) -> tuple[str, ...]:
    return _read_han_clock(match) or _read_numeral(match)


def _read_scaled(match: re.Match[str]) -> tuple[str, ...]:
    number = match[0].rstrip("万亿 ")
    size = 10 ** (4 * match[0].count("万") + 8 * match[0].count("亿"))
    return (write_number(Decimal(number.replace(",", "")) * size),)


def _read_numeral(match: re.Match[str]) -> tuple[str, ...]:
    value = parse_numeral(match[0])
    return () if value is None else (write_number(value),)


def write_number(value: Decimal) -> str:
    """Write a number as an English text would, without commas: 1250, 12.5.

    >>> write_number(Decimal("12500.00")), write_number(Decimal("0.50"))
    ('12500', '0.5')
    """
    return f"{int(value)}" if value == int(value) else f"{value.normalize():f}"


_READERS: Final[dict[str, Callable[[re.Match[str]], tuple[str, ...]]]] = {
    "after_month": _read_after_month,
    "before_month": _read_before_month,
    "timestamp": _read_timestamp,
    "slash_date": _read_slash_date,
    "clock": _read_clock,
    "phone": _read_phone,
    "code": _read_code,
    "ordinal": _read_ordinal,
    "date": _read_han_date,
    "han_date": _read_han_date,
    "han_clock": _read_han_clock,
    "spoken_clock": _read_spoken_clock,
    "scaled": _read_scaled,
    "numeral": _read_numeral,
}
_NAMES: Final = {"phone", "code"}
