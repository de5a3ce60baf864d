"""Workbooks as companies have them: merges, heads of several rows, formulas, what is hidden."""

import io
import struct
import zipfile
from collections.abc import Callable

import pytest
from document_checks import asked, said, sound, zipped
from office_files import old_workbook, open_document_sheet
from openpyxl import Workbook
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment
from openpyxl.worksheet.worksheet import Worksheet

from ingest.document import Document
from ingest.errors import Unreadable
from ingest.parse import registry
from ingest.parse.office import formulas, ods, old_sheets, xlsx
from ingest.parse.office.number_formats import format_number, format_words
from ingest.parse.parse_options import ParseOptions

SHOW_HIDDEN = ParseOptions(hidden_cells=True)


def book(fill: Callable[[Worksheet], object], **more: list[list[object]]) -> bytes:
    """Make a workbook of one sheet that a function fills, and further ones by their rows."""
    workbook, file = Workbook(), io.BytesIO()
    workbook.active.title = "Rates"
    fill(workbook.active)
    for name, rows in more.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
    workbook.save(file)
    return file.getvalue()


def filled(rows: list[list[object]], *merges: str) -> Callable[[Worksheet], None]:
    def fill(sheet: Worksheet) -> None:
        for row in rows:
            sheet.append(row)
        for merge in merges:
            sheet.merge_cells(merge)

    return fill


def read(rows: list[list[object]], *merges: str) -> Document:
    return sound(xlsx.parse(book(filled(rows, *merges)), "x.xlsx"))


