import hashlib
import os
import shutil

import pytest
from fakes import answering, document, publish, publish_three

from indexes.build import Loss, measure_loss
from indexes.errors import IndexDamaged, IndexNotFound
from indexes.index import Index
from indexes.store import generations, locks, manifest
from indexes.upkeep import garbage, history, retention, rollback, verify
from indexes.upkeep.retention import Retention


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    return publish_three(tmp_path_factory.mktemp("upkeep") / "c")


@pytest.fixture
def collection(three, tmp_path):
    return shutil.copytree(three, tmp_path / "c")


def folder(collection, number):
    return collection / "generations" / str(number)


def break_manifest(collection, number):
    (folder(collection, number) / "MANIFEST.json").write_text("{}")


def break_table(collection, number):
    os.truncate(folder(collection, number) / "documents.sqlite", 100)


def test_rolling_back_checks_before_it_leaps(collection):
    break_table(collection, 2)
    with pytest.raises(IndexDamaged, match=r"documents\.sqlite"):
        rollback.roll_back(collection, 2)
    with pytest.raises(IndexNotFound, match="no generation 9"):
        rollback.roll_back(collection, 9)
    with pytest.raises(IndexNotFound, match="ragdesk ingest"):
        rollback.roll_back(collection / "none", 1)
    assert generations.read_current_number(collection) == 3


def test_history_tells_counts_and_problems(collection):
    break_manifest(collection, 2)
    first, second, third = history.list_history(collection)
    assert (first.documents, first.chunks, first.segments, first.parent) == (2, 2, 1, None)
    assert "MANIFEST.json" in second.problem
    assert (third.documents, third.current, third.parent) == (4, True, 2)


def test_verify_finds_a_table_that_disagrees_with_the_shelves(collection):
    """Every sum is right here: the generation was published with a wrong document table."""
    with locks.lock_collection(collection), Index.open(collection) as index:
        listed = list(index.iter_documents())
        plan = generations.GenerationPlan(
            parent=3, segments=[s.digest for s in index.segments], dead=index.dead, sums=index.sums
        )
        generations.publish_generation(collection, plan, listed[1:])
    (problem, *_) = verify.verify_collection(collection)
    assert "rows" in problem


def test_what_is_cleared_while_it_is_verified_is_no_damage(collection, monkeypatch):
    """A server that publishes clears generations; ``verify`` told to roll back because of that."""
    (collection / "originals").mkdir()
    for number in (1, 2, 3):
        for text in (f"state {number}", "x y"):
            name = hashlib.sha256(text.encode()).hexdigest()
            (collection / "originals" / name).write_text(text)
    real, kept = verify.list_damage, Retention(generations=1, hours=0, most=0)

    def meanwhile(folder, number):
        retention.clear_generations(folder, kept)
        return real(folder, number)

    monkeypatch.setattr(verify, "list_damage", meanwhile)
    assert verify.verify_collection(collection) == []
    assert generations.list_generations(collection) == [3]


def test_old_generations_are_cleared_but_none_that_is_read(collection):
    originals = collection / "originals"
    originals.mkdir()
    for text in ("state 3", "x y", "state 1"):
        (originals / hashlib.sha256(text.encode()).hexdigest()).write_text(text)
    kept = {document("state.md", text)[0].digest for text in ("state 3", "x y")}
    with Index.open_generation(collection, 1) as reader:
        removed = garbage.collect_garbage(collection, keep=1)
        assert folder(collection, 2) in removed
        assert generations.list_generations(collection) == [1, 3]
        assert reader.read_text("state.md") == "state 1"
    garbage.collect_garbage(collection, keep=1)
    assert generations.list_generations(collection) == [3]
    assert {f.name for f in originals.iterdir()} == kept
    used = set(manifest.read_manifest(folder(collection, 3)).facts["segments"])
    assert {f.name for f in (collection / "segments").iterdir()} == used
    assert answering(collection) == (3, ())
    assert verify.verify_collection(collection) == []


def test_clearing_keeps_what_answers_even_if_it_is_old(collection):
    rollback.roll_back(collection, 1)
    garbage.collect_garbage(collection, keep=1)
    assert generations.list_generations(collection) == [1, 3]
    assert answering(collection) == (1, ())


def test_segments_stay_while_a_manifest_cannot_be_read(collection):
    break_manifest(collection, 1)
    before = {f.name for f in (collection / "segments").iterdir()}
    garbage.collect_garbage(collection, keep=2)
    assert generations.list_generations(collection) == [2, 3]
    break_manifest(collection, 2)
    assert publish(collection, document("state.md", "state 4")).generation == 4
    assert before <= {f.name for f in (collection / "segments").iterdir()}


def test_gc_clears_a_damaged_generation_that_was_rolled_back_from(collection):
    spoiled = collection / "generations" / "3" / "MANIFEST.json"
    spoiled.write_bytes(spoiled.read_bytes()[:-9])
    garbage.collect_garbage(collection, keep=9)
    assert spoiled.exists()  # CURRENT names it: whoever mends the collection may need it

    rollback.roll_back(collection, 2)
    assert verify.verify_collection(collection) != []
    garbage.collect_garbage(collection, keep=9)
    assert generations.list_generations(collection) == [1, 2]
    assert verify.verify_collection(collection) == []


def test_a_generation_that_bears_the_manifest_of_a_segment_is_told(tmp_path):
    collection = publish_three(tmp_path / "c")
    stray = next((collection / "segments").iterdir()) / "MANIFEST.json"
    shutil.copy(stray, collection / "generations" / "3" / "MANIFEST.json")
    assert history.list_history(collection)[-1].problem
    assert measure_loss(collection) == Loss(generation=3, documents=None)
