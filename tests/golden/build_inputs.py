"""``PYTHONPATH=tests python -m tests.golden.build_inputs``: write the inputs that are no text.

Their bytes are stored, so that another release of reportlab or openpyxl changes no input.
"""

from collections.abc import Callable

import pdf_files
from pdf_files import LOREM, both, chinese, labelled, lines, made, row, wrapped
from reportlab.pdfgen.canvas import Canvas

from tests.golden.current_outputs import INPUTS
from tests.golden.office_inputs import (
    build_fees,
    build_plane,
    build_rates,
    build_regions,
    build_rules,
    build_single,
    build_talk,
)

HALF = 205  # points: the width of a column of two
LEFT, RIGHT = 72, 320  # points: where the two begin
CLAIMS = (
    "Send us the part that broke, a picture of the plate and the day on which you bought it, and "
    "we answer within two days. A part that wears, such as a seal, a burr or a filter, is covered "
    "for six months only; all the others for two years from the day they came to you by parcel. "
)
RATES = (
    ("Net sales", "34,229", "35,355", "3.2%"),
    ("Cost of goods sold", "(12,010)", "(11,950)", "0.5%"),
    ("Gross margin", "22,219", "23,405", "5.3%"),
    ("Salaries", "9,100", "9,400", "3.3%"),
    ("Result before tax", "13,119", "14,005", "6.8%"),
)
PLACES = (72.0, 330.0, 420.0, 500.0)  # points: the columns of a table

Draw = Callable[[Canvas, int], None]


ITEMS = lines(
    "1. Switch it off and pull the plug.",
    "2. Let it cool down for half an hour.",
    "(a) Take the tank out",
    "(b) Rinse the tank and let it dry",
    "• Only one bullet",
    top=120,
)


def draw_frame(canvas: Canvas, page: int) -> None:
    """Draw a running head, a foot and a page number; the head a little lower on even pages."""
    canvas.setFont("Helvetica", 9)
    top = 36 if page % 2 else 41
    canvas.drawString(72, pdf_files.HEIGHT - top, "Lava Coffee Handbook")
    canvas.drawString(72, 60, "Version 4, May 2026")
    canvas.drawCentredString(300, 30, f"Page {page + 1} of 6")
    canvas.setFont("Helvetica", 11)


def draw_columns(left: str, right: str, *, top: float, across: bool = False) -> Draw:
    """Draw two columns of prose: the right column first, or row by row across both."""
    first = wrapped(left, HALF, size=10)
    second = wrapped(right, HALF, size=10)
    if not across:
        return both(
            lines(*second, x=RIGHT, top=top, size=10, step=12),
            lines(*first, x=LEFT, top=top, size=10, step=12),
        )
    rows = []
    for number, pair in enumerate(zip(first, second, strict=False)):
        place = top + 12 * number
        rows += [
            lines(pair[0], x=LEFT, top=place, size=10),
            lines(pair[1], x=RIGHT, top=place, size=10),
        ]
    return both(*rows)


def draw_table(top: float) -> Draw:
    """Draw a table with stacked heads, amounts to the right and a label of two lines."""
    heads = both(
        lines("Year ended", "May 2025", x=290, top=top, size=10, step=12),
        lines("Year ended", "May 2026", x=380, top=top, size=10, step=12),
        lines("Change per-", "centage", x=460, top=top, size=10, step=12),
    )
    body = [
        row(list(zip(PLACES, cells, strict=True)), top + 32 + 16 * number)
        for number, cells in enumerate(RATES)
    ]
    label = both(
        lines("Depreciation of machines and", x=72, top=top + 112, size=10),
        row([(76.0, "of the roastery"), (330.0, "410"), (420.0, "395")], top + 122),
    )
    return both(lines("(Thousands of euros)", x=72, top=top - 16, size=10), heads, *body, label)


