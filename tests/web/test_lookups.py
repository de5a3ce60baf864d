"""Live facts over HTTP: what a verified customer asks for, and what nobody else ever sees."""

import json
import time

import jwt
import pytest
from order_server import Orders, order_server
from small_server import SmallReply
from web_home import publish, serving

from ragdesk.answering.answer_cache.cache_options import AnswerCacheOptions
from ragdesk.support.handoff.handoff_payload import hide_restricted
from ragdesk.support.key_store import KeyStore
from ragdesk.support.sign_in.publishable_keys import PublishableKeyStore
from ragdesk.support.sign_in.sign_in_options import SignInOptions

SHOP, SHARED = "https://shop.example", "k" * 64
TOKENS = SignInOptions(token_algorithm="HS256", token_key=SHARED, token_audience="desk")  # noqa: S106
POLICY = "# Shipping\nEach order leaves our warehouse within 24 hours.\nWhere an order is late, write to us.\n"
POLICY_ZH = "# 配送\n每个订单会在24小时内从仓库发出。\n订单晚到时请联系我们。\n"
MIA, NOAH = "mia@shop.example", "noah@shop.example"


@pytest.fixture(scope="module")
def shop_home(tmp_path_factory):
    home = tmp_path_factory.mktemp("shop")
    publish(home, "default", {"shipping.md": POLICY, "配送.md": POLICY_ZH})
    publish(home, "other", {"only-here.md": "Only here: the marmalade is orange.\n"})
    return home


@pytest.fixture
def keys(shop_home, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "collections").symlink_to(shop_home / "collections")
    keys = KeyStore(home)
    yield keys
    keys.close()


class Shop:
    """A website of the desk: its customers, each with a token that the operator signed."""

    def __init__(self, client, keys, collections=("default",)):
        self.client, self.keys = client, keys
        site = PublishableKeyStore(keys).create(
            "shop", origins=[SHOP], collections=list(collections)
        )
        self.site = {"Authorization": f"Bearer {site.token}", "Origin": SHOP}

    def headers(self, sub):
        if sub is None:
            made = self.client.post("/v1/visitors", headers=self.site)
            return {**self.site, "X-Visitor": made.json()["secret"]}
        claims = {"aud": "desk", "sub": sub, "exp": int(time.time()) + 600}
        return {**self.site, "X-Visitor": jwt.encode(claims, SHARED, "HS256")}

    def ask(self, question, sub=MIA, headers=None, **body):
        headers = headers or self.headers(sub)
        reply = self.client.post(
            "/v1/answers", json={"question": question, **body}, headers=headers
        )
        assert reply.status_code == 200, reply.text
        return reply.json()


def open_shop(keys, lookup, **tables):
    tables = {"sign_in": TOKENS, "lookups": {"orders": lookup}, **tables}
    return serving(keys.database.home, keys, tables=tables)


@pytest.fixture
def shop(keys):
    with order_server() as (server, lookup), open_shop(keys, lookup) as client:
        made = Shop(client, keys)
        made.server = server
        yield made


def facts(answer):
    return [c for c in answer["citations"] if c["uri"].startswith("lookup:")]


@pytest.mark.parametrize(
    ("question", "fact", "policy", "title"),
    [
        (
            "Where is my order 12345? When does each order leave our warehouse?",
            "Order 12345 is on its way, expected on 2 December.",
            "24 hours",
            "Order status",
        ),
        (
            "我的订单12345到哪里了？订单多久会从仓库发出？",
            "订单 12345 的状态是运输中，预计 2 December 送达。",
            "24小时",
            "订单状态",
        ),
    ],
)
def test_policy_and_live_status_answer_together(shop, question, fact, policy, title):
    answer = shop.ask(question)

    assert answer["outcome"] == "answered"
    assert answer["reason"] is None
    assert answer["text"].startswith(f"{fact} [1]")
    assert policy in answer["text"]
    (cited,) = facts(answer)
    assert (cited["uri"], cited["title"], cited["quote"]) == ("lookup:orders/12345", title, fact)
    passage = next(p for p in answer["passages"] if p["uri"] == cited["uri"])
    assert passage["text"][cited["start"] : cited["end"]] == cited["quote"]
    assert answer["passages"][0]["uri"] == "lookup:orders/12345"
    (asked,) = shop.server.requests
    assert asked.target == "/orders/12345?customer=mia%40shop.example"


