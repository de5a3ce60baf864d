"""Small real PDFs for tests, drawn with reportlab and finished with pypdf."""

import io
from collections.abc import Callable, Sequence

import pypdf
from pypdf.constants import PageLabelStyle
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

WIDTH, HEIGHT = A4
CHINESE = "STSong-Light"
LOREM = (
    "Refunds are paid within thirty days after the parcel has come back to our store in Lyon. "
    "We write to you when the money is on its way, and the bank may need two more days for it. "
    "Goods that were opened can be sent back as long as nothing is missing from the carton. "
)

Draw = Callable[[Canvas, int], None]


def made(
    *pages: Draw, title: str | None = None, finish: Callable[[Canvas], None] | None = None
) -> bytes:
    """Draw pages one after the other; each function is given the canvas and its page, 0-based."""
    room = io.BytesIO()
    canvas = Canvas(room, pagesize=A4, pageCompression=1)
    if title:
        canvas.setTitle(title)
    for number, draw in enumerate(pages):
        canvas.setFont("Helvetica", 11)
        draw(canvas, number)
        canvas.showPage()
    if finish:
        finish(canvas)
    canvas.save()
    return room.getvalue()


def lines(
    *texts: str,
    x: float = 72,
    top: float = 100,
    step: float = 14,
    font: str = "Helvetica",
    size: float = 11,
) -> Draw:
    """Draw lines from the top (points below the page's upper edge) downwards."""

    def draw(canvas: Canvas, _: int) -> None:
        canvas.setFont(font, size)
        for n, text in enumerate(texts):
            canvas.drawString(x, HEIGHT - top - n * step, text)

    return draw


def both(*draws: Draw) -> Draw:
    """Draw several things on one page."""

    def draw(canvas: Canvas, number: int) -> None:
        for one in draws:
            one(canvas, number)

    return draw


def row(cells: Sequence[tuple[float, str]], top: float, *, size: float = 10) -> Draw:
    """Draw a table row: the first cell to the right of its place, amounts to the left of theirs."""

    def draw(canvas: Canvas, _: int) -> None:
        canvas.setFont("Helvetica", size)
        for n, (x, text) in enumerate(cells):
            (canvas.drawRightString if n else canvas.drawString)(x, HEIGHT - top, text)

    return draw


def wrapped(text: str, width: float, *, font: str = "Helvetica", size: float = 11) -> list[str]:
    """Break a text into lines of at most ``width`` points."""
    found, line = [], ""
    for word in text.split():
        if line and pdfmetrics.stringWidth(f"{line} {word}", font, size) > width:
            found.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*found, line]


def chinese(*texts: str, top: float = 100, size: float = 12) -> Draw:
    """Draw Chinese lines in a font that readers bring themselves."""
    if CHINESE not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(UnicodeCIDFont(CHINESE))
    return lines(*texts, top=top, font=CHINESE, size=size, step=size * 1.5)


def picture(canvas: Canvas, _: int) -> None:
    """Draw a page as a scanner does: one image, no text."""
    from PIL import Image  # noqa: PLC0415 - reportlab brings it; few tests need it

    canvas.drawInlineImage(Image.new("L", (60, 80), 200), 0, 0, WIDTH, HEIGHT)


def scanned(*pages: Draw, dpi: int = 200, angle: float = 0) -> bytes:
    """Draw pages, and give them as a scanner does: each one image, turned by some degrees."""
    import pypdfium2  # noqa: PLC0415 - few tests need it
    from PIL import Image  # noqa: PLC0415

    room = io.BytesIO()
    canvas = Canvas(room, pagesize=A4)
    document = pypdfium2.PdfDocument(made(*pages))
    for page in document:
        image = page.render(scale=dpi / 72).to_pil().convert("L")
        aside = angle % 180 == 90
        image = image.rotate(angle, Image.Resampling.BICUBIC, expand=aside, fillcolor=255)
        size = (HEIGHT, WIDTH) if aside else (WIDTH, HEIGHT)
        canvas.setPageSize(size)
        canvas.drawInlineImage(image, 0, 0, *size)
        canvas.showPage()
    document.close()
    canvas.save()
    return room.getvalue()


def rewritten(body: bytes, change: Callable[[pypdf.PdfWriter], None]) -> bytes:
    """Change a PDF with pypdf."""
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(body))
    change(writer)
    room = io.BytesIO()
    writer.write(room)
    return room.getvalue()


def labelled(body: bytes, roman: int) -> bytes:
    """Number the first pages i, ii, …, and the rest 1, 2, …."""

    def change(writer: pypdf.PdfWriter) -> None:
        writer.set_page_label(0, roman - 1, style=PageLabelStyle.LOWERCASE_ROMAN)
        writer.set_page_label(roman, len(writer.pages) - 1, style=PageLabelStyle.DECIMAL)

    return rewritten(body, change)


def encrypted(body: bytes, *, user: str, owner: str = "owner") -> bytes:
    """Lock a PDF; an empty user password opens for everyone."""
    return rewritten(body, lambda w: w.encrypt(user, owner, algorithm="AES-256"))
