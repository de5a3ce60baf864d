"""Each way out of the house, against a small server that behaves as its documentation says."""

import email
import email.policy
import json
import time
from pathlib import Path
from typing import Any

import pytest
from handoff_values import ReversedText, begin_conversations, handoff
from outside_systems import (
    Chatwoot,
    MailSink,
    OutsideSystem,
    Zendesk,
    mail_server,
    running_system,
    sign_chatwoot_event,
    strange_mail_server,
)
from standardwebhooks import Webhook, WebhookVerificationError

from ragdesk.errors import Invalid, Unauthenticated
from ragdesk.support.database import Database
from ragdesk.support.handoff.delivery import Channel, Deliverer
from ragdesk.support.handoff.handoff import HandoffContact
from ragdesk.support.handoff.handoff_options import (
    ChatwootOptions,
    HandoffMailOptions,
    HandoffWebhookOptions,
    ZendeskOptions,
)
from ragdesk.support.handoff.handoff_payload import TranscriptTurn, build_payload
from ragdesk.support.handoff.handoff_states import HandoffAction, HandoffReason
from ragdesk.support.handoff.handoff_store import HandoffStore
from ragdesk.support.handoff.on_chatwoot import ChatwootChannel, read_chatwoot_event
from ragdesk.support.handoff.on_mail import MailChannel, build_mail
from ragdesk.support.handoff.on_webhook import WebhookChannel
from ragdesk.support.handoff.on_zendesk import ZendeskChannel
from ragdesk.support.handoff.outbox import Outbox

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105, of the specification's examples
TOKEN = "t0ken"  # noqa: S105, a sample
PLACE = {"uri": "staff.md", "title": "Staff", "page": None, "quote": "The canary sings."}
TURN = TranscriptTurn(
    author="customer",
    text="Where is my parcel?\r\nBcc: spy@example.org",
    answer={"text": "It sings.", "citations": [PLACE]},
    outcome="answered",
)


class Life:
    """A hand-off from its opening to its end, told to one channel."""

    def __init__(self, database: Database, channel: Channel, tmp_path: Path) -> None:
        begin_conversations(database, ["c1"])
        self.now = time.time()
        cipher = ReversedText()
        self.store = HandoffStore(database, cipher, channels=("it",), clock=lambda: self.now)
        self.outbox = Outbox(database, cipher, clock=lambda: self.now)
        self.deliverer = Deliverer(self.outbox, {"it": channel})
        payload = build_payload(
            [TURN],
            HandoffReason.COMPLAINT,
            "I wait.",
            language="en",
            sentiment="angry",
        )
        contact = HandoffContact(name="Ada", email="ada@example.org", phone="+49 30 1")
        made = handoff(payload=payload, contact=contact, reason=HandoffReason.COMPLAINT)
        self.name = self.store.open_handoff(made, "visitor:1").id

    def act(self, action: HandoffAction, actor: str = "staff:anna", **detail: Any) -> None:
        changes = {"agent": actor, "agent_name": "Anna"} if action == "take" else {}
        self.store.change_handoff(self.name, action, actor, changes=changes, detail=detail)

    def live(self) -> None:
        self.act(HandoffAction.WRITE, "visitor:1", text="Hello?")
        self.act(HandoffAction.TAKE)
        self.act(HandoffAction.REPLY, text="It comes tomorrow.")
        self.act(HandoffAction.CLOSE)

    def deliver(self) -> dict[str, int]:
        for _ in range(12):
            self.deliverer.deliver_due()
            self.now += 30
        return self.outbox.count_letters()


@pytest.fixture
def make_life(tmp_path):
    opened = []

    def make(channel: Channel) -> Life:
        database = Database(tmp_path / "home")
        opened.append(database)
        return Life(database, channel, tmp_path)

    yield make
    for database in opened:
        database.close()


def test_a_webhook_is_signed_and_keeps_its_id_over_all_tries(make_life):
    system = OutsideSystem()
    system.failures, system.drops = 1, 1
    with running_system(system):
        life = make_life(WebhookChannel(HandoffWebhookOptions(url=system.url, secret=SECRET)))
        life.live()
        assert life.deliver()["delivered"] == 5
    events = [Webhook(SECRET).verify(body, headers) for _, _, headers, body in system.requests]
    types = [event["type"] for event in events]
    assert types == ["handoff.opened"] * 2 + [
        f"handoff.{name}" for name in ("written", "taken", "replied", "closed")
    ]
    ids = [headers["webhook-id"] for _, _, headers, _ in system.requests]
    assert ids[0] == ids[1]  # its reply was lost, and it came again
    assert len(set(ids)) == 5
    assert events[0]["data"]["handoff"]["contact"]["phone"] == "+49 30 1"
    assert events[4]["data"]["text"] == "It comes tomorrow."
    assert "canary" not in json.dumps(events)
    _, _, headers, body = system.requests[0]
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "A" * 32).verify(body, headers)


