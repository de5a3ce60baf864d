import errno
import fcntl
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fakes import HashEmbedder, answering, document, publish, publish_three

from indexes.build import Build, Loss
from indexes.errors import BaseDamaged, CollectionBusy, IndexDamaged
from indexes.index import Index
from indexes.store import durability, generations, locks, manifest
from indexes.upkeep import garbage, rollback, verify


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    return publish_three(tmp_path_factory.mktemp("generations") / "c")


@pytest.fixture
def collection(three, tmp_path):
    return shutil.copytree(three, tmp_path / "c")


def folder(collection, number):
    return collection / "generations" / str(number)


def own_segment(collection, number):
    """The segment that a generation brought."""
    return (
        collection
        / "segments"
        / manifest.read_manifest(folder(collection, number)).facts["segments"][-1]
    )


def test_generations_count_up_and_current_names_the_last(collection):
    assert generations.list_generations(collection) == [1, 2, 3]
    assert generations.read_current_number(collection) == 3
    assert (collection / "CURRENT").read_text().split()[0] == "3"
    assert answering(collection) == (3, ())


@pytest.mark.parametrize("content", ["", "\n", "9", "x", "3\n", "3 abc\n", "-1 " + 64 * "0" + "\n"])
def test_a_current_that_says_nothing_is_survived(collection, content):
    (collection / "CURRENT").write_text(content)
    number, (why,) = answering(collection)
    assert number == 3
    assert "CURRENT names no generation" in why


def test_a_missing_or_dangling_current_is_survived(collection):
    (collection / "CURRENT").unlink()
    assert answering(collection)[0] == 3
    (collection / "CURRENT").write_bytes(b"\xff\xfe")
    assert answering(collection)[0] == 3
    (collection / "CURRENT").write_text(f"7 {64 * '0'}\n")
    assert answering(collection)[0] == 3
    rollback.roll_back(collection, 3)
    assert publish(collection, document("state.md", "state 4")).generation == 4
    assert answering(collection) == (4, ())


def test_whether_a_rollback_was_done_is_told_by_what_was_published_since(collection):
    assert rollback.find_rolled_back(collection, 2, 3) is None
    publish(collection, document("state.md", "state 4"))
    assert rollback.find_rolled_back(collection, 2, 3) is None  # it stands on the former one
    rollback.roll_back(collection, 2)
    assert rollback.find_rolled_back(collection, 2, 4) == 2
    assert rollback.find_rolled_back(collection, 3, 4) is None
    publish(collection, document("state.md", "state 5"))
    assert generations.read_current_number(collection) == 5
    assert rollback.find_rolled_back(collection, 2, 4) == 2
    shutil.rmtree(folder(collection, 2))
    assert rollback.find_rolled_back(collection, 2, 4) is None


def test_going_back_to_a_generation_in_between_is_no_rollback_to_an_older_one(collection):
    rollback.roll_back(collection, 2)
    assert rollback.find_rolled_back(collection, 1, 3) is None
    publish(collection, document("state.md", "state 4"))
    assert rollback.find_rolled_back(collection, 1, 3) is None
    assert rollback.find_rolled_back(collection, 2, 3) == 2


def test_a_changed_digit_in_current_does_not_pass_for_an_older_generation(collection):
    file = collection / "CURRENT"
    file.write_text("2" + file.read_text()[1:])
    number, (why,) = answering(collection)
    assert (number, "CURRENT" in why) == (3, True)


def break_manifest(collection, number):
    (folder(collection, number) / "MANIFEST.json").write_text("{}")


def break_table(collection, number):
    os.truncate(folder(collection, number) / "documents.sqlite", 100)


def break_vectors(collection, number):
    file = own_segment(collection, number) / "dense" / "vectors.faiss"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def lose_segment(collection, number):
    durability.discard_path(own_segment(collection, number))


def swap_manifests(collection, number):
    old = folder(collection, number - 1) / "MANIFEST.json"
    (folder(collection, number) / "MANIFEST.json").write_bytes(old.read_bytes())


def forge_reading(collection, number):
    """Say in a manifest with a sum of its own that documents were read by a list."""
    place = folder(collection, number)
    facts = {**manifest.read_manifest(place).facts, "reading": ["text/plain", 1]}
    (place / "MANIFEST.json").unlink()
    generations.set_current(collection, number, manifest.seal_folder(place, facts).checksum)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (forge_reading, "describes no generation: it does not say how its documents were read"),
        (break_manifest, r"3/MANIFEST.json"),
        (break_table, "3/documents.sqlite"),
        (break_vectors, "vectors.faiss"),
        (lose_segment, "MANIFEST.json is missing"),
        (swap_manifests, "belongs to another generation"),
    ],
)
def test_a_damaged_generation_is_named_and_the_one_before_answering(collection, damage, named):
    damage(collection, 3)
    number, refused = answering(collection)
    assert number == 2
    assert any(named in why for why in refused)
    assert any(named in problem for problem in verify.verify_collection(collection))
    damage(collection, 2)
    assert answering(collection)[0] == 1


