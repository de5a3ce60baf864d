import contextlib
import json
import sqlite3
import time

import pytest
from fastapi.routing import APIRoute
from web_home import CANARY, SECRET, TEXTS, serving

from ragdesk.errors import KeyRequired
from ragdesk.support.key_store import KeyStore
from ragdesk.web import server
from ragdesk.web.api import ROUTERS
from ragdesk.web.request_middleware import SlotMiddleware
from ragdesk.web.serve_options import ServeOptions

OPEN = {"/", "/admin", "/inbox", "/page/{name}", "/page/logo", "/v1/page", "/healthz", "/readyz"}
OPEN |= {"/v1/sign-in", "/v1/oidc/start", "/v1/oidc/callback"}  # the ways in
OPEN |= {"/docs", "/widget", "/widget.js"}  # of other websites: the key is in the address
OPEN_CHANGES = {("POST", "/v1/session")}  # the key is in the body
OPEN_CHANGES |= {("POST", "/v1/hooks/chatwoot")}  # signed
# Signed, too: Slack, Feishu, WeCom and Teams.
OPEN_CHANGES |= {("GET", "/v1/channels/{channel}"), ("POST", "/v1/channels/{channel}")}
DOCUMENTS = "/v1/collections/default/documents"
NEEDED = {
    ("POST", "/v1/answers"): "ask",
    ("POST", "/v1/search"): "ask",
    ("GET", "/v1/collections"): "ask",
    ("GET", DOCUMENTS): "ask",
    ("GET", f"{DOCUMENTS}/refunds.md/text"): "ask",
    ("GET", f"{DOCUMENTS}/refunds.md/links"): "ask",
    ("GET", f"{DOCUMENTS}/refunds.md/original"): "ask",
    ("PUT", f"{DOCUMENTS}/new.md"): "write",
    ("DELETE", f"{DOCUMENTS}/none.md"): "write",
    ("GET", "/v1/jobs/x"): "write",
    ("GET", "/metrics"): "admin",
}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def send(client, method: str, path: str, **headers: str):
    body = {"question": "x"} if path.endswith("answers") else {"query": "x"}
    more = {"json": body} if method == "POST" else {}
    return client.request(method, path, headers=headers, **more)


def test_every_route_asks_for_a_scope_or_is_known_to_be_open():
    checks = {"require_scope.<locals>.check", "require_identity"}
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            is_open = route.path in OPEN or (*route.methods, route.path) in OPEN_CHANGES
            calls = [dependency.call for dependency in iter_dependencies(route.dependant)]
            asks = {getattr(call, "__qualname__", "") for call in calls}
            assert bool(checks & asks) != is_open, route.path


def iter_dependencies(dependant):
    """Yield what a route depends on, and what that depends on."""
    for dependency in dependant.dependencies:
        yield dependency
        yield from iter_dependencies(dependency)


def test_without_a_key_the_desk_is_open_and_the_first_key_closes_it_for_good(client, keys):
    assert client.get("/v1/collections").status_code == 200

    key, token = keys.create("first")

    assert client.get("/v1/collections").status_code == 401
    assert client.get("/v1/collections", headers=bearer(token)).status_code == 200
    keys.revoke(key.id)
    assert client.get("/v1/collections", headers=bearer(token)).status_code == 401
    assert client.get("/v1/collections").status_code == 401


def test_missing_garbage_expired_and_revoked_keys_read_the_same(client, keys):
    revoked, token = keys.create("a")
    keys.revoke(revoked.id)
    _, expired = keys.create("b", days=0)
    shown = [None, "rd_garbage", token, expired, "", "x" * 5_000, "rd_\xff"]
    headers = [
        {} if t is None else {"Authorization": f"Bearer {t}".encode("latin-1")} for t in shown
    ]
    headers += [{"Authorization": token}, {"Authorization": f"Basic {token}"}]

    replies = [client.get("/v1/collections", headers=one) for one in headers]

    assert {reply.status_code for reply in replies} == {401}
    assert len({reply.content for reply in replies}) == 1
    assert replies[0].headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("scope", ["ask", "write", "admin"])