def test_a_redirect_is_not_followed(make_life):
    inside, outside = OutsideSystem(), OutsideSystem()
    outside.take = lambda *_: (307, inside.url)  # type: ignore[method-assign]
    with running_system(inside), running_system(outside):
        life = make_life(WebhookChannel(HandoffWebhookOptions(url=outside.url, secret=SECRET)))
        life.deliver()
    assert inside.requests == []
    assert "answered 307" in life.outbox.list_troubles(life.name)[0]["error"]


def test_zendesk_has_one_ticket_a_hand_off_whatever_breaks(make_life):
    system = Zendesk("desk@example.org", TOKEN)
    system.failures, system.drops = 1, 1
    with running_system(system):
        options = ZendeskOptions(url=system.url, email="desk@example.org", token=TOKEN)
        life = make_life(ZendeskChannel(options))
        life.live()
        assert life.deliver()["delivered"] == 5
        life.act(HandoffAction.REOPEN, "visitor:1")
        assert life.deliver()["delivered"] == 6
    (ticket,) = system.tickets.values()
    assert ticket["subject"] == "Where is my parcel? Bcc: spy@example.org"
    assert ticket["requester"] == {"name": "Ada", "email": "ada@example.org"}
    assert ticket["external_id"] == life.name
    assert (ticket["priority"], ticket["status"]) == ("high", "open")
    assert ticket["tags"] == ["ragdesk", "ragdesk_complaint"]
    bodies = [comment["body"] for comment in ticket["comments"]]
    assert "Handed over because: the customer complains" in bodies[0]
    assert bodies[1:3] == ["Hello?", "Taken in ragdesk by Anna."]
    assert bodies[3] == "Anna: It comes tomorrow."
    assert not [comment for comment in ticket["comments"] if comment["public"]]
    assert "canary" not in json.dumps(ticket)


def test_zendesk_that_knows_no_such_token_is_told_of_and_tried_again(make_life):
    system = Zendesk("desk@example.org", "another")
    with running_system(system):
        options = ZendeskOptions(url=system.url, email="desk@example.org", token=TOKEN)
        life = make_life(ZendeskChannel(options))
        assert life.deliver()["wait"] == 1
    (trouble,) = life.outbox.list_troubles(life.name)
    assert trouble["error"] == "Zendesk answered 401."
    assert trouble["attempts"] > 1


def test_chatwoot_has_one_conversation_with_what_was_said(make_life):
    system = Chatwoot(TOKEN)
    with running_system(system):
        options = ChatwootOptions(url=system.url, account=1, inbox=2, token=TOKEN)
        life = make_life(ChatwootChannel(options))
        life.live()
        assert life.deliver()["delivered"] == 5
        assert life.outbox.find_handoff_of("it", "40") == life.name
        life.act(HandoffAction.REOPEN, "visitor:1")
        assert life.deliver()["delivered"] == 6
    ((number, conversation),) = system.conversations.items()
    assert number == 40
    assert conversation["status"] == "open"
    kinds = [kind for kind, _ in conversation["messages"]]
    assert kinds == ["note", "incoming", "incoming", "note", "note", "note", "note"]
    assert conversation["messages"][1:3] == [("incoming", handoff().text), ("incoming", "Hello?")]
    assert "ada@example.org" in conversation["messages"][0][1]
    assert "canary" not in json.dumps(conversation)


def test_chatwoot_that_breaks_between_is_gone_on_with_where_it_was(make_life):
    system = Chatwoot(TOKEN)
    with running_system(system):
        options = ChatwootOptions(url=system.url, account=1, inbox=2, token=TOKEN)
        life = make_life(ChatwootChannel(options))
        for _ in range(5):
            system.failures = 0
            take = system.take
            calls = iter([False, True])

            def break_second(*request: Any, take=take, calls=calls) -> tuple[int, Any]:
                return (500, {}) if next(calls, False) else take(*request)

            system.take = break_second  # type: ignore[method-assign]
            life.deliverer.deliver_due()
            system.take = take  # type: ignore[method-assign]
            life.now += 4_000
        assert life.deliver()["delivered"] == 1
    assert len(system.contacts) == len(system.conversations) == 1
    assert [kind for kind, _ in system.conversations[40]["messages"]] == ["note", "incoming"]


