"""Formulas for LibreOffice: what it is given of a workbook, and what is taken of its answer."""

import io
import re
import zipfile

import pytest
from document_checks import said, sound, zipped
from openpyxl import Workbook, load_workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.formula import ArrayFormula
from openpyxl.worksheet.worksheet import Worksheet

from ingest.document import Document
from ingest.parse.office import formula_extract, formulas, xlsx
from ingest.parse.office.recalculation_state import Recalculation, RecalculationNeeded

ASK, MISSING = Recalculation(state="ask"), Recalculation(state="missing")
STOCK = [["Item", "Aisle", "Fee", "Day"], ["Cup", "A", 3, 45000], ["Jug", "B", 4.5, 45100]]
LEFT = "{} formula{} had no stored value and could not be computed"


def stock(cells: dict[str, object], **more: dict[str, object]) -> bytes:
    """Make a workbook of STOCK with further cells, and further sheets by their cells."""
    workbook, file = Workbook(), io.BytesIO()
    sheet = workbook.active
    sheet.title = "Stock"
    for row in STOCK:
        sheet.append(row)
    put(sheet, cells)
    for name, others in more.items():
        put(workbook.create_sheet(name), others)
    workbook.defined_names["Fees"] = DefinedName("Fees", attr_text="Stock!$C$2:$C$3")
    workbook.defined_names["Today"] = DefinedName("Today", attr_text="TODAY()")
    workbook.save(file)
    return file.getvalue()


def put(sheet: Worksheet, cells: dict[str, object]) -> None:
    for place, value in cells.items():
        sheet[place] = value


def sheet(body: bytes) -> bytes:
    """Return the XML of the first sheet."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return archive.read("xl/worksheets/sheet1.xml")


def with_sheet(body: bytes, xml: bytes) -> bytes:
    """Return a workbook with another first sheet."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        parts: dict[str, str | bytes] = {name: archive.read(name) for name in archive.namelist()}
    return zipped({**parts, "xl/worksheets/sheet1.xml": xml})


def ask(body: bytes) -> bytes:
    """Return the workbook that LibreOffice is asked to compute; nothing where it is not asked."""
    try:
        xlsx.parse(body, "x.xlsx", recalculation=ASK)
    except RecalculationNeeded as error:
        return error.workbook
    return b""


def asked_formulas(body: bytes, sheet: str = "Stock") -> dict[str, object]:
    """Return the formulas of a sheet that LibreOffice is asked to compute, by their places."""
    extract = ask(body)
    if not extract:
        return {}
    cells = (cell for row in load_workbook(io.BytesIO(extract))[sheet] for cell in row)
    return {
        cell.coordinate: getattr(cell.value, "text", cell.value)
        for cell in cells
        if cell.data_type == "f"
    }


def answer(extract: bytes, values: dict[str, str]) -> bytes:
    """Return a workbook with the values of its formulas, as LibreOffice would write it.

    values: by place the kind and the value, as ``str:Jug``.
    """
    rows: dict[str, str] = {}
    for place, stated in values.items():
        kind, _, value = stated.partition(":")
        number = place.lstrip("ABCDEFG")
        cell = f'<c r="{place}" t="{kind}"><f>1</f><v>{value}</v></c>'
        rows[number] = rows.get(number, "") + cell
    data = "".join(f'<row r="{number}">{cells}</row>' for number, cells in rows.items())
    xml = re.sub(
        b"<sheetData>.*</sheetData>", f"<sheetData>{data}</sheetData>".encode(), sheet(extract)
    )
    return with_sheet(extract, xml)


def computed(body: bytes, values: dict[str, str]) -> Document:
    copy = answer(ask(body), values)
    return sound(xlsx.parse(body, "x.xlsx", recalculation=Recalculation(state="done", copy=copy)))


def test_what_is_given_away_is_formulas_and_the_plain_values_of_their_sheets():
    body = stock(
        {
            "F2": '=SUMIFS(C2:C3,B2:B3,"A")',
            "F3": "=MEDIAN(Fees)+Rates!B1",
            "G2": "=MAXIFS(C:C,B:B,B2)",
            "G3": ArrayFormula("G3", "=SUM(C2:C3*C2:C3)"),
            "H2": "=WEBSERVICE(A1)",
        },
        Rates={"A1": "Tax", "B1": "=MEDIAN(B2:B3)", "B2": 4, "B3": 6},
        Secret={"A1": "Nobody needs this."},
    )
    extract = load_workbook(io.BytesIO(ask(body)))
    assert extract.sheetnames == ["Stock", "Rates"]
    assert [cell.value for cell in extract["Stock"][2]][:6] == [
        "Cup", "A", 3, 45000, None, '=SUMIFS(C2:C3,B2:B3,"A")',
    ]  # fmt: skip
    assert asked_formulas(body) == {
        "F2": '=SUMIFS(C2:C3,B2:B3,"A")',
        "F3": "=MEDIAN(Stock!$C$2:$C$3)+Rates!B1",
        "G2": "=_xlfn.MAXIFS(C:C,B:B,B2)",
        "G3": "=SUM(C2:C3*C2:C3)",
    }
    assert asked_formulas(body, "Rates") == {"B1": "=MEDIAN(B2:B3)"}


