"""A document that is put keeps the embedder of its collection, and nothing else is embedded."""

from dataclasses import replace

import pytest
from fakes import HashEmbedder, document
from starlette.testclient import TestClient

from indexes.build import Build
from indexes.embedding.embedder import EmbedOptions
from indexes.errors import IndexMismatch
from indexes.index import Index
from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from ragdesk.support.key_store import KeyStore
from ragdesk.web import api

ENGLISH = replace(Settings(), embed=EmbedOptions(model="packaged-english", device="cpu"))
WORDS = replace(Settings(), embed=EmbedOptions(model="none"))


def test_a_put_by_a_server_with_another_model_keeps_the_collections_own(tmp_path):
    file = tmp_path / "loans.md"
    file.write_text("# Loans\n\nA drill is lent for three days.\n", encoding="utf-8")
    Workspace(tmp_path / "home", WORDS).make_job("default").put("loans.md", file)

    desks = Workspace(tmp_path / "home", ENGLISH)
    report = desks.change_document("default", "hours.md", file, None)
    assert (report.documents, report.embedded) == (2, 0)
    keys = KeyStore(tmp_path / "home")
    with TestClient(api.build_app(desks, keys), base_url="http://localhost:8080") as client:
        listed = client.get("/v1/collections").json()["collections"]
    keys.close()
    assert [(one["documents"], one["embedder"]) for one in listed] == [(2, "none")]


def test_a_put_into_a_collection_whose_model_is_away_changes_nothing(tmp_path):
    folder = tmp_path / "home" / "collections" / "default"
    folder.parent.mkdir(parents=True)
    with Build(folder, HashEmbedder()) as build:
        build.add(*document("a.md", "A drill is lent for three days."))
        build.publish()
    with pytest.raises(IndexMismatch, match="it wants the model hash"):
        Workspace(tmp_path / "home", WORDS).change_document("default", "a.md", folder, None)


def test_a_put_is_refused_where_the_model_changes_between_choice_and_lock(tmp_path):
    file = tmp_path / "loans.md"
    file.write_text("A drill is lent for three days.\n", encoding="utf-8")
    desks = Workspace(tmp_path / "home", WORDS)
    desks.make_job("default").put("loans.md", file)
    late = desks.make_job("default")
    with Build(desks.collection_folder("default"), HashEmbedder()) as build:
        build.publish()
    with pytest.raises(IndexMismatch, match=r"with vectors of hash.*Nothing was changed"):
        late.put("hours.md", file)
    with Index.open(desks.collection_folder("default")) as index:
        assert index.segments[0].facts["embedder"]["name"] == "hash"
