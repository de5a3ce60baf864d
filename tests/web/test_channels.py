"""Channels from end to end: a signed message in, its answer in the other system's hands."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import pytest
import scripted_writer
from chat_systems import (
    CORP,
    TEAMS_KEY,
    WECOM_KEY,
    Feishu,
    Slack,
    Wecom,
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
from engines import running
from event_checks import is_declared_reply
from outside_systems import running_system
from starlette.testclient import TestClient
from web_home import HOSTILE, TEXTS, publish, serving

from ragdesk.answering.answer import Answer, NextStep, Question, StepLink
from ragdesk.answering.answer_cache.cache_options import AnswerCacheOptions
from ragdesk.answering.writing.writing_options import GenerateOptions
from ragdesk.support.chat_channels import chat_store
from ragdesk.support.chat_channels.chat_message import ChatRequest
from ragdesk.support.chat_channels.chat_options import ChatOptions, decode_aes_key
from ragdesk.support.chat_channels.message_cipher import seal_wecom
from ragdesk.support.conversations.conversation_store import ConversationFilter
from ragdesk.web.channels import chat_desk
from ragdesk.web.channels.chat_answers import make_chat_reply
from ragdesk.web.limit_options import LimitOptions
from ragdesk.web.server_state import ServerState

QUOTE = "A refund reaches a bank account within 5 working days."
DESK = "https://desk.example"
CANARY_QUESTION = "What is the canary password of the cellar?"


def post(client: TestClient, channel: str, request: ChatRequest, **headers: str) -> Any:
    """Send what a chat system sends; its reply is one that ``/openapi.json`` declares."""
    reply = client.request(
        request.method,
        f"/v1/channels/{channel}",
        content=request.body,
        params=dict(request.query),
        headers={**request.headers, **headers},
    )
    place = "/v1/channels/{channel}"
    facts = reply.status_code, reply.headers.get("content-type"), reply.text
    assert is_declared_reply(client.app.openapi(), request.method, place, reply), facts
    return reply


def slack_request(event: str = "Ev1", **fields: Any) -> ChatRequest:
    return sign_slack(json.dumps(slack_event(event, **fields)).encode())


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.fixture
def slack() -> Iterator[Slack]:
    system = Slack(public_address=DESK)
    with running_system(system):
        yield system


@contextmanager
def channels(home, keys, **options: ChatOptions) -> Iterator[TestClient]:
    with serving(home, keys, tables={"channels": options}) as client:
        yield client


def test_slack_asks_in_a_thread_and_goes_on_in_it(home, keys, slack):
    with channels(home, keys, chat=slack.options) as client:
        reply = post(client, "chat", slack_request())
        assert (reply.status_code, reply.json()) == (200, {})
        wait_for(lambda: slack.messages)
        (message,) = slack.messages
        assert message["channel"] == "C123ABC456"
        assert message["thread_ts"] == "1515449522.000016"
        assert message["text"].startswith(f"{QUOTE} [1]")
        link = f"{DESK}/#d=default/refunds.md;1;10-64"
        assert f"[1] <{link}|refunds.md>" in message["text"]
        assert str(home) not in message["text"]
        inside = {"ts": "2.0", "thread_ts": "1515449522.000016", "text": "<@U0> And gift cards?"}
        post(client, "chat", slack_request("Ev2", **inside))
        post(client, "chat", slack_request("Ev3", ts="3.0", text="<@U0> Are parcels fast?"))
        wait_for(lambda: len(slack.messages) == 3)
        store = client.app.state.desk.conversations
        client.portal.call(client.app.state.desk.recorder.settle_all)
        known = store.list_conversations(ConversationFilter())
        assert [len(store.list_turns(one.id)) for one in known] in ([1, 2], [2, 1])
        assert {one.origin for one in known} == {"channel:chat"}
        assert {one.person for one in known} == {"channel:chat:U061F7AUR"}


def test_a_message_that_comes_again_is_answered_once(home, keys, slack):
    with channels(home, keys, chat=slack.options) as client:
        request = slack_request()
        for number in range(3):
            retry = {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": "http_timeout"}
            assert post(client, "chat", request, **retry).status_code == 200
        assert post(client, "chat", slack_request()).status_code == 200  # signed anew
        post(client, "chat", slack_request("Ev-last", ts="9.0"))
        wait_for(lambda: len(slack.messages) == 2)
    assert [message["thread_ts"] for message in slack.messages] == ["1515449522.000016", "9.0"]


def test_strangers_are_refused_and_change_nothing(home, keys, slack):
    with channels(home, keys, chat=slack.options) as client:
        forged = sign_slack(json.dumps(slack_event()).encode(), secret="x" * 32)
        old = sign_slack(json.dumps(slack_event()).encode(), time.time() - 400)
        bare = ChatRequest(
            method="POST", headers={"content-type": "application/json"}, query={}, body=b"{}"
        )
        refusals = [post(client, "chat", request) for request in (forged, old, bare)]
        assert {(one.status_code, one.text) for one in refusals} == {(401, refusals[0].text)}
        assert post(client, "other", slack_request()).status_code == 404
        assert client.get("/v1/channels/chat").status_code == 401
        assert client.put("/v1/channels/chat").status_code == 405
        twice = slack_request()
        for body in (b'{"a":1,"a":2}', b"[" * 9_000, b'"\\ud800"'):
            assert post(client, "chat", sign_slack(body)).status_code == 400
        big = ChatRequest(method="POST", headers=twice.headers, query={}, body=b"x" * 200_000)
        assert post(client, "chat", big).status_code == 413
        assert client.app.state.chat_desk.store.count_waiting() == 0
    assert slack.requests == []


def test_a_channel_sees_what_is_open_to_all_and_what_its_groups_may_see(home, keys, slack):
    staff = Slack(groups=("staff",))
    with (
        running_system(staff),
        channels(home, keys, open=slack.options, staff=staff.options) as client,
    ):
        for name in ("open", "staff"):
            post(client, name, slack_request(text=f"<@U0> {CANARY_QUESTION}"))
        wait_for(lambda: slack.messages and staff.messages)
        other = {"text": f"<@U0> {CANARY_QUESTION}", "ts": "7.0"}
        post(client, "open", slack_request("Ev7", **other))
        wait_for(lambda: len(slack.messages) == 2)
    assert "xylophone" in staff.messages[0]["text"]
    assert not [one for one in slack.messages if "xylophone" in json.dumps(one)]


def test_what_was_acknowledged_outlives_the_server_and_the_other_system(home, keys, slack):
    slack.failures = 1
    with channels(home, keys, chat=slack.options) as client:
        store = client.app.state.chat_desk.store
        post(client, "chat", slack_request())
        wait_for(lambda: slack.failures == 0)
        wait_for(lambda: store.claim() is None)  # it waits for its next try
    assert slack.messages == []
    with keys.database.write() as connection:
        box = chat_store.CHAT_MESSAGES
        row = connection.execute(box.select()).mappings().one()
        assert row["reply"]  # it is not answered a second time
        connection.execute(box.update().values(due=0, leased=0))
    with channels(home, keys, chat=slack.options) as client:
        wait_for(lambda: slack.messages)
        wait_for(lambda: client.app.state.chat_desk.store.count_waiting() == 0)
    with keys.database.read() as connection:
        row = connection.execute(box.select()).mappings().one()
    assert (row["message"], row["reply"]) == (None, None)  # no word of it stays here
    assert len(slack.messages) == 1


def test_the_queue_is_bounded(home, keys, slack, monkeypatch):
    monkeypatch.setattr(chat_store, "MOST_CHAT_MESSAGES", 2)
    monkeypatch.setattr(chat_desk, "ANSWERERS", 0)
    with channels(home, keys, chat=slack.options) as client:
        statuses = [post(client, "chat", slack_request(f"Ev{n}")).status_code for n in (1, 2, 3, 1)]
    assert statuses == [200, 200, 503, 200]  # the last came before


def test_a_person_answers_out_of_the_inbox_into_the_thread(home, keys, slack, monkeypatch):
    monkeypatch.setattr(chat_desk, "CHAT_LOOK_SECONDS", 0.05)
    with channels(home, keys, chat=slack.options) as client:
        post(client, "chat", slack_request(text="<@U0> I want to talk to a human agent, please"))
        wait_for(lambda: slack.messages)
        waiting = client.get("/v1/handoffs").json()["handoffs"]
        assert len(waiting) == 1
        name = waiting[0]["id"]
        assert client.post(f"/v1/handoffs/{name}/take", json={}).status_code == 200
        said = client.post(
            f"/v1/handoffs/{name}/reply", json={"text": "Hello <!here>, it is paid."}
        )
        assert said.status_code < 300, said.text
        wait_for(lambda: len(slack.messages) == 2)
        assert slack.messages[1]["text"] == "Hello &lt;!here&gt;, it is paid."
        assert slack.messages[1]["thread_ts"] == slack.messages[0]["thread_ts"]
        inside = {"ts": "2.0", "thread_ts": "1515449522.000016", "user": "U-another"}
        post(client, "chat", slack_request("Ev2", text="<@U0> Thank you so much", **inside))
        wait_for(lambda: len(slack.messages) == 3)
    assert "[1]" not in slack.messages[2]["text"]  # the documents were not asked


def test_feishu_asks_and_is_answered_in_the_thread(home, keys):
    feishu = Feishu(public_address=DESK)
    with running_system(feishu), channels(home, keys, chat=feishu.options) as client:
        challenge = {"type": "url_verification", "challenge": "ajls3", "token": "v-token"}
        unsigned = ChatRequest(
            method="POST", headers={"content-type": "application/json"}, query={}, body=seal_feishu(challenge)
        )  # fmt: skip
        assert post(client, "chat", unsigned).json() == {"challenge": "ajls3"}
        feishu.drops = 0
        for event in ("e1", "e1", "e2"):
            assert post(client, "chat", sign_feishu(seal_feishu(feishu_event(event)))).json() == {}
        wait_for(lambda: len(feishu.replies) == 2)
        assert (
            post(client, "chat", sign_feishu(seal_feishu(feishu_event()), key="x")).status_code
            == 401
        )
    message, content = next(iter(feishu.replies.values()))
    assert message == "om_5ce6d572455d361153b7cb51da133945"
    parts = [part for line in content["zh_cn"]["content"] for part in line]
    assert parts[0]["text"] == f"{QUOTE} [1]"
    assert parts[-1]["href"].startswith(f"{DESK}/#d=default/refunds.md;1;10-64")
    assert feishu.tokens == 1


def test_hostile_bodies_of_any_media_type_are_refused_in_words(home, keys):
    feishu, wecom = Feishu(), Wecom()
    bodies = (
        *HOSTILE,
        b'{"encrypt":' * 9_000,
        b"<a>" * 9_000,
        b"<xml><Encrypt>\xff</Encrypt></xml>",
    )
    with (
        running_system(feishu),
        running_system(wecom),
        channels(home, keys, feishu=feishu.options, wecom=wecom.options) as client,
    ):
        for kind in ("application/json", "text/plain", "Application/JSON; charset=x", ""):
            for body in bodies:
                bare = ChatRequest(
                    method="POST", headers={"content-type": kind}, query={}, body=body
                )
                for name in ("feishu", "wecom"):
                    assert 400 <= post(client, name, bare).status_code < 500, (
                        name,
                        kind,
                        body[:30],
                    )


def test_wecom_is_verified_asks_and_is_answered(home, keys):
    wecom = Wecom()
    with running_system(wecom), channels(home, keys, chat=wecom.options) as client:
        echo = seal_wecom(b"echo-1616", decode_aes_key(WECOM_KEY), CORP)
        verified = post(client, "chat", sign_wecom(echo, method="GET"))
        assert (verified.status_code, verified.text) == (200, "echo-1616")
        assert post(client, "chat", sign_wecom(echo, method="GET", token="x")).status_code == 401  # noqa: S106
        sealed = seal_wecom_text("退款会在三个工作日内到账吗？")
        for _ in range(2):
            assert post(client, "chat", sign_wecom(sealed)).text == ""
        wait_for(lambda: wecom.messages)
        other = seal_wecom(
            b"<xml><!DOCTYPE x [<!ENTITY a 'b'>]></xml>", decode_aes_key(WECOM_KEY), CORP
        )
        assert post(client, "chat", sign_wecom(other)).status_code == 422
    (message,) = wecom.messages
    assert (message["touser"], message["agentid"], message["msgtype"]) == ("mycreate", 218, "text")
    assert message["text"]["content"].startswith("退款会在三个工作日内到账。")
    assert "来源：\n[1] 退款.md" in message["text"]["content"]


def test_no_log_holds_a_secret_of_a_channel(home, keys, caplog):
    """WeCom wants its secret and its token in addresses, which libraries write at info level."""
    caplog.set_level(logging.DEBUG)
    wecom = Wecom()
    with running_system(wecom), channels(home, keys, chat=wecom.options) as client:
        post(client, "chat", sign_wecom(seal_wecom_text("退款会在三个工作日内到账吗？")))
        wait_for(lambda: wecom.messages)
    assert "corp-secret" not in caplog.text
    assert "access-of-wecom" not in caplog.text


def test_teams_is_answered_in_the_response(home, keys):
    options = ChatOptions(kind="teams", secret=TEAMS_KEY)
    with channels(home, keys, chat=options) as client:
        request = sign_teams(teams_activity())
        reply = post(client, "chat", request)
        assert reply.headers["content-type"].startswith("application/json")
        assert reply.json()["type"] == "message"
        assert reply.json()["text"].startswith(f"{QUOTE} [1]<br/>Sources:<br/>[1] refunds.md")
        assert post(client, "chat", request).status_code == 401  # it does not come twice
        long = sign_teams(teams_activity("2", text="<at>Desk</at> " + "why " * 1_500))
        assert "at most 2,000" in post(client, "chat", long).json()["text"]


def test_teams_hears_in_time_that_an_answer_takes_longer(home, keys, monkeypatch):
    monkeypatch.setattr(chat_desk, "AT_ONCE_SECONDS", 0.0)
    options = ChatOptions(kind="teams", secret=TEAMS_KEY)
    with channels(home, keys, chat=options) as client:
        text = post(client, "chat", sign_teams(teams_activity())).json()["text"]
    assert "longer than Teams waits" in text


def test_a_desk_with_keys_takes_messages_and_opens_nothing_else(home, keys, slack):
    keys.create("closes the desk")
    with ExitStack() as stack:
        client = stack.enter_context(channels(home, keys, chat=slack.options))
        assert post(client, "chat", slack_request()).status_code == 200
        wait_for(lambda: slack.messages)
        assert client.get("/v1/conversations").status_code == 401
        assert client.get("/v1/channels/").status_code in {401, 404}


def test_a_message_that_fails_stops_no_other_one(home, keys, slack):
    broken = Slack(collection="nowhere")
    with (
        running_system(broken),
        channels(home, keys, broken=broken.options, chat=slack.options) as client,
    ):
        post(client, "broken", slack_request())
        post(client, "chat", slack_request())
        wait_for(lambda: slack.messages)
        wait_for(lambda: client.app.state.chat_desk.store.claim() is None)
    assert broken.requests == []
    with keys.database.read() as connection:
        rows = connection.execute(chat_store.CHAT_MESSAGES.select()).mappings().all()
    assert {row["channel"]: (row["attempts"], row["error"]) for row in rows} == {
        "broken": (1, "not_found"),
        "chat": (0, None),
    }


def test_an_author_past_a_limit_is_told_when_to_ask_again_and_others_are_answered(
    home, keys, slack
):
    tables = {
        "channels": {"chat": slack.options},
        "limits": LimitOptions(visitor_per_minute=1, site_per_minute=0),
    }
    with serving(home, keys, tables=tables) as client:
        for number in range(3):  # a minute may begin meanwhile
            post(client, "chat", slack_request(f"Ev{number}", ts=f"{number}.0"))
        post(client, "chat", slack_request("Ev9", ts="9.0", user="U-another"))
        wait_for(lambda: len(slack.messages) == 4)
        wait_for(lambda: client.app.state.chat_desk.store.count_waiting() == 0)
    texts = {message["thread_ts"]: message["text"] for message in slack.messages}
    assert texts["9.0"].startswith(QUOTE)
    refused = [text for text in texts.values() if not text.startswith(QUOTE)]
    assert 1 <= len(refused) <= 2
    assert all("Please ask again in" in text for text in refused)


def test_a_channel_has_a_days_ceiling_of_answers_by_the_model(home, keys):
    options = ChatOptions(kind="teams", secret=TEAMS_KEY)
    with running(scripted_writer.app(share=0.0)) as url:
        tables = {
            "channels": {"chat": options},
            "limits": LimitOptions(daily_answers=1),
            "generate": GenerateOptions(urls=(url,)),
            "answer_cache": AnswerCacheOptions(use="never"),
        }
        with serving(home, keys, tables=tables) as client:
            replies = [
                post(client, "chat", sign_teams(teams_activity(str(number)))).json()["text"]
                for number in range(2)
            ]
    assert "[1] refunds.md" in replies[0]
    assert replies[1].startswith("More was asked here than is allowed at a time.")
    assert "second" not in replies[1] or time.time() % 86_400 > 86_270


def test_a_message_whose_answer_fails_at_once_may_come_again(home, keys):
    options = ChatOptions(kind="teams", secret=TEAMS_KEY, collection="nowhere")
    with channels(home, keys, chat=options) as client:
        request = sign_teams(teams_activity())
        assert [post(client, "chat", request).status_code for _ in range(2)] == [404, 404]
        publish(home, "nowhere", TEXTS)
        client.app.state.desk.open_collections.refresh("nowhere")
        assert post(client, "chat", request).json()["text"].startswith(QUOTE)
        assert post(client, "chat", request).status_code == 401


def test_a_document_to_go_on_from_is_linked(home, keys):
    options = ChatOptions(kind="teams", secret=TEAMS_KEY, public_address=f"{DESK}/")
    link = StepLink(title="Refunds & more", uri="a b/refunds.md")
    with serving(home, keys) as client:
        answer = client.portal.call(ask_desk, client.app.state.desk)
    answer = replace(answer, next_step=NextStep(text="Go on:", links=(link,)))
    text = make_chat_reply(answer, options).text
    assert f"- Refunds & more {DESK}/#d=default/a%20b%2Frefunds.md;1;0-0" in text
    bare = make_chat_reply(answer, replace(options, public_address="")).text
    assert bare.endswith("- Refunds & more")


async def ask_desk(state: ServerState) -> Answer:
    async with state.open_collections.use_collection("default") as opened:
        return await opened.desk.ask(Question(text="When does a refund reach my account?"))
