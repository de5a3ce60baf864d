"""Hostile files beside good ones: P10, one bad document never stops a job.

    python -m tests.resilience.hostile_files

Makes the files, takes them in as one folder in limited children, and writes how many there were,
how many were skipped, and the peak memory of the whole process tree to tests/resilience/RESILIENCY.md.
"""

import hashlib
import io
import json
import os
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from pypdf import PdfWriter
from reportlab.pdfgen.canvas import Canvas

from tests.lab.quality.corpora import run_watched
from tests.lab.results import write_section

RESILIENCY = Path(__file__).with_name("RESILIENCY.md")
OPEN = "http://schemas.openxmlformats.org"
MAIN = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
LINKED = "application/vnd.openxmlformats-package.relationships+xml"
TYPES = f"""<?xml version="1.0"?><Types xmlns="{OPEN}/package/2006/content-types">
<Default Extension="rels" ContentType="{LINKED}"/>
<Override PartName="/word/document.xml" ContentType="{MAIN}"/></Types>"""
RELS = f"""<?xml version="1.0"?><Relationships xmlns="{OPEN}/package/2006/relationships">
<Relationship Id="r" Type="{OPEN}/officeDocument/2006/relationships/officeDocument"
 Target="word/document.xml"/></Relationships>"""


def noise(size: int) -> bytes:
    """Give bytes without order, the same ones every time."""
    return hashlib.shake_256(b"noise").digest(size)


def paragraph(text: str) -> str:
    """Write a Word paragraph."""
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def docx(body: str, *, head: str = "", more: Mapping[str, bytes] | None = None) -> bytes:
    """Make a Word file. head: what stands before its document. more: further entries."""
    file = io.BytesIO()
    start = f'<?xml version="1.0"?>{head}<w:document xmlns:w="{OPEN}/wordprocessingml/2006/main">'
    document = f"{start}<w:body>{body}</w:body></w:document>"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", TYPES)
        archive.writestr("_rels/.rels", RELS)
        archive.writestr("word/document.xml", document)
        for name, content in (more or {}).items():
            archive.writestr(name, content)
    return file.getvalue()


def pdf(*pages: str) -> bytes:
    """Make a PDF with one line a page."""
    file = io.BytesIO()
    canvas = Canvas(file)
    for text in pages:
        canvas.drawString(72, 700, text)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def encrypted() -> bytes:
    """Make a PDF that asks for a password."""
    writer = PdfWriter(io.BytesIO(pdf("A secret of the board.")))
    file = io.BytesIO()
    writer.encrypt("password", algorithm="RC4-128")
    writer.write(file)
    return file.getvalue()


def flate_bomb() -> bytes:
    """Make a page whose 1 KB stream holds streams that hold 400 MB of drawing operations."""
    packer = zlib.compressobj(9)
    once = b"".join(packer.compress(b"0 0 m " * 10_000) for _ in range(7_000)) + packer.flush()
    twice = zlib.compress(once, 9)
    return raw_pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>",
        b"<< /Length %d /Filter [/FlateDecode /FlateDecode] >>\nstream\n%s\nendstream"
        % (len(twice), twice),
    )


def circular() -> bytes:
    """Make a PDF whose page tree and outline hold themselves."""
    return raw_pdf(
        b"<< /Type /Catalog /Pages 2 0 R /Outlines 3 0 R >>",
        b"<< /Type /Pages /Kids [2 0 R] /Count 1 /Parent 2 0 R >>",
        b"<< /Type /Outlines /First 3 0 R /Last 3 0 R /Next 3 0 R /Title (loop) >>",
    )


def raw_pdf(*objects: bytes) -> bytes:
    """Make a PDF of objects; the first is its catalogue."""
    body = b"%PDF-1.7\n"
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    end = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (size, len(body))
    return body + b"xref\n0 %d\n0000000000 65535 f \n%s%s" % (size, table, end)


def lying_zip() -> bytes:
    """Understate the size of the document in the archive's directory."""
    honest = docx(paragraph("word " * 200_000))
    at = honest.rfind(b"PK\x01\x02", 0, honest.rfind(b"PK\x05\x06"))
    return honest[: at + 24] + (100).to_bytes(4, "little") + honest[at + 28 :]


LAUGHS = [f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10)]
ENTITIES = f'<!DOCTYPE x [<!ENTITY e0 "lol">{"".join(LAUGHS)}]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'

