"""How common a token is in general text of its language: what BM25 believes before it has counted.

The table is made by ``python -m tests.lab.quality.background_terms`` from public text: of each
token that is no rare one, in how many thousandths of entries of a chunk's
length it stands. Scripts tell languages apart, so one table serves all.
"""

from functools import cache
from pathlib import Path

BACKGROUND_FILE = Path(__file__).with_name("background_terms.txt")
TYPICAL_LENGTH = 200
"""Tokens of an entry: some 160 of a chunk in English, twice that in Chinese, ten of a question."""
RARE_SHARE = 0.001
"""Share of entries that a token is expected in which the table does not name."""


def background_share(term: str) -> float:
    """Return the share (0..1) of entries of general text that a token stands in.

    >>> background_share("time") > 10 * background_share("quokka")
    True
    """
    return _read_table().get(term, RARE_SHARE)


def is_common(term: str) -> bool:
    """Tell whether general text holds a token often enough for the table to name it."""
    return term in _read_table()


@cache
def _read_table() -> dict[str, float]:
    shares = {}
    for line in BACKGROUND_FILE.read_text(encoding="utf-8").splitlines():
        thousandths, *terms = line.split(" ")
        shares.update(dict.fromkeys(terms, int(thousandths) / 1000))
    return shares
