"""Words of another version: vectors answer, everybody is told, and the next ingest mends it."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from folder_files import write
from starlette.testclient import TestClient
from web_home import REFUNDS, publish, serving

from indexes.embedding.embedder import EmbedOptions, open_embedder
from indexes.index import Index
from indexes.text import tokens, word_forms
from ragdesk.answering.retrieval import near_duplicates, passage_words
from ragdesk.assemble import Workspace
from ragdesk.cli.main import cli
from ragdesk.settings import Settings
from ragdesk.support.key_store import KeyStore
from ragdesk.web import api

HANDBOOK = {
    "refunds.md": f"{REFUNDS}\n## Cards\n\nCredit cards take ten days.\n",
    "shipping.md": "# Shipping\n\nParcels leave our warehouse within 24 hours.\n",
}
ASKED = "How long does a refund take?"
QUESTION = {"question": ASKED}


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

    def change() -> None:
        monkeypatch.setattr(
            word_forms, "stem_word", lambda run: f"~{run}" if len(run) > 4 else stem(run)
        )
        monkeypatch.setattr(tokens, "TOKENS_VERSION", 2)
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
        config.write_text(f'[embed]\nmodel = "{model}"\ndevice = "cpu"\n', encoding="utf-8")
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
    finding = collection_finding(run("doctor", "--json"))
    assert finding["state"] == "note"
    assert finding["remedy"] == "Write them anew: ragdesk ingest PATH --collection default"

    assert "chunks would be written anew" in run("ingest", kb, "--plan").stdout
    report = run("ingest", kb).stdout
    assert "2 unchanged" in report
    assert "chunks were written anew, as another version wrote them" in report
    assert not json.loads(run("ask", ASKED, "--json").stdout)["degraded"]
    assert collection_finding(run("doctor", "--json"))["state"] == "ok"


def test_without_vectors_it_is_exit_3_until_the_next_ingest(run, tmp_path, change_stems):
    kb = write(tmp_path / "kb", HANDBOOK)
    assert run("ingest", kb, model="none").exit_code == 0
    change_stems()

    refused = run("ask", ASKED, "--json", model="none")
    assert refused.exit_code == 3
    error = json.loads(refused.stdout)["error"]
    assert error["code"] == "words_outdated"
    assert error["message"].endswith("Write its words anew: ragdesk ingest PATH")
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
        newer = client.post("/v1/answers", json={**QUESTION, "collection": "newer"}).json()
        assert not newer["degraded"]
        ready = client.get("/readyz")
        assert ready.status_code == 200
        assert ready.json()["degraded"] == [
            {
                "reason": "words_outdated",
                "next_step": "ragdesk ingest PATH --collection default",
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
            newer.setattr(tokens, "TOKENS_VERSION", 2)
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
        assert {segment.tokens_version for segment in index.segments} == {2}


def test_a_server_does_not_serve_outdated_words_alone(tmp_path, cache, change_stems):
    home = tmp_path / "home"
    none = open_embedder(EmbedOptions(model="none"), cache)
    kb = write(tmp_path / "kb", HANDBOOK)
    desks = Workspace(home, replace(Settings(), embed=EmbedOptions(model="none")), none)
    desks.make_job("default").run([kb])
    change_stems()
    app = api.build_app(desks, KeyStore(home))
    with TestClient(app, base_url="http://localhost:8080") as client:
        refused = client.post("/v1/answers", json=QUESTION)
        assert (refused.status_code, refused.json()["code"]) == (503, "words_outdated")
        ready = client.get("/readyz")
        assert ready.status_code == 503
        (missing,) = ready.json()["not_served"]
        assert missing["reason"] == "words_outdated"
        assert missing["next_step"] == "ragdesk ingest PATH --collection default"
