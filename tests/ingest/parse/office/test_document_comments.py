"""Comments on Word documents and slides: out unless asked for, then with who wrote them."""

from document_checks import path_of, said, sound
from office_files import SPACES, cell, deck, par, part, relations, run, shape, slide, word_with

from ingest.document import Document
from ingest.parse.office import docx, pptx
from ingest.parse.parse_options import ParseOptions

SHOW_COMMENTS = ParseOptions(comments=True)


def comment(number: int, words: str, author: str = "Ann Lee") -> str:
    return f'<w:comment w:id="{number}" w:author="{author}">{words}</w:comment>'


def commented(number: int, words: str) -> str:
    mark = f'w:id="{number}"'
    return (
        f"<w:commentRangeStart {mark}/>{run(words)}<w:commentRangeEnd {mark}/>"
        f"<w:r><w:commentReference {mark}/></w:r>"
    )


def read(body: str, *comments: str, options: ParseOptions = SHOW_COMMENTS) -> Document:
    related = {"comments.xml": ("comments", part("comments", "".join(comments)))}
    return sound(docx.parse(word_with(body, related), "a/form.docx", options=options))


def test_comments_of_word_follow_what_they_are_on_only_if_asked_for():
    body = (
        f"<w:p>{run('Pay ')}{commented(4, 'within ten days')}{run('.')}</w:p>{par('Ask us.')}"
        f"<w:p>{commented(5, '逾期加收百分之二。')}</w:p>"
    )
    notes = (
        comment(4, par("Is it 14 now?") + par("See the contract.")),
        comment(5, par("财务确认过吗？"), "王"),
    )
    document = read(body, *notes)
    assert said(document) == [
        "Pay within ten days.",
        "Comment by Ann Lee on “within ten days”: Is it 14 now?\nSee the contract.",
        "Ask us.",
        "逾期加收百分之二。",
        "Comment by 王 on “逾期加收百分之二。”: 财务确认过吗？",
    ]
    assert document.notes == ()
    without = read(body, *notes, options=ParseOptions())
    assert said(without) == ["Pay within ten days.", "Ask us.", "逾期加收百分之二。"]
    assert without.notes == ("2 comments were left out",)


def test_a_commented_heading_list_and_table_stay_what_they_are():
    bold = "<w:r><w:rPr><w:b/></w:rPr><w:t>Fees</w:t></w:r>"
    mark = '<w:r><w:commentReference w:id="{}"/></w:r>'
    item = "<w:p><w:pPr><w:pStyle w:val='L'/></w:pPr>{}</w:p>"
    rows = f"<w:tr>{cell(par('Boat'))}{cell(par('Toll'))}</w:tr><w:tr>{cell(par('Skiff'))}"
    toll = cell(f"<w:p>{commented(3, '4')}</w:p>")
    table = f"<w:tbl>{rows}{toll}</w:tr></w:tbl>"
    document = read(
        f"<w:p>{bold}{mark.format(1)}</w:p>{par('A skiff pays four.')}"
        f"{item.format(commented(2, 'Pay first'))}{item.format(run('Then moor'))}{table}",
        *(comment(number, par(f"Words {number}."), "") for number in (1, 2, 3)),
    )
    assert said(document, "heading") == ["Fees"]
    assert path_of(document, "A skiff") == ("Fees",)
    assert said(document, "list") == ["- Pay first\n- Then moor"]
    assert said(document, "paragraph") == [
        "A skiff pays four.",
        "Comment: Words 1.",
        "Comment on “Pay first”: Words 2.",
        "Comment on “4”: Words 3.",
    ]


def test_a_comment_that_no_text_refers_to_is_noted():
    document = read(par("Words."), comment(7, par("Lost.")))
    assert said(document) == ["Words."]
    assert document.notes == ("1 comment was left out",)


def test_thousands_of_comments_on_the_same_words_are_read_soon():
    starts = "".join(f'<w:commentRangeStart w:id="{n}"/>' for n in range(5_000))
    marks = "".join(f'<w:r><w:commentReference w:id="{n}"/></w:r>' for n in range(5_000))
    body = f"<w:p>{starts}{run('word ') * 5_000}{marks}</w:p>"
    document = read(body, *(comment(n, par("Why?")) for n in range(5_000)))
    assert document.text.count("Why?") == 5_000
    assert document.text.count("Comment by Ann Lee on “word word") == 20
    assert len(said(document)[1]) < 200


def test_comments_of_slides_follow_their_slide_only_if_asked_for():
    parts = {
        "ppt/_rels/presentation.xml.rels": relations(
            {
                "slides/slide1.xml": "slide",
                "slides/slide2.xml": "slide",
                "a.xml": "commentAuthors",
                "b.xml": "authors",
            }
        ),
        "ppt/a.xml": f'<p:cmAuthorLst {SPACES}><p:cmAuthor id="0" name="Ann Lee"/></p:cmAuthorLst>',
        "ppt/b.xml": '<t:authorLst xmlns:t="u"><t:author id="{X}" name="王"/></t:authorLst>',
        "ppt/slides/_rels/slide1.xml.rels": relations({"../comments/c.xml": "comments"}),
        "ppt/comments/c.xml": (
            f'<p:cmLst {SPACES}><p:cm authorId="0"><p:text>Too early?</p:text></p:cm></p:cmLst>'
        ),
        "ppt/slides/_rels/slide2.xml.rels": relations({"../comments/d.xml": "comments"}),
        "ppt/comments/d.xml": (
            f'<t:cmLst xmlns:t="u" {SPACES}><t:cm authorId="{{X}}"><t:replyLst><t:reply authorId="0">'
            "<t:txBody><a:p><a:r><a:t>Yes.</a:t></a:r></a:p></t:txBody></t:reply></t:replyLst>"
            "<t:txBody><a:p><a:r><a:t>船票涨价了吗？</a:t></a:r></a:p></t:txBody></t:cm></t:cmLst>"
        ),
    }
    body = deck(slide(shape("Ship in May")), slide(shape("Fares")), more=parts)
    document = sound(pptx.parse(body, "x.pptx", options=SHOW_COMMENTS))
    assert said(document) == [
        "Ship in May",
        "Comment by Ann Lee: Too early?",
        "Fares",
        "Comment by 王: 船票涨价了吗？",
        "Comment by Ann Lee: Yes.",
    ]
    assert [block.page for block in document.blocks] == [1, 1, 2, 2, 2]
    assert document.notes == ()
    without = sound(pptx.parse(body, "x.pptx"))
    assert said(without) == ["Ship in May", "Fares"]
    assert without.notes == ("2 comments were left out",)
