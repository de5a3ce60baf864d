"""Mails whose text is markup alone: what they quote or forward stands once, under who wrote it."""

import pytest
from document_checks import asked, path_of, said, sound
from outlook_files import message_tree, outlook_file

from ingest.parse import registry
from ingest.parse.mail import message

HEAD = "From: Ann\nTo: Bo\nSubject: {0}\nDate: Mon, 02 Mar 2026 09:00:00 +0100\n"
SLUICE = "The sluice at mill 4 is opened by the warden alone."
KEY = "Who keeps the second key of the sluice?"
GATE_ZH = "四号闸门只由值班员开启。"
KEY_ZH = "备用钥匙在东门岗亭。"


def read(markup: str, subject: str = "Re: Sluice"):
    head = f"{HEAD.format(subject)}Content-Type: text/html; charset=utf-8\n\n"
    return sound(message.parse(f"{head}{markup}".encode(), "a.eml"))


GMAIL = (
    '<div dir="ltr">Thanks, noted.</div><br><div class="gmail_quote gmail_quote_container">'
    '<div dir="ltr" class="gmail_attr">On Tue, 3 Mar 2026 at 10:00, Bo Berg &lt;'
    '<a href="mailto:bo@c.example">bo@c.example</a>&gt; wrote:<br></div>'
    '<blockquote class="gmail_quote"><div>I asked the warden, and he agrees.</div>'
    '<div class="gmail_quote"><div class="gmail_attr">On Mon, 2 Mar 2026 at 9:00, Ann &lt;'
    '<a href="mailto:a@c.example">a@c.example</a>&gt; wrote:<br></div>'
    f'<blockquote class="gmail_quote"><p>{SLUICE}</p></blockquote></div></blockquote></div>'
    "<div>On Mon, 2 Mar 2026 at 9:00, Ann &lt;a@c.example&gt; wrote:</div>"
    f"<blockquote><div>{SLUICE}</div><div>Bring a lamp.</div></blockquote>"
)
OUTLOOK = (
    '<div class="WordSection1"><p class="MsoNormal">Thanks, noted.</p><div>'
    '<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm">'
    '<p class="MsoNormal"><b>From:</b> Berg, Bo<br><b>Sent:</b> Tuesday<br><b>To:</b> Ann</p></div>'
    '</div><p class="MsoNormal">I asked the warden, and he agrees.</p>'
    '<hr><div id="divRplyFwdMsg" dir="ltr"><font><b>From:</b> Ann<br><b>Sent:</b> Monday</font></div>'
    f'<div><p>{SLUICE}</p></div><div id="divRplyFwdMsg">From: Ann<br>Sent: Monday</div>'
    f"<p>{SLUICE}</p><p>Bring a lamp.</p></div>"
)
APPLE = (
    "<div>Thanks, noted.</div><div><br><blockquote type='cite'><div>On 3 Mar 2026, at 10:00, Bo Berg"
    " &lt;bo@c.example&gt; wrote:</div><br><div>I asked the warden, and he agrees.</div><br>"
    "<blockquote type='cite'><div>Begin forwarded message:</div><br><div><b>From: </b>Ann</div>"
    f"<div><b>Date: </b>Monday</div><br><div>{SLUICE}</div></blockquote>"
    f"<blockquote type='cite'>{SLUICE}<br>Bring a lamp.</blockquote></blockquote></div>"
)


@pytest.mark.parametrize("markup", [GMAIL, OUTLOOK, APPLE])
def test_quoted_replies_in_markup_stand_once_under_who_wrote_them(markup):
    document = read(markup)
    assert document.text.count(SLUICE) == 1
    assert path_of(document, "Thanks") == ("Re: Sluice",)
    assert "Bo" in path_of(document, "I asked")[-1]
    assert path_of(document, "The sluice")[-1] != path_of(document, "I asked")[-1]
    assert "Ann" in path_of(document, "The sluice")[-1] or "From" in path_of(document, "The sl")[-1]
    assert "Bring a lamp." in document.text
    for label in ("Sent:", "wrote:", "forwarded message:"):
        assert label not in document.text


