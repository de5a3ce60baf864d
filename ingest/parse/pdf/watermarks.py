"""Leave out the watermarks of a document: words that run aslant, large or again and again."""

from collections import Counter
from collections.abc import Sequence

from ingest.parse.pdf.page_model import Sheet

LARGE_SIZE = 1.8  # times the body: a slanted word that is no label of an axis or a column
FEWEST_TIMES = 2  # that a small one is printed


def drop_watermarks(sheets: Sequence[Sheet], body: float) -> tuple[list[Sheet], tuple[str, ...]]:
    """Return the pages with those slanted words that are no watermark, and a note on the others.

    body: the size of the ordinary text. What stays comes after the other lines of its page. A
    document that has no other words keeps them.
    """
    if not any(sheet.lines for sheet in sheets):
        return [sheet._replace(lines=sheet.slanted) for sheet in sheets], ()
    counts = Counter(line.text for sheet in sheets for line in sheet.slanted)
    result, pages = [], 0
    for sheet in sheets:
        plain_lines = tuple(
            line
            for line in sheet.slanted
            if line.size < LARGE_SIZE * body and counts[line.text] < FEWEST_TIMES
        )
        pages += len(plain_lines) < len(sheet.slanted)
        result.append(sheet._replace(lines=sheet.lines + plain_lines) if plain_lines else sheet)
    count = "1 page" if pages == 1 else f"{pages:,} pages"
    return result, (f"a watermark was left out of {count}",) if pages else ()
