"""Print the numbers and dates of a sheet as its number formats show them.

A format is read as Excel reads it (ECMA-376, part 1, 18.8.31): sections for positive, negative,
zero and text; zeros in front, thousands, per cent, units in quotes, brackets of accounts, dates.
Words of months and days are English, and a date of numbers with dashes or strokes is written as
year-month-day: whether 3/5 is in March or in May depends on the reader's machine.
"""

import datetime as dt
import operator
import re
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import lru_cache

LONGEST_FORMAT = 255  # characters; Excel allows no longer one
LAST_DAY = 2_958_465  # 9999-12-31
MOST_DECIMALS = 30
WHOLE_NUMBER = 1e15  # up to here a whole number is written with all its digits

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*+)"?'
    r"|\\(?P<escaped>.)|(?P<gap>[_*].)|\[(?P<bracket>[^\]]*+)\]?"
    r"|(?P<half>AM/PM|A/P|上午/下午)|(?P<general>General)|(?P<exponent>E[+-])"
    r"|(?P<date>y++|m++|d++|h++|s++|aaaa|aaa)|(?P<digit>[0#?])|(?P<sign>[.,%@/])|(?P<plain>.)",
    re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?\d{1,15}(?:\.\d{1,15})?)")
_ELAPSED = re.compile(r"h{1,9}|m{1,9}|s{1,9}", re.IGNORECASE)
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge, "=": operator.eq, "<>": operator.ne,
}  # fmt: skip
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_HAN_DAYS = "一二三四五六日"
_DIGITS = (("digit", "0"), ("digit", "#"), ("digit", "?"))
_ORDERED_PARTS = frozenset("ymd")

Token = tuple[str, str]
"""Its kind (a group of the expression above) and what it says."""


def format_number(value: float, form: str, *, from_1904: bool = False) -> str:
    """Print a number as its format shows it. from_1904: the workbook counts days from 1904.

    >>> format_number(3.0, "General"), format_number(0.195, "0.0%"), format_number(42, "00000")
    ('3', '19.5%', '00042')
    >>> format_number(79, '#,##0.00 "€"'), format_number(-1250, "#,##0_);(#,##0)")
    ('79.00 €', '(1,250)')
    >>> format_number(45000, 'yyyy"年"m"月"d"日"'), format_number(45000.5, "m/d/yy h:mm")
    ('2023年3月15日', '2023-03-15 12:00')
    """
    if not form or form == "General" or len(form) > LONGEST_FORMAT:
        return _format_plainly(value)
    sections = _read_sections(form)
    section, signed = _choose_section(sections, value)
    if any(kind in {"date", "elapsed", "half"} for kind, _ in section):
        moment_text = _format_moment(value, section, from_1904=from_1904)
        return _format_plainly(value) if moment_text is None else moment_text
    return _format_digits(value if signed else abs(value), section)


def format_words(text: str, form: str) -> str:
    """Print a text as its format shows it: with the words that the format sets around it.

    >>> format_words("7", '"Room "@'), format_words("7", "0.00")
    ('Room 7', '7')
    """
    if "@" not in form or form == "@" or len(form) > LONGEST_FORMAT:
        return text
    section = next((s for s in _read_sections(form) if ("sign", "@") in s), ())
    return "".join(text if token == ("sign", "@") else _literal(token) for token in section)


def make_moment(value: float, *, from_1904: bool = False) -> dt.datetime | None:
    """Make the moment that a number of days means; None outside of the calendar of sheets."""
    if not 0 <= value <= LAST_DAY:
        return None
    first = dt.datetime(1904, 1, 1) if from_1904 else dt.datetime(1899, 12, 30)  # noqa: DTZ001 (no zones in sheets)
    if not from_1904 and value < 60:  # noqa: PLR2004 (1900 has a day too many there)
        first += dt.timedelta(days=1)
    try:
        moment = first + dt.timedelta(milliseconds=round(value * 86_400_000))
    except OverflowError:
        return None
    return moment


def _format_plainly(value: float) -> str:
    whole = value == int(value) and abs(value) < WHOLE_NUMBER
    return str(int(value)) if whole else f"{value:.15g}"


@lru_cache(maxsize=512)
def _read_sections(form: str) -> tuple[tuple[Token, ...], ...]:
    """Cut a format into its sections, and these into tokens."""
    sections: list[list[Token]] = [[]]
    for match in _TOKEN.finditer(form):
        kind, words = match.lastgroup or "plain", match[match.lastgroup or "plain"]
        if kind == "plain" and words == ";":
            sections.append([])
        elif kind == "bracket":
            sections[-1] += _read_bracket(words)
        else:
            lower = kind in {"date", "half"} and words.isascii()
            sections[-1].append((kind, words.lower() if lower else words))
    return tuple(map(tuple, sections[:4]))


