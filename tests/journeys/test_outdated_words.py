"""Words of another version: vectors answer, everybody is told, and the next ingest mends it."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from folder_files import write
from httpx import Response
from starlette.testclient import TestClient
from web_home import REFUNDS, publish, serving

from indexes.embedding import embedder
from indexes.embedding.embedder import EmbedOptions, open_embedder
from indexes.index import Index
from indexes.text import tokens, word_forms
from ingest.sandbox import child
from ragdesk.answering.retrieval import near_duplicates, passage_words
from ragdesk.assemble import Workspace
from ragdesk.cli.main import cli
from ragdesk.home_check import SelfTest
from ragdesk.settings import Settings
from ragdesk.support.key_store import KeyStore
from ragdesk.web import api

HANDBOOK = {
    "refunds.md": f"{REFUNDS}\n## Cards\n\nCredit cards take ten days.\n",
    "shipping.md": "# Shipping\n\nParcels leave our warehouse within 24 hours.\n",
}
ASKED = "How long does a refund take?"
QUESTION = {"question": ASKED}
LOCAL = "http://localhost:8080"


def forget_words() -> None:
    """Forget what was spelled in this process, as a newer program's process would not know it."""
    tokens._spelling_cache.clear()
    for known in (
        passage_words.analyze_sentences,
        passage_words._name_words,
        passage_words._token_set,
        near_duplicates._passage_words,
        near_duplicates._surface_facts,
    ):
        known.cache_clear()


@pytest.fixture
def change_stems(monkeypatch):
    """Give what brings another stemmer in, with its number raised."""

    stem = word_forms.stem_word
    versions = child.list_code_versions()

    def change() -> None:
        # Children begin from the files, which say the old number: they pass for new ones.
        monkeypatch.setattr(child, "list_code_versions", lambda: versions)
        monkeypatch.setattr(
            word_forms, "stem_word", lambda run: f"~{run}" if len(run) > 4 else stem(run)
        )
        monkeypatch.setattr(tokens, "TOKENS_VERSION", tokens.TOKENS_VERSION + 1)
        forget_words()

    yield change
    monkeypatch.undo()
    forget_words()


