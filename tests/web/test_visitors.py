"""Visitors of a website: with a secret of ours, or with a token that the operator signed."""

# ruff: noqa: S106, names of settings
import base64
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from web_home import CANARY, SECRET, serving

from ragdesk.errors import Invalid, SettingsError
from ragdesk.support.sign_in.identity import open_identities
from ragdesk.support.sign_in.publishable_keys import PublishableKeyStore
from ragdesk.support.sign_in.sign_in_options import SignInOptions
from ragdesk.support.sign_in.sign_in_tables import VISITORS
from ragdesk.web.limit_options import LimitOptions

SHOP = "https://shop.example"
SHARED = "k" * 64  # long enough for every algorithm
TOKENS = SignInOptions(
    token_algorithm="HS256",
    token_key=SHARED,
    token_audience="desk",
    token_groups={"plan=pro": "staff"},
)
COLLECTIONS = "/v1/collections"
SECRET_TEXT = f"/v1/collections/default/documents/{SECRET}/text"


@pytest.fixture
def site(keys):
    return PublishableKeyStore(keys).create("shop", origins=[SHOP], collections=["default"])


@pytest.fixture
def shop(home, keys, site):
    with serving(home, keys, tables={"sign_in": TOKENS}) as client:
        client.headers.update({"Authorization": f"Bearer {site.token}", "Origin": SHOP})
        yield client


def make_claims(**more):
    now = int(time.time())
    return {"aud": "desk", "sub": "mia@shop.example", "iat": now, "exp": now + 600, **more}


def sign(claims, key=SHARED, algorithm="HS256", **headers):
    return jwt.encode(claims, key, algorithm=algorithm, headers=headers or None)


def reach(client, token: str, path: str = COLLECTIONS) -> int:
    return client.get(path, headers={"X-Visitor": token}).status_code


def test_a_publishable_key_lets_its_visitors_ask_in_its_collections(shop, keys, caplog):
    caplog.set_level("INFO")
    assert shop.get(COLLECTIONS).status_code == 403  # nobody in particular
    made = shop.post("/v1/visitors")
    assert made.status_code == 201
    secret = made.json()["secret"]
    visitor = {"X-Visitor": secret}

    shown = shop.get("/v1/session", headers=visitor).json()
    assert (shown["kind"], shown["scopes"], shown["groups"]) == ("visitor", ["ask"], [])
    listed = shop.get(COLLECTIONS, headers=visitor).json()["collections"]
    assert [one["name"] for one in listed] == ["default"]
    answer = shop.post("/v1/search", json={"query": "canary password"}, headers=visitor)
    assert answer.status_code == 200
    assert CANARY.split()[-1] not in answer.text
    assert (
        shop.post(
            "/v1/search", json={"query": "x", "collection": "other"}, headers=visitor
        ).status_code
        == 404
    )
    assert reach(shop, secret, SECRET_TEXT) == 404
    assert reach(shop, secret, "/metrics") == 403
    assert reach(shop, secret, "/v1/jobs/x") == 403
    assert reach(shop, "rdv_x") == reach(shop, "") == 401
    with keys.database.read() as connection:
        row = connection.execute(VISITORS.select()).mappings().one()
    assert secret not in str(dict(row))
    assert secret not in caplog.text


def test_a_secret_is_of_one_website(shop, keys, home):
    secret = shop.post("/v1/visitors").json()["secret"]
    other = PublishableKeyStore(keys).create("blog", origins=[SHOP], collections=["default"])
    assert reach(shop, secret) == 200
    shop.headers["Authorization"] = f"Bearer {other.token}"
    assert reach(shop, secret) == 401
    shop.headers["Authorization"] = f"Bearer {keys.create('mine')[1]}"
    assert shop.post("/v1/visitors").status_code == 403  # no key of a website


def test_pages_of_other_origins_are_refused_and_those_of_its_own_may_read(shop, site, keys):
    visitor = {"X-Visitor": shop.post("/v1/visitors").json()["secret"]}
    allowed = shop.get(COLLECTIONS, headers=visitor)
    assert allowed.headers["access-control-allow-origin"] == SHOP
    assert "Origin" in allowed.headers["vary"]
    assert "access-control-allow-credentials" not in allowed.headers
    for origin in ("https://evil.example", "http://shop.example", "https://a.shop.example", "null"):
        foreign = shop.get(COLLECTIONS, headers={**visitor, "Origin": origin})
        assert foreign.status_code == 403
        assert "access-control-allow-origin" not in foreign.headers
    missing = shop.get(COLLECTIONS, headers={"Authorization": "Bearer rdp_x", **visitor})
    assert missing.status_code == 401
    PublishableKeyStore(keys).revoke(site.id)
    assert shop.get(COLLECTIONS, headers=visitor).content == missing.content


