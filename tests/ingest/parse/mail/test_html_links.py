"""A mail that is read from its plain part leads where its HTML part does."""

from email.message import EmailMessage

from document_checks import linked, sound

from ingest.document import Document
from ingest.parse.mail import message

A, B = "https://a.example/claim?x=1", "tel:+4930"
PLAIN = """Hello,

send the claim with the slip for the trip
to us. Claims of last year are closed.

* Call the desk
* Wait

On Monday, Ann wrote:
> Where is the wiki?
"""
MARKUP = f"""<p>Hello,</p><p>send the claim with the slip for the trip to us.
<a href="{A}">Claims</a> of last year are <a href="https://z.example">closed</a>.</p>
<ul><li>Call <a href="{B}">the desk</a></li><li>Wait</li></ul>
<div class="gmail_quote">On Monday, Ann wrote: Where is the <a href="https://w.example">wiki</a>?"""


def mail(plain: str, markup: str) -> Document:
    letter = EmailMessage()
    letter["Subject"], letter["From"] = "Claims", "ann@b.example"
    letter.set_content(plain)
    letter.add_alternative(markup, subtype="html")
    return sound(message.parse(letter.as_bytes(), "a.eml"))


def test_words_of_the_plain_part_lead_where_those_of_the_html_part_do():
    document = mail(PLAIN, MARKUP)
    assert linked(document) == [("Claims", A), ("closed", "https://z.example"), ("the desk", B)]
    assert document.text[: document.links[0].start].endswith("to us. ")
    assert document.lost_links == 0


def test_markup_that_cannot_be_read_costs_no_mail():
    document = mail("Fine.\n", "<a href='x'>" + "<div>" * 5_000)
    assert (document.links, document.lost_links) == ((), 0)
    assert "Fine." in document.text


def test_a_mail_of_markup_alone_keeps_its_links():
    letter = EmailMessage()
    letter["Subject"] = "Claims"
    letter.set_content(MARKUP, subtype="html")
    document = sound(message.parse(letter.as_bytes(), "a.eml"))
    assert ("the desk", B) in linked(document)
