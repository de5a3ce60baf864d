from email.message import EmailMessage

import pytest
from document_checks import asked, path_of, said, sound
from mail_files import mail
from outlook_files import message_tree, outlook_file

from ingest.errors import Unreadable
from ingest.parse import registry
from ingest.parse.mail import calendar_entry, mailbox, message, outlook

HEAD = "From: Ann\nTo: Bo\nSubject: {0}\nDate: Mon, 02 Mar 2026 09:00:00 +0100\n"


def read(text: str, subject: str = "FW: Tides"):
    head = f"{HEAD.format(subject)}Content-Type: text/plain; charset=utf-8\n\n"
    return sound(message.parse(f"{head}{text}".encode(), "a.eml"))


@pytest.mark.parametrize(
    ("rule", "heading"),
    [
        (
            (
                "-----Original Message-----\nFrom: Harbour <h@port.example>\nSent: Monday\nTo: Ann\n"
                "Subject: tides\n"
            ),
            "tides, Harbour <h@port.example>, Monday",
        ),
        (
            (
                "---------- Forwarded message ---------\nFrom: Harbour <h@port.example>\n"
                "Date: Mon, 2 Mar 2026\nSubject: tides\nTo: <a@b.example>\n"
            ),
            "tides, Harbour <h@port.example>, Mon, 2 Mar 2026",
        ),
        ("________________________________\nFrom: Harbour\nSent: Monday\n", "Harbour, Monday"),
        ("*From:* Harbour\n*Sent:* Monday\n*Subject:* tides\n", "tides, Harbour, Monday"),
        (
            (
                "------------------ 原始邮件 ------------------\n发件人: 港务 <h@port.example>\n"
                "发送时间: 2026年3月2日\n收件人: 王\n主题: 潮汐\n"
            ),
            "潮汐, 港务 <h@port.example>, 2026年3月2日",
        ),
        ("-------- 转发邮件信息 --------\n发件人：港务\n主题：潮汐\n", "潮汐, 港务"),
        ("Begin forwarded message:\n\nFrom: Harbour\nDate: Monday\n", "Harbour, Monday"),
    ],
)
def test_what_is_forwarded_below_a_line_or_two_is_kept(rule, heading):
    document = read(f"FYI\n\nAnn\n\n{rule}\nHigh water is at 4:10.\n")
    assert path_of(document, "High water") == ("FW: Tides", heading)
    assert "From:" not in document.text.partition("FYI")[2]


@pytest.mark.parametrize(
    "lines",
    [
        "On Sunday it stays shut.\nRing the porter.\nBo wrote:",
        "Ask bo@c.example for it and\ntake your badge\nAnn wrote:",
        "From: Oslo\nTo: Bergen\nDate: 9 June",
        "From: 8:30\nTo: 16:45\nSubject: opening hours",
    ],
)
def test_what_only_looks_like_the_beginning_of_another_mail_stays_text(lines):
    document = read(f"Hello.\n\n{lines}\n\nThe end.\n")
    assert lines in document.text
    assert said(document, "heading") == ["FW: Tides"]


@pytest.mark.parametrize(
    ("lines", "heading"),
    [
        (
            "On Mon, 2 Nov. 2026 at 9:00 a.m.\nBo Berg\n<bo@c.example> wrote:",
            "On Mon, 2 Nov. 2026 at 9:00 a.m. Bo Berg <bo@c.example> wrote",
        ),
        ("The key is at gate 7.\nBring your badge.\nbo@c.example wrote:", "bo@c.example wrote"),
        ("Bo Berg <bo@c.example>\nwrote:", "Bo Berg <bo@c.example> wrote"),
        ("From: bo@c.example\nSent: Monday", "bo@c.example, Monday"),
    ],
)
def test_a_wrapped_line_or_an_address_begins_another_mail(lines, heading):
    assert path_of(read(f"Hello.\n\n{lines}\n\nThe end.\n"), "The end")[-1] == heading


