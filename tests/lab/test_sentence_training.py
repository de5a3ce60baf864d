"""The help texts that the packaged models learn from, and one step of learning."""

import random

import numpy as np
import pytest

from tests.lab.quality.help_texts import (
    CandidateChooser,
    DocumentBatches,
    HelpBatch,
    read_help_texts,
)


@pytest.fixture(scope="module", params=["en", "zh"])
def texts(request):
    return read_help_texts(request.param)


def test_questions_point_at_units_of_their_own_section(texts):
    assert len(texts.questions) > 8_000
    for question in texts.questions:
        units = texts.documents[question.document]
        assert {units[place].section for place in question.answers} <= {question.section}


def test_no_document_is_learnt_from_and_held_out(texts):
    learnt, held = texts.split_held_out()
    assert learnt
    assert held
    assert not {q.document for q in learnt} & {q.document for q in held}


def test_candidates_hold_what_answers_once(texts):
    chooser, chance = CandidateChooser(texts), random.Random(1)  # noqa: S311 - no secret
    question = next(q for q in texts.questions if q.answers and len(q.answers) == 1)
    units, answers = chooser.choose(question, 6, chance)
    (place,) = question.answers
    right = texts.documents[question.document][place]
    assert [n for n, unit in enumerate(units) if unit is right] == sorted(answers)


def test_a_batch_holds_each_question_and_hides_the_section_that_is_taken_away(texts):
    batches, chance = _batches(texts), random.Random(1)  # noqa: S311
    places = batches.split(2, chance)
    held = {question.document for question in texts.split_held_out()[1]}
    assert not held & {number for pair in places for _, number in pair}
    batch = batches.read(places[0], chance)
    asked = [q for _, number in places[0] for q in texts.questions if q.document == number]
    assert batch.questions == [q.text for q in asked]
    is_hidden = batch.hidden.any(axis=1)
    assert 0 < is_hidden.sum() < sum(bool(q.answers) for q in asked)
    for row, question in enumerate(asked):
        assert bool(batch.answers[row]) == (bool(question.answers) and not is_hidden[row])
        own = texts.documents[question.document]
        for place in batch.answers[row]:
            assert any(batch.units[place].endswith(own[n].text) for n in question.answers)


def _batches(*texts, near_share=1.0, removal_share=0.5):
    return DocumentBatches(texts, near_share=near_share, removal_share=removal_share)


def test_batches_of_two_languages_keep_their_documents_apart_and_some_near_questions():
    both = [read_help_texts("en"), read_help_texts("zh")]
    batches, chance = _batches(*both, near_share=0.5, removal_share=0.0), random.Random(1)  # noqa: S311
    batch = batches.read([(0, 1), (1, 1)], chance)
    own = [[q for q in texts.questions if q.document == 1] for texts in both]
    wanted = [q.text for part in own for q in part if q.answers]
    assert [q for q, held in zip(batch.questions, batch.answers, strict=True) if held] == wanted
    near = sum(not q.answers for part in own for q in part)
    assert 0 < len(batch.questions) - len(wanted) < near
    assert len(batch.units) == sum(len(texts.documents[1]) for texts in both)
    assert not batch.hidden.any()


def test_one_step_brings_the_sentence_that_answers_nearer(cache):
    pytest.importorskip("torch")
    from indexes.embedding.model_files import find_model
    from tests.lab.quality.sentence_training import OPTIONS, SentenceTrainer

    trainer = SentenceTrainer(find_model("packaged-english", cache), OPTIONS["en"])
    units = ["Bills. A copy lies in your account.", "Bills. We send them on Mondays."]
    units += ["Delays. Wait four days.", "Delays. Trains are late, too."]
    questions = ["no invoice", "it is late", "do you sell socks"]
    answers = [frozenset({0}), frozenset({2}), frozenset()]
    batch = HelpBatch(units, questions, answers, np.zeros((3, 4), np.bool_))
    before = trainer.read_matrices()
    losses = [trainer.train_batch(batch, 0.5) for _ in range(3)]
    assert losses[-1] < losses[0]
    after = trainer.read_matrices()
    assert any(np.abs(after[name] - before[name]).max() > 0 for name in before)


def test_a_file_is_cut_to_a_share_of_its_changes_and_to_a_rank(tmp_path):
    pytest.importorskip("torch")
    from indexes.embedding.model_adapter import read_adapter, write_adapter
    from tests.lab.quality.sentence_training import cut_adapter

    before = {"layer": np.zeros((4, 4), np.float32)}
    after = {"layer": np.diag(np.array([4, 3, 2, 1], np.float32))}
    write_adapter(tmp_path / "whole", before, after, base="model", rank=4, card={"minutes": 1})
    cut_adapter(tmp_path / "whole", tmp_path / "half", share=0.5, rank=2)
    half = read_adapter(tmp_path / "half")
    assert np.allclose(half.changes["layer"], np.diag([2, 1.5, 0, 0]), atol=1e-3)
    assert (half.base, half.card) == ("model", {"minutes": 1, "share": 0.5})