def build_handbook() -> bytes:
    """Make six pages: columns, a jump, a table, signs, lists, a gap between heads and body."""
    signs = both(
        lines("Descale twice a year", x=72, top=380, size=11),
        lines("2", x=177, top=376, size=7),
        lines("Use soft water only for this machine", x=72, top=400, size=11),
        lines("(a)", x=60, top=397, size=7),
        lines("*", x=150, top=417, size=7),
        lines("Never open the boiler while it is hot", x=72, top=420, size=11),
        lines("2 With citric acid, as the leaflet says.", x=72, top=700, size=8),
        lines("(a) Below seven degrees of hardness.", x=72, top=712, size=8),
    )
    return made(
        both(
            draw_frame,
            lines("Claims and returns", top=90, size=18),
            lines(*wrapped(LOREM, 450), top=120),
            draw_columns(CLAIMS * 2, LOREM * 2, top=190, across=True),
        ),
        both(
            draw_frame,
            lines("Two columns under one head", top=90, size=14),
            draw_columns(LOREM * 2, CLAIMS * 2, top=120),
            lines(*wrapped(f"Across both columns. {CLAIMS}", 450, size=10), top=440, size=10),
            draw_columns(CLAIMS, LOREM, top=520),
        ),
        both(
            draw_frame,
            lines("Results", top=90, size=14),
            lines(*wrapped(LOREM, 450), top=115),
            draw_table(200),
            signs,
        ),
        both(
            draw_frame,
            ITEMS,
            lines(*wrapped(CLAIMS, 450), top=220),
            lines("12 34 56", x=72, top=775, size=9),
            lines("Drawn last, read second", x=72, top=100, size=11),
        ),
        both(
            draw_frame,
            *[
                lines(*(cells[column] for cells in RATES), x=PLACES[column], top=120, step=18)
                for column in (3, 0, 2, 1)
            ],
            lines(*wrapped(LOREM, 300), top=300),
            lines("See also", x=420, top=300, size=9),
            lines("the leaflet", x=420, top=312, size=9),
            lines("Chapters … 3", "Answers … 12", top=400),
        ),
        both(
            draw_frame,
            chinese("保修范围", "自购买之日起两年内，我们免费维修。", top=72),
            lines("7", top=500),
        ),
        title="Handbook",
    )


def build_preface() -> bytes:
    """Make four pages, two with roman numbers, with heads that stay and numbers that are none."""
    pages = []
    for number, label in enumerate(("- i -", "- ii -", "- 1 -", "p. 99")):
        head = "Price list" if number < 3 else "Price list of spare parts"
        pages.append(
            both(
                lines(head, top=40, size=9),
                lines("ab", x=400, top=40, size=9),
                lines("Care notes", top=52, size=9),
                lines(*wrapped(LOREM, 450), top=52 + 20 * (number % 2) + 14),
                lines("2026", top=640),
                lines(*wrapped(CLAIMS, 450), top=680),
                lines("Big foot", top=780, size=16),
                lines(label, x=290, top=810, size=9),
            )
        )
    return labelled(made(*pages), 2)


def build_leaflet() -> bytes:
    """Make two pages whose heads repeat, and whose numbers follow the count of pages."""
    body = made(
        *[
            both(
                lines("Leaflet of the scale", top=40, size=9),
                lines(text, top=120),
                lines(str(number), x=290, top=810, size=9),
            )
            for number, text in ((1, "Weigh the beans."), (2, "Tare the cup; see 1 again."))
        ]
    )
    return labelled(body, 1)


def draw_hidden_words(canvas: Canvas, _: int) -> None:
    """Draw words that are white, clear, tiny or unpainted, on paper and on dark ground."""
    for number, (colour, alpha, size, mode, ground) in enumerate(
        (
            ((1, 1, 1), 1, 11, 0, None),
            ((1, 1, 1), 1, 11, 0, (0, 0, 0.5)),
            ((1, 1, 1), 1, 11, 0, (1, 1, 1)),
            ((0, 0, 0), 0, 11, 0, None),
            ((0, 0, 0), 0, 11, 0, (0, 0.5, 0)),
            ((0, 0, 0), 1, 0.9, 0, None),
            ((0, 0, 0), 1, 2, 0, None),
            ((0, 0, 0), 1, 11, 3, None),
            ((0, 0, 0), 1, 11, 2, None),
            ((0.9, 0.9, 0.9), 1, 11, 0, None),
        )
    ):
        top = pdf_files.HEIGHT - 130 - 24 * number
        if ground:
            canvas.setFillColorRGB(*ground, alpha=1)
            canvas.rect(66, top - 4, 110, 16, stroke=0, fill=1)
        canvas.setFillColorRGB(*colour, alpha=alpha)
        text = canvas.beginText(72, top)
        text.setFont("Helvetica", size)
        text.setTextRenderMode(mode)
        text.textOut(f"Kind {number} of words, and beyond the ground")
        canvas.drawText(text)
    canvas.setFillColorRGB(0, 0, 0, alpha=1)
    text = canvas.beginText(72, 300)
    text.setTextRenderMode(0)
    text.textOut("All that follows is seen by everybody who reads the page.")
    canvas.drawText(text)


