"""What an operator chooses of the chat page, and the questions it offers."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import HashEmbedder
from faq_home import ASKED, STAFF_QUESTION, ZH_QUESTION, publish_faq
from starlette.testclient import TestClient
from web_home import publish

from ragdesk.assemble import Workspace
from ragdesk.errors import SettingsError
from ragdesk.settings import Settings
from ragdesk.support.key_store import KeyStore
from ragdesk.web import api
from ragdesk.web.health_routes import PAGE_FILES
from ragdesk.web.page_options import PageLook, PageOptions

LOGO = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
SUGGESTIONS = "/v1/collections/faq/suggestions"


@contextlib.contextmanager
def serving_page(home: Path, keys: KeyStore, page: PageOptions) -> Iterator[TestClient]:
    settings = replace(Settings(), page=page)
    app = api.build_app(Workspace(home, settings, HashEmbedder()), keys)
    with TestClient(app, base_url="http://localhost:8080") as client:
        yield client


def test_the_page_looks_as_the_operator_set_it_and_asks_for_no_key(tmp_path, keys):
    logo = tmp_path / "logo.svg"
    logo.write_bytes(LOGO)
    page = PageOptions(name="Help", greeting="Ask!", logo=str(logo), suggestions=("Why?",))
    keys.create("closed")
    with serving_page(tmp_path, keys, page) as client:
        look = client.get("/v1/page").json()
        drawing = client.get("/page/logo")

    assert look == {
        "name": "Help",
        "greeting": "Ask!",
        "logo": "/page/logo",
        "accent": "",
        "accent_dark": "",
        "suggestions": ["Why?"],
    }
    assert drawing.content == LOGO
    assert drawing.headers["content-type"] == "image/svg+xml"
    assert drawing.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in drawing.headers["content-security-policy"]


def test_only_the_page_itself_may_listen(client):
    assert "microphone=(self)" in client.get("/").headers["permissions-policy"]
    for path in ("/page/app.js", "/page/index.html", "/v1/page", "/healthz", "/page/logo"):
        policy = client.get(path).headers["permissions-policy"]
        assert ("microphone=()" in policy) == (path != "/page/index.html"), path
    assert client.get("/page/logo").status_code == 404


@pytest.mark.parametrize(
    ("body", "words"),
    [(None, "cannot be read"), (b"GIF89a", "no PNG"), (b"x" * 200_000, "larger than")],
)
def test_a_logo_that_is_none_stops_the_start(tmp_path, body, words):
    file = tmp_path / "logo"
    if body is not None:
        file.write_bytes(body)
    with pytest.raises(SettingsError, match=words):
        PageLook.from_options(PageOptions(logo=str(file)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"accent": "red"}, "must be a colour"),
        ({"accent": "#ffee00"}, "cannot be read"),
        ({"accent_dark": "#101010"}, "cannot be read"),
        ({"name": " "}, "name must"),
        ({"greeting": "x" * 121}, "greeting must"),
        ({"suggestions": ("x",) * 9}, "suggestions must"),
    ],
)
def test_a_look_that_nobody_can_read_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        PageOptions(**options)


@pytest.fixture
def faq(tmp_path, keys) -> Iterator[tuple[TestClient, dict[str, str]]]:
    publish(
        tmp_path, "faq", {"tea.md": "Tea is served.\nSo is coffee.\n"}
    )  # rows before the entries
    chunk_ids = publish_faq(tmp_path)
    with serving_page(tmp_path, keys, PageOptions()) as client:
        yield client, chunk_ids


def test_questions_are_those_of_faq_entries_that_the_asker_may_see(faq, keys):
    client, chunk_ids = faq
    _, guest = keys.create("guest", groups=["guests"])
    _, staff = keys.create("staff", groups=["staff"])

    def questions(token: str, **query: str) -> list[str]:
        headers = {"Authorization": f"Bearer {token}"}
        return client.get(SUGGESTIONS, params=query, headers=headers).json()["questions"]

    assert questions(guest) == [ASKED[0], ZH_QUESTION, *ASKED[1:3]]
    assert questions(guest, language="zh") == [ZH_QUESTION]
    assert STAFF_QUESTION in questions(staff)
    assert questions(guest, chunk=chunk_ids[ASKED[3]]) == [ASKED[4], ASKED[5], ASKED[6]]
    assert questions(guest, chunk=chunk_ids[ASKED[7]]) == [ASKED[6], ASKED[5], ASKED[4]]
    hidden = chunk_ids[STAFF_QUESTION]
    assert questions(guest, chunk=hidden) == questions(guest, chunk="none") == []
    assert client.get(SUGGESTIONS).status_code == 401


def test_a_collection_without_faq_offers_nothing(client):
    assert client.get("/v1/collections/default/suggestions").json() == {"questions": []}
    assert client.get("/v1/collections/none/suggestions").status_code == 404


def test_what_pages_share_stands_in_each_of_them_once():
    pages = {name: body for name, (body, _) in PAGE_FILES.items() if name.endswith(".html")}
    assert set(pages) == {f"{name}.html" for name in ("index", "inbox", "admin", "docs", "widget")}
    for name, body in pages.items():
        assert b"<!--" not in body, name
        assert body.index(b'<meta charset="utf-8">') < 200, name  # within what browsers look at
        for words in (b"color-scheme", b"no-referrer", b"icon.svg"):
            assert body.count(words) == 1, (name, words)
        side = name in {"index.html", "inbox.html", "widget.html"}
        assert body.count(b'id="side-body"') == side, name
