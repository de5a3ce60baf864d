"""Link annotations of PDF pages are found on the words that they lie on."""

from document_checks import linked, sound
from pdf_files import CHINESE, HEIGHT, Draw, both, chinese, lines, made, rewritten
from pypdf.annotations import Link
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from indexes.chunk import LONGEST_HREF
from ingest.document import Document
from ingest.parse.pdf import reader

A, B, C = "https://a.example/pay?x=1", "mailto:ann@b.example", "tel:+4930"
SIZE = 11


def width(text: str, font: str = "Helvetica", size: float = SIZE) -> float:
    return stringWidth(text, font, size)


def click(address: str, x: float, wide: float, top: float, *, rows: int = 1) -> Draw:
    """Lay a link over words whose baseline is ``top`` points below the page's upper edge."""

    def draw(canvas: Canvas, _: int) -> None:
        foot = HEIGHT - top - 14 * (rows - 1) - 3
        canvas.linkURL(address, (x, foot, x + wide, HEIGHT - top + 9), relative=0)

    return draw


def read(*pages: Draw, **more) -> Document:
    return sound(reader.parse(made(*pages, **more), "x.pdf"))


def test_of_equal_words_the_one_under_the_link_leads_there():
    first = "Book the slip here, and pay here or call us."
    document = read(
        both(
            lines(first, "Or write to Ann before noon."),
            click(A, 72 + width("Book the slip here, and pay "), width("here"), 100),
            click(B, 72 + width("Or "), width("write to Ann"), 114),
        )
    )
    assert linked(document) == [("here", A), ("write to Ann", B)]
    assert document.text[: document.links[0].start].endswith("and pay ")


def test_a_link_among_han_and_latin_letters():
    words = "请在 abc 系统中预约，每年一次。"
    document = read(
        both(
            chinese(words),
            click(A, 72 + width("请在 abc ", CHINESE, 12), width("系统", CHINESE, 12), 100),
        )
    )
    assert linked(document) == [("系统", A)]


def test_a_link_over_two_lines_is_one_and_pages_stay_apart():
    document = read(
        both(
            lines("Nothing to see.", top=60),
            lines("All about the rules", "of the house", "and more", top=100),
            click(A, 72, width("All about the rules"), 100, rows=2),
        ),
        both(lines("All about the rules."), click(C, 72, width("All"), 100)),
    )
    assert linked(document) == [("All about the rules of the house", A), ("All", C)]


def test_a_turned_page_and_links_within_the_document():
    body = made(
        both(lines("Read the guide today."), click(A, 72 + width("Read the "), width("guide"), 100))
    )

    def turn(writer) -> None:
        writer.pages[0].rotate(90)
        writer.add_annotation(0, Link(rect=(72, 700, 100, 760), target_page_index=0))

    assert linked(sound(reader.parse(rewritten(body, turn), "x.pdf"))) == [("guide", A)]


def test_what_no_words_lie_under_or_leads_nowhere_is_no_link():
    document = read(
        both(
            lines("Only words."),
            click("javascript:x()", 72, 60, 100),
            click(A, 300, 60, 400),
            click(A + "x" * LONGEST_HREF, 72, 60, 100),
        )
    )
    assert (document.links, document.lost_links) == ((), 1)
