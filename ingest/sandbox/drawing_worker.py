"""The child process that gives pictures of one document for people to see: on stdin and stdout.

It has the limits of the children that parse. A page of a PDF is drawn as a PNG; the pictures that
lie in the file of another document come as they are.
"""

from pathlib import Path
from typing import Any

from ingest.errors import Unreadable
from ingest.parse.pdf.page_images import render_page
from ingest.parse.pdf.pdfium_words import open_pdf
from ingest.parse.pdf.png_encoding import encode_png
from ingest.sandbox.child_process import (
    iter_requests,
    limit_memory,
    open_requests,
    read_body,
    say_ready,
    write_frame,
)
from ingest.sandbox.child_protocol import pack_frame


def main() -> None:
    """Answer one request after the other until the parent closes the pipe, or dies."""
    requests, answers, setting = open_requests()
    limit_memory(setting["memory"])
    say_ready(answers)
    document: Any = None
    for request in iter_requests(requests):
        try:
            if "media_type" in request:
                frame = _read_pictures(request)
            else:
                document = document or open_pdf(read_body(Path(request["file"]), real=False))
                picture = encode_png(render_page(document, request["page"], request["width"]))
                frame = pack_frame({}, picture)
        except MemoryError:
            frame = pack_frame({"memory": True})
        except Unreadable as error:
            frame = pack_frame({"failure": str(error)})
        except BaseException as error:  # noqa: BLE001 - a panic of a native library is no Exception
            frame = pack_frame({"failure": f"it is damaged ({type(error).__name__})"})
        write_frame(answers, frame)


def _read_pictures(request: dict[str, Any]) -> list[bytes]:
    from ingest.parse.picture_files import extract_pictures  # noqa: PLC0415 - a page waits for less

    body = read_body(Path(request["file"]), real=False)
    pictures = extract_pictures(body, request["media_type"])
    types = [picture.media_type for picture in pictures]
    return pack_frame({"types": types}, *(picture.body for picture in pictures))


if __name__ == "__main__":
    main()
