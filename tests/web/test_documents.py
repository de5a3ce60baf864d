import time
from dataclasses import replace
from urllib.parse import quote

import pytest
from fakes import HashEmbedder, document
from starlette.testclient import TestClient
from web_home import TEXTS, publish, serving

from indexes.build import Build
from indexes.chunk import DocumentLink
from indexes.store.paths import original_file
from indexes.text.redaction.redaction import RedactionOptions
from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from ragdesk.web import api

BASE = "/v1/collections/default/documents"


def test_the_text_is_exactly_what_is_stored(client):
    for uri, text in TEXTS.items():
        response = client.get(f"{BASE}/{quote(uri)}/text")
        assert response.text == text
        assert response.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_text_of_an_older_generation_is_given_while_it_is_kept(client, home):
    publish(home, "default", {"refunds.md": "Refunds take a year now.\n"})
    client.app.state.desk.open_collections.refresh_all()

    def text(**generation: int) -> str:
        return client.get(f"{BASE}/refunds.md/text", params=generation).text

    assert text() == text(generation=2) == "Refunds take a year now.\n"
    assert text(generation=1) == TEXTS["refunds.md"]
    for missing in (3, 2**53):
        assert (
            client.get(f"{BASE}/refunds.md/text", params={"generation": missing}).status_code == 404
        )
    for odd in ("0", "-1", "x", "9" * 5_000, "1e3", ""):
        assert client.get(f"{BASE}/refunds.md/text?generation={odd}").status_code == 422


def test_documents_are_listed_page_by_page_to_the_end(client):
    seen, cursor = [], None
    while True:
        page = client.get(BASE, params={"limit": 1} | ({"cursor": cursor} if cursor else {})).json()
        seen += [document["uri"] for document in page["documents"]]
        if (cursor := page["next"]) is None:
            break

    assert seen == sorted([*TEXTS, "secrets.md"])


@pytest.mark.parametrize("cursor", ["x", "AAAA", "%00", "é", "A" * 5_000])
def test_a_forged_cursor_is_refused(client, cursor):
    assert client.get(BASE, params={"cursor": cursor}).status_code in {400, 422}


def test_a_cursor_of_one_list_does_not_open_another(client):
    cursor = client.get(BASE, params={"limit": 1}).json()["next"]
    other = client.get("/v1/collections/other/documents", params={"cursor": cursor})
    assert other.status_code == 400


@pytest.mark.parametrize(
    "uri",
    [
        "none.md",
        "../../desk.sqlite",
        "%2e%2e%2f%2e%2e%2fdesk.sqlite",
        "..%2f..%2f..%2fetc%2fpasswd",
        "refunds.md%00",
        "refunds.md%2f",
        "%ff%fe",
        "//refunds.md",
        "%2e",
        "%20refunds.md",
        "REFUNDS.md",
        "x" * 8_000,
    ],
)
def test_a_name_that_no_document_bears_is_a_404(client, uri):
    for what in ("text", "original"):
        response = client.get(f"{BASE}/{uri}/{what}")
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"


def done(client, response) -> dict:
    assert response.status_code == 202, response.text
    where = response.headers["location"]
    for _ in range(400):
        job = client.get(where).json()
        if job["state"] in {"done", "failed"}:
            return job
        time.sleep(0.05)
    raise AssertionError(job)


def test_a_document_is_put_asked_replaced_and_deleted(client):
    where = f"{BASE}/notes/茶.md"
    put = done(client, client.put(where, content=b"# Tea\n\nTea is served at four o'clock.\n"))
    assert put["state"] == "done", put
    assert client.get(f"{where}/text").text.count("four o'clock") == 1
    assert client.get(f"{where}/original").content.startswith(b"# Tea")
    found = client.post("/v1/search", json={"query": "When is tea served?"}).json()
    assert found["passages"][0]["uri"] == "notes/茶.md"

    done(client, client.put(where, content=b"# Tea\n\nTea is served at five now.\n"))
    assert "five" in client.get(f"{where}/text").text

    assert done(client, client.delete(where))["state"] == "done"
    assert client.get(f"{where}/text").status_code == 404
    assert client.delete(where).status_code == 404


def test_the_first_document_makes_its_collection(client):
    where = "/v1/collections/brand-new/documents/a.md"
    assert client.delete(where).status_code == 404
    assert done(client, client.put(where, content=b"# A\n\nA new beginning.\n"))["state"] == "done"
    assert client.get(f"{where}/text").status_code == 200


def test_an_unreadable_document_is_a_failed_or_skipped_job_with_a_reason(client):
    job = done(client, client.put(f"{BASE}/broken.pdf", content=b"%PDF-1.7 broken"))
    reason = str(job["error"] or job["report"])
    assert "broken.pdf" in reason or "PDF" in reason


@pytest.mark.parametrize(
    "uri", ["a//b", "a/%2e%2e/b", "a%00b", "%0a", "x" * 1_001, "a%E2%80%AEb", "a/"]
)
def test_a_name_that_is_no_plain_path_cannot_be_put(client, uri):
    assert client.put(f"{BASE}/{uri}", content=b"x").status_code == 422


def test_one_idempotency_key_puts_once(client):
    def put(body: bytes):
        return client.put(f"{BASE}/once.md", content=body, headers={"Idempotency-Key": "k"})

    first = put(b"# Once\n\nOnly once.\n")
    again = put(b"# Once\n\nOnly once.\n")
    assert again.json()["id"] == first.json()["id"]
    assert (
        again.headers["location"] == first.headers["location"] == f"/v1/jobs/{again.json()['id']}"
    )
    assert put(b"another").status_code == 422


