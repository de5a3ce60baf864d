import time

import pytest
from web_home import serving

from ragdesk.support.sign_in.sign_in_tables import SESSIONS

COLLECTIONS = "/v1/collections"
OURS = {"Sec-Fetch-Site": "same-origin"}
DOCUMENT = "/v1/collections/default/documents/none.md"  # deleting it is a 404


def sign_in(client, token: str, **headers: str):
    return client.post("/v1/session", json={"key": token}, headers={**OURS, **headers})


def change(client, **headers: str) -> int:
    return client.delete(
        DOCUMENT, headers={k.replace("_", "-"): v for k, v in headers.items()}
    ).status_code


@pytest.fixture
def editor(keys):
    return keys.create("Mia", scopes=["ask", "agent", "edit", "write"], groups=["staff"])


def test_a_key_opens_a_session_that_no_script_reads(client, editor):
    key, token = editor
    assert client.get("/v1/session").status_code == 401

    opened = sign_in(client, token)

    assert opened.status_code == 201
    cookie = opened.headers["set-cookie"]
    assert cookie.startswith("rd_session=rds_")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Secure" not in cookie
    shown = client.get("/v1/session").json()
    assert shown == opened.json()
    assert (shown["kind"], shown["name"], shown["role"]) == ("staff", "Mia", "editor")
    assert (shown["groups"], shown["collections"]) == (["staff"], [])
    assert client.get(COLLECTIONS).status_code == 200
    assert client.get("/metrics").status_code == 403
    assert client.get("/v1/session", headers={"Authorization": f"Bearer {token}"}).json() == {
        **shown,
        "kind": "key",
        "csrf_token": None,
        "expires": None,
    }
    assert key.id not in opened.text


def test_a_cookie_for_another_machine_needs_an_encrypted_connection(home, keys, editor):
    with serving(home, keys) as client:
        opened = sign_in(client, editor[1], Host="desk.example")
    assert "Secure" in opened.headers["set-cookie"]


def test_a_change_needs_the_token_of_its_session_and_a_page_of_ours(client, keys, editor):
    csrf = sign_in(client, editor[1]).json()["csrf_token"]
    origin = "http://localhost:8080"

    assert change(client, X_CSRF_Token=csrf, Sec_Fetch_Site="same-origin") == 404
    assert change(client, X_CSRF_Token=csrf, Origin=origin) == 404
    assert change(client, X_CSRF_Token=csrf) == 403
    assert change(client, Origin=origin) == 403
    assert change(client, X_CSRF_Token="0" * 64, Origin=origin) == 403
    assert change(client, X_CSRF_Token=csrf, Origin="https://evil.example") == 403
    assert change(client, X_CSRF_Token=csrf, Origin="null") == 403
    for site in ("same-site", "cross-site", "none"):
        assert change(client, X_CSRF_Token=csrf, Origin=origin, Sec_Fetch_Site=site) == 403
    # A key in the header is sent by its holder alone; one that is wrong is not made good.
    assert change(client, Authorization=f"Bearer {editor[1]}") == 404
    assert change(client, Authorization="Bearer rd_x", X_CSRF_Token=csrf, Origin=origin) == 401


def test_a_key_of_another_site_or_none_opens_nothing(client, keys, editor):
    revoked, token = keys.create("gone")
    keys.revoke(revoked.id)
    missing = client.get(COLLECTIONS)

    for wrong in (token, "rd_x", "\u00fc"):
        refused = sign_in(client, wrong)
        assert (refused.status_code, refused.content) == (401, missing.content)
        assert "set-cookie" not in refused.headers
    foreign = client.post(
        "/v1/session", json={"key": editor[1]}, headers={"Origin": "https://evil.example"}
    )
    assert foreign.status_code == 403
    assert "set-cookie" not in foreign.headers


def test_signing_out_and_in_again_ends_the_session(client, keys, editor):
    first = sign_in(client, editor[1])
    former = client.cookies["rd_session"]
    second = sign_in(client, editor[1])
    kept = client.cookies["rd_session"]
    assert former != kept
    assert first.json()["csrf_token"] != second.json()["csrf_token"]

    client.cookies.set("rd_session", former)
    client.cookies.clear()
    cookie = {"Cookie": f"rd_session={former}"}
    assert client.get(COLLECTIONS, headers=cookie).status_code == 401
    cookie = {"Cookie": f"rd_session={kept}"}
    assert client.get(COLLECTIONS, headers=cookie).status_code == 200
    assert client.delete("/v1/session", headers={**cookie, **OURS}).status_code == 403
    csrf = {"X-CSRF-Token": second.json()["csrf_token"]}
    ended = client.delete("/v1/session", headers={**cookie, **OURS, **csrf})
    assert ended.status_code == 204
    assert "rd_session=" in ended.headers["set-cookie"]
    assert client.get(COLLECTIONS, headers=cookie).status_code == 401


def test_a_session_ends_with_its_key_and_with_its_time(client, keys, editor):
    key, token = editor
    for values in ({"expires": int(time.time())}, {"used": int(time.time()) - 43_201}):
        sign_in(client, token)
        assert client.get(COLLECTIONS).status_code == 200
        with keys.database.write() as connection:
            connection.execute(SESSIONS.update().values(values))
        assert client.get(COLLECTIONS).status_code == 401
    sign_in(client, token)
    keys.revoke(key.id)
    refused = client.get(COLLECTIONS)
    assert refused.status_code == 401
    client.cookies.clear()
    assert refused.content == client.get(COLLECTIONS).content


def test_two_cookies_of_the_name_are_none(client, keys, editor):
    """Another server below the same domain can set one of its own beside ours."""
    sign_in(client, editor[1])
    own = client.cookies["rd_session"]
    client.cookies.clear()
    both = {"Cookie": f"rd_session={own}; rd_session=rds_x"}
    assert client.get(COLLECTIONS, headers=both).status_code == 401


def test_use_is_noted_at_most_once_a_minute(client, keys, editor):
    sign_in(client, editor[1])
    now = int(time.time())
    used = []
    for before in (now - 30, now - 3_600):
        with keys.database.write() as connection:
            connection.execute(SESSIONS.update().values(used=before))
        client.get(COLLECTIONS)
        with keys.database.read() as connection:
            used.append(connection.execute(SESSIONS.select()).mappings().one()["used"])
    assert used[0] == now - 30
    assert used[1] >= now


def test_the_local_user_of_an_open_desk_is_told_so(client):
    shown = client.get("/v1/session").json()
    assert (shown["kind"], shown["role"], shown["groups"]) == ("local", "admin", None)
    assert client.delete("/v1/session").status_code == 204
