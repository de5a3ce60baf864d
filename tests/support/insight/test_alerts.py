"""Surges of refusals and anger: told once, by signed webhook and mail, in figures alone."""

import base64
from email import message_from_bytes
from email.policy import default

import pytest
from outside_systems import MailSink, OutsideSystem, mail_server, running_system
from sqlalchemy import insert
from standardwebhooks import Webhook

from ragdesk.errors import SettingsError
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.conversations.conversation_tables import TURNS
from ragdesk.support.handoff.handoff_options import HandoffMailOptions
from ragdesk.support.insight.alert_options import AlertOptions, SurgeOptions
from ragdesk.support.insight.alerts import SurgeAlarm, make_alert_places
from ragdesk.support.insight.surge_watch import SurgeWatch

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
PASSWORD = "of the mail server"  # noqa: S105, of the test's own
NOW = 1_800_000_000
HOUR = 3_600


@pytest.fixture
def watch(database):
    """A desk that refused a tenth of its questions for a week, and all of the last hour."""
    store = ConversationStore(database)
    conversation = store.create("visitor:a:1", "default").id

    def row(number, seconds, outcome):
        facts = {"id": f"t{number}", "number": number, "conversation": conversation}
        words = {"question": "canary", "answer": '{"text": "canary"}', "collection": "default"}
        return {
            **facts,
            **words,
            "author": "customer",
            "outcome": outcome,
            "created": seconds * 1_000,
        }

    week = NOW - 100 * HOUR
    rows = [row(n, week + n, "not_found" if n % 10 == 0 else "answered") for n in range(100)]
    rows += [row(n, NOW - HOUR, "not_found") for n in range(100, 120)]
    with database.write() as connection:
        connection.execute(insert(TURNS), rows)
    return SurgeWatch(database, SurgeOptions(), now=lambda: NOW)


def test_a_surge_is_told_once_signed_and_without_words(watch):
    receiver = OutsideSystem()
    with running_system(receiver):
        alarm = SurgeAlarm(watch, make_places(receiver))
        assert (alarm.look(), alarm.look()) == (1, 0)
    ((_, path, headers, body),) = receiver.requests
    event = Webhook(SECRET).verify(body, headers)
    assert (path, event["type"]) == ("/hook", "surge.refusals")
    assert (event["data"]["count"], event["data"]["questions"]) == (20, 20)
    assert event["data"]["usual"] == pytest.approx(0.1)
    assert b"canary" not in body


def test_what_was_not_taken_is_told_at_the_next_look(watch):
    receiver = OutsideSystem()
    receiver.failures = 1
    with running_system(receiver):
        alarm = SurgeAlarm(watch, make_places(receiver))
        assert [alarm.look(), alarm.look(), alarm.look()] == [0, 1, 0]


def test_a_second_server_tells_nothing(watch):
    told = []
    alarms = [SurgeAlarm(watch, {"place": told.append}) for _ in range(2)]
    assert [alarm.look() for alarm in alarms] == [1, 0]
    assert [surge.kind for surge in told] == ["refusals"]


def test_a_mail_goes_to_the_addresses_of_the_settings(watch, tmp_path):
    sink = MailSink()
    with mail_server(sink, tmp_path, PASSWORD) as (port, context):
        mail = HandoffMailOptions(
            host="localhost",
            port=port,
            user="desk",
            password=PASSWORD,
            sender="desk@example.org",
            to=("agents@example.org",),
        )
        places = make_alert_places(AlertOptions(to=("lead@example.org",)), mail, context)
        assert SurgeAlarm(watch, places).look() == 1
    ((_, to, content),) = sink.mails
    text = message_from_bytes(content, policy=default).get_content()
    assert to == ["lead@example.org"]
    assert "20 of 20 questions (100%); usually 10%" in text
    assert "canary" not in text


def test_mails_without_a_server_are_refused_at_the_start():
    with pytest.raises(SettingsError, match=r"handoff_mail\.host"):
        make_alert_places(AlertOptions(to=("lead@example.org",)), HandoffMailOptions())


def make_places(receiver):
    options = AlertOptions(url=f"{receiver.url}/hook", secret=SECRET)
    return make_alert_places(options, HandoffMailOptions())
