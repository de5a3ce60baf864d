from dataclasses import replace

import numpy as np
import pytest
from fakes import CARD, HashEmbedder, document

from indexes.chunk import Chunk
from indexes.chunk_views import iter_views
from indexes.errors import IndexDamaged, IndexesError
from indexes.store import manifest, segments
from indexes.store.segment_draft import SLAB_ENTRIES, SegmentDraft
from indexes.store.segments import Segment
from indexes.text.tokens import TOKENS_VERSION


def written(folder, held, embedder=None, known=lambda digests: {}, progress=None):
    draft = SegmentDraft(
        folder / "draft", embedder or HashEmbedder(), known=known, progress=progress
    )
    try:
        for record, chunks in held:
            draft.take_document(record, chunks)
        digest = draft.finish_segment({"splitter": {"max_tokens": 180}})
    except IndexesError:
        draft.discard()
        raise
    final = folder / digest
    if final.exists():
        draft.discard()
    else:
        (folder / "draft").rename(final)
    return final, draft


HELD = [
    document("a.md", "Refund in 30 days\nRefund in 30 days"),
    document("b.md", "退款需要十四天\nOrder RD-1"),
]


def test_what_a_segment_holds_stands_in_its_manifest(tmp_path):
    folder, draft = written(tmp_path, HELD)
    segment = Segment(folder, card=CARD)
    assert segment.facts["counts"] == {"documents": 2, "chunks": 4, "entries": 4, "vectors": 4}
    assert segment.facts["embedder"] == {
        "name": "hash",
        "revision": "1",
        "dim": 16,
        "normalised": True,
        "recipe": 1,
        "prefixes": {"query": "", "passage": ""},
    }
    assert segment.facts["tokens"] == segment.tokens_version == TOKENS_VERSION
    assert segment.facts["splitter"] == {"max_tokens": 180}
    assert (segment.chunks, segment.entries, segment.dense.count) == (4, 4, 4)
    assert np.array_equal(segment.canary, HashEmbedder().embed_passages([segments.CANARY_TEXT])[0])
    assert draft.embedded == 3
    segment.close()


@pytest.mark.parametrize("version", ["2", -1, True, None, [1]])
def test_words_of_a_version_that_is_no_number_are_damage(tmp_path, version):
    folder, _ = written(tmp_path, HELD)
    facts = {**manifest.read_manifest(folder).facts, "tokens": version}
    (folder / manifest.MANIFEST_FILE).unlink()
    digest = manifest.seal_folder(folder, facts).checksum
    with pytest.raises(IndexDamaged, match="does not count"):
        Segment(folder.rename(tmp_path / digest))


