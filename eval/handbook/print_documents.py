"""Print the handbook's PDF, Word and Excel files from the texts in ``sources/``.

Run ``python -m eval.handbook.print_documents`` after a change of a source; the files are kept in
the repository, so that the demo needs no printer. Needs the ``dev`` extra (reportlab).
"""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from docx import Document as Word
from openpyxl import Workbook
from reportlab.lib.pagesizes import A5
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import (
    BaseDocTemplate,
    Frame,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)
from reportlab.platypus.tableofcontents import TableOfContents

HANDBOOK_FOLDER = Path(__file__).parent
SOURCE_FOLDER = HANDBOOK_FOLDER / "sources"
DOCUMENT_FOLDER = HANDBOOK_FOLDER / "documents"


class TextBlock(NamedTuple):
    """A heading (level 1 or 2), a paragraph or a table of a source text."""

    kind: Literal["heading", "paragraph", "item", "table"]
    text: str = ""
    level: int = 0
    rows: tuple[tuple[str, ...], ...] = ()


def read_blocks(source: str) -> Iterator[TextBlock]:
    """Read a source: headings, paragraphs, numbered items and pipe tables."""
    for part in source.strip().split("\n\n"):
        if part.startswith("#"):
            marks, text = part.split(" ", 1)
            yield TextBlock("heading", text, len(marks))
        elif part.startswith("|"):
            rows = [
                tuple(c.strip() for c in line.strip("|").split("|")) for line in part.split("\n")
            ]
            yield TextBlock("table", rows=(rows[0], *rows[2:]))
        else:
            yield TextBlock("paragraph", part)


class Manual(BaseDocTemplate):
    """A book with a table of contents, an outline, a running head and page numbers."""

    def __init__(self, file: Path, title: str) -> None:
        super().__init__(str(file), pagesize=A5, title=title, author="Nordlys Kitchen", invariant=1)
        self.head = title
        frame = Frame(50, 55, A5[0] - 100, A5[1] - 110)
        self.addPageTemplates([PageTemplate(frames=[frame], onPage=self.furnish)])

    def furnish(self, canvas: Any, _: object) -> None:
        canvas.setFont("Helvetica", 8)
        canvas.drawString(50, A5[1] - 35, self.head)
        canvas.drawRightString(A5[0] - 50, 30, f"Page {canvas.getPageNumber()}")

    def afterFlowable(self, flowable: Any) -> None:  # noqa: N802  # reportlab's name
        style = getattr(flowable, "style", None)
        level = {"Heading1": 0, "Heading2": 1}.get(style.name if style else "")
        if level is None or flowable.getPlainText() == "Contents":
            return
        text = flowable.getPlainText()
        key = f"h{id(flowable)}"
        self.canv.bookmarkPage(key)
        self.canv.addOutlineEntry(text, key, level=level)
        self.notify("TOCEntry", (level, text, self.page, key))


def print_pdf(source: Path, file: Path, title: str) -> None:
    """Print a manual: each chapter begins on a new page."""
    styles = getSampleStyleSheet()
    contents = TableOfContents()
    story: list[Any] = [Paragraph(title, styles["Title"]), Spacer(1, 12)]
    story += [Paragraph("Contents", styles["Heading1"]), contents]
    for piece in read_blocks(source.read_text(encoding="utf-8")):
        match piece.kind:
            case "heading":
                story += [PageBreak()] if piece.level == 1 else []
                story.append(Paragraph(piece.text, styles[f"Heading{piece.level}"]))
            case "table":
                table = Table(piece.rows, hAlign="LEFT")
                table.setStyle(TableStyle([("LINEBELOW", (0, 0), (-1, 0), 1, "black")]))
                story.append(table)
            case _:
                story.append(Paragraph(piece.text, styles["BodyText"]))
    Manual(file, title).multiBuild(story)


def print_word(source: Path, file: Path, title: str) -> None:
    """Print a Word file with heading styles, lists and tables."""
    word = Word()
    word.core_properties.title = title
    for piece in read_blocks(source.read_text(encoding="utf-8")):
        if piece.kind == "heading":
            word.add_heading(piece.text, piece.level)
        elif piece.kind == "table":
            table = word.add_table(rows=0, cols=len(piece.rows[0]))
            for row in piece.rows:
                for cell, text in zip(table.add_row().cells, row, strict=True):
                    cell.text = text
        else:
            word.add_paragraph(piece.text)
    word.save(str(file))


def print_excel(source: Path, file: Path, title: str) -> None:
    """Print a workbook with one sheet."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title)
    with source.open(encoding="utf-8", newline="") as lines:
        for row in csv.reader(lines):
            sheet.append(row)
    book.save(file)


PRINTS: tuple[tuple[Callable[[Path, Path, str], None], str, str, str], ...] = (
    (
        print_pdf,
        "aurora-manual.md",
        "products/aurora-manual.pdf",
        "Aurora One and Aurora Pro: manual",
    ),
    (print_word, "escalation-guide.md", "internal/escalation-guide.docx", "Escalation guide"),
    (print_word, "lava-guide.md", "products/lava-guide.docx", "Lava air fryer LV-50: guide"),
    (print_word, "store-pickup.md", "zh/帮助/门店自提.docx", "门店自提说明"),
    (print_excel, "error-codes.csv", "products/error-codes.xlsx", "Error codes"),
)


def main() -> None:
    """Print every file of the handbook that is not plain text."""
    for print_one, source, file, title in PRINTS:
        print_one(SOURCE_FOLDER / source, DOCUMENT_FOLDER / file, title)


if __name__ == "__main__":
    main()
