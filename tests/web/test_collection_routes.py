"""Notes, skipped files, documents of folders, and the removal of a collection over HTTP."""

import time
from dataclasses import replace

import pytest
from fakes import HashEmbedder, document
from web_home import publish

from indexes.build import Build
from ingest.document import Skipped
from ingest.skip_memory import note_skips
from ingest.source_changes import SourceChanges
from ingest.sources import Source

BASE = "/v1/collections/default/documents"
SKIPPED = "/v1/collections/default/skipped"
NOTE = "2 pictures were not read"
FOLDER = "/srv/our manuals"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def noted(client, home):
    """Publish documents of a folder, one of them with a note, and files that it skipped."""
    folder = home / "collections" / "default"
    with Build(folder, HashEmbedder()) as build:
        for uri, notes in (("scan.pdf", (NOTE,)), ("plain.md", ())):
            record, chunks = document(uri, f"What {uri} says.\n", source=FOLDER)
            build.add(replace(record, notes=notes), chunks)
        generation = build.publish().generation
    skipped = [Skipped(uri=f"bad-{n}.pdf", reason="encrypted", source=FOLDER) for n in range(3)]
    change = SourceChanges(source=Source(name=FOLDER, prefix=""))
    note_skips(folder, [change], skipped, generation)
    client.app.state.desk.open_collections.refresh_all()
    return client


def test_notes_come_with_the_list_and_with_the_document(noted):
    listed = {d["uri"]: d["notes"] for d in noted.get(BASE).json()["documents"]}
    assert listed["scan.pdf"] == [NOTE]
    assert listed["plain.md"] == listed["refunds.md"] == []
    shown = noted.get(f"{BASE}/scan.pdf").json()
    assert (shown["notes"], shown["source"], shown["chunks"]) == ([NOTE], "our manuals", 1)
    assert noted.get(f"{BASE}/none.pdf").status_code == 404


def test_a_document_that_a_key_may_not_see_is_not_shown(client, keys):
    _, token = keys.create("reader")
    hidden = client.get(f"{BASE}/secrets.md", headers=bearer(token))
    missing = client.get(f"{BASE}/nothing.md", headers=bearer(token))
    assert hidden.status_code == missing.status_code == 404
    assert hidden.json()["detail"] == missing.json()["detail"]


def test_skipped_files_are_listed_page_by_page_for_who_sees_every_document(noted, keys):
    first = noted.get(SKIPPED, params={"limit": 2}).json()
    rest = noted.get(SKIPPED, params={"limit": 2, "cursor": first["next"]}).json()
    rows = [*first["skipped"], *rest["skipped"]]
    assert [row["uri"] for row in rows] == ["bad-0.pdf", "bad-1.pdf", "bad-2.pdf"]
    assert {(row["reason"], row["source"]) for row in rows} == {("encrypted", "our manuals")}
    assert (first["total"], rest["next"]) == (3, None)
    assert noted.get(SKIPPED, params={"cursor": "x"}).status_code == 400
    assert noted.get("/v1/collections/other/skipped").json()["skipped"] == []

    _, writer = keys.create("writer", scopes=["ask", "write"])
    limited = noted.get(SKIPPED, headers=bearer(writer)).json()
    assert (limited["total"], limited["skipped"]) == (0, [])


def test_a_document_that_a_folder_owns_is_a_conflict_with_its_reason(noted):
    for response in (
        noted.delete(f"{BASE}/plain.md"),
        noted.put(f"{BASE}/plain.md", content=b"# Another\n\nText.\n"),
    ):
        problem = response.json()
        assert (response.status_code, problem["code"]) == (409, "source_conflict")
        assert "our manuals" in problem["detail"]
        assert "/srv" not in response.text
    assert noted.get(f"{BASE}/plain.md/text").text == "What plain.md says.\n"


def test_a_copy_of_a_folders_document_is_named_without_the_folders_place(noted):
    put = noted.put(f"{BASE}/copy.md", content=b"What plain.md says.\n")
    for _ in range(400):
        job = noted.get(put.headers["location"]).json()
        if job["finished"]:
            break
        time.sleep(0.05)
    assert job["report"]["duplicates"] == [
        {
            "uri": "copy.md",
            "source": "api",
            "same_uri": "plain.md",
            "same_source": "our manuals",
        }
    ]


def test_a_folder_that_a_key_may_not_see_is_no_conflict_but_missing(client, home, keys):
    publish(home, "default", {"pay.md": "Pay.\n"}, source=FOLDER, pay=frozenset({"hr"}))
    client.app.state.desk.open_collections.refresh_all()
    _, token = keys.create("writer", scopes=["ask", "write"])
    assert client.delete(f"{BASE}/pay.md", headers=bearer(token)).status_code == 404


def test_a_collection_is_removed_by_its_name_said_twice_and_by_administrators(client, home, keys):
    where = "/v1/collections/other"
    for query in ("", "?confirm=default", "?confirm=OTHER", "?confirm="):
        assert client.delete(f"{where}{query}").status_code == 422
    assert client.delete("/v1/collections/none?confirm=none").status_code == 404
    assert client.delete("/v1/collections/..?confirm=..").status_code in {404, 405}
    assert client.get(f"{where}/documents").status_code == 200

    assert client.delete(f"{where}?confirm=other").status_code == 204
    assert client.get(f"{where}/documents").status_code == 404
    assert [c["name"] for c in client.get("/v1/collections").json()["collections"]] == ["default"]
    assert [path.name for path in (home / "collections").iterdir()] == ["default"]

    _, token = keys.create("writer", scopes=["ask", "write"])
    refused = client.delete("/v1/collections/default?confirm=default", headers=bearer(token))
    assert refused.status_code == 403


def test_a_collection_that_a_job_holds_is_not_removed(client, home):
    with Build(home / "collections" / "other", HashEmbedder()):
        busy = client.delete("/v1/collections/other?confirm=other")
    assert (busy.status_code, busy.json()["code"]) == (409, "collection_busy")
    assert client.get("/v1/collections/other/documents").status_code == 200
