"""A home with two collections, and the app that answers from it."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fakes import HashEmbedder, document
from starlette.testclient import TestClient

from indexes.build import Build
from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from ragdesk.support.key_store import KeyStore
from ragdesk.web import api
from ragdesk.web.serve_options import ServeOptions

REFUNDS = "# Refunds\nA refund reaches a bank account within 5 working days.\nGift cards are not refunded.\n"
TEXTS = {
    "refunds.md": REFUNDS,
    "emoji 🙂/shipping?.md": "🙂 Shipping 🙂\nParcels leave our warehouse within 24 hours. 🙂\n",
    "退款.md": "退款说明\n退款会在三个工作日内到账。\n",
}
SECRET = "secrets.md"  # noqa: S105, a document's name
CANARY = "The canary password of the cellar is xylophone.\n"

HOSTILE = [
    b"",
    b" ",
    b"{",
    b"nul",
    b'{"a": 1} x',
    b'{"a": NaN}',
    b'{"a": Infinity}',
    b'{"a": -Infinity}',
    b'{"a": 1e999}',
    b'{"a": ' + b"9" * 5_000 + b"}",
    b'{"a": -' + b"9" * 19 + b"}",
    b"[" * 100_000,
    b"[" * 50_000 + b"]" * 50_000,
    b'{"a":' * 100_000,
    b'"\\ud800"',
    b'{"\\udfff": 1}',
    b'["a\\u0000"]',
    b'"\xff"',
    b'"\xed\xa0\x80"',
    b'{"a": 1, "a": 2}',
    b'{"a": {"b": 1, "b": 1}}',
    b"\xef\xbb\xbf{}",
    b'{"a": "\n"}',
    b"[" + b"1," * 20_000 + b"1]",
    '{"a": 1}'.encode("utf-16"),
]


def publish(
    home: Path,
    collection: str,
    texts: dict[str, str],
    titles: dict[str, str] | None = None,
    source: str = "api",
    **groups: frozenset[str],
) -> int:
    folder = home / "collections" / collection
    folder.parent.mkdir(parents=True, exist_ok=True)
    with Build(folder, HashEmbedder()) as build:
        for uri, text in texts.items():
            allowed = groups.get(uri.partition(".")[0], frozenset())
            title = (titles or {}).get(uri, uri)
            build.add(*document(uri, text, title=title, groups=allowed, source=source))
        return build.publish().generation


@contextlib.contextmanager
def serving(
    home: Path,
    keys: KeyStore,
    *,
    tables: dict[str, Any] | None = None,
    **options: Any,
) -> Iterator[TestClient]:
    """Serve a home. options: of ``[serve]``; tables: other tables, by their names."""
    serve = ServeOptions(**{"poll_seconds": 0.05, **options})
    chosen = replace(Settings(), serve=serve, **(tables or {}))
    app = api.build_app(Workspace(home, chosen, HashEmbedder()), keys)
    with TestClient(app, base_url="http://localhost:8080", raise_server_exceptions=False) as client:
        yield client
