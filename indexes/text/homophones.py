"""Han characters that sound alike: what an input method offers in the place of the right one.

The table holds the most common reading, without its tone, of the 6,763 characters of GB 2312
(Unicode's kMandarin). ``python -m tests.lab.quality.han_readings`` makes it. It is read when a
question first holds a pair that stands nowhere.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

READINGS_FILE = Path(__file__).with_name("han_readings.txt")


def iter_homophone_pairs(pair: str) -> Iterator[str]:
    """Yield the pairs that are read as a pair of characters is, and share one of them.

    >>> "运费" in iter_homophone_pairs("运匪"), "退款" in iter_homophone_pairs("运匪")
    (True, False)
    """
    alike = _read_table()
    first, second = (alike.get(sign, sign) for sign in pair)
    yield from (pair[0] + sign for sign in second if sign != pair[1])
    yield from (sign + pair[1] for sign in first if sign != pair[0])


@cache
def _read_table() -> dict[str, str]:
    """Return for each character all that are read alike, itself included."""
    alike = {}
    for line in READINGS_FILE.read_text(encoding="utf-8").splitlines():
        signs = line.partition(" ")[2]
        alike.update(dict.fromkeys(signs, signs))
    return alike
