"""How well scanned pages are read: pages of known text, drawn, spoiled as scanners do, and read.

    python -m tests.lab.quality.ocr [--pages 1] [--write]

The texts are the sample company's. A page is drawn at 150 or 300 dpi, left clean, laid askew by
2 degrees, or made noisy (grain, specks, a soft lens, hard JPEG), put into a PDF as a scanner does, and
read as an ingest reads it. An error is a character to change, drop or add, spaces between words
included, of the characters that were drawn; wide and narrow forms of a sign count as one.
"""

import argparse
import io
import resource
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pypdfium2
from PIL import Image, ImageFilter
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from ingest.parse.pdf.ocr_lines import make_ocr_lines
from ingest.parse.pdf.on_rapidocr import PageOcr
from ingest.parse.pdf.page_images import draw_page
from tests.lab.results import write_section

DOCUMENTS = Path(__file__).parents[3] / "eval/handbook/documents"
FONTS = {"en": ("Times-Roman", 11.0, 15.0), "zh": ("STSong-Light", 11.0, 18.0)}
MARGIN = 64.0
LOOKS = ("clean", "askew", "noisy")
SEED = 14


@dataclass(frozen=True, slots=True)
class OcrFigures:
    """What reading some pages of one kind gave. seconds: of computing."""

    language: str
    dpi: int
    look: str
    pages: int
    letters: int
    errors: int
    seconds: float

    @property
    def error_rate(self) -> float:
        """The share of characters that were read wrong."""
        return self.errors / self.letters


def iterate_texts(language: str) -> Iterator[str]:
    """Yield pages of the sample company's text, wrapped as they are drawn."""
    folder = DOCUMENTS / "zh" if language == "zh" else DOCUMENTS / "policies"
    words = [
        word
        for file in sorted(folder.rglob("*.md"))
        for line in file.read_text(encoding="utf-8").splitlines()
        if not line.startswith(("#", "|", "-", ">", "[", "`", "*"))
        for word in (line.split() if language == "en" else filter(str.strip, line))
    ]
    font, size, step = FONTS[language]
    width, height = A4
    joint = " " if language == "en" else ""
    lines: list[str] = []
    line = ""
    for word in words:
        longer = f"{line}{joint}{word}" if line else word
        if pdfmetrics.stringWidth(longer, font, size) > width - 2 * MARGIN:
            lines.append(line)
            longer = word
        line = longer
        if len(lines) >= (height - 2 * MARGIN) // step:
            yield "\n".join(lines)
            lines = []


def scan_page(text: str, language: str, dpi: int, look: str) -> bytes:
    """Draw a page and scan it: a PDF of one picture."""
    font, size, step = FONTS[language]
    room = io.BytesIO()
    canvas = Canvas(room, pagesize=A4)
    canvas.setFont(font, size)
    for n, line in enumerate(text.split("\n")):
        canvas.drawString(MARGIN, A4[1] - MARGIN - n * step, line)
    canvas.showPage()
    canvas.save()
    page = pypdfium2.PdfDocument(room.getvalue())[0]
    image = page.render(scale=dpi / 72).to_pil().convert("L")
    if look == "askew":
        image = image.rotate(2, Image.Resampling.BICUBIC, fillcolor=255)
    if look == "noisy":
        image = _add_noise(image, dpi)
    scan = io.BytesIO()
    picture = Canvas(scan, pagesize=A4)
    picture.drawInlineImage(image, 0, 0, *A4)
    picture.showPage()
    picture.save()
    return scan.getvalue()


def _add_noise(image: Image.Image, dpi: int) -> Image.Image:
    rng = np.random.default_rng(SEED)
    pixels = np.asarray(image.filter(ImageFilter.GaussianBlur(dpi / 300)), dtype=np.float32)
    pixels = 40 + pixels * 0.75 + rng.normal(0, 22, pixels.shape)  # grey paper, pale print, grain
    pixels[rng.random(pixels.shape) < 0.002] = 0
    spoiled = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    room = io.BytesIO()
    spoiled.save(room, "JPEG", quality=35)
    return Image.open(room).convert("L")


def count_edits(text: str, other: str) -> int:
    """Count the characters to change, drop or add to make one text of another.

    >>> count_edits("refund", "refnd"), count_edits("abc", "abc"), count_edits("", "ab")
    (1, 0, 2)
    """
    codes = np.array([ord(sign) for sign in other], dtype=np.int64)
    steps = np.arange(len(codes) + 1)
    row = steps.copy()
    for n, sign in enumerate(text, 1):
        above = np.minimum(row[1:] + 1, row[:-1] + (codes != ord(sign)))
        row = np.minimum.accumulate(np.concatenate([[n], above]) - steps) + steps
    return int(row[-1])


def normalise_letters(text: str, language: str) -> str:
    """Write a text as it is compared: narrow signs, one space between English words."""
    text = unicodedata.normalize("NFKC", text)
    return ("" if language == "zh" else " ").join(text.split())


def measure_pages(ocr: PageOcr, language: str, dpi: int, look: str, pages: int) -> OcrFigures:
    """Read some pages, and count what was read wrong."""
    letters = errors = count = 0
    seconds = 0.0
    for text, _ in zip(iterate_texts(language), range(pages), strict=False):
        page = pypdfium2.PdfDocument(scan_page(text, language, dpi, look))[0]
        started = time.process_time()
        picture, points = draw_page(page)
        lines = make_ocr_lines(ocr(picture, points=points))
        seconds += time.process_time() - started
        drawn = normalise_letters(text, language)
        letters += len(drawn)
        errors += count_edits(
            drawn, normalise_letters("\n".join(line.text for line in lines), language)
        )
        count += 1
    return OcrFigures(language, dpi, look, count, letters, errors, seconds)


def main() -> None:
    """Measure, print, and write the section where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=1, help="of each kind")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    pdfmetrics.registerFont(UnicodeCIDFont(FONTS["zh"][0]))
    ocr = PageOcr()
    ocr.warm_up()
    rows = []
    for language in FONTS:
        for dpi in (300, 150):
            for look in LOOKS:
                rows.append(measure_pages(ocr, language, dpi, look, arguments.pages))
                print(rows[-1], flush=True)
    body = _write_table(rows)
    print(body)
    if arguments.write:
        command = f"python -m tests.lab.quality.ocr --pages {arguments.pages} --write"
        write_section("OCR: scanned pages of known text", command, body)


def _write_table(rows: list[OcrFigures]) -> str:
    lines = [
        "| language | dpi | page | characters | wrong | seconds a page |",
        "|---|---|---|---|---|---|",
        *(
            f"| {row.language} | {row.dpi} | {row.look} | {row.letters:,} | {row.error_rate:.2%} |"
            f" {row.seconds / row.pages:.1f} |"
            for row in rows
        ),
    ]
    pages, seconds = sum(row.pages for row in rows), sum(row.seconds for row in rows)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return "\n".join(
        [
            *lines,
            "",
            f"{pages} dense pages, {pages / seconds:.2f} a second of one core; {peak:,} MB at most.",
        ]
    )


if __name__ == "__main__":
    main()
