"""Hyperlinks of office documents: of relations, of fields, of what a click opens."""

import io
import re
import zipfile

from document_checks import linked, sound, zipped
from office_files import (
    OFFICE,
    PACKAGE,
    SPACES,
    cell,
    deck,
    listed,
    open_document_sheet,
    par,
    run,
    shape,
    slide,
    word,
)
from openpyxl import Workbook

from ingest.parse.office import docx, ods, pptx, xlsx

A, B, C = "https://a.example/x?y=1", "mailto:ann@b.example", "tel:+4930"


def addresses(*targets: str) -> str:
    lines = "".join(
        f'<Relationship Id="h{n}" Type="{OFFICE}/hyperlink" TargetMode="External" Target="{at}"/>'
        for n, at in enumerate(targets)
    )
    return f'<Relationships xmlns="{PACKAGE}">{lines}</Relationships>'


def link(words: str, number: int) -> str:
    return f'<w:hyperlink r:id="h{number}">{run(words)}</w:hyperlink>'


def field(code: str, words: str) -> str:
    marks = [
        f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>' for kind in ("begin", "separate", "end")
    ]
    code = f"<w:r><w:instrText>{code}</w:instrText></w:r>"
    return marks[0] + code + marks[1] + run(words) + marks[2]


def test_hyperlinks_and_fields_of_a_word_document():
    first = (
        f"<w:p>{run('Book here, not ')}{link('here', 0)}{run(', or ask ')}{link('Ann', 1)}.</w:p>"
    )
    fields = (
        f"<w:p>{field(' HYPERLINK &quot;https://f.example&quot; ', 'the form')}{field('PAGE', '3')}"
        f'<w:fldSimple w:instr="HYPERLINK https://g.example">{run("a guide")}</w:fldSimple>'
        f'<w:hyperlink w:anchor="part">{run("below")}</w:hyperlink></w:p>'
    )
    items = "".join(
        f"<w:p><w:pPr>{listed(2)}</w:pPr>{run('Room')}{words}</w:p>" for words in (link("1", 0), "")
    )
    alone = f"<w:p>{link('Room', 2)}</w:p>"
    heading = f'<w:p><w:pPr><w:pStyle w:val="H1"/></w:pPr>{link("Visa", 0)}{run(" desk")}</w:p>'
    note = f'<w:p>{run("See")}<w:r><w:footnoteReference w:id="1"/></w:r></w:p>'
    table = "".join(
        f"<w:tr>{cell(par(n))}{cell('<w:p>' + link('open', i) + '</w:p>')}</w:tr>"
        for n, i in (("o", 9), ("p", 0), ("q", 1))
    )
    document = sound(
        docx.parse(
            word(
                f"{first}{fields}{items}{alone}{heading}{note}<w:tbl>{table}</w:tbl>",
                more={
                    "word/_rels/document.xml.rels": addresses(A, B, C).replace(
                        "</R",
                        f'<Relationship Id="s" Type="{OFFICE}/styles" Target="styles.xml"/>'
                        f'<Relationship Id="n" Type="{OFFICE}/numbering" Target="numbering.xml"/>'
                        f'<Relationship Id="f" Type="{OFFICE}/footnotes" Target="footnotes.xml"/></R',
                    ),
                    "word/_rels/footnotes.xml.rels": addresses("https://n.example"),
                    "word/footnotes.xml": f'<w:footnotes {SPACES}><w:footnote w:id="1"><w:p>'
                    f"{link('A note', 0)}</w:p></w:footnote></w:footnotes>",
                },
            ),
            "x.docx",
        )
    )
    assert linked(document) == [
        *(("here", A), ("Ann", B), ("the form", "https://f.example")),
        *(("a guide", "https://g.example"), ("1", A), ("Room", C), ("Visa", A)),
        *(("A note", "https://n.example"), ("open", A), ("open", B)),
    ]
    assert document.text[: document.links[0].start] == "Book here, not "
    rows = [document.text[: link.start].rpartition("\n")[2] for link in document.links[-2:]]
    assert [row[0] for row in rows] == ["p", "q"]


def test_clicks_on_slides_and_their_notes():
    def clicked(words: str, number: int) -> str:
        click = f'<a:rPr><a:hlinkClick r:id="h{number}"/></a:rPr>'
        return f"<a:r>{click}<a:t>{words}</a:t></a:r>"

    def linked_shape(before: str, words: str, number: int, holder: str = "body") -> str:
        plain = shape(before, holder=holder)
        return plain.replace("</a:p>", f"{clicked(words, number)}</a:p>", 1)

    notes = slide(linked_shape("Mail ", "Ann", 0)).replace("p:sld", "p:notes")
    document = sound(
        pptx.parse(
            deck(
                slide(linked_shape("Our ", "intranet", 0, "title"), linked_shape("Call ", "us", 1)),
                more={
                    "ppt/slides/_rels/slide1.xml.rels": addresses(A, C).replace(
                        "</R",
                        f'<Relationship Id="n" Type="{OFFICE}/notesSlide" Target="../n/n.xml"/></R',
                    ),
                    "ppt/n/n.xml": notes,
                    "ppt/n/_rels/n.xml.rels": addresses(B),
                },
            ),
            "x.pptx",
        )
    )
    assert linked(document) == [("intranet", A), ("us", C), ("Ann", B)]


