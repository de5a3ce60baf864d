"""What is seen of a document over HTTP: pages of a PDF, pictures in other files, and by whom."""

import asyncio
import struct
from pathlib import Path

import pytest
from pdf_home import (
    DAMAGED_PDF,
    FIRST,
    HIDDEN_PAGE,
    HIDDEN_PDF,
    PDF_TEXT,
    PDF_URI,
    PICTURE,
    publish_pdfs,
    publish_pictures,
)
from web_home import serving

from indexes.store.paths import original_file
from ingest.errors import Unreadable
from ingest.sandbox.page_drawer import PageDrawer
from ragdesk.errors import NotFound, Overloaded
from ragdesk.web import page_images
from ragdesk.web.page_images import PageImages

BASE = "/v1/collections/papers/documents"
WHERE = f"{BASE}/{PDF_URI}/pages"


@pytest.fixture
def home(tmp_path):
    publish_pdfs(tmp_path)
    return tmp_path


def test_pages_are_described_with_the_boxes_of_a_quote(client):
    second = {"start": len(FIRST) + 1, "end": len(PDF_TEXT) - 1}

    described = client.get(WHERE, params=second).json()

    assert [round(page["width"]) for page in described["pages"]] == [595, 595]
    (box,) = described["boxes"]
    assert box == {"page": 2, "left": 72.0, "top": 90.0, "right": 220.0, "bottom": 104.0}
    assert client.get(WHERE).json()["boxes"] == []


def test_a_page_is_a_picture_of_the_width_asked_for(client):
    reply = client.get(f"{WHERE}/2", params={"width": 300})

    assert reply.status_code == 200
    assert reply.headers["content-type"] == "image/png"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in reply.headers["content-security-policy"]
    assert struct.unpack(">II", reply.content[16:24]) == (300, 425)
    assert client.get(f"{WHERE}/2", params={"width": 300}).content == reply.content
    assert client.get(f"{WHERE}/1", params={"width": 300}).content != reply.content


def test_a_page_that_is_not_there_is_a_404_and_an_odd_width_is_refused(client):
    for number in ("0", "3", "99999999999999999999", "-1", "x", "1.5", ""):
        assert client.get(f"{WHERE}/{number}").status_code == 404, number
    for width in ("99", "2001", "1e9", "x", ""):
        assert client.get(f"{WHERE}/1?width={width}").status_code == 422, width


def test_pages_are_given_to_whoever_may_see_the_document(client, keys):
    _, guest = keys.create("guest", groups=["guests"])
    _, staff = keys.create("staff", groups=["staff"])
    _, other = keys.create("other", collections=["elsewhere"])
    _, writer = keys.create("writer", scopes=["write"])

    def status(uri: str, token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        (code,) = {
            client.get(f"{BASE}/{uri}/pages{part}", headers=headers).status_code
            for part in ("", "/1?width=100", "?generation=1", "/1?width=100&generation=1")
        }
        return code

    assert status(HIDDEN_PDF, staff) == status(PDF_URI, guest) == 200
    assert status(HIDDEN_PDF, guest) == status("none.pdf", guest) == status(PDF_URI, other) == 404
    assert status(PDF_URI, writer) == 403
    assert client.get(f"{WHERE}/1").status_code == 401


def test_what_cannot_be_drawn_is_a_404_with_the_reason(client, home):
    reply = client.get(f"{BASE}/{DAMAGED_PDF}/pages/1")
    assert reply.status_code == 404
    assert "cannot be shown" in reply.json()["detail"]
    (kept,) = (d for d in client.get(BASE).json()["documents"] if d["uri"] == PDF_URI)
    original_file(home / "collections" / "papers", kept["digest"]).unlink()
    assert "no longer kept" in client.get(f"{WHERE}/1").json()["detail"]


def test_a_document_that_is_no_pdf_has_no_pages(published, keys):
    with serving(published, keys) as client:
        where = "/v1/collections/default/documents/refunds.md/pages"
        assert client.get(where).json() == {"pages": [], "boxes": []}
        assert client.get(f"{where}/1").status_code == 404


class Drawer(PageDrawer):
    """Draws ten bytes, of some documents; ``drawn`` names them."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn: list[str] = []

    def draw_page(self, file: Path, digest: str, page: int, width: int) -> bytes:
        self.drawn.append(digest)
        if digest == "bad":
            raise Unreadable("It cannot be shown: it took longer than 10 s.")
        return bytes(10)


async def find(images: PageImages, digest: str, width: int = 100) -> bytes:
    return await images.find_page(Path("none"), digest, 0, width)


def test_pictures_are_kept_within_bounds_and_failures_are_not_tried_again(monkeypatch):
    monkeypatch.setattr(page_images, "MOST_BYTES", 25)
    drawer = Drawer()

    async def ask() -> None:
        images = PageImages(drawer)
        for digest in ("a", "b", "a", "c", "a", "b"):
            await find(images, digest)
        for width in (100, 200):
            with pytest.raises(NotFound, match="longer than"):
                await find(images, "bad", width)

    asyncio.run(ask())
    assert drawer.drawn == ["a", "b", "c", "b", "bad"]


def test_only_so_many_wait_for_a_picture_and_one_drawing_serves_them_all(monkeypatch):
    monkeypatch.setattr(page_images, "MOST_WAITING", 3)
    drawer = Drawer()

    async def ask() -> list[object]:
        images = PageImages(drawer)
        return await asyncio.gather(*(find(images, "a") for _ in range(5)), return_exceptions=True)

    replies = asyncio.run(ask())
    assert replies[:3] == [bytes(10)] * 3
    assert [type(reply) for reply in replies[3:]] == [Overloaded] * 2
    assert drawer.drawn == ["a"]


def test_pictures_in_a_file_are_given_to_whoever_may_see_it(home, keys):
    publish_pictures(home)
    where = "/v1/collections/pictures/documents"
    _, guest = keys.create("guest", groups=["guests"])
    _, staff = keys.create("staff", groups=["staff"])
    with serving(home, keys) as client:

        def get(path: str, token: str):
            return client.get(f"{where}/{path}", headers={"Authorization": f"Bearer {token}"})

        assert get(f"{HIDDEN_PAGE}/pictures", staff).json() == {"pictures": 1}
        reply = get(f"{HIDDEN_PAGE}/pictures/1", staff)
        assert reply.content == PICTURE
        assert reply.headers["content-type"] == "image/png"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in reply.headers["content-security-policy"]
        for path in ("pictures", "pictures/1"):
            assert get(f"{HIDDEN_PAGE}/{path}", guest).status_code == 404
        for number in ("0", "2", "x", "-1"):
            assert get(f"{HIDDEN_PAGE}/pictures/{number}", staff).status_code == 404