def test_a_scope_opens_its_routes_and_no_other(client, keys, scope):
    _, token = keys.create("x", scopes=[scope])

    for (method, path), needed in NEEDED.items():
        status = send(client, method, path, **bearer(token)).status_code
        assert (status == 403) == (scope not in {needed, "admin"}), (method, path, status)


def test_open_routes_need_no_key(client, keys):
    keys.create("x")
    for path in ("/", "/page/app.js", "/healthz", "/readyz", "/openapi.json"):
        assert client.get(path).status_code == 200


def test_a_foreign_collection_is_a_404_like_one_that_is_not_there(client, keys):
    _, token = keys.create("x", scopes=["ask", "write"], collections=["other"])
    foreign = client.get(DOCUMENTS, headers=bearer(token))
    missing = client.get(DOCUMENTS.replace("default", "missing"), headers=bearer(token))

    assert foreign.status_code == missing.status_code == 404
    assert foreign.json()["detail"].replace("default", "missing") == missing.json()["detail"]
    assert send(client, "POST", "/v1/answers", **bearer(token)).status_code == 404
    assert send(client, "PUT", f"{DOCUMENTS}/x.md", **bearer(token)).status_code == 404
    listed = client.get("/v1/collections", headers=bearer(token)).json()["collections"]
    assert [one["name"] for one in listed] == ["other"]


def test_what_a_group_may_not_see_is_nowhere(client, keys):
    _, blind = keys.create("blind", groups=["guests"])
    _, seeing = keys.create("seeing", groups=["staff"])

    def everything(token: str) -> str:
        headers = bearer(token)
        said = []
        for path, name in (("answers", "question"), ("search", "query")):
            body = {name: "What is the canary password of the cellar?"}
            said.append(client.post(f"/v1/{path}", json=body, headers=headers).json())
            body["filters"] = {"uris": [SECRET]}
            said.append(client.post(f"/v1/{path}", json=body, headers=headers).json())
        for one in said:
            one.pop("question", None)
            one.pop("query", None)
        said += [
            client.get(DOCUMENTS, headers=headers).json(),
            client.get("/v1/collections", headers=headers).json(),
        ]
        said += [
            client.get(f"{DOCUMENTS}/{SECRET}/{what}", headers=headers).text
            for what in ("text", "original")
        ]
        return json.dumps(said)

    assert CANARY.strip() in everything(seeing)
    assert not {"xylophone", SECRET} & set(everything(blind).replace('"', " ").split())
    counts = {
        token: client.get("/v1/collections", headers=bearer(token)).json()["collections"][0][
            "documents"
        ]
        for token in (blind, seeing)
    }
    assert counts == {blind: len(TEXTS), seeing: len(TEXTS) + 1}


def test_a_hidden_document_can_be_neither_replaced_nor_given_to_a_foreign_group(client, keys):
    _, token = keys.create("w", scopes=["write"], groups=["guests"])

    hidden = client.put(f"{DOCUMENTS}/{SECRET}", content=b"mine now", headers=bearer(token))
    deleted = client.delete(f"{DOCUMENTS}/{SECRET}", headers=bearer(token))
    foreign = client.put(f"{DOCUMENTS}/n.md?groups=staff", content=b"x", headers=bearer(token))

    assert (hidden.status_code, deleted.status_code, foreign.status_code) == (202, 404, 403)
    until = time.monotonic() + 60
    while client.get(hidden.headers["location"], headers=bearer(token)).json()["finished"] is None:
        assert time.monotonic() < until
        time.sleep(0.05)
    _, staff = keys.create("s", groups=["staff"])
    assert client.get(f"{DOCUMENTS}/{SECRET}/text", headers=bearer(staff)).text == CANARY


def test_what_a_limited_key_brings_in_is_for_its_groups(client, keys):
    _, mine = keys.create("mine", scopes=["write", "ask"], groups=["guests"])
    _, other = keys.create("other", groups=["staff"])
    body = b"# Tea\n\nTea is served at four.\n"

    job = client.put(f"{DOCUMENTS}/tea.md", content=body, headers=bearer(mine)).json()["id"]
    until = time.monotonic() + 60
    while client.get(f"/v1/jobs/{job}", headers=bearer(mine)).json()["state"] != "done":
        assert time.monotonic() < until
        time.sleep(0.05)

    seen = [client.get(f"{DOCUMENTS}/tea.md/text", headers=bearer(who)) for who in (mine, other)]
    assert [response.status_code for response in seen] == [200, 404]


