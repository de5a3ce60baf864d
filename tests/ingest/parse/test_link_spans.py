"""Where words lead is kept beside the text, which stays what it would be without."""

import re

import pytest
from document_checks import asked, linked, sound, zipped
from hypothesis import given
from hypothesis import strategies as st

from ingest.document import Document, describe_lost_links
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.link_spans import LONGEST_HREF, MOST_LINKS, read_address
from ingest.parse.markup import epub, html, markdown

A, B, C = "https://a.example/1", "https://b.example/2?x=1&y=2", "mailto:help@c.example"


def page(body: str) -> Document:
    document = sound(html.parse(f"<html><body>{body}</body></html>".encode(), "a.html"))
    bare = re.sub(r"</?a\b[^>]*>", "", body)
    assert document.text == html.parse(f"<html><body>{bare}</body></html>".encode(), "a.html").text
    return document


def test_the_right_one_of_equal_words_leads_there():
    document = page(
        f'<p>Not here, but <a href="{A}">here</a>\n and <b><a href="{C}">he<i>re</i></a></b>.</p>'
        f"<ul><li>here<li>or <a href='{B}'>here</a><ul><li><a href='{A}'>here </a>!</ul></ul>"
    )
    assert linked(document) == [("here", A), ("here", C), ("here", B), ("here", A)]
    starts = [link.start for link in document.links]
    assert document.text[starts[0] - 4 :].startswith("but here")
    assert document.text[starts[2] - 3 :].startswith("or here")


def test_a_word_wrapped_between_han_is_found():
    document = page(f'<p>体检请在\n<a href="{A}">体检\n预约系统</a>\n中预约。</p>')
    assert document.text == "体检请在体检预约系统中预约。"
    assert linked(document) == [("体检预约系统", A)]


def test_links_of_tables_stand_in_their_rows():
    rows = "".join(
        f'<tr><td>Form {n}</td><td><a href="{A}{n}">open</a></td><td>9</td></tr>' for n in "abc"
    )
    document = page(f"<table><caption>See <a href='{B}'>all</a></caption>{rows}</table>")
    assert linked(document) == [("all", B), *(("open", f"{A}{n}") for n in "abc")]
    lines = [document.text[link.start - 9 : link.end] for link in document.links[1:]]
    assert lines == ["Form a | open", "Form b | open", "Form c | open"]


def test_of_equal_cells_the_right_one_leads_there():
    rows = "".join(
        f"<tr><td>Form {n}</td><td>{'open' if n in 'acd' else f'<a href={A}{n}>open</a>'}</td>"
        "<td>9</td></tr>"
        for n in "abcde"
    )
    document = page(f"<table>{rows}</table>")
    lines = [document.text[link.start - 9 : link.end] for link in document.links]
    assert lines == ["Form b | open", "Form e | open"]


def test_links_of_questions_stand_in_their_answers():
    rows = "".join(
        f"<tr><td>Answer {n}: <a href='{A}{n}'>write to us</a>.</td><td>Question {n}?</td></tr>"
        for n in range(100)
    )
    document = page(f"<table><tr><th>Answer</th><th>Question</th></tr>{rows}</table>")
    assert asked(document)[99] == "Question 99?"
    assert [href for _, href in linked(document)] == [f"{A}{n}" for n in range(100)]
    for n, link in enumerate(document.links):
        assert document.text[: link.start].endswith(f"Answer {n}: ")


def test_equal_answers_of_several_questions_lead_to_their_own_places():
    rows = "".join(
        f"<tr><td>Who approves {n}?</td><td><a href='{A}{n}'>Ask the desk</a></td></tr>"
        for n in "xyz"
    )
    document = page(f"<table><tr><th>Question</th><th>Answer</th></tr>{rows}</table>")
    assert linked(document) == [("Ask the desk", f"{A}{n}") for n in "xyz"]
    assert document.lost_links == 0
    for block, link in zip(document.blocks, document.links, strict=True):
        assert block.start < link.start < link.end <= block.end


def test_equal_pieces_of_one_block_stand_in_places_of_their_own():
    builder = DocumentBuilder()
    for n, words in enumerate(("later", "form", "form", "form", "form")):
        builder.note_links(words, [(0, len(words), f"{A}{n}")])
    builder.add_paragraph("form, form, later")
    builder.add_paragraph("a form")
    document = sound(builder.build_document(title="t", media_type="text/plain"))
    assert [(link.start, link.href) for link in document.links] == [
        (0, f"{A}1"), (6, f"{A}2"), (12, f"{A}0"), (21, f"{A}3"),
    ]  # fmt: skip
    assert document.lost_links == 1


