import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import CARD, HashEmbedder, document, publish

from indexes.build import Build
from indexes.errors import CollectionBusy, IndexesError, IndexMismatch
from indexes.index import Index
from indexes.store import generations, manifest
from indexes.store.segments import CANARY_TEXT
from indexes.text.tokens import tokenize_text
from indexes.upkeep import garbage, verify

A = document("a.md", "Refund in 30 days\nTo your card", groups=frozenset({"staff"}))
B = document("b.md", "Shipping takes days\nTo your card")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("build") / "c"
    publish(folder, A, B)
    return folder


@pytest.fixture
def collection(made, tmp_path):
    return shutil.copytree(made, tmp_path / "c")


def files(collection):
    """All files but the journal's: what was paid for outlives a job that fails."""
    found = sorted(f for f in collection.rglob("*") if f.is_file())
    return [f for f in found if "journal" not in f.relative_to(collection).parts]


def held(collection):
    with Index.open(collection) as index:
        assert index.refused == ()
        return {d.uri: (index.read_text(d.uri), d.groups) for d in index.iter_documents()}


def test_counts_tell_what_stands_and_what_was_new(tmp_path):
    first = publish(tmp_path / "c", A, B)
    assert (first.generation, first.documents, first.chunks, first.vectors, first.embedded) == (
        1,
        2,
        4,
        4,
        3,
    )
    second = publish(tmp_path / "c", document("c.md", "To your card\nNew words"))
    assert (second.generation, second.documents, second.chunks, second.embedded) == (2, 3, 6, 1)


def test_a_moved_document_embeds_nothing(collection):
    embedder = HashEmbedder()
    moved = publish(collection, document("z.md", B[0].text), embedder=embedder, removed=[B[0].id])
    assert (moved.embedded, moved.documents, moved.vectors) == (0, 2, 4)
    assert set(embedder.asked) == {CANARY_TEXT}
    with Index.open(collection) as index:
        hits = index.search_dense(HashEmbedder().embed_query("Shipping takes days"), k=1)
        assert (index.read_chunks(hits.rows)[0].uri, hits.scores[0]) == ("z.md", pytest.approx(1))


def test_a_changed_document_takes_the_place_of_the_old_one(collection):
    publish(collection, document("b.md", "Shipping is free"))
    assert held(collection)["b.md"][0] == "Shipping is free"
    with Index.open(collection) as index:
        assert index.total == 3
        found = index.read_chunks(index.search_lexical(tokenize_text("shipping days"), k=9).rows)
        assert "Shipping takes days" not in {c.text for c in found}


def test_groups_change_without_a_segment_or_an_embedding(collection):
    before = {f.name for f in (collection / "segments").iterdir()}
    embedder = HashEmbedder()
    done = publish(
        collection, embedder=embedder, groups={A[0].id: frozenset(), B[0].id: frozenset({"x"})}
    )
    assert (done.generation, done.embedded, set(embedder.asked)) == (2, 0, {CANARY_TEXT})
    assert {f.name for f in (collection / "segments").iterdir()} == before
    assert {uri: groups for uri, (_, groups) in held(collection).items()} == {
        "a.md": frozenset(),
        "b.md": frozenset({"x"}),
    }


def test_removing_all_leaves_an_empty_generation_without_segments(collection):
    done = publish(collection, removed=[A[0].id, B[0].id])
    assert (done.generation, done.documents, done.chunks) == (2, 0, 0)
    with Index.open(collection) as index:
        assert (index.segments, held(collection)) == ((), {})


def test_a_removed_documents_words_are_gone_from_the_disk_after_clearing(collection):
    publish(collection, removed=[A[0].id])
    publish(collection, document("b.md", "Shipping is free"))
    garbage.collect_garbage(collection, keep=1)
    assert not [f for f in files(collection) if b"Refund in 30" in f.read_bytes()]
    assert verify.verify_collection(collection) == []


def test_nothing_to_do_makes_no_generation(collection):
    before = files(collection)
    done = publish(collection, groups={A[0].id: A[0].groups})
    assert (done.generation, done.changed, done.documents, done.embedded) == (1, False, 2, 0)
    assert files(collection) == before


def test_taking_in_the_same_again_is_one_generation_and_no_new_segment(collection):
    done = publish(collection, A, B)
    assert (done.generation, done.documents, done.embedded) == (2, 2, 0)
    assert len(list((collection / "segments").iterdir())) == 1
    assert verify.verify_collection(collection) == []


@pytest.mark.parametrize("when", ["before", "after", "busy"])
def test_leaving_without_publishing_changes_nothing(collection, when):
    before = files(collection)

    def leave():
        with Build(collection, HashEmbedder()) as build:
            if when == "after":
                build.add(*document("c.md", "New words"))
            if when == "busy":
                publish(collection, document("c.md", "New words"))
            raise InterruptedError

    with pytest.raises(CollectionBusy if when == "busy" else InterruptedError):
        leave()
    assert files(collection) == before
    assert publish(collection, document("c.md", "New words")).generation == 2


