"""Live facts over HTTP: what a verified customer asks for, and what nobody else ever sees."""

import time

import jwt
import pytest
from order_server import ORDER_LOOKUP, Orders, order_server
from small_server import SmallReply
from web_home import publish, serving

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
            "Where is my order 12345, and when does an order leave the warehouse?",
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
    body = {"question": "Where is order 12345?", "stream": True}
    reply = shop.client.post("/v1/answers", json=body, headers=shop.headers(MIA))
    print(reply.text)
    assert "Order 12345 is on its way" in reply.text


def test_who_is_not_verified_is_asked_to_sign_in_and_nothing_is_fetched(shop):
    answer = shop.ask("Where is my order 12345?", sub=None)
    print(answer)
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