@pytest.mark.parametrize(
    "formula",
    [
        "TODAY()", "NOW()-D2", "RAND()", "RANDBETWEEN(1,9)", "Today", "TODAY ()", "_xlfn.NOW()",
        'WEBSERVICE("http://127.0.0.1:9/")', "INDIRECT(A2)", "INDIRECT(\"'[b.xlsx]S'!A1\")",
        "[1]Stock!A1", "'[1]Stock'!A1", "'/tmp/[b.xlsx]Stock'!A1", "'file:///tmp/b.csv'#$S.A1",
        'DDE("soffice","/tmp/b.ods","S.A1")', "cmd|'/c calc'!A1", "soffice|b!S", "OFFSET(C2,1,0)",
        'CELL("filename",A1)', 'INFO("osversion")', "Gone!A1", "Stock:Gone!A1", "Table1[Fee]",
        "C2:INDEX(C2:C9,2)", 'IFERROR(XLOOKUP("Cup",A:A,C:C),"none")', "SUM(#REF!)", "Unnamed",
        'VALUE("1.234")', "SUBTOTAL(9,C2:C3)", "@C2:C3", "UNKNOWN.OTHER(C2)",
        "MEDIAN(C2:C3", "MEDIAN)C2(", f"{'LEN(' * 70}A2{')' * 70}",
    ],
)  # fmt: skip
def test_a_formula_that_more_decides_than_its_cells_is_never_given_away(formula):
    body = stock({"F2": f"={formula}", "F3": "=LEFT(F2,1)", "G2": '=LEFT("abc",2)'})
    assert asked_formulas(body) in ({"G2": '=LEFT("abc",2)'}, {})
    assert "F3" not in asked_formulas(body)


@pytest.mark.parametrize(
    "formula",
    [
        "MEDIAN(G3:G4)", "MEDIAN(G:G)", "MEDIAN(4:4)", "MEDIAN($G$4)", "LEFT(Other!A1)",
        'SUMIF(B2:B4,"A*",G2)', 'IF(TRUE,LEFT("x"),G4)', "IFERROR(LEFT(A2),G4)", "F3&LEFT(A2)",
        "F4&LEFT(A2)", "MEDIAN(G5)",
    ],
)  # fmt: skip
def test_what_needs_a_value_of_the_day_is_no_fact_either(formula):
    cells = {"G4": "=TODAY()", "F3": "=F4+0*LEN(A1)", "F4": "=LEN(F3)", "G5": "#N/A"}
    body = stock({"F2": f"={formula}", "J2": "=LEN(A2)", **cells}, Other={"A1": "=Stock!G4"})
    assert asked_formulas(body) == {"J2": "=LEN(A2)"}
    safe = {place: value for place, value in cells.items() if place != "G4"} | {"F3": 1, "G5": 2}
    body = stock({"F2": f"={formula}", "J2": "=LEN(A2)", **safe}, Other={"A1": "=Stock!G4"})
    assert "F2" in asked_formulas(body)


def test_a_stored_value_of_the_day_is_given_away_as_it_was_stored():
    body = stock({"F2": "=TODAY()", "F3": "=DAYS(F2,D2)"})
    assert asked_formulas(body) == {}
    stored = re.sub(
        rb"<f>TODAY\(\)</f><v ?/?>(?:</v>)?", b"<f>TODAY()</f><v>45009</v>", sheet(body)
    )
    body = with_sheet(body, stored)
    assert asked_formulas(body) == {"F3": "=_xlfn.DAYS(F2,D2)"}
    assert load_workbook(io.BytesIO(ask(body)))["Stock"]["F2"].value == 45009


def test_a_formula_that_cells_share_is_given_away_as_each_has_it():
    body = stock({"F2": "=1", "F3": "=2"})
    cells = {
        b"<f>1</f>": b'<f t="shared" ref="F2:F3" si="0">LEN(A2)+LEN($A$1)+LEN(A$1:$B2)</f>',
        b"<f>2</f>": b'<f t="shared" si="0"/>',
    }
    xml = sheet(body)
    for before, after in cells.items():
        xml = xml.replace(before, after)
    assert asked_formulas(with_sheet(body, xml)) == {
        "F2": "=LEN(A2)+LEN($A$1)+LEN(A$1:$B2)",
        "F3": "=LEN(A3)+LEN($A$1)+LEN(A$1:$B3)",
    }


