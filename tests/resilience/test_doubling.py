"""No text costs the desk more than its length: each kind twice as long, small sizes of the script."""

import time

import pytest

from ingest.parse.mail import message
from ingest.parse.office import docx
from ragdesk.answering.writing.sanitize import sanitize_text
from ragdesk.answering.writing.structured_decoder import StructuredDecoder
from ragdesk.errors import EngineFailed
from tests.resilience.doubling import ANSWERS, DOCUMENTS, measure, nested_boxes, office, slow

KINDS = {**DOCUMENTS, **ANSWERS}
SMALL = 800  # of what is repeated; the script takes ten times as much


@pytest.mark.parametrize("kind", KINDS)
def test_twice_the_text_takes_about_twice_the_time(kind):
    largest, work = KINDS[kind]
    small = largest if largest < 100 else min(largest, 4_000 if kind in ANSWERS else SMALL)
    once = measure(small, work, parts=2, rounds=1)
    assert not slow(once) or not slow(measure(small, work, parts=2, rounds=5))


def test_comments_before_a_page_do_not_stop_the_reader():
    largest, work = DOCUMENTS["markdown, comments at the head"]
    begun = time.thread_time()
    work(largest // 8)()
    assert time.thread_time() - begun < 1  # 300 bytes took six seconds


def test_one_word_of_a_model_does_not_stop_the_desk():
    begun = time.thread_time()
    assert sanitize_text("a" * 60_000) == "a" * 60_000
    assert time.thread_time() - begun < 1  # it took 41 seconds


def test_each_text_box_in_text_boxes_is_read_once():
    document = docx.parse(office("document", "word/document.xml", nested_boxes)(12), "a.docx")
    assert document.text.split() == ["a"] * 12 + ["in"]


def test_a_long_field_of_a_mail_is_read_to_its_limit():
    head = b"From: a@b.example\nSubject: " + b"word " * 2_000 + b"\n\nHello.\n"
    document = message.parse(head, "a.eml")
    assert document.text.endswith("Hello.")
    assert document.title.startswith("word word")


def test_brackets_without_end_in_a_member_are_garbage():
    read = StructuredDecoder(3, growing=True)
    with pytest.raises(EngineFailed, match="JSON"):
        list(read.feed('{"sentences": [{"text": ' + "[" * 30_000 + "]" * 30_000 + "}]}"))
