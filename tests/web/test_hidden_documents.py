"""What a key may not see is, for it, not there: on every route, in every job, in every answer."""

import json
import threading
import time

import pytest
from fakes import HashEmbedder, document
from mail_files import mail
from web_home import CANARY, SECRET, publish, serving

from indexes.build import Build
from ragdesk.answering.answer_options import DecideOptions

BASE = "/v1/collections/default/documents"
BODY = b"# Cellar\n\nThe cellar is open on Mondays.\n"
ASK = {"question": "What is the canary password of the cellar?"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def ended(client, response, headers=None) -> dict:
    until = time.monotonic() + 60
    while (job := client.get(response.headers["location"], headers=headers).json())[
        "finished"
    ] is None:
        assert time.monotonic() < until
        time.sleep(0.02)
    return job


VARYING = {"id", "seconds", "created", "finished", "generation", "chunk"}


def plain(value, uri: str):
    """Leave out what differs from call to call, and the name itself."""
    if isinstance(value, dict):
        return {name: plain(one, uri) for name, one in value.items() if name not in VARYING}
    if isinstance(value, list):
        return [plain(one, uri) for one in value]
    return value.replace(uri, "NAME") if isinstance(value, str) else value


def journey(client, headers, uri: str) -> list:
    """Use every route there is on a name; gives all that can be seen of it."""
    where, seen = f"{BASE}/{uri}", []

    def note(response) -> None:
        fields = {name: one for name, one in response.headers.items() if name != "x-request-id"}
        fields.pop("content-length", None)
        if "location" in fields:
            fields["location"] = fields["location"].rpartition("/")[0]
        kind = fields["content-type"]
        body = response.json() if "json" in kind else response.text
        seen.append(plain([response.status_code, fields, body], uri))

    def look() -> None:
        note(client.get(where, headers=headers))
        seen_parts = ("pages", "pages/1", "pages?generation=1", "pictures", "pictures/1")
        for path in ("text", "original", "text?generation=1", *seen_parts):
            note(client.get(f"{where}/{path}", headers=headers))
        note(client.get(BASE, headers=headers))
        note(client.get("/v1/collections", headers=headers))
        note(client.get("/v1/collections/default/suggestions", headers=headers))
        ask = {**ASK, "filters": {"uris": [uri]}}
        note(client.post("/v1/answers", json=ask, headers=headers))
        note(client.post("/v1/search", json={"query": "cellar"}, headers=headers))

    look()
    note(client.delete(where, headers=headers))
    note(client.put(f"{where}?groups=staff", content=BODY, headers=headers))
    note(client.put(where, headers=headers))
    for _ in range(2):
        put = client.put(where, content=BODY, headers={**headers, "Idempotency-Key": uri})
        note(put)
    ended(client, put, headers)
    note(client.get(put.headers["location"], headers=headers))
    look()
    put = client.put(where, content=BODY + b"And on Fridays.\n", headers=headers)
    seen.append(plain(ended(client, put, headers), uri))
    look()
    seen.append(plain(ended(client, client.delete(where, headers=headers), headers), uri))
    look()
    return seen


def test_a_hidden_name_reads_like_a_free_one_on_every_route(client, keys):
    _, token = keys.create("blind", scopes=["ask", "write"], groups=["guests"])
    free = journey(client, bearer(token), "secretz.md")

    hidden = journey(client, bearer(token), SECRET)

    assert len(hidden) == len(free)
    for one, other in zip(hidden, free, strict=True):
        assert one == other
    _, staff = keys.create("staff", groups=["staff"])
    assert client.get(f"{BASE}/{SECRET}/text", headers=bearer(staff)).text == CANARY


def test_two_documents_of_one_name_are_listed_and_read_by_who_may(client, keys):
    _, guest = keys.create("guest", scopes=["ask", "write"], groups=["guests"])
    ended(
        client, client.put(f"{BASE}/{SECRET}", content=BODY, headers=bearer(guest)), bearer(guest)
    )
    _, both = keys.create("both", groups=["guests", "staff"])

    listed, cursor = [], None
    while True:
        page = client.get(
            BASE, params={"limit": 1} | ({"cursor": cursor} if cursor else {}), headers=bearer(both)
        ).json()
        listed += [document["digest"] for document in page["documents"]]
        if (cursor := page["next"]) is None:
            break

    assert len(listed) == len(set(listed)) == 5
    assert "Mondays" in client.get(f"{BASE}/{SECRET}/text", headers=bearer(guest)).text


@pytest.fixture
def writer(client, keys):
    """A key, and a queue that waits until ``go`` is called."""
    key, token = keys.create("writer", scopes=["ask", "write"], groups=["guests"])
    jobs = client.app.state.desk.jobs
    work = jobs._work
    jobs._work = lambda job: (_ for _ in ()).throw(RuntimeError) if not hold.wait(30) else work(job)
    hold = threading.Event()
    return key, bearer(token), hold.set


@pytest.mark.parametrize("change", ["revoked", "scope", "groups", "collections"])
def test_a_queued_job_asks_again_what_its_key_may(client, keys, writer, change):
    key, headers, go = writer
    put = client.put(f"{BASE}/late.md", content=BODY, headers=headers)
    gone = client.delete(f"{BASE}/refunds.md", headers=headers)
    column = {"scope": "scopes", "groups": "groups", "collections": "collections"}.get(change)
    value = {"scope": '["ask"]', "groups": '["others"]', "collections": '["other"]'}.get(change)
    _, admin = keys.create("admin", scopes=["admin"])
    if column is None:
        keys.revoke(key.id)
    else:
        with keys.database.write() as db:
            db.exec_driver_sql(f"UPDATE keys SET {column} = ? WHERE id = ?", (value, key.id))  # noqa: S608, three names
    go()

    jobs = [ended(client, one, bearer(admin)) for one in (put, gone)]

    there = {d["uri"] for d in client.get(BASE, headers=bearer(admin)).json()["documents"]}
    if change == "groups":  # what it may now see and give to is what counts
        assert jobs[0]["state"] == "done"
        assert client.get(f"{BASE}/late.md/text", headers=headers).status_code == 200
        return
    assert {job["state"] for job in jobs} == {"failed"}
    assert {job["error"]["code"] for job in jobs} <= {"forbidden", "not_found"}
    assert "refunds.md" in there
    assert "late.md" not in there


def test_a_document_that_was_hidden_meanwhile_is_neither_replaced_nor_deleted(
    client, home, writer, keys
):
    _, headers, go = writer
    put = client.put(f"{BASE}/refunds.md", content=BODY, headers=headers)
    delete = client.delete(f"{BASE}/refunds.md", headers=headers)
    publish(home, "default", {"refunds.md": "Refunds: for staff.\n"}, refunds=frozenset({"staff"}))
    go()

    for one in (put, delete):
        job = ended(client, one, headers)
        assert (job["state"], job["error"]["code"]) == ("failed", "not_found")
    client.app.state.desk.open_collections.refresh_all()
    _, staff = keys.create("staff", groups=["staff"])
    assert (
        client.get(f"{BASE}/refunds.md/text", headers=bearer(staff)).text == "Refunds: for staff.\n"
    )


def test_an_idempotency_key_gives_no_text_of_what_is_hidden_or_gone(client, home, keys):
    _, token = keys.create("staff", groups=["staff"])
    headers = {**bearer(token), "Idempotency-Key": "once"}
    for path, body in (("answers", ASK), ("search", {"query": ASK["question"]})):
        first = client.post(f"/v1/{path}", json=body, headers=headers)
        assert "xylophone" in first.text
        assert client.post(f"/v1/{path}", json=body, headers=headers).content == first.content

    publish(home, "default", {SECRET: CANARY}, secrets=frozenset({"board"}))
    client.app.state.desk.open_collections.refresh_all()

    for path, body in (("answers", ASK), ("search", {"query": ASK["question"]})):
        assert "xylophone" not in client.post(f"/v1/{path}", json=body, headers=headers).text


def test_an_idempotency_key_gives_no_text_once_the_key_lost_its_group(client, keys):
    key, token = keys.create("staff", groups=["staff"])
    headers = {**bearer(token), "Idempotency-Key": "once"}
    assert "xylophone" in client.post("/v1/answers", json=ASK, headers=headers).text
    with keys.database.write() as db:
        db.exec_driver_sql("UPDATE keys SET groups = '[]' WHERE id = ?", (key.id,))

    assert "xylophone" not in client.post("/v1/answers", json=ASK, headers=headers).text


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "0"}])
@pytest.mark.parametrize("body", [b"", "chunks"])
def test_a_put_without_a_body_is_refused(client, headers, body):
    content = iter(()) if body == "chunks" else body
    response = client.put(f"{BASE}/empty.md", content=content, headers=headers)

    assert response.status_code == 422
    assert "body" in response.json()["detail"]


