"""Spell a run of letters and digits for the index: as a word, or as an identifier.

A run is what stands between white space and punctuation, already normalised. An order
number stays whole, so that it is found exactly, and brings the parts a person types alone.
"""

import re
import threading

import Stemmer  # type: ignore[import-not-found]  # an extension module without stubs

LONGEST_TERM = 64  # characters of a token; what is longer is no word, and would swell the term list
MOST_IDENTIFIER_PARTS = 8  # of one identifier: a UUID has five

_MARK = re.compile(r"[._@+&-]")
_AMOUNT = re.compile(r"\d[\d,]*(?:\.\d+)?")
_MEASURE = re.compile(r"(\d[\d,]*(?:\.\d+)?)([a-z]{1,5})")
_VERSION = re.compile(r"v?((\d+\.\d+)(?:\.\d+)*)(?:[-+.]?[a-z].*)?")
_MIXED = re.compile(r"([a-z]+)(\d+)")
_DATE = re.compile(r"(?:19|20)\d\d[.-]\d{1,2}[.-]\d{1,2}")
_UNIT = re.compile(
    r"\d[\d,.]*(?:st|nd|rd|th|s|ms|sec|min|h|hr|hrs|am|pm|d|kg|g|mg|lbs?|oz|km|cm|mm|m|in|ft|x|k"
    r"|[kmgt]i?b|k?w|kwh|k?v|m?ah?|[kmg]?hz|p|ml|l|bar|usd|eur|gbp|cny|rmb)|\d+(?:-[a-z]+)+"
)


class _Stem(threading.local):
    """A stemmer per thread: Snowball keeps a buffer that threads must not share."""

    def __init__(self) -> None:
        self.word = Stemmer.Stemmer("english", 0).stemWord


_stem = _Stem()


def is_identifier(run: str) -> bool:
    """Tell whether a run is a name: of an order, an article, an error, a person, a setting."""
    if run.isalpha():
        return False
    if run.isdecimal():
        return len(run) >= 5 or (run[0] == "0" and len(run) >= 3)  # noqa: PLR2004 (12345, 007)
    if _AMOUNT.fullmatch(run) or _UNIT.fullmatch(run) or _DATE.fullmatch(run):
        return False
    if "_" in run or ("@" in run and "." in run.rpartition("@")[2]):
        return True
    digits = sum(map(str.isdecimal, run))
    if digits and any(map(str.isalpha, run)):
        return "&" not in run and "'" not in run
    return digits > 0 and (run.count(".") >= 2 or digits >= 7)  # noqa: PLR2004 (7.5.1, 555-1234)


def spell_terms(run: str) -> tuple[str, ...]:
    """Spell a run as it is indexed: first the whole, then the parts that also find it."""
    if run.isalpha() or run.isdecimal():
        return (stem_word(run),)
    if _AMOUNT.fullmatch(run):
        whole = run.replace(",", "")
        head, _, tail = whole.partition(".")
        return (whole,) if not tail or tail.strip("0") else (whole, head)
    if measure := _MEASURE.fullmatch(run):
        number = measure[1].replace(",", "")
        return tuple(dict.fromkeys((number + measure[2], number, stem_word(measure[2]))))
    plain = run.removesuffix("'s").replace("'", "")
    pieces = _MARK.split(plain)
    if len(pieces) == 1:
        return (stem_word(plain), *_split_boundary(plain))
    if all(map(str.isalpha, pieces)) and "_" not in plain and "@" not in plain:
        return _spell_compound(plain, pieces)
    return _spell_identifier(plain, pieces)


def stem_word(run: str) -> str:
    """Return the stem of a word (Snowball, English); no result is longer than 64 characters.

    >>> stem_word("policies")
    'polici'
    """
    short = run[:LONGEST_TERM]
    return str(_stem.word(short)) if run.isalpha() else short


def _split_boundary(piece: str) -> tuple[str, ...]:
    """Split ``e1047`` into the parts a person might type alone; two letters are none."""
    mixed = _MIXED.fullmatch(piece)
    if not mixed:
        return ()
    letters, digits = mixed.groups()
    if len(letters) >= 3:  # noqa: PLR2004 (iphone15)
        return (stem_word(letters), digits[:LONGEST_TERM])
    return (digits[:LONGEST_TERM],) if len(digits) >= 3 else ()  # noqa: PLR2004 (e1047)


def _spell_compound(plain: str, pieces: list[str]) -> tuple[str, ...]:
    """Spell words joined by marks: ``e-mail`` is also email, ``u.s`` is us."""
    if max(map(len, pieces)) == 1:
        return ("".join(pieces)[:LONGEST_TERM],)
    words = tuple(map(stem_word, pieces))
    if "." in plain:
        return (plain[:LONGEST_TERM], *words[:MOST_IDENTIFIER_PARTS])
    short = len(pieces) == 2 and min(map(len, pieces)) <= 3  # noqa: PLR2004 (e-mail, log-in)
    return (*words, stem_word("".join(pieces))) if short else words


def _spell_identifier(plain: str, pieces: list[str]) -> tuple[str, ...]:
    parts: list[str] = []
    if version := _VERSION.fullmatch(plain):
        plain = plain.removeprefix("v")
        parts = [version[1], version[2]]
        pieces = [piece for piece in pieces if piece.isalpha()]
    for piece in pieces:
        if len(piece) > 1 or piece.isdecimal():
            parts += (stem_word(piece), *_split_boundary(piece))
    whole = plain[:LONGEST_TERM]
    return (whole, *[p for p in dict.fromkeys(parts) if p != whole][:MOST_IDENTIFIER_PARTS])
