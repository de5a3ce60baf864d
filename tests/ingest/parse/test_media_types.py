import pytest
from document_checks import sound, zipped
from office_files import deck, par, relations, shape, slide, word

from ingest.errors import Unreadable
from ingest.parse import registry
from ingest.parse.media_types import DOCX, ODS, PPTX, XLS, XLSX, detect_media_type
from ingest.parse.office.conversions import CONVERSIONS

MARKDOWN = "# Title\n\nSome **bold** text with [a link](b.md).\n\n- one\n- two\n"
CSV = "name,price\nPro,9\nBasic,4\nFree,0\n"
CALENDAR = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Drill\nEND:VEVENT\nEND:VCALENDAR\n"
MAIL = "Received: by x\nFrom: a@b.example\nTo: b@c.example\nSubject: x\n\nHello.\n"
SAVED = (
    'Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/related; boundary="b"\n\n--b\n'
    "Content-Type: text/html\nContent-Location: file:///a.html\n\n<p>Hi</p>\n--b--\n"
)
PART = '<div class="c">\n    <h2>Fees</h2>\n    <p>Two.</p>\n</div>'
PAGE = "<!doctype html><html><body><p>Text</p></body></html>"


@pytest.mark.parametrize(
    ("body", "name", "kind"),
    [
        ("%PDF-1.7\n1 0 obj", "notes.txt", "application/pdf"),
        (PAGE, "readme.md", "text/html"),
        ("\n<!-- c -->\n<HTML lang=en><head></head></HTML>", "x", "text/html"),
        ("<p>One</p>\n<p>Two</p><ul><li>a</li><li>b</li></ul><div>c</div>", "part", "text/html"),
        (
            "<h1 align=center>Tool</h1>\n\n# Use\n\n```sh\nx\n```\n\n[a](b)\n",
            "README.html",
            "text/markdown",
        ),
        (f"<?php\ninclude 'head.php';\n?>\n{PART}", "shop.php", "text/html"),
        (f"<?php go();\n?>\n\n{PART}\n<?php end();", "shop", "text/html"),
        (f'<%@ page language="java" %>\n{PAGE}', "shop.jsp", "text/html"),
        (f'{{% extends "base" %}}\n{{% block main %}}\n{PART}', "shop.html", "text/html"),
        (f"{PART}<script>\n// a\n- b\n# c\n**d**\n</script>", "shop", "text/html"),
        ("<?php\necho 'a';\n$b = ['c' => 1];\n", "code.php", "text/plain"),
        (f"{PART}\n\n# Use\n\n- **a**\n", "readme.md", "text/markdown"),
        (MARKDOWN, "notes.txt", "text/markdown"),
        (MARKDOWN, "page.html", "text/markdown"),
        ("| a | b |\n|---|---|\n| 1 | 2 |\n", "x", "text/markdown"),
        ("Just a line.", "x.md", "text/markdown"),
        ("Just a line, with a comma.\nAnd, another.\nAnd no more.", "x.txt", "text/plain"),
        ("- milk\n- bread\n", "list.txt", "text/plain"),
        (CSV, "data.txt", "text/csv"),
        (CSV.replace(",", "\t"), "data", "text/csv"),
        ("Industry\nRetail\n", "one.csv", "text/csv"),
        ('{"text": "a"}\n{"text": "b"}\n', "x.txt", "application/jsonl"),
        ('[{"text": "a"}]', "x", "application/jsonl"),
        ('{\n "text": "a"\n}', "x", "application/jsonl"),
        ("{curly} words [and] brackets", "x", "text/plain"),
        (MAIL, "x.txt", "message/rfc822"),
        ("From: me\n\nDear all,", "letter.txt", "text/plain"),
        ("WEBVTT\n\n00:01 --> 00:02\nHi", "x.txt", "text/vtt"),
        ("<?xml version='1.0'?><feed/>", "x.xml", "application/xml"),
        ("<?xml version='1.0'?><a><![CDATA[<html>]]></a>", "x", "application/xml"),
        ("<feed><a>One</a></feed>", "x.xml", "application/xml"),
        ("limits:\n  burst: 40\n# of a key\n", "x.yml", "application/yaml"),
        ("Just a line with words.\nAnd another.", "x.yaml", "text/plain"),
        (SAVED, "wiki.doc", "multipart/related"),
        (f"To: a@b.example\nFrom: c@d.example\n{SAVED}", "mail.eml", "message/rfc822"),
    ],
)
def test_content_decides_and_the_name_only_where_content_leaves_it_open(body, name, kind):
    assert detect_media_type(body.encode(), name) == kind
    if kind not in {"application/pdf", "application/xml"}:
        assert detect_media_type(body.encode("utf-16"), name) == kind


