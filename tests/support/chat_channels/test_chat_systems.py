"""What each chat system sends is proven as its documentation says, and nothing else is heard."""

import base64
import json
import time
from dataclasses import replace

import chat_systems
import pytest
from chat_systems import (
    CORP,
    SLACK_SECRET,
    TEAMS_KEY,
    WECOM_KEY,
    WECOM_TOKEN,
    feishu_event,
    seal_feishu,
    seal_wecom_text,
    sign_feishu,
    sign_slack,
    sign_teams,
    sign_wecom,
    slack_event,
    teams_activity,
)

from ragdesk.errors import Invalid, Unauthenticated
from ragdesk.support.chat_channels.chat_message import ChatReply, ChatRequest, ReplySource
from ragdesk.support.chat_channels.chat_options import ChatOptions, decode_aes_key
from ragdesk.support.chat_channels.chat_systems import make_chat_systems
from ragdesk.support.chat_channels.message_cipher import open_wecom, seal_wecom
from ragdesk.support.chat_channels.on_feishu import format_feishu_post
from ragdesk.support.chat_channels.on_slack import format_slack_text
from ragdesk.support.chat_channels.on_teams import format_teams_text
from ragdesk.support.chat_channels.on_wecom import LONGEST_WECOM_TEXT, format_wecom_text

QUESTION = "How long does a refund take to a bank account?"
SYSTEMS = make_chat_systems(
    {
        "slack": ChatOptions(kind="slack", secret=SLACK_SECRET, token="t"),  # noqa: S106
        "feishu": ChatOptions(kind="feishu", secret="kudryavka", token="t", app="a", verification="v-token"),  # noqa: S106
        "wecom": ChatOptions(kind="wecom", secret=WECOM_KEY, token="t", app=CORP, verification=WECOM_TOKEN, agent=1),  # noqa: S106
        "teams": ChatOptions(kind="teams", secret=TEAMS_KEY),
    }
)  # fmt: skip
NOW = time.time()


@pytest.fixture(autouse=True)
def _sign_now(monkeypatch):
    """What is signed without a time is of this module's: its tests may run minutes later."""
    monkeypatch.setattr(chat_systems.time, "time", lambda: NOW)


def made(kind: str, now: float = NOW) -> ChatRequest:
    match kind:
        case "slack":
            return sign_slack(json.dumps(slack_event()).encode(), now)
        case "feishu":
            return sign_feishu(seal_feishu(feishu_event()), now)
        case "wecom":
            return sign_wecom(seal_wecom_text(QUESTION), now)
    return sign_teams(teams_activity(now=now))


@pytest.mark.parametrize("kind", SYSTEMS)
def test_a_question_is_heard(kind):
    message = SYSTEMS[kind].hear(made(kind), NOW).message
    assert message is not None
    assert message.text == QUESTION
    assert message.event
    assert message.thread


@pytest.mark.parametrize("kind", SYSTEMS)
def test_what_is_not_proven_is_refused(kind):
    system, request = SYSTEMS[kind], made(kind)
    for early_or_late in (-301, 301, -(10**9)):
        with pytest.raises(Unauthenticated):
            system.hear(made(kind, NOW + early_or_late), NOW)
    for name in request.headers:
        if name != "content-type":
            for value in ("", "x", "v0=" + "0" * 64, "９" * 10, "1e9", "9" * 400):
                with pytest.raises(Unauthenticated):
                    system.hear(replace(request, headers={**request.headers, name: value}), NOW)
    for name in request.query:
        with pytest.raises(Unauthenticated):
            system.hear(replace(request, query={**request.query, name: "1"}), NOW)
    changed = request.body.replace(b"a", b"b", 1)
    with pytest.raises((Unauthenticated, Invalid)):
        system.hear(replace(request, body=changed), NOW)
    with pytest.raises((Unauthenticated, Invalid)):
        system.hear(ChatRequest(method="POST", headers={}, query={}, body=request.body), NOW)
    with pytest.raises((Unauthenticated, Invalid)):
        system.hear(ChatRequest(method="GET", headers={}, query={}, body=b""), NOW)


def test_an_unsigned_event_of_feishu_cannot_be_read_by_changing_its_bytes():
    """Whether a changed text decrypts to something would tell what stands in it, byte by byte."""
    sealed = bytearray(base64.b64decode(json.loads(seal_feishu(feishu_event()))["encrypt"]))
    for value in range(256):
        sealed[-17] = value  # of the block before the last: it decides how the last one ends
        body = json.dumps({"encrypt": base64.b64encode(sealed).decode()}).encode()
        unsigned = ChatRequest(method="POST", headers={}, query={}, body=body)
        with pytest.raises(Unauthenticated):
            SYSTEMS["feishu"].hear(unsigned, NOW)


def test_signatures_and_texts_of_the_documentations_are_understood():
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554"
        b"%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    assert sign_slack(body, 1531420618).headers["x-slack-signature"] == signature
    with pytest.raises(Invalid):  # it is proven, and a command is no event
        SYSTEMS["slack"].hear(sign_slack(body, 1531420618), 1531420618)
    echo = (
        "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ=="
    )
    request = ChatRequest(
        method="GET",
        headers={},
        query={
            "msg_signature": "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3",
            "timestamp": "1409659589",
            "nonce": "263014780",
            "echostr": echo,
        },
        body=b"",
    )
    assert SYSTEMS["wecom"].hear(request, 1409659589).body == "1616140317555161061"


