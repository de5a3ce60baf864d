"""What stands in the margins of a Word document is said once, without page numbers."""

from document_checks import said, sound
from office_files import cell, par, part, run, strong, word_with

from ingest.parse.office import docx

FIELD = (
    '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText> PAGE </w:instrText></w:r>'
    '<w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>7</w:t></w:r>'
    '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
)
PAGES = '<w:fldSimple w:instr=" NUMPAGES "><w:r><w:t>12</w:t></w:r></w:fldSimple>'


def section(*references: str, own: str = "") -> str:
    return f"<w:sectPr>{''.join(references)}{own}</w:sectPr>"


def reference(margin: str, number: int, kind: str = "default") -> str:
    return f'<w:{margin}Reference w:type="{kind}" r:id="r{number}"/>'


def read(body: str, related) -> list[str]:
    return said(sound(docx.parse(word_with(body, related), "a/lift.docx")))


def test_headers_and_footers_are_read_once_after_the_text():
    lines = part("hdr", par("Valid for lifts of type B-200") + par(""))
    again = part("hdr", par("Valid for lifts of type B-200"))
    foot = part(
        "ftr", f"<w:p>{run('Fault line 0800 1234, page ')}{FIELD}{run(' of ')}{PAGES}</w:p>"
    )
    body = (
        par("Lifts", "H1")
        + par("Doors close slowly.")
        + f"<w:p><w:pPr>{section(reference('header', 4), reference('footer', 6))}</w:pPr></w:p>"
        + par("More.")
        + section(reference("header", 5), reference("footer", 6))
    )
    related = {
        "h1.xml": ("header", lines),
        "h2.xml": ("header", again),
        "f1.xml": ("footer", foot),
    }
    assert read(body, related) == [
        "Lifts", "Doors close slowly.", "More.", "Valid for lifts of type B-200",
        "Fault line 0800 1234,",
    ]  # fmt: skip
    document = docx.parse(word_with(body, related), "a/lift.docx")
    assert document.blocks[-1].path == ()


def test_page_numbers_alone_are_no_line():
    foot = part("ftr", f"<w:p>{run('第')}{FIELD}{run('页 共')}{PAGES}{run('页')}</w:p>")
    body = par("正文。") + section(reference("footer", 4))
    assert read(body, {"f.xml": ("footer", foot)}) == ["正文。"]


def test_margins_that_no_page_shows_are_not_read():
    first, even = part("hdr", par("First page")), part("hdr", par("Even page"))
    related = {"a.xml": ("header", first), "b.xml": ("header", even)}
    shown = section(reference("header", 4, "first"), reference("header", 5, "even"))
    assert read(par("Words.") + shown, related) == ["Words."]
    titled = section(reference("header", 4, "first"), own="<w:titlePg/>")
    assert read(par("Words.") + titled, related) == ["Words.", "First page"]
    settings = {"s.xml": ("settings", part("settings", "<w:evenAndOddHeaders/>"))}
    assert read(par("Words.") + shown, related | settings) == ["Words.", "Even page"]


def test_a_table_in_a_header_is_a_line_a_row():
    box = f"<w:p><w:r><w:pict><w:txbxContent>{strong('Copy')}</w:txbxContent></w:pict></w:r></w:p>"
    table = f"<w:tbl><w:tr>{cell(par('QM-12'))}{cell(par('Revision 3'))}</w:tr></w:tbl>"
    body = par("Words.") + section(reference("header", 4))
    lines = read(body, {"h.xml": ("header", part("hdr", table + box))})
    assert lines == ["Words.", "QM-12 | Revision 3", "Copy"]


def test_a_header_that_is_not_there_or_of_another_kind_is_left_out():
    body = par("Words.") + section(reference("header", 1), reference("footer", 9))
    assert read(body, {}) == ["Words."]
    assert docx.parse(word_with(body, {}), "a.docx").notes == (
        "2 headers and footers were not read",
    )


def test_a_header_without_end_is_cut_and_counted():
    lines = part("hdr", "".join(par(f"Line {n}") for n in range(600)))
    document = docx.parse(
        word_with(par("Words.") + section(reference("header", 4)), {"h.xml": ("header", lines)}),
        "a",
    )
    assert document.text.endswith("Line 499")
    assert document.notes == ("1 header or footer was not read",)
