"""Which pages OCR reads, what becomes of what it read, and what is said where nobody reads them."""

import io

import pypdf
import pytest
from pdf_files import HEIGHT, both, lines, made, picture, rewritten
from pypdf.generic import (
    ArrayObject,
    ContentStream,
    DecodedStreamObject,
    DictionaryObject,
    NameObject,
    NumberObject,
)

from ingest.errors import Unreadable
from ingest.ocr_pages import OcrLine, OcrNeeded, OcrPage, parse_ocr_page
from ingest.parse.pdf import reader
from ingest.parse.pdf.ocr_choice import is_garbled

TYPED = lines(*["Refunds are paid within thirty days of the return."] * 4)
STAMP = lines("Scanned 12 May, page 3", top=820)


def line(text: str, left: float, top: float, *, height: float = 14, rise: float = 0) -> OcrLine:
    right = left + 6.0 * len(text)
    foot = top + height
    corners = (left, top, right, top - rise, right, foot - rise, left, foot)
    return OcrLine(text, corners, 0.9)


def parse(body: bytes, *pages: OcrPage, ocr=None, wanted: list[int] | None = None):
    def read(numbers):
        assert wanted is None or numbers == wanted
        return dict(zip(numbers, pages, strict=False))

    return reader.parse(body, "a.pdf", read_pages=read if pages else None, ocr=ocr)


def outlines(canvas, _):
    """Draw letters as a program does that turns them into curves: many paths, and no text."""
    for n in range(200):
        path = canvas.beginPath()
        path.moveTo(72 + n % 40 * 10, HEIGHT - 80 - n // 40 * 20)
        path.lineTo(78 + n % 40 * 10, HEIGHT - 88 - n // 40 * 20)
        canvas.drawPath(path, stroke=1)


def logo(canvas, _):
    from PIL import Image  # noqa: PLC0415 - reportlab brings it

    canvas.drawInlineImage(Image.new("L", (20, 20), 90), 40, HEIGHT - 60, 20, 20)


def test_pages_are_chosen_one_by_one():
    body = made(TYPED, picture, both(picture, STAMP), both(logo, TYPED), outlines, logo)
    asked = []

    def read(numbers):
        asked.extend(numbers)
        raise OcrNeeded(numbers)

    with pytest.raises(OcrNeeded):
        reader.parse(body, "a.pdf", read_pages=read)
    assert asked == [1, 2, 4]


def test_what_ocr_read_takes_the_place_of_a_stamp_but_not_of_more_words():
    scan = OcrPage(lines=(line("The garage closes at ten in the evening.", 72, 90),))
    document = parse(made(both(picture, STAMP)), scan)
    assert document.text == "The garage closes at ten in the evening."
    poor = OcrPage(lines=(line("Sc", 72, 90),))
    assert "Scanned 12 May" in parse(made(both(picture, STAMP)), poor).text


def test_a_sloping_page_is_straightened_and_its_columns_are_read_one_after_the_other():
    """A page that was laid askew on the glass rises 40 points from edge to edge."""
    left = [f"Left column line {n} goes on" for n in range(6)]
    right = [f"Right column line {n} as well" for n in range(6)]
    rows = [
        line(text, 60 + 240 * column, 300 + 20 * n - 19 * column, rise=14)
        for n in range(6)
        for column, text in enumerate((left[n], right[n]))
    ]
    text = parse(made(picture), OcrPage(lines=tuple(rows))).text
    assert text.index(left[5]) < text.index(right[0])
    assert all(part in " ".join(text.split()) for part in (*left, *right))


@pytest.mark.parametrize(
    ("ocr", "remedy"),
    [
        ("extra", r"to have them read: pip install 'ragdesk\[ocr\]'"),
        ("setting", r"to have them read, set ocr = true in \[guard\]"),
    ],
)
def test_without_ocr_a_scan_names_what_lacks_and_a_scanned_page_is_a_note(ocr, remedy):
    with pytest.raises(Unreadable, match=f"^2 pages of images without text; {remedy}$"):
        parse(made(picture, picture), ocr=ocr)
    document = parse(made(TYPED, picture, TYPED, picture), ocr=ocr)
    (note,) = document.notes
    assert note.startswith("2 pages show pictures (2, 4): to have them read")


def test_what_ocr_cannot_read_is_told_once_a_reason():
    failed = OcrPage(failure="took longer than 60 s of computing")
    body = made(TYPED, picture, picture)
    reason = "could not be read by OCR (2-3): took longer than 60 s of computing"
    assert parse(body, failed, failed).notes == (f"2 pages {reason}",)
    with pytest.raises(Unreadable, match="1 page could not be read by OCR"):
        parse(made(picture), failed)
    with pytest.raises(Unreadable, match="1 page of images, on which OCR found no text"):
        parse(made(picture), OcrPage())


def test_large_pictures_beside_words_are_counted():
    def photo(canvas, n):
        from PIL import Image  # noqa: PLC0415 - reportlab brings it

        canvas.drawInlineImage(Image.new("L", (20, 20), 90), 72, 200, 300, 200)

    assert parse(made(both(TYPED, photo), both(TYPED, logo))).notes == (
        "1 picture on pages with text was not read",
    )


def test_garble_of_a_font_that_tells_no_letters_is_no_text():
    assert is_garbled("\ue001\ue002" * 20)
    assert not is_garbled("退款在三十天之内支付到原来的账户，请保留发票和包装。")
    assert not is_garbled("\uf0b7 Refunds within thirty days \uf0b7 Returns")


def scrambled(body: bytes) -> bytes:
    """Give the small letters of Courier to no script, as a font does that does not tell them."""
    table = DecodedStreamObject()
    table.set_data(
        b"1 begincodespacerange <00> <ff> endcodespacerange\n"
        b"1 beginbfrange <61> <7a> <e161> endbfrange"
    )

    def change(writer):
        place = writer._add_object(table)
        for page in writer.pages:
            for font in page["/Resources"]["/Font"].values():
                if font.get_object()["/BaseFont"] == "/Courier":
                    font.get_object()[NameObject("/ToUnicode")] = place

    return rewritten(body, change)


def test_what_ocr_did_not_find_on_a_page_is_told():
    stamped = both(picture, STAMP)
    document = parse(made(TYPED, picture, stamped), OcrPage(), OcrPage())
    assert document.notes == ("2 pages hold no text that OCR found (2-3)",)
    assert "Scanned 12 May" in document.text


GARBLED = "1 page has lines in a font that does not tell its letters (2): left out"


@pytest.mark.parametrize(
    ("pages", "notes"),
    [
        ((OcrPage(),), ("1 page holds no text that OCR found (2)", GARBLED)),
        (
            (OcrPage(failure="took too long"),),
            ("1 page could not be read by OCR (2): took too long", GARBLED),
        ),
        ((), (f"{GARBLED}; to have them read: pip install 'ragdesk[ocr]'",)),
    ],
)
def test_garbled_lines_that_ocr_could_not_read_are_told_and_the_others_stay(pages, notes):
    garble = lines(*["the gate is shut at noon and no one comes in"] * 5, font="Courier")
    body = scrambled(made(TYPED, both(garble, lines("Ask at desk four.", top=300))))
    document = parse(body, *pages, ocr="extra")
    assert document.notes == notes
    assert document.text.endswith("Ask at desk four.")
    assert "\ue174" not in document.text
    read = OcrPage(lines=(line("The gate is shut at noon, ask at desk four.", 72, 90),))
    assert parse(body, read).notes == ("1 page was read by OCR (2)",)


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"lines": [["text", [1, 2, 3], 0.5]]},
        {"lines": [["text", [1, 2, 3, 4, 5, 6, 7, 1e9], 0.5]]},
        {"lines": [[7, [1, 2, 3, 4, 5, 6, 7, 8], 0.5]]},
        {"lines": [["\ud800", [1, 2, 3, 4, 5, 6, 7, 8], 0.5]]},
    ],
)
def test_an_answer_that_makes_no_sense_is_no_page(facts):
    with pytest.raises((ValueError, TypeError, KeyError)):
        parse_ocr_page(facts)


