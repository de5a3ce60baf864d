"""What the administrator's routes say and do. Who may call them: ``test_access_matrix.py``."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from web_home import CANARY, REFUNDS, SECRET, publish, serving

from eval.case import read_case_lines
from eval.evidence import lint_cases
from indexes.index import Index
from ragdesk.kept_cases import CASES_FILE
from ragdesk.support.key_store import KeyStore
from ragdesk.web.request_middleware import CONTENT_POLICY

HERE = "/v1/collections/default"
DOCUMENTS = f"{HERE}/documents"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def desk(
    published: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[TestClient, KeyStore, Path]]:
    """One server for all tests of this file, with keys of its own: they change different things."""
    home = tmp_path_factory.mktemp("admin") / "home"
    shutil.copytree(published, home)
    publish(home, "default", {"tea.md": "Tea is served at four.\n", "refunds.md": "In a year.\n"})
    publish(home, "default", {"refunds.md": REFUNDS})
    keys = KeyStore(home)
    with serving(home, keys) as client:
        yield client, keys, home
    keys.close()


@pytest.fixture(scope="module")
def admin(desk: tuple[TestClient, KeyStore, Path]) -> dict[str, str]:
    return bearer(desk[1].create("admin", scopes=["admin"])[1])


def ended(client: TestClient, job: dict, headers: dict[str, str]) -> dict:
    for _ in range(400):
        if (now := client.get(f"/v1/jobs/{job['id']}", headers=headers).json())["finished"]:
            return now
        time.sleep(0.02)
    raise AssertionError(now)


def test_documents_are_searched_filtered_and_counted(desk, admin):
    client, keys, _ = desk

    def uris(**query: object) -> list[str]:
        reply = client.get(DOCUMENTS, params=query, headers=admin).json()
        assert reply["total"] == len(reply["documents"])
        return [document["uri"] for document in reply["documents"]]

    assert uris(query="REFUND") == ["refunds.md"]
    assert uris(query="退款") == ["退款.md"]
    assert uris(source="api", query="tea") == ["tea.md"]
    assert (
        uris(language="zh")
        == uris(source="elsewhere")
        == uris(with_notes=True)
        == uris(state="expired")
        == []
    )
    facets = client.get(DOCUMENTS, params={"facets": True, "limit": 1}, headers=admin).json()
    assert facets["facets"]["language"] == {"en": 5}
    assert facets["total"] == 5
    assert client.get(DOCUMENTS, params={"sauce": "x"}, headers=admin).status_code == 422
    other = {"cursor": facets["next"], "query": "refund"}
    assert client.get(DOCUMENTS, params=other, headers=admin).status_code == 400
    blind = bearer(keys.create("blind", groups=["guests"])[1])
    seen = client.get(DOCUMENTS, params={"facets": True}, headers=blind).json()
    assert SECRET not in str(seen)
    assert "staff" not in str(seen)
    assert seen["facets"]["state"] == {"answers": 4}


def test_a_document_is_put_listed_as_a_job_and_read_anew(desk, admin):
    client, keys, _ = desk
    writer = bearer(keys.create("writer", scopes=["write", "ask"], groups=["a", "b"])[1])
    put = client.put(
        f"{DOCUMENTS}/new.md?groups=a", content=b"# New\n\nSomething new.\n", headers=writer
    )
    ended(client, put.json(), writer)
    (shown,) = client.get(DOCUMENTS, params={"query": "new.md"}, headers=writer).json()["documents"]
    assert (shown["groups"], shown["size"], shown["state"]) == (["a"], 22, "answers")
    assert shown["taken_in"] is None  # it would tell whether somebody else had the same bytes
    (seen,) = client.get(DOCUMENTS, params={"query": "new.md"}, headers=admin).json()["documents"]
    assert abs(seen["taken_in"] - time.time()) < 600

    again = client.post(f"{DOCUMENTS}/new.md/reingest", headers=writer)
    assert again.status_code == 202
    assert ended(client, again.json(), writer)["state"] == "done"
    (kept,) = client.get(DOCUMENTS, params={"query": "new.md"}, headers=writer).json()["documents"]
    assert kept["groups"] == ["a"]

    own = client.get("/v1/jobs", params={"limit": 1}, headers=writer).json()
    assert [job["id"] for job in own["jobs"]] == [again.json()["id"]]
    older = client.get("/v1/jobs", params={"cursor": own["next"]}, headers=writer).json()
    assert [job["id"] for job in older["jobs"]] == [put.json()["id"]]
    assert older["next"] is None
    assert older["jobs"][0]["started"] <= older["jobs"][0]["finished"]
    done = client.get("/v1/jobs", params={"state": "done", "limit": 1}, headers=writer).json()
    assert [job["id"] for job in done["jobs"]] == [again.json()["id"]]
    for state, status in (("done", 200), ("failed", 400), (None, 400)):  # good for its list alone
        query = {"cursor": done["next"]} | ({"state": state} if state else {})
        assert client.get("/v1/jobs", params=query, headers=writer).status_code == status
    failed = client.get("/v1/jobs", params={"state": "failed"}, headers=writer).json()
    assert failed == {"jobs": [], "next": None}
    assert client.get("/v1/jobs", params={"state": "gone"}, headers=writer).status_code == 422
    other = bearer(keys.create("other", scopes=["write"])[1])
    assert client.get("/v1/jobs", headers=other).json()["jobs"] == []
    assert len(client.get("/v1/jobs", headers=admin).json()["jobs"]) == 2
    assert client.post(f"{DOCUMENTS}/none.md/reingest", headers=admin).status_code == 404


def test_chunks_are_shown_as_the_index_has_them(desk, admin):
    client, keys, _ = desk
    reply = client.get(f"{DOCUMENTS}/refunds.md/chunks", headers=admin).json()
    text = client.get(f"{DOCUMENTS}/refunds.md/text", headers=admin).text

    assert reply["total"] == len(reply["chunks"]) >= 1
    for chunk in reply["chunks"]:
        assert text[chunk["start"] : chunk["end"]] == chunk["text"]
        assert chunk["has_vector"]
        assert "refund" in chunk["terms"]
        assert chunk["tokens"] >= len(chunk["terms"])
    hidden = bearer(keys.create("hidden", scopes=["write"], groups=["guests"])[1])
    assert client.get(f"{DOCUMENTS}/{SECRET}/chunks", headers=hidden).status_code == 404


def test_generations_are_told_apart_verified_and_rolled_back(desk, admin):
    client, _, home = desk
    publish(home, "second", {"a.md": "One.\n", "b.md": "Two.\n"})
    publish(home, "second", {"a.md": "One, changed.\n", "c.md": "Three.\n"})
    client.app.state.desk.open_collections.refresh_all()
    there = "/v1/collections/second"
    listed = client.get(f"{there}/generations", headers=admin).json()["generations"]
    assert [(one["generation"], one["current"], one["made_by"]) for one in listed] == [
        (2, True, "documents"),
        (1, False, "first"),
    ]
    counts = {"added": 1, "removed": 0, "changed": 1, "regrouped": 0}
    assert listed[0]["changes"] == counts
    query = {"older": 1, "newer": 2, "limit": 1}
    first = client.get(f"{there}/generations/diff", params=query, headers=admin).json()
    rest = client.get(
        f"{there}/generations/diff", params={**query, "cursor": first["next"]}, headers=admin
    ).json()
    assert first["counts"] == counts
    changes = [(one["kind"], one["uri"]) for one in first["changes"] + rest["changes"]]
    assert changes == [("changed", "a.md"), ("added", "c.md")]
    absent = client.get(f"{there}/generations/diff?older=1&newer=9", headers=admin)
    assert absent.status_code == 404

    events = client.post(f"{there}/verify", json={}, headers=admin).text
    assert events.endswith('event: done\ndata: {"problems":[],"unlisted_originals":0}\n\n')

    unsure = client.post(f"{there}/rollback", json={"confirm": "default"}, headers=admin)
    assert unsure.status_code == 422
    back = client.post(f"{there}/rollback", json={"confirm": "second"}, headers=admin).json()
    assert back == {"collection": "second", "generation": 1, "content_of": 1}
    assert client.get(f"{there}/documents/a.md/text", headers=admin).text == "One.\n"
    again = {"confirm": "second", "to": 9}
    assert client.post(f"{there}/rollback", json=again, headers=admin).status_code == 404


def test_damage_is_named_without_places_of_this_machine(desk, admin):
    client, _, home = desk
    publish(home, "torn", {"a.md": "One.\n"})
    victim = next((home / "collections" / "torn" / "segments").glob("*/*.sqlite"))
    victim.chmod(0o600)
    victim.write_bytes(victim.read_bytes()[:-1] + b"?")

    events = client.post("/v1/collections/torn/verify", json={}, headers=admin).text

    assert victim.name in events
    assert str(home) not in events


def test_the_retrieval_test_shows_scores_and_asks_as_a_group(desk, admin):
    client, _, _ = desk
    question = "What is the canary password of the cellar?"

    def test(**more: object) -> dict:
        body = {"question": question, **more}
        return client.post(f"{HERE}/retrieval", json=body, headers=admin).json()

    found = test()
    best = found["passages"][0]
    assert best["uri"] == SECRET
    assert best["rank"] == best["fusion_rank"] == 1
    assert 0 < best["lexical"] <= 1
    assert best["rerank"] is None
    assert found["signals"]["top"] > 0
    assert "canari" in found["terms"]
    assert found["answer"]["citations"][0]["chunk"] == best["chunk"]
    assert best["cited"] == [1]
    for groups in ([], ["guests"]):
        assert CANARY.split()[-1] not in json.dumps(test(groups=groups))
    assert SECRET in [one["uri"] for one in test(groups=["staff"], answer=False)["passages"]]
    limited = test(filters={"uris": ["refunds.md"]}, answer=False)["passages"]
    assert {one["uri"] for one in limited} == {"refunds.md"}


def test_a_kept_case_is_a_case_of_eval_and_can_be_removed(desk, admin):
    client, _, home = desk
    body = {"question": "How long does a refund take?"}
    found = client.post(f"{HERE}/retrieval", json=body, headers=admin).json()["passages"]
    chunk = next(one["chunk"] for one in found if one["uri"] == "refunds.md")

    assert client.post(f"{HERE}/cases", json=body, headers=admin).status_code == 422
    kept = client.post(f"{HERE}/cases", json={**body, "chunks": [chunk]}, headers=admin)
    assert kept.status_code == 201, kept.text
    strange = {"question": "Who won?", "stratum": "out_of_kb"}
    assert client.post(f"{HERE}/cases", json=strange, headers=admin).status_code == 201
    gone = {**body, "chunks": ["0" * 16]}
    assert client.post(f"{HERE}/cases", json=gone, headers=admin).status_code == 404

    folder = home / "collections" / "default"
    cases = list(read_case_lines(folder / CASES_FILE))
    with Index.open(folder) as index:
        assert list(lint_cases(cases, index.read_text)) == []
    assert cases[0].evidence[0].uri == "refunds.md"
    assert [one.answerable for one in cases] == [True, False]
    file = client.get(f"{HERE}/cases/file", headers=admin)
    assert file.content == (folder / CASES_FILE).read_bytes()

    name = kept.json()["id"]
    assert client.delete(f"{HERE}/cases/{name}", headers=admin).status_code == 204
    assert client.delete(f"{HERE}/cases/{name}", headers=admin).status_code == 404
    left = client.get(f"{HERE}/cases", headers=admin).json()
    assert [one["question"] for one in left["cases"]] == ["Who won?"]


def test_a_key_is_made_shown_once_and_revoked(desk, admin):
    client, _, _ = desk
    body = {"name": "agents", "role": "agent", "groups": ["staff"], "days": 30}
    made = client.post("/v1/keys", json=body, headers=admin)
    assert made.status_code == 201
    token = made.json()["key"]
    assert client.get("/v1/collections", headers=bearer(token)).status_code == 200

    listed = client.get("/v1/keys", headers=admin)
    assert token not in listed.text
    shown = next(key for key in listed.json()["keys"] if key["id"] == made.json()["id"])
    assert (shown["role"], shown["scopes"], shown["state"]) == ("agent", ["agent", "ask"], "valid")
    assert client.delete(f"/v1/keys/{shown['id']}", headers=admin).json()["state"] == "revoked"
    assert client.get("/v1/collections", headers=bearer(token)).status_code == 401
    for wrong in ({"name": "x"}, {"name": " ", "role": "agent"}, {**body, "days": 0}):
        assert client.post("/v1/keys", json=wrong, headers=admin).status_code == 422
    assert client.post("/v1/keys", json={**body, "role": "admin"}, headers=admin).status_code == 422


def test_an_own_key_is_revoked_only_when_named_twice(desk):
    client, keys, _ = desk
    key, token = keys.create("mine", scopes=["admin"])
    assert client.delete(f"/v1/keys/{key.id}", headers=bearer(token)).status_code == 422
    done = client.delete(f"/v1/keys/{key.id}?confirm={key.id}", headers=bearer(token))
    assert done.status_code == 200
    assert client.get("/v1/keys", headers=bearer(token)).status_code == 401


def test_an_administrator_of_some_collections_reaches_no_further(desk):
    client, keys, _ = desk
    whole, _ = keys.create("whole", scopes=["ask"])
    there = bearer(keys.create("there", scopes=["admin"], collections=["other"])[1])
    body = {"name": "x", "role": "asker"}
    assert client.post("/v1/keys", json=body, headers=there).status_code == 403
    wide = {**body, "collections": ["other", "default"]}
    assert client.post("/v1/keys", json=wide, headers=there).status_code == 403
    own = {**body, "collections": ["other"]}
    assert client.post("/v1/keys", json=own, headers=there).status_code == 201
    names = {key["name"] for key in client.get("/v1/keys", headers=there).json()["keys"]}
    assert names == {"there", "x"}
    assert client.delete(f"/v1/keys/{whole.id}", headers=there).status_code == 404
    assert client.get("/v1/settings", headers=there).status_code == 403
    assert client.get("/v1/health", headers=there).status_code == 403


def test_settings_say_where_they_came_from_and_health_what_is_served(desk, admin):
    client, _, _ = desk
    settings = client.get("/v1/settings", headers=admin).json()
    rows = {row["name"]: row for row in settings["settings"]}
    assert rows["serve.port"] == {
        "name": "serve.port",
        "value": 8080,
        "origin": "default",
        "advanced": False,
    }
    health = client.get("/v1/health", headers=admin).json()
    assert health["readiness"]["ready"]
    assert health["metrics"]["ragdesk_requests_total.2xx"] > 0
    assert health["findings"] is None


@pytest.mark.real  # starts LibreOffice and the reader of scans
def test_the_checks_of_doctor_run_in_the_server(desk, admin):
    client, _, _ = desk
    reply = client.get("/v1/health?check=true", headers=admin)
    found = reply.json()["findings"]
    assert str(client.app.state.desk.workspace.home) not in reply.text
    assert {"python", "home", "collection default"} <= {one["what"] for one in found}


def test_the_first_key_of_an_open_desk_is_an_administrators(client):
    body = {"name": "first", "role": "asker"}
    assert client.get("/v1/keys").json()["open"]
    assert client.post("/v1/keys", json=body).status_code == 422
    made = client.post("/v1/keys", json={**body, "role": "admin"})
    assert made.status_code == 201
    assert client.get("/v1/keys").status_code == 401
    assert not client.get("/v1/keys", headers=bearer(made.json()["key"])).json()["open"]


def test_the_page_is_given_without_a_key_under_the_strict_policy(desk):
    client, _, _ = desk
    reply = client.get("/admin")
    assert reply.status_code == 200
    assert reply.headers["content-security-policy"] == CONTENT_POLICY


def test_a_website_gets_a_publishable_key_within_its_administrators_collections(desk, admin):
    client, keys, _ = desk
    body = {"name": "shop", "origins": ["https://Shop.example/"], "collections": ["default"]}
    made = client.post("/v1/sites", json=body, headers=admin)
    assert (made.status_code, made.json()["origins"]) == (201, ["https://shop.example"])
    site = made.json()["id"]
    there = bearer(keys.create("there", scopes=["admin"], collections=["other"])[1])
    assert client.post("/v1/sites", json=body, headers=there).status_code == 403
    assert client.get("/v1/sites", headers=there).json()["sites"] == []
    assert client.delete(f"/v1/sites/{site}", headers=there).status_code == 404
    visitor = {**bearer(made.json()["key"]), "Origin": "https://shop.example"}
    assert client.post("/v1/visitors", json={}, headers=visitor).status_code == 201
    assert client.delete(f"/v1/sites/{site}", headers=admin).json()["state"] == "revoked"
    assert client.post("/v1/visitors", json={}, headers=visitor).status_code == 401
    for origins in ([], ["shop.example"], ["https://shop.example/path"]):
        wrong = {**body, "origins": origins}
        assert client.post("/v1/sites", json=wrong, headers=admin).status_code == 422


def test_what_administrators_change_stands_in_the_audit_log(desk, admin):
    client, _, _ = desk
    made = client.post("/v1/keys", json={"name": "noted", "role": "asker"}, headers=admin).json()
    client.delete(f"/v1/keys/{made['id']}", headers=admin)
    entries = client.get("/v1/audit?limit=2", headers=admin).json()["entries"]
    assert [(one["action"], one["target"]) for one in entries] == [
        ("key.revoke", made["id"]),
        ("key.create", made["id"]),
    ]