def _read_bracket(words: str) -> list[Token]:
    """Read what stands in square brackets: a currency, a condition, hours that pass 24, a colour.

    >>> _read_bracket("$€-407"), _read_bracket(">=100"), _read_bracket("Red")
    ([('quoted', '€')], [('condition', '>=100')], [])
    """
    if words.startswith("$"):
        return [("quoted", words[1:].partition("-")[0])]
    if _CONDITION.fullmatch(words):
        return [("condition", words)]
    return [("elapsed", words.lower())] if _ELAPSED.fullmatch(words) else []


def _choose_section(
    sections: Sequence[tuple[Token, ...]], value: float
) -> tuple[tuple[Token, ...], bool]:
    """Choose the section of a value, and tell whether its sign is still to be written."""
    numeric = [section for section in sections if ("sign", "@") not in section] or [()]
    if any(kind == "condition" for section in numeric for kind, _ in section):
        for section in numeric:
            conditions = [words for kind, words in section if kind == "condition"]
            if all(_is_met(value, words) for words in conditions):
                return section, True
        return numeric[-1], True
    if value < 0 and len(numeric) > 1:
        return numeric[1], False
    if value == 0 and len(numeric) > 2:  # noqa: PLR2004 (the third is for zero)
        return numeric[2], False
    return numeric[0], True


def _is_met(value: float, condition: str) -> bool:
    match = _CONDITION.fullmatch(condition)
    return match is None or _COMPARE[match[1]](value, float(match[2]))


def _literal(token: Token) -> str:
    kind, words = token
    return words if kind in {"quoted", "escaped", "plain"} else ""


def _format_digits(value: float, section: Sequence[Token]) -> str:
    """Print a number by the placeholders of a section."""
    kinds = [kind for kind, _ in section]
    if "general" in kinds or ("sign", "/") in section:  # a fraction is written as a decimal
        number = _format_plainly(abs(value))
        words = "".join(
            number if kind == "general" else _literal((kind, text))
            for kind, text in section
            if kind != "plain" or "general" in kinds
        )
        return f"{'-' * (value < 0)}{words if 'general' in kinds else number}".strip()
    places = [n for n, kind in enumerate(kinds) if kind == "digit"]
    if not places:
        return "".join(map(_literal, section)).strip()
    if "exponent" in kinds:
        return _format_power(value, section)
    return _place_digits(value, section, places)


def _format_power(value: float, section: Sequence[Token]) -> str:
    before = section[: [kind for kind, _ in section].index("exponent")]
    point = next((n for n, token in enumerate(before) if token == ("sign", ".")), len(before))
    return f"{value:.{min(len(before) - point, MOST_DECIMALS)}E}"


def _place_digits(value: float, section: Sequence[Token], places: list[int]) -> str:
    """Set the digits of a number where a section has places for them."""
    point = next(
        (n for n, token in enumerate(section) if token == ("sign", ".") and n > places[0] - 2),
        len(section),
    )
    whole = [n for n in places if n < point]
    parts = [n for n in places if n > point][:MOST_DECIMALS]
    commas = [n for n, token in enumerate(section) if token == ("sign", ",")]
    last = whole[-1] if whole else point
    grouped = any(whole and whole[0] < n < last for n in commas)
    scale = sum(1 for n in commas if n > last and section[n - 1] in (*_DIGITS, section[n]))
    percent = section.count(("sign", "%"))
    digits, decimals = _round_number(abs(value), 2 * percent - 3 * scale, len(parts))
    significant = decimals.rstrip("0")
    needed = max((k + 1 for k, n in enumerate(parts) if section[n][1] == "0"), default=0)
    decimals = decimals[: max(len(significant), needed)]
    whole_digits = _spread_whole(digits, section, whole, grouped=grouped)
    words = []
    for n, token in enumerate(section):
        if n == point:
            words += [whole_digits.get(point, ""), "." if decimals else ""]
        elif n in parts:
            words.append(decimals[parts.index(n) : parts.index(n) + 1])
        else:
            words.append(whole_digits.get(n, "%" if token == ("sign", "%") else _literal(token)))
    minus = "-" if value < 0 and (digits.strip("0") or decimals.strip("0")) else ""
    return f"{minus}{' '.join(''.join(words).split())}"


def _round_number(value: float, power: int, decimals: int) -> tuple[str, str]:
    """Round as sheets do, half away from zero; give the digits before and after the point."""
    with localcontext() as context:
        context.prec = 400
        number = Decimal(repr(value)).scaleb(power)
        rounded = number.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
    whole, _, rest = f"{rounded:f}".partition(".")
    return whole.lstrip("0"), rest


