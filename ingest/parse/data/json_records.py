"""Parse JSON and JSON Lines: an entry for each record; questions with answers are an FAQ."""

from dataclasses import replace
from pathlib import PurePosixPath

from ingest.document import Document
from ingest.parse import text_encoding
from ingest.parse.data.json_values import read_values
from ingest.parse.data.record_writer import RecordWriter
from ingest.parse.document_builder import DocumentBuilder

JSON_LINES_TYPE = "application/jsonl"


def parse(body: bytes, uri: str) -> Document:
    """Read records. Raises Unreadable without text, or for a line that is no JSON."""
    builder = DocumentBuilder()
    writer = RecordWriter(builder)
    values = list(read_values(text_encoding.decode_text(body)))
    writer.write_values(values)
    document = builder.build_document(title=PurePosixPath(uri).stem, media_type=JSON_LINES_TYPE)
    return replace(document, notes=(*document.notes, *writer.describe_left_out()))