def test_no_list_error_or_readiness_names_a_folder_of_the_server(client, home):
    with Build(home / "collections" / "default", HashEmbedder()) as build:
        for uri in ("handbook.md", "plan.md"):
            build.add(*document(uri, f"The {uri} of the house.\n", source=f"{home}/docs of us"))
        build.publish()
    client.app.state.desk.open_collections.refresh_all()
    listed = client.get(BASE).json()["documents"]
    foreign = client.put(f"{BASE}/handbook.md", content=BODY)
    current = home / "collections" / "other" / "CURRENT"
    current.write_text("99\n")
    for manifest in current.parent.glob("generations/*/MANIFEST.json"):
        manifest.write_text("{}")
    client.app.state.desk.open_collections.refresh_all()
    damaged = ended(client, client.put("/v1/collections/other/documents/a.md", content=BODY))
    said = [
        json.dumps(listed),
        foreign.text,
        json.dumps(damaged),
        client.get("/readyz").text,
        client.get("/v1/collections/missing/documents").text,
        client.post("/v1/search", json={"query": "x", "collection": "other"}).text,
    ]

    assert {d["source"] for d in listed} == {"docs of us", "api"}
    assert (foreign.status_code, foreign.json()["code"]) == (409, "source_conflict")
    assert "docs of us" in foreign.json()["detail"]
    assert not [text for text in said if str(home.parent) in text or '"/' in text]


