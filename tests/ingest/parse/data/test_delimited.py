"""Exported tables: lines above the head, markup in cells, long fields, FAQ lists."""

import pytest
from document_checks import asked, path_of, said, sound

from ingest.document import Document
from ingest.parse import registry
from ingest.parse.data import delimited


def read(text: str, encoding: str = "utf-8") -> Document:
    return sound(delimited.parse(text.encode(encoding), "x.csv"))


def test_more_questions_lead_an_entry_and_are_no_text():
    document = read(
        "编号,标准问（必填）,相似问法1,相似问法2,答案,分类\n"
        "1,如何开发票,发票怎么开;能开发票吗,要发票,在订单页申请。,财务\n"
    )
    assert asked(document) == ["如何开发票"]
    block = document.blocks[0]
    assert block.similar_questions == ("发票怎么开", "能开发票吗", "要发票")
    assert document.text == "如何开发票\n在订单页申请。\n编号: 1"
    assert block.path == ("财务",)


def test_an_entry_without_its_own_question_takes_the_first_similar_one():
    document = read("Question,Variants,Answer\n,Where is it?|Lost?,In the locker.\n")
    assert asked(document) == ["Where is it?"]
    assert document.blocks[0].similar_questions == ("Lost?",)


def test_a_long_remark_stands_below_its_question():
    remark = "Ask the shift lead first. " * 12
    document = read(f"Question,Answer,Remark,Since\nWho opens?,The porter.,{remark},2024\n")
    assert said(document, "faq") == ["Who opens?\nThe porter.\nSince: 2024"]
    assert path_of(document, "Remark: Ask") == ("Who opens?",)


def test_cells_of_markup_are_their_words():
    document = read(
        "Question,Answer\n"
        'Reset?,"<p>Hold <b>Start</b>.</p><ul><li>Wait.</li><li>Let&nbsp;go.</li></ul>'
        "<img src='data:image/png;base64,AAAA'>\"\n"
        'Is a < b?,"Yes, and <none> stays."\n'
    )
    assert said(document) == [
        "Reset?\nHold Start.\n\n- Wait.\n- Let go.",
        "Is a < b?\nYes, and <none> stays.",
    ]


def test_links_in_cells_are_kept_where_their_words_are_written():
    link = "<a href='https://a.example/{}'>{}</a>"
    faq = read(
        "Topic,Question,Answer\n"
        f'Stay,Where?,"<p>See {link.format(1, "here")}.</p><p>Then {link.format(2, "here")}</p>"\n'
        f"Stay,When?,<p>Look {link.format(3, 'here')}.</p>\n"
    )
    table = read(
        f"Name,Form\nTent,<b>{link.format(4, 'Rent')}</b>\nBoat,{link.format(5, 'Rent')}\n"
    )
    article = f"<p>{'First part of it. ' * 20}</p><p>Then {link.format(6, 'rent')} it.</p>" * 2
    records = read(f'Id,Title,Body\n7,Tent,"{article}"\n8,Boat,"{article}"\n')
    for document, words in ((faq, "here"), (table, "Rent"), (records, "rent")):
        assert {document.text[one.start : one.end] for one in document.links} == {words}
        assert not document.lost_links
    assert [one.href[-1] for one in (*faq.links, *table.links)] == [*"12345"]
    assert len(records.links) == 4
    lines = [table.text.count("\n", 0, one.start) for one in table.links]
    assert lines == [1, 2]


def test_a_long_field_is_a_section_of_its_record():
    article = "First paragraph of it. " * 20 + "\n\n" + "Second paragraph. " * 20
    document = read(f'Id,Title,Body\n7,Cleaning,"{article}"\n8,Storage,"{article}"\n')
    assert said(document, "heading") == ["Title: Cleaning", "Body", "Title: Storage", "Body"]
    assert path_of(document, "Second paragraph") == ("Title: Cleaning", "Body")
    assert path_of(document, "Id: 8") == ("Title: Storage",)


def test_a_field_may_be_longer_than_the_limit_of_the_usual_reader():
    assert len(read(f"Id,Body\n1,{'long words ' * 20_000}\n2,short\n").text) > 200_000


def test_a_table_that_names_its_delimiter():
    document = read("sep=;\r\nArtikel;Preis\r\nHaken;1,50\r\nBügel;12,00\r\n", "utf-8-sig")
    assert document.text == "Artikel | Preis\nHaken | 1,50\nBügel | 12,00"


def test_two_head_rows_of_a_file_of_text_become_one():
    document = read("Shop,Sales,,Staff\n,2024,2025,\nKiel,120,140,9\nUlm,80,95,7\n")
    assert document.blocks[0].header == "Shop | Sales 2024 | Sales 2025 | Staff"


@pytest.mark.parametrize("mark", ["\t", ";", "|"])
def test_lines_above_a_head_in_any_delimiter(mark):
    rows = [
        ["Depots", "", ""], ["as of May", "", ""], ["", "", ""],
        ["City", "Gate", "Fee"], ["Kiel", "4", "3,20"], ["Ulm", "7", "1,10"],
    ]  # fmt: skip
    text = "\n".join(mark.join(row) for row in rows)
    document = sound(registry.parse_document(text.encode(), "x.csv"))
    assert said(document) == [
        "Depots", "as of May", "City | Gate | Fee\nKiel | 4 | 3,20\nUlm | 7 | 1,10",
    ]  # fmt: skip


def test_markup_that_is_nested_too_deep_leaves_the_rest_of_a_table():
    document = read(f"Id,Body\n1,{'<div>' * 2_000}deep\n2,plain\n")
    assert "Body: plain" in document.text