def test_packages_are_told_by_their_entries():
    assert detect_media_type(word(par("x")), "x.pdf") == DOCX
    assert detect_media_type(deck(slide(shape("x"))), "x.zip") == PPTX
    assert detect_media_type(zipped({"xl/workbook.xml": "x"}), "x") == XLSX
    assert (
        detect_media_type(zipped({"mimetype": "application/epub+zip"}), "x")
        == "application/epub+zip"
    )
    assert detect_media_type(zipped({"a.txt": "x"}), "x.docx") == "application/zip"


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512


@pytest.mark.parametrize(
    ("body", "name", "reason"),
    [
        (b"", "x.txt", "empty"),
        (b" \n\t\0", "x.pdf", "empty"),
        (
            OLE + "WordDocument".encode("utf-16-le"),
            "x.txt",
            r"legacy Word file \(.doc\): install LibreOffice to have it read, or save it as .docx",
        ),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "x.docx", "password"),
        (OLE + "__nameid_version1.0".encode("utf-16-le"), "x.msg", "damaged"),
        (zipped({"mimetype": "application/vnd.oasis.opendocument.text"}), "x.odt", "OpenDocument"),
        (zipped({"a.txt": "x"}), "x.zip", "archive"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 99, "x.md", "picture"),
        (b"GIF89a" + b"\0" * 99, "x", "picture"),
        (b"\0\0\0\x20ftypisom" + b"\0" * 99, "x", "video"),
        (b"\x7fELF" + b"\0" * 99, "x", "program"),
        (b"MZ\x90\0\3" + b"\0" * 999, "x", "program"),
        (b"\x1f\x8b\x08" + b"\0" * 99, "x", "archive"),
        (b"{\\rtf1 text}", "x.doc", "rich text"),
        (bytes(range(256)) * 9, "x.pdf", "binary"),
        (b"PK\x03\x04 cut", "x.docx", "damaged"),
        (zipped({"xl/workbook.bin": b"x"}), "x.xlsb", "save it as .xlsx"),
        (b"<svg xmlns='u'><text>a</text></svg>", "x.svg", "drawing"),
    ],
)
def test_what_is_not_read_is_refused_with_a_reason(body, name, reason):
    with pytest.raises(Unreadable, match=reason):
        registry.parse_document(body, name)


def test_words_may_begin_like_a_picture():
    assert sound(
        registry.parse_document(b"BM means bookmark. ID3 is a tag. MZ is a pair of letters.", "x")
    ).text


def test_every_parser_names_its_type():
    made = {
        "text/markdown": MARKDOWN, "text/csv": CSV, "message/rfc822": MAIL, "text/html": PAGE,
        "application/mbox": f"From a@b Mon\n{MAIL}", "text/calendar": CALENDAR, "text/plain": "Words.", "application/jsonl": '{"text": "a"}', "text/vtt": "WEBVTT\n\n00:01 --> 00:02\nHi",
        "application/xml": "<?xml version='1.0'?><a>Hi</a>", "multipart/related": SAVED,
    }  # fmt: skip
    for kind, body in made.items():
        assert registry.parse_document(body.encode(), "x").media_type == kind
    office = {DOCX, PPTX, XLSX, XLS, ODS, "application/vnd.ms-outlook"}
    others = {"application/pdf", "application/epub+zip", "application/yaml", *CONVERSIONS}
    assert set(made) | office | others == set(registry.PARSERS)


def test_nesting_beyond_all_measure_is_refused():
    parts = (
        "From: a@b.example\nTo: c@d.example\nSubject: x\n"
        + "Content-Type: message/rfc822\n\n" * 5000
    )
    with pytest.raises(Unreadable, match="nested too deep"):
        registry.parse_document(parts.encode(), "x.eml")


def test_a_package_of_another_kind_has_no_slides():
    with pytest.raises(Unreadable, match="no text"):
        registry.PARSERS[PPTX](
            zipped({"_rels/.rels": relations({"a.xml": "officeDocument"}), "a.xml": "<a/>"}), "x"
        )
