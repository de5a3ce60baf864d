"""Boxes, signs, changes, numbers and what was not kept of Word documents."""

import pytest
from document_checks import said, sound
from office_files import (
    SPACES,
    cell,
    diagram,
    listed,
    par,
    part,
    run,
    smart_art,
    word,
    word_with,
)

from ingest.document import Document
from ingest.parse.office import docx
from ingest.parse.office.list_numbering import ListNumbering, spell_count
from ingest.parse.xml_tree import parse_xml


def read(body: str, related=None) -> Document:
    return sound(docx.parse(word_with(body, related or {}), "a/form.docx"))


def test_boxes_of_forms_are_read_ticked_and_empty():
    def control(sign: str) -> str:
        return f"<w:sdt><w:sdtPr><w:checkbox/></w:sdtPr><w:sdtContent>{run(sign)}</w:sdtContent></w:sdt>"

    def field(box: str) -> str:
        return f'<w:r><w:fldChar w:fldCharType="begin"><w:ffData>{box}</w:ffData></w:fldChar></w:r>'

    def symbol(font: str, code: str) -> str:
        return f'<w:r><w:sym w:font="{font}" w:char="{code}"/></w:r>'

    old = '<w:checkBox><w:default w:val="0"/>{}</w:checkBox>'
    choice = '<w:ddList><w:result w:val="1"/><w:listEntry w:val="Van"/><w:listEntry w:val="Truck"/></w:ddList>'
    document = read(
        f"<w:p>{control('☒')}{run(' Insured')}</w:p>"
        f"<w:p>{field(old.format('<w:checked/>'))}{run(' Fuelled')}</w:p>"
        f"<w:p>{field(old.format(''))}{run(' Washed')}</w:p>"
        f"<w:p>{symbol('Wingdings', 'F0FE')}{run(' Lights')}{symbol('Wingdings 2', 'F0A3')}{run(' Tyres')}</w:p>"
        f"<w:p>{run('Load ')}{symbol('Symbol', 'F0A3')}{run(' 3 t, ')}{field(choice)}</w:p>"
        '<w:p><w:r><w:rPr><w:rFonts w:ascii="Wingdings"/></w:rPr><w:t>\uf0a8</w:t></w:r></w:p>'
    )
    assert said(document) == [
        "☒ Insured", "☒ Fuelled", "☐ Washed", "☑ Lights☐ Tyres", "Load ≤ 3 t, Truck", "☐",
    ]  # fmt: skip


def test_tracked_changes_are_read_as_accepted_and_counted():
    ended = f"<w:p><w:pPr><w:rPr><w:del/></w:rPr></w:pPr>{run('Pay within ')}</w:p>"
    gone = f"<w:tc><w:tcPr><w:cellDel/></w:tcPr>{par('gone')}</w:tc>"
    row = f"<w:tr>{cell(par('Car'))}{gone}{cell(par('9'))}</w:tr>"
    moved = f"<w:p><w:moveFrom>{run('twice')}</w:moveFrom><w:moveTo>{run('Once.')}</w:moveTo></w:p>"
    document = read(ended + par("ten days.") + moved + f"<w:tbl>{row}</w:tbl>")
    assert said(document) == ["Pay within ten days.", "Once.", "Car: 9"]
    assert document.notes == ("3 tracked changes were read as accepted",)


def test_words_that_are_struck_out_are_left_out_and_counted():
    def struck(text: str, mark: str) -> str:
        return f'<w:r><w:rPr><w:{mark}/></w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'

    off = struck("Bikes are free.", 'strike w:val="0"')
    document = read(
        f"<w:p>{run('The deposit is')}{struck(' 300 EUR', 'strike')}{run(': 150 EUR.')}</w:p>"
        f"<w:p>{struck('Closed on Mondays.', 'dstrike')}</w:p><w:p>{off}</w:p>"
    )
    assert said(document) == ["The deposit is: 150 EUR.", "Bikes are free."]
    assert document.notes == ("5 struck-out words were left out",)


