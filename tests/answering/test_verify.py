"""Sentences held against what they cite: what a short answer to yes or no may say."""

import pytest

from indexes.chunk import Chunk, Passage
from ragdesk.answering.answer import Standing
from ragdesk.answering.verify import Verify, VerifyOptions

ALLOWED = "You may return a used machine within 30 days."
DENIED = "A used machine cannot be returned."
QUESTION = "May I return a used machine?"


def standing(claim: str, evidence: str, question: str = QUESTION) -> Standing:
    chunk = Chunk(document="d", uri="a.md", title="A", text=evidence, start=0, end=len(evidence))
    check = Verify(options=VerifyOptions(), idf=lambda _: 1.0)
    return check(claim, [Passage(chunk=chunk, score=1.0)], question).standing


@pytest.mark.parametrize(
    ("claim", "evidence", "wanted"),
    [
        ("Yes.", ALLOWED, Standing.PARTIAL),
        ("Yes, you may.", ALLOWED, Standing.PARTIAL),
        ("No, you may not.", ALLOWED, Standing.UNSUPPORTED),
        ("No.", ALLOWED, Standing.UNSUPPORTED),
        ("No.", DENIED, Standing.PARTIAL),
        ("Yes.", DENIED, Standing.UNSUPPORTED),
        ("Yes.", "The shop opens at nine.", Standing.UNSUPPORTED),
        ("Yes, you may return it within 30 days.", ALLOWED, Standing.SUPPORTED),
        ("No, a used machine cannot be returned.", DENIED, Standing.SUPPORTED),
    ],
)
def test_yes_and_no_are_claims(claim, evidence, wanted):
    assert standing(claim, evidence) is wanted


def test_yes_weighs_nothing_before_a_sentence():
    rare = {"yes": 100.0}
    chunk = Chunk(document="d", uri="a.md", title="A", text=ALLOWED, start=0, end=len(ALLOWED))
    check = Verify(options=VerifyOptions(), idf=lambda term: rare.get(term, 1.0))
    said = check(f"Yes, {ALLOWED}", [Passage(chunk=chunk, score=1.0)], QUESTION)
    assert said.standing is Standing.SUPPORTED


@pytest.mark.parametrize(
    ("claim", "wanted"),
    [("可以。", Standing.UNSUPPORTED), ("不，旧机器不能退货。", Standing.SUPPORTED)],
)
def test_yes_and_no_in_chinese(claim, wanted):
    assert standing(claim, "旧机器不能退货。", "旧机器可以退货吗？") is wanted