def test_the_same_documents_make_the_same_segment(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    assert written(tmp_path / "1", HELD)[0].name == written(tmp_path / "2", HELD)[0].name


def test_a_segment_under_another_name_is_refused(tmp_path):
    folder, _ = written(tmp_path, HELD)
    other = folder.rename(tmp_path / ("0" * 64))
    with pytest.raises(IndexDamaged, match="belongs to another segment"):
        Segment(other)


def test_a_faq_entry_is_indexed_by_question_answer_and_both(tmp_path):
    record, (chunk,) = document("f.csv", "How long? Two weeks.")
    faq = replace(chunk, lead="Returns", question=(0, 9))
    assert list(iter_views(faq)) == [
        (0, "Returns\nHow long? Two weeks."),
        (1, "How long?"),
        (2, "Two weeks."),
    ]
    folder, _ = written(tmp_path, [(record, [faq])])
    segment = Segment(folder)
    assert segment.kinds.tolist() == [0, 1, 2]
    assert segment.owners.tolist() == [0, 0, 0]
    assert segment.dense.count == segment.lexical.count == 3
    entries, places = segment.entries_of(np.array([0, 0]))
    assert (entries.tolist(), places.tolist()) == ([0, 1, 2, 0, 1, 2], [0, 0, 0, 1, 1, 1])
    segment.close()


@pytest.mark.parametrize("question", [(0, 0), (0, 20), (3, 3)])
def test_a_question_without_an_answer_is_just_a_chunk(question):
    _, (chunk,) = document("f.csv", "How long? Two weeks.")
    assert [kind for kind, _ in iter_views(replace(chunk, question=question))] == [0]


def test_what_the_model_cannot_read_gets_no_vector(tmp_path):
    folder, _ = written(tmp_path, HELD, HashEmbedder(replace(CARD, reads_cjk=False)))
    segment = Segment(folder)
    assert segment.facts["counts"] == {"documents": 2, "chunks": 4, "entries": 4, "vectors": 3}
    assert segment.dense.rows.tolist() == [0, 1, 3]
    segment.close()


def test_a_text_without_direction_gets_no_vector(tmp_path):
    folder, _ = written(tmp_path, [document("a.md", "!!!\nwords\n???")])
    segment = Segment(folder)
    assert segment.dense.rows.tolist() == [1]
    segment.close()


class Broken(HashEmbedder):
    """Gives no number for texts that say so, and longer vectors for some."""

    def embed_passages(self, texts):
        vectors = super().embed_passages(texts)
        for text, vector in zip(texts, vectors, strict=True):
            vector[:] = np.nan if "bad" in text else vector * (3 if "long" in text else 1)
        return vectors


def test_vectors_that_are_no_numbers_are_left_out_and_long_ones_cut_to_one(tmp_path):
    folder, _ = written(tmp_path, [document("a.md", "one\ntwo\nbad\nlong")], Broken())
    segment = Segment(folder)
    assert segment.dense.rows.tolist() == [0, 1, 3]
    np.testing.assert_allclose(
        np.linalg.norm(segment.dense.vectors_at([0, 1, 2]), axis=1), 1, rtol=1e-6
    )
    segment.close()


def test_an_embedder_that_gives_no_numbers_stops_the_work(tmp_path):
    with pytest.raises(IndexesError, match="no number for 2 of 3 texts"):
        written(tmp_path, [document("a.md", "one\nbad\nworse bad")], Broken())


def test_repeated_texts_are_embedded_once_however_far_apart(tmp_path):
    line = [f"line {n % (SLAB_ENTRIES + 7)}" for n in range(2 * SLAB_ENTRIES + 100)]
    embedder, told = HashEmbedder(), []
    folder, draft = written(
        tmp_path,
        [document("a.md", "\n".join(line))],
        embedder,
        progress=lambda done, embedded: told.append((done, embedded)),
    )
    assert draft.embedded == SLAB_ENTRIES + 7
    assert sorted(embedder.asked) == sorted({*line, segments.CANARY_TEXT})
    assert [done for done, _ in told] == [SLAB_ENTRIES, 2 * SLAB_ENTRIES, 2 * SLAB_ENTRIES + 100]
    assert told[-1][1] == SLAB_ENTRIES + 7
    segment = Segment(folder)
    assert np.array_equal(
        segment.dense.vectors_at(range(len(line))), HashEmbedder().embed_passages(line)
    )
    segment.close()


def test_vectors_that_are_known_are_not_asked_for(tmp_path):
    embedder, (record, chunks) = HashEmbedder(), document("a.md", "one\ntwo")
    taken = HashEmbedder().embed_passages(["one", "two"])
    _, draft = written(
        tmp_path,
        [(record, chunks)],
        embedder,
        known=lambda digests: dict(zip(digests, taken, strict=True)),
    )
    assert (draft.embedded, embedder.asked) == (0, [segments.CANARY_TEXT])


def test_a_chunk_that_is_no_span_of_its_document_is_refused_and_leaves_no_trace(tmp_path):
    record, (chunk, *_) = document("a.md", "one\ntwo")
    draft = SegmentDraft(tmp_path / "d", HashEmbedder(), known=lambda digests: {})
    for bad in (
        replace(chunk, text="onE"),
        replace(chunk, end=4),
        replace(chunk, document="other"),
    ):
        with pytest.raises(ValueError, match="not a span"):
            draft.take_document(record, [chunk, bad])
    surrogate = Chunk(document="s", uri="s", title="s", text="\ud800", start=0, end=1)
    with pytest.raises(ValueError, match="surrogate"):
        draft.take_document(replace(record, id="s", uri="s", text="\ud800"), [surrogate])
    assert (draft.document_count, draft.chunk_count) == (0, 0)
    draft.take_document(record, [chunk])
    draft.discard()
    assert not list(tmp_path.iterdir())


def test_documents_without_words_are_kept(tmp_path):
    folder, _ = written(tmp_path, [document("empty.md", "")])
    segment = Segment(folder)
    assert (segment.chunks, segment.entries) == (0, 0)
    assert segment.chunk_store.load_text(document("empty.md", "")[0].id) == ""
    segment.close()
