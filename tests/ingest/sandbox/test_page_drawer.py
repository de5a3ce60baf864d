"""Pages drawn in a limited child: what one document does to it, no other sees."""

import pytest
from pdf_files import lines, made

from ingest.errors import Unreadable
from ingest.parse.media_types import DOCX
from ingest.sandbox import page_drawer
from ingest.sandbox.page_drawer import PageDrawer


@pytest.fixture
def drawer():
    drawer = PageDrawer()
    yield drawer
    drawer.close()


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "a.pdf"
    file.write_bytes(made(lines("One."), lines("Two.")))
    return file


def test_a_child_draws_pages_of_one_document_alone(drawer, file):
    first = drawer.draw_page(file, "a", 0, 100)
    child = drawer._child
    assert drawer.draw_page(file, "a", 1, 100) != first
    assert drawer._child is child
    assert drawer.draw_page(file, "b", 0, 100) == first
    assert drawer._child is not child
    assert child.has_ended
    drawer.end_idle_child()
    assert drawer._child is None
    assert drawer.draw_page(file, "b", 0, 100) == first


def test_a_child_that_takes_too_long_is_ended_and_the_next_page_comes(drawer, file, monkeypatch):
    drawer.draw_page(file, "a", 0, 100)
    with monkeypatch.context() as patch:
        patch.setattr(page_drawer, "_WALL_SECONDS", 0.0)
        with pytest.raises(Unreadable, match="took longer"):
            drawer.draw_page(file, "a", 0, 2_000)
    assert drawer.draw_page(file, "a", 0, 100)


def test_what_cannot_be_drawn_is_said(drawer, file, tmp_path):
    with pytest.raises(Unreadable, match="cannot be drawn"):
        drawer.draw_page(file, "a", 2, 100)
    torn = tmp_path / "torn.pdf"
    torn.write_bytes(b"%PDF-1.7 torn")
    with pytest.raises(Unreadable, match="damaged"):
        drawer.draw_page(torn, "torn", 0, 100)
    with pytest.raises(Unreadable, match="archive"):
        drawer.read_pictures(torn, "torn", DOCX)
    link = tmp_path / "link.pdf"
    link.symlink_to(file)
    with pytest.raises(Unreadable, match="cannot be read"):
        drawer.draw_page(link, "link", 0, 100)
    drawer.close()
    with pytest.raises(Unreadable, match="stopping"):
        drawer.draw_page(file, "a", 0, 100)