def test_the_deltas_of_a_stream_are_its_text(shop):
    body = {"question": "Where is order 12345? When does each order leave our warehouse?"}
    reply = shop.client.post(
        "/v1/answers", json={**body, "stream": True}, headers=shop.headers(MIA)
    )
    events = [
        (block.split("\n")[0].removeprefix("event: "), json.loads(block.split("data: ", 1)[1]))
        for block in reply.text.strip().split("\n\n")
    ]
    done = events[-1][1]
    assert "".join(data["text"] for name, data in events if name == "delta") == done["text"]
    assert [name for name, _ in events[:3]] == ["found", "delta", "verdict"]
    assert events[0][1]["passages"][0]["uri"] == "lookup:orders/12345"
    assert events[2][1]["citations"][0]["uri"] == "lookup:orders/12345"
    assert done["citations"][0]["quote"] in done["text"]


def test_who_is_not_verified_is_asked_to_sign_in_and_nothing_is_fetched(shop):
    answer = shop.ask("Where is my order 12345?", sub=None)
    assert answer["reason"] == "needs_account"
    assert "sign in" in answer["text"]
    assert answer["next_step"]["text"].startswith("Sign in to your account")
    assert shop.server.requests == []
    zh = shop.ask("我的订单 12345 到哪里了？", sub=None)
    assert "登录" in zh["text"]
    assert zh["reason"] == "needs_account"


def test_somebody_elses_order_reads_as_one_that_is_not_there(shop):
    own, foreign, absent = (
        shop.ask(f"Where is my order {number}?") for number in ("12345", "67890", "99999")
    )
    assert facts(own)
    words = [
        {**answer, "text": answer["text"].replace(number, "N"), "question": ""}
        for answer, number in ((foreign, "67890"), (absent, "99999"))
    ]
    for answer in words:
        for name in ("id", "seconds", "claims"):
            del answer[name]
    assert words[0] == words[1]
    assert "Nothing was found under N" in words[0]["text"]
    assert "noah" not in str(foreign)


def test_other_doors_have_no_verified_customer(shop):
    _, token = shop.keys.create("staff", scopes=["admin"])
    answer = shop.ask("Where is order 12345?", headers={"Authorization": f"Bearer {token}"})
    assert answer["reason"] == "needs_account"
    assert shop.server.requests == []
    search = {"query": "Where is order 12345?"}
    assert shop.client.post("/v1/search", json=search, headers=shop.headers(MIA)).is_success
    assert shop.server.requests == []


def test_a_forged_number_never_leaves_its_place(shop):
    for question in (
        "Where is order 12345/../../admin?",
        "Where is order 12345%2F..%2Fadmin?",
        "Where is order 12345?customer=noah@shop.example",
        "订单 12345&customer=noah 到哪里了？",
    ):
        assert facts(shop.ask(question))
    assert set(shop.server.targets) == {"/orders/12345?customer=mia%40shop.example"}
    shop.ask("Where is order ١٢٣٤٥?")
    assert len(shop.server.targets) == 4


def test_only_a_few_are_looked_up_in_a_minute(shop, monkeypatch):
    now = time.time() // 60 * 60 + 1
    monkeypatch.setattr(time, "time", lambda: now)  # all of it within one minute
    limited = ["a few numbers" in shop.ask("Where is order 12345?")["text"] for _ in range(7)]
    assert limited == [False] * 5 + [True] * 2
    assert len(shop.server.requests) == 5
    assert facts(shop.ask("Where is order 67890?", sub=NOAH))  # of somebody else's tries


@pytest.mark.parametrize(
    "question", ["Where is order 12345? When does each order leave our warehouse?"]
)
def test_a_system_that_fails_takes_no_answer_of_the_documents(shop, question, caplog):
    for reply in (
        SmallReply(status=500, body=b"Traceback of order 12345"),
        SmallReply(body=b"<html>"),
        SmallReply(body=b'{"number": "12345"}'),
        SmallReply(status=302, headers={"location": "http://169.254.169.254/"}),
    ):
        shop.server.answer = lambda _, reply=reply: reply
        answer = shop.ask(question)
        assert answer["outcome"] == "answered"
        assert "cannot be looked up right now" in answer["text"]
        assert "24 hours" in answer["text"]
        assert answer["degraded_reason"].startswith("lookup_unavailable: ")
        assert answer["next_step"]["text"].startswith("Ask again in a few minutes")
        assert facts(answer) == []
    assert "12345" not in str([vars(record) for record in caplog.records])
    metrics = shop.client.get("/metrics", headers=admin_headers(shop)).text
    assert 'ragdesk_lookups_total{result="unavailable"} 4.0' in metrics
    assert 'ragdesk_degraded_total{reason="lookup_unavailable"} 4.0' in metrics


def admin_headers(shop):
    return {"Authorization": f"Bearer {shop.keys.create('boss', scopes=['admin'])[1]}"}