def test_when_none_is_good_the_newest_ones_damage_is_raised(collection):
    for number in (1, 2, 3):
        break_table(collection, number)
    with pytest.raises(IndexDamaged, match=r"3/documents\.sqlite"):
        Index.open(collection)


def begin_anew(collection, *held):
    with Build(collection, HashEmbedder(), begin_anew=True) as build:
        for record, chunks in held:
            build.add(record, chunks)
        return build.publish().generation, build.loss


@pytest.mark.parametrize("damage", [break_table, break_vectors, lose_segment, swap_manifests])
def test_a_write_onto_a_damaged_base_is_refused_and_changes_nothing(collection, damage):
    damage(collection, 3)
    before = sorted(f for f in collection.rglob("*") if f.is_file())
    with pytest.raises(BaseDamaged, match=r"Generation 3 cannot be|CURRENT names no"):
        publish(collection, document("4.md", "a b"))
    assert sorted(f for f in collection.rglob("*") if f.is_file()) == before
    assert answering(collection)[0] == 2
    rollback.roll_back(collection, 2)
    publish(collection, document("state.md", "state 4"))
    assert answering(collection) == (4, ())


@pytest.mark.parametrize(
    "damage",
    [
        lambda c: (c / "CURRENT").unlink(),
        lambda c: (c / "CURRENT").write_bytes(b""),
        lambda c: shutil.rmtree(folder(c, 3)),
        lambda c: [shutil.rmtree(folder(c, number)) for number in (1, 2, 3)],
    ],
)
def test_a_base_that_nothing_names_or_that_is_gone_is_not_guessed(collection, damage):
    damage(collection)
    with pytest.raises(BaseDamaged):
        publish(collection, document("4.md", "a b"))


def test_a_first_publish_that_ended_before_its_last_step_is_gone_on_from(tmp_path):
    publish(tmp_path / "c", document("1.md", "x y"))
    (tmp_path / "c" / "CURRENT").unlink()
    publish(tmp_path / "c", document("2.md", "a b"))
    with Index.open(tmp_path / "c") as index:
        assert [d.uri for d in index.iter_documents()] == ["1.md", "2.md"]


def test_a_damaged_collection_is_begun_anew_when_that_is_said_and_its_loss_told(collection):
    for number in (1, 2, 3):
        break_table(collection, number)
    assert begin_anew(collection, document("state.md", "state 4")) == (
        4,
        Loss(generation=3, documents=4),
    )
    assert answering(collection) == (4, ())


def test_a_whole_collection_is_never_begun_anew(collection):
    assert begin_anew(collection, document("state.md", "state 4")) == (4, None)
    with Index.open(collection) as index:
        assert {d.uri for d in index.iter_documents()} == {"state.md", "1.md", "2.md", "3.md"}


def test_writing_the_damaged_segment_again_cures_it(collection):
    damaged = own_segment(collection, 3)
    break_vectors(collection, 3)
    begin_anew(collection, document("state.md", "state 3"), document("3.md", "x y"))
    assert own_segment(collection, 4) == damaged
    assert verify.verify_collection(collection) == []


def test_a_generation_rolled_back_does_not_return_when_its_heir_is_damaged(collection):
    rollback.roll_back(collection, 1)
    assert answering(collection) == (1, ())
    publish(collection, document("state.md", "state 4"))
    break_table(collection, 4)
    assert answering(collection)[0] == 1


def test_one_writer_at_a_time_and_a_dead_one_frees_the_lock(collection):
    code = (
        "import sys, time, pathlib\nfrom indexes.store.locks import lock_collection\n"
        "with lock_collection(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", code, collection],
        stdout=subprocess.PIPE,
        cwd=Path(generations.__file__).parents[2],
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        for job in (
            lambda: publish(collection),
            lambda: garbage.collect_garbage(collection),
            lambda: rollback.roll_back(collection, 1),
        ):
            with pytest.raises(CollectionBusy, match=rf"Another job holds .*{holder.pid}"):
                job()
        assert answering(collection) == (3, ())
        holder.kill()
        holder.wait()
        assert publish(collection, document("state.md", "state 4")).generation == 4


def test_a_removed_lock_file_lets_no_second_writer_in(collection):
    """Two would publish from one base: the later one without what the earlier has acknowledged."""
    with Build(collection, HashEmbedder()) as build:
        (collection / "LOCK").unlink()
        with pytest.raises(CollectionBusy):
            publish(collection, document("second.md", "x"))
        build.add(*document("first.md", "x"))
        assert build.publish().generation == 4
    publish(collection, document("second.md", "x"))
    with Index.open(collection) as index:
        assert {"first.md", "second.md"} <= {one.uri for one in index.iter_documents()}