def test_addresses_are_verified():
    challenge = {"type": "url_verification", "challenge": "3eZbrw1a", "token": "Jhj5dZrVaK"}
    heard = SYSTEMS["slack"].hear(sign_slack(json.dumps(challenge).encode()), NOW)
    assert json.loads(heard.body) == {"challenge": "3eZbrw1a"}
    sealed = seal_feishu({"type": "url_verification", "challenge": "ajls3", "token": "v-token"})
    unsigned = ChatRequest(method="POST", headers={}, query={}, body=sealed)
    assert json.loads(SYSTEMS["feishu"].hear(unsigned, NOW).body) == {"challenge": "ajls3"}
    for stranger in (
        seal_feishu({"type": "url_verification", "challenge": "a", "token": "another"}),
        seal_feishu(feishu_event()),  # an event has to be signed
        seal_feishu({"type": "url_verification", "challenge": "a", "token": "v-token"}, "other"),
    ):
        with pytest.raises(Unauthenticated):
            SYSTEMS["feishu"].hear(replace(unsigned, body=stranger), NOW)


def test_what_the_bot_says_itself_and_what_asks_nothing_is_not_heard():
    for fields in (
        {"bot_id": "B1"},
        {"subtype": "message_changed"},
        {"user": None},
        {"type": "reaction_added"},
        {"type": "message", "channel_type": "channel"},
        {"text": "<@U0LAN0Z89> "},
    ):
        body = json.dumps(slack_event(**fields)).encode()
        assert SYSTEMS["slack"].hear(sign_slack(body), NOW).message is None, fields
    for fields in (
        {"sender_type": "app"},
        {"message_type": "image", "content": "{}"},
        {"mentions": []},
        {"content": '{"text": "@_user_1"}'},
    ):
        request = sign_feishu(seal_feishu(feishu_event(**fields)))
        assert SYSTEMS["feishu"].hear(request, NOW).message is None, fields
    for sealed in (seal_wecom_text("hi", kind="event"), seal_wecom_text(" ")):
        assert SYSTEMS["wecom"].hear(sign_wecom(sealed), NOW).message is None
    for fields in (
        {"type": "typing"},
        {"from": {"id": "1", "role": "bot"}},
        {"text": "<at>Desk</at>"},
    ):
        assert SYSTEMS["teams"].hear(sign_teams(teams_activity(**fields)), NOW).message is None


def test_threads_are_told_apart():
    def slack(**fields):
        return (
            SYSTEMS["slack"]
            .hear(sign_slack(json.dumps(slack_event(**fields)).encode()), NOW)
            .message
        )

    first, inside = slack(), slack(ts="2.0", thread_ts="1515449522.000016")
    assert first.thread == inside.thread
    assert inside.address == {"channel": "C123ABC456", "thread": "1515449522.000016"}
    assert slack(ts="3.0").thread != first.thread
    direct = slack(type="message", channel_type="im", channel="D1")
    assert direct.is_direct
    assert direct.address["thread"] == ""


def test_no_word_of_an_answer_calls_people_or_leads_anywhere():
    evil = '<!channel> <@U1> <https://evil.example|here> <at user_id="all"></at> <a href="https://evil.example">x</a> & **b**'
    source = ReplySource(number=1, title=f"T|> {evil}\n", href="https://desk.example/v1/a?b=%3E")
    reply = ChatReply(text=evil, sources=(source,))
    slack = format_slack_text(reply)
    assert slack.count("<") == slack.count(">") == 1
    assert "<https://desk.example/v1/a?b=%3E|T/&gt;" in slack
    wecom = format_wecom_text(reply)
    assert wecom.count("<") == 2
    assert '<a href="https://desk.example/v1/a?b=%3E">T|' in wecom
    teams = format_teams_text(reply)
    assert teams.count("<a ") == 1
    assert "<at>" not in teams
    parts = [part for line in format_feishu_post(reply)["zh_cn"]["content"] for part in line]
    assert {part["tag"] for part in parts} == {"text", "a"}
    assert [part["href"] for part in parts if part["tag"] == "a"] == [source.href]


def test_a_long_answer_fits_and_keeps_its_links():
    source = ReplySource(number=1, title="标题" * 100, href="https://desk.example/" + "x" * 300)
    text = format_wecom_text(ChatReply(text="退款" * 5_000, sources=(source,) * 8, language="zh"))
    assert len(text.encode()) <= LONGEST_WECOM_TEXT
    assert text.count("<a ") == text.count("</a>") > 0


def test_what_wecom_seals_is_opened_by_its_receiver_alone():
    key = decode_aes_key(WECOM_KEY)
    for size in range(0, 80, 7):
        message = b"m" * size
        assert open_wecom(seal_wecom(message, key, CORP), key, CORP) == message
    sealed = seal_wecom(b"m", key, CORP)
    for odd in ("", "AAAA", sealed[:-4], sealed + "AAAA", "é"):
        with pytest.raises(Unauthenticated):
            open_wecom(odd, key, CORP)
    with pytest.raises(Unauthenticated):
        open_wecom(sealed, key, "another")


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("slack", {"secret": "s"}),
        ("feishu", {"secret": "s", "token": "t", "app": "a"}),
        ("wecom", {"secret": "short", "token": "t", "app": "a", "verification": "v", "agent": 1}),
        ("teams", {"secret": "no base64!"}),
        ("slack", {"secret": "s", "token": "t", "address": "http://slack.example"}),
    ],
)
def test_settings_that_prove_nothing_stop_the_start(kind, settings):
    with pytest.raises(ValueError, match=r"needs|secret|address"):
        ChatOptions(kind=kind, **settings)
