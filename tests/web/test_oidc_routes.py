"""Sign-in at a real provider, a process of its own, with every lie that it or a browser may tell."""

import time
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from oidc_provider import CLIENT, CLIENT_SECRET, REDIRECT, run_provider
from starlette.testclient import TestClient
from web_home import serving

from ragdesk.support.sign_in.sign_in_options import SignInOptions
from ragdesk.support.sign_in.sign_in_tables import ACCOUNTS, SIGN_IN_REQUESTS

ROLES = {"support": "agent", "it": "admin", "everybody": "asker"}


@pytest.fixture(scope="module")
def issuer():
    with run_provider() as issuer:
        yield issuer


@pytest.fixture
def options(issuer):
    return SignInOptions(
        oidc_issuer=issuer,
        oidc_client=CLIENT,
        oidc_secret=CLIENT_SECRET,
        oidc_redirect=REDIRECT,
        oidc_roles=ROLES,
        oidc_groups={"support": "staff", "board": "board"},
    )


@pytest.fixture
def client(home, keys, options):
    keys.create("closes the desk")
    with serving(home, keys, tables={"sign_in": options}) as client:
        client.follow_redirects = False
        yield client


def begin(client: TestClient, page: str = "chat") -> str:
    started = client.get("/v1/oidc/start", params={"page": page})
    assert started.status_code == 303
    return started.headers["location"]


def visit(address: str, **choices: str) -> str:
    """Let the provider send the browser back; gives the path and query of our callback."""
    sent_back = httpx.get(f"{address}&{urlencode(choices)}", verify=False)  # noqa: S501, no TLS
    location = sent_back.headers["location"]
    assert location.startswith(f"{REDIRECT}?")
    return location.removeprefix("http://localhost:8080")


def sign_in(client: TestClient, **choices: str):
    return client.get(visit(begin(client), **choices))


def test_somebody_of_a_known_group_has_its_role_and_documents(client):
    assert client.get("/v1/sign-in").json() == {"open": False, "oidc": "/v1/oidc/start"}
    address = begin(client, "inbox")
    asked = dict(parse_qsl(urlsplit(address).query))
    assert {"state", "nonce", "code_challenge"} <= asked.keys()
    assert (asked["code_challenge_method"], asked["redirect_uri"]) == ("S256", REDIRECT)
    assert "openid" in asked["scope"].split()

    came_back = client.get(visit(address, groups="support,board,unknown"))

    assert (came_back.status_code, came_back.headers["location"]) == (303, "/inbox")
    cookies = came_back.headers.get_list("set-cookie")
    (session,) = [cookie for cookie in cookies if cookie.startswith("rd_session=")]
    assert {"HttpOnly", "SameSite=strict"} <= {part.strip() for part in session.split(";")}
    shown = client.get("/v1/session").json()
    assert (shown["kind"], shown["name"], shown["role"]) == ("staff", "Mia Meier", "agent")
    assert shown["groups"] == ["board", "staff"]
    assert client.get("/v1/collections").status_code == 200
    assert client.get("/metrics").status_code == 403


def test_a_sub_path_stands_in_all_that_signing_in_sends(home, keys, options):
    keys.create("closes the desk")
    with serving(home, keys, tables={"sign_in": options}, root_path="/help") as client:
        client.follow_redirects = False
        start = client.get("/help/v1/sign-in").json()["oidc"]
        assert start == "/help/v1/oidc/start"
        started = client.get(start, params={"page": "inbox"})
        assert "Path=/help/v1/oidc;" in started.headers["set-cookie"]
        came_back = client.get("/help" + visit(started.headers["location"], groups="support"))
        assert (came_back.status_code, came_back.headers["location"]) == (303, "/help/inbox")
        assert client.get("/help/v1/session").json()["kind"] == "staff"


def test_the_highest_role_counts_and_the_same_person_is_the_same_account(client, keys):
    sign_in(client, groups="everybody,it")
    assert client.get("/v1/session").json()["role"] == "admin"
    assert client.get("/metrics").status_code == 200
    sign_in(client, groups="everybody")
    assert client.get("/v1/session").json()["scopes"] == ["ask"]
    sign_in(client, sub="u2")
    with keys.database.read() as connection:
        rows = connection.execute(ACCOUNTS.select()).mappings().all()
    assert sorted(row["subject"] for row in rows) == ["u1", "u2"]
    assert len({row["id"] for row in rows}) == 2


def test_somebody_of_an_unknown_group_has_no_access_and_reads_why(client):
    for choices in ({"groups": "sales"}, {"fault": "no_groups"}, {"fault": "numbers"}):
        refused = sign_in(client, **choices)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        assert "sign_in.oidc_roles" in refused.json()["detail"]
        assert client.get("/v1/session").status_code == 401


FAULTS = {
    "wrong_nonce": ("id_token", "InvalidClaimError"),
    "no_nonce": ("id_token", "MissingClaimError"),
    "wrong_audience": ("id_token", "InvalidClaimError"),
    "foreign_azp": ("id_token", "InvalidClaimError"),
    "expired": ("id_token", "ExpiredTokenError"),
    "future": ("id_token", "InvalidClaimError"),
    "foreign_issuer": ("id_token", "InvalidClaimError"),
    "no_subject": ("id_token", "MissingClaimError"),
    "no_end": ("id_token", "MissingClaimError"),
    "alg_none": ("id_token", "UnsupportedAlgorithmError"),
    "shared_secret": ("id_token", "UnsupportedAlgorithmError"),
    "foreign_key": ("id_token", "BadSignatureError"),
    "unknown_key": ("id_token", "InvalidKeyIdError"),
    "no_token": ("id_token", "NoneType"),
    "denied": ("refused", "NoneType"),
    "mixed_up": ("issuer", "NoneType"),
}


