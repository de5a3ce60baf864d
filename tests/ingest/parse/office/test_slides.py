"""Groups, SmartArt, tables, footers and what was not kept of presentations."""

from document_checks import said, sound
from office_files import SPACES, deck, diagram, relations, shape, slide, smart_art

from ingest.document import Document
from ingest.parse.office import graphic_frames, pptx
from ingest.parse.xml_tree import parse_xml


def read(*slides: str, more=None) -> Document:
    return sound(pptx.parse(deck(*slides, more=more), "x.pptx"))


def group(*shapes: str, own: str = "") -> str:
    return f'<p:grpSp><p:nvGrpSpPr><p:cNvPr id="9" name="g" {own}/></p:nvGrpSpPr>{"".join(shapes)}</p:grpSp>'


def frame(inner: str) -> str:
    return f"<p:graphicFrame>{inner}</p:graphicFrame>"


def test_groups_are_read_and_hidden_ones_counted():
    document = read(
        slide(group(shape("Order"), group(shape("Drive"))), group(shape("Old"), own='hidden="1"'))
    )
    assert said(document) == ["Order", "Drive"]
    assert document.notes == ("1 hidden shape was left out",)


def test_smart_art_is_a_list_in_its_place():
    links = '<d:cxn srcId="1" destId="3" srcOrd="0"/><d:cxn srcId="1" destId="2" srcOrd="1"/><d:cxn type="presOf" srcId="2" destId="1"/>'
    parts = {
        "ppt/slides/_rels/slide1.xml.rels": relations({"../diagrams/data1.xml": "diagramData"}),
        "ppt/diagrams/data1.xml": diagram(
            "Escalation", "Desk", "Duty line 0800", "layout", links=links, kinds={"4": "pres"}
        ),
    }
    document = read(slide(shape("Before"), frame(smart_art("r1")), shape("After")), more=parts)
    assert said(document) == ["Before", "- Escalation\n  - Duty line 0800\n  - Desk", "After"]
    assert document.notes == ()


def test_smart_art_without_words_is_noted():
    assert read(slide(shape("x"), frame(smart_art("r1")))).notes == (
        "1 SmartArt drawing was not read",
    )


def test_links_of_a_drawing_in_a_circle_end():
    circle = "".join(f'<d:cxn srcId="{n}" destId="{n % 3 + 1}"/>' for n in range(1, 4))
    model = parse_xml(diagram("a", "b", "c", links=circle * 500).encode(), "model")
    assert graphic_frames.list_points(model) == ["- a", "  - b", "    - c"]
    many = diagram(*("x" for _ in range(5_000)))
    assert len(graphic_frames.list_points(parse_xml(many.encode(), "model"))) == 2_000


def test_merged_cells_of_a_slide_fill_their_range():
    def tc(text: str, own: str = "") -> str:
        return f"<a:tc {own}><a:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></a:txBody></a:tc>"

    rows = [
        tc("Class") + tc("Fee", 'gridSpan="2"') + tc("", 'hMerge="1"'),
        tc("", 'vMerge="1"') + tc("Day") + tc("Week"),
        tc("Van") + tc("free", 'gridSpan="2"') + tc("", 'hMerge="1"'),
    ]
    lines = "".join(f"<a:tr>{row}</a:tr>" for row in rows)
    document = read(slide(frame(f'<a:tbl><a:tblPr firstRow="1"/>{lines}</a:tbl>')))
    assert document.text == "Class | Fee Day | Fee Week\nVan | free | free"
    assert document.blocks[0].header == "Class | Fee Day | Fee Week"


def test_a_footer_is_said_on_the_first_slide_that_has_it():
    foot = shape("Internal use", holder="ftr")
    document = read(slide(shape("One"), foot), slide(shape("Two"), foot))
    assert [(block.page, text) for block, text in zip(document.blocks, said(document), strict=True)] == [
        (1, "One"), (1, "Internal use"), (2, "Two"),
    ]  # fmt: skip


def test_raised_digits_of_a_slide_are_no_part_of_a_number():
    marked = shape("Seats: 1,204").replace(
        "</a:r>", '</a:r><a:r><a:rPr baseline="30000"/><a:t>3</a:t></a:r>'
    )
    assert said(read(slide(marked))) == ["Seats: 1,204³"]


def test_words_of_a_slide_that_are_struck_out_are_left_out_and_counted():
    struck = shape("Ask at desk 4.").replace("<a:r>", '<a:r><a:rPr strike="sngStrike"/>')
    document = read(slide(shape("Ask at desk 7."), struck))
    assert said(document) == ["Ask at desk 7."]
    assert document.notes == ("4 struck-out words were left out",)


def test_what_is_not_read_is_noted():
    film = '<p:pic><p:nvPicPr><p:cNvPr id="1" name="x"/><p:nvPr><a:videoFile/></p:nvPr></p:nvPicPr></p:pic>'
    still = '<p:pic><p:nvPicPr><p:cNvPr id="2" name="x" descr="A red van"/></p:nvPicPr></p:pic>'
    ole = frame(
        "<a:graphic><a:graphicData><p:oleObj><p:pic/></p:oleObj></a:graphicData></a:graphic>"
    )
    parts = {
        "ppt/slides/_rels/slide1.xml.rels": relations(
            {"../comments/c.xml": "comments", "../charts/x.xml": "chartEx"}
        ),
        "ppt/comments/c.xml": f"<p:cmLst {SPACES}><p:cm/><p:cm/></p:cmLst>",
        "ppt/charts/x.xml": "<chartSpace/>",
    }
    document = read(slide(shape("Words"), film, still, ole), more=parts)
    assert document.notes == (
        "1 picture was not read; descriptions of 1 were kept",
        "1 chart was not read",
        "1 embedded object was not read",
        "1 film or sound was not read",
        "2 comments were left out",
    )
