"""One table says which vector store is made, and one line makes another one an operator's choice."""

import inspect
import logging
import pkgutil
from dataclasses import replace

import pytest
from fakes import HashEmbedder, document, publish

from indexes.errors import VectorsUnreachable
from indexes.options import IndexesOptions
from indexes.vectors.store_registry import VECTOR_STORES
from indexes.vectors.vector_store import VectorStore
from ragdesk.answering.answer import Question
from ragdesk.assemble import Workspace
from ragdesk.errors import SettingsError
from ragdesk.settings import Settings, load_settings


@pytest.mark.parametrize("name", VECTOR_STORES)
def test_every_line_of_the_table_names_a_store(name):
    if name == "milvus":
        pytest.importorskip("pymilvus")
    store = pkgutil.resolve_name(VECTOR_STORES[name])
    assert VectorStore in store.__mro__
    for method in (
        "publish_vectors",
        "open_vectors",
        "remove_vectors",
        "remove_all_vectors",
        "close",
    ):
        wanted = inspect.signature(getattr(VectorStore, method)).parameters
        assert list(inspect.signature(getattr(store, method)).parameters) == list(wanted)


def test_a_store_that_is_not_in_the_table_is_refused_by_name():
    with pytest.raises(ValueError, match="backend must be one of faiss, milvus"):
        IndexesOptions(backend="elsewhere")


def test_a_store_that_lacks_an_option_is_an_error_of_settings(tmp_path):
    pytest.importorskip("pymilvus")
    desks = Workspace(tmp_path, Settings(indexes=IndexesOptions(backend="milvus")), HashEmbedder())
    with pytest.raises(SettingsError, match="names no Milvus"):
        _ = desks.vector_store


@pytest.fixture
def sqlite(monkeypatch, tmp_path):
    """The workspace of an operator who has set the backend that one line makes known."""
    monkeypatch.setitem(VECTOR_STORES, "sqlite", "sqlite_vectors:SqliteVectorStore")
    file = tmp_path / "vectors.db"
    environ = {"RAGDESK_INDEXES__BACKEND": "sqlite", "RAGDESK_INDEXES__URI": str(file)}
    loaded = load_settings(home=tmp_path / "home", config=None, environ=environ)
    return Workspace(loaded.home, loaded.settings, HashEmbedder())


def ask(desks, text="words 3 of 3"):
    with desks.open_collection("kb") as opened:
        return opened.index.generation, opened.search(Question(text=text), 5)


def test_a_line_of_the_table_is_all_that_a_store_needs(sqlite, caplog):
    folder = sqlite.collection_folder("kb")
    documents = [document(f"{n}.md", f"words {n} of {n % 7}") for n in range(20)]
    publish(folder, *documents)
    sqlite.replicate_collection("kb")
    local = Workspace(sqlite.home, Settings(), HashEmbedder())
    with caplog.at_level(logging.WARNING, "ragdesk"):
        assert ask(sqlite) == ask(local)
        assert not caplog.messages
        publish(folder, document("new.md", "words 3 of 3"))
        assert ask(sqlite) == ask(local)  # the copy is behind: the segments are searched
        assert caplog.messages == ["no whole replica; vectors are searched here"]


def test_a_store_that_does_not_answer_is_told_and_going_back_is_a_setting(sqlite):
    publish(sqlite.collection_folder("kb"), document("a.md", "words 3"))
    sqlite.replicate_collection("kb")
    away = replace(sqlite.settings.indexes, uri="/dev/null/vectors.db")
    desks = Workspace(sqlite.home, replace(sqlite.settings, indexes=away), HashEmbedder())
    with pytest.raises(VectorsUnreachable):
        ask(desks)
    with pytest.raises(VectorsUnreachable):
        desks.replicate_collection("kb")
    assert ask(Workspace(sqlite.home, Settings(), HashEmbedder()))[1]
