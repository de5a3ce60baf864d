"""A citation says where the words of its quote lead."""

import io
import json
from dataclasses import replace

from fakes import HashEmbedder, document, publish
from rich.console import Console
from unit_desk import open_desk

from indexes.chunk import DocumentLink, Passage
from indexes.index import Index
from ragdesk.answering.answer import CitedLink, to_json_object
from ragdesk.answering.statement import Quote
from ragdesk.answering.writing.cited_links import find_cited_links
from ragdesk.cli.terminal import print_answer

HANDBOOK = """# Visa

Book the appointment in the [consulate's calendar](https://consulate.example/book?city=Lyon) first.

Photos are taken [in room 4](../rooms.md).
"""


def test_an_answer_says_where_its_words_lead(tmp_path):
    with open_desk(tmp_path / "c", {"visa.md": HANDBOOK}) as ask:
        answer = ask("Where do I book the visa appointment?")

    cited = next(mark for mark in answer.citations if "appointment" in mark.quote)
    (link,) = cited.links
    assert cited.quote[link.start - cited.start : link.end - cited.start] == link.text
    assert (link.text, link.href) == (
        "consulate's calendar",
        "https://consulate.example/book?city=Lyon",
    )
    written = json.loads(json.dumps(to_json_object(answer)))
    (shown,) = [mark["links"] for mark in written["citations"] if "appointment" in mark["quote"]]
    assert shown == [{"start": link.start, "end": link.end, "text": link.text, "href": link.href}]
    assert all("links" not in mark for mark in written["citations"] if mark["quote"] != cited.quote)
    written_lines = io.StringIO()
    print_answer(Console(file=written_lines, width=40), answer)
    lines = written_lines.getvalue().splitlines()
    assert "    consulate's calendar: https://consulate.example/book?city=Lyon" in lines


def test_a_terminal_says_which_quotes_ocr_read(tmp_path):
    with open_desk(tmp_path / "c", {"visa.md": HANDBOOK}) as ask:
        answer = ask("Where do I book the visa appointment?")
    for scanned in (None, True):
        marks = tuple(replace(mark, ocr=scanned) for mark in answer.citations)
        written = io.StringIO()
        print_answer(Console(file=written, width=120), replace(answer, citations=marks))
        assert ("read by OCR" in written.getvalue()) is bool(scanned)


def test_only_what_may_be_opened_is_given_cut_to_the_quote(tmp_path):
    """Links of a forged store, too: a script never leaves it."""
    text = "Call us or write to the desk today."
    record, chunks = document("a.md", text)
    links = [
        (0, 7, "tel:+3301"),
        (8, 10, "JavaScript:x"),
        (11, 16, "../b.md"),
        (20, 28, "MAILTO:a@b.c"),
    ]
    record = replace(record, links=tuple(DocumentLink(*link) for link in links))
    publish(tmp_path / "c", (record, chunks))
    with Index.open(tmp_path / "c", card=HashEmbedder().card) as index:
        passage = Passage(chunk=chunks[0], score=1.0)

        def cited(start: int, end: int) -> tuple[CitedLink, ...]:
            return find_cited_links(index, Quote(passage, start, end, text[start:end]))

        assert [link.href for link in cited(0, len(text))] == ["tel:+3301", "MAILTO:a@b.c"]
        assert cited(24, len(text)) == (
            CitedLink(start=24, end=28, text="desk", href="MAILTO:a@b.c"),
        )
        assert cited(7, 20) == ()