QQ = (
    '<div>收到。</div><div><br></div><div style="font-size:12px;padding:2px 0;">'
    "------------------&nbsp;原始邮件&nbsp;------------------</div>"
    '<div style="background:#efefef"><div><b>发件人:</b>&nbsp;"王"&lt;w@c.example&gt;;</div>'
    "<div><b>发送时间:</b>&nbsp;2026年3月2日</div><div><b>收件人:</b>&nbsp;李;</div>"
    f"<div><b>主题:</b>&nbsp;闸门</div></div><div>{GATE_ZH}</div><div>{KEY_ZH}</div>"
    f"<div>------------------ 原始邮件 ------------------</div><div>发件人: 赵</div>"
    f"<div>主题: 闸门</div><div>{GATE_ZH}</div><div>请带手电。</div>"
)
NETEASE = (
    '<div>收到。</div><div>在 2026-03-02 09:00:00，"王" &lt;w@c.example&gt; 写道：</div>'
    f'<blockquote id="isReplyContent"><div>{GATE_ZH}</div><div>{KEY_ZH}</div>'
    "<div>在 2026-03-01 08:00:00，赵 &lt;z@c.example&gt; 写道：</div>"
    f"<blockquote>{GATE_ZH}<br>请带手电。</blockquote></blockquote>"
)


@pytest.mark.parametrize("markup", [QQ, NETEASE])
def test_quoted_replies_in_chinese_markup_stand_once(markup):
    document = read(markup, "回复：闸门")
    assert document.text.count(GATE_ZH) == 1
    assert path_of(document, "收到") == ("回复：闸门",)
    assert "王" in path_of(document, GATE_ZH)[-1]
    assert "赵" in path_of(document, "请带手电")[-1]
    for label in ("原始邮件", "发件人", "写道：", "收件人"):
        assert label not in document.text


def test_what_is_forwarded_in_markup_keeps_its_tables_lists_headings_and_links():
    document = read(
        '<div>FYI</div><div class="gmail_quote"><div class="gmail_attr">---------- Forwarded message'
        " ---------<br>From: <b>Lock</b> &lt;l@c.example&gt;<br>Date: Monday<br>Subject: tolls<br>"
        "To: &lt;a@c.example&gt;<br></div><h2>Tolls</h2><table><tr><th>Boat</th><th>Toll</th></tr>"
        "<tr><td>Skiff</td><td>4</td></tr></table><ul><li>Pay at <a href='https://c.example/pay'>the"
        " hut</a></li><li>Keep the slip</li></ul></div>"
    )
    heading = "tolls, Lock <l@c.example>, Monday"
    assert path_of(document, "Boat | Toll") == ("Re: Sluice", heading, "Tolls")
    assert next(b for b in document.blocks if b.kind == "table").header == "Boat | Toll"
    assert said(document, "list") == ["- Pay at the hut\n- Keep the slip"]
    assert [(document.text[x.start : x.end], x.href) for x in document.links] == [
        ("the hut", "https://c.example/pay")
    ]
    assert path_of(document, "FYI") == ("Re: Sluice",)


def test_a_header_in_a_table_begins_another_mail():
    document = read(
        "<p>FYI</p>-------- Forwarded Message --------<table><tr><th>Subject: </th><td>tolls</td></tr>"
        "<tr><th>From: </th><td>Lock &lt;l@c.example&gt;</td></tr></table><p>Skiffs pay four.</p>"
    )
    assert path_of(document, "Skiffs") == ("Re: Sluice", "tolls, Lock <l@c.example>")


def test_repeated_rows_of_a_quoted_table_go_and_new_ones_keep_their_head():
    row = "<tr><td>{0}</td><td>is moored at the northern quay</td></tr>"
    table = "<table><tr><th>Boat</th><th>Where it is moored now</th></tr>{0}</table>"
    first, second = row.format("Skiff"), row.format("Punt")
    document = read(
        f"{table.format(first + first)}<div>Bo &lt;b@c.example&gt; wrote:</div>"
        f"<blockquote>{table.format(first + second)}{table.format(first)}</blockquote>"
    )
    head, first_line = "Boat | Where it is moored now", "Skiff | is moored at the northern quay"
    assert said(document, "table") == [
        f"{head}\n{first_line}\n{first_line}",
        f"{head}\nPunt | is moored at the northern quay",
    ]


def test_answers_between_quoted_questions_in_markup_are_their_answers():
    document = read(
        f"<p>Below.</p><div>On Mon, Bo wrote:</div><blockquote><p>Hello.</p><p>{KEY}</p></blockquote>"
        "<p>The miller.</p><blockquote><p>Is it open on Sunday?</p></blockquote>"
        '<div class="gmail_signature">Ann Lee, Mill Street</div>'
    )
    assert asked(document) == [KEY]
    assert f"{KEY}\nThe miller." in said(document, "faq")
    assert "Is it open on Sunday?" in said(document, "paragraph")


def test_links_of_a_repeated_line_do_not_hide_those_of_the_next():
    links = "".join(
        f"<div>Chart {n} of the harbour is <a href='https://c.example/{n}'>here</a></div>"
        for n in range(30)
    )
    document = read(
        f"{links}<div>On Mon, Bo wrote:</div><blockquote>{links}"
        "<div>And <a href='https://c.example/new'>the tides</a>.</div></blockquote>"
    )
    assert len(document.links) == 31
    assert document.links[-1].href == "https://c.example/new"
    assert document.lost_links == 0


