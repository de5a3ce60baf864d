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
_DATE = re.compile(
    r"((?:19|20)\d\d)([.-])(\d{1,2})\2(\d{1,2})|(\d{1,2})([.-])(\d{1,2})\6((?:19|20)\d\d)"
)
_YEARS = re.compile(r"(?:1\d|20)\d\d-(?:1\d|20)\d\d")
_COUNTED = re.compile(r"\d[\d.,]*-[a-z]+")  # 3.5-inch
_LIBRARY_ENDS = frozenset({"js", "net", "io"})
_SHORTEST_PHONE, _LONGEST_PHONE = 7, 15  # digits
_SHORTEST_TRUNK = 9  # digits of a number that begins with the zero of its trunk
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
    is_measure = _AMOUNT.fullmatch(run) or _UNIT.fullmatch(run)
    if is_measure or _DATE.fullmatch(run) or _YEARS.fullmatch(run):
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
        return _spell_digits(run) if run[0] == "0" else (stem_word(run),)
    if signed := _spell_signs(run):
        return signed
    if figure := _spell_figure(run):
        return figure
    plain = run.removesuffix("'s").replace("'", "")
    pieces = _MARK.split(plain)
    if len(pieces) == 1:
        return (stem_word(plain), *_split_boundary(plain))
    if all(map(str.isalpha, pieces)) and "_" not in plain and "@" not in plain:
        return _spell_compound(plain, pieces)
    return _spell_identifier(plain, pieces)


def _spell_signs(run: str) -> tuple[str, ...]:
    """Spell a name with a sign whole: C# and C++ are not C; .NET and A/B bring their words too."""
    if run[-1] in "#+":
        return (run[-LONGEST_TERM:],)
    if run[0] == "." or run[1:2] == "/":
        return (*map(stem_word, run.strip(".").split("/")), run)
    return ()


def _spell_figure(run: str) -> tuple[str, ...]:
    """Spell an amount, a measure or a date; nothing for any other run."""
    if _AMOUNT.fullmatch(run):
        whole = run.replace(",", "")
        head, _, tail = whole.partition(".")
        return (whole,) if not tail or tail.strip("0") else (whole, head)
    if measure := _MEASURE.fullmatch(run):
        number = measure[1].replace(",", "")
        return tuple(dict.fromkeys((number + measure[2], number, stem_word(measure[2]))))
    if date := _DATE.fullmatch(run):
        return (*_spell_identifier(run, _MARK.split(run)), *_spell_written_date(run, date))
    return ()


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
    joined = "".join(pieces)[:LONGEST_TERM]
    if max(map(len, pieces)) == 1:
        return (plain[:LONGEST_TERM], joined) if "&" in plain else (joined,)
    words = tuple(map(stem_word, pieces))
    if "&" in plain:
        long = [word for word in words if len(word) > 2]  # noqa: PLR2004 (AT&T is no "at")
        return (plain[:LONGEST_TERM], *long[:MOST_IDENTIFIER_PARTS], stem_word(joined))
    if "." in plain:
        whole = (plain[:LONGEST_TERM], *words[:MOST_IDENTIFIER_PARTS])
        library = len(pieces) == 2 and pieces[1] in _LIBRARY_ENDS  # noqa: PLR2004 (node.js)
        return (*whole, stem_word(joined)) if library else whole
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
    searchable_parts = [p for p in dict.fromkeys(parts) if p != whole][:MOST_IDENTIFIER_PARTS]
    return (whole, *dict.fromkeys((*searchable_parts, *_join_code(plain))))


def _join_code(plain: str) -> tuple[str, ...]:
    """Spell a code or a telephone number without its marks: ``E-204`` is also e204."""
    if not _is_code(plain):
        return ()
    joined = _MARK.sub("", plain)[:LONGEST_TERM]
    return (joined.isdecimal() and spell_phone(joined)) or (joined,)


def _is_code(run: str) -> bool:
    """Tell whether the marks in a name are only one way to write it.

    Not in addresses and names of settings; those in a version say which one it is.
    """
    if any(c in run for c in "@_&'") or _VERSION.fullmatch(run) or not is_identifier(run):
        return False
    return _COUNTED.fullmatch(run) is None and run.count(".") < 3  # noqa: PLR2004 (10.0.0.1)


def name_identifier(run: str) -> str:
    """Return the token that an identifier has in each of its spellings.

    >>> name_identifier("e-204"), name_identifier("e204"), name_identifier("v7.5.1")
    ('e204', 'e204', '7.5.1')
    """
    terms = spell_terms(run)
    if _is_code(run) and _MARK.search(run) and (joined := _join_code(run)[0]) in terms:
        return joined
    return terms[0]


def spell_phone(written: str, *, with_code: bool = False) -> tuple[str, ...]:
    """Spell a telephone number by its digits; first as it is dialled, then without what varies.

    That is the zero of its trunk, and the code of its country where a plus stands before it.
    What has too few or too many digits is none.

    >>> spell_phone("(0755) 8888 1234"), spell_phone("86 400-820-6644", with_code=True)
    (('075588881234', '75588881234'), ('4008206644', '864008206644'))
    """
    groups = re.findall(r"\d+", written.replace("(0)", " "))
    digits = "".join(groups)
    if not _SHORTEST_PHONE <= len(digits) <= _LONGEST_PHONE:
        return ()
    if not with_code:
        trunk = digits[0] == "0" and len(digits) >= _SHORTEST_TRUNK
        return (digits, digits.lstrip("0")) if trunk and digits.strip("0") else (digits,)
    national = "".join(groups[1:]).lstrip("0") if len(groups) > 1 else digits.removeprefix("86")
    return tuple(dict.fromkeys(term for term in (national, digits) if term))


def spell_date(year: int | None, month: int | None, day: int | None) -> tuple[str, ...]:
    """Spell a date as ISO 8601 does: in full, and the day without its year.

    >>> spell_date(2027, 9, 6), spell_date(None, 9, 6), spell_date(2027, 9, None)
    (('2027-09-06', '--09-06'), ('--09-06',), ('2027-09',))
    """
    if month is None or not 1 <= month <= 12 or day == 0 or (day or 1) > 31:  # noqa: PLR2004
        return ()
    if day is None:
        return (f"{year:04}-{month:02}",) if year else ()
    any_year = f"--{month:02}-{day:02}"
    return (f"{year:04}{any_year[1:]}", any_year) if year else (any_year,)


def order_day_month(first: int, second: int) -> tuple[int | None, int | None]:
    """Return day and month of 29.11. or 11/29: None where either may be the month."""
    if first == second or first > 12 >= second:  # noqa: PLR2004 (months)
        return first, second
    return (second, first) if second > 12 >= first else (None, None)  # noqa: PLR2004


def _spell_written_date(run: str, date: re.Match[str]) -> tuple[str, ...]:
    if date[1]:
        terms = spell_date(int(date[1]), int(date[3]), int(date[4]))
    else:
        day, month = order_day_month(int(date[5]), int(date[7]))
        terms = spell_date(int(date[8]), month, day)
    return tuple(term for term in terms if term != run)


def _spell_digits(run: str) -> tuple[str, ...]:
    """Spell digits that begin with a zero: a telephone number is found without it too."""
    short = run[:LONGEST_TERM]
    return spell_phone(short) if _SHORTEST_TRUNK <= len(run) <= _LONGEST_PHONE else (short,)