@pytest.fixture
def run(tmp_path, cache) -> Callable[..., Result]:
    """Give the command line of a home that shares the exported model."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home/models").symlink_to(cache)

    def run_verb(*words: str | Path, model: str = "packaged") -> Result:
        config = tmp_path / "ragdesk.toml"
        text = f'[embed]\nmodel = "{model}"\ndevice = "cpu"\n[guard]\nocr = false\n'
        config.write_text(text, encoding="utf-8")  # the doctor would start OCR, in 2 s
        options = ("--home", str(tmp_path / "home"), "--config", str(config))
        return CliRunner().invoke(cli, [*options, *map(str, words)])

    return run_verb


def collection_finding(result: Result) -> dict[str, str]:
    findings = json.loads(result.stdout)["findings"]
    return next(finding for finding in findings if finding["what"] == "collection default")


def test_vectors_answer_and_the_next_ingest_writes_the_words(run, tmp_path, change_stems):
    kb = write(tmp_path / "kb", HANDBOOK)
    assert run("ingest", kb).exit_code == 0
    assert not json.loads(run("ask", ASKED, "--json").stdout)["degraded"]
    change_stems()

    answer = json.loads(run("ask", ASKED, "--json").stdout)
    assert (answer["outcome"], answer["degraded"]) == ("answered", True)
    assert answer["degraded_reason"].startswith("words_outdated: ")
    assert {name for passage in answer["passages"] for name in passage["found_by"]} == {"dense"}
    assert "Degraded: words_outdated" in run("ask", ASKED).stdout
    found = run("search", "退款", "--json")
    assert json.loads(found.stdout)["degraded_reason"] == answer["degraded_reason"]
    assert f"Degraded: {answer['degraded_reason']}" in run("search", "退款").stderr
    finding = collection_finding(run("doctor", "--json"))
    assert finding["state"] == "note"
    assert finding["remedy"] == "Write its words anew: ragdesk ingest PATH --collection default"

    assert "chunks would be written anew" in run("ingest", kb, "--plan").stdout
    report = run("ingest", kb).stdout
    assert "2 unchanged" in report
    assert "chunks were written anew, as another version wrote them" in report
    assert not json.loads(run("ask", ASKED, "--json").stdout)["degraded"]
    assert json.loads(run("search", ASKED, "--json").stdout)["degraded_reason"] is None
    assert run("search", ASKED).stderr == ""
    assert collection_finding(run("doctor", "--json"))["state"] == "ok"


def test_without_vectors_it_is_exit_3_until_the_next_ingest(run, tmp_path, change_stems):
    kb = write(tmp_path / "kb", HANDBOOK)
    assert run("ingest", kb, model="none").exit_code == 0
    change_stems()

    refused = run("ask", ASKED, "--json", model="none")
    assert refused.exit_code == 3
    error = json.loads(refused.stdout)["error"]
    assert error["code"] == "words_outdated"
    step = "Write its words anew: ragdesk ingest PATH --collection default"
    assert error["message"].endswith(step)
    assert "Collection default: " in error["message"]
    ill = run("doctor", "--json", model="none")
    assert ill.exit_code == 1
    assert "ragdesk ingest PATH" in collection_finding(ill)["remedy"]

    assert run("ingest", kb, model="none").exit_code == 0
    parcels = "Within how many hours do parcels leave your warehouse?"
    answer = json.loads(run("ask", parcels, "--json", model="none").stdout)
    assert (answer["outcome"], answer["degraded"]) == ("answered", False)


def test_a_server_says_so_in_answers_readiness_and_metrics(tmp_path, change_stems):
    home = tmp_path / "home"
    publish(home, "default", {"refunds.md": REFUNDS})
    change_stems()
    publish(home, "newer", {"refunds.md": REFUNDS})
    with serving(home, KeyStore(home)) as client:
        answer = client.post("/v1/answers", json=QUESTION).json()
        assert answer["degraded_reason"].startswith("words_outdated: ")
        found = client.post("/v1/search", json={"query": ASKED}).json()
        assert found["degraded_reason"] == answer["degraded_reason"]
        newer = client.post("/v1/answers", json={**QUESTION, "collection": "newer"}).json()
        assert not newer["degraded"]
        found = client.post("/v1/search", json={"query": ASKED, "collection": "newer"}).json()
        assert found["degraded_reason"] is None
        ready = client.get("/readyz")
        assert ready.status_code == 200
        assert ready.json()["degraded"] == [
            {
                "reason": "words_outdated",
                "next_step": "ragdesk indexes compact --collection default",
                "collection": "default",
            }
        ]
        assert 'ragdesk_degraded_total{reason="words_outdated"} 1' in client.get("/metrics").text


def test_a_server_started_before_an_upgrade_does_not_turn_words_back(tmp_path, monkeypatch):
    home = tmp_path / "home"
    publish(home, "default", {"refunds.md": REFUNDS})
    folder, place = home / "collections/default", "/v1/collections/default/documents"
    with serving(home, KeyStore(home)) as client:
        with monkeypatch.context() as newer:
            newer.setattr(tokens, "TOKENS_VERSION", tokens.TOKENS_VERSION + 1)
            publish(home, "default", {"shipping.md": HANDBOOK["shipping.md"]})
        for ask_change in (
            lambda: client.put(f"{place}/new.md", content=b"# New\n\nA new page.\n"),
            lambda: client.delete(f"{place}/refunds.md"),
        ):
            job = ask_change().json()
            while not job["finished"]:
                time.sleep(0.05)
                job = client.get(f"/v1/jobs/{job['id']}").json()
            assert (job["state"], job["error"]["code"]) == ("failed", "index_mismatch")
            assert "ragdesk was replaced" in job["error"]["message"]
            assert "starts it again: ragdesk serve" in job["error"]["message"]
    with Index.open(folder) as index:
        assert index.generation == 2
        assert {segment.tokens_version for segment in index.segments} == {tokens.TOKENS_VERSION + 1}


def test_a_server_does_not_serve_outdated_words_alone(tmp_path, cache, change_stems):
    home = tmp_path / "home"
    none = open_embedder(EmbedOptions(model="none"), cache)
    kb = write(tmp_path / "kb", HANDBOOK)
    desks = Workspace(home, replace(Settings(), embed=EmbedOptions(model="none")), none)
    desks.make_job("default").run([kb])
    change_stems()
    app = api.build_app(desks, KeyStore(home))
    with TestClient(app, base_url=LOCAL) as client:
        refused = client.post("/v1/answers", json=QUESTION)
        assert (refused.status_code, refused.json()["code"]) == (503, "words_outdated")
        ready = client.get("/readyz")
        assert ready.status_code == 503
        (missing,) = ready.json()["not_served"]
        assert missing["reason"] == "words_outdated"
        assert missing["next_step"] == "ragdesk ingest PATH --collection default"


def test_words_newer_than_the_program_ask_for_the_newer_program(tmp_path, run, cache, monkeypatch):
    kb = write(tmp_path / "kb", HANDBOOK)
    assert run("ingest", kb).exit_code == 0
    assert run("ingest", kb, "-c", "words", model="none").exit_code == 0
    monkeypatch.setattr(tokens, "TOKENS_VERSION", tokens.TOKENS_VERSION - 1)

    step = "Start ragdesk again, in the newer version that wrote the words"
    assert "ragdesk is to be started again" in run("search", ASKED).stderr
    assert collection_finding(run("doctor", "--json"))["remedy"] == f"{step}."
    refused = run("ask", ASKED, "-c", "words", model="none")
    assert refused.exit_code == 3
    assert refused.stderr.endswith(f" {step}.\n")
    desks = Workspace(
        tmp_path / "home", Settings(), open_embedder(EmbedOptions(device="cpu"), cache)
    )
    with TestClient(api.build_app(desks, KeyStore(desks.home)), base_url=LOCAL) as client:
        (degraded,) = client.get("/readyz").json()["degraded"]
        assert (degraded["reason"], degraded["next_step"]) == ("words_outdated", step)
    none = open_embedder(EmbedOptions(model="none"), cache)
    desks = Workspace(desks.home, replace(Settings(), embed=EmbedOptions(model="none")), none)
    with TestClient(api.build_app(desks, KeyStore(desks.home)), base_url=LOCAL) as client:
        outages = client.get("/readyz").json()["not_served"]
        (missing,) = [outage for outage in outages if outage["collection"] == "words"]
        assert (missing["reason"], missing["next_step"]) == ("words_outdated", step)
        put = client.put("/v1/collections/words/documents/a.md", content=b"# A")
        assert (put.status_code, put.json()["code"]) == (503, "words_outdated")
        assert "newer version than this server" in put.json()["detail"]


def test_an_older_generation_answers_for_one_with_newer_words(tmp_path, cache, monkeypatch):
    """A server of the version before goes on; its newest generation is whole, and not damaged."""
    home = tmp_path / "home"
    none = open_embedder(EmbedOptions(model="none"), cache)
    desks = Workspace(home, replace(Settings(), embed=EmbedOptions(model="none")), none)
    kb = write(tmp_path / "kb", HANDBOOK)
    desks.make_job("default").run([kb])
    with monkeypatch.context() as newer_program:
        newer_program.setattr(tokens, "TOKENS_VERSION", tokens.TOKENS_VERSION + 1)
        desks.make_job("default").run([kb])
    with TestClient(api.build_app(desks, KeyStore(home)), base_url=LOCAL) as client:
        assert client.post("/v1/answers", json=QUESTION).json()["generation"] == 1
        (behind,) = client.get("/readyz").json()["not_served"]
    assert (behind["status"], behind["reason"]) == ("behind", "words_outdated")
    assert behind["next_step"].startswith("Start ragdesk again")
    finding = next(iter(SelfTest(desks).collections()))
    assert (finding.state, finding.remedy) == (
        "note",
        "An older one answers. Start ragdesk again, in the newer version that wrote the words.",
    )


def test_another_recipe_of_the_embedder_is_told_with_its_reason(run, tmp_path, monkeypatch):
    kb = write(tmp_path / "kb", HANDBOOK)
    assert run("ingest", kb).exit_code == 0
    newer = {name: number + 1 for name, number in embedder.EMBEDDING_RECIPES.items()}
    monkeypatch.setattr(embedder, "EMBEDDING_RECIPES", newer)

    finding = collection_finding(run("doctor", "--json"))
    assert "recipe 1 is not 2" in finding["found"]
    step = "Take the documents in again: ragdesk ingest PATH --collection default"
    assert (finding["state"], finding["remedy"]) == ("bad", step)
    assert "All vectors would be made anew: it was built by another embedder (" in (
        run("ingest", kb, "--plan").stdout
    )
    report = json.loads(run("ingest", kb, "--json").stdout)
    assert "recipe 1 is not 2" in report["embedder_change"]
    assert collection_finding(run("doctor", "--json"))["state"] == "ok"
    assert "embedder_change" not in json.loads(run("ingest", kb, "--json").stdout)


def test_a_change_over_http_mends_the_words_of_what_came_over_http(tmp_path, cache, change_stems):
    home = tmp_path / "home"
    none = open_embedder(EmbedOptions(model="none"), cache)
    desks = Workspace(home, replace(Settings(), embed=EmbedOptions(model="none")), none)

    def wait_for(client: TestClient, response: Response) -> str:
        assert response.status_code == 202, response.json()
        path = response.headers["location"]
        for _ in range(600):
            job = client.get(path).json()
            if job["state"] in ("done", "failed"):
                break
            time.sleep(0.05)
        return job["state"]

    def put(client: TestClient, collection: str, uri: str) -> str:
        documents = f"/v1/collections/{collection}/documents"
        return wait_for(client, client.put(f"{documents}/{uri}", content=HANDBOOK[uri].encode()))

    with TestClient(api.build_app(desks, KeyStore(home)), base_url=LOCAL) as client:
        for collection, uri in (("puts", "refunds.md"), ("deletes", "refunds.md")):
            assert put(client, collection, uri) == "done"
        assert put(client, "deletes", "shipping.md") == "done"
    change_stems()
    with TestClient(api.build_app(desks, KeyStore(home)), base_url=LOCAL) as client:
        outages = client.get("/readyz").json()["not_served"]
        missing = {outage["collection"]: outage for outage in outages}
        step = "ragdesk indexes compact --collection puts"
        assert missing["puts"]["next_step"] == step
        question = {**QUESTION, "collection": "puts"}
        refused = client.post("/v1/answers", json=question)
        assert (refused.status_code, refused.json()["code"]) == (503, "words_outdated")
        assert "ragdesk indexes compact" in refused.json()["detail"]
        documents = "/v1/collections/deletes/documents"
        assert client.delete(f"{documents}/none.md").status_code == 404
        assert put(client, "puts", "shipping.md") == "done"
        assert wait_for(client, client.delete(f"{documents}/shipping.md")) == "done"
        for collection in ("puts", "deletes"):
            desks.open_collection(collection).close()


def test_compact_writes_words_anew_where_there_is_no_path(run, tmp_path, change_stems):
    home = tmp_path / "home"
    none = open_embedder(EmbedOptions(model="none"), tmp_path)
    desks = Workspace(home, replace(Settings(), embed=EmbedOptions(model="none")), none)
    desks.make_job("default").put("shipping.md", write(tmp_path, HANDBOOK) / "shipping.md")
    change_stems()
    step = "ragdesk indexes compact --collection default"
    refused = run("search", "parcels", model="none")
    assert refused.stderr.endswith(f"Write its words anew: {step}\n")
    mended = run("indexes", "compact", model="none").stdout
    assert "the words of 1 segment (1 chunk) were written anew; 1 segment in" in mended
    assert "Parcels leave" in run("search", "parcels", model="none").stdout
    report = json.loads(run("indexes", "compact", "--json", model="none").stdout)
    assert (report["changed"], report["words_rebuilt"], report["segments_rebuilt"]) == (False, 0, 0)


def test_a_way_back_to_outdated_words_says_so(run, tmp_path, change_stems):
    kb = write(tmp_path / "kb", HANDBOOK)
    assert run("ingest", kb, model="none").exit_code == 0
    backup = tmp_path / "kb.rdb"
    assert run("indexes", "backup", backup, model="none").exit_code == 0
    change_stems()
    assert run("ingest", kb, model="none").exit_code == 0
    step = "ragdesk ingest PATH --collection default"
    hint = f"until that is mended, no question is answered. Write its words anew: {step}\n"
    assert run("indexes", "rollback", model="none").stdout.endswith(hint)
    assert run("indexes", "restore", backup, "--replace", model="none").stdout.endswith(hint)
    report = run("indexes", "restore", backup, "--replace", "--json", model="none").stdout
    assert json.loads(report)["next_step"] == step