def test_computed_values_stand_in_the_document_as_its_own_cells_show_them():
    def fill(file: bytes) -> bytes:
        book, out = load_workbook(io.BytesIO(file)), io.BytesIO()
        book["Stock"]["F2"].number_format = '0.00 "EUR"'
        book["Stock"]["F3"].number_format = "yyyy-mm-dd"
        book.save(out)
        return out.getvalue()

    sums = {"E1": "Sum", "F1": "Due", "E2": "all", "F2": "=MEDIAN(C2:C3)", "F3": "=EDATE(D2,1)"}
    body = fill(stock({**sums, "E3": "=LEFT(A2,0)", "G1": "Now", "G2": "=NOW()", "G3": "=LEN(A2)"}))
    values = {"F2": "n:3.75", "F3": "n:45031", "E3": "str:", "G3": "e:#NAME?", "A2": "n:7"}
    document = computed(body, values)
    assert said(document, "table")[0].split("\n") == [
        "Item | Aisle | Fee | Day | Sum | Due | Now",
        "Cup | A | 3 | 45000 | all | 3.75 EUR",
        "Jug | B | 4.5 | 45100 | | 2023-04-15",
    ]
    assert document.notes == (
        "3 formulas without a stored value were computed by LibreOffice",
        LEFT.format(2, "s"),
    )


def test_an_answer_that_is_no_copy_is_not_believed():
    body = stock({"F2": "=MEDIAN(C2:C3)"})
    workbook, other_epoch = Workbook(), io.BytesIO()
    workbook.epoch = CALENDAR_MAC_1904
    workbook.save(other_epoch)
    for copy in (b"words", zipped({"a": "b"}), other_epoch.getvalue()):
        asked = Recalculation(state="done", copy=copy)
        document = xlsx.parse(body, "x.xlsx", recalculation=asked)
        assert document.notes == (f"{LEFT.format(1, '')} (LibreOffice made no workbook of them)",)
    for value in ("n:nan", "b:yes", "n:", "d:2024-01-01", f"str:{'x' * 40_000}"):
        assert computed(body, {"F2": value}).notes == (LEFT.format(1, ""),)


def test_days_that_are_counted_from_1904_stay_so():
    workbook, file = Workbook(), io.BytesIO()
    workbook.epoch = CALENDAR_MAC_1904
    workbook.active["A1"] = "=EDATE(B1,1)"
    workbook.active["B1"] = 1
    workbook.save(file)
    extract = ask(file.getvalue())
    assert load_workbook(io.BytesIO(extract)).epoch == CALENDAR_MAC_1904


def test_without_libreoffice_the_note_says_what_it_would_compute():
    two = stock({"F2": "=MEDIAN(C2:C3)", "F3": "=TODAY()"})
    note = "2 formulas had no stored value and could not be computed"
    remedy = "install LibreOffice Calc to have {} computed"
    notes = {
        MISSING: (f"{note}: {remedy.format('1 of them')}",),
        Recalculation(): (note,),
        Recalculation(state="failed", reason="it took long"): (f"{note} (it took long)",),
    }
    for recalculation, expected in notes.items():
        assert xlsx.parse(two, "x.xlsx", recalculation=recalculation).notes == expected
    one = stock({"F2": "=MEDIAN(C2:C3)"})
    (note,) = xlsx.parse(one, "x.xlsx", recalculation=MISSING).notes
    assert note == f"{LEFT.format(1, '')}: {remedy.format('it')}"


def test_a_doubtful_zero_that_nobody_computes_is_no_value():
    body = stock({"F1": "Sum", "F2": "=MEDIAN(C2:C3)", "F3": "=1-1"})
    body = with_sheet(body, re.sub(rb"(</f>)<v ?/?>(?:</v>)?", rb"\1<v>0</v>", sheet(body)))
    document = xlsx.parse(body, "x.xlsx")
    rows = said(document, "table")[0].split("\n")
    assert rows[1:] == ["Cup | A | 3 | 45000", "Jug | B | 4.5 | 45100 | 0"]
    assert document.notes == (LEFT.format(1, ""),)
    assert "Cup | A | 3 | 45000 | 3.75" in computed(body, {"F2": "n:3.75"}).text


@pytest.mark.parametrize(
    ("module", "limit"),
    [
        (formula_extract, "MOST_EXTRACT_CELLS"),
        (formula_extract, "MOST_TRACE_STEPS"),
        (formulas, "MOST_SHEET_CELLS"),
    ],
)
def test_a_workbook_that_is_too_large_for_it_is_left(monkeypatch, module, limit):
    cells = {f"F{n}": f"=LEN(F{n - 1})" for n in range(3, 40)} | {"F2": "=LEN(A2)"}
    body = stock(cells)
    assert len(asked_formulas(body)) == 38
    monkeypatch.setattr(module, limit, 20)
    extract = asked_formulas(body)
    assert len(extract) < 38
    if not extract:
        document = xlsx.parse(body, "x.xlsx", recalculation=ASK)
        assert document.notes == (LEFT.format(38, "s"),)


def test_thousands_of_formulas_that_need_one_another_are_traced_without_depth():
    cells: dict[str, object] = {f"F{n}": f"=LEN(F{n + 1})" for n in range(2, 3_002)}
    assert len(asked_formulas(stock(cells))) == 3_000
    cells["F3002"] = "=LEN(F2)"  # and now in a circle
    assert asked_formulas(stock(cells)) == {}
