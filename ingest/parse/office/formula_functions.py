"""The functions and operators of formulas, over values that were computed already."""

import math
import re
from collections.abc import Callable, Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal

from ingest.parse.office.number_formats import format_number

_COMPARISONS = ("=", "<>", "<", ">", "<=", ">=")

Value = float | str | bool | None
"""What a cell holds; None where it holds nothing."""


class FormulaLeft(Exception):
    """A formula that is not computed here."""


def call_function(name: str, columns: list[list[Value]]) -> Value:
    """Compute a function of its arguments, each a list of values. Raises FormulaLeft."""
    if name in _OF_LISTS:
        return _OF_LISTS[name](columns)
    values = [value for column in columns for value in column]
    if name in _OF_NUMBERS:
        return _OF_NUMBERS[name](_pick_numbers(values))
    if name not in _OF_VALUES:
        raise FormulaLeft
    return _OF_VALUES[name](values)


def read_as_number(value: Value) -> float:
    """Return a value as a number. Raises ValueError for words, where a sheet shows an error."""
    if isinstance(value, str):
        return float(value)
    return float(value or 0)


def read_as_truth(value: Value) -> bool:
    """Return whether a value means true."""
    return bool(read_as_number(value))


def read_as_text(value: Value) -> str:
    """Return a value as the text that it shows."""
    if isinstance(value, bool):
        return str(value).upper()
    return format_number(value, "") if isinstance(value, float) else value or ""


def combine_values(mark: str, left: Value, right: Value) -> Value:
    """Compute an operator of two values."""
    if mark == "&":
        return read_as_text(left) + read_as_text(right)
    if mark in _COMPARISONS:
        return compare_values(mark, left, right)
    a, b = read_as_number(left), read_as_number(right)
    if mark == "^":
        return math.pow(a, b)
    return {"+": a + b, "-": a - b, "*": a * b}[mark] if mark != "/" else a / b


def compare_values(mark: str, left: Value, right: Value) -> bool:
    """Compare two values; words without regard to capitals."""
    if isinstance(left, str) or isinstance(right, str):
        a, b = read_as_text(left).lower(), read_as_text(right).lower()
        order = (a > b) - (a < b)
    else:
        x, y = read_as_number(left), read_as_number(right)
        order = (x > y) - (x < y)
    return {
        "=": order == 0, "<>": order != 0, "<": order < 0, ">": order > 0,
        "<=": order <= 0, ">=": order >= 0,
    }[mark]  # fmt: skip


def _pick_numbers(values: Sequence[Value]) -> list[float]:
    return [float(v) for v in values if isinstance(v, float) and not isinstance(v, bool)]


def _round_to(values: Sequence[Value], rounding: str) -> float:
    number, places = (
        read_as_number(values[0]),
        int(read_as_number(values[1] if len(values) > 1 else 0)),
    )
    if abs(places) > 20:  # noqa: PLR2004
        raise FormulaLeft
    step = Decimal(1).scaleb(-places)
    return float((Decimal(repr(number)) / step).quantize(Decimal(1), rounding=rounding) * step)


def _sum_products(columns: Sequence[Sequence[Value]]) -> float:
    if len(set(map(len, columns))) != 1:
        raise FormulaLeft
    rows = zip(*columns, strict=True)
    return math.fsum(math.prod(v if isinstance(v, float) else 0.0 for v in row) for row in rows)


def _select(columns: Sequence[Sequence[Value]]) -> list[Value]:
    """Return what a criterion selects: of the third list, else of the first itself."""
    if not 2 <= len(columns) <= 3 or len(columns[1]) != 1:  # noqa: PLR2004
        raise FormulaLeft
    wanted = columns[1][0]
    mark = "="
    if isinstance(wanted, str):
        mark = next((m for m in ("<=", ">=", "<>", "=", "<", ">") if wanted.startswith(m)), "")
        rest = wanted[len(mark) :]
        if set(rest) & {"*", "?"}:
            raise FormulaLeft
        mark = mark or "="
        wanted = float(rest) if re.fullmatch(r"-?\d{1,15}(?:\.\d{1,15})?", rest) else rest
    chosen = columns[2] if len(columns) > 2 else columns[0]  # noqa: PLR2004
    if len(chosen) != len(columns[0]):
        raise FormulaLeft
    pairs = zip(columns[0], chosen, strict=True)
    same_kind = isinstance(wanted, str)
    return [
        value
        for test, value in pairs
        if test is not None
        and isinstance(test, str) == same_kind
        and compare_values(mark, test, wanted)
    ]


def _average(numbers: Sequence[float]) -> float:
    return math.fsum(numbers) / len(numbers)


def _show_link(columns: Sequence[Sequence[Value]]) -> Value:
    """Return what a link shows: its second argument, else its address."""
    if not 1 <= len(columns) <= 2 or len(columns[-1]) != 1:  # noqa: PLR2004
        raise FormulaLeft
    return columns[-1][0]


_OF_LISTS: dict[str, Callable[[list[list[Value]]], Value]] = {
    "HYPERLINK": _show_link,
    "SUMPRODUCT": _sum_products,
    "SUMIF": lambda columns: math.fsum(_pick_numbers(_select(columns))),
    "COUNTIF": lambda columns: float(len(_select(columns))),
    "AVERAGEIF": lambda columns: _average(_pick_numbers(_select(columns))),
}
_OF_NUMBERS: dict[str, Callable[[list[float]], Value]] = {
    "SUM": math.fsum,
    "AVERAGE": _average,
    "MIN": lambda numbers: min(numbers, default=0.0),
    "MAX": lambda numbers: max(numbers, default=0.0),
    "COUNT": lambda numbers: float(len(numbers)),
    "PRODUCT": lambda numbers: math.prod(numbers) if numbers else 0.0,
}
_OF_VALUES: dict[str, Callable[[list[Value]], Value]] = {
    "COUNTA": lambda values: float(sum(value is not None for value in values)),
    "ABS": lambda values: abs(read_as_number(values[0])),
    "INT": lambda values: float(math.floor(read_as_number(values[0]))),
    "MOD": lambda values: read_as_number(values[0]) % read_as_number(values[1]),
    "POWER": lambda values: math.pow(read_as_number(values[0]), read_as_number(values[1])),
    "SQRT": lambda values: math.sqrt(read_as_number(values[0])),
    "ROUND": lambda values: _round_to(values, ROUND_HALF_UP),
    "ROUNDUP": lambda values: _round_to(values, ROUND_UP),
    "ROUNDDOWN": lambda values: _round_to(values, ROUND_DOWN),
    "AND": lambda values: all(read_as_truth(value) for value in values),
    "OR": lambda values: any(read_as_truth(value) for value in values),
    "NOT": lambda values: not read_as_truth(values[0]),
    "CONCATENATE": lambda values: "".join(map(read_as_text, values)),
    "CONCAT": lambda values: "".join(map(read_as_text, values)),
    "TEXT": lambda values: format_number(read_as_number(values[0]), read_as_text(values[1])),
    "TRUE": lambda _: True,
    "FALSE": lambda _: False,
}