def test_wrong_calls_are_refused(collection):
    with Build(collection, HashEmbedder()) as build:
        build.add(*B)
        with pytest.raises(ValueError, match="added twice"):
            build.add(*B)
        for ids in ({"removed": ["nobody"]}, {"groups": {"nobody": frozenset()}}):
            with pytest.raises(ValueError, match="No document has the id nobody"):
                build.publish(**ids)


def test_two_documents_of_one_uri_and_source_are_refused(collection):
    before = files(collection)
    with pytest.raises(ValueError, match="two documents"):
        publish(collection, document("c.md", "one"), document("c.md", "two"))
    assert files(collection) == before


def test_another_embedder_means_that_everything_is_embedded_anew(collection):
    other = HashEmbedder(replace(CARD, revision="2"))
    done = publish(
        collection,
        document("c.md", "New words"),
        embedder=other,
        groups={B[0].id: frozenset({"x"})},
    )
    assert (done.documents, done.vectors, done.embedded) == (3, 5, 4)
    with Index.open(collection, card=other.card) as index:
        assert len(index.segments) == 1
        hits = index.search_dense(other.embed_query("Shipping takes days"), k=1)
        assert (index.read_chunks(hits.rows)[0].uri, hits.scores[0]) == ("b.md", pytest.approx(1))
        assert index.read_record("a.md") == A[0]
        assert index.read_record("b.md") == replace(B[0], groups=frozenset({"x"}))
    assert verify.verify_collection(collection) == []


class Retrained(HashEmbedder):
    """Another model under the same card."""

    def embed_passages(self, texts):
        return np.roll(super().embed_passages(texts), 1, axis=1)


def test_a_model_changed_under_its_name_means_the_same(collection):
    with Build(collection, Retrained()) as build:
        assert "canary" in build.stale_reason
        assert build.publish().embedded == 3
    with Build(collection, Retrained()) as build:
        assert build.stale_reason is None


def test_what_a_newer_version_wrote_is_left_alone(collection):
    file = collection / "generations" / "1" / manifest.MANIFEST_FILE
    file.write_text(
        json.dumps(json.loads(file.read_text()) | {"min_reader": manifest.MANIFEST_FORMAT + 1})
    )
    before = files(collection)
    with pytest.raises(IndexMismatch, match="upgrade"):
        publish(collection, A)
    assert files(collection) == before


def test_an_embedder_that_fails_leaves_nothing_behind(collection):
    class Failing(HashEmbedder):
        def embed_passages(self, texts):
            if CANARY_TEXT not in texts:
                raise IndexesError("The model fell over.")
            return super().embed_passages(texts)

    before = files(collection)
    with pytest.raises(IndexesError, match="fell over"):
        publish(collection, document("c.md", "New words"), embedder=Failing())
    assert files(collection) == before


def test_progress_is_told_in_chunks_and_embedded_texts(tmp_path):
    told = []
    text = "\n".join(f"line {n}" for n in range(1_500))
    with Build(tmp_path / "c", HashEmbedder(), progress=lambda *now: told.append(now)) as build:
        build.add(*document("a.md", text))
        build.publish()
    assert told[:2] == [(256, 256), (512, 512)]
    assert told[-1] == (1_500, 1_500)


def full_disk(collection):
    """Publish under ever larger limits on the size of a file: each file in turn is the one that fails."""
    import resource  # noqa: PLC0415 - in the child only

    template = collection.with_name("template")
    publish(template, *FULL)
    sizes = sorted({f.stat().st_size for f in files(template)} - {0})
    before, failed = files(collection), 0
    for limit in [0, *(size - 1 for size in sizes), 1 << 30]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            publish(collection, *FULL)
        except OSError:
            failed += 1
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        if limit < 1 << 30:
            assert held(collection)["a.md"][0] == A[0].text, limit
            assert files(collection) == before, limit
    assert failed == len(sizes) + 1, (failed, sizes)
    assert held(collection)["a.md"][0] == FULL[0][0].text
    assert generations.read_current_number(collection) == 2
    sys.stdout.write(f"failed {failed}\n")


FULL = [
    document("a.md", "\n".join(f"other words {n}" for n in range(120))),
    document("d.md", "x y"),
]


def test_a_full_disk_is_raised_and_leaves_nothing_behind(collection):
    done = subprocess.run(  # noqa: S603 - our own code, in a process that may be limited
        [
            sys.executable,
            "-c",
            "import sys, pathlib, test_build as t; t.full_disk(pathlib.Path(sys.argv[1]))",
            collection,
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([".", "tests", "tests/indexes"])},
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[1]) > 10