def test_a_token_that_is_not_as_it_should_be_opens_nothing(client, caplog):
    bodies = set()
    for fault, cause in FAULTS.items():
        caplog.clear()
        refused = sign_in(client, fault=fault)

        assert (refused.status_code, refused.json()["code"]) == (401, "sign_in_failed"), fault
        bodies.add(refused.content)
        assert "rd_session=" not in str(refused.headers.get_list("set-cookie"))
        (line,) = [record for record in caplog.records if record.msg == "a sign-in failed"]
        assert (line.reason, line.cause) == cause, fault
    assert len(bodies) == 1
    assert client.get("/v1/session").status_code == 401


def test_a_reply_is_good_once_for_the_request_and_the_browser_of_it(home, keys, client, options):
    path = visit(begin(client))
    with serving(home, keys, tables={"sign_in": options}) as other:
        other.follow_redirects = False
        begin(other)
        stolen = other.get(path)  # another browser, which has a sign-in of its own under way
        assert stolen.status_code == 401
    assert client.get(path.replace("state=", "state=x")).status_code == 401
    assert client.get(path).status_code == 303
    bodies = {client.get(path).content, stolen.content}  # again, with the same state
    assert len(bodies) == 1

    first = dict(parse_qsl(urlsplit(path).query))["code"]
    second = dict(parse_qsl(urlsplit(visit(begin(client))).query))
    for code in (first, "made-up"):  # a code that was used, or of another request
        asked = begin(client)
        state = dict(parse_qsl(urlsplit(asked).query))["state"]
        assert (
            client.get(f"/v1/oidc/callback?{urlencode({'code': code, 'state': state})}").status_code
            == 401
        )
    asked = begin(client)
    state = dict(parse_qsl(urlsplit(asked).query))["state"]
    injected = urlencode({"code": second["code"], "state": state})
    assert client.get(f"/v1/oidc/callback?{injected}").status_code == 401


def test_a_request_is_good_for_ten_minutes_and_only_digests_are_kept(client, keys):
    address = begin(client)
    state = dict(parse_qsl(urlsplit(address).query))["state"]
    with keys.database.write() as connection:
        row = connection.execute(SIGN_IN_REQUESTS.select()).mappings().one()
        assert state not in str(dict(row))
        connection.execute(SIGN_IN_REQUESTS.update().values(created=int(time.time()) - 600))
    assert client.get(visit(address)).status_code == 401


def test_groups_count_for_an_hour(client, keys):
    sign_in(client)
    assert client.get("/v1/collections").status_code == 200
    with keys.database.write() as connection:
        connection.execute(ACCOUNTS.update().values(refreshed=int(time.time()) - 3_600))
    assert client.get("/v1/collections").status_code == 401
    sign_in(client)
    assert client.get("/v1/collections").status_code == 200


def test_a_role_that_the_settings_no_longer_give_ends_the_access(home, keys, client, options):
    sign_in(client)
    cookie = {"Cookie": f"rd_session={client.cookies['rd_session']}"}
    roles = SignInOptions(**{**_fields(options), "oidc_roles": {"it": "admin"}})
    with serving(home, keys, tables={"sign_in": roles}) as other:
        assert other.get("/v1/collections", headers=cookie).status_code == 401


def _fields(options: SignInOptions) -> dict[str, object]:
    return {name: getattr(options, name) for name in SignInOptions.__dataclass_fields__}


def test_without_a_provider_or_with_one_that_is_away_it_is_said(home, keys, options):
    keys.create("closes the desk")
    with serving(home, keys) as client:
        assert client.get("/v1/sign-in").json() == {"open": False, "oidc": None}
        assert client.get("/v1/oidc/start").status_code == 404
        assert client.get("/v1/oidc/callback").status_code == 404
    away = SignInOptions(**{**_fields(options), "oidc_issuer": "http://127.0.0.1:9"})
    with serving(home, keys, tables={"sign_in": away}) as client:
        reply = client.get("/v1/oidc/start")
        assert (reply.status_code, reply.json()["code"]) == (502, "sign_in_provider")
    other_name = options.oidc_issuer.replace("127.0.0.1", "localhost")  # not what it calls itself
    renamed = SignInOptions(**{**_fields(options), "oidc_issuer": other_name})
    with serving(home, keys, tables={"sign_in": renamed}) as client:
        assert client.get("/v1/oidc/start").status_code == 502


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"oidc_issuer": "http://login.example"}, "https"),
        ({"oidc_redirect": "https://desk.example/elsewhere"}, "/v1/oidc/callback"),
        ({"oidc_client": ""}, "oidc_client"),
        ({"oidc_roles": {}}, "oidc_roles"),
    ],
)
def test_settings_that_are_not_safe_are_refused_by_name(options, fields, word):
    with pytest.raises(ValueError, match=word):
        SignInOptions(**{**_fields(options), **fields})
