"""Embedders are loaded once, shared, and do not wait for each other."""

import shutil
import threading
from pathlib import Path

import pytest

from indexes.embedding import embedder_pool, model_files
from indexes.embedding.embedder import Embedder, EmbedOptions, open_embedder
from indexes.embedding.embedder_pool import EmbedderPool
from indexes.embedding.embedding_rate import load_rate
from indexes.errors import ModelMissing

WAIT = 30.0


def test_a_model_by_two_ways_to_name_it_is_one(cache):
    pool = EmbedderPool(cache)
    first = pool.open(EmbedOptions(model="packaged-english", device="cpu"))
    assert pool.open(EmbedOptions(model="packaged-english", device="cpu", cache="x")) is first
    int8 = EmbedOptions(model="packaged-english", device="cpu", backend="onnx-int8")
    assert pool.open(int8) is first  # what auto takes on a CPU
    assert pool.open(EmbedOptions(model="none")) is not first


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
