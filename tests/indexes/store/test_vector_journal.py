import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from fakes import CARD, HashEmbedder, document, publish

from indexes.build import Build
from indexes.index import Index
from indexes.store import failpoints
from indexes.store.segments import CANARY_TEXT
from indexes.store.vector_journal import (
    JOURNAL_FOLDER,
    LEAST_TEXTS,
    VectorJournal,
    hash_text,
    journal_folder,
)

CANARY_VECTOR = HashEmbedder().embed_query(CANARY_TEXT)
TEXTS = [f"words number{n}" for n in range(3 * LEAST_TEXTS)]


def noted(collection, texts):
    vectors = HashEmbedder().embed_passages(texts)
    VectorJournal(collection, CARD, CANARY_VECTOR).keep_vectors(
        dict(zip(map(hash_text, texts), vectors, strict=True))
    )
    return vectors


def test_vectors_that_were_noted_are_found_by_the_next(tmp_path):
    vectors = noted(tmp_path, TEXTS)
    journal = VectorJournal(tmp_path, CARD, CANARY_VECTOR)
    found = journal.find_vectors([*map(hash_text, TEXTS), hash_text("other words")])
    assert (journal.inherited, journal.used, len(found)) == (len(TEXTS), len(TEXTS), len(TEXTS))
    assert all(np.array_equal(found[hash_text(t)], v) for t, v in zip(TEXTS, vectors, strict=True))
    journal.clear_parts()
    assert VectorJournal(tmp_path, CARD, CANARY_VECTOR).inherited == 0


def test_a_few_texts_are_not_worth_a_file(tmp_path):
    noted(tmp_path, TEXTS[: LEAST_TEXTS - 1])
    assert not (tmp_path / JOURNAL_FOLDER).exists()


@pytest.mark.parametrize("damage", ["cut", "flip", "stranger", "half"])
def test_damaged_parts_are_left_out_and_removed(tmp_path, damage):
    noted(tmp_path, TEXTS)
    (part,) = (tmp_path / JOURNAL_FOLDER).glob("*/*")
    body = part.read_bytes()
    changed = {
        "cut": body[:-1],
        "flip": bytes([body[0] ^ 1]) + body[1:],
        "stranger": b"",
        "half": body[: len(body) // 2],
    }
    part.write_bytes(changed[damage])
    assert VectorJournal(tmp_path, CARD, CANARY_VECTOR).inherited == 0
    assert not part.exists()


def test_a_journal_of_0_1_0_is_gone_on_with_and_another_recipe_has_its_own(tmp_path):
    older = {
        "name": CARD.name, "revision": CARD.revision, "dim": CARD.dim, "normalised": True,
        "prefixes": {"query": "", "passage": ""},
    }  # fmt: skip
    body = json.dumps(older, sort_keys=True).encode() + CANARY_VECTOR.astype("<f4").tobytes()
    name = hashlib.sha256(body).hexdigest()[:32]
    assert journal_folder(tmp_path, CARD, CANARY_VECTOR).name == name
    assert journal_folder(tmp_path, replace(CARD, recipe=2), CANARY_VECTOR).name != name


def test_another_embedder_takes_nothing_over(tmp_path):
    noted(tmp_path, TEXTS)
    assert VectorJournal(tmp_path, CARD, np.roll(CANARY_VECTOR, 1)).inherited == 0
    assert not list((tmp_path / JOURNAL_FOLDER).glob("*/*"))


class Interrupted(Exception):
    pass


def test_an_interrupted_build_goes_on_where_it_was(tmp_path):
    held = document("a.md", "\n".join(f"line {n}" for n in range(3_000)))

    def stop(name):
        if name == "texts embedded":
            seen.append(name)
            if len(seen) == 2:  # of twelve slabs
                raise Interrupted

    seen, embedder = [], HashEmbedder()
    with pytest.raises(Interrupted), failpoints.arm_failpoints(stop):
        publish(tmp_path / "c", held, embedder=embedder)
    assert 2 * 256 < len(set(embedder.asked)) < 5 * 256

    done = publish(tmp_path / "c", held, embedder=embedder)

    assert (done.embedded, done.resumed, done.vectors) == (3_000 - 512, 512, 3_000)
    assert not (tmp_path / "c" / JOURNAL_FOLDER).exists()
    publish(tmp_path / "once", held)
    names = [[f.name for f in (tmp_path / c / "segments").iterdir()] for c in ("c", "once")]
    assert names[0] == names[1]
    with Index.open(tmp_path / "c") as index:
        assert index.total == 3_000


def test_what_was_paid_for_is_used_by_another_job_too(tmp_path):
    texts = [f"line {n}" for n in range(1_500)]
    with Build(tmp_path / "c", HashEmbedder()) as build:
        build.add(*document("a.md", "\n".join(texts)))
    done = publish(tmp_path / "c", document("b.md", "\n".join(texts[:100])))
    assert (done.embedded, done.resumed) == (0, 100)