def test_what_markup_forwards_is_kept():
    forwarded = (
        "<div>FYI</div><div class='gmail_quote'><div>---------- Forwarded message ---------<br>"
        "From: Harbour</div><blockquote><table><tr><th>Day</th><th>High</th></tr>"
        "<tr><td>Monday</td><td>4:10</td></tr></table></blockquote></div>"
    )
    document = sound(
        message.parse(f"{HEAD.format('x')}Content-Type: text/html\n\n{forwarded}".encode(), "a.eml")
    )
    assert "Monday | 4:10" in document.text


def test_quoted_replies_stand_once_under_who_wrote_them():
    first = "The lift is repaired on the ninth of May."
    document = read(
        f"Good.\n\nOn Tue, Bo <b@c.example> wrote:\n> Thanks for this.\n>\n> On Mon, Ann\n"
        f"> <a@c.example> wrote:\n>> {first}\n> > {first}\n\n"
        f"在 2026-03-01，“王”<w@c.example> 写道：\n> {first}\n> 电梯\n"
    )
    assert document.text.count("The lift is repaired") == 1
    assert path_of(document, "Thanks")[-1] == "On Tue, Bo <b@c.example> wrote"
    assert path_of(document, "The lift")[-1] == "On Mon, Ann <a@c.example> wrote"
    assert ">" not in document.text.replace("example>", "")


def test_own_words_between_and_below_quoted_ones_are_no_words_of_who_is_quoted():
    document = read(
        "On Tue, Bo <b@c.example> wrote:\n> The fee is 9 euros for every visitor.\n\nIt is 7 now.\n"
        "\n> The lift runs all day, as far as I know.\n\nOnly until eight.\n"
    )
    assert path_of(document, "It is 7")[-1] == path_of(document, "Only until")[-1] == "FW: Tides"
    quoted = path_of(document, "The fee")[-1], path_of(document, "The lift")[-1]
    assert quoted == ("On Tue, Bo <b@c.example> wrote",) * 2


def test_what_one_mail_says_in_two_places_stands_in_both():
    hours = "Monday to Friday from nine to five"
    document = read(f"Our hours in Munich are\n{hours}\nand in Berlin they are\n{hours}\n")
    assert document.text.count(hours) == 2


def test_answers_between_quoted_questions_are_their_answers():
    document = read(
        "Below.\n\nOn Mon, Bo wrote:\n> Hello.\n>\n> Who has the key?\n\nThe porter.\n\n"
        "> And the code?\n1234.\n\n> Until when?\n\n-- \nAnn"
    )
    assert asked(document) == ["Who has the key?", "And the code?"]
    assert "Until when?" in said(document, "paragraph")


def test_all_texts_of_a_mail_are_read_and_pictures_are_noted():
    whole = EmailMessage()
    whole["Subject"] = "Parts"
    whole.set_content("First words.")
    whole.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="a.png")
    whole.add_attachment(b"x", maintype="application", subtype="pkcs7-signature", filename="s.p7s")
    whole.add_attachment("Last words.", disposition="inline")
    document = sound(message.parse(whole.as_bytes(), "a.eml"))
    assert said(document) == ["Parts", "First words.", "Last words."]
    assert document.notes == ("1 picture was not read",)
    assert document.members == ()


def test_an_attached_mail_is_read_with_the_mail_and_its_attachments_too():
    inner = mail("Bring boots.", subject="Site visit", files={"plan.csv": b"a,b\n1,2\n"})
    document = sound(message.parse(mail("See below.", mails=(inner,)).as_bytes(), "a.eml"))
    assert path_of(document, "Bring boots") == ("Keys", "Site visit")
    assert [(one.name, one.context) for one in document.members] == [
        ("1-plan.csv", "Site visit (mail of Ann Lee, 2026-03-02)")
    ]


def test_names_of_attachments_in_gbk_without_any_encoding():
    body = (
        HEAD.format("钥匙").encode("gbk")
        + b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nHi.\n--b\n"
        + b'Content-Type: application/octet-stream; name="'
        + "报销须知说明.txt".encode("gbk")
        + b'"\nContent-Disposition: attachment\n\nhello there\n--b--\n'
    )
    document = sound(message.parse(body, "a.eml"))
    assert document.title == "钥匙"
    assert [one.name for one in document.members] == ["1-报销须知说明.txt"]


