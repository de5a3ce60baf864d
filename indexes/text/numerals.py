"""Read Chinese numerals: 一百八十, 二〇二六, 三点五, 壹仟贰佰. Pure."""

from decimal import Decimal
from typing import Final

NUMERAL_DIGITS: Final = "零〇一二三四五六七八九两壹贰叁肆伍陆柒捌玖"
NUMERALS: Final = NUMERAL_DIGITS + "十百千万亿拾佰仟"

_BANK: Final = str.maketrans("壹贰叁肆伍陆柒捌玖拾佰仟〇", "一二三四五六七八九十百千零")
_VALUES: Final = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2}
_PLACES: Final = {"十": 10, "百": 100, "千": 1000}
_MYRIADS: Final = {"万": 10**4, "亿": 10**8}
_LEAST_SPELLED = 3  # digits: two beside each other (三四) mean "three or four"


def parse_numeral(text: str) -> Decimal | None:
    """Return the value of a Chinese numeral; None for what is no number, or only about one.

    Approximate ones (三四十), calls of digits that may be anything else (三三两两) and words that
    begin with a place (万一, 千万, 百万) are none. The last digit counts a tenth of the place
    before it: 三千五 is 3500, 一百零五 is 105.

    >>> [int(parse_numeral(n)) for n in ("一千二百五十", "壹仟贰佰伍拾", "二〇二六", "三千五")]
    [1250, 1250, 2026, 3500]
    >>> [parse_numeral(n) for n in ("三四", "万一", "十三五", "一千千")]
    [None, None, None, None]
    """
    whole, mark, part = text.translate(_BANK).partition("点")
    value = _parse_whole(whole)
    if value is None or not mark:
        return value if value is None else Decimal(value)
    if not part or not all(c in _VALUES and c != "两" for c in part):
        return None
    return value + Decimal("0." + "".join(str(_VALUES[c]) for c in part))


def _parse_whole(text: str) -> int | None:
    if all(c in _VALUES for c in text):
        spelled = len(text) == 1 or (len(text) >= _LEAST_SPELLED and "两" not in text)
        return int("".join(str(_VALUES[c]) for c in text)) if text and spelled else None
    total, limit = 0, 10**12
    for myriad in ("亿", "万"):
        head, mark, tail = text.rpartition(myriad)
        if not mark:
            continue
        size = _MYRIADS[myriad]
        above = _parse_below(head, 10**4) if "万" not in head else _parse_whole(head)
        if not above or "亿" in head or size >= limit:
            return None
        if len(tail) == 1 and tail in _VALUES:  # 一万二
            return total + above * size + _VALUES[tail] * size // 10
        total, limit, text = total + above * size, size, tail
    below = _parse_below(text, limit) if text else 0
    return None if below is None else total + below


def _parse_below(text: str, limit: int) -> int | None:
    """Read a numeral below 10,000; places only fall, and a digit stands before each but 十."""
    total, place, digit = 0, min(limit, 10**4), -1
    gap = False  # a 零 was read
    for c in text:
        if c == "零":
            if digit >= 0:
                return None
            gap = True
        elif c in _VALUES:
            if digit >= 0:
                return None
            digit = _VALUES[c]
        elif c in _PLACES:
            size = _PLACES[c]
            if size >= place or (digit < 0 and (size > 10 or total)):  # noqa: PLR2004 (十二)
                return None
            total, place, digit, gap = total + (digit if digit >= 0 else 1) * size, size, -1, False
        else:
            return None
    if digit >= 0:
        colloquial = not gap and total and place > 10  # noqa: PLR2004 (十)
        total += digit * (place // 10 if colloquial else 1)
    return total or None