def test_cells_that_lead_somewhere():
    book = Workbook()
    sheet = book.active
    sheet.title = "Offices"
    for row in (
        ["Town", "Room", "Map"],
        ["Lyon", "A1", "plan"],
        ["Bonn", "C1", "plan"],
        ["Köln", "B2", "plan"],
    ):
        sheet.append(row)
    sheet["C2"].hyperlink, sheet["C4"].hyperlink, sheet["A2"].hyperlink = A, C, "#Offices!A1"
    sheet["B4"] = '=HYPERLINK("https://f.example/b2","B2")'
    file = io.BytesIO()
    book.save(file)
    document = sound(xlsx.parse(file.getvalue(), "x.xlsx"))
    assert linked(document) == [("plan", A), ("B2", "https://f.example/b2"), ("plan", C)]
    assert document.text.endswith("plan")
    lines = [document.text[: link.start].rpartition("\n")[2] for link in document.links]
    assert lines == ["Lyon | A1 | ", "Köln | ", "Köln | B2 | "]


def test_links_whose_words_no_program_stored_show_what_they_would():
    book = Workbook()
    for row in (
        ["Form", "Where"],
        ["Leave", '=HYPERLINK("https://hr.example/leave",A2&" form")'],
        ["Travel", '=HYPERLINK("https://hr.example/travel")'],
        ["Sick", '=IF(1>2,"none",HYPERLINK("https://hr.example/"&A4,"here"))'],
    ):
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    document = sound(xlsx.parse(file.getvalue(), "x.xlsx"))
    assert document.text == (
        "Form: Where\nLeave: Leave form\nTravel: https://hr.example/travel\nSick: here"
    )
    assert linked(document) == [
        ("Leave form", "https://hr.example/leave"),
        ("https://hr.example/travel", "https://hr.example/travel"),
    ]
    assert document.notes == ()


def test_formulas_with_a_stored_value_lead_somewhere():
    rows = [["Form", "Where"], ["Leave", "open"], ["Sick", "open"]]
    book = Workbook()
    for row in rows:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    for n, letter in ((2, "v"), (3, "w")):
        change = f'<c r="B{n}" t="str"><f>HYPERLINK("https://{letter}.example","open")</f><v>open</v></c>'
        file = _replace_cell(file, f"B{n}", change)
    document = sound(xlsx.parse(file.getvalue(), "x.xlsx"))
    assert linked(document) == [("open", "https://v.example"), ("open", "https://w.example")]


def test_links_of_an_open_document_sheet():
    def paragraph(words: str) -> str:
        return f"<t:table-cell><x:p>{words}</x:p></t:table-cell>"

    def leading(words: str, address: str) -> str:
        return f'<x:a xmlns:l="http://www.w3.org/1999/xlink" l:href="{address}">{words}</x:a>'

    bold = leading('the <x:span>plan</x:span><x:s x:c="2"/>here', A.replace("&", "&amp;"))
    rows = [
        paragraph("Town") + paragraph("Cost") + paragraph("Map"),
        paragraph("Lyon")
        + paragraph(leading("4", C))
        + paragraph(f"See {bold}, or {leading('Ann', B)}."),
        paragraph("Bonn") + paragraph("5") + paragraph("See here"),
        paragraph("Köln") + paragraph("6") + paragraph(f"See {leading('here', C)}"),
        paragraph("Ulm") + paragraph("7") + paragraph(leading("below", "#Sheet2.A1")),
    ]
    columns = '<t:table-column/><t:table-column t:visibility="collapse"/><t:table-column/>'
    lines = "".join(f"<t:table-row>{row}</t:table-row>" for row in rows)
    gone = f'<t:table-row t:visibility="filter">{paragraph(leading("gone", C))}</t:table-row>'
    body = open_document_sheet(columns + lines + gone)
    document = sound(ods.parse(body, "x.ods"))
    assert linked(document) == [("the plan here", A), ("Ann", B), ("here", C)]
    assert document.text[: document.links[2].start].rpartition("\n")[2] == "Köln: See "
    assert document.lost_links == 0


def _replace_cell(file: io.BytesIO, place: str, markup: str) -> io.BytesIO:
    with zipfile.ZipFile(file) as book:
        parts = {name: book.read(name).decode() for name in book.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = re.sub(rf'<c r="{place}".*?</c>', markup, parts[sheet])
    return io.BytesIO(zipped(parts))