def test_blocks_in_any_wrapper_are_read_where_they_stand():
    def wrap(name: str, inner: str) -> str:
        return f"<{name}>{inner}</{name}>"

    table = f"<w:tbl><w:tr>{cell(par('Bike'))}{cell(par('4 €'))}</w:tr></w:tbl>"
    picture = f"<w:p><w:r><w:pict><w:imagedata/></w:pict></w:r></w:p>{par('Tagged.')}"
    old = wrap("mc:Fallback", par("Chosen in older programs."))
    blocks = [
        par("First."),
        wrap("w:customXml", picture + table),
        wrap("mc:AlternateContent", wrap("mc:Choice", par("Chosen.") + par("Too.")) + old),
        wrap("mc:AlternateContent", wrap("mc:Fallback", par("Without another."))),
        wrap("w:moveTo", par("Moved.")),
        wrap("w:smartTag", wrap("w:ins", par("Added."))),
        par("Last."),
    ]
    document = read("".join(blocks))
    assert said(document) == [
        "First.", "Tagged.", "Bike: 4 €", "Chosen.", "Too.", "Without another.", "Moved.", "Added.",
        "Last.",
    ]  # fmt: skip
    assert document.notes == (
        "1 picture was not read",
        "2 tracked changes were read as accepted",
    )


def test_raised_digits_are_no_part_of_a_number():
    def raised(text: str, mark: str) -> str:
        return f'<w:r><w:rPr><w:vertAlign w:val="{mark}"/></w:rPr><w:t>{text}</w:t></w:r>'

    mark = raised("2", "superscript")
    document = read(
        f"<w:p>{run('Seats: 1,204')}{mark}</w:p>"
        f"<w:p>{run('CO')}{raised('2', 'subscript')}{run(', m')}{mark}</w:p>"
    )
    assert said(document) == ["Seats: 1,204²", "CO2, m²"]


def test_notes_and_boxes_of_a_table_are_read_below_it():
    box = f"<w:r><w:drawing><w:txbxContent>{par('Boxed.')}</w:txbxContent></w:drawing></w:r>"
    noted = f'<w:p>{run("Van")}<w:r><w:footnoteReference w:id="1"/></w:r>{box}</w:p>'
    document = read(f"<w:tbl><w:tr>{cell(noted)}{cell(par('9'))}</w:tr></w:tbl>")
    assert said(document) == ["Van: 9", "Boxed.", "A note."]


def test_all_that_a_note_holds_is_read_and_a_missing_note_is_counted():
    def refer(number: int, kind: str = "endnote") -> str:
        return f'<w:p>{run(f"See {number}")}<w:r><w:{kind}Reference w:id="{number}"/></w:r></w:p>'

    box = f"<w:p><w:r><w:pict><w:txbxContent>{par('Boxed.')}</w:txbxContent></w:pict></w:r></w:p>"
    table = f"<w:tbl><w:tr>{cell(par('Fee'))}{cell(par('2 %'))}</w:tr></w:tbl>"
    control = f"<w:sdt><w:sdtContent>{par('Source: board.')}</w:sdtContent></w:sdt>"
    note = part("endnotes", f'<w:endnote w:id="3">{table}{control}{box}</w:endnote>')
    document = read(refer(3) + refer(4) + refer(9), {"endnotes.xml": ("endnotes", note)})
    assert said(document) == ["See 3", "Fee", "2 %", "Source: board.", "Boxed.", "See 4", "See 9"]
    assert document.notes == ("2 footnotes were not read",)


def test_smart_art_and_charts_are_read_where_they_stand():
    series = '<c:ser><c:tx><c:pt idx="0"><c:v>Cars</c:v></c:pt></c:tx><c:val><c:pt idx="0"><c:v>4.4000000000000004</c:v></c:pt></c:val></c:ser>'
    related = {
        "diagrams/data1.xml": ("diagramData", diagram("Order", "Drive")),
        "charts/c.xml": ("chart", f"<c:chartSpace {SPACES}>{series}</c:chartSpace>"),
    }
    chart = '<a:graphic><a:graphicData><c:chart r:id="r5"/></a:graphicData></a:graphic>'
    drawings = "".join(f"<w:p><w:r>{one}</w:r></w:p>" for one in (smart_art("r4"), chart))
    lost = f"<w:p><w:r>{smart_art('r9')}</w:r></w:p>"
    document = read(par("Before.") + drawings + par("After.") + lost, related)
    assert said(document) == ["Before.", "- Order\n- Drive", "| Cars\n| 4.4", "After."]
    assert document.notes == ("1 SmartArt drawing was not read",)


