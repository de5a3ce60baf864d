"""A page saved with its files is read as the page."""

import base64

import pytest
from document_checks import said, sound

from ingest.document import Document
from ingest.errors import Unreadable
from ingest.parse import registry

PAGE = "<html><head><meta charset=utf-8><title>Plan</title></head><body><h1>清洁计划</h1><p>每天 17:30。</p></body></html>"


def saved(*parts: str, kind: str = "multipart/related") -> Document:
    head = (
        "From: <Saved by Blink>\r\nSnapshot-Content-Location: https://wiki.example/p\r\nSubject: Plan\r\n"
        f'MIME-Version: 1.0\r\nContent-Type: {kind};\r\n\ttype="text/html";\r\n\tboundary="----B"\r\n\r\n'
    )
    body = "".join(f"------B\r\n{part}\r\n" for part in parts)
    return sound(registry.parse_document(f"{head}\r\n{body}------B--\r\n".encode(), "w/plan.mhtml"))


def part(content: str, charset: str = "utf-8", location: str = "https://wiki.example/p") -> str:
    coded = base64.encodebytes(content.encode(charset)).decode()
    return (
        f"Content-Type: text/html; charset={charset}\r\nContent-Transfer-Encoding: base64\r\n"
        f"Content-Location: {location}\r\n\r\n{coded}"
    )


@pytest.mark.parametrize("charset", ["utf-8", "gb18030"])
def test_the_page_is_read_and_pages_in_it_are_noted(charset):
    picture = "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo="
    document = saved(
        part(PAGE, charset), picture, part("<p>Buy!</p>", location="https://ads.example")
    )
    assert (document.title, document.media_type) == ("清洁计划", "multipart/related")
    assert said(document) == ["清洁计划", "每天 17:30。"]
    assert document.notes == ("1 page within the page was not read",)


def test_a_saved_picture_and_parts_in_parts_are_refused():
    with pytest.raises(Unreadable, match="holds no page"):
        saved("Content-Type: image/png\r\nContent-Location: a\r\n\r\nx")
    with pytest.raises(Unreadable, match="groups of parts"):
        saved(*["Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx"] * 30)


def test_addresses_are_relative_to_where_the_page_was_saved():
    page = (
        "<p>See <a href='../forms/a.html'>the form</a> and <a href='https://b.example/'>B</a>.</p>"
    )
    links = [one.href for one in saved(part(page, location="https://a.example/w/x/p")).links]
    assert links == ["https://a.example/w/forms/a.html", "https://b.example/"]
    based = f"<head><base href='/n/'></head><body>{page}"
    assert saved(part(based)).links[0].href == "https://wiki.example/forms/a.html"
    # A part that lies on somebody's disk leads by the address of the whole.
    local = saved(part(page, location="file:///C:/x.html"))
    assert local.links[0].href == "https://wiki.example/forms/a.html"
    assert not local.lost_links