def _spread_whole(
    digits: str, section: Sequence[Token], whole: list[int], *, grouped: bool
) -> dict[int, str]:
    """Spread the digits before the point over their places; the first takes what is left."""
    if not whole:
        point = next(n for n, token in enumerate(section) if token == ("sign", "."))
        return {point: digits}
    least = sum(1 for n in whole if section[n][1] == "0")
    padded = digits.rjust(least, "0")
    if grouped:
        return dict.fromkeys(whole, "") | {whole[0]: _group_digits(padded)}
    whole_digits: dict[int, str] = {}
    for count, n in enumerate(reversed(whole)):
        end = len(padded) - count
        whole_digits[n] = padded[max(end - 1, 0) : end] if end > 0 else ""
    rest = padded[: max(len(padded) - len(whole), 0)]
    return whole_digits | {whole[0]: rest + whole_digits[whole[0]]}


def _group_digits(digits: str) -> str:
    """Set commas between thousands.

    >>> _group_digits("0001234"), _group_digits("12")
    ('0,001,234', '12')
    """
    first = len(digits) % 3
    groups = [digits[:first], *(digits[n : n + 3] for n in range(first, len(digits), 3))]
    return ",".join(filter(None, groups))


def _format_moment(value: float, section: Sequence[Token], *, from_1904: bool) -> str | None:
    """Print a date, a time or a length of time; None where the number means none."""
    if any(kind == "elapsed" for kind, _ in section):
        seconds = round(abs(value) * 86_400)
        elapsed = "".join(_write_elapsed(seconds, section))
        return f"{'-' * (value < 0)}{elapsed.strip()}"
    moment = make_moment(value, from_1904=from_1904)
    if moment is None:
        return None
    tokens = _name_minutes(section)
    parts = {words[0] for kind, words in tokens if kind == "date"}
    if parts >= _ORDERED_PARTS and _is_numeric_date(tokens):
        timed = "h" in parts and moment.time() != dt.time(0)
        return moment.isoformat(" ", "minutes") if timed else moment.date().isoformat()
    halves = any(kind == "half" for kind, _ in tokens)
    words = (_write_part(moment, token, halves=halves) for token in tokens)
    return " ".join("".join(words).split())


def _name_minutes(section: Sequence[Token]) -> list[Token]:
    """Call the m of minutes n: those behind hours, or before seconds."""
    tokens = [token for token in section if token[0] not in {"gap", "condition"}]
    places = [n for n, (kind, _) in enumerate(tokens) if kind == "date"]
    for at, n in enumerate(places):
        words = tokens[n][1]
        before = tokens[places[at - 1]][1][0] if at else ""
        after = tokens[places[at + 1]][1][0] if at + 1 < len(places) else ""
        if words[0] == "m" and len(words) <= 2 and (before == "h" or after == "s"):  # noqa: PLR2004
            tokens[n] = ("date", "n" * len(words))
    return tokens


def _is_numeric_date(tokens: Sequence[Token]) -> bool:
    """Tell whether a date is made of numbers with dashes or strokes between."""
    spelled = any(words[:3] in {"mmm", "ddd", "aaa"} for kind, words in tokens if kind == "date")
    marks = {words for kind, words in tokens if _literal((kind, words)) or kind == "sign"}
    return not spelled and bool(marks & {"/", "-"}) and not marks & {"年", "月", "日", "."}


def _write_elapsed(seconds: int, section: Sequence[Token]) -> list[str]:
    rest = seconds
    words = []
    for kind, text in section:
        unit = {"h": 3600, "m": 60, "s": 1}.get(text[:1], 0) if kind in {"elapsed", "date"} else 0
        if unit:
            words.append(str(rest // unit).rjust(len(text), "0"))
            rest %= unit
        else:
            words.append(_literal((kind, text)))
    return words


def _write_part(moment: dt.datetime, token: Token, *, halves: bool) -> str:
    """Write one part of a moment."""
    kind, words = token
    if kind == "half":
        first, second = words.upper().split("/")
        return first if moment.hour < 12 else second  # noqa: PLR2004 (noon)
    if kind != "date":
        return words if kind == "sign" and words in "/.," else _literal(token)
    size = len(words)
    month, day = _MONTHS[moment.month - 1], _DAYS[moment.weekday()]
    hour = (moment.hour % 12 or 12) if halves else moment.hour
    han_day = _HAN_DAYS[moment.weekday()]
    spelled = {
        "mmm": month[:3], "mmmm": month, "mmmmm": month[0], "ddd": day[:3], "dddd": day,
        "aaa": han_day, "aaaa": f"星期{han_day}",
    }  # fmt: skip
    if words in spelled:
        return spelled[words]
    numbers = {
        "y": moment.year if size > 2 else moment.year % 100,  # noqa: PLR2004
        "m": moment.month, "d": moment.day, "h": hour, "n": moment.minute, "s": moment.second,
    }  # fmt: skip
    return str(numbers[words[0]]).rjust(2 if words[0] == "y" else min(size, 2), "0")
