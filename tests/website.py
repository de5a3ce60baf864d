"""A website of somebody else's: static pages with the headers of a careful one, on a port of its own."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

PAGE = """<!doctype html><html lang="{lang}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Shop</title>
<link rel="stylesheet" href="/shop.css"></head>
<body><main><h1>Fjord kettles</h1><p><a href="/other">Other kettles</a></p>{body}</main>{scripts}</body></html>"""


@dataclass
class Website:
    """pages: by path, each its media type, body and headers. port: once it runs."""

    pages: dict[str, tuple[str, bytes, dict[str, str]]] = field(
        default_factory=lambda: {"/favicon.ico": ("image/x-icon", b"", {})}
    )
    port: int = 0

    def add_page(
        self, path: str, *, scripts: str = "", body: str = "", lang: str = "en", **headers: str
    ) -> None:
        """Put an HTML page under a path. headers: with _ for -."""
        html = PAGE.format(lang=lang, scripts=scripts, body=body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.pages[path] = ("text/html; charset=utf-8", html.encode(), named)

    def add_file(self, path: str, media_type: str, text: str) -> None:
        """Put another file under a path."""
        self.pages[path] = (media_type, text.encode(), {})


@contextlib.contextmanager
def run_website() -> Iterator[Website]:
    """Serve a website on loopback until the end of the block."""
    website = Website()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            media_type, body, headers = website.pages.get(path, ("text/plain", b"", {}))
            self.send_response(200 if path in website.pages else 404)
            for name, value in {"Content-Type": media_type, **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    website.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield website
    finally:
        server.shutdown()
        server.server_close()
