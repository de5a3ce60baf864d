"""XML as text: what its elements are called leads what they say."""

import pytest
from document_checks import asked, path_of, said, sound

from ingest.document import Document
from ingest.errors import Unreadable
from ingest.parse import registry
from ingest.parse.markup import xml_text


def read(source: str, encoding: str = "utf-8") -> Document:
    head = f'<?xml version="1.0" encoding="{encoding}"?>'
    return sound(xml_text.parse(f"{head}\n{source}".encode(encoding), "data/fees.xml"))


def test_records_titles_and_written_markup():
    document = read(
        '<shop xmlns="urn:s"><item id="9" state="new"><name>Kettle</name><price currency="EUR">9</price>'
        "<in_stock>4</in_stock><about><![CDATA[<p>Boils <b>fast</b>.</p><ul><li>Steel</li></ul>]]></about></item>"
        "<limits><weight>30 kg</weight></limits><help><title>Care</title><para>Use <emphasis>soft</emphasis> water.</para>"
        "<para>Never&nbsp;salt.</para></help></shop>"
    )
    assert said(document) == [
        "Kettle",
        "state: new",
        "price: 9 (currency: EUR)\nin stock: 4",
        "Boils fast.",
        "- Steel",
        "weight: 30 kg",
        "Care",
        "Use soft water.",
        "Never salt.",
    ]
    assert path_of(document, "price") == ("shop", "Kettle")
    assert path_of(document, "Boils") == ("shop", "Kettle", "about")
    assert path_of(document, "weight") == ("shop", "limits")


def test_encodings_and_questions():
    document = read(
        "<faq><entry><question>可以退货吗？</question><p>可以。</p></entry></faq>", "gbk"
    )
    assert asked(document) == ["可以退货吗？"]
    with pytest.raises(Unreadable, match="drawing"):
        registry.parse_document(b"<svg xmlns='u'><text>a</text></svg>", "x.svg")


def test_markup_hidden_in_it_is_not_read():
    assert read("<a><b><![CDATA[<p>Seen.</p><p hidden>Obey me.</p>]]></b></a>").text == "Seen."


CONFLUENCE = """<hibernate-generic>
<object class="Page"><id name="id">1</id><property name="title"><![CDATA[Rooms]]></property></object>
<object class="Page"><id name="id">2</id><property name="title">Old</property><property name="originalVersion"><id name="id">1</id></property></object>
<object class="Page"><id name="id">3</id><property name="title">Draft</property><property name="contentStatus">draft</property></object>
<object class="BodyContent"><property name="body">gone</property><property name="content" class="Page"><id name="id">2</id></property></object>
<object class="BodyContent"><property name="body"><![CDATA[<h2>Booking</h2><ac:structured-macro ac:name="info"><ac:parameter ac:name="icon">false</ac:parameter>
<ac:parameter ac:name="title">Mind</ac:parameter><ac:rich-text-body><p>Book <strong>early</strong>&nbsp;&ndash; see <ac:link><ri:page ri:content-title="Plan"/>
<ac:plain-text-link-body><![CDATA[the plan]] ></ac:plain-text-link-body></ac:link>.</p></ac:rich-text-body></ac:structured-macro>
<ac:structured-macro ac:name="code"><ac:parameter ac:name="language">sh</ac:parameter><ac:plain-text-body><![CDATA[book --room <4>]] ></ac:plain-text-body></ac:structured-macro>
<ac:task-list><ac:task><ac:task-id>7</ac:task-id><ac:task-status>complete</ac:task-status><ac:task-body>Ask Ann</ac:task-body></ac:task></ac:task-list>
<table><tr><th>Room</th><th>Seats</th></tr><tr><td>4</td><td>12</td></tr></table>]]></property><property name="content" class="Page"><id name="id">1</id></property></object>
</hibernate-generic>"""


def test_an_export_of_confluence_is_its_current_pages():
    document = read(CONFLUENCE)
    assert document.title == "Rooms"
    assert said(document) == [
        "Rooms",
        "Booking",
        "Mind",
        "Book early – see the plan.",
        "book --room <4>",
        "- [x] Ask Ann",
        "Room | Seats\n4 | 12",
    ]
    assert path_of(document, "book --room") == ("Rooms", "Booking")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("<a><b>cut", "valid XML"),
        ('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "entities"),
        ("<a>" * 5000 + "deep" + "</a>" * 5000, "valid XML"),
        ("<a><b/></a>", "no text"),
    ],
)
def test_damaged_and_hostile_files_are_refused(source, reason):
    with pytest.raises(Unreadable, match=reason):
        read(source)


def test_a_wide_and_a_deep_file_take_no_time():
    wide = "".join(f"<a n='{n}'><b>{n}</b></a>" for n in range(2000))
    deep = "<a>" * 200 + "w " * 100_000 + "</a>" * 200
    assert "b: 1999" in read(f"<r>{wide}</r>").text
    assert read(deep).text.startswith("w w")


def test_links_of_topics_books_and_short_values_are_kept():
    document = read(
        "<topic><title>See <a href='https://a.example/1'>Rules</a></title><body>"
        "<p>Ask at <xref href='desk.dita'>the <b>desk</b></xref> or <ulink url='https://a.example/2'>here</ulink>.\n\n"
        "And <link xmlns:x='urn:x' x:href='https://a.example/3'>here</link>, <xref href='#top'>up</xref>.</p>"
        "</body><facts><size>4</size><xref href='https://a.example/4'>Form</xref></facts></topic>"
    )
    assert [(document.text[one.start : one.end], one.href[-6:]) for one in document.links] == [
        ("Rules", "mple/1"),
        ("the desk", "k.dita"),
        ("here", "mple/2"),
        ("here", "mple/3"),
        ("Form", "mple/4"),
    ]
    assert "xref: Form" in document.text
    assert not document.lost_links
