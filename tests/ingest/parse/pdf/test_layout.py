"""Words become lines, lines come into order, and what they say is left as it was."""

import numpy as np
import pdf_files as made
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.parse.pdf.cross_check import check_sheets, make_text_sheet
from ingest.parse.pdf.glyph_codes import has_suspect_font, read_glyph_codes
from ingest.parse.pdf.page_model import LineCell, Sheet, TextLine
from ingest.parse.pdf.paragraphs import is_broken_word, make_pieces
from ingest.parse.pdf.reader import parse
from ingest.parse.pdf.reading_order import order_by_columns, order_lines
from ingest.parse.pdf.running_lines import drop_running_lines
from ingest.parse.pdf.structure import PdfStructure
from ingest.parse.pdf.text_boxes import find_boxes


def line(text, left, top, *, width=None, size=10.0):
    box = (left, top, left + (width or 5.0 * len(text)), top + size)
    return TextLine((LineCell(text, box),), box, size)


POINTS = st.tuples(st.integers(0, 500), st.integers(0, 800))


@settings(max_examples=80)
@given(st.lists(st.tuples(POINTS, st.text("abcdefg ", min_size=8, max_size=40)), max_size=25))
def test_ordering_loses_and_invents_nothing(found):
    lines = [line(f"x{text}x", x, y) for (x, y), text in found]
    for ordered in (order_lines(lines), order_by_columns(lines)):
        words = [cell.text for one in ordered for cell in one.cells]
        assert sorted(words) == sorted(one.text for one in lines)


@settings(max_examples=40)
@given(st.permutations(range(12)), st.permutations(range(12)))
def test_two_columns_are_found_in_any_order_of_drawing(left, right):
    column = {n: line(f"left column line {n:02}", 50, 100 + 14 * n, width=200) for n in left}
    other = {n: line(f"right column line {n:02}", 300, 100 + 14 * n, width=200) for n in right}
    drawn = [*(column[n] for n in left), *(other[n] for n in right)]
    expected = [f"left column line {n:02}" for n in range(12)]
    expected += [f"right column line {n:02}" for n in range(12)]
    assert [one.text for one in order_by_columns(drawn)] == expected


def test_a_footnote_sign_drawn_last_comes_back_to_its_word():
    words = line("Net income", 50, 100, width=50)
    sign = line("(a)", 101, 98, width=8, size=6)
    (joined,) = order_lines([words, line("This is another line of the page", 50, 130), sign])[:1]
    assert joined.text == "Net income (a)"


def test_pieces_hold_every_letter_of_their_lines():
    lines = [line(f"Some words of line {n}.", 50, 100 + 12 * n) for n in range(9)]
    found = make_pieces(lines, body=10.0, has_word=lambda _: False)
    assert " ".join(piece.text for piece in found) == " ".join(one.text for one in lines)


@pytest.mark.parametrize(
    ("first", "second", "words", "whole"),
    [
        ("inter", "national", (), True),
        ("long", "term", (), False),
        ("check", "list", ("check", "list"), False),
        ("check", "list", ("check", "list", "checklist"), True),
        ("pre", "paid", ("pre-paid",), False),
        ("Anglo", "Saxon", (), False),
    ],
)
def test_a_hyphen_stays_where_the_document_says_so(first, second, words, whole):
    assert is_broken_word(first, second, lambda word: word in words) is whole


def test_glyph_numbers_are_read_as_letters():
    told = [36, 21, 17, 3, 179, 53, 182, 180, 3, 177, 135]
    codes = np.array(told * 3, dtype=np.uint32)
    assert has_suspect_font(codes)
    read = read_glyph_codes(codes, np.zeros(len(codes), dtype=np.int64))
    assert "".join(map(chr, read)) == "A2. “R’” –•" * 3
    plain = np.array(list(map(ord, "Plain text, with a\ttab\r\n")), dtype=np.uint32)
    assert not has_suspect_font(plain)


def test_text_at_the_edge_that_repeats_is_no_header_when_it_belongs_to_the_body():
    body = [line("The same clause stands on every page.", 50, 100 + 12 * n) for n in range(6)]
    sheets = [Sheet(600.0, 800.0, tuple(body)) for _ in range(4)]
    assert drop_running_lines(sheets, ["1", "2", "3", "4"], 10.0) == sheets


def test_a_page_that_pdfium_cannot_load_is_read_by_pypdf():
    structure = PdfStructure(made.made(made.lines("The first line,", "and the second.")))
    (sheet,) = check_sheets([None], structure)
    assert [one.text for one in sheet.lines] == ["The first line,", "and the second."]


def test_pypdf_is_believed_where_pdfium_saw_almost_nothing():
    structure = PdfStructure(made.made(made.lines(*made.wrapped(made.LOREM, 400))))
    nearly_empty = Sheet(595.0, 842.0, (line("Xq", 50, 100),))
    (sheet,) = check_sheets([nearly_empty], structure)
    assert " ".join(one.text for one in sheet.lines).startswith("Refunds are paid")
    (kept,) = check_sheets([make_text_sheet(made.LOREM, (595.0, 842.0))], structure)
    assert kept.lines[0].text == made.LOREM.strip()


@pytest.mark.parametrize(("angle", "x", "y"), [(90, 200, 100), (270, 200, 700)])
def test_lines_that_run_up_or_down_the_page_are_read(angle, x, y):
    texts = ["The first line runs along the page,", "and this one is the second of them."]

    def draw(canvas, _):
        canvas.translate(x, y)
        canvas.rotate(angle)
        for n, text in enumerate(texts):
            canvas.drawString(0, -14 * n, text)

    document = parse(made.made(draw), "x.pdf")
    assert document.text == " ".join(texts)
    (_, left, top, right, bottom), _ = find_boxes(document.boxes, 0, len(document.text))
    assert bottom - top > 100
    assert right - left < 20


def test_a_table_of_contents_is_read_line_by_line():
    entries = [
        f"{name} {'.' * 60} {n}" for n, name in enumerate(("Orders", "Returns", "Refunds"), 4)
    ]
    document = parse(made.made(made.lines(*entries)), "x.pdf")
    assert document.text.split("\n") == ["Orders … 4", "Returns … 5", "Refunds … 6"]


def test_a_stretched_line_is_no_table_row():
    words = ["These", "words", "were", "stretched", "over", "the"]

    def draw(canvas, number):
        made.lines("A line of ordinary prose goes first here, and it", top=100)(canvas, number)
        x = 72.0
        for word in words:
            canvas.drawString(x, made.HEIGHT - 114, word)
            x += canvas.stringWidth(word) + 20
        made.lines("whole line, and then the text goes on as before.", top=128)(canvas, number)

    document = parse(made.made(draw), "x.pdf")
    assert " | " not in document.text


def test_vertical_chinese_is_read_from_the_right():
    columns = ["自签收之日起七天内可以退货", "退款将在三个工作日内原路退回"]

    def draw(canvas, _):
        made.chinese("")(canvas, 0)
        canvas.setFont(made.CHINESE, 12)
        for n, column in enumerate(columns):
            for m, letter in enumerate(column):
                canvas.drawString(400 - 24 * n, 700 - 13 * m, letter)

    document = parse(made.made(draw), "x.pdf")
    assert document.text == "".join(columns)
