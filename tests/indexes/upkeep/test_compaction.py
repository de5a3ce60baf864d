import pytest
from fakes import HashEmbedder, document, publish
from hypothesis import given
from hypothesis import strategies as st

from indexes.index import Index
from indexes.store.segments import CANARY_TEXT
from indexes.upkeep import compaction, garbage, verify
from indexes.upkeep.compaction import INLINE_CHUNKS, MERGE_FAN, SegmentSize, choose_segments


def test_publishing_one_document_again_and_again_keeps_segments_few(tmp_path):
    for step in range(40):
        publish(tmp_path / "c", document(f"{step}.md", f"words number{step}"))
    with Index.open(tmp_path / "c") as index:
        assert index.total == 40
        assert len(index.segments) <= 2 * MERGE_FAN
        assert {c.text for c in index.read_chunks(range(40))} == {
            f"words number{n}" for n in range(40)
        }
    garbage.collect_garbage(tmp_path / "c", keep=1)
    assert verify.verify_collection(tmp_path / "c") == []


def test_merging_embeds_nothing_and_changes_no_content(tmp_path):
    for step in range(5):
        held = [document(f"{step % 3}.md", f"words\nnumber{step}"), document(f"x{step}.md", "x y")]
        publish(tmp_path / "c", *held, merge="none")
    embedder = HashEmbedder()
    with Index.open(tmp_path / "c") as index:
        before, generation = index.digest_content(), index.generation
        assert (len(index.segments), len(index.dead)) == (5, 2)
    done = publish(tmp_path / "c", embedder=embedder, merge="all")
    assert (done.generation, done.embedded, set(embedder.asked)) == (
        generation + 1,
        0,
        {CANARY_TEXT},
    )
    with Index.open(tmp_path / "c") as index:
        assert (len(index.segments), index.dead, index.digest_content()) == (1, {}, before)
    assert not publish(tmp_path / "c", merge="all").changed


def test_content_digests_tell_collections_apart_and_not_how_they_were_made(tmp_path):
    held = [document("a.md", "one\ntwo"), document("b.md", "three")]
    digests = []
    for name, jobs in {"1": [held], "2": [held[:1], held[1:]], "3": [held[:1]]}.items():
        for job in jobs:
            publish(tmp_path / name, *job)
        with Index.open(tmp_path / name) as index:
            digests.append(index.digest_content())
    assert digests[0] == digests[1] != digests[2]
    publish(tmp_path / "1", groups={held[0][0].id: frozenset({"x"})})
    with Index.open(tmp_path / "1") as index:
        assert index.digest_content() != digests[0]


sizes = st.lists(st.integers(1, 100_000), max_size=60).flatmap(
    lambda chunks: st.tuples(*(st.integers(0, n).map(lambda live, n=n: (n, live)) for n in chunks))
)


@given(sizes, st.sampled_from(["none", "small", "due", "all"]))
def test_a_choice_is_worth_its_while(pairs, merge):
    given_ = [SegmentSize(str(n), chunks, live) for n, (chunks, live) in enumerate(pairs) if live]
    chosen = set(choose_segments(given_, merge))
    part = [size for size in given_ if size.digest in chosen]
    assert len(part) == len(chosen)
    wasteful = {s.digest for s in given_ if s.chunks - s.live > compaction.MOST_WASTE * s.chunks}
    if merge == "small":
        assert not part or sum(s.live for s in part) <= MERGE_FAN * INLINE_CHUNKS
    if merge == "due":
        assert wasteful <= chosen
        rest = [s.tier for s in given_ if s.digest not in chosen]
        assert all(rest.count(tier) < MERGE_FAN for tier in rest)
    if len(part) == 1 and merge != "none":
        assert part[0].live < part[0].chunks or merge == "all"


@pytest.mark.parametrize("count", [1, 7, 8, 64, 500])
def test_what_is_left_after_merging_all_that_is_due_is_a_few_segments_a_tier(count):
    held, written = [], 0
    for n in range(count):
        held.append(SegmentSize(f"{n}", 10, 10))
        if due := set(choose_segments(held, "due")):
            live = sum(s.live for s in held if s.digest in due)
            held = [s for s in held if s.digest not in due] + [SegmentSize(f"m{n}", live, live)]
            written += live
    assert sum(s.live for s in held) == 10 * count
    assert len(held) < MERGE_FAN * 3
    assert written <= 10 * count * 12  # a chunk is written again about once a tier, and at its foot
