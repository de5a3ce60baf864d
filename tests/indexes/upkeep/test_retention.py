"""Old generations go after a publish; the newest, the young, and what is read stay."""

import logging
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from fakes import HashEmbedder, answering, document

from indexes.build import Build
from indexes.index import Index
from indexes.options import IndexesOptions
from indexes.store import generations, manifest
from indexes.upkeep import retention, rollback, verify
from indexes.upkeep.retention import Retention
from ragdesk.assemble import Workspace
from ragdesk.settings import load_settings

LATER = datetime.now(UTC) + timedelta(days=2)


def publish(collection, number, kept):
    with Build(collection, HashEmbedder(), retention=kept) as build:
        build.add(*document("state.md", f"state {number}"))
        return build.publish()


@pytest.fixture(scope="module")
def eight(tmp_path_factory):
    collection = tmp_path_factory.mktemp("eight") / "c"
    for number in range(1, 9):
        publish(collection, number, None)
    return collection


@pytest.fixture
def collection(eight, tmp_path):
    return shutil.copytree(eight, tmp_path / "c")


def folder(collection, number):
    return collection / "generations" / str(number)


def test_each_publish_clears_what_is_older_than_the_newest(tmp_path):
    for number in range(1, 10):
        publish(tmp_path / "c", number, Retention(generations=3, hours=0))
        assert generations.list_generations(tmp_path / "c") == list(
            range(max(1, number - 2), number + 1)
        )
    used = {
        d
        for n in (7, 8, 9)
        for d in manifest.read_manifest(folder(tmp_path / "c", n)).facts["segments"]
    }
    assert {f.name for f in (tmp_path / "c" / "segments").iterdir()} == used
    assert verify.verify_collection(tmp_path / "c") == []
    assert answering(tmp_path / "c") == (9, ())


def test_what_is_young_stays_up_to_a_number(collection):
    assert retention.clear_generations(collection, Retention(generations=2, hours=24)) == []
    retention.clear_generations(collection, Retention(generations=2, hours=24, most=6))
    assert generations.list_generations(collection) == [3, 4, 5, 6, 7, 8]
    retention.clear_generations(collection, Retention(generations=2, hours=24), now=LATER)
    assert generations.list_generations(collection) == [7, 8]


@pytest.mark.parametrize("hours", [1e9, 1e300, float("inf")])
def test_any_number_of_hours_can_be_kept(collection, hours):
    """More than there are since the year 1: every publish ended in an OverflowError, published."""
    kept = Retention(generations=2, hours=hours)
    assert retention.clear_generations(collection, kept, now=LATER) == []
    assert publish(collection, 9, kept).generation == 9
    assert generations.list_generations(collection) == list(range(1, 10))


@pytest.mark.parametrize("hours", [-1.0, float("nan")])
def test_hours_that_are_no_age_are_refused(hours):
    with pytest.raises(ValueError, match="keep_hours must not be negative"):
        IndexesOptions(keep_hours=hours)


def test_none_is_cleared_where_none_shall_be(collection):
    assert retention.clear_generations(collection, Retention(generations=0), now=LATER) == []


def test_what_a_reader_holds_stays_until_it_lets_go(collection):
    with Index.open_generation(collection, 2) as reader:
        publish(collection, 9, Retention(generations=2, hours=0))
        assert generations.list_generations(collection) == [2, 8, 9]
        assert reader.read_text("state.md") == "state 2"
    publish(collection, 10, Retention(generations=2, hours=0))
    assert generations.list_generations(collection) == [9, 10]


def test_what_would_answer_next_stays_however_old(collection):
    rollback.roll_back(collection, 4)
    retention.clear_generations(collection, Retention(generations=2, hours=0))
    assert generations.list_generations(collection) == [3, 4, 7, 8]
    assert answering(collection) == (4, ())
    (folder(collection, 4) / "MANIFEST.json").write_text("{}")
    assert answering(collection)[0] == 3


def test_a_generation_that_cannot_be_read_goes_by_the_age_of_its_folder(collection):
    (folder(collection, 1) / "MANIFEST.json").write_text("{}")
    assert retention.clear_generations(collection, Retention(generations=2, hours=24)) == []
    retention.clear_generations(collection, Retention(generations=2, hours=24), now=LATER)
    assert generations.list_generations(collection) == [7, 8]


def test_originals_of_what_was_cleared_follow(collection):
    originals = collection / "originals"
    originals.mkdir()
    for number in (1, 7, 8):
        (originals / document("state.md", f"state {number}")[0].digest).write_bytes(b"bytes")
    retention.clear_generations(collection, Retention(generations=2, hours=0))
    kept = {document("state.md", f"state {number}")[0].digest for number in (7, 8)}
    assert {f.name for f in originals.iterdir()} == kept


def test_the_log_says_how_many_and_which(collection, caplog):
    with caplog.at_level(logging.INFO, logger="indexes"):
        retention.clear_generations(collection, Retention(generations=2, hours=24))
        assert not caplog.records
        retention.clear_generations(collection, Retention(generations=2, hours=0))
    (line,) = caplog.records
    assert (line.cleared, line.generations, line.collection) == (6, "1-6", "c")


def test_clearing_that_fails_leaves_the_publish_as_it_is(collection, caplog, monkeypatch):
    def full(*_, **__):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(retention, "clear_generations", full)
    assert publish(collection, 9, Retention(generations=2, hours=0)).generation == 9
    assert answering(collection) == (9, ())
    assert "not cleared" in caplog.text


def test_the_settings_say_what_a_desks_jobs_keep(tmp_path):
    environ = {"RAGDESK_INDEXES__KEEP_GENERATIONS": "4", "RAGDESK_INDEXES__KEEP_HOURS": "0.5"}
    for variables, expected in (({}, (10, 24, 200)), (environ, (4, 0.5, 200))):
        loaded = load_settings(home=tmp_path, config=None, environ=variables)
        kept = Workspace(tmp_path, loaded.settings, HashEmbedder()).make_job("default").retention
        assert (kept.generations, kept.hours, kept.most) == expected