def draw_form(canvas: Canvas, _: int) -> None:
    """Draw filled fields: two short ones alike, two long ones alike, an empty one."""
    form = canvas.acroForm
    long = "Please leave the parcel with the neighbours at number twelve. " * 5
    for number, (name, value) in enumerate(
        (
            ("order", "A-1047"),
            ("order", "A-1047"),
            ("note", long),
            ("note", long),
            ("remark", long),
            ("empty", " "),
        )
    ):
        place = 500 - 40 * number
        canvas.drawString(72, place + 5, f"Field {number}: ____________")
        form.textfield(
            name=f"{name}{number}", tooltip=name, value=value, x=220, y=place, maxlen=900
        )


def draw_chapter(canvas: Canvas, _: int) -> None:
    """Draw a chapter with entries of the outline, one of them printed nowhere."""
    for level, name, top in ((0, "Chapter one", 90), (1, "Part of it", 200), (1, "Unprinted", 300)):
        canvas.bookmarkHorizontal(name, 0, pdf_files.HEIGHT - top + 12)
        canvas.addOutlineEntry(name, name, level)
    for text, top, font in (
        ("Chapter one", 90, "Helvetica-Bold"),
        ("Part of it", 200, "Helvetica"),
        ("A bold line, which ends in a comma,", 400, "Helvetica-Bold"),
        ("A bold sentence.", 430, "Helvetica-Bold"),
        ("lower case in bold", 460, "Helvetica-Bold"),
        ("A heading of two lines that goes on", 490, "Helvetica-Bold"),
        ("until it is at its end", 504, "Helvetica-Bold"),
        ("1234 56 %", 540, "Helvetica-Bold"),
    ):
        lines(text, top=top, font=font)(canvas, 0)
    for top in (110, 220, 320, 560):
        lines(*wrapped(CLAIMS, 440), top=top)(canvas, 0)


def draw_paragraphs(canvas: Canvas, _: int) -> None:
    """Draw paragraphs by indentation, by early ends, by hyphens and by distance."""
    texts = wrapped(LOREM, 440)
    for number in range(3):
        for turn, text in enumerate(texts):
            lines(text, x=72 if turn else 90, top=90 + 14 * (number * 3 + turn))(canvas, 0)
    lines(
        "The kettle comes with a stand, a long-",
        "lasting filter and an inter-",
        "national plug; the inter-",
        "est of self-",
        "employed people in a well-",
        "known brand is high.",
        "A short line.",
        "Another short line, ended early",
        "It begins with a capital letter and is the longest line of all that stand here now.",
        "and one in lower case",
        top=240,
    )(canvas, 0)
    for number, text in enumerate(("A centred line", "of a longer notice that", "goes on")):
        canvas.drawCentredString(300, pdf_files.HEIGHT - 400 - 14 * number, text)
    lines("Apart", "by a step", "of twenty", top=460, step=20)(canvas, 0)
    text = canvas.beginText(72, 300)
    text.setWordSpace(14)
    text.textLines(
        "A stretched line of words\nwhose gaps are wide and even\nand no cells of a table"
    )
    canvas.drawText(text)
    text = canvas.beginText(72, 240)
    text.setWordSpace(0)
    text.textOut("Plain words after them.")
    canvas.drawText(text)


