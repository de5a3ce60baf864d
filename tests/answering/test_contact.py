"""Whom people turn to: as an operator sets it, or as a document says."""

import pytest
from fakes import HashEmbedder

from ragdesk.answering.contact import Contact, ContactOptions, combine_contact, find_contact
from ragdesk.assemble import Workspace
from ragdesk.settings import Settings

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
        "",
    ],
)
def test_a_number_that_nobody_can_call_is_no_phone(line):
    assert find_contact(line) == Contact()


@pytest.mark.parametrize(
    "options",
    [{"url": "javascript:alert(1)"}, {"url": "https://"}, {"email": "nobody"}, {"phone": "none"}],
)
def test_what_cannot_be_used_is_refused(options):
    with pytest.raises(ValueError, match="must"):
        ContactOptions(**options)


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