def test_a_thousand_races_for_the_lock_have_one_winner_at_a_time(collection):
    inside, worst, won, lost = [], [], [], []

    def race(_):
        try:
            with locks.lock_collection(collection):
                inside.append(1)
                worst.append(len(inside))
                won.append(1)
                inside.pop()
        except CollectionBusy:
            lost.append(1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(race, range(1_000)))
    assert max(worst) == 1
    assert len(won) + len(lost) == 1_000
    assert won


def test_leftovers_of_dead_jobs_are_removed_by_the_next(collection):
    (collection / "segments" / ".tmp-1" / "dense").mkdir(parents=True)
    (collection / "segments" / ".tmp-1" / "dense" / "x").write_bytes(b"x")
    (collection / "generations" / ".tmp-4").mkdir()
    (collection / ".tmp-CURRENT").write_bytes(b"4")
    (collection / "segments" / ("f" * 64)).mkdir()
    assert answering(collection) == (3, ())
    with locks.lock_collection(collection):
        pass
    assert not [f for f in collection.rglob("*") if f.name.startswith((".tmp-", "ffff"))]
    assert answering(collection) == (3, ())


@pytest.mark.parametrize("name", [".tmp-x", "segments/.tmp-x", "segments/x", "access/.tmp-x"])
def test_a_link_that_nobody_needs_is_removed_and_what_it_leads_to_stays(collection, tmp_path, name):
    """An operator's, to a folder on another disk, say: every write ended in an error of rmtree."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "kept").write_bytes(b"x")
    (collection / name).symlink_to(other)
    assert publish(collection, document("state.md", "state 4")).generation == 4
    assert not (collection / name).is_symlink()
    assert (other / "kept").exists()


def test_a_linked_segment_goes_as_a_link(collection, tmp_path):
    segment = own_segment(collection, 1)
    shutil.move(segment, tmp_path / "elsewhere")
    segment.symlink_to(tmp_path / "elsewhere")
    assert publish(collection, document("state.md", "state 4"), merge="all").generation == 4
    garbage.collect_garbage(collection, keep=1)
    assert not os.path.lexists(segment)
    assert (tmp_path / "elsewhere" / "MANIFEST.json").exists()
    assert verify.verify_collection(collection) == []


@pytest.mark.parametrize("name", ["CURRENT", "LOCK", "generations/3/MANIFEST.json"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(collection, name):
    (collection / name).unlink(missing_ok=True)
    os.mkfifo(collection / name)
    code = (
        "import sys, pathlib\nfrom indexes.store.locks import lock_collection\nfrom indexes.upkeep.verify import verify_collection\n"
        "from indexes.index import Index\nc = pathlib.Path(sys.argv[1])\n"
        "Index.open(c).close()\nverify_collection(c)\n"
        "with lock_collection(c):\n    pass\n"
    )
    root = Path(generations.__file__).parents[2]
    command = [sys.executable, "-c", code, collection]
    done = subprocess.run(command, cwd=root, capture_output=True, timeout=60, check=False)  # noqa: S603, our own code
    assert (b"LOCK" in done.stderr) == (name == "LOCK")
    assert (done.returncode != 0) == (name == "LOCK")


def test_a_failed_fsync_aborts_and_is_not_tried_again(collection, monkeypatch):
    """Whichever of them fails: the old generation answers, and nothing is left lying about."""
    before = sorted(collection.rglob("*"))
    real, at = os.fsync, 0
    for failing in range(100):
        calls = []

        def fsync(descriptor, calls=calls, failing=failing):
            calls.append(descriptor)
            if len(calls) == failing + 1:
                raise OSError(errno.EIO, "Input/output error")
            real(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)
        try:
            publish(collection, document("state.md", "state 4"))
        except OSError as error:
            assert error.errno == errno.EIO  # noqa: PT017 - the last round raises nothing
            assert len(calls) == failing + 1
            at = failing
        else:
            break
        finally:
            monkeypatch.setattr(os, "fsync", real)
        if (
            generations.read_current_number(collection) == 4
        ):  # only the very last one comes after the swap
            assert answering(collection) == (4, ())
            rollback.roll_back(collection, 3)
            durability.discard_path(folder(collection, 4))
            garbage.collect_garbage(collection)
        assert answering(collection) == (3, ())
        assert sorted(collection.rglob("*")) == before
    assert at >= 20
    assert answering(collection) == (4, ())


def test_reading_marks_a_generation_until_closed(collection):
    index = Index.open(collection)
    assert locks.is_being_read(folder(collection, 3))
    index.close()
    assert not locks.is_being_read(folder(collection, 3))


def test_a_lock_file_from_elsewhere_is_no_obstacle(collection):
    with (collection / "LOCK").open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_UN)
        assert publish(collection, document("state.md", "state 4")).generation == 4
