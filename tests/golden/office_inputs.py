"""Draw the office documents among the inputs: workbooks, a Word document, slides."""

import datetime as dt
import io
import struct

import office_files
import openpyxl
import openpyxl.comments
from openpyxl.styles import Color, Font, PatternFill


def write_chart() -> str:
    """Write a chart of two series, one of them shorter."""

    def points(name: str, *texts: str) -> str:
        inner = "".join(f'<c:pt idx="{n}"><c:v>{text}</c:v></c:pt>' for n, text in enumerate(texts))
        return f"<c:{name}>{inner}</c:{name}>"

    series = "".join(
        f"<c:ser>{points('tx', name)}{points('cat', 'May', 'June')}{points('val', *values)}</c:ser>"
        for name, values in (("Beans", ("3", "4", "5")), ("Tea", ("1",)))
    )
    return f'<c:chartSpace xmlns:c="u">{series}</c:chartSpace>'


def build_talk() -> bytes:
    """Make slides: items in items, numbers, a table with merged cells, a chart, hidden shapes."""
    shape, slide = office_files.shape, office_files.slide

    def paragraph(text: str, own: str = "", level: str = "") -> str:
        place = f' lvl="{level}"' if level else ""
        return f"<a:p><a:pPr{place}>{own}</a:pPr><a:r><a:t>{text}</a:t></a:r></a:p>"

    texts = (
        paragraph("Plain first", "<a:buNone/>"),
        paragraph("first", "<a:buAutoNum/>"),
        paragraph("second", "<a:buAutoNum/>", "1"),
        paragraph("bullet", '<a:buChar char="x"/>', "2"),
        paragraph("too deep", '<a:buChar char="x"/>', "12"),
        paragraph("in the body"),
        paragraph("- marked"),
    )
    body = (
        '<p:sp><p:nvSpPr><p:cNvPr id="1" name="x"/><p:nvPr><p:ph type="body"/></p:nvPr></p:nvSpPr>'
        f"<p:txBody>{''.join(texts)}</p:txBody></p:sp>"
    )

    def tc(text: str, own: str = "") -> str:
        return f"<a:tc{own}><a:txBody>{paragraph(text)}</a:txBody></a:tc>"

    grid = "".join(
        f"<a:tr>{cells}</a:tr>"
        for cells in (
            tc("Zone") + tc("Rates", ' gridSpan="2"') + tc("", ' hMerge="1"'),
            tc("France", ' rowSpan="2"') + tc("2 kg") + tc("4.90"),
            tc("", ' vMerge="1"') + tc("5 kg") + tc("6.90"),
        )
    )

    def table(own: str) -> str:
        return f"<p:graphicFrame><a:graphic><a:tbl><a:tblPr{own}/>{grid}</a:tbl></a:graphic></p:graphicFrame>"

    lone = (
        '<p:graphicFrame><a:tbl><a:tblPr firstRow="1"/>'
        f"<a:tr>{tc('One row')}{tc('only')}</a:tr></a:tbl></p:graphicFrame>"
    )

    return office_files.deck(
        slide(shape("House talk", holder="ctrTitle"), shape("By Ann", holder="subTitle"), body),
        slide(shape("Rates", holder="title"), table(' firstRow="1"'), table(""), lone),
        slide(
            shape("One item", holder="body"),
            shape("Hidden", hidden=True),
            shape("7", holder="sldNum"),
            '<p:graphicFrame><c:chart r:id="r1"/></p:graphicFrame>',
        ),
        more={
            "ppt/slides/_rels/slide3.xml.rels": office_files.relations(
                {"../charts/c.xml": "chart"}
            ),
            "ppt/charts/c.xml": write_chart(),
        },
    )