SKIPPED: dict[str, Callable[[], bytes]] = {
    "empty.pdf": lambda: b"",
    "blank.txt": lambda: b" \n\t ",
    "random.pdf": lambda: noise(50_000),
    "only-a-header.pdf": lambda: b"%PDF-1.7\n" + noise(5_000),
    "circular.pdf": circular,
    "flate-bomb.pdf": flate_bomb,
    "encrypted.pdf": encrypted,
    "no-text.pdf": lambda: pdf("", ""),
    "zip-bomb.docx": lambda: docx(paragraph("a" * 60_000_000)),
    "many-paragraphs.docx": lambda: docx("<w:p/>" * 2_000_000),
    "entities.docx": lambda: docx(paragraph("&e9;"), head=ENTITIES),
    "lying.docx": lying_zip,
    "broken.docx": lambda: docx(paragraph("x"))[:300],
    "picture.png": lambda: b"\x89PNG\r\n\x1a\n" + noise(2_000),
    "program.md": lambda: b"\x7fELF" + noise(2_000),
    "large.txt": lambda: b"far too large " * 2_000_000,
}
EITHER: dict[str, Callable[[], bytes]] = {  # read as far as it goes, or skipped; never a crash
    "cut.pdf": lambda: (whole := pdf(*(f"Page {n}." for n in range(9))))[: len(whole) // 2],
    "deep.html": lambda: b"<div>" * 200_000 + b"deep" + b"</div>" * 200_000,
    "open-quote.csv": lambda: b'name,text\na,"never closed\n' + b"x,y\n" * 50_000,
    "giant-cell.csv": lambda: b"name,text\na," + b"cell " * 500_000 + b"\n",
    "nul.txt": lambda: b"words\0with\0nothing between\n" * 100,
    "lone.json": lambda: b'{"question": "\\ud800 what?", "answer": "\\udfff that."}\n' * 3,
    "wrong-encoding.txt": lambda: (
        "Größe und Maße, Gebühren für Rücksendungen.".encode("latin-1") * 20
    ),
    "outside.docx": lambda: docx(paragraph("&e;"), head=OUTSIDE),
    "climbing.docx": lambda: docx(paragraph("Climbing."), more={"../../evil.txt": b"evil"}),
    "word.txt": lambda: b"x" * 10_000_000,
    "invisible.md": "Zero\u200bwidth \u202eand turned\u202c words.".encode,
}
GOOD: dict[str, Callable[[], bytes]] = {
    "good/refunds.md": lambda: b"# Refunds\n\nA refund takes thirty days. Canary: albatross.",
    "good/copy of refunds.md": lambda: (
        b"# Refunds\n\nA refund takes thirty days. Canary: albatross."
    ),
    "good/manual.pdf": lambda: pdf("The warranty lasts two years. Canary: bullfinch."),
    "good/policy.docx": lambda: docx(paragraph("Orders ship within a day. Canary: cormorant.")),
    "good/utf16.txt": lambda: "Invoices come by e-mail. Canary: dunlin.".encode("utf-16"),
    "good/退款.html": "<h1>退款</h1><p>三十天之内可以退款。 Canary: egret.</p>".encode,
}
CANARIES = ("albatross", "bullfinch", "cormorant", "dunlin", "egret", "fulmar")
LARGEST = 24  # MiB that a file may have for large.txt to be too large
ODD = "%FF%FE odd%0Aname.md"  # the uri of a file whose name is no Unicode
LINKS = ("pipe.md", "loop", "circle.md", "outside.md")


def corpus(root: Path) -> Path:
    """Write all of them below a folder, with a pipe, hostile links and a hostile name."""
    for name, content in {**SKIPPED, **EITHER, **GOOD}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content())
    odd = root / os.fsdecode(b"\xff\xfe odd\nname.md")
    odd.write_text("A good text under a bad name. Canary: fulmar.", encoding="utf-8")
    os.mkfifo(root / "pipe.md")
    (root / "loop").symlink_to(root)
    (root / "circle.md").symlink_to("circle.md")
    (root / "outside.md").symlink_to("/etc/hostname")
    return root


def main() -> None:
    """Take them in by the command line; print and write the section."""
    with tempfile.TemporaryDirectory() as place:
        folder = corpus(Path(place) / "corpus")
        settings = Path(place) / "ragdesk.toml"
        settings.write_text(f"[guard]\nfile_size = {LARGEST}\n", encoding="utf-8")
        where = ["--home", f"{place}/home", "--config", str(settings)]
        command = [sys.executable, "-m", "ragdesk", *where, "ingest", str(folder), "--json"]
        output, seconds, peak = run_watched(command)
    report = json.loads(output)
    reasons = "\n".join(f"| {row['uri']} | {row['reason']} |" for row in report["skipped"])
    files = report["added"] + len(report["skipped"])
    missing = SKIPPED.keys() - {row["uri"] for row in report["skipped"]}
    body = f"""
{files} files, {len(GOOD) + 1} of them good; one job, exit 0, {seconds:.0f} s. Taken in:
{report["added"]}, quarantined: {len(report["skipped"])}, bad ones that got through: {len(missing)}.
Peak memory of the whole process tree: {peak:.0f} MB (embedder included).

| file | reason |
|---|---|
{reasons}"""
    print(body)
    heading = "P10: one bad document never stops a job"
    write_section(heading, "python -m tests.resilience.hostile_files", body, file=RESILIENCY)


if __name__ == "__main__":
    main()