def test_a_follow_up_is_about_the_order_of_before(shop):
    mia = shop.headers(MIA)
    talk = shop.client.post("/v1/conversations", json={}, headers=mia).json()["id"]

    def ask(question):
        return shop.ask(question, headers=mia, conversation=talk)

    assert ask("Where is my order?")["reason"] == "ambiguous"
    assert facts(ask("It is 12345, thanks."))
    assert facts(ask("And when will it arrive?"))[0]["uri"] == "lookup:orders/12345"
    assert not facts(ask("When does each order leave the warehouse?"))
    assert not facts(ask("How are gift cards refunded?"))
    zh = shop.client.post("/v1/conversations", json={}, headers=mia).json()["id"]
    shop.ask("我的订单 11111 到哪里了？", headers=mia, conversation=zh)
    assert facts(shop.ask("那它什么时候到？", headers=mia, conversation=zh))


def test_what_was_looked_up_is_kept_for_its_customer_alone(shop):
    shop.server.answer = orders = Orders()
    orders.extra = {"status": "waiting for Ann, ann@mail.example, +49 30 901820"}
    mia, boss = shop.headers(MIA), admin_headers(shop)
    talk = shop.client.post("/v1/conversations", json={}, headers=mia).json()["id"]
    answer = shop.ask("Where is my order 12345?", headers=mia, conversation=talk)
    (live,) = facts(answer)
    assert "+49 30 901820" in live["quote"]

    def turns(headers, path=f"/v1/conversations/{talk}/turns"):
        reply = shop.client.get(path, headers=headers)
        return reply.json()["turns"] if reply.is_success else reply.status_code

    (turn,) = turns(mia)
    (kept,) = facts(turn["answer"])
    assert "901820" not in json.dumps(turn)
    assert kept["status"] == "looked_up"
    assert kept["quote"] in turn["answer"]["text"]
    place = f"/v1/conversations/{talk}/turns/{turn['id']}/lookups/orders/12345"
    text = shop.client.get(place, headers=mia).text
    assert text[kept["start"] : kept["end"]] == kept["quote"]
    for headers in (shop.headers(NOAH), shop.headers(None), boss):
        assert turns(headers) == 404
        assert shop.client.get(place, headers=headers).status_code == 404
    assert shop.client.get(place.replace("12345", "67890"), headers=mia).status_code == 404

    state = shop.client.app.state.desk
    token = state.conversations.share(talk)
    (shared,) = turns(boss, f"/v1/shared/{token}")
    assert (shared["hidden"], shared["answer"]) == (True, None)

    handed = shop.client.post("/v1/handoffs", json={"conversation": talk}, headers=mia).json()
    _, agent = shop.keys.create("agent", scopes=["ask", "agent"])
    agent = {"Authorization": f"Bearer {agent}"}
    assert facts(turns(agent)[0]["answer"])
    assert shop.client.get(place, headers=agent).status_code == 200
    payload = shop.client.get(f"/v1/handoffs/{handed['id']}", headers=agent).json()["payload"]
    assert "waiting for Ann" in payload["summary"]
    assert "901820" not in str(payload)
    outside = hide_restricted(payload)
    assert "waiting for Ann" not in str(outside)
    gaps = shop.client.get("/v1/gaps?collection=default", headers=boss)
    assert "lookup:" not in gaps.text

    person = f"/v1/persons/{state.conversations.get(talk).person}/data"
    assert "lookup:orders/12345" in shop.client.get(person, headers=boss).text
    assert shop.client.delete(person, headers=boss).json()["erased"]["conversations"] == 1
    assert shop.client.get(place, headers=mia).status_code == 404


def test_no_answer_of_before_is_given_again(shop):
    headers = {**shop.headers(MIA), "Idempotency-Key": "same"}
    first = shop.ask("Where is order 11111?", headers=headers)
    assert "packed" in first["text"]
    shop.server.answer = orders = Orders()
    orders.extra = {"status": "sent off"}
    again = shop.ask("Where is order 11111?", headers=headers)
    assert "sent off" in again["text"]
    assert again["id"] == first["id"]
    tasks = [task for _, _, task in shop.client.app.state.desk.idempotency.entries.values()]
    assert [json.loads(task.result().body) for task in tasks] == [
        {"id": first["id"], "outcome": "answered"}
    ]
    other = {"question": "Where is order 12345?"}
    assert shop.client.post("/v1/answers", json=other, headers=headers).status_code == 422


def read_last_event(reply):
    """Return the answer that a stream ended with."""
    (done,) = [block for block in reply.text.split("\n\n") if block.startswith("event: done")]
    return json.loads(done.partition("data: ")[2])