def build_rates() -> bytes:
    """Make a workbook: merged heads, dates, shares, prices, white words, hidden sheets."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Rates"
    sheet.append(["Rates of the year"])
    sheet.append([])
    sheet.append([None, "Zone", "Parcel", None, "From", "Share", None, "Open"])
    sheet.merge_cells("C3:D3")
    sheet.append([None, "", "2 kg", "5 kg", "", "", None, ""])
    day = dt.datetime.fromisoformat("2026-05-04")
    sheet.append([None, "France", 4.9, 6, day, 0.195, None, True])
    sheet.append(
        [
            None,
            "Union",
            9.9,
            1234.5,
            dt.datetime.fromisoformat("2026-05-04 08:30"),
            0.5,
            None,
            False,
        ]
    )
    sheet.append([None, "World", 1e16, 0.1 + 0.2, dt.time(9, 15), -0.02, None, None])
    for line in (5, 6, 7):
        sheet.cell(line, 3).number_format = '#,##0.00 "€"'
        sheet.cell(line, 4).number_format = "[$¥-804]#,##0" if line > 5 else "$#,##0"
        sheet.cell(line, 6).number_format = "0.0%"
    sheet.cell(7, 3).number_format = "General"
    sheet.append([])
    sheet.append(["All rates with tax."])
    sheet.append(["Next to it", "a second cell"])
    sheet.append([None, None, "alone"])
    whites = (
        ("white", Font(color="FFFFFFFF"), None),
        ("white on white", Font(color="FFFFFFFF"), PatternFill("solid", fgColor="FFFFFFFF")),
        ("white on blue", Font(color="FFFFFFFF"), PatternFill("solid", fgColor="FF0000FF")),
        ("nearly white", Font(color="FFEEEEEE"), None),
        ("white by theme", Font(color=Color(theme=0)), None),
        ("grey by theme", Font(color=Color(theme=0, tint=-0.5)), None),
        ("black by theme", Font(color=Color(theme=1)), None),
        ("white by number", Font(color=Color(indexed=9)), None),
        ("black by number", Font(color=Color(indexed=8)), None),
        ("striped", Font(color="FFFFFFFF"), PatternFill("darkGray", fgColor="FFFFFFFF")),
    )
    second = book.create_sheet("Sheet2")
    second.append(["Words", "Ground"])
    for place, (text, font, fill) in enumerate(whites, start=2):
        cell = second.cell(place, 1, text)
        cell.font = font
        if fill:
            cell.fill = fill
        second.cell(place, 2, "known")
    book.create_sheet("Empty")
    book.properties.title = "Microsoft Excel - rates"
    hidden = book.create_sheet("Costs")
    hidden.append(["secret", "costs"])
    hidden.sheet_state = "hidden"
    return save_book(book)


def build_single() -> bytes:
    """Make a workbook of one unnamed sheet with questions and answers."""
    book = openpyxl.Workbook()
    book.active.append(["Question", "Answer", "Topic"])
    book.active.append(["May I pay later?", "Within 14 days.", "Pay"])
    book.active.append(["Only a question", None, "Pay"])
    return save_book(book)


def build_plane() -> bytes:
    """Build a sheet of merges, a head of two rows, tables side by side, formulas, formats."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Tariffs"
    for cells in (
        ["Tariffs 2026"],
        [],
        ["Region", "Parcel", None, "Share", None, "Depot", "Street", "Gate"],
        [None, "small", "large", None, None, "Kiel", "Hafen 2", 4],
        ["North", 4.5, 9, 0.125, None, "Ulm", "Markt 7", 11],
        [None, 5, "=B6*2", 0.5, None, None, None, None],
        ["South", "on request", None, "=SUM(D5:D6)", None, None, None, None],
    ):
        sheet.append(cells)
    for merge in ("A1:D1", "A3:A4", "B3:C3", "D3:D4", "A5:A6", "B7:C7"):
        sheet.merge_cells(merge)
    for row in (5, 6, 7):
        sheet.cell(row, 2).number_format = '0.00" EUR"'
        sheet.cell(row, 4).number_format = "0.0%"
    sheet["B5"].comment = openpyxl.comments.Comment("Until May only.", "Ann")
    return save_book(book)


def build_regions() -> bytes:
    """Build an Excel 97 workbook with a merged cell."""
    rows = [["Region", "City", "Fee"], ["North", "Kiel", 6.5], ["", "Husum", 9.0]]
    return office_files.old_workbook("Fees", rows, merges=struct.pack("<4H", 1, 2, 0, 0))


