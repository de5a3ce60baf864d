"""The languages of a segment's chunks as a small array, so that a search need not ask SQLite.

Codes are written to disk: new ones are added at the end.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

LANGUAGES_FILE: Final = "languages.npy"
ROW_LANGUAGES: Final = ("und", "en", "zh")  # a chunk in any other language counts as und
_CODES: Final = {name: code for code, name in enumerate(ROW_LANGUAGES)}

LanguageCodes = NDArray[np.uint8]


def encode_languages(languages: Iterable[str]) -> LanguageCodes:
    """Return the codes (n,) of the languages of chunks.

    >>> encode_languages(["zh", "en", "", "fr"]).tolist()
    [2, 1, 0, 0]
    """
    return np.fromiter((_CODES.get(name, 0) for name in languages), dtype=np.uint8)
