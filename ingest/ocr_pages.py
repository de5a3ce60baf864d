"""Pages that OCR read, as values, and the folder that keeps them one by one.

They lie beside the original they are of, a file a page, so that a job that ends amid a long scan
goes on at the next page, and a newer parser need not have them read again.
"""

import json
import math
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NamedTuple

from indexes.store.durability import UNFINISHED_PREFIX
from indexes.store.paths import OCR_FOLDER, ORIGINALS_FOLDER, join_stored

OCR_VERSION = 1  # raise it where the same page comes out otherwise: all such pages are read again
MOST_OCR_LINES = 4_000  # of a page
LONGEST_OCR_LINE = 2_000  # characters
LARGEST_PAGE_FILE = 8 << 20  # bytes
LONGEST_REASON = 200
_FARTHEST = 100_000.0  # points: what lies beyond is no place on a page

OcrState = Literal["ready", "extra", "setting"]
"""Whether pages can be read by OCR; else what lacks: the extra, or the setting."""


def find_ocr_state(*, wanted: bool) -> OcrState:
    """Tell whether pages can be read by OCR, without importing it. wanted: by the settings."""
    if find_spec("rapidocr") is None:
        return "extra"
    return "ready" if wanted else "setting"


class OcrLine(NamedTuple):
    """A line that OCR read. corners: x, y of its four, in points from the page's top left."""

    text: str
    corners: tuple[float, ...]
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OcrPage:
    """A page as OCR read it. failure: why it could not be read, in words; then it has no lines.

    is_planned: of a plan, which reads none: its line stands for what a job will read.
    """

    lines: tuple[OcrLine, ...] = ()
    failure: str = ""
    is_planned: bool = False


PageReading = Callable[[Sequence[int]], Mapping[int, OcrPage]]
"""Gives some pages (0-based) as OCR read them. Raises OcrNeeded where that is still to be done."""


class OcrNeeded(Exception):
    """OCR must read some pages before the document can be written. pages: 0-based."""

    def __init__(self, pages: Sequence[int]) -> None:
        super().__init__(f"{len(pages)} pages to read")
        self.pages = tuple(pages)


def parse_ocr_page(facts: Any) -> OcrPage:
    """Read a page from JSON values. Raises ValueError, TypeError, KeyError where they are none."""
    lines = tuple(_parse_line(*row) for row in facts["lines"][:MOST_OCR_LINES])
    return OcrPage(lines=lines, failure=str(facts.get("failure", ""))[:LONGEST_REASON])


def _parse_line(text: str, corners: Sequence[float], score: float) -> OcrLine:
    places = tuple(float(place) for place in corners)
    if type(text) is not str or len(places) != len("xyxyxyxy"):
        raise ValueError("not a line with its corners")
    if not all(math.isfinite(place) and abs(place) < _FARTHEST for place in places):
        raise ValueError("a line that is nowhere on a page")
    text.encode()  # a lone surrogate raises a ValueError
    return OcrLine(text[:LONGEST_OCR_LINE], places, float(score))


def find_ocr_folder(original: Path, digest: str) -> Path | None:
    """Return where the pages of an original are kept; None for a file that is no original."""
    if original.parent.name != ORIGINALS_FOLDER:
        return None
    return join_stored(original.parents[1] / OCR_FOLDER, digest)


def read_ocr_page(folder: Path, number: int) -> OcrPage | None:
    """Return a page that is kept (0-based); None for one that is not, or not of this version."""
    file = folder / _page_name(number)
    try:
        if file.stat().st_size > LARGEST_PAGE_FILE:
            return None
        facts = json.loads(file.read_bytes())
        return parse_ocr_page(facts) if facts["version"] == OCR_VERSION else None
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None  # half written by a machine that lost its power: it is read again


def write_ocr_page(folder: Path, number: int, page: OcrPage) -> None:
    """Keep a page (0-based), whole or not at all; several threads may write the same one."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = {"version": OCR_VERSION, "lines": page.lines, "failure": page.failure}
    draft = folder / f"{UNFINISHED_PREFIX}{secrets.token_hex(6)}-{_page_name(number)}"
    try:
        draft.write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
        draft.replace(folder / _page_name(number))
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _page_name(number: int) -> str:
    return f"{number + 1:06}.json"
