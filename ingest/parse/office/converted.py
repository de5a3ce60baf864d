"""Older office documents: what LibreOffice made of them is read like a file of the newer format.

Without it, rich text is read as words and lines; the others are refused with the reason.
"""

from dataclasses import replace

from ingest.document import Document
from ingest.errors import Unreadable
from ingest.parse import media_types
from ingest.parse.office import docx, pptx, rich_text
from ingest.parse.office.conversions import CONVERSIONS, ConversionNeeded
from ingest.parse.parse_options import ParseOptions
from ingest.parse.zip_archive import Archive

_USUAL_OPTIONS = ParseOptions()
_TARGET_PARSERS = {"docx": (media_types.DOCX, docx.parse), "pptx": (media_types.PPTX, pptx.parse)}


def parse(body: bytes, uri: str) -> Document:
    """Ask for the document to be converted. Raises ConversionNeeded; Unreadable for a bomb."""
    if body.startswith(b"PK"):
        Archive(body)
    media_type = media_types.detect_media_type(body, uri)
    if media_type not in CONVERSIONS:
        raise Unreadable("damaged: another format than it was taken for")
    raise ConversionNeeded(media_type)


def parse_converted(
    body: bytes, uri: str, media_type: str, *, options: ParseOptions = _USUAL_OPTIONS
) -> Document:
    """Read what a document of a media type was converted to. Raises Unreadable."""
    target_type, parse_target = _TARGET_PARSERS[CONVERSIONS[media_type].target]
    if media_types.detect_media_type(body, uri) != target_type:
        raise Unreadable("damaged: LibreOffice made no document of it")
    return replace(parse_target(body, uri, options=options), media_type=media_type)


def parse_unconverted(body: bytes, uri: str, media_type: str, reason: str) -> Document:
    """Read a document that could not be converted, for a reason. Raises Unreadable with it."""
    if media_type != rich_text.RICH_TEXT_TYPE:
        raise Unreadable(reason)
    return rich_text.parse(body, uri)