def test_what_is_not_read_is_noted():
    def picture(words: str) -> str:
        return f'<w:r><w:drawing><wp:inline><wp:docPr descr="{words}"/><a:graphic><a:pic/></a:graphic></wp:inline></w:drawing></w:r>'

    ole = "<w:r><w:object><w:pict><w:imagedata/></w:pict></w:object></w:r>"
    comments = part("comments", f"<w:comment>{par('Why?')}</w:comment>")
    contents = '<w:style w:styleId="TOC1"><w:name w:val="toc 1"/></w:style>'
    related = {
        "comments.xml": ("comments", comments),
        "own.xml": ("styles", part("styles", contents)),
    }
    body = f"<w:p>{run('Words.')}{picture('')}{picture('A red van')}{ole}</w:p><w:altChunk/>"
    assert read(body, related).notes == (
        "2 pictures were not read; descriptions of 1 were kept",
        "1 embedded object was not read",
        "1 inserted file was not read",
        "1 comment was left out",
    )


def test_a_table_of_contents_is_left_out_and_noted():
    styles = part("styles", '<w:style w:styleId="TOC1"><w:name w:val="toc 1"/></w:style>')
    body = par("1 Cars 3", "TOC1") + par("2 Fees 9", "TOC1") + par("Words.")
    document = sound(docx.parse(word(body, more={"word/styles.xml": styles}), "a.docx"))
    assert said(document) == ["Words."]
    assert document.notes == ("2 lines of its table of contents were left out",)


def test_merged_cells_fill_their_range():
    wide, tall, more = '<w:gridSpan w:val="2"/>', '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
    rows = [
        cell(par("Class"), own=tall) + cell(par("Fee"), own=wide),
        cell(par(""), own=more) + cell(par("Day")) + cell(par("Week")),
        cell(par("Van")) + cell(par("free"), own=wide),
        cell(par("Special classes"), own='<w:gridSpan w:val="3"/>'),
        cell(par("Bus")) + cell(par("9")) + cell(par("50")),
    ]
    table = "".join(f"<w:tr>{row}</w:tr>" for row in rows)
    document = read(f"<w:tbl>{table}</w:tbl>")
    assert document.text.split("\n") == [
        "Class | Fee Day | Fee Week", "Van | free | free", "Special classes", "Bus | 9 | 50",
    ]  # fmt: skip
    assert document.blocks[0].header == "Class | Fee Day | Fee Week"


def test_columns_that_a_row_leaves_out_and_old_merges_keep_their_place():
    begun, gone_on = '<w:hMerge w:val="restart"/>', "<w:hMerge/>"
    rows = (
        f"<w:tr>{cell(par('Car'))}{cell(par('Day'))}{cell(par('Week'))}</w:tr>"
        f"<w:tr>{cell(par('Van'))}{cell(par('9'), own=begun)}{cell(par(''), own=gone_on)}</w:tr>"
        f'<w:tr><w:trPr><w:gridBefore w:val="1"/></w:trPr>{cell(par("10"))}{cell(par("60"))}</w:tr>'
    )
    assert read(f"<w:tbl>{rows}</w:tbl>").text == "Car | Day | Week\nVan | 9 | 9\n| 10 | 60"


def test_numbers_of_cells_are_read():
    rows = "".join(
        f"<w:tr>{cell(par('', own=listed(1)))}{cell(par(name))}</w:tr>" for name in ("Van", "Bus")
    )
    head = f"<w:tr>{cell(par('No'))}{cell(par('Car'))}</w:tr>"
    assert read(f"<w:tbl>{head}{rows}</w:tbl>").text == "No | Car\n1. | Van\n2. | Bus"