def test_a_browser_learns_before_it_asks_which_origins_may(shop):
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-visitor"}
    del shop.headers["Authorization"]
    answer = shop.options("/v1/answers", headers=asks)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert "x-visitor" in answer.headers["access-control-allow-headers"]
    foreign = shop.options("/v1/answers", headers={**asks, "Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in foreign.headers
    assert shop.options("/v1/answers").status_code == 401  # no such question


def test_a_signed_token_names_its_visitor_and_opens_documents(shop, keys, caplog):
    caplog.set_level("INFO")
    plain, pro = sign(make_claims()), sign(make_claims(attributes={"plan": "pro", "x": "y"}))

    assert reach(shop, plain) == 200
    assert reach(shop, plain, SECRET_TEXT) == 404
    assert reach(shop, pro, SECRET_TEXT) == 200
    assert "mia@shop.example" not in str([vars(record) for record in caplog.records])
    identities = open_identities(keys, TOKENS)
    token = shop.headers["Authorization"].removeprefix("Bearer ")
    people = {identities.find_by_site(token, one).who.person for one in (plain, pro)}
    (person,) = people
    assert person.endswith(":sub=mia@shop.example")
    secret_holder = identities.find_by_site(token, shop.post("/v1/visitors").json()["secret"])
    named = identities.find_by_site(token, sign(make_claims(sub=secret_holder.visitor.id)))
    assert named.who.person != secret_holder.who.person


def test_a_token_that_is_not_as_it_should_be_is_none(shop):
    now = int(time.time())
    without = [
        {k: v for k, v in make_claims().items() if k != name} for name in ("aud", "sub", "exp")
    ]
    bad = [
        sign(make_claims(exp=now - 60)),
        sign(make_claims(exp=now + 3_700)),
        sign(make_claims(nbf=now + 300)),
        sign(make_claims(aud="another")),
        sign(make_claims(sub="")),
        sign(make_claims(sub="x" * 201)),
        sign(make_claims(attributes=["pro"])),
        sign(make_claims(attributes={"plan": 1})),
        sign(make_claims(), key="w" * 32),
        sign(make_claims(), algorithm="HS512"),
        jwt.encode(make_claims(), None, algorithm="none"),
        sign(make_claims()) + "x",
        "a.b.c",
        *(sign(claims) for claims in without),
    ]
    missing = shop.get(COLLECTIONS, headers={"X-Visitor": "rdv_x"})
    for token in bad:
        refused = shop.get(COLLECTIONS, headers={"X-Visitor": token})
        assert (refused.status_code, refused.content) == (401, missing.content), token
    assert reach(shop, sign(make_claims())) == 200
    # A token is shown with the website's key, never in its place.
    bearer = {"Authorization": f"Bearer {sign(make_claims())}"}
    assert shop.get(COLLECTIONS, headers=bearer).status_code == 401


def test_one_algorithm_counts_and_a_public_key_is_no_shared_secret(keys, site):
    private = Ed25519PrivateKey.generate()
    pem = (
        private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    )
    options = SignInOptions(token_algorithm="EdDSA", token_key=pem, token_audience="desk")
    identities = open_identities(keys, options)

    good = sign(make_claims(), key=private, algorithm="EdDSA")
    assert identities.find_by_site(site.token, good) is not None
    raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    for secret in (raw, base64.b64encode(raw) * 2, SHARED):
        assert identities.find_by_site(site.token, sign(make_claims(), key=secret)) is None
    with pytest.raises(SettingsError, match="token_key"):
        open_identities(
            keys, SignInOptions(token_algorithm="EdDSA", token_key="PUBLIC KEY", token_audience="a")
        )
    for bad in ({"token_key": "short"}, {"token_audience": ""}, {"token_groups": {"pro": "a"}}):
        fields = {"token_algorithm": "HS256", "token_key": SHARED, "token_audience": "a", **bad}
        with pytest.raises(ValueError, match=next(iter(bad))):
            SignInOptions(**fields)


def test_without_the_setting_no_token_is_taken(keys, site):
    assert (
        open_identities(keys, SignInOptions()).find_by_site(site.token, sign(make_claims())) is None
    )


@pytest.mark.parametrize(
    "origins", [[], ["shop.example"], ["http://shop.example"], ["https://shop.example/page"], ["*"]]
)
def test_a_key_without_an_origin_is_not_made_and_does_not_close_the_desk(keys, origins):
    with pytest.raises(Invalid, match="origin"):
        PublishableKeyStore(keys).create("shop", origins=origins, collections=["default"])
    assert not keys.has_had_keys()
    PublishableKeyStore(keys).create("shop", origins=[SHOP], collections=["default"])
    assert keys.has_had_keys()


def test_visitors_are_limited_and_told_when_to_come_again(home, keys, site):
    limits = LimitOptions(visitor_per_minute=3)
    with serving(home, keys, tables={"limits": limits}) as client:
        client.headers.update({"Authorization": f"Bearer {site.token}", "Origin": SHOP})
        first, second = (
            {"X-Visitor": client.post("/v1/visitors").json()["secret"]} for _ in range(2)
        )
        replies = [client.get(COLLECTIONS, headers=first) for _ in range(8)]
        statuses = [reply.status_code for reply in replies]
        assert statuses.count(429) >= 2  # a minute may have begun meanwhile
        assert statuses[:3] == [200] * 3
        refused = replies[statuses.index(429)]
        assert refused.json()["code"] == "rate_limited"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.headers["ratelimit"].startswith('"visitor";r=0;t=')
        assert refused.headers["access-control-allow-origin"] == SHOP
        assert replies[0].headers["ratelimit-policy"] == '"visitor";q=3;w=60'
        assert client.get(COLLECTIONS, headers=second).status_code == 200
