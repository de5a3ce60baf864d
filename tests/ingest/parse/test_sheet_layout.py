"""The tables of a sheet: no cell is lost, whatever stands where."""

from document_checks import said, sound
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.document import Document
from ingest.errors import Unreadable
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.office.sheet_cells import MergeFiller
from ingest.parse.sheet_layout import write_headed_rows, write_sheet_rows

HEADS = ("Question", "Answer", "Topic", "Similar questions", "Remark", "", "Price", "2024", "7")
KINDS = ("{}w", "{}", "{}.50 EUR", "Is it {}?", "19{:02d}", "long {0} words " * 30)


def build(rows: list[list[str]], *, plain: bool = False) -> Document:
    builder = DocumentBuilder()
    if plain:
        write_headed_rows(builder, iter(rows), level=2, title_level=1)
    else:
        write_sheet_rows(builder, iter(rows), level=2)
    return sound(builder.build_document(title="x", media_type="text/csv"))


@st.composite
def grids(draw):
    """Draw rows of distinct cells below a head, some empty, some of them merged."""
    width = draw(st.integers(1, 7))
    count = draw(st.integers(1, 6))
    kinds = st.one_of(st.none(), st.sampled_from(KINDS))
    head = draw(st.lists(st.sampled_from(HEADS), min_size=width, max_size=width))
    rows = []
    for y in range(count):
        row = [draw(kinds) for _ in range(width)]
        rows.append(
            [(kind or "").format(n).strip() for n, kind in enumerate(row, start=100 + y * 10)]
        )
    merges = []
    for _ in range(draw(st.integers(0, 2))):
        top, left = draw(st.integers(2, count + 1)), draw(st.integers(1, width))
        bottom, right = min(top + 1, count + 1), min(left + draw(st.integers(0, 2)), width)
        merges.append((top, left, bottom, right))
        for y in range(top - 2, bottom - 1):
            for x in range(left - 1, right):
                if (y, x) != (top - 2, left - 1):
                    rows[y][x] = ""
    return [head, *rows], merges


@settings(max_examples=60, deadline=None)
@given(grids())
def test_no_cell_is_lost(drawn):
    rows, merges = drawn
    filler = MergeFiller(merges)
    filled = [filler.fill_row(number, row) for number, row in enumerate(rows, start=1)]
    for plain in (False, True):
        try:
            document = build(rows if plain else filled, plain=plain)
        except Unreadable:  # nothing in it
            assert not any(map(any, rows[1:]))
            continue
        leads = [" ".join((*block.path, *block.similar_questions)) for block in document.blocks]
        text = "\n".join((document.text, *leads))
        cells = [cell for row in rows[1:] for cell in row]
        if "" in rows[0]:  # numbers without a name count the rows of a FAQ
            cells = [cell for cell in cells if not cell.isdecimal()]
        assert [cell for cell in cells if cell not in text] == []


def test_a_line_above_the_topics_of_questions_leads_them():
    document = build(
        [["Question", "Answer", "Topic"], ["", "", "Payment"], ["By card?", "No.", ""]]
    )
    assert said(document) == ["Payment", "By card?\nNo."]
    assert document.blocks[1].path == ("Payment",)


def test_a_long_sheet_is_one_table_with_its_head():
    rows = [["Rates of 2026", ""], ["Zone", "Price"], *([f"Z{n}", str(n)] for n in range(6_000))]
    document = build(rows)
    assert [block.kind for block in document.blocks] == ["heading", "table"]
    assert document.blocks[1].header == "Zone | Price"
    assert document.text.endswith("Z5999 | 5999")
