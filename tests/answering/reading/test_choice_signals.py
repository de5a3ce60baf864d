"""What is measured of the answer that would be said, and what the decision makes of it."""

import pytest
from fakes import HashEmbedder, HashEncoder, document, publish

from indexes.embedding.background import measure_background
from indexes.index import Index
from ragdesk.answering.answer import Question
from ragdesk.answering.decision import answer_likelihood
from ragdesk.answering.reading import choice_signals
from ragdesk.answering.reading.sentence_comparer import SentenceComparer
from ragdesk.answering.reading.sentence_extractor import SentenceExtractor
from ragdesk.answering.retrieval.part_retrieval import retrieve_parts
from ragdesk.answering.retrieval.question_analysis import analyze_question
from ragdesk.answering.retrieval.retriever import Retriever

TEXTS = {
    "faults.md": "Fault F31 means that the belt is loose. Tighten the belt by the left wheel.",
    "delivery.md": "We deliver the loom to Norway within nine days. Fault reports go to the desk.",
    "rates.md": "Parcels of 0 to 2 kg cost 4 EUR. Parcels of 3 to 9 kg cost 8 EUR.",
}


@pytest.fixture(scope="module")
def read_passages(tmp_path_factory):
    embedder = HashEmbedder()
    collection = tmp_path_factory.mktemp("home") / "default"
    publish(collection, *(document(*item) for item in TEXTS.items()), embedder=embedder)
    with Index.open(collection, card=embedder.card) as index:
        retrieve = Retriever(
            index=index, embedder=embedder, background=measure_background(embedder)
        )
        extract = SentenceExtractor(
            embedder=embedder,
            document_text=index.read_text_by_id,
            context_chunks=retrieve.context_chunks,
            is_answerable=lambda _: True,
            comparers={"en": SentenceComparer(HashEncoder)},
        )

        def read(text):
            found = retrieve_parts(
                retrieve, Question(text=text), analyze_question(text), answer_likelihood
            )
            return extract.read_passages(found)

        yield read


def test_the_answer_is_of_the_best_passage_and_holds_the_code(read_passages):
    signals = read_passages("What does fault F31 of the belt mean?").signals
    assert signals["answer_place"] == signals["answer_names"] == signals["answer_own_language"] == 1
    assert signals["answer_no_code"] == 0
    assert signals["answer_nearest"] == (signals["answer"] == signals["unit"])


def test_a_code_that_nothing_says_makes_an_answer_unlikely(read_passages):
    known = read_passages("What does fault F31 mean?").signals
    unknown = read_passages("What does fault F77 mean?").signals
    assert (known["answer_no_code"], unknown["answer_no_code"]) == (0, 1)
    named = {**unknown, "answer_no_code": 0.0, "answer_names": 1.0}
    assert answer_likelihood(unknown) < answer_likelihood(named) / 2


def test_of_a_known_code_its_other_words_count_too(read_passages):
    asked = read_passages("What does fault F31 of the belt mean?").signals
    other = read_passages("What does the guarantee of F31 cost?").signals
    assert asked["answer_code"] > other["answer_code"] == 0
    assert asked["answer_figures"] == other["answer_figures"] == 0  # 31 is no number that is asked


def test_a_unit_whose_range_holds_the_number_is_what_is_meant(read_passages):
    inside = read_passages("What do parcels of 5 kg cost?").signals
    none = read_passages("What do parcels cost?").signals
    assert (inside["answer_fits"], none["answer_fits"]) == (1, 0)
    assert answer_likelihood(inside) > answer_likelihood({**inside, "answer_fits": 0.0})


def test_where_neither_side_has_what_is_asked_no_rule_settles_it(read_passages):
    signals = read_passages("Which has the longer guarantee, the belt or the loom?").signals
    assert signals["answer_fits"] == 0


def test_an_answer_that_is_far_from_the_question_is_seen_to_be(read_passages):
    near = read_passages("What does fault F31 of the belt mean?").signals
    far = read_passages("Does your left wheel sing songs at weddings in June?").signals
    assert near["answer_far"] < far["answer_far"]
    assert read_passages("退款需要多久 F31").signals.get("answer_far", 0.0) == 0


def test_what_a_code_and_all_other_words_name_need_not_be_close(read_passages, monkeypatch):
    monkeypatch.setattr(choice_signals, "LEAST_CLOSE", 0.9)
    named = read_passages("F31 belt").signals
    assert (named["answer_code"], named["answer_far"]) == (1, 0)
    half = read_passages("F31 belt guarantee").signals
    assert 0 < half["answer_code"] < 1
    assert 0 < half["answer_far"] < 0.9 - half["answer"]


def test_a_sentence_that_is_far_from_the_question_is_no_answer_however_it_stands_out():
    near = {"unit": 0.5, "dense": 0.5, "answer_match": 0.5, "answer_spread": 0.8}
    assert answer_likelihood({**near, "answer_far": 0.3}) < answer_likelihood(near) / 2


def test_of_few_units_no_spread_is_told(read_passages):
    signals = read_passages("What does fault F31 of the belt mean?").signals
    assert signals["answer_match"] > 0
    assert "answer_spread" not in signals  # of so few units


@pytest.mark.parametrize(("place", "met"), [("Norway", 1), ("Iceland", 0)])
def test_a_name_that_the_passage_does_not_hold_is_seen(read_passages, place, met):
    signals = read_passages(f"Do you deliver the loom to {place}?").signals
    assert signals["answer_names"] == met


def test_of_two_questions_in_one_the_signals_are_those_of_one_part(read_passages):
    found = read_passages("Do you deliver the loom to Iceland? What does fault F31 mean?")
    best = max(found.parts, key=lambda part: answer_likelihood(part.signals))
    assert len(found.parts) == 2
    assert found.signals.items() >= best.signals.items()


def test_an_answer_in_its_own_language_below_foreign_passages_counts_for_itself():
    foreign = {"unit": 0.5, "dense": 0.5, "top": 0.25, "vectors_alone": 1.0, "words": 2.0}
    own = {**foreign, "answer_own_language": 1.0, "answer_place": 0.25}
    assert answer_likelihood(own) < answer_likelihood(foreign)
