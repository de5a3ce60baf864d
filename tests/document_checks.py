"""What every parser owes: blocks that are exactly their text, in order, never overlapping."""

import io
import zipfile
from collections.abc import Mapping

from indexes.chunk import LONGEST_HREF
from ingest.document import Block, Document


def sound(document: Document) -> Document:
    """Hold a document against the laws of blocks and pages, and hand it back."""
    text, before = document.text, 0
    assert text.strip()
    assert document.title.strip()
    for block in document.blocks:
        assert before <= block.start < block.end <= len(text)
        said = text[block.start : block.end]
        assert said == said.strip() or block.kind == "code"
        assert text[before : block.start] in {"", "\n\n"}  # nothing stands outside of blocks
        assert all(path.strip() for path in block.path)
        if block.question:
            assert block.start == block.question[0] < block.question[1] < block.end
        if block.header:
            assert said == block.header or said.startswith(f"{block.header}\n")
        before = block.end
    assert before == len(text)
    at = 0
    for start, end, href in document.links:
        assert at <= start < end <= len(text)
        assert text[start:end] == text[start:end].strip()
        assert href == href.strip()
        assert len(href) <= LONGEST_HREF
        at = end
    for page in document.pages:
        assert 0 <= page.start <= page.end <= len(text)
    return document


def said(document: Document, *kinds: str) -> list[str]:
    """Give the words of the blocks of some kinds; all without any."""
    return [words(document, block) for block in document.blocks if not kinds or block.kind in kinds]


def words(document: Document, block: Block) -> str:
    return document.text[block.start : block.end]


def linked(document: Document) -> list[tuple[str, str]]:
    """Give the words of the links, and where each leads."""
    return [(document.text[link.start : link.end], link.href) for link in document.links]


def asked(document: Document) -> list[str]:
    """Give the questions of the FAQ entries."""
    return [document.text[slice(*block.question)] for block in document.blocks if block.question]


def path_of(document: Document, start: str) -> tuple[str, ...]:
    """Give the path of the first block that begins with some words."""
    return next(b.path for b in document.blocks if document.text.startswith(start, b.start))


def zipped(entries: Mapping[str, str | bytes], *, level: int = 6) -> bytes:
    """Make a zip archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return file.getvalue()
