"""Personal data is taken out of documents before they are split, and every offset holds after."""

from dataclasses import replace

import pytest
from document_checks import sound
from folder_files import write
from hypothesis import given, settings
from hypothesis import strategies as st

from indexes.chunk import DocumentLink
from indexes.index import Index
from indexes.text.redaction.redaction import RedactionOptions
from ingest.document import Member, Page
from ingest.document_redaction import is_redacted, redact_document
from ingest.parse.parse_options import ParseOptions
from ingest.parse.pdf.text_boxes import TextBox, find_boxes, write_boxes
from ingest.parse.registry import parse_document

OPTIONS = RedactionOptions()
MARKDOWN = """# Ann, ann@mail.example

Call 212-555-0123 on Monday. See [the form](https://shop.example/form) or [Ann](mailto:ann@mail.example).

| Name | Phone 212-555-0100 |
| --- | --- |
| Bo | 212-555-0199 |
| Cy | none |

## How do I reach ann@mail.example?

By [post to 12 Oak Street](https://shop.example/post), then [wait](wait.html).
"""


def read_document(text: str = MARKDOWN):
    return parse_document(text.encode(), "a.md", options=ParseOptions())


def test_the_text_its_blocks_and_its_links_hold_together():
    document = sound(redact_document(read_document(), OPTIONS))

    everything = repr(document)
    for personal in ("ann@", "212-555", "Oak"):
        assert personal not in everything
    assert document.title == "Ann, [e-mail]"
    assert [(document.text[s:e], href) for s, e, href in document.links] == [
        ("the form", "https://shop.example/form"),
        ("wait", "wait.html"),
    ]
    headers = {block.header for block in document.blocks if block.header}
    assert len(headers) == 1
    assert "[phone]" in headers.pop()
    assert document.notes[-1] == (
        "personal data was replaced by labels: 2 e-mail addresses, 3 phone numbers, 1 postal address"
    )


def test_a_document_without_personal_data_stays_as_it_is():
    document = read_document("# Tea\n\nTea costs $4.50, see [the menu](menu.html).\n")
    assert redact_document(document, OPTIONS) == document


def test_members_boxes_and_pages_follow():
    document = read_document("Ring 212-555-0123 now.")
    boxes = write_boxes(
        [(100, 100)],
        [
            TextBox(0, 5, 1, (0, 0, 10, 10)),
            TextBox(5, 17, 1, (10, 0, 20, 10)),
            TextBox(17, 22, 1, (20, 0, 30, 10)),
        ],
    )
    document = replace(
        document,
        boxes=boxes,
        pages=(Page(start=0, end=10, label="1"), Page(start=10, end=22, label="2")),
        members=(Member(name="1", body=b"", context="Mail of ann@mail.example"),),
    )

    redacted = redact_document(document, OPTIONS)
    assert redacted.text == "Ring [phone] now."
    assert find_boxes(redacted.boxes, 12, 17) == [(1, 20.0, 0.0, 30.0, 10.0)]
    assert find_boxes(redacted.boxes, 5, 12) == [(1, 10.0, 0.0, 20.0, 10.0)]
    assert [(page.start, page.end) for page in redacted.pages] == [(0, 5), (5, 17)]
    assert redacted.members[0].context == "Mail of [e-mail]"


LINES = st.lists(
    st.sampled_from(
        [
            "# Call 212-555-0123",
            "plain words",
            "- a@b.example",
            "| a | b |\n| --- | --- |\n| 13812345678 | 电话 |",
            "[x](tel:+12125550123) and [y](y.html) 12 Oak Street",
            "请打13812345678 [z](z.html) 13912345678",
            "> card 4111 1111 1111 1111\n",
        ]
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=40, deadline=None)
@given(LINES)
def test_every_offset_holds_in_any_document(lines):
    document = sound(read_document("\n\n".join(lines)))
    redacted = sound(redact_document(document, OPTIONS))
    assert "13812345678" not in repr(redacted)
    assert [words for words in linked_words(redacted) if words not in linked_words(document)] == []


def linked_words(document) -> list[str]:
    return [document.text[link.start : link.end] for link in document.links]


@pytest.mark.parametrize("href", ["mailto:ann@mail.example", "tel:+12125550123"])
def test_an_address_behind_a_link_is_dropped(href):
    document = read_document("Ask Ann today.")
    document = replace(document, links=(DocumentLink(4, 7, href),))
    assert redact_document(document, OPTIONS).links == ()


def test_a_job_stores_labels_and_reads_anew_when_it_is_switched(job, tmp_path):
    folder = write(tmp_path / "kb", {"a.md": "# Staff\n\nAnn: 212-555-0123.\n\n- Bo: bo@b.example"})
    job = replace(job, running_guard=None, redaction=RedactionOptions(ingest=True))
    report = job.run([folder])

    with Index.open(job.collection) as index:
        assert index.read_text("a.md") == "Staff\n\nAnn: [phone].\n\n- Bo: [e-mail]"
        assert is_redacted(index.reading)
    assert [note.note for note in report.notes] == [
        "personal data was replaced by labels: 1 e-mail address, 1 phone number"
    ]
    files = [file for file in job.collection.rglob("*") if file.is_file()]
    stored = [file for file in files if b"212-555-0123" in file.read_bytes()]
    assert [file.parent.name for file in stored] == ["originals"]

    assert job.run([folder]).generation == 1
    job = replace(job, redaction=RedactionOptions())
    assert job.run([folder]).generation == 2
    with Index.open(job.collection) as index:
        assert "212-555-0123" in index.read_text("a.md")
        assert not is_redacted(index.reading)
