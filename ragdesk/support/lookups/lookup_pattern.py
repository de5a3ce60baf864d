"""The form of what is looked up, such as an order number: a closed notation, read in linear time.

Letters, digits, ``-`` and ``_`` stand for themselves; ``{digits:5-10}``, ``{letters:2}`` and
``{alnum:4-12}`` stand for so many ASCII characters of a kind. There are no regular expressions in
the settings: none can take longer than the text is, and none can let a slash through.
"""

import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final

from indexes.text.folding import strip_invisible

LONGEST_LOOKUP_VALUE: Final = 64  # characters
MOST_LOOKUP_VALUES: Final = 2  # of one question that are looked up
VALUE_KINDS: Final = {"digits": "0-9", "letters": "A-Za-z", "alnum": "A-Za-z0-9"}
_PIECE = re.compile(
    r"\{(?P<kind>[a-z]+):(?P<least>[0-9]{1,2})(?:-(?P<most>[0-9]{1,2}))?\}|(?P<literal>[A-Za-z0-9_-]+)"
)
# A number within a longer one, a date, a decimal or a word is none.
_BEFORE, _AFTER = r"(?<![A-Za-z\d])(?<![A-Za-z\d][-_.,:/])", r"(?![A-Za-z\d])(?![-_.,:/][A-Za-z\d])"
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of a value. begins: what it may begin with. literal: fixed characters."""

    begins: frozenset[str]
    expression: str
    least: int
    most: int
    literal: str = ""


@cache
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return the expression of a pattern. Raises ValueError for one that is no such notation.

    >>> bool(compile_pattern("ORD-{digits:4-6}").search("Where is ord-12345?"))
    True
    """
    pieces = _read_pieces(pattern)
    if all(piece.literal for piece in pieces):
        raise ValueError("a pattern has a part such as {digits:5-10}")
    if sum(piece.most for piece in pieces) > LONGEST_LOOKUP_VALUE:
        raise ValueError(f"a pattern stands for at most {LONGEST_LOOKUP_VALUE} characters")
    for piece, following in pairwise(pieces):
        if piece.least < piece.most and piece.begins & following.begins:
            raise ValueError(
                "a part of several lengths is followed by one that may begin alike; "
                "give one of them a fixed length, or put a - between them"
            )
    return re.compile(f"{_BEFORE}{''.join(piece.expression for piece in pieces)}{_AFTER}")


def has_fixed_letters(pattern: str) -> bool:
    """Tell whether values have letters of their own, by which they are known in any sentence.

    >>> has_fixed_letters("ORD-{digits:5}"), has_fixed_letters("{digits:5}")
    (True, False)
    """
    return any(any(map(str.isalpha, piece.literal)) for piece in _read_pieces(pattern))


def find_values(pattern: str, text: str) -> tuple[str, ...]:
    """Return the values of a pattern that stand in a text, each once, the first few.

    Full-width characters count as what they stand for; digits of other scripts are none.

    >>> find_values("{digits:5}", "我的订单１２３４５到哪里了？ And 12346, not 123456 or 1.12345")
    ('12345', '12346')
    >>> find_values("ORD-{digits:4}", "ord-1234")
    ('ORD-1234',)
    """
    plain = strip_invisible(text).translate(_FULL_WIDTH)
    values = dict.fromkeys(
        _spell_value(pattern, match[0]) for match in compile_pattern(pattern).finditer(plain)
    )
    return tuple(values)[:MOST_LOOKUP_VALUES]


def _spell_value(pattern: str, value: str) -> str:
    """Write the fixed letters of a value as the pattern has them, however they were typed."""
    spelled, rest = "", value
    for piece in _read_pieces(pattern):
        match = re.match(piece.expression, rest)
        if match is None:
            raise AssertionError("a value is of its pattern")
        spelled += piece.literal or match[0]
        rest = rest[match.end() :]
    return spelled


@cache
def _read_pieces(pattern: str) -> tuple[_Piece, ...]:
    pieces: list[_Piece] = []
    at = 0
    while at < len(pattern):
        piece = _PIECE.match(pattern, at)
        if piece is None:
            raise ValueError(
                f"pattern cannot be read from {pattern[at:][:20]!r} on; it has letters, digits, "
                "- and _, and parts such as {digits:5-10}, {letters:2} or {alnum:8}"
            )
        pieces.append(_make_piece(piece))
        at = piece.end()
    return tuple(pieces)


def _make_piece(piece: re.Match[str]) -> _Piece:
    if literal := piece["literal"]:
        begins = frozenset(literal[0].lower() + literal[0].upper())
        return _Piece(begins, f"(?i:{literal})", len(literal), len(literal), literal)
    characters = VALUE_KINDS.get(piece["kind"])
    if characters is None:
        raise ValueError(f"a part of a pattern is one of {', '.join(VALUE_KINDS)}")
    least, most = int(piece["least"]), int(piece["most"] or piece["least"])
    if not 1 <= least <= most:
        raise ValueError("a part of a pattern has 1 character or more, as in {digits:5-10}")
    members = frozenset(c for c in map(chr, range(128)) if re.match(f"[{characters}]", c))
    return _Piece(members, f"[{characters}]{{{least},{most}}}", least, most)
