import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragdesk.support.learning.gap import GapQuestion
from ragdesk.support.learning.gap_report import GapOptions, build_gap_report
from ragdesk.support.learning.question_clusters import choose_representative, cluster_questions

DAY = 86_400
NOW = 1_800_000_000


def asked(turn, text, *, days_ago=1, **more):
    facts = {"person": "p1", "language": "en", "reason": "no_passage", **more}
    return GapQuestion(turn=turn, text=text, time=NOW - days_ago * DAY, **facts)


def embed(texts, _language):
    """Put a text on the axis of its first letter, a little off by its length."""
    vectors = np.zeros((len(texts), 30), dtype=np.float32)
    for row, text in enumerate(texts):
        vectors[row, ord(text[0].lower()) % 26] = 1.0
        vectors[row, 26 + len(text) % 4] = 0.2
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), None


def test_questions_that_ask_the_same_are_one_gap_and_counted_by_people():
    questions = [
        asked("t1", "malta", days_ago=20, documents=("shipping.md",)),
        asked("t2", "malta please", person="p2", documents=("shipping.md", "eu.md")),
        asked("t3", "malta again", person="p2", reason="disliked"),
        asked("t4", "invoice", person="p3"),
        asked("t0", "malta long ago", days_ago=99),
    ]

    gaps = build_gap_report(questions, embed, NOW, GapOptions(days=30))

    assert [(len(gap.questions), gap.persons) for gap in gaps] == [(3, 2), (1, 1)]
    first = gaps[0]
    assert first.reasons == {"no_passage": 2, "disliked": 1}
    assert first.documents == ("shipping.md", "eu.md")
    assert (first.recent, first.earlier) == (2, 1)
    assert first.trend == pytest.approx(1.5)


def test_a_gap_keeps_its_id_when_it_grows():
    questions = [asked("t1", "malta", days_ago=9)]
    before = build_gap_report(questions, embed, NOW, GapOptions())[0]
    after = build_gap_report(
        [*questions, asked("t9", "malta now", person="p7")], embed, NOW, GapOptions()
    )[0]
    assert before.id == after.id


def test_languages_are_told_apart_and_nothing_gives_an_empty_report():
    assert build_gap_report([], embed, NOW, GapOptions()) == ()
    both = [asked("t1", "malta"), asked("t2", "malta", language="zh")]
    assert {gap.language for gap in build_gap_report(both, embed, NOW, GapOptions())} == {
        "en",
        "zh",
    }


@given(st.integers(0, 40), st.integers(0, 2**32 - 1), st.floats(0.1, 0.95))
def test_every_question_is_in_one_group(count, seed, floor):
    rows = np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)

    groups = cluster_questions(rows, rows.mean(axis=0) if count else None, floor)

    assert sorted(number for group in groups for number in group) == list(range(count))
    assert [len(group) for group in groups] == sorted((len(g) for g in groups), reverse=True)
    assert all(choose_representative(rows, group) in group for group in groups)
