"""Collections of PDFs and of a page with a picture, with their originals, made without a parser."""

import base64
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from fakes import HashEmbedder, document
from pdf_files import HEIGHT, WIDTH, lines, made

from indexes.build import Build
from indexes.store.paths import original_file
from ingest.parse.pdf.png_encoding import encode_png
from ingest.parse.pdf.text_boxes import TextBox, write_boxes

FIRST = "A refund is paid within 30 days."
SECOND = "Gift cards are not refunded."
PDF_TEXT = f"{FIRST}\n{SECOND}\n"
PDF_URI, HIDDEN_PDF, DAMAGED_PDF = "rules/refunds.pdf", "secret.pdf", "damaged.pdf"
PICTURE = encode_png(np.full((40, 60, 3), (200, 30, 30), dtype=np.uint8))
HIDDEN_PAGE = "plan.html"


def publish_pictures(home: Path, collection: str = "pictures", group: str = "staff") -> None:
    """Publish a web page with a picture in it, for one group alone ("": for everybody)."""
    folder = home / "collections" / collection
    folder.parent.mkdir(parents=True, exist_ok=True)
    content = b'<p>The plan.<img src="data:image/png;base64,%b">' % base64.b64encode(PICTURE)
    groups = frozenset({group} if group else ())
    with Build(folder, HashEmbedder()) as build:
        record, chunks = document(
            HIDDEN_PAGE, "The plan.\n", media_type="text/html", source="api", groups=groups
        )
        record = replace(record, digest=hashlib.sha256(content).hexdigest())
        _keep_original(folder, record.digest, content)
        build.add(record, chunks)
        build.publish()


def _keep_original(folder: Path, digest: str, content: bytes) -> None:
    file = original_file(folder, digest)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def publish_pdfs(home: Path, collection: str = "papers") -> None:
    """Publish a PDF of two pages, another one for staff alone, and one whose bytes are damaged."""
    folder = home / "collections" / collection
    folder.parent.mkdir(parents=True, exist_ok=True)
    body = made(lines(FIRST), lines(SECOND))
    places = [
        TextBox(0, len(FIRST), 1, (72, 90, 240, 104)),
        TextBox(len(FIRST) + 1, len(PDF_TEXT) - 1, 2, (72, 90, 220, 104)),
    ]
    boxes = write_boxes([(WIDTH, HEIGHT)] * 2, places)
    with Build(folder, HashEmbedder()) as build:
        for uri, content, groups in (
            (PDF_URI, body, frozenset()),
            (HIDDEN_PDF, body + b"\n", frozenset({"staff"})),
            (DAMAGED_PDF, b"%PDF-1.7 torn", frozenset()),
        ):
            record, chunks = document(
                uri,
                PDF_TEXT,
                title="Refund rules",
                media_type="application/pdf",
                source="api",
                groups=groups,
            )
            record = replace(record, digest=hashlib.sha256(content).hexdigest(), boxes=boxes)
            _keep_original(folder, record.digest, content)
            page_chunks = [replace(chunk, page=n) for n, chunk in enumerate(chunks, start=1)]
            build.add(record, page_chunks)
        build.publish()