def build_fees() -> bytes:
    """Build an OpenDocument sheet with a tall cell, a comment and a hidden row."""
    note = "<o:annotation><x:p>Until May.</x:p></o:annotation>"
    tall = 't:number-rows-spanned="2"'
    return office_files.open_document_sheet(
        "<t:table-row><t:table-cell><x:p>Plan</x:p></t:table-cell>"
        "<t:table-cell><x:p>Share</x:p></t:table-cell></t:table-row>"
        f"<t:table-row><t:table-cell {tall}><x:p>Pro</x:p></t:table-cell>"
        f"<t:table-cell>{note}<x:p>19<x:s/>%</x:p></t:table-cell></t:table-row>"
        "<t:table-row><t:covered-table-cell/>"
        "<t:table-cell><x:p>20 %</x:p></t:table-cell></t:table-row>"
        '<t:table-row t:visibility="collapse"><t:table-cell><x:p>Beta</x:p></t:table-cell>'
        "</t:table-row>"
    )


def save_book(book: openpyxl.Workbook) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def build_rules() -> bytes:
    """Make a Word document: lists in lists, one item, merged cells, a note, a question."""
    word, par, listed = office_files.word, office_files.par, office_files.listed
    cell, run = office_files.cell, office_files.run
    wide = '<w:gridSpan w:val="2"/>'
    tall, more = '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
    table = (
        "<w:tbl>"
        f"<w:tr><w:trPr><w:tblHeader/></w:trPr>{cell(par('Zone'))}{cell(par('Parcel'), own=wide)}</w:tr>"
        f"<w:tr>{cell(par('France'), own=tall)}{cell(par('2 kg'))}{cell(par('4.90'))}</w:tr>"
        f"<w:tr>{cell(par(''), own=more)}{cell(par('5 kg'))}{cell(par('6.90'), par('with tax'))}</w:tr>"
        "</w:tbl>"
    )
    vanished = "<w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden words</w:t></w:r>"
    white = '<w:r><w:rPr><w:color w:val="FFFFFF"/></w:rPr><w:t>white words</w:t></w:r>'
    deleted = '<w:del w:id="1"><w:r><w:delText>deleted</w:delText></w:r></w:del>'
    note = '<w:r><w:footnoteReference w:id="1"/></w:r>'

    def term(text: str) -> str:
        return f"<m:r><m:t>{text}</m:t></m:r>"

    formulas = (
        f"<m:oMath><m:f><m:num>{term('a+b')}</m:num><m:den>{term('2')}</m:den></m:f></m:oMath>"
        f"<m:oMath><m:f><m:num>{term('ab')}</m:num><m:den>{term('-')}</m:den></m:f></m:oMath>"
        f"<m:oMath><m:sSup><m:e>{term('x')}</m:e><m:sup>{term('10')}</m:sup></m:sSup></m:oMath>"
        f"<m:oMath><m:rad><m:e>{term('x-1')}</m:e></m:rad></m:oMath>"
        f"<m:oMath><m:d><m:e>{term('u')}</m:e><m:e>{term('v')}</m:e></m:d></m:oMath>"
    )
    return word(
        "".join(
            (
                par("House rules", "T"),
                par("Opening", "H1"),
                par("We open at seven.", "", ""),
                f"<w:p>{run('Seen ')}{vanished}{white}{deleted}{note}{run('and read.')}</w:p>",
                par("First", "", listed(1)),
                par("inner", "", listed(1, 1)),
                par("inner too", "", listed(1, 1)),
                par("Second", "", listed(1)),
                par("Between the lists."),
                f"<w:sdt><w:sdtContent>{par('In a control.')}{par('And more.')}</w:sdtContent></w:sdt>",
                f"<w:ins>{par('An inserted paragraph.')}</w:ins><w:del>{par('A deleted one.')}</w:del>",
                par("Of the body", "", '<w:outlineLvl w:val="9"/>'),
                par("Of level nine", "", '<w:outlineLvl w:val="8"/>'),
                f"<w:p>{formulas}</w:p>",
                par("Starts again", "", listed(3)),
                par("One item only", "L"),
                par("Own heading", "H2b"),
                table,
                par("x = 1", "C"),
                par("y = 2", "C"),
                par("May I bring a dog?", "H2"),
                par("Yes, on a lead."),
            )
        )
    )
