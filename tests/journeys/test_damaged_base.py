"""One bit of a shared segment flips under a server: nothing of the other documents is lost."""

import json
import time

import pytest
from click.testing import CliRunner
from fakes import HashEmbedder
from web_home import publish, serving

from indexes.embedding.embedder import EmbedOptions
from indexes.embedding.embedder_pool import EmbedderPool
from indexes.errors import BaseDamaged
from indexes.index import Index
from indexes.store import manifest
from ragdesk.assemble import Workspace
from ragdesk.cli.main import cli
from ragdesk.collection_embedders import CollectionEmbedders
from ragdesk.errors import describe_error
from ragdesk.settings import Settings
from ragdesk.support.key_store import KeyStore
from tests.resilience import damaged_base

URI = "/v1/collections/default/documents"
REMEDIES = ("verify", "rollback", "restore", "--begin-anew")


@pytest.fixture
def home(tmp_path):
    """Forty-seven documents in one segment, a last one in another, and a bit of the first turned."""
    home = tmp_path / "home"
    texts = {f"{n}.md": f"Number {n} is here.\n" for n in range(47)}
    publish(home, "default", texts)
    publish(home, "default", {"last.md": "The last one.\n"})
    return home


def flip(home):
    collection = home / "collections/default"
    shared = manifest.read_manifest(collection / "generations/2").facts["segments"][0]
    file = collection / "segments" / shared / "shelf.sqlite"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def documents(client):
    return len(client.get(URI, params={"limit": 500}).json()["documents"])


def ended(client, response):
    while (job := client.get(f"/v1/jobs/{response.json()['id']}").json())["finished"] is None:
        time.sleep(0.02)
    return job


def test_a_put_and_an_ingest_onto_a_flipped_bit_are_refused_and_48_stay_48(home, tmp_path):
    keys = KeyStore(home)
    other = tmp_path / "other"
    other.mkdir()
    (other / "new.md").write_text("Of another source.\n", encoding="utf-8")
    with serving(home, keys) as client:
        assert documents(client) == 48
        flip(home)

        job = ended(client, client.put(f"{URI}/put.md", content=b"Put.\n"))
        assert (job["state"], job["error"]["code"]) == ("failed", "index_damaged")
        assert all(word in job["error"]["message"] for word in REMEDIES)
        assert str(home) not in job["error"]["message"]
        with pytest.raises(BaseDamaged) as refused:
            Workspace(home, Settings(), HashEmbedder()).make_job("default").run([other])
        assert all(word in describe_error(refused.value) for word in REMEDIES)
        assert documents(client) == 48
    keys.close()
    keys = KeyStore(home)
    with serving(home, keys) as client:  # one that starts now finds no generation whole
        assert client.get("/readyz").status_code == 503
    keys.close()

    job = Workspace(home, Settings(), HashEmbedder()).make_job("default")
    assert job.plan([other], begin_anew=True).to_json()["loss"] == {
        "generation": 2,
        "documents": 48,
    }
    report = job.run([other], begin_anew=True)
    assert report.to_json()["loss"] == {"generation": 2, "documents": 48}
    assert (report.documents, report.generation) == (1, 3)
    assert (home / "collections/default/generations/2").is_dir()


def test_the_command_line_says_so_and_goes_back_when_told(home, monkeypatch, tmp_path):
    publish(home, "default", {"more.md": "More.\n"})
    table = home / "collections/default/generations/3/documents.sqlite"
    table.write_bytes(table.read_bytes()[:-1])
    embedders = CollectionEmbedders(EmbedOptions(), EmbedderPool(tmp_path), HashEmbedder())
    monkeypatch.setattr(Workspace, "embedders", embedders)
    (tmp_path / "a.md").write_text("Words.\n", encoding="utf-8")

    def call(*line):
        return CliRunner().invoke(cli, ["--home", str(home), *line])

    refused = call("ingest", str(tmp_path / "a.md"), "--json")
    assert refused.exit_code == 3
    told = json.loads(refused.stdout)["error"]
    assert told["code"] == "index_damaged"
    assert all(word in told["message"] for word in ("documents.sqlite", *REMEDIES))
    assert call("ingest", str(tmp_path / "a.md"), "--plan").exit_code == 3
    assert call("indexes", "compact").exit_code == 3
    assert call("indexes", "rollback").exit_code == 0  # to the one before, though nothing names it
    assert call("ingest", str(tmp_path / "a.md")).exit_code == 0
    with Index.open(home / "collections/default") as index:
        assert (len(list(index.iter_documents())), index.refused) == (49, ())


def test_the_bench_of_damaged_bases_loses_nothing():
    tally, fallbacks = damaged_base.run(12, 1)
    assert (sum(tally.tried.values()), sum(tally.lost.values())) == (18, 0)
    assert sum(tally.remedied[kind] for kind in damaged_base.KINDS) == 12
    assert (fallbacks.answered, fallbacks.leaks, fallbacks.returned) == (12, 0, 0)
    assert fallbacks.closed == 3