def changed(body: bytes, part: str, *changes: tuple[str, str]) -> bytes:
    """Replace words in one part of a workbook."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        parts: dict[str, str | bytes] = {name: archive.read(name) for name in archive.namelist()}
    text = bytes(parts[part]).decode()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return zipped({**parts, part: text})


def test_a_merged_cell_is_said_in_all_rows_and_columns_that_it_covers():
    rows = [
        ["Region", "Stadt", "Mo", "Di"],
        ["Nord", "Kiel", 4, 5],
        [None, "Husum", 6, 7],
        ["Süd", "Ulm", "closed", None],
    ]
    assert said(read(rows, "A2:A3", "C4:D4"), "table")[0].split("\n")[1:] == [
        "Nord | Kiel | 4 | 5", "Nord | Husum | 6 | 7", "Süd | Ulm | closed | closed",
    ]  # fmt: skip


def test_a_long_merged_cell_is_said_once_in_a_sheet():
    rows = [["Rule", "Case"], ["word " * 50, "a"], [None, "b"], [None, "c"]]
    assert read(rows, "A2:A4").text.count("word") == 50


def test_head_rows_become_one():
    merged = [
        ["Plan", "Price", None, "Seats"],
        [None, "month", "year", None],
        ["Pro", 9, 90, 5],
        ["Team", 19, 190, 25],
    ]
    document = read(merged, "A1:A2", "B1:C1", "D1:D2")
    assert document.blocks[1].header == "Plan | Price month | Price year | Seats"
    assert document.text.endswith("Pro | 9 | 90 | 5\nTeam | 19 | 190 | 25")
    years = [["", "Sales", None], ["Shop", 2024, 2025], ["Kiel", 120, 140], ["Ulm", 80, 95]]
    assert read(years).blocks[1].header == "Shop | Sales 2024 | Sales 2025"


def test_three_head_rows_become_one():
    rows = [
        ["Model", "Pump", None, None],
        [None, "Size", None, "Noise"],
        [None, "wide", "high", None],
        ["P-1", 40, 20, 61],
    ]
    header = read(rows, "A1:A3", "B1:D1", "B2:C2", "D2:D3").blocks[1].header
    assert header == "Model | Pump Size wide | Pump Size high | Pump Noise"


def test_a_title_over_a_table_leads_its_rows():
    rows = [["Parcels 2026", None], ["Zone", "Price"], ["A", 9], ["B", 12]]
    document = read(rows, "A1:B1")
    assert said(document, "heading") == ["Rates", "Parcels 2026"]
    assert document.blocks[2].path == ("Rates", "Parcels 2026")


def test_tables_side_by_side_are_tables_of_their_own():
    rows = [
        ["Plan", "Price", None, "City", "Street", "Hours"],
        ["Pro", 9, None, "Kiel", "Hafen 2", "9 to 5"],
        ["Team", 19, None, "Ulm", "Markt 7", "8 to 4"],
        ["Firm", 29, None, None, None],
    ]
    assert said(read(rows), "table") == [
        "Plan | Price\nPro | 9\nTeam | 19\nFirm | 29",
        "City | Street | Hours\nKiel | Hafen 2 | 9 to 5\nUlm | Markt 7 | 8 to 4",
    ]


def test_an_empty_column_within_a_table_is_spacing():
    rows = [
        ["Plan", "Seats", None, "Price", "Setup"],
        ["Pro", 5, None, 9, 0],
        ["Team", 25, None, 19, 5],
    ]
    assert said(read(rows), "table") == [
        "Plan | Seats | Price | Setup\nPro | 5 | 9 | 0\nTeam | 25 | 19 | 5"
    ]


def test_stacked_tables_have_heads_of_their_own():
    rows = [
        ["Plan", "Price"],
        ["Pro", 9],
        ["Team", 19],
        ["Extras", None],
        ["Thing", "Fee"],
        ["SMS", 3],
        ["Fax", 7],
    ]
    document = read(rows)
    assert said(document, "table") == [
        "Plan | Price\nPro | 9\nTeam | 19",
        "Thing | Fee\nSMS | 3\nFax | 7",
    ]
    assert document.blocks[-1].path == ("Rates", "Extras")


def test_a_table_goes_on_below_a_blank_row():
    rows = [["Plan", "Price"], ["Pro", 9], [], ["Team", 19], ["Firm", 29]]
    assert said(read(rows), "table") == ["Plan | Price\nPro | 9\nTeam | 19\nFirm | 29"]


def test_wide_rows_are_records_with_the_names_of_their_columns():
    names = ["Model", *(f"Property number {n}" for n in range(30))]
    rows = [names, *([f"P-{m}", *(f"value {m}-{n}" for n in range(30))] for m in range(3))]
    document = read(rows)
    assert said(document, "heading") == ["Rates", "Model: P-0", "Model: P-1", "Model: P-2"]
    assert "Property number 7: value 1-7" in said(document, "paragraph")[1]
    assert document.blocks[-1].path == ("Rates", "Model: P-2")


@pytest.mark.parametrize(
    ("value", "form", "shown"),
    [
        (42, "00000", "00042"),
        (13800138000, "000-0000-0000", "138-0013-8000"),
        (12.5, '0.0" kg"', "12.5 kg"),
        (0.195, "0.0%", "19.5%"),
        (-1250, "#,##0_);(#,##0)", "(1,250)"),
        (0, '_-* #,##0.00_-;-* #,##0.00_-;_-* "-"??_-;_-@_-', "-"),
        (1234.5, '_(* #,##0.00_);_(* (#,##0.00);_(* "-"??_);_(@_)', "1,234.50"),
        (1234, "[$€-407]#,##0", "€1,234"),
        (1234567, '0.0,,"M"', "1.2M"),
        (1500, '[>=1000]0.0,"k";0', "1.5k"),
        (2.5, "0", "3"),
        (-0.001, "0.0", "0.0"),
        (0.5, ".00", ".50"),
        (0.5, "# ?/?", "0.5"),
        (12345.678, "0.00E+00", "1.235E+04"),
        (1e20, "General", "1e+20"),
        (45000, 'yyyy"年"m"月"d"日"', "2023年3月15日"),
        (45000, "dd.mm.yyyy", "15.03.2023"),
        (45000, "mm-dd-yy", "2023-03-15"),
        (45000.5, "m/d/yy h:mm", "2023-03-15 12:00"),
        (45000, "mmm yyyy", "Mar 2023"),
        (0.6, "h:mm AM/PM", "2:24 PM"),
        (1.5, "[h]:mm", "36:00"),
        (-5, "yyyy", "-5"),
        (5, "0" * 300, "5"),
    ],
)
def test_numbers_are_printed_as_their_format_shows_them(value, form, shown):
    assert format_number(value, form) == shown


def test_words_around_a_text_are_printed():
    assert format_words("7b", '"Room "@') == "Room 7b"


def test_formulas_without_a_stored_value_are_computed():
    rows = [
        ["Item", "Count", "Each", "Total", "Kind"],
        ["Cup", 3, 4.5, "=B2*C2", '=IF(B2>2,"many","few")'],
        ["Jug", 1, 20, "=ROUND(B3*C3*(1-10%),1)", "=VLOOKUP(A3,Names!A1:B2,2,FALSE)"],
        ["Sum", "=SUM(B2:B3)", None, "=SUM(D2:D3)", '=D4&" EUR"'],
        ["Share", None, None, "=Names!$C$1", '=COUNTIF(B2:B3,">2")'],
    ]
    names = [["Pot", "large", "=Rates!D2/Rates!D4"], ["Jug", "glass"]]
    document = sound(xlsx.parse(book(filled(rows), Names=names), "x.xlsx"))
    assert said(document, "table")[0].split("\n")[1:] == [
        "Cup | 3 | 4.5 | 13.5 | many",
        "Jug | 1 | 20 | 18 | glass",
        "Sum | 4 | | 31.5 | 31.5 EUR",
        "Share | | | 0.428571428571429 | 1",
    ]
    assert document.notes == ()


def test_a_long_chain_of_formulas_is_computed_from_its_end():
    chain = [["Step", "Sum"], [1, 1], *([n, f"=B{n}+A{n + 1}"] for n in range(2, 600))]
    body = book(filled([["Item", "Total"], ["All", "=Chain!B600"]]), Chain=chain)
    document = sound(xlsx.parse(body, "x.xlsx"))
    assert said(document, "table")[0] == "Item | Total\nAll | 179700"
    assert document.text.endswith("599 | 179700")


def test_formulas_that_cannot_be_computed_are_noted():
    rows = [
        ["Item", "Fee"],
        ["Loop", "=B3"],
        ["Back", "=B2"],
        ["Odd", "=WEBSERVICE(A1)"],
        ["Deep", f"={'(' * 500}1{')' * 500}"],
        ["Far", "=None!A1"],
        ["Nil", "=1/0"],
    ]
    document = sound(xlsx.parse(book(filled(rows)), "x.xlsx"))
    assert document.notes == ("6 formulas had no stored value and could not be computed",)


def test_long_formulas_count_as_much_work_as_they_are(monkeypatch):
    monkeypatch.setattr(formulas, "MOST_FORMULA_STEPS", 1_000)
    words = "x" * 2_000
    rows = [[f'=IF(1=1,2000,"{words}")'] for _ in range(9)]
    document = xlsx.parse(book(filled([["Sum"], *rows])), "x.xlsx")
    assert document.text.count("2000") == 2  # of 500 steps each
    assert document.notes == ("7 formulas had no stored value and could not be computed",)


def test_a_stored_value_is_taken_and_a_stale_zero_is_not():
    body = book(filled([["Item", "Fee"], ["Cup", "=1+1"], ["Jug", "=2+2"]]))
    stored = [
        ("<f>1+1</f><v></v>", "<f>1+1</f><v>7</v>"),
        ("<f>2+2</f><v></v>", "<f>2+2</f><v>0</v>"),
    ]
    text = xlsx.parse(changed(body, "xl/worksheets/sheet1.xml", *stored), "x.xlsx").text
    assert text.endswith("Cup | 7\nJug | 4")


def test_comments_follow_the_table_with_their_cell():
    def fill(sheet: Worksheet) -> None:
        filled([["Plan", "Price"], ["Pro", 9]])(sheet)
        sheet["B2"].comment = Comment("Until\nMay only.", "Ann")

    assert said(sound(xlsx.parse(book(fill), "x.xlsx")))[-1] == "Pro | 9: Until May only."


def shape(words: str, *, hidden: int = 0, picture: str = "") -> str:
    """Write a shape over cells, or a picture with a description."""
    named = f'<cNvPr id="7" name="A" hidden="{hidden}" descr="{picture}"/>'
    kind = "pic" if picture else "sp"
    paragraph = f"<txBody><a:p><a:r><a:t>{words}</a:t></a:r></a:p></txBody>" if words else ""
    names = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    return f"<absoluteAnchor><{kind} {names}><nv>{named}</nv>{paragraph}</{kind}></absoluteAnchor>"


def test_words_of_shapes_over_cells_are_read_and_pictures_noted():
    def fill(sheet: Worksheet) -> None:
        filled([["Deck", "Spaces", "Fee"], ["Upper", 40, 3], ["Lower", 25, 5]])(sheet)
        chart = BarChart()
        chart.title = "Spaces on each deck"
        chart.add_data(Reference(sheet, min_col=2, min_row=1, max_row=3), titles_from_data=True)
        sheet.add_chart(chart, "E2")

    shapes = (
        shape("Closed on Sundays from May."),
        shape("", picture="Plan of the decks"),
        shape("Draft: 900", hidden=1),
    )
    part = "xl/drawings/drawing1.xml"
    body = changed(book(fill), part, ("</wsDr>", "".join(shapes) + "</wsDr>"))
    document = sound(xlsx.parse(body, "x.xlsx"))
    assert said(document)[-3:] == [
        "Spaces on each deck",
        "Closed on Sundays from May.",
        "Plan of the decks",
    ]
    assert document.notes == (
        "1 picture was not read; descriptions of 1 were kept",
        "1 hidden shape was left out",
    )


def test_hidden_rows_columns_and_sheets_are_read_only_if_asked_for():
    workbook, file = Workbook(), io.BytesIO()
    sheet = workbook.active
    filled([["Plan", "Cost", "Price"], ["Pro", 4, 9], ["Beta", 1, 2]])(sheet)
    sheet["A3"].comment = Comment("Not yet.", "Ann")
    sheet.row_dimensions[3].hidden = True
    sheet.column_dimensions["B"].hidden = True
    workbook.create_sheet("Margins").append(["Pro", "41 %"])
    workbook["Margins"].sheet_state = "hidden"
    workbook.save(file)
    document = sound(xlsx.parse(file.getvalue(), "x.xlsx"))
    assert document.text == "Plan | Price\nPro | 9"
    assert document.notes == (
        "1 hidden sheet was left out",
        "1 hidden row was left out",
        "1 hidden column was left out",
    )
    shown = registry.parse_document(file.getvalue(), "x.xlsx", options=SHOW_HIDDEN)
    assert "Beta | 1 | 2" in shown.text
    assert "41 %" in shown.text
    assert "Not yet." in shown.text
    assert shown.notes == ()


def test_a_comment_is_said_of_its_own_cell_beside_hidden_columns():
    def fill(sheet: Worksheet) -> None:
        filled([["Tour", "Cost", "Guide", "Margin", "Seats"], ["Harbour", 40, "Ines", 12, 18]])(
            sheet
        )
        for place, words in (
            ("A2", "New."),
            ("B2", "Secret."),
            ("C2", "Speaks Dutch."),
            ("E2", "Plus crew."),
        ):
            sheet[place].comment = Comment(words, "Ann")
        sheet["D2"].hyperlink = "https://margin.example"
        for letter in "BD":
            sheet.column_dimensions[letter].hidden = True

    document = sound(xlsx.parse(book(fill), "x.xlsx"))
    assert said(document)[2:] == [
        "Harbour: New.", "Harbour | Ines: Speaks Dutch.", "Harbour | 18: Plus crew.",
    ]  # fmt: skip
    assert (document.links, document.lost_links) == ((), 0)
    shown = xlsx.parse(book(fill), "x.xlsx", options=SHOW_HIDDEN)
    assert "Harbour | 40: Secret." in said(shown)


def test_a_comment_in_an_open_document_sheet_is_said_of_its_own_cell():
    cells = "".join(
        f"<t:table-cell><o:annotation><x:p>About {n}.</x:p></o:annotation><x:p>{n}</x:p></t:table-cell>"
        for n in ("Dune", "cost", "north", "large")
    )
    columns = (
        '<t:table-column/><t:table-column t:visibility="collapse"/>'
        '<t:table-column t:number-columns-repeated="2"/>'
    )
    body = open_document_sheet(f"{columns}<t:table-row>{cells}</t:table-row>")
    assert said(sound(ods.parse(body, "x.ods")))[2:] == [
        "Dune: About Dune.", "Dune | north: About north.", "Dune | large: About large.",
    ]  # fmt: skip
    assert "Dune | cost: About cost." in said(ods.parse(body, "x.ods", options=SHOW_HIDDEN))


def test_hidden_columns_that_lie_about_their_numbers_cost_nothing():
    part = "xl/worksheets/sheet1.xml"
    lie = '<cols><col min="-90000000" max="0" hidden="1"/></cols><sheetData>'
    document = xlsx.parse(
        changed(book(filled([["Plan", "Cost"], ["Pro", 4]])), part, ("<sheetData>", lie)), "x.xlsx"
    )
    assert document.text.endswith("Plan | Cost\nPro | 4")


def test_columns_beyond_the_last_that_is_read_are_noted():
    def fill(sheet: Worksheet) -> None:
        filled([["Plan", "Price"], ["Pro", 9]])(sheet)
        sheet.cell(row=2, column=600, value="far")

    document = xlsx.parse(book(fill), "x.xlsx")
    assert document.notes == ("1 cell was not read: beyond column 500",)


def test_what_a_sheet_shows_beside_its_cells_is_read_or_noted():
    def fill(sheet: Worksheet) -> None:
        filled([["Month", "Visits"], ["May", 40], ["June", 55]])(sheet)
        for place in ("D2", "D20"):
            chart = BarChart()
            chart.add_data(Reference(sheet, min_col=2, min_row=1, max_row=3), titles_from_data=True)
            sheet.add_chart(chart, place)
        sheet.oddHeader.center.text = "Counted at the north gate"
        sheet.oddFooter.left.text = "&A, page &P of &N"
        copy = sheet.parent.create_chartsheet("Picture")
        copy.add_chart(BarChart())

    def put(words: str, more: str = "") -> str:
        lines = "".join(f"<a:p><a:r><a:t>{line}</a:t></a:r></a:p>" for line in words.split("|"))
        name = f'<xdr:nvSpPr><xdr:cNvPr id="9" name="x" {more}/></xdr:nvSpPr>'
        return f"<xdr:sp>{name}<xdr:txBody>{lines}</xdr:txBody></xdr:sp>"

    drawn = (
        '<xdr:pic><xdr:nvPicPr><xdr:cNvPr id="3" name="x" descr="Map of the gates"/></xdr:nvPicPr>'
        f"</xdr:pic>{put('Closed on Mondays.|Last tour at 4.')}{put('Draft', 'hidden=&quot;1&quot;')}"
        '<d:relIds xmlns:d="u"/>'
    ).replace("&quot;", '"')
    names = 'xmlns:xdr="u" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    body = changed(
        book(fill), "xl/drawings/drawing1.xml", ("</wsDr>", f"<g {names}>{drawn}</g></wsDr>")
    )
    document = sound(xlsx.parse(body, "x.xlsx"))
    assert said(document)[2:] == ["Map of the gates", "Closed on Mondays.", "Last tour at 4."]
    assert document.notes == (
        "1 picture was not read; descriptions of 1 were kept",
        "1 SmartArt drawing was not read",
        "1 chart was not read",
        "1 header or footer was not read",
        "1 hidden shape was left out",
    )


def test_an_old_workbook_is_read_with_its_merges():
    rows: list[list[str | float]] = [
        ["区域", "省份", "首重"],
        ["华南", "广东", 6.5],
        ["", "海南", 9],
    ]
    body = old_workbook("Rates", rows, merges=struct.pack("<4H", 1, 2, 0, 0))
    document = sound(registry.parse_document(body, "x.xls"))
    assert said(document) == ["Rates", "区域 | 省份 | 首重\n华南 | 广东 | 6.5\n华南 | 海南 | 9"]
    assert document.media_type == "application/vnd.ms-excel"
    assert "number formats" in document.notes[0]
    assert "comments" in document.notes[1]
    words = registry.parse_document(old_workbook("Names", [["Ort", "Amt"], ["Kiel", "Hafen"]]), "x")
    assert [note.split(" ")[0] for note in words.notes] == ["hidden"]
    with pytest.raises(Unreadable, match="damaged"):
        old_sheets.parse(body[:700], "x.xls")


def test_an_open_document_sheet_is_read_as_shown():
    def cell(words: str, more: str = "", inner: str = "") -> str:
        return f"<t:table-cell {more}>{inner}<x:p>{words}</x:p></t:table-cell>"

    tall = 't:number-rows-spanned="2"'
    note = "<o:annotation><x:p>Until May.</x:p></o:annotation>"
    share = cell('19<x:s x:c="1"/>%', 'o:value="0.19"')
    rows = (
        "<t:table-header-rows><t:table-row>"
        f"{cell('Plan')}{cell('Share')}{cell('Fee')}</t:table-row></t:table-header-rows>"
        f"<t:table-row>{cell('Pro', tall)}{share}{cell('9 €', inner=note)}</t:table-row>"
        f"<t:table-row><t:covered-table-cell/>{cell('20 %')}{cell('12 €')}</t:table-row>"
        f'<t:table-row t:visibility="collapse">{cell("Beta")}{cell("1 %")}</t:table-row>'
        '<t:table-row t:number-rows-repeated="1048000">'
        '<t:table-cell t:number-columns-repeated="1024"/></t:table-row>'
    )
    styles = '<s:style s:name="h"><s:table-properties t:display="false"/></s:style>'
    hidden = (
        f'<t:table t:name="M" t:style-name="h"><t:table-row>{cell("41 %")}</t:table-row></t:table>'
    )
    body = open_document_sheet(rows, styles=styles, tables=hidden)
    document = sound(registry.parse_document(body, "x.ods"))
    assert said(document) == [
        "Rates", "Plan | Share | Fee\nPro | 19 % | 9 €\nPro | 20 % | 12 €", "Pro | 9 €: Until May.",
    ]  # fmt: skip
    assert document.notes == ("1 hidden sheet was left out", "1 hidden row was left out")
    assert "41 %" in ods.parse(body, "x.ods", options=SHOW_HIDDEN).text


def test_what_an_open_document_sheet_shows_beside_its_cells_is_read_or_noted():
    draw = 'xmlns:d="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"'
    names = f'{draw} xmlns:x="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:s="u"'
    chart = '<d:object d:notify-on-update-of-ranges="Rates.B1:B9"/><d:image/>'
    frames = ("<d:image/>", "<d:image/>", chart, "<d:object/>", "<d:plugin/>")
    shapes = "".join(f"<d:frame>{inner}</d:frame>" for inner in frames)
    shapes += (
        "<d:frame><d:text-box><x:p>Prices from <x:span>May</x:span>.</x:p></d:text-box></d:frame>"
    )
    shapes += (
        "<d:g><d:custom-shape><x:p>Ask first!</x:p><d:enhanced-geometry/></d:custom-shape></d:g>"
    )
    inline = f"<d:frame {draw}><d:text-box><x:p>inside</x:p></d:text-box></d:frame>"
    row = f"<t:table-row><t:table-cell><x:p>Cup {inline}</x:p></t:table-cell></t:table-row>"
    body = open_document_sheet(f"<t:shapes {draw}>{shapes}</t:shapes>{row}")
    page = "Page <x:page-number>1</x:page-number> / <x:page-count>9</x:page-count>"
    styles = (
        f"<st {names}><s:header><x:p>Not for guests</x:p></s:header><s:footer><x:p>{page}</x:p>"
        '</s:footer><s:header-left s:display="false"><x:p>Old</x:p></s:header-left></st>'
    )
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        parts: dict[str, str | bytes] = {name: archive.read(name) for name in archive.namelist()}
    document = sound(ods.parse(zipped({**parts, "styles.xml": styles}), "x.ods"))
    assert said(document)[1:] == ["Cup inside", "Prices from May.", "Ask first!"]
    assert document.notes == (
        "2 pictures were not read",
        "1 chart was not read",
        "1 embedded object was not read",
        "1 film or sound was not read",
        "1 header or footer was not read",
    )


def test_a_row_that_is_said_a_million_times_is_refused():
    row = '<t:table-row t:number-rows-repeated="999999"><t:table-cell t:number-columns-repeated="400"><x:p>x</x:p></t:table-cell></t:table-row>'
    with pytest.raises(Unreadable, match="split it"):
        ods.parse(open_document_sheet(row), "x.ods")


def test_merges_without_end_are_bounded():
    body = book(filled([["a", "b"], *([n, "x" * 90] for n in range(20))], "A1:XFD1"))
    cover = "".join(f'<mergeCell ref="A{n}:XFD1048576"/>' for n in range(2, 20))
    text = changed(body, "xl/worksheets/sheet1.xml", ("</mergeCells>", f"{cover}</mergeCells>"))
    assert len(xlsx.parse(text, "x.xlsx").text) < 32_000_000


def test_a_table_of_a_web_page_may_be_named_as_a_workbook():
    page = "<table border=1><tr><th>单号</th><th>承运商</th></tr><tr><td>A-17</td><td>远洋</td></tr></table>"
    document = sound(registry.parse_document(page.encode("gb18030"), "export.xls"))
    assert said(document, "table") == ["单号 | 承运商\nA-17 | 远洋"]
    plain = b"Order\tCarrier\nA-17\tNorth\nA-18\tSouth\n"
    assert registry.parse_document(plain, "export.xls").media_type == "text/csv"


def test_questions_in_a_workbook_keep_their_answers_over_merges():
    rows = [["Question", "Answer"], ["Can I pay later?", "Yes, by invoice."], ["Invoice?", None]]
    assert asked(read(rows, "B2:B3")) == ["Can I pay later?", "Invoice?"]
