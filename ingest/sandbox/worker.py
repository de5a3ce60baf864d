"""The child process that parses: requests come on stdin, answers go as frames to stdout.

The guard starts it as ``python -P -m ingest.sandbox.worker``. It reads only the file that a request
names, writes none, and needs no network. Its limits are set after its own imports, so that they
measure the document alone.
"""

import gc
from collections.abc import Callable, Collection
from importlib import import_module
from pathlib import Path
from typing import Any

from indexes.embedding.tokenizer import Tokenizer
from ingest.document import Document, drop_member_number, place_in_context
from ingest.errors import Unreadable
from ingest.ocr_pages import OcrNeeded
from ingest.parse.office.conversions import ConversionNeeded
from ingest.parse.office.recalculation_state import Recalculation, RecalculationNeeded
from ingest.parse.parse_options import ParseOptions
from ingest.parse.parser_table import CONVERTED_MODULE
from ingest.parse.registry import ParserNotPrepared, parse_document, prepare_parsers
from ingest.sandbox.child_process import (
    count_pages,
    iter_requests,
    limit_memory,
    open_requests,
    read_body,
    say_ready,
    write_frame,
)
from ingest.sandbox.child_protocol import CONTENT_PARTS, pack_document, pack_frame
from ingest.sandbox.page_reading import choose_page_reading
from ingest.split import SplitOptions, split_document

_REDACTION_MODULE = "ingest.document_redaction"  # imported only where it is wanted


def main() -> None:
    """Serve one request after the other until the parent closes the pipe, or dies."""
    requests, answers, setting = open_requests()
    prepared = prepare_parsers(setting["names"])
    tokenizer = Tokenizer(Path(setting["tokenizer"]))
    split = dict(setting["split"])
    parse = ParseOptions(**split.pop("parse", {}))
    redaction = split.pop("redaction", None)
    redact = import_module(_REDACTION_MODULE).make_redactor(redaction) if redaction else None
    options = SplitOptions(**split)
    tokenizer.count_tokens("A first word, so that the tokenizer allocates before the limit is set.")
    page_limit = limit_memory(setting["memory"])
    gc.freeze()  # what stays for good is looked at no more: 15 ms a document
    say_ready(answers)
    for request in iter_requests(requests):
        try:
            frame = answer_request(
                request,
                tokenizer=tokenizer,
                options=options,
                parse=parse,
                redact=redact,
                output=setting["output"],
                prepared=prepared,
            )
        except ParserNotPrepared:
            return  # its name promised another type; the job starts a process for all types
        write_frame(answers, frame)
        del frame
        gc.collect()
        if (
            count_pages() > page_limit
        ):  # what a large document left behind would count against the next
            return


def answer_request(  # noqa: PLR0913 - the setting of the child, and one request
    request: dict[str, Any],
    *,
    tokenizer: Tokenizer,
    options: SplitOptions,
    parse: ParseOptions,
    output: int,
    prepared: frozenset[str],
    redact: Callable[[Document], Document] | None = None,
) -> list[bytes]:
    """Make the frame for one request: the parsed document, or why it was not taken in.

    redact: takes personal data out, where it is to be. prepared: the types that this process
    reads. Raises ParserNotPrepared for another. Where OCR must read pages first, the frame names
    them.
    """
    try:
        body = read_body(Path(request["file"]), real=request.get("real", False))
        if "converted_from" in request:
            document = _parse_conversion(request, body, prepared, parse)
        else:
            document = parse_document(
                body,
                request["uri"],
                prepared=prepared,
                options=parse,
                known_type=request.get("media_type", ""),
                ocr=choose_page_reading(request),
                recalculation=_choose_recalculation(request),
            )
        if context := request.get("context", ""):
            document = place_in_context(drop_member_number(document, request["uri"]), context)
        del body
        if redact is not None:
            document = redact(document)
        chunks = split_document(
            document,
            uri=request["uri"],
            record_id="",  # the job names it, once it knows the media type
            tokenizer=tokenizer,
            options=options,
        )
        frame = pack_document(document, chunks)
    except ParserNotPrepared:
        raise
    except RecalculationNeeded as error:
        return pack_frame({"recalculate": True}, error.workbook)
    except BaseException as error:  # noqa: BLE001 - a panic of a native library is no Exception
        return pack_frame(_explain_error(error))
    if sum(map(len, frame[: 2 + CONTENT_PARTS])) > output:
        return pack_frame({"unreadable": f"holds more than {output >> 20} MiB of text"})
    return frame


def _parse_conversion(
    request: dict[str, Any], body: bytes, prepared: Collection[str], options: ParseOptions
) -> Document:
    """Parse what a document was converted to, or itself where it could not be, for a reason."""
    kind, uri, reason = request["converted_from"], request["uri"], request["reason"]
    if kind not in prepared:
        raise ParserNotPrepared(kind)
    converted = import_module(f"ingest.parse.{CONVERTED_MODULE}")
    document: Document = (
        converted.parse_unconverted(body, uri, kind, reason)
        if reason
        else converted.parse_converted(body, uri, kind, options=options)
    )
    return document


def _choose_recalculation(request: dict[str, Any]) -> Recalculation:
    """Return how formulas without a value are computed, as the request says."""
    if file := request.get("computed"):
        return Recalculation(state="done", copy=read_body(Path(file), real=False))
    if reason := request.get("not_computed"):
        return Recalculation(state="failed", reason=reason)
    return Recalculation(state=request.get("formulas", "unwanted"))


def _explain_error(error: BaseException) -> dict[str, Any]:
    """Return the header of an answer that has no document, and says why."""
    match error:
        case OcrNeeded():
            return {"ocr": error.pages}
        case ConversionNeeded():
            return {"unreadable": str(error), "convert": error.media_type}
        case Unreadable():
            return {"unreadable": str(error)}
        case MemoryError():
            return {"memory": True}
        case RecursionError():
            return {"unreadable": "nested too deeply"}
        case _:
            return {"unreadable": f"damaged, or in a form not read here ({type(error).__name__})"}


if __name__ == "__main__":
    main()