INVITATION = """BEGIN:VCALENDAR
METHOD:REQUEST
BEGIN:VEVENT
SUMMARY:Fire drill\\, hall 2
DTSTART;TZID=Europe/Berlin:20260304T140000
DTEND;TZID=Europe/Berlin:20260304T150000
LOCATION:Gate 4
ORGANIZER;CN="Ann Lee":mailto:ann@shop.example
ATTENDEE;CN=Bo:mailto:bo@shop.example
DESCRIPTION:Leave by the stairs.\\nThe lifts
  are off.
BEGIN:VALARM
DESCRIPTION:Reminder
END:VALARM
END:VEVENT
END:VCALENDAR
"""


def test_an_invitation_says_what_when_and_where():
    document = sound(registry.parse_document(INVITATION.encode(), "drill.ics"))
    assert document.media_type == calendar_entry.CALENDAR_TYPE
    assert said(document) == [
        "Fire drill, hall 2",
        (
            "Begins: Wednesday, 2026-03-04 14:00 Europe/Berlin\n"
            "Ends: Wednesday, 2026-03-04 15:00 Europe/Berlin\n"
            "Where: Gate 4\nOrganizer: Ann Lee <ann@shop.example>\nInvited: Bo <bo@shop.example>"
        ),
        "Leave by the stairs.\nThe lifts are off.",
    ]


def test_an_invitation_keeps_its_link():
    text = INVITATION.replace("LOCATION", "URL:https://drill.example/7\nLOCATION")
    document = sound(registry.parse_document(text.encode(), "drill.ics"))
    assert [(document.text[x.start : x.end], x.href) for x in document.links] == [
        ("https://drill.example/7", "https://drill.example/7")
    ]


def test_an_invitation_in_a_mail_is_part_of_its_text():
    whole = mail("You are invited.")
    whole.add_alternative(INVITATION, subtype="calendar")
    document = sound(message.parse(whole.as_bytes(), "a.eml"))
    assert path_of(document, "Begins: Wednesday") == ("Keys", "Fire drill, hall 2")
    assert "You are invited." in document.text


BOX = """From - Mon Mar 02 09:00:00 2026
From: Ann
Subject: One
Date: Mon, 02 Mar 2026 09:00:00 +0100

The first.

From here on it goes up.
>From the top you see the sea.

From 17@xxx Mon Mar 02 09:00:01 +0000 2026
Subject: Two

The second.
"""


def test_a_mailbox_yields_its_mails():
    document = registry.parse_document(BOX.encode(), "in.mbox")
    assert (document.media_type, document.text, document.blocks) == (
        mailbox.MAILBOX_TYPE,
        "Mailbox: 2 mails",
        (),
    )
    first, second = document.members
    assert first.name, second.name == ("1", "2")
    assert first.body.endswith(b"From here on it goes up.\nFrom the top you see the sea.\n")
    parsed = sound(registry.parse_document(second.body, "in.mbox/2", known_type=second.media_type))
    assert said(parsed) == ["Two", "The second."]


def test_a_text_that_begins_as_a_mailbox_does_is_a_text():
    for words in ("From Monday 2026 on, at 9:00:\n\nWe open.", "From Ann: hello\nTo: Bo\n"):
        assert registry.read_media_type(words.encode(), "a.txt") == "text/plain"