def test_headings_terms_and_whole_cards_lead_somewhere():
    document = page(
        f"<h1>All of <a href='{A}'>Refunds</a></h1><a href='{B}'><div><h3>Card</h3><p>Its words</p>"
        f"</div></a><dl><dt>Phone</dt><dd><a href='tel:+49 30 1'>030 1</a></dd></dl>"
        f"<details><summary>How? <a href='{C}'>Ask</a></summary>So.</details>"
    )
    assert linked(document) == [
        *(("Refunds", A), ("Card", B), ("Its words", B), ("030 1", "tel:+49%2030%201"), ("Ask", C))
    ]


def test_markdown_links_of_every_kind():
    document = sound(
        markdown.parse(
            f"See [the *form*]({A}), <{B}>, [up](../up.md#top) or [it][1].\n\n"
            f"- ![Map of all shops]({A}) and [![Plan of the site](p.png)]({C})\n\n"
            f"[1]: {B} 'Title'\n".encode(),
            "a.md",
        )
    )
    assert linked(document) == [
        *(("the form", A), (B, B), ("up", "../up.md#top"), ("it", B), ("Plan of the site", C))
    ]


def test_books_keep_their_links():
    chapter = f'<html><body><p>Ask <a href="{C}">Ann</a> or see <a href="c.xhtml">c</a>.</p></body></html>'
    container = '<c><rootfile full-path="b.opf"/></c>'
    book = (
        '<p><metadata><title>B</title></metadata><item id="a" href="a.xhtml"'
        ' media-type="application/xhtml+xml"/><itemref idref="a"/></p>'
    )
    parts = {"META-INF/container.xml": container, "b.opf": book, "a.xhtml": chapter}
    assert linked(sound(epub.parse(zipped(parts), "b.epub"))) == [("Ann", C), ("c", "c.xhtml")]


def test_a_page_that_names_its_base_has_whole_addresses():
    document = html.parse(
        b'<head><base href="https://a.example/help/"></head><p><a href="../f.pdf">Form</a>'
        b' <a href="//b.example/x">There</a> <a href="tel:1">Call</a></p>',
        "a.html",
    )
    assert linked(document) == [
        *(("Form", "https://a.example/f.pdf"), ("There", "https://b.example/x"), ("Call", "tel:1"))
    ]


@pytest.mark.parametrize(
    "address",
    [
        *(
            "javascript:alert(1)",
            " java\tscript:alert(1)",
            "JaVa\u200bScRiPt:x",
            "\x01data:text/html,x",
        ),
        *("#part", "", " ", "vbscript:x", "mailto:", "cid:1", "about:blank"),
    ],
)
def test_an_address_that_leads_nowhere_is_none(address):
    assert read_address(address) == ""
    assert read_address(address, "https://a.example/") == ""


def test_what_is_too_much_is_counted():
    builder = DocumentBuilder()
    long = "https://a.example/" + "x" * LONGEST_HREF
    builder.note_links("ab", [(0, 1, long), (1, 2, "ftp://a.example")])
    builder.note_links("words that are written nowhere", [(0, 5, A)])
    for n in range(MOST_LINKS + 5):
        builder.note_links(f"w{n}", [(0, 3, A)])
        builder.add_paragraph(f"w{n}")
    document = sound(builder.build_document(title="t", media_type="text/plain"))
    assert len(document.links) == MOST_LINKS - 1
    assert document.lost_links == 9
    assert describe_lost_links(9)[0].startswith("9 links lost their address")


def test_pieces_that_are_never_written_cost_little():
    builder = DocumentBuilder()
    for n in range(MOST_LINKS):
        builder.note_links(f"nowhere {n}", [(0, 7, A)])
    for _ in range(100):
        builder.add_paragraph("a" * 4_000)
    assert builder.build_document(title="t", media_type="text/plain").lost_links == MOST_LINKS


words = st.text("ab 请|\n", max_size=5)
pieces = st.lists(st.tuples(words, st.booleans()), max_size=6)


@given(st.lists(pieces, max_size=5))
def test_each_link_stands_where_its_words_do(paragraphs):
    """Paragraphs are numbered, so that no two are alike: then each place is exact."""
    builder = DocumentBuilder()
    expected = []
    for n, parts in enumerate(paragraphs):
        text, spans = f"{n}:", []
        for word, is_link in parts:
            if is_link:
                spans.append((len(text), len(text) + len(word), f"{A}/{n}/{len(text)}"))
                if word.strip(" |\n"):
                    before = len(re.sub(r"[\s|]", "", text))
                    expected.append((n, before, re.sub(r"[\s|]", "", word), spans[-1][2]))
            text += word
        builder.note_links(text, spans)
        builder.add_paragraph(text + ".")
    if not paragraphs:
        return
    document = sound(builder.build_document(title="t", media_type="text/plain"))
    places = []
    for start, end, href in document.links:
        number = sum(block.end <= start for block in document.blocks)
        block = document.blocks[number]
        before = len(re.sub(r"[\s|]", "", document.text[block.start : start]))
        places.append((number, before, re.sub(r"[\s|]", "", document.text[start:end]), href))
    assert places == expected