def test_a_job_of_another_key_is_a_404(client, keys):
    _, mine = keys.create("mine", scopes=["write"])
    _, other = keys.create("other", scopes=["write"])
    job = client.put(f"{DOCUMENTS}/j.md", content=b"# J\n\nA job.\n", headers=bearer(mine)).json()[
        "id"
    ]

    assert client.get(f"/v1/jobs/{job}", headers=bearer(mine)).status_code == 200
    assert client.get(f"/v1/jobs/{job}", headers=bearer(other)).status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "localhost.evil.example"}, 421),
        ({"Host": "192.168.0.7"}, 421),
        ({"Host": ""}, 421),
        ({"Host": "[::1"}, 421),
        ({"Host": "127.0.0.1:8080"}, 200),
        ({"Host": "[::1]:8080"}, 200),
        ({"Host": "LOCALHOST"}, 200),
        ({"Host": "desk.example"}, 200),
        ({"Host": "localhost", "Origin": "http://localhost"}, 200),
        ({"Host": "localhost", "Origin": "http://evil.example"}, 403),
        ({"Host": "localhost", "Origin": "null"}, 403),
    ],
)
def test_an_open_desk_answers_under_its_own_name_to_its_own_page(home, keys, headers, status):
    with serving(home, keys, allowed_hosts=("desk.example",)) as client:
        assert client.get("/v1/collections", headers=headers).status_code == status


def test_any_address_but_loopback_needs_a_key_first(tmp_path):
    keys = KeyStore(tmp_path)
    for host in ("0.0.0.0", "::", "192.168.0.7", "desk.example"):  # noqa: S104
        with pytest.raises(KeyRequired, match="ragdesk keys create"):
            server.check_listen_address(ServeOptions(host=host), keys)
    for host in ("127.0.0.1", "::1", "localhost"):
        server.check_listen_address(ServeOptions(host=host), keys)
    keys.create("first")
    server.check_listen_address(ServeOptions(host="0.0.0.0"), keys)  # noqa: S104
    keys.close()