def test_an_outlook_message_with_what_is_attached():
    inner = message_tree("Plan", "Meet at the pier.", header=24)
    tree = message_tree(
        "Boats",
        "Hello.\r\n\r\nThe boat leaves at six.\r\n",
        files={
            "fares.csv": b"way,fare\nout,9\n" * 400,
            "old.doc": "WordDocument".encode("utf-16-le"),
        },
        messages=(inner,),
    )
    document = sound(registry.parse_document(outlook_file(tree), "boats.msg"))
    assert document.media_type == outlook.OUTLOOK_TYPE
    assert path_of(document, "The boat") == ("Boats",)
    assert path_of(document, "Meet at") == ("Boats", "Plan")
    assert "From: Ann Lee <ann@shop.example>\nDate: 2026-0" in document.text
    assert [(one.name, len(one.body)) for one in document.members] == [
        ("1-fares.csv", 6000),
        ("2-old.doc", 24),
    ]
    assert document.members[0].context == "Boats (mail of Ann Lee, 2026-03-01)"


def test_attachments_of_an_inner_outlook_message_are_led_by_it():
    files = {"tolls.csv": b"lock,toll\nwest,4\n"}
    inner = message_tree("Locks", "See the list.", header=24, files=files)
    tree = message_tree("Canals", "Hello.", files={"map.csv": b"a,b\n1,2\n"}, messages=(inner,))
    document = sound(registry.parse_document(outlook_file(tree), "canals.msg"))
    assert [(one.name, one.context.partition(" ")[0]) for one in document.members] == [
        ("1-map.csv", "Canals"),
        ("2-tolls.csv", "Locks"),
    ]


def test_an_outlook_message_keeps_where_the_words_of_its_plain_text_lead():
    markup = b'<p>Book at <a href="https://pier.example/book">the pier</a>.</p>'
    body = outlook_file(message_tree("Pier", "Book at the pier.\r\n", markup=markup))
    document = sound(registry.parse_document(body, "pier.msg"))
    assert [(document.text[x.start : x.end], x.href) for x in document.links] == [
        ("the pier", "https://pier.example/book")
    ]


def test_an_outlook_message_of_markup_and_damaged_ones():
    markup = '<meta charset="gb2312"><p>船六点开。</p>'.encode("gbk")
    body = outlook_file(message_tree("船", "", markup=markup))
    assert "船六点开。" in sound(registry.parse_document(body, "b.msg")).text
    for damaged in (body[:700], body[:512] + bytes(len(body) - 512)):
        with pytest.raises(Unreadable):
            outlook.parse(damaged, "b.msg")


def test_a_text_of_a_mail_in_no_known_encoding_is_noted_and_the_rest_read():
    body = (
        HEAD.format("Signs").encode()
        + b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nHi.\n"
        + b"--b\nContent-Type: text/plain; charset=x-none\nContent-Transfer-Encoding: 8bit\n\n"
        + bytes(range(0xA0, 0x100)) * 9
        + b"\n--b--\n"
    )
    document = sound(message.parse(body, "a.eml"))
    assert document.notes == ("1 text in an encoding that cannot be told was not read",)
    assert "Hi." in document.text


def test_hostile_mails_end_soon():
    many = "".join(f"From: a\nSent: {n}\n> On x, y wrote:\n" for n in range(4_000))
    long = ">" * 50_000 + "\n" + "On " + "a" * 50_000
    for text in (many, long, "_" * 50_000, "- " * 50_000):
        assert read(f"FYI\n\n{text}").text.startswith("FW: Tides")
    lines = b"From a@b Mon Mar 02 09:00:00 2026\nX: y\n" * 5_000
    assert len(mailbox.parse(lines, "x.mbox").members) == 5_000
    with pytest.raises(Unreadable):
        outlook.parse(outlook_file({"a": {"b": {"c": b"x"}}}), "x.msg")


def test_calendar_entries_beyond_the_last_that_is_read_are_noted(monkeypatch):
    monkeypatch.setattr(calendar_entry, "_MOST_ENTRIES", 2)
    entries = "".join(f"BEGIN:VTODO\nSUMMARY:Task {n}\nEND:VTODO\n" for n in range(5))
    document = calendar_entry.parse(f"BEGIN:VCALENDAR\n{entries}END:VCALENDAR\n".encode(), "a.ics")
    assert "Task 1" in document.text
    assert "Task 2" not in document.text
    assert document.notes == ("3 calendar entries were not read: beyond the first 2",)