def draw_small_tables(canvas: Canvas, _: int) -> None:
    """Draw tables: of one row, with a bold head, with labels between rows, with long labels."""
    row([(72, "One"), (250, "row"), (400, "alone")], 100)(canvas, 0)
    lines(*wrapped(CLAIMS, 440), top=140)(canvas, 0)
    for x, text in ((72, "Plan"), (250, "Holds"), (400, "Owner")):
        lines(text, x=x, top=200, font="Helvetica-Bold", size=10)(canvas, 0)
    for number, cells in enumerate((("Basic", "one", "Ann"), ("Large", "three", "Bo"))):
        row(list(zip((72, 280, 430), cells, strict=True)), 216 + 16 * number)(canvas, 0)
    lines(*wrapped(LOREM, 440), top=270)(canvas, 0)
    row([(72, "Item"), (330, "2025"), (420, "2026")], 340)(canvas, 0)
    lines("Europe", top=356, size=10)(canvas, 0)
    row([(84, "France"), (330, "$ 12"), (420, "$ 15")], 372)(canvas, 0)
    row([(84, "Spain"), (330, "7%"), (420, "—")], 388)(canvas, 0)
    lines("Elsewhere in the world", "and at sea", top=404, size=10, step=12)(canvas, 0)
    row([(84, "Norway"), (330, "(3)"), (420, "4")], 432)(canvas, 0)
    row([(72, "Far below"), (330, "1"), (420, "2")], 480)(canvas, 0)
    row([(72, "and its row"), (330, "3"), (420, "4")], 496)(canvas, 0)
    lines("Notes ........ 4", "Words and more words . . . . . 12", "Sign here ______", top=540)(
        canvas, 0
    )
    row([(72, "•"), (200, "bullet")], 620)(canvas, 0)
    row([(72, "1."), (200, "12.50")], 636)(canvas, 0)
    row([(72, "2."), (200, "13.50")], 652)(canvas, 0)


def draw_turned(canvas: Canvas, _: int) -> None:
    """Draw lines that run up the page."""
    canvas.rotate(90)
    for number, text in enumerate(wrapped(CLAIMS, 500)):
        canvas.drawString(90, -120 - 14 * number, text)


def draw_signs_last(canvas: Canvas, _: int) -> None:
    """Draw lines, and after all of them the footnote signs that stand at, before and in them."""
    texts = (
        "Descale it twice a year",
        "Use soft water only for it",
        "Never open the boiler while hot",
        "Wipe the wand after every use of it",
        "Empty the tray each evening",
        "Keep the bill with this leaflet",
    )
    for number, text in enumerate(texts):
        lines(text, top=120 + 30 * number, size=11)(canvas, 0)
    for sign, x, top in (
        ("2", 187, 116),
        ("(a)", 54, 147),
        ("*", 148, 176),
        ("†", 251, 207),
        ("3", 62, 237),
        ("b)", 300, 266),
        ("4", 300, 500),
    ):
        lines(sign, x=x, top=top, size=7)(canvas, 0)
    lines(*wrapped(LOREM, 440), top=330)(canvas, 0)


def draw_upwards(canvas: Canvas, _: int) -> None:
    """Draw rows from the foot of the page to its head, the right cell of each first."""
    for number, cells in enumerate(RATES * 2):
        top = 500 - 24 * number
        lines(cells[1], x=400, top=top + number % 2, size=10)(canvas, 0)
        lines(cells[0], x=72, top=top, size=10)(canvas, 0)
    lines("Close to its neighbour", top=560, size=10)(canvas, 0)
    lines("a cell with more letters than an amount has", x=188, top=560, size=10)(canvas, 0)


def draw_vertical(canvas: Canvas, _: int) -> None:
    """Draw two columns of Chinese that are read downwards, the right one first."""
    canvas.setFont(pdf_files.CHINESE, 12)
    for column, text in enumerate(("竖排文字从右读起", "第二列在左边结束")):
        for number, letter in enumerate(text):
            canvas.drawString(300 - 30 * column, pdf_files.HEIGHT - 100 - 14 * number, letter)


def build_sampler() -> bytes:
    """Make a page of each: hidden words, a form, an outline, paragraphs, tables, turned lines."""
    return made(
        draw_hidden_words,
        draw_form,
        draw_chapter,
        draw_paragraphs,
        draw_small_tables,
        draw_turned,
        draw_signs_last,
        draw_upwards,
        pdf_files.picture,
        both(chinese("横排", top=60), draw_vertical),
    )


BUILDERS: dict[str, Callable[[], bytes]] = {
    "handbook.pdf": build_handbook,
    "preface.pdf": build_preface,
    "leaflet.pdf": build_leaflet,
    "sampler.pdf": build_sampler,
    "talk.pptx": build_talk,
    "rates.xlsx": build_rates,
    "single.xlsx": build_single,
    "plane.xlsx": build_plane,
    "regions.xls": build_regions,
    "fees.ods": build_fees,
    "rules.docx": build_rules,
}


if __name__ == "__main__":
    for name, build in BUILDERS.items():
        (INPUTS / name).write_bytes(build())
