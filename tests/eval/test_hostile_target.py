"""A rival or a judge that means harm: every reply has an end, and each failure is told."""

import gzip
import time
from http.server import BaseHTTPRequestHandler

import pytest
from engines import answering

from eval import targets
from eval.errors import NoAnswer
from eval.targets import post_json

MORE = b"a" * 65_536


class Hostile(BaseHTTPRequestHandler):
    sent = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        body, status, head = b"{}", 200, {}
        if self.path == "/bomb":
            body, head = gzip.compress(bytes(1 << 20)), {"content-encoding": "gzip"}
        elif self.path == "/deep":
            body = b"[" * 100_000
        elif self.path == "/elsewhere":
            status, head = 307, {"location": "/deep"}
        elif self.path == "/patience":
            status, head = 503, {"retry-after": "²"}
        self.send_response(status)
        for name, value in head.items():
            self.send_header(name, value)
        if self.path not in {"/endless", "/drip"}:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
            while self.path == "/endless" and Hostile.sent < 1 << 28:
                Hostile.sent += self.wfile.write(MORE)
            for _ in range(100 * (self.path == "/drip")):
                self.wfile.write(b" ")
                time.sleep(0.02)
        except OSError:
            pass

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("bomb", "coded"),
        ("deep", "not JSON"),
        ("elsewhere", "elsewhere"),
        ("patience", "HTTP 503"),
        ("endless", "larger"),
        ("drip", "longer"),
    ],
)
def test_a_reply_is_bounded(path, why, monkeypatch):
    monkeypatch.setattr(targets, "PAUSE", 0.01)
    monkeypatch.setattr(targets, "LARGEST_REPLY", 1 << 20)
    with answering(Hostile) as url, pytest.raises(NoAnswer, match=why):
        post_json(f"{url}/{path}", {}, 0.2 if path == "drip" else 10.0)
    assert Hostile.sent < 1 << 27