def test_responses_carry_safe_headers_and_the_page_no_foreign_address(client):
    for path in ("/", "/page/app.js", "/v1/collections", "/nowhere", "/healthz"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-request-id"]
        assert "server" not in headers
    assert client.get("/page/../api.py").status_code == 404
    assert client.get("/page/%2e%2e%2fapi.py").status_code == 404


def test_no_log_line_holds_a_key_a_question_or_a_name(client, keys, caplog):
    _, token = keys.create("x", scopes=["admin"])
    caplog.set_level("INFO")
    client.post("/v1/answers", json={"question": "where is my zebra?"}, headers=bearer(token))
    client.get(f"{DOCUMENTS}/refunds.md/text", headers=bearer(token))
    client.get(f"{DOCUMENTS}/none.md/text?cursor=zebra", headers=bearer(token))

    lines = "\n".join(
        str(vars(record)) for record in caplog.records if record.name.startswith("ragdesk")
    )
    assert "/v1/answers" in lines
    assert not [word for word in (token, "zebra", "refunds.md", "none.md") if word in lines]


PASSED_ON = [
    {"X-Forwarded-For": "203.0.113.7"},
    {"X-Forwarded-Host": "desk.example"},
    {"Forwarded": "for=203.0.113.7"},
    {"X-Real-IP": "203.0.113.7"},
    {"Via": "1.1 proxy"},
    {"CF-Connecting-IP": "203.0.113.7"},
]


@pytest.mark.parametrize("headers", PASSED_ON)
def test_an_open_desk_refuses_what_a_proxy_passed_on_unless_it_is_trusted(home, keys, headers):
    with serving(home, keys) as client:
        refused = client.get("/v1/collections", headers=headers)
        assert refused.status_code == 403
        assert "ragdesk keys create" in refused.json()["detail"]
        assert "serve.trusted_proxies" in refused.json()["detail"]
    with serving(home, keys, trusted_proxies=("127.0.0.0/8",)) as client:
        client._transport.client = ("127.0.0.1", 1)
        assert client.get("/v1/collections", headers=headers).status_code == 200
        client._transport.client = ("192.0.2.1", 1)
        assert client.get("/v1/collections", headers=headers).status_code == 403
    _, token = keys.create("first")
    with serving(home, keys) as client:  # a key is asked for: who passes it on does not matter
        reply = client.get("/v1/collections", headers={**headers, **bearer(token)})
        assert reply.status_code == 200


@pytest.mark.parametrize("lost", ["rows", "file", "rows of 0.1.0"])
def test_a_desk_that_lost_its_keys_is_not_open(home, keys, lost, caplog):
    keys.create("first")
    if lost == "rows of 0.1.0":  # which wrote down nothing else
        with keys.database.write() as db:
            db.exec_driver_sql("DELETE FROM secrets")
        (home / "desk.sqlite.closed").unlink()
        KeyStore(home).close()
    keys.close()
    if lost == "file":
        for file in home.glob("desk.sqlite*"):
            if file.suffix != ".closed":
                file.unlink()
    else:
        with contextlib.closing(sqlite3.connect(home / "desk.sqlite")) as db, db:
            db.execute("DELETE FROM keys")

    with contextlib.closing(KeyStore(home)) as left, serving(home, left) as client:
        assert client.get("/v1/collections").status_code == 401
        server.check_listen_address(ServeOptions(), left)
        assert "ragdesk keys create" in caplog.text
        _, token = left.create("again")
        assert client.get("/v1/collections", headers=bearer(token)).status_code == 200


@pytest.mark.parametrize("path", ["/", "/page/app.js"])
def test_the_page_needs_no_place_and_is_counted_by_its_route(home, keys, path):
    _, token = keys.create("a", scopes=["admin"])
    with serving(home, keys, max_in_flight=1) as client:
        seats = client.app.middleware_stack
        while not isinstance(seats, SlotMiddleware):
            seats = seats.app
        seats.places.running = 1  # everything is full
        given = client.get(path)
        assert given.status_code == 200
        assert given.headers["content-security-policy"]
        assert client.head(path).status_code in {405, 503}
        metrics = client.get("/metrics", headers=bearer(token)).text
    route = "/" if path == "/" else "/page/{name}"
    labels = f'method="GET",route="{route}",status="2xx"'
    assert f"ragdesk_requests_total{{{labels}}} 1.0\n" in metrics


@pytest.mark.parametrize("keyed", [True, False])
@pytest.mark.parametrize("fate", ["removed", "emptied", "another's"])
def test_a_desk_whose_keys_cannot_be_read_lets_nobody_in_and_lives(home, keys, fate, keyed, caplog):
    token = keys.create("x", scopes=["admin"])[1] if keyed else "rd_x"
    file, headers = home / "desk.sqlite", {"Authorization": f"Bearer {token}"}
    with serving(home, keys) as client:
        assert client.get("/v1/collections", headers=headers).status_code == 200
        if fate == "emptied":
            with contextlib.closing(sqlite3.connect(file)) as db, db:
                db.executescript("DROP TABLE keys; DROP TABLE secrets;")
        else:
            for beside in home.glob("desk.sqlite*"):
                if beside.suffix != ".closed":
                    beside.unlink()
        if fate == "another's":
            file.write_bytes(b"not a database" * 100)

        for shown_key in (headers, {}):
            for path in ("/v1/collections", "/metrics", "/nothing"):
                response = client.get(path, headers=shown_key)
                assert (response.status_code, response.json()["code"]) == (503, "home_unusable")
                assert str(home) not in response.text
            assert client.get("/readyz", headers=shown_key).json()["ready"] is False
            for path in ("/healthz", "/", "/page/app.js"):
                assert client.get(path, headers=shown_key).status_code == 200
    assert "Traceback" not in caplog.text