def test_what_lies_in_a_mail_is_neither_put_nor_deleted_by_itself(client, keys):
    _, token = keys.create("admin", scopes=["admin"])
    _, own = keys.create("guest", scopes=["ask", "write"], groups=["guests"])
    admin, guest = bearer(token), bearer(own)
    put(client, "rota.eml", mail(files={"a.md": b"# A\n\nOne."}).as_bytes(), admin, "?groups=staff")
    for answer, reason in (
        (client.delete(f"{BASE}/rota.eml/1-a.md", headers=admin), "lies in rota.eml"),
        (client.put(f"{BASE}/rota.eml/2-b.md", content=BODY, headers=admin), "would lie in rota"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "source_conflict")
        assert reason in answer.json()["detail"]
    put(client, "rota.eml/2-b.md", BODY, guest)  # for whom there is no such mail
    assert client.delete(f"{BASE}/rota.eml/1-a.md", headers=guest).status_code == 404
    gone = ended(client, client.delete(f"{BASE}/rota.eml", headers=admin), admin)
    assert gone["state"] == "done"
    listed = {d["uri"] for d in client.get(BASE, headers=admin).json()["documents"]}
    assert {uri for uri in listed if uri.startswith("rota")} == {"rota.eml/2-b.md"}


def put(client, uri: str, body: bytes, headers, query: str = "") -> int:
    """Put a document, wait for it, and give the generation that it made."""
    sent = client.put(f"{BASE}/{uri}{query}", content=body, headers=headers)
    assert ended(client, sent, headers)["state"] == "done"
    return client.get(BASE, headers=headers).json()["generation"]


@pytest.mark.parametrize("change", ["shut", "deleted"])
def test_an_own_document_of_its_name_opens_no_older_text(client, keys, change):
    _, token = keys.create("admin", scopes=["admin"])
    _, own = keys.create("guest", scopes=["ask", "write"], groups=["guests"])
    admin, guest = bearer(token), bearer(own)
    first = put(client, "x.md", BODY, admin)
    if change == "shut":
        put(client, "x.md", BODY, admin, "?groups=staff")
    else:
        ended(client, client.delete(f"{BASE}/x.md", headers=admin), admin)
    second = put(client, "x.md", b"# Own\n\nWords of a guest.\n", guest)
    put(client, "x.md", b"# Own\n\nOther words of a guest.\n", guest)

    older = client.get(f"{BASE}/x.md/text?generation={first}", headers=guest)

    assert older.status_code == 404
    mine = client.get(f"{BASE}/x.md/text?generation={second}", headers=guest)
    assert "Words of a guest" in mine.text


def test_a_citation_leads_to_the_right_one_of_two_documents_of_one_name(client, keys):
    _, guest = keys.create("guest", scopes=["ask", "write"], groups=["guests"])
    put(client, SECRET, b"# Own\n\nMarmalade of the guests is green.\n", bearer(guest))
    _, both = keys.create("both", groups=["guests", "staff"])
    asked = {"query": "marmalade canary password", "filters": {"uris": [SECRET]}}

    found = client.post("/v1/search", json=asked, headers=bearer(both)).json()["passages"]

    texts = set()
    for one in found:
        chunk = {"chunk": one["chunk"]}
        text = client.get(f"{BASE}/{SECRET}/text", params=chunk, headers=bearer(both)).text
        assert text[one["start"] : one["end"]] == one["text"]
        texts.add(text)
        seen = client.get(f"{BASE}/{SECRET}/text", params=chunk, headers=bearer(guest))
        assert seen.status_code == (404 if text == CANARY else 200)
    assert len(texts) == 2


def test_an_answer_looks_up_no_words_in_a_hidden_document_of_its_name(home, keys):
    _, token = keys.create("admin", scopes=["admin"])
    _, guest = keys.create("guest", scopes=["ask", "write"], groups=["guests"])
    rows = "".join(f"| copper key {n} | on the shelf {n} of the store room |\n" for n in range(90))
    table = f"| Cellar key | Place |\n|---|---|\n{rows}| brass key | under the mat |\n".encode()
    ask = {"question": "Where is the brass cellar key?", "filters": {"uris": ["keys.md"]}}
    tables = {"decide": DecideOptions(floor=0.0)}  # cosines of hashed words say nothing
    with serving(home, keys, tables=tables) as client:
        put(client, "keys.md", b"# Staff\n\n" + table, bearer(token), "?groups=staff")
        put(client, "keys.md", b"# Guests of the house\n\n" + table, bearer(guest))

        answer = client.post("/v1/answers", json=ask, headers=bearer(guest)).json()

        text = client.get(f"{BASE}/keys.md/text", headers=bearer(guest)).text
    assert answer["citations"]
    assert all(text[c["start"] : c["end"]] == c["quote"] for c in answer["citations"])


def test_an_administrator_of_one_collection_sees_no_job_of_another(client, keys):
    _, token = keys.create("admin", scopes=["admin"])
    _, other = keys.create("other", scopes=["admin"], collections=["other"])
    sent = client.put(f"{BASE}/x.md", content=BODY, headers=bearer(token))

    seen = client.get(sent.headers["location"], headers=bearer(other))

    assert seen.status_code == 404
    assert ended(client, sent, bearer(token))["state"] == "done"


EMPTY = ["", "=", "=,", "=%2C", "=+,%20", "=%E3%80%80", "=staff,", "=,staff", "=staff,,guests"]


@pytest.mark.parametrize("limit", EMPTY)
def test_a_put_whose_limit_names_nobody_is_refused(client, limit):
    sent = client.put(f"{BASE}/x.md?groups{limit}", content=BODY)

    assert sent.status_code == 422
    assert "empty name" in sent.json()["detail"]
    assert client.get(f"{BASE}/x.md/text").status_code == 404


@pytest.mark.parametrize("name", ["paths", "uris", "media_types", "languages"])
@pytest.mark.parametrize("value", ["", " ", "\u3000"])
def test_a_filter_that_names_nothing_is_refused(client, name, value):
    asked = {"query": "cellar", "filters": {name: ["a", value]}}
    assert client.post("/v1/search", json=asked).status_code == 422


@pytest.mark.parametrize("query", ["group=staff", "Groups=staff", "groups=staff&groups=guests"])
def test_a_put_whose_limit_is_misspelt_is_refused(client, query):
    sent = client.put(f"{BASE}/x.md?{query}", content=BODY)

    assert sent.status_code == 422
    assert client.get(f"{BASE}/x.md/text").status_code == 404