def level(depth: int, form: str, pattern: str, own: str = "") -> str:
    return f'<w:lvl w:ilvl="{depth}"><w:start w:val="1"/><w:numFmt w:val="{form}"/>{own}<w:lvlText w:val="{pattern}"/></w:lvl>'


def numbering(levels: str, more: str = "") -> ListNumbering:
    markup = f'<w:numbering {SPACES}><w:abstractNum w:abstractNumId="0">{levels}</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>{more}</w:numbering>'
    return ListNumbering(parse_xml(markup.encode(), "numbering"))


def test_clauses_are_counted_through_their_levels():
    levels = "".join(
        level(n, form, pattern, own)
        for n, (form, pattern, own) in enumerate(
            [
                ("chineseCountingThousand", "第%1章", ""),
                ("decimal", "%1.%2", "<w:isLgl/>"),
                ("decimal", "%1.%2.%3", "<w:isLgl/>"),
                ("chineseCounting", "第%4条", '<w:lvlRestart w:val="0"/>'),
            ]
        )
    )
    lists = numbering(levels)
    marks = [lists.next_mark("1", depth) for depth in (0, 1, 1, 2, 3, 0, 1, 2, 3)]
    assert marks == ["第一章", "1.1", "1.2", "1.2.1", "第一条", "第二章", "2.1", "2.1.1", "第二条"]


def test_a_list_may_be_named_by_a_style_and_have_levels_of_its_own():
    linked = (
        '<w:abstractNum w:abstractNumId="5"><w:numStyleLink w:val="Clauses"/></w:abstractNum>'
        '<w:num w:numId="6"><w:abstractNumId w:val="5"/></w:num>'
        f'<w:num w:numId="7"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0">{level(0, "upperLetter", "%1)")}</w:lvlOverride></w:num>'
    )
    levels = '<w:styleLink w:val="Clauses"/>' + level(0, "decimal", "%1.")
    lists = numbering(levels + level(1, "decimal", "%1.%2", '<w:pStyle w:val="H2"/>'), linked)
    assert lists.next_mark("6", 0) == "1."
    assert lists.next_mark("6", lists.find_depth("6", "H2")) == "1.1"
    assert lists.next_mark("7", 0) == "B)"


@pytest.mark.parametrize(
    ("form", "count", "sign"),
    [
        ("chineseCounting", 120, "一百二十"),
        ("chineseCountingThousand", 1_005, "一千零五"),
        ("chineseLegalSimplified", 21, "贰拾壹"),
        ("ideographTraditional", 3, "丙"),
        ("ideographDigital", 10, "一〇"),
        ("decimalEnclosedCircle", 21, "㉑"),
        ("decimalEnclosedCircle", 99, "99"),
        ("decimalFullWidth", 12, "１２"),
        ("decimalZero", 4, "04"),
        ("taiwaneseCounting", 12, "十二"),
    ],
)
def test_counts_in_other_numerals(form, count, sign):
    assert spell_count(count, form) == sign


def test_articles_of_a_regulation_are_paragraphs_with_their_number():
    articles = part(
        "numbering",
        f'<w:abstractNum w:abstractNumId="0">{level(0, "chineseCountingThousand", "第%1条")}</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>',
    )
    body = par("车辆须登记。", own=listed(1)) + par("司机须持证。", own=listed(1))
    document = sound(docx.parse(word(body, more={"word/numbering.xml": articles}), "a.docx"))
    assert said(document, "paragraph") == ["第一条 车辆须登记。", "第二条 司机须持证。"]


def test_a_cell_that_spans_columns_of_many_rows_is_bounded():
    wide = cell(par("word " * 18), own='<w:gridSpan w:val="500"/>')
    spanned = f"<w:tr>{cell(par('a'))}{wide}</w:tr>"
    assert len(read(f"<w:tbl>{spanned * 200}</w:tbl>").text) < 700_000
