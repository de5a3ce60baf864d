"""Whom people turn to: as an operator sets it, or as a document says."""

import pytest
from fakes import HashEmbedder

from ragdesk.answering.contact import Contact, combine_contact, find_contact
from ragdesk.answering.contact_options import ContactOptions
from ragdesk.assemble import Workspace
from ragdesk.errors import SettingsError
from ragdesk.settings import Settings, load_settings

PAGE = """# Getting help

Order numbers look like 2026-11-30 or 4711.
- Phone: +41 44 555 01 99
- Write to desk@fjord.example.
- We answer Monday to Friday, 8:30 to 17:00.
"""
PAGE_ZH = (
    "# 联系我们\n\n订单号为 20261130。\n客服热线：400-820-6644\n服务时间：工作日 9:00 至 18:00\n"
)


def test_lines_of_a_document_name_phone_mail_and_hours():
    assert find_contact(PAGE) == Contact(
        phone="+41 44 555 01 99",
        email="desk@fjord.example",
        hours="We answer Monday to Friday, 8:30 to 17:00.",
    )
    assert find_contact(PAGE_ZH) == Contact(
        phone="400-820-6644", hours="服务时间：工作日 9:00 至 18:00"
    )


@pytest.mark.parametrize(
    ("line", "phone"),
    [
        ("售后热线0755-8601-2233，全年无休", "0755-8601-2233"),
        ("如需帮助请致电021-6233-4455咨询前台", "021-6233-4455"),
        ("联系电话：０１０－６５５５－４３２１转8", "010-6555-4321"),
        ("前台tel:0571-8800-1122", "0571-8800-1122"),
        ("Tel. 0123 456789 / 0123 456780", "0123 456789"),
        ("Hotline 44 555 01 99 or ask at the desk", "44 555 01 99"),
        ("Dial 0800 123 456 for help", "0800 123 456"),
    ],
)
def test_a_number_ends_where_han_characters_begin(line, phone):
    assert find_contact(line).phone == phone


@pytest.mark.parametrize(
    ("line", "email"),
    [
        ("请发邮件到service@lava.example反馈", "service@lava.example"),
        ("邮箱：care_1@mail.lava.example。", "care_1@mail.lava.example"),
        ("Ask jürgen@lava.example", ""),
        ("Ask desk@lava.exämple", ""),
    ],
)
def test_an_address_ends_where_han_characters_begin(line, email):
    assert find_contact(line).email == email


def test_hours_stand_beside_han_characters():
    line = "服务时间：周一至周五8:30至17:30"
    assert find_contact(line).hours == line


def test_what_is_set_goes_before_what_a_document_says():
    contact = combine_contact(
        ContactOptions(email="help@lava.example", text="Ask at the desk."), PAGE
    )
    assert (contact.email, contact.phone) == ("help@lava.example", "+41 44 555 01 99")
    assert contact.text == "Ask at the desk."


@pytest.mark.parametrize(
    "line",
    [
        "Order 20931 left on 2026-11-30.",
        "Call before 2026-11-30, or 30.11.2026.",
        "1,250.00 euros",
        "In a year 2 345 678 guests call us.",
        "We call 350 000 customers a year.",
        "每年有120000人致电我们",
        "They call 01 23 45 67 89 times a day.",
        "",
    ],
)
def test_a_number_that_nobody_can_call_is_no_phone(line):
    assert find_contact(line) == Contact()


@pytest.mark.parametrize(
    "options",
    [
        {"url": "javascript:alert(1)"},
        {"url": "https://"},
        {"email": "nobody"},
        {"email": "写信至desk@lava.example"},
        {"email": "desk@lava.example\n"},
        {"phone": "none"},
        {"phone": "110\n120"},
        {"hours": "9 to 5\u2028on weekdays"},
    ],
)
def test_what_cannot_be_used_is_refused(options, tmp_path):
    ((name, value),) = options.items()
    with pytest.raises(ValueError, match=f"^{name} must"):
        ContactOptions(**options)
    environ = {f"RAGDESK_CONTACT__{name.upper()}": value}
    with pytest.raises(SettingsError, match=rf"contact.*{name} must"):
        load_settings(home=tmp_path, config=None, environ=environ)


def test_a_collection_reads_the_document_that_settings_name(tmp_path, caplog):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "help.md").write_text(PAGE, encoding="utf-8")
    settings = Settings(contact=ContactOptions(document="help.md"))
    workspace = Workspace(tmp_path / "home", settings, HashEmbedder())
    workspace.make_job("default").run([tmp_path / "docs"])
    with workspace.open_collection("default") as opened:
        assert opened.desk.contact.email == "desk@fjord.example"

    other = Settings(contact=ContactOptions(document="gone.md"))
    with Workspace(tmp_path / "home", other, HashEmbedder()).open_collection("default") as opened:
        assert opened.desk.contact == Contact()
    assert "no document of that uri" in caplog.text
