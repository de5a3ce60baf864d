import pytest
from document_checks import asked, sound
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import Unreadable
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.faq_detection import is_question
from ingest.parse.text_cleaning import clean_text, format_row, join_wrapped_lines

WORDS = st.text(
    st.one_of(st.characters(), st.sampled_from("订单。 \n\t\u200b\u202e\ufeff|\x00-?？")),
    max_size=40,
)
PIECES = st.lists(
    st.one_of(
        st.tuples(st.just("add_heading"), st.integers(1, 6), WORDS),
        st.tuples(st.just("add_paragraph"), WORDS),
        st.tuples(st.just("add_list"), st.lists(WORDS, max_size=4)),
        st.tuples(
            st.just("add_table"),
            st.lists(WORDS, max_size=3),
            st.lists(st.lists(WORDS, max_size=4), max_size=3),
        ),
        st.tuples(st.just("add_code"), WORDS),
        st.tuples(st.just("add_faq_entry"), WORDS, WORDS),
        st.tuples(st.just("begin_page"), WORDS),
    ),
    max_size=12,
)


@given(PIECES)
def test_whatever_is_written_every_block_is_exactly_its_text(pieces):
    composer = DocumentBuilder()
    spans = []
    for name, *rest in pieces:
        span = getattr(composer, name)(*rest)
        if name != "begin_page":
            spans.append(span)
    try:
        document = composer.build_document(title="T", media_type="text/plain")
    except Unreadable:
        assert all(start == end for start, end in spans)
        return
    sound(document)
    assert not {"\u200b", "\u202e", "\ufeff", "\x00"} & set(document.text)
    written = [span for span in spans if span[0] < span[1]]
    covered = {block.start for block in document.blocks} | {block.end for block in document.blocks}
    assert {written[0][0], written[-1][1]} <= covered


@given(WORDS)
def test_flow_and_clean_are_done_after_one_time(text):
    assert clean_text(clean_text(text)) == clean_text(text)
    assert join_wrapped_lines(join_wrapped_lines(text)) == join_wrapped_lines(text)
    assert "\n" not in join_wrapped_lines(text)


def test_headings_make_the_path():
    composer = DocumentBuilder()
    composer.add_heading(1, "Policies")
    composer.add_heading(3, "Refunds")
    composer.add_paragraph("Thirty days.")
    composer.add_heading(2, "Shipping")
    composer.add_paragraph("By bike.")
    document = sound(composer.build_document(title="P", media_type="text/plain"))
    assert [block.path for block in document.blocks] == [
        (),
        ("Policies",),
        ("Policies", "Refunds"),
        ("Policies",),
        ("Policies", "Shipping"),
    ]


def test_a_question_and_its_short_section_are_one_entry():
    composer = DocumentBuilder()
    composer.add_heading(2, "How long do refunds take?")
    composer.add_paragraph("Five days.")
    composer.add_list(["- by card", "- by transfer"])
    composer.add_heading(2, "Why so long?")
    composer.add_paragraph("word " * 400)
    composer.add_heading(2, "And where?")
    composer.add_heading(3, "In shops")
    composer.add_paragraph("There.")
    document = sound(composer.build_document(title="F", media_type="text/plain"))
    assert asked(document) == ["How long do refunds take?"]
    assert document.blocks[0].kind == "faq"
    assert document.text[: document.blocks[0].end].endswith("- by transfer")


def test_pages_know_their_blocks():
    composer = DocumentBuilder()
    composer.begin_page("i")
    composer.add_paragraph("One.")
    composer.begin_page("ii")
    composer.begin_page("1")
    composer.add_paragraph("Three.")
    composer.add_paragraph("Four.")
    document = sound(composer.build_document(title="P", media_type="application/pdf"))
    assert [document.text[p.start : p.end] for p in document.pages] == [
        "One.",
        "",
        "Three.\n\nFour.",
    ]
    assert [block.page for block in document.blocks] == [1, 3, 3]
    assert [page.label for page in document.pages] == ["i", "ii", "1"]


def test_a_heading_that_is_not_shown_only_leads():
    composer = DocumentBuilder()
    composer.add_heading(1, "Notes", visible=False)
    composer.add_paragraph("Say hello.")
    document = sound(composer.build_document(title="P", media_type="text/plain"))
    assert document.text == "Say hello."
    assert document.blocks[0].path == ("Notes",)


def test_an_overlong_heading_is_a_paragraph():
    composer = DocumentBuilder()
    composer.add_heading(1, "long " * 100)
    composer.add_paragraph("Below.")
    document = sound(composer.build_document(title="P", media_type="text/plain"))
    assert [block.kind for block in document.blocks] == ["paragraph", "paragraph"]
    assert document.blocks[1].path == ()


def test_a_row_keeps_its_columns():
    assert format_row(["", "Mon", "", "Tue", " "]) == "| Mon | | Tue"
    assert format_row(["Pipe", "|"]) == "Pipe | |"


def test_nothing_readable_is_unreadable():
    composer = DocumentBuilder()
    composer.add_paragraph("\u200b \n")
    with pytest.raises(Unreadable, match="no text"):
        composer.build_document(title="T", media_type="text/plain")


@pytest.mark.parametrize(
    ("line", "asks"),
    [
        ("Can I pay later?", True),
        ("可以退货吗？", True),
        ("Q3: Where is it", True),
        ("问：多久到", True),
        ("How to pay", False),
        ("“Why?”", True),
        ("Quarterly report", False),
    ],
)
def test_questions_are_told_from_titles(line, asks):
    assert is_question(line) is asks
