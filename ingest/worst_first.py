"""Put what a job lost in order, the worst first: a person reads the first ten."""

import re
from collections.abc import Iterable, Sequence

from ingest.document import DocumentNote, Skipped

# How much of a document goes with one of a kind; what a note does not name is in between.
_WEIGHTS = (
    (("hidden word", "hidden row", "hidden sheet"), 0),  # left out on purpose
    (("page", "slide", "sheet", "attachment", "message", "part"), 3),
    (("table", "row", "column", "picture", "image", "figure", "drawing"), 2),
)
_COUNT = re.compile(r"\d[\d,]{0,18}")
_DIGITS = re.compile(r"\d{1,20}")
_MIDDLE = 1


def rank_note(note: str) -> tuple[int, int]:
    """Return how bad a note is, greater for worse: by what it is about, then how many.

    >>> rank_note("3 pages were not read") > rank_note("1,200 hidden words were left out")
    True
    """
    words = note.lower()
    named = (weight for names, weight in _WEIGHTS if any(name in words for name in names))
    count = _COUNT.search(words)
    return next(named, _MIDDLE), int(count[0].replace(",", "")) if count else 1


def order_notes(notes: Iterable[DocumentNote]) -> list[tuple[str, tuple[str, ...]]]:
    """Return each document's uri with its notes, the worst document and the worst note first."""
    by_document: dict[tuple[str, str], list[str]] = {}
    for note in notes:
        by_document.setdefault((note.source, note.uri), []).append(note.note)
    ordered = [
        (uri, tuple(sorted(texts, key=rank_note, reverse=True)))
        for (_, uri), texts in sorted(by_document.items())
    ]
    return sorted(ordered, key=lambda item: rank_note(item[1][0]), reverse=True)


def order_skips(skipped: Sequence[Skipped]) -> list[Skipped]:
    """Return skipped files so that the first ones show every reason, the rarest first.

    A folder of 1,000 pictures must not hide the one contract that is encrypted.
    """
    by_reason: dict[str, list[Skipped]] = {}
    for item in skipped:
        by_reason.setdefault(_DIGITS.sub("0", item.reason), []).append(item)
    groups = sorted(by_reason.values(), key=len)
    return [*(group[0] for group in groups), *(item for group in groups for item in group[1:])]
