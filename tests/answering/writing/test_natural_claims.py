"""What a small model writes by itself: rows, subjects and codes exchanged, the question said back."""

import pytest

from indexes.chunk import Chunk, Passage
from ragdesk.answering.answer import ClaimVerdict
from ragdesk.answering.retrieval.question_analysis import analyze_question
from ragdesk.answering.statement import Statement
from ragdesk.answering.writing.answer_need import meets_need
from ragdesk.answering.writing.claim_check import ClaimChecker
from ragdesk.answering.writing.writing_options import VerifyOptions

SAID = {ClaimVerdict.SUPPORTED, ClaimVerdict.PARTIAL}
CODES = "Code | Meaning | What to do\nK31 | Lamp too weak | Change the bulb\nK44 | Belt torn | Call the workshop"
FARES = "Ticket | Adults | Children\nDay | €12 | €7\nWeek | €40 | €22"
FERRY = (
    "The captain collects the pass on board. Bicycles travel for free. "
    "The ticket is valid for 3 days. Dogs stay on deck for the whole trip."
)


def verdict(claim: str, evidence: str, question: str, *, kind: str = "prose") -> ClaimVerdict:
    chunk = Chunk(
        document="d", uri="a.md", title="Ferry", path=("Ferry", "On board"), text=evidence, start=0,
        end=len(evidence), kind=kind,
    )  # fmt: skip
    check = ClaimChecker(options=VerifyOptions(), idf=lambda _: 1.0)
    return check(claim, [Passage(chunk=chunk, score=1.0)], question).verdict


@pytest.mark.parametrize(
    ("claim", "evidence", "question"),
    [
        ("K99 means that the lamp is too weak.", CODES, "What does K99 mean?"),
        ("K44 means that the lamp is too weak.", CODES, "What does K44 mean?"),
        ("A day ticket costs €7 for adults.", FARES, "What does a day ticket cost?"),
        ("A day ticket costs €40.", FARES, "What does a day ticket cost?"),
        ("Bicycles stay on deck for the whole trip.", FERRY, "Where do bicycles stay?"),
        ("The deck is valid for 3 days.", FERRY, "How long is the ticket valid?"),
        ("Bicycles travel for free. Dogs travel for free.", FERRY, "Who travels for free?"),
    ],
)
def test_words_that_stand_apart_bear_no_claim(claim, evidence, question):
    kind = "table" if "|" in evidence else "prose"
    assert verdict(claim, evidence, question, kind=kind) not in SAID


@pytest.mark.parametrize(
    ("claim", "evidence", "question"),
    [
        ("K44 means that the belt is torn: call the workshop.", CODES, "What does K44 mean?"),
        ("A day ticket costs €12 for adults.", FARES, "What does a day ticket cost?"),
        ("Dogs stay on deck for the whole trip.", FERRY, "Where do dogs stay?"),
        ("The ticket is valid for 3 days.", FERRY, "How long is the ticket valid?"),
    ],
)
def test_what_one_piece_bears_stands(claim, evidence, question):
    kind = "table" if "|" in evidence else "prose"
    assert verdict(claim, evidence, question, kind=kind) in SAID


FEE = (
    "Cleaning fee: 45 EUR. It is charged within 3 days after you return the van. "
    "The tank holds 60 litres."
)


@pytest.mark.parametrize(
    ("claim", "evidence", "is_borne"),
    [
        ("The cleaning fee is 45 EUR and is charged within 3 days after the return.", FEE, True),
        ("The cleaning fee is 45 EUR, and the tank holds 60 litres.", FEE, True),
        ("The tank holds 60 litres and is charged within 3 days.", FEE, False),
        ("The tank is charged within 3 days.", FEE, False),
        (
            "The cleaning fee is 45 EUR and is charged within 3 days after you return the van.",
            FEE.replace("It is", "The fuel is"),
            False,
        ),
    ],
)
def test_each_clause_of_a_claim_may_have_a_sentence_of_its_own(claim, evidence, is_borne):
    said = verdict(claim, evidence, "What must I know of the van?")
    assert (said in SAID) is is_borne


@pytest.mark.parametrize(
    ("claim", "evidence", "question"),
    [
        ("行李的运费由我们承担。", "行李的运费由顾客承担。", "运费谁付？"),
        ("儿童票可以退。", "成人票可以退。儿童票不可以退。", "哪种票可以退？"),
    ],
)
def test_subjects_and_denials_are_told_apart_in_chinese(claim, evidence, question):
    assert verdict(claim, evidence, question) not in SAID


@pytest.mark.parametrize(
    ("claim", "question"),
    [
        ("Ferry › On board", "Where is the deck?"),
        ("How long the ticket is valid.", "How long is the ticket valid?"),
        ("How long is the ticket valid?", "How long is the ticket valid?"),
        ("42", "How many dogs may come?"),
    ],
)
def test_the_question_and_a_heading_claim_nothing(claim, question):
    assert verdict(claim, FERRY, question) is ClaimVerdict.NO_CLAIM


def test_a_true_sentence_about_something_else_answers_nothing():
    analysis = analyze_question("How long is the ticket valid?")
    assert meets_need(analysis, Statement("The ticket is valid for 3 days.", (), 1.0))
    assert not meets_need(analysis, Statement("Bicycles travel for free.", (), 1.0))
    assert not meets_need(analyze_question("Is K99 bad?"), Statement("The belt is torn.", (), 1.0))
