import json

import pytest
from document_checks import asked, path_of, said, sound, zipped

from ingest.errors import Unreadable
from ingest.parse import plain_text, text_encoding
from ingest.parse.data import delimited, json_records, subtitles
from ingest.parse.mail import message
from ingest.parse.markup import epub


def text(source: str):
    return sound(plain_text.parse(source.encode(), "a/note.txt"))


def test_plain_text_keeps_its_own_lines():
    document = text(
        "Kettle guide\n\nBefore use\nBoil water.\nPour it away.\n\n- one\n- two\n\n=====\n\n\tEnd."
    )
    assert document.title == "Kettle guide"
    assert said(document) == [
        "Kettle guide",
        "Before use\nBoil water.\nPour it away.",
        "- one\n- two",
        "End.",
    ]
    assert [block.kind for block in document.blocks] == [
        "paragraph",
        "paragraph",
        "list",
        "paragraph",
    ]


def test_lines_wrapped_at_a_column_are_joined():
    wrapped = (
        "The agreement between the buyer and the seller begins on the day\n"
        "on which the seller confirms the order and ends when the article\n"
        "has been paid for and handed over to the buyer.\n"
    )
    assert text(wrapped).text == wrapped.replace("\n", " ").strip()


def test_questions_in_plain_text():
    document = text(
        "Q: Can I pay later?\nA: Yes.\n\n问：多久到？\n\n答：三天。\n\nQ: And then?\n\nNo answer."
    )
    assert asked(document) == ["Q: Can I pay later?", "问：多久到？"]
    assert said(document, "paragraph") == ["Q: And then?", "No answer."]


TALK = "退款政策：您可以在收到商品后三十天内申请退款，运费由我们承担。Refunds take five days."


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030", "gbk"],
)
def test_encodings_are_found(encoding):
    assert text_of(TALK.encode(encoding)) == TALK


def text_of(body: bytes) -> str:
    return plain_text.parse(body, "x.txt").text


def test_western_and_traditional_texts_are_found():
    assert text_of("Café für alle – “naïve” €5".encode("cp1252")) == "Café für alle – “naïve” €5"
    assert (
        text_of("退款政策：您可以在三十天內申請退貨".encode("big5"))
        == "退款政策：您可以在三十天內申請退貨"
    )


def test_damaged_utf8_stays_readable():
    body = TALK.encode() * 20
    assert TALK[:10] in text_of(body[:500] + b"\xff" + body[500:])


@pytest.mark.parametrize("body", [bytes(range(256)) * 20, b"\x00\x01\x02" * 500])
def test_binary_data_is_no_text(body):
    with pytest.raises(Unreadable, match="binary"):
        text_encoding.decode_text(body)


def test_csv_is_a_table_with_its_header():
    document = sound(delimited.parse(b'Plan;Price\nPro;9,50\n\nBasic;"4\n5"\n', "prices.csv"))
    assert document.text == "Plan | Price\nPro | 9,50\nBasic | 4 5"
    assert document.blocks[0].header == "Plan | Price"
    assert document.title == "prices"


@pytest.mark.parametrize(
    ("head", "topic"),
    [("id,Question,Answer,Topic,Since", "pay"), ("编号,问题,答案,分类,Since", "pay")],
)
def test_csv_with_questions_and_answers_is_a_faq(head, topic):
    document = sound(
        delimited.parse(
            f'{head}\n1,Can I pay later?,"Yes, by invoice.",{topic},2024\n2,,Only words,,\n'.encode(),
            "f.csv",
        )
    )
    assert asked(document) == ["Can I pay later?"]
    assert "Yes, by invoice." in document.text
    assert "Since: 2024" in document.text
    assert document.blocks[0].path == (topic,)
    assert path_of(document, "Only words") == ()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'a,b\n1,"open\n3,4\n', "never closed"),
        (b"a,b\n1," + b"x" * 2_100_000, "longer than 2,000,000"),
        (b'a,b\n1,"' + b"3,4\n" * 600_000, "longer than"),
    ],
)
def test_broken_tables_are_refused(body, reason):
    with pytest.raises(Unreadable, match=reason):
        delimited.parse(body, "x.csv")


def test_loose_quotes_are_read():
    assert '5" pipe' in sound(delimited.parse(b'a,b\n"x"y,5" pipe\n1,2\n', "x.csv")).text


def test_json_lines_are_one_entry_each():
    lines = [
        {
            "id": 1,
            "title": "Jug",
            "text": "Article SP-1104.\n\nGlass.",
            "price": 24.9,
            "tags": ["a", "b"],
        },
        {"question": "Is it safe?", "answer": "Yes.", "since": 2024},
        {"name": "Lid", "colour": None, "size": {"w": 1, "h": 2}},
    ]
    document = sound(json_records.parse("\n".join(map(json.dumps, lines)).encode(), "parts.jsonl"))
    assert said(document) == [
        "Jug",
        "Article SP-1104.",
        "Glass.",
        "price: 24.9\ntags: a, b",
        "Is it safe?\nYes.\nsince: 2024",
        "Lid",
        "size: w: 1; h: 2",
    ]
    assert path_of(document, "Glass.") == ("Jug",)
    assert path_of(document, "Is it") == ()


