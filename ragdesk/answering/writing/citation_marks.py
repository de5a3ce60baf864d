"""Read the marks by which a model names passages: [1], [2, 3], 【1】, ［1］, 〔1〕, [1-3]. Pure.

A number that names no passage is dropped, wherever it comes from.
"""

import re

MARK_OPENERS = "[［【〔〖"
_CLOSERS = "]］】〕〗"
LONGEST_MARK = 256  # characters; what goes on longer is none
_MOST_NUMBERS = 32  # of a range: [1-3] names three passages
_SOURCE = r"(?:†[^\]］】〕〗\n]{0,64}+)?"  # 【1†L3】, as OpenAI's models write it
_NUMBER = rf"\d{{1,4}}+{_SOURCE}"
_SEPARATOR = r"\s?[,，、;；–~～-]\s?"
CITATION_MARK = re.compile(
    rf"[{re.escape(MARK_OPENERS)}]\s?{_NUMBER}(?:{_SEPARATOR}{_NUMBER})*+\s?[{re.escape(_CLOSERS)}]"
)
# What may become a mark.
MARK_BEGINNING = re.compile(
    rf"[{re.escape(MARK_OPENERS)}](?:[\d\s,，、;；–~～-]|†[^\]］】〕〗\n]{{0,64}}+)*+"
)
_SPACED_MARK = re.compile(rf"\s?(?:{CITATION_MARK.pattern})")
_RANGE = re.compile(r"(\d+)(?:\s?[–~～-]\s?(\d+))?")


def read_mark_numbers(marks: str) -> list[int]:
    """Return the numbers that some marks name, in order.

    >>> read_mark_numbers("[1]【2†L4】［3，5］ [7-9]")
    [1, 2, 3, 5, 7, 8, 9]
    """
    numbers: list[int] = []
    for match in _RANGE.finditer(re.sub(r"†[^\]］】〕〗\n]*", "", marks)):
        first = int(match[1])
        last = int(match[2] or first)
        numbers += range(first, min(last, first + _MOST_NUMBERS) + 1)
    return numbers


def strip_citation_marks(text: str) -> tuple[str, list[int]]:
    """Take the marks out of a sentence, and return their numbers too.

    >>> strip_citation_marks("It opens at 8:15 [1].")
    ('It opens at 8:15.', [1])
    """
    marks = "".join(CITATION_MARK.findall(text))
    if not marks:
        return text, []
    return _SPACED_MARK.sub("", text), read_mark_numbers(marks)


def keep_valid_numbers(numbers: object, passages: int) -> tuple[int, ...]:
    """Keep numbers of passages that exist, each once, in order.

    >>> keep_valid_numbers([2, "1", "[3]", 9, None, 2], 3), keep_valid_numbers(2, 3)
    ((2, 1, 3), (2,))
    """
    candidates = numbers if isinstance(numbers, list) else [numbers]
    valid: list[int] = []
    for candidate in candidates:
        if isinstance(candidate, str) and len(candidate) <= LONGEST_MARK:
            valid += read_mark_numbers(candidate)
        elif type(candidate) is int:
            valid.append(candidate)
    return tuple(dict.fromkeys(number for number in valid if 1 <= number <= passages))