@pytest.mark.parametrize(
    "markup",
    [
        "<p>On Sunday it stays shut.</p><p>Ring the porter.</p><p>Bo wrote:</p>",
        "<p>From: Oslo<br>To: Bergen<br>Date: 9 June</p>",
        "<ul><li>From: Ann</li><li>Subject: keys</li></ul>",
        "<ul><li>What bo@c.example wrote:</li></ul>",
    ],
)
def test_markup_that_only_looks_like_another_mail_stays_text(markup):
    document = read(f"<p>Hello.</p>{markup}<p>The end.</p>")
    assert said(document, "heading") == ["Re: Sluice"]
    assert document.text.count("\n") >= 3


def test_words_below_a_header_that_begin_as_a_field_does_are_kept():
    document = read(
        "<div>FYI</div><div>From: Bo &lt;b@c.example&gt;</div><div>To: Ann</div>"
        "<div>To: all who moor here, the quay is closed.</div>"
    )
    assert path_of(document, "To: all who moor")[-1] == "Bo <b@c.example>"


def test_a_repeated_heading_leads_what_is_new_below_it():
    heading = "<h3>Rules of the sluice in winter</h3>"
    document = read(
        f"{heading}<p>{SLUICE}</p><div>On Mon, Bo wrote:</div>"
        f"<blockquote>{heading}<p>{SLUICE}</p><p>Salt the steps.</p></blockquote>"
    )
    assert document.text.count("Rules of the sluice") == 1
    assert path_of(document, "Salt")[1:] == ("On Mon, Bo wrote", "Rules of the sluice in winter")


def test_own_words_of_a_mail_stay_though_they_are_repeated():
    document = read(f"<h2>Rules of the sluice in winter</h2><p>{SLUICE}</p><p>{SLUICE}</p>")
    assert document.text.count(SLUICE) == 2
    assert path_of(document, SLUICE) == ("Re: Sluice", "Rules of the sluice in winter")


def test_markup_of_an_outlook_message_quotes_once_too():
    body = outlook_file(message_tree("Sluice", "", markup=QQ.encode("utf-8")))
    document = sound(registry.parse_document(body, "b.msg"))
    assert document.text.count(GATE_ZH) == 1
    assert "王" in path_of(document, GATE_ZH)[-1]


def test_a_thread_of_many_mails_in_markup_is_read_soon():
    markup = "".join(
        f"<div>On Mon, Bo wrote:</div><blockquote><p>{SLUICE}</p><p>Day {n}</p>" for n in range(400)
    )
    document = read(markup + "</blockquote>" * 400)
    assert document.text.count(SLUICE) == 1
    assert "Day 399" in document.text


def test_a_forwarded_mail_that_says_a_line_in_two_places_keeps_both():
    document = read(
        "<div>FYI</div><div>---------- Forwarded message ---------<br>From: Bo &lt;bo@c.example&gt;"
        "<br>Date: Monday<br>Subject: Guarantees</div><h3>Grinder</h3><p>The guarantee lasts two "
        "years.</p><h3>Kettle</h3><p>The guarantee lasts two years.</p>"
    )
    assert document.text.count("The guarantee lasts two years.") == 2


def test_own_words_that_are_set_in_like_a_quotation_are_kept():
    hours = "<blockquote>Monday to Friday from nine to five</blockquote>"
    document = read(f"<p>Our hours in Munich are</p>{hours}<p>and in Berlin they are</p>{hours}")
    assert document.text.count("Monday to Friday from nine to five") == 2


@pytest.mark.parametrize(
    "quotation",
    [
        "<blockquote>You have 14 days for a refund, I think.</blockquote>",
        (
            "<blockquote>You have 14 days, I think.<div>On Mon, 2 Mar 2026, Cy &lt;cy@c.example&gt; "
            "wrote:</div><blockquote>How long do we have?</blockquote></blockquote>"
        ),
    ],
)
def test_own_words_below_a_quotation_are_no_words_of_who_is_quoted(quotation):
    document = read(
        f"<div>On Tue, 3 Mar 2026, Bo &lt;bo@c.example&gt; wrote:</div>{quotation}"
        "<p>No, that is wrong; our refund window is 30 days.</p>"
    )
    own = next(block for block in document.blocks if "30 days" in text_of(document, block))
    assert not any("Bo" in part or "Cy" in part for part in own.path)


def text_of(document, block):
    return document.text[block.start : block.end]