MESSAGE = {
    "event": "message_created",
    "id": 7,
    "content": "It is on its way.",
    "message_type": "outgoing",
    "private": False,
    "content_type": "text",
    "conversation": {"id": 40, "status": "open"},
    "sender": {"id": 3, "name": "Ben", "type": "user"},
    "account": {"id": 1, "name": "Example"},
}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (MESSAGE, ("reply", "40", "It is on its way.", "chatwoot:3", "Ben")),
        ({**MESSAGE, "private": True}, None),
        ({**MESSAGE, "message_type": "incoming"}, None),
        ({**MESSAGE, "content": " "}, None),
        ({**MESSAGE, "sender": {"id": 1, "type": "agent_bot"}}, None),
        ({"event": "conversation_updated", "id": 40}, None),
        (
            {"event": "conversation_status_changed", "id": 40, "status": "resolved"},
            ("close", "40", "", "chatwoot:", ""),
        ),
        ({"event": "conversation_status_changed", "id": 40, "status": "open"}, None),
    ],
)
def test_what_an_agent_writes_in_chatwoot_is_read(event, expected):
    body, headers = sign_chatwoot_event(event, "hook", 1_000)
    read = read_chatwoot_event(body, headers, "hook", now=1_010)
    if expected is None:
        assert read is None
    else:
        assert read is not None
        parts = (read.action, read.reference, read.text, read.agent, read.agent_name)
        assert parts == expected


def test_a_webhook_of_chatwoot_that_is_forged_old_or_no_webhook_is_refused():
    body, headers = sign_chatwoot_event(MESSAGE, "hook", 1_000)
    for secret, now, sent in (
        ("other", 1_000, body),
        ("hook", 2_000, body),
        ("hook", 1_000, b"{}"),
    ):
        with pytest.raises(Unauthenticated):
            read_chatwoot_event(sent, headers, secret, now=now)
    empty = sign_chatwoot_event(MESSAGE, "", 1_000)
    for sent, shown in ((body, {}), empty):
        with pytest.raises(Unauthenticated):
            read_chatwoot_event(sent, shown, "", now=1_000)
    forged = {"x-chatwoot-timestamp": "²", "x-chatwoot-signature": "sha256=ü"}
    with pytest.raises(Unauthenticated):
        read_chatwoot_event(body, forged, "hook", now=1_000)
    for odd in ({}, {"event": "message_created"}, {"event": 3, "id": []}):
        signed, shown = sign_chatwoot_event(odd, "hook", 1_000)
        if odd.get("event") == 3:
            assert read_chatwoot_event(signed, shown, "hook", now=1_000) is None
            continue
        with pytest.raises(Invalid):
            read_chatwoot_event(signed, shown, "hook", now=1_000)


def test_mails_go_out_under_tls_in_one_thread_and_are_answered_to_the_customer(make_life, tmp_path):
    sink = MailSink()
    sink.refusals = 1
    with mail_server(sink, tmp_path, TOKEN) as (port, context):
        options = HandoffMailOptions(
            host="localhost",
            port=port,
            user="desk",
            password=TOKEN,
            sender="desk@example.org",
            to=("team@example.org", "lead@example.org"),
        )
        life = make_life(MailChannel(options, context))
        life.live()
        assert life.deliver()["delivered"] == 5
    mails = [email.message_from_bytes(m, policy=email.policy.default) for _, _, m in sink.mails]
    assert len(mails) == 4  # taking one tells a team nothing
    first, *rest = mails
    assert first["Subject"] == "[ragdesk] Where is my parcel? Bcc: spy@example.org"
    assert first["Reply-To"] == "ada@example.org"
    assert "Bcc" not in first
    assert all(to == ["team@example.org", "lead@example.org"] for _, to, _ in sink.mails)
    assert all(mail["In-Reply-To"] == mail["References"] == first["Message-ID"] for mail in rest)
    assert "It comes tomorrow." in rest[1].get_content()
    assert "canary" not in "".join(mail.get_content() for mail in mails)


def test_a_mail_server_that_nobody_vouches_for_gets_no_word(make_life, tmp_path):
    with strange_mail_server(tmp_path) as port:
        options = HandoffMailOptions(
            host="localhost",
            port=port,
            user="desk",
            password=TOKEN,
            sender="desk@example.org",
            to=("team@example.org",),
        )
        life = make_life(MailChannel(options))
        assert life.deliver()["wait"] == 1
    assert "SSLCertVerificationError" in life.outbox.list_troubles(life.name)[0]["error"]


def test_an_address_that_is_none_is_no_header(make_life, tmp_path):
    life = make_life(lambda *_: None)
    letter = life.outbox.claim_letter()
    assert letter is not None
    options = HandoffMailOptions(host="h", sender="a@b.org", to=("c@d.org",))
    for address in ("x", "a@b\r\nBcc: e@f.org", "<a@b.org>", "", "a@b.org, c@d.org"):
        letter.body["handoff"]["contact"]["email"] = address
        assert build_mail(letter, options)["Reply-To"] is None
        assert build_mail(letter, options)["Bcc"] is None
