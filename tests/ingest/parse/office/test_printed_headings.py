"""Short lines that stand out in print are headings; sentences, lists and addresses are not."""

import pytest
from document_checks import asked, path_of, said, sound
from office_files import cell, listed, par, strong, word

from ingest.document import Document
from ingest.parse.office import docx, printed_headings


def read(*blocks: str) -> Document:
    return sound(docx.parse(word("".join(blocks)), "a/contract.docx"))


def test_bold_lines_above_plain_text_are_headings():
    document = read(
        strong("车辆租赁合同", 32),
        par("甲方向乙方租赁车辆，收费见附表二。"),
        strong("附表一　车辆清单"),
        par("轿车三辆。"),
        strong("附表二　收费标准"),
        par("每日四百元。"),
        par("超出里程每公里两元。"),
    )
    assert document.title == "车辆租赁合同"
    assert path_of(document, "超出里程") == ("车辆租赁合同", "附表二 收费标准")
    assert [b.kind for b in document.blocks].count("heading") == 3


def test_marks_and_sizes_tell_the_levels():
    document = read(
        strong("Lease", 40),
        strong("一、费用", 28),
        strong("（一）租金"),
        par("每月付。"),
        strong("（二）押金"),
        par("一次付。"),
        strong("二、期限", 28),
        par("两年。"),
    )
    assert path_of(document, "一次付") == ("Lease", "一、费用", "（二）押金")
    assert path_of(document, "两年") == ("Lease", "二、期限")


def test_bold_lines_below_a_heading_by_style_stand_below_it():
    document = read(par("Cars", "H1"), strong("Fuel:"), par("Full to full."), par("Fees", "H1"))
    assert path_of(document, "Full") == ("Cars", "Fuel:")
    assert path_of(document, "Fees") == ()


def test_a_bold_question_is_asked():
    document = read(strong("Cars", 40), par("A."), strong("May I smoke?"), par("No, never."))
    assert asked(document) == ["May I smoke?"]


@pytest.mark.parametrize(
    "names",
    [("May I smoke?", "May I eat?"), ("附件一 车辆", "附件二 收费"), ("1. Cars", "2. Fees")],
)
def test_the_first_of_several_like_lines_is_no_title(names):
    document = read(*(strong(name) + par("Words.") for name in names))
    assert document.title == "Kept title"  # of its properties
    assert not any(set(block.path) & set(names[:1]) for block in document.blocks[2:])


@pytest.mark.parametrize(
    "blocks",
    [
        [par("Text."), strong("Return the car in time.")],
        [par("Text."), strong("Bring it back."), par("Else you pay.")],
        [par("Text."), strong("A last word")],
        [par("Text."), *map(strong, ("Main Street 1", "Old Town", "Far Land", "Tel. 12")), par("x.")],
        [par("Text."), strong("One"), strong("and a bold sentence that ends."), strong("Two")],
        [par("Text."), par("a", own=listed(1)), par("b", own=listed(1))],
    ],
    ids=["end", "sentence", "last", "address", "bold document", "items"],
)  # fmt: skip
def test_what_is_no_heading_stays_text(blocks):
    assert all(block.kind != "heading" for block in read(*blocks).blocks)


def test_a_bold_item_between_items_stays_an_item():
    bold = f"<w:p><w:pPr>{listed(1)}</w:pPr><w:r><w:rPr><w:b/></w:rPr><w:t>Second</w:t></w:r></w:p>"
    document = read(par("First", own=listed(1)), bold, par("Third", own=listed(1)))
    assert said(document) == ["1. First\n2. Second\n3. Third"]
    document = read(bold, par("Its text."), bold, par("More text."))
    assert said(document, "heading") == ["1. Second", "2. Second"]


def test_a_line_above_a_table_leads_it():
    table = f"<w:tbl><w:tr>{cell(par('Car'))}{cell(par('Fee'))}</w:tr><w:tr>{cell(par('Van'))}{cell(par('9'))}</w:tr></w:tbl>"
    document = read(par("Text."), strong("Fees"), table)
    assert path_of(document, "Car | Fee") == ("Fees",)


def test_a_lone_line_above_the_first_heading_by_style_is_the_title():
    document = read(strong("Fleet manual", 48), par("Cars", "H1"), par("Clean them."))
    assert document.title == "Fleet manual"
    assert path_of(document, "Clean") == ("Fleet manual", "Cars")


def test_chapters_of_a_regulation_need_no_bold_print():
    document = read(
        par("说明。"), par("第二章 用车"), par("先申请。"), par("第二章规定了用车办法，见下")
    )
    assert said(document, "heading") == ["第二章 用车"]


def test_an_endless_row_of_bold_lines_is_read_in_linear_time():
    document = read(*(strong(f"Line {n}") for n in range(1_000)), par("End."))
    assert len(document.blocks) == 1_001
    assert not printed_headings.may_be_heading("x" * 100_000)