def test_chinese_lines_of_one_paragraph_are_joined_without_blanks():
    rows = [
        line("员工食堂每天上午十一点半开门，访客须在前台登记，" * 2, 72, 90),
        line("并佩戴胸牌。", 72, 110),
    ]
    text = parse(made(picture), OcrPage(lines=tuple(rows))).text
    assert text.endswith("前台登记，并佩戴胸牌。")


def glyph_names(codes: bytes) -> bytes:
    """Write a page in a font that names its glyphs by number and tells no letters."""
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(made(lines("A"))))
    page = writer.pages[0]
    names = [NameObject(f"/g{5 * n}") for n in range(1, 31)]
    encoding = DictionaryObject()
    encoding[NameObject("/Differences")] = ArrayObject([NumberObject(1), *names])
    ((name, font),) = page["/Resources"]["/Font"].items()
    font.get_object()[NameObject("/Encoding")] = encoding
    drawn = f"BT {name} 12 Tf 72 700 Td <{codes.hex()}> Tj ET"
    content = ContentStream(None, writer)
    content.set_data(drawn.encode())
    page.replace_contents(content)
    room = io.BytesIO()
    writer.write(room)
    return room.getvalue()


def test_a_page_whose_glyphs_have_no_letters_is_read_by_ocr():
    body = glyph_names(bytes(1 + n * 7 % 30 for n in range(120)))
    scan = OcrPage(lines=(line("Parking is free on the upper deck.", 72, 90),))
    document = parse(body, scan, wanted=[0])
    assert document.text == "Parking is free on the upper deck."
    assert document.notes == ("1 page was read by OCR (1)",)
    with pytest.raises(Unreadable, match="1 page"):
        parse(body, ocr="extra")
