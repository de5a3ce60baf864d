"""Sentences held against what they cite: what a short answer to yes or no may say."""

import pytest

from indexes.chunk import Chunk, Passage
from ragdesk.answering.answer import ClaimVerdict
from ragdesk.answering.writing.claim_check import ClaimChecker
from ragdesk.answering.writing.writing_options import VerifyOptions

ALLOWED = "You may return a used machine within 30 days."
DENIED = "A used machine cannot be returned."
QUESTION = "May I return a used machine?"


def standing(claim: str, evidence: str, question: str = QUESTION) -> ClaimVerdict:
    chunk = Chunk(document="d", uri="a.md", title="A", text=evidence, start=0, end=len(evidence))
    check = ClaimChecker(options=VerifyOptions(), idf=lambda _: 1.0)
    return check(claim, [Passage(chunk=chunk, score=1.0)], question).verdict


@pytest.mark.parametrize(
    ("claim", "evidence", "wanted"),
    [
        ("Yes.", ALLOWED, ClaimVerdict.PARTIAL),
        ("Yes, you may.", ALLOWED, ClaimVerdict.PARTIAL),
        ("No, you may not.", ALLOWED, ClaimVerdict.UNSUPPORTED),
        ("No.", ALLOWED, ClaimVerdict.UNSUPPORTED),
        ("No.", DENIED, ClaimVerdict.PARTIAL),
        ("Yes.", DENIED, ClaimVerdict.UNSUPPORTED),
        ("Yes.", "The shop opens at nine.", ClaimVerdict.UNSUPPORTED),
        ("Yes, you may return it within 30 days.", ALLOWED, ClaimVerdict.SUPPORTED),
        ("No, a used machine cannot be returned.", DENIED, ClaimVerdict.SUPPORTED),
    ],
)
def test_yes_and_no_are_claims(claim, evidence, wanted):
    assert standing(claim, evidence) is wanted


def test_yes_weighs_nothing_before_a_sentence():
    rare = {"yes": 100.0}
    chunk = Chunk(document="d", uri="a.md", title="A", text=ALLOWED, start=0, end=len(ALLOWED))
    check = ClaimChecker(options=VerifyOptions(), idf=lambda term: rare.get(term, 1.0))
    said = check(f"Yes, {ALLOWED}", [Passage(chunk=chunk, score=1.0)], QUESTION)
    assert said.verdict is ClaimVerdict.SUPPORTED


@pytest.mark.parametrize(
    ("claim", "wanted"),
    [("可以。", ClaimVerdict.UNSUPPORTED), ("不，旧机器不能退货。", ClaimVerdict.SUPPORTED)],
)
def test_yes_and_no_in_chinese(claim, wanted):
    assert standing(claim, "旧机器不能退货。", "旧机器可以退货吗？") is wanted


@pytest.mark.parametrize(
    ("evidence", "question", "claim"),
    [
        ("Refunds are denied after 30 days.", "Are refunds given after 30 days?", "Yes."),
        ("Refunds are denied after 30 days.", "Are refunds denied after 30 days?", "No."),
        ("The device is hardly waterproof.", "Is the device waterproof?", "It is waterproof."),
    ],
)
def test_what_is_denied_without_a_not_bears_no_yes(evidence, question, claim):
    assert standing(claim, evidence, question) is ClaimVerdict.UNSUPPORTED


ROOMS = "Smoking is not allowed in any hotel room, on the balcony or in the corridors of the house."
SMOKING = "Is smoking allowed in the hotel room?"
CASH = "本店不支持货到付款，请在线付款。"
DELIVERY = "支持货到付款吗？"


@pytest.mark.parametrize(
    ("claim", "evidence", "question"),
    [
        ("Yes.", ROOMS, SMOKING),
        ("Yes, that is allowed.", ROOMS, SMOKING),
        ("That is allowed.", ROOMS, SMOKING),
        ("Smoking is allowed.", ROOMS, SMOKING),
        ("Sure.", ROOMS, SMOKING),
        ("Of course.", ROOMS, SMOKING),
        ("Correct.", ROOMS, SMOKING),
        ("Of course. Smoking is allowed in the hotel room.", ROOMS, SMOKING),
        ("Yes.", "Smoking is prohibited in the hotel room.", SMOKING),
        ("Yes.", "Smoking in the hotel room is forbidden.", SMOKING),
        ("No.", "Smoking is prohibited in the hotel room.", "Is smoking prohibited in the room?"),
        ("Yes.", "Only new machines can be returned.", QUESTION),
        ("No, you may return it within 30 days.", ALLOWED, QUESTION),
        ("No. You may return a used machine within 30 days.", ALLOWED, QUESTION),
        ("No.", "You may return a used machine, but opened coffee cannot be sent.", QUESTION),
        ("Yes, you may not.", ALLOWED, QUESTION),
        ("支持。", CASH, DELIVERY),
        ("是的。", CASH, DELIVERY),
        ("可以。", CASH, DELIVERY),
        ("当然可以。", CASH, DELIVERY),
        ("可以。本店支持货到付款。", CASH, DELIVERY),
        ("不行。", "本店支持货到付款。", DELIVERY),
        ("可以。", "旧机器谢绝退货。", "旧机器能不能退货？"),
    ],
)
def test_a_short_answer_against_what_its_source_says_is_not_even_partly_supported(
    claim, evidence, question
):
    assert standing(claim, evidence, question) is ClaimVerdict.UNSUPPORTED


@pytest.mark.parametrize(
    ("claim", "evidence", "question", "wanted"),
    [
        ("No.", ROOMS, SMOKING, ClaimVerdict.PARTIAL),
        ("不行。", CASH, DELIVERY, ClaimVerdict.PARTIAL),
        ("不支持。", CASH, DELIVERY, ClaimVerdict.SUPPORTED),
        ("Yes.", "You may return a used machine, but opened coffee cannot be sent.", QUESTION,
         ClaimVerdict.PARTIAL),
        ("可以。", "旧机器七天内可以退货。", "旧机器能不能退货？", ClaimVerdict.PARTIAL),
        ("Yes.", "Smoking is prohibited in the room.", "Is smoking prohibited in the room?",
         ClaimVerdict.PARTIAL),
        ("No, shipping is free.", "Shipping is free.", "Do I have to pay for shipping?",
         ClaimVerdict.SUPPORTED),
        ("Sure. Refunds take three days.", "Refunds take three days.", "How long does a refund take?",
         ClaimVerdict.SUPPORTED),
        ("Yes, you can return it without a receipt.", "You can return it without a receipt.",
         "Can I return it without a receipt?", ClaimVerdict.SUPPORTED),
    ],
)  # fmt: skip
def test_a_short_answer_with_its_source_stands(claim, evidence, question, wanted):
    assert standing(claim, evidence, question) is wanted


@pytest.mark.parametrize("claim", ["…", "👍", "***", "。", "?!", "—", "🙂🙂", "· · ·"])
def test_marks_alone_claim_nothing(claim):
    assert standing(claim, ALLOWED) is ClaimVerdict.NO_CLAIM
    check = ClaimChecker(options=VerifyOptions(), idf=lambda _: 1.0)
    assert check(claim, [], QUESTION).verdict is ClaimVerdict.NO_CLAIM
