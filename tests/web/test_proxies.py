"""Behind a reverse proxy: a sub-path, and what is believed of whom."""

import re

import pytest
from web_home import serving

from ragdesk.web.health_routes import PAGE_FILES
from ragdesk.web.page_options import PageOptions
from ragdesk.web.serve_options import ServeOptions

PROXY = {"trusted_proxies": ("10.0.0.0/8",)}
HTTPS = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "desk.example"}


@pytest.fixture
def below(home, keys, tmp_path):
    logo = tmp_path / "logo.svg"
    logo.write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    tables = {"page": PageOptions(logo=str(logo))}
    with serving(home, keys, root_path="/help", tables=tables) as client:
        yield client


@pytest.mark.parametrize("prefix", ["", "/help"])
def test_a_proxy_may_take_the_sub_path_away_or_leave_it(below, prefix):
    assert below.get(f"{prefix}/").text.startswith("<!doctype html>")
    for path in ("/admin", "/inbox", "/page/app.js", "/page/logo", "/v1/collections", "/readyz"):
        assert below.get(f"{prefix}{path}").status_code == 200
    assert below.get(f"{prefix}/help/v1/collections").status_code == (404 if prefix else 200)


def test_the_sub_path_without_its_slash_leads_to_the_page(below):
    moved = below.get("/help", follow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (308, "/help/")
    assert below.get("/helpful/v1/collections").status_code == 404
    assert below.get("/v1/collections/", follow_redirects=False).status_code == 404


def test_every_address_that_goes_out_begins_with_the_sub_path(below, keys):
    assert below.get("/v1/page").json()["logo"] == "/help/page/logo"
    assert below.get("/openapi.json").json()["servers"] == [{"url": "/help"}]
    _, token = keys.create("admin", scopes=["admin"])
    put = below.put(
        "/v1/collections/default/documents/a.md",
        content=b"Tea is at four.",
        headers={"Authorization": f"Bearer {token}"},
    )
    assert put.headers["location"] == f"/help/v1/jobs/{put.json()['id']}"
    opened = below.post("/v1/session", json={"key": token})
    assert "Path=/help;" in opened.headers["set-cookie"]
    token_of_changes = {
        "X-CSRF-Token": opened.json()["csrf_token"],
        "Sec-Fetch-Site": "same-origin",
    }
    below.cookies.set("rd_session", "rds_of_a_desk_at_the_root", domain="localhost.local")
    ended = below.delete("/help/v1/session", headers=token_of_changes)
    assert ended.status_code == 204
    assert "Path=/help;" in ended.headers["set-cookie"]


def test_no_address_in_the_pages_begins_at_the_root_of_the_host():
    text = {name: body.decode() for name, (body, _) in PAGE_FILES.items()}
    for name, page in text.items():
        assert not re.search(r"(href|src|action)=[\"']/", page), name
        assert not re.search(r"url\([\"']?/", page), name
        assert not re.search(r"(from|import\()\s*[\"']/", page), name
        if name != "wire.js":  # the one place that asks the server
            assert "fetch(" not in page, name
            assert "EventSource" not in page, name
    assert re.findall(r"fetch\((.+?)[,)]", text["wire.js"]) == [
        "ROOT + path",
        "`${ROOT}/v1/session`",
    ]


@pytest.mark.parametrize(
    "path", ["help", "/help/", "/a b", "//x", "/../x", "/v1", "/page/x", "/a?b"]
)
def test_what_is_no_sub_path_is_refused(path):
    with pytest.raises(ValueError, match="root_path"):
        ServeOptions(root_path=path)


def test_scheme_and_host_are_believed_of_trusted_proxies_alone(published, keys):
    _, token = keys.create("Mia", scopes=["ask"])
    change = {"json": {"key": token}}
    with serving(published, keys, **PROXY) as client:
        client._transport.client = ("10.0.0.2", 1)
        secure = client.post("/v1/session", headers=HTTPS, **change)
        assert "Secure" in secure.headers["set-cookie"]
        ours = {"Cookie": f"rd_session={secure.cookies['rd_session']}", **HTTPS}
        ours["X-CSRF-Token"] = secure.json()["csrf_token"]
        page = {"Origin": "https://desk.example"}  # of an old browser, without Sec-Fetch-Site
        assert client.post("/v1/conversations", json={}, headers={**ours, **page}).is_success
        client._transport.client = ("192.0.2.1", 1)
        assert (
            "Secure"
            not in client.post("/v1/session", headers=HTTPS, **change).headers["set-cookie"]
        )
        forged = client.post("/v1/conversations", json={}, headers={**ours, **page})
        assert forged.status_code == 403


def test_the_audit_log_says_where_staff_asked_from_past_trusted_proxies_alone(home, keys):
    _, token = keys.create("Mia", scopes=["admin"])
    with serving(home, keys, **PROXY) as client:
        client.headers["X-Forwarded-For"] = "1.1.1.1, 203.0.113.9"
        for peer in ("10.0.0.2", "192.0.2.1"):
            client._transport.client = (peer, 1)
            client.post("/v1/session", json={"key": token})
        entries = client.get("/v1/audit", headers={"Authorization": f"Bearer {token}"}).json()
    assert [entry["address"] for entry in entries["entries"]] == ["192.0.2.1", "203.0.113.9"]


def test_an_open_desk_answers_under_its_own_names_alone_behind_a_proxy_too(published, keys):
    with serving(published, keys, allowed_hosts=("desk.example",), **PROXY) as client:
        client._transport.client = ("10.0.0.2", 1)
        headers = {"Host": "proxied", "X-Forwarded-Host": "desk.example"}
        assert client.get("/v1/collections", headers=headers).status_code == 200
        for host in ("evil.example", "a b", "desk.example, evil.example"):
            headers["X-Forwarded-Host"] = host
            assert client.get("/v1/collections", headers=headers).status_code == 421
        page = {"Origin": "https://desk.example", "X-Forwarded-Host": "desk.example"}
        assert client.get("/v1/collections", headers=page).status_code == 200
        page["X-Forwarded-Host"] = "evil.example"
        assert client.get("/v1/collections", headers=page).status_code == 403