def test_an_upload_over_the_limit_is_refused_declared_or_not(home, keys):
    with serving(home, keys, max_upload_bytes=1_000) as client:
        assert client.put(f"{BASE}/big.md", content=b"x" * 1_001).status_code == 413
        assert client.put(f"{BASE}/big.md", content=iter([b"x" * 600] * 2)).status_code == 413
        assert (
            client.put(
                f"{BASE}/big.md", content=b"x", headers={"Content-Encoding": "gzip"}
            ).status_code
            == 415
        )


def test_a_job_nobody_made_is_a_404(client):
    assert client.get("/v1/jobs/0123456789abcdef").status_code == 404


def test_an_original_is_what_was_opened_whatever_takes_its_place(client, tmp_path):
    done(client, client.put(f"{BASE}/a.md", content=b"# Tea\n\nTea is served at four.\n"))
    at = client.app.state.desk.open_collections._places["default"].shared.collection
    (document,) = [one for one in at.documents if one.uri == "a.md"]
    file = original_file(at.folder, document.digest)
    secret = tmp_path / "secret"
    secret.write_text("secret")
    where = f"{BASE}/a.md/original"
    swapped = []

    class Swapping:
        """Swaps the file for a link when its first bytes are about to be asked for."""

        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            async def swap(message):
                if message["type"] == "http.response.start" and not swapped:
                    swapped.append(file.rename(tmp_path / "kept"))
                    file.symlink_to(secret)
                await send(message)

            await self.app(scope, receive, swap)

    plain = client.app.middleware_stack
    client.app.middleware_stack = Swapping(plain)
    assert client.get(where).text == "# Tea\n\nTea is served at four.\n"
    client.app.middleware_stack = plain
    assert swapped
    assert client.get(where).status_code == 404
    file.unlink()
    (tmp_path / "kept").rename(file)
    part = client.get(where, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.text) == (206, "Tea")


def test_no_original_is_served_where_personal_data_is_taken_out(home, keys):
    workspace = Workspace(
        home, Settings(redaction=RedactionOptions(ingest=True)), embedder=HashEmbedder()
    )
    app = api.build_app(workspace, keys)
    with TestClient(app, base_url="http://localhost:8080") as client:
        where = f"{BASE}/people.md"
        job = done(client, client.put(where, content=b"# Ann\n\nAnn: 212-555-0123.\n"))
        assert job["state"] == "done", job
        assert client.get(f"{where}/text").text == "Ann\n\nAnn: [phone]."
        assert client.get(f"{BASE}/refunds.md/text?generation=1").status_code == 404
        for uri in ("people.md", "refunds.md"):
            response = client.get(f"{BASE}/{uri}/original")
            assert response.status_code == 403
            assert "[redaction] ingest" in response.json()["detail"]


def test_originals_are_sent_to_be_saved_never_shown(client):
    done(
        client,
        client.put(
            f"{BASE}/page.html",
            content=b"<h1>Hi</h1><p>A page about tea.</p><script>alert(1)</script>",
        ),
    )
    response = client.get(f"{BASE}/page.html/original")

    assert response.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"


def test_an_original_says_no_encoding_that_nobody_knows(client):
    text = "# 退款\n\n退款会在三个工作日内到账。".encode("gb18030")
    done(client, client.put(f"{BASE}/old.md", content=text))
    response = client.get(f"{BASE}/old.md/original")
    assert (response.content, response.headers["content-type"]) == (text, "text/markdown")


def test_links_are_given_by_the_offsets_of_the_text_scripts_never(client, home, keys):
    text = "Ask Ann, or read this page. 🙂 Form\n"
    record, chunks = document("help/form.md", text)
    places = [
        (0, 3, "../refunds?lang=en#part"),
        (4, 7, "mailto:ann@a.example"),
        (9, 11, "nowhere.md"),
        (12, 16, "/secrets.md"),
        (17, 26, "javascript:x()"),
        (30, 34, "https://a.example"),
    ]
    with Build(home / "collections" / "default", HashEmbedder()) as build:
        build.add(replace(record, links=tuple(DocumentLink(*place) for place in places)), chunks)
        generation = build.publish().generation
    client.app.state.desk.open_collections.refresh_all()

    def links(**headers: str) -> list[tuple[str, str, str | None]]:
        query = {"generation": generation}
        reply = client.get(f"{BASE}/help/form.md/links", params=query, headers=headers)
        assert client.get(f"{BASE}/help/form.md/links", headers=headers).json() == reply.json()
        found = reply.json()["links"]
        return [(text[one["start"] : one["end"]], one["href"], one["uri"]) for one in found]

    seen = [
        ("Ask", "../refunds?lang=en#part", "refunds.md"),
        ("Ann", "mailto:ann@a.example", None),
        ("read", "/secrets.md", "secrets.md"),
        ("Form", "https://a.example", None),
    ]
    assert links() == seen
    assert client.get(f"{BASE}/refunds.md/links", params={"generation": 1}).json() == {"links": []}
    assert client.get(f"{BASE}/help/form.md/links", params={"generation": 1}).status_code == 404
    assert client.get(f"{BASE}/nothing.md/links").status_code == 404
    _, guest = keys.create("guest", groups=["guests"])
    assert links(Authorization=f"Bearer {guest}") == [seen[0], seen[1], seen[3]]
