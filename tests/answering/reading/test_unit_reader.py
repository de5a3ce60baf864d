"""What a reader sees of a unit, and what its scores mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from contracts import RerankerContract

from indexes.chunk import Chunk, Passage
from indexes.embedding.quantised_weights import QuantisedWeights, find_packaged_weights
from indexes.embedding.unigram_tokenizer import UnigramTokenizer, write_unigram_file
from indexes.text.tokens import tokenize_text
from ragdesk.answering.reading.reader_reranker import ReaderReranker
from ragdesk.answering.reading.reading_options import ReaderOptions
from ragdesk.answering.reading.unit_reader import (
    LEAD_TOKENS,
    QUESTION_TOKENS,
    UNIT_TOKENS,
    ReaderInput,
    UnitReader,
    UnitReading,
    encode_pairs,
    list_inputs,
    score_units,
    weigh_reading,
)


class WordReader(UnitReader):
    """Scores a unit by the words that it shares with the question."""

    def __call__(self, question: str, units: Sequence[ReaderInput]) -> UnitReading:
        words = set(tokenize_text(question))
        shares = [len(words.intersection(tokenize_text(unit.text))) for unit in units]
        return weigh_reading(np.array(shares, dtype=np.float32) - 2)


def make_chunk(text: str, **changes: object) -> Chunk:
    facts = {"document": "d", "uri": "a.md", "title": "Ferry", "text": text, "start": 10}
    return Chunk(**{**facts, "end": 10 + len(text), **changes})  # type: ignore[arg-type]


def test_units_have_their_headings_and_the_sentence_before_as_lead():
    chunk = make_chunk("It sails at nine. A car costs 20 €.", path=("Ferry", "Fares"))
    assert list_inputs(chunk) == [
        ReaderInput("It sails at nine.", "Ferry › Fares"),
        ReaderInput("A car costs 20 €.", "Ferry › Fares\nIt sails at nine."),
    ]


def test_a_row_has_the_head_of_its_table_as_lead():
    chunk = make_chunk("| Car | 20 € |", lead="Ferry\n| What | Fare |", kind="table")
    assert list_inputs(chunk) == [ReaderInput("| Car | 20 € |", "Ferry\n| What | Fare |")]


def test_the_question_of_an_entry_is_read_before_its_answer_and_is_no_unit():
    chunk = make_chunk("Can dogs come?\nYes, on a lead.", question=(10, 24), kind="faq")
    assert list_inputs(chunk) == [ReaderInput("Yes, on a lead.", "Ferry\nCan dogs come?")]


def test_long_questions_leads_and_units_are_clipped(tmp_path):
    file = find_packaged_weights()
    if file is None:
        pytest.skip("the weights of the packaged multilingual model are not installed")
    target = Path(tmp_path, "pieces.unigram")
    write_unigram_file(QuantisedWeights(file).pieces, target, version="")
    pieces = UnigramTokenizer(target)
    text = " ".join(f"word{number}" for number in range(300))
    (pair,) = encode_pairs(pieces, text, [ReaderInput(text, text)])
    assert pair.unit[1] - pair.unit[0] == UNIT_TOKENS
    assert len(pair.ids) == QUESTION_TOKENS + LEAD_TOKENS + UNIT_TOKENS + 5
    (short,) = encode_pairs(pieces, "When?", [ReaderInput("At nine.", "Ferry")])
    own = short.ids[slice(*short.unit)]
    assert own == tuple(pieces.encode("At nine.", 50)[1:-1])


def test_scores_are_log_odds_against_no_unit_answers():
    assert weigh_reading(np.array([2.0], np.float32)).answerable == pytest.approx(0.8808, abs=1e-4)
    assert weigh_reading(np.zeros(0, np.float32)).answerable == 0
    sure = weigh_reading(np.array([60.0, -60.0], np.float32)).answerable
    assert sure == pytest.approx(1.0)


class TestReaderReranker(RerankerContract):
    texts = (
        "The ferry sails at nine.",
        "Dogs may come for free.",
        "A car costs 20 € on the ferry.",
        "Tickets are sold on board.",
    )
    rerank = staticmethod(lambda depth: ReaderReranker(WordReader(), depth))


def test_a_passage_ranks_by_its_best_unit():
    passages = [
        Passage(chunk=make_chunk(text), score=0.5)
        for text in (
            "It sails at nine. Bring a coat.",
            "Dogs sleep. Dogs may come on the ferry for free. Cats may not.",
        )
    ]
    behind = Passage(chunk=make_chunk("Dogs may come on the ferry?"), score=0.1)
    ordered = ReaderReranker(WordReader(), depth=2)("May dogs come?", [*passages, behind])
    assert [p.chunk.text for p in ordered] == [
        passages[1].chunk.text,
        passages[0].chunk.text,
        behind.chunk.text,
    ]
    assert ordered[0].score > ordered[1].score >= 0.1
    assert ReaderReranker(WordReader(), depth=2)("May dogs come?", []) == ()


@dataclass
class Unit:
    reading_text: str
    lead: str = ""


def test_the_best_units_are_read_and_no_more():
    units = [Unit("Dogs may come."), Unit("Cats stay ashore."), Unit("May dogs come?")]
    reading = score_units(WordReader(), "May dogs come?", units, most=2)
    assert len(reading.scores) == 2
    assert reading.scores[0] > reading.scores[1]


def test_options_out_of_range_are_refused():
    with pytest.raises(ValueError, match="units must lie in"):
        ReaderOptions(units=0)