@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: {"data": rows, "total": 1}])
def test_json_documents_hold_records(wrap):
    document = json_records.parse(
        json.dumps(wrap([{"text": "One."}, {"text": "Two."}]), indent=1).encode(), "x.json"
    )
    assert said(sound(document)) == ["One.", "Two."]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"a": 1}\n{"b": \n', "line 2 is no JSON"),
        (b"[" * 100_000, "nested|no JSON"),
        (b'{"id": 1}', "no text"),
    ],
)
def test_broken_records_are_refused(body, reason):
    with pytest.raises(Unreadable, match=reason):
        json_records.parse(body, "x.jsonl")


MAIL = """From: =?utf-8?q?J=C3=B6rg?= <j@shop.example>
To: team@shop.example
Date: Mon, 02 Nov 2026 08:30:00 +0100
Subject: =?utf-8?b?6YCA5qy+?= rules
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: multipart/alternative; boundary=c

--c
Content-Type: text/plain; charset=gb2312
Content-Transfer-Encoding: 8bit

{plain}
--c
Content-Type: text/html; charset=utf-8

<p>Markup.</p><blockquote type="cite">Old.</blockquote>
--c--
--b
Content-Type: application/pdf
Content-Disposition: attachment; filename="price list.pdf"

x
--b--
"""


def test_an_email_is_its_subject_sender_and_words():
    words = "退款五天。\n\nOn Sunday, Ann wrote:\n> Old question\n"
    document = sound(message.parse(MAIL.replace("{plain}", words).encode("gb2312"), "x.eml"))
    assert document.title == "退款 rules"
    assert said(document) == [
        "退款 rules",
        "From: Jörg <j@shop.example>\nDate: Mon, 02 Nov 2026 08:30:00 +0100",
        "退款五天。",
        "On Sunday, Ann wrote",
        "Old question",
        "- Attachment: price list.pdf",
    ]
    assert [member.name for member in document.members] == ["1-price list.pdf"]


def test_an_email_of_markup_only():
    document = sound(message.parse(MAIL.replace("{plain}", "").encode(), "x.eml"))
    assert document.text.count("Markup.") == document.text.count("Old.") == 1


CONTAINER = '<container><rootfiles><rootfile full-path="OPS/b.opf"/></rootfiles></container>'
BOOK = """<package><metadata><title>Manual</title></metadata><manifest>
<item id="n" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="a" href="a%20b.xhtml" media-type="application/xhtml+xml"/><item id="c" href="c.xhtml" media-type="application/xhtml+xml"/>
</manifest><spine><itemref idref="n"/><itemref idref="c"/><itemref idref="a"/></spine></package>"""
CHAPTER = '<?xml version="1.0"?><html><head><title/></head><body><h1>{0}</h1><p>Text {0}.</p></body></html>'


def book(**more: str) -> bytes:
    chapters = {
        "OPS/nav.xhtml": CHAPTER.format("Nav"),
        "OPS/a b.xhtml": CHAPTER.format("A"),
        "OPS/c.xhtml": CHAPTER.format("C"),
    }
    extra = {name.replace("__", "/"): data for name, data in more.items()}
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": CONTAINER,
            "OPS/b.opf": BOOK,
            **chapters,
            **extra,
        }
    )


def test_a_book_is_read_in_the_order_of_its_spine():
    document = sound(epub.parse(book(), "x.epub"))
    assert document.title == "Manual"
    assert document.text == "C\n\nText C.\n\nA\n\nText A."


def test_a_protected_book_is_refused():
    rights = '<encryption><EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/></encryption>'
    body = zipped(
        {"META-INF/container.xml": CONTAINER, "META-INF/encryption.xml": rights, "OPS/b.opf": BOOK}
    )
    with pytest.raises(Unreadable, match="DRM"):
        epub.parse(body, "x.epub")


def test_subtitles_are_what_was_said():
    source = "WEBVTT\n\nNOTE secret\n\n1\n00:01.000 --> 00:02.000\n<v Ann>Hello <b>you</b>\n\n00:02.000 --> 00:03.000\n<v Ann>there.\n\n00:03.000 --> 00:04.000\n<v Bo>Hi.\n"
    assert said(sound(subtitles.parse(source.encode(), "x.vtt"))) == [
        "Ann: Hello you there.",
        "Bo: Hi.",
    ]


def test_a_mail_of_many_parts_within_one_another_is_skipped():
    """Each line is held against the end of every part around it."""
    parts = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(101))
    with pytest.raises(Unreadable, match="more than 100 mails or groups of parts"):
        message.parse(f"Subject: Deep\n{parts}\nHello.\n".encode(), "a.eml")