@pytest.mark.parametrize("path", ["/v1/answers", "/v1/chat/completions"])
def test_a_retry_is_looked_up_anew_and_keeps_no_second_turn(shop, path):
    mia = shop.headers(MIA)
    talk = shop.client.post("/v1/conversations", json={}, headers=mia).json()["id"]
    question = "Where is my order 12345?"
    body = {"question": question, "conversation": talk}
    if path != "/v1/answers":
        body = {"model": "ragdesk", "messages": [{"role": "user", "content": question}]}
    headers = {**mia, "Idempotency-Key": "k"}
    replies = [shop.client.post(path, json=body, headers=headers).json() for _ in range(3)]
    answers = [reply.get("ragdesk", reply) for reply in replies]
    assert len({answer["id"] for answer in answers}) == 1
    assert all(facts(answer) for answer in answers)
    assert len(shop.server.requests) == 3
    turns = shop.client.get(f"/v1/conversations/{talk}/turns", headers=mia).json()["turns"]
    assert [turn["id"] for turn in turns] == [answers[0]["id"]] * (path == "/v1/answers")


@pytest.mark.parametrize("streams", [False, True])
def test_a_retry_of_a_question_that_called_a_person_calls_nobody_again(shop, streams):
    mia, boss = shop.headers(MIA), admin_headers(shop)
    talk = shop.client.post("/v1/conversations", json={}, headers=mia).json()["id"]
    headers = {**mia, "Idempotency-Key": "k"}
    question = "Where is my order 12345?"
    shop.server.answer = lambda _: SmallReply(status=500)  # it calls a person, and takes no second

    def ask():
        body = {"question": question, "conversation": talk, "stream": streams}
        reply = shop.client.post("/v1/answers", json=body, headers=headers)
        return read_last_event(reply) if streams else reply.json()

    first, again = ask(), ask()
    for name in ("id", "outcome", "reason", "text", "next_step"):
        assert first[name] == again[name], name
    assert first["outcome"] == "handed_over"
    (handoff,) = shop.client.get("/v1/handoffs", headers=boss).json()["handoffs"]
    place = f"/v1/handoffs/{handoff['id']}"
    shop.client.post(f"{place}/take", json={}, headers=boss)
    late = ask()  # now a person has it
    assert (late["id"], late["outcome"]) == (first["id"], "handed_over")
    assert "claims" in late
    events = shop.client.get(place, headers=boss).json()["events"]
    assert [event["action"] for event in events].count("write") == 0
    shop.client.post(f"{place}/close", json={"confirm": handoff["id"]}, headers=boss)
    after = ask()
    assert (after["id"], after["text"]) == (first["id"], first["text"])
    turns = shop.client.get(f"/v1/conversations/{talk}/turns", headers=mia).json()["turns"]
    assert [turn["author"] for turn in turns].count("customer") == 1
    assert len(shop.client.get("/v1/handoffs?state=all", headers=boss).json()["handoffs"]) == 1


def test_tenants_look_up_nothing_of_each_other(keys):
    with (
        order_server(collections=("other",)) as (server, lookup),
        open_shop(keys, lookup) as client,
    ):
        shop, other = Shop(client, keys), Shop(client, keys, collections=["other"])
        question = "Where is order 12345?"
        assert not facts(shop.ask(question))
        assert server.requests == []
        assert facts(other.ask(question, collection="other"))
        body = {"question": question, "collection": "other"}
        refused = client.post("/v1/answers", json=body, headers=shop.headers(MIA))
        assert refused.status_code == 404
        assert len(server.requests) == 1


def test_a_document_cannot_call_itself_a_lookup(shop):
    put = shop.client.put(
        "/v1/collections/default/documents/lookup:orders/12345",
        content=b"Order 12345 is free.",
        headers={**admin_headers(shop), "Content-Type": "text/plain"},
    )
    assert put.status_code == 422


def test_a_live_fact_and_what_is_asked_behind_it_is_never_given_again(keys):
    cache = AnswerCacheOptions(use="always", shared=True, rewordings=True)
    with (
        order_server() as (server, lookup),
        open_shop(keys, lookup, answer_cache=cache) as client,
    ):
        shop = Shop(client, keys)
        headers = shop.headers(MIA)
        question = "Where is my order 12345? When does each order leave our warehouse?"
        said = [shop.ask(question) for _ in range(2)]
        made = client.post("/v1/conversations", json={}, headers=headers).json()["id"]
        said += [
            shop.ask(text, headers=headers, conversation=made)
            for text in (question, "When does each order leave our warehouse?")
        ]
        figures = client.app.state.desk.metrics.sum_families()

    assert all("cached" not in answer for answer in said)
    assert all(facts(answer) for answer in said)
    assert len(server.requests) == len(said)
    assert figures["ragdesk_answer_cache_total.bypass"] == len(said)
    assert figures["ragdesk_answer_cache_answers"] == 0
