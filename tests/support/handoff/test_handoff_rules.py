"""An answer hands over by what was wanted and by how it went, as far as the settings say so."""

from dataclasses import replace

import pytest
from handoff_values import ANSWER

from ragdesk.answering.answer import AnswerReason, Outcome
from ragdesk.support.handoff.handoff_options import (
    HANDOFF_RULES,
    ChatwootOptions,
    HandoffMailOptions,
    HandoffOptions,
    HandoffWebhookOptions,
    ZendeskOptions,
)
from ragdesk.support.handoff.handoff_rules import PastTurn, choose_reason
from ragdesk.support.handoff.handoff_states import HandoffReason

ALL = HandoffOptions(rules=HANDOFF_RULES, low_confidence=0.5)
REFUSED = PastTurn(outcome="not_found", reason="near_miss")
ANSWERED = PastTurn(outcome="answered", reason=None)


def answer(outcome: Outcome, reason: AnswerReason | None = None, confidence: float | None = None):
    return replace(ANSWER, outcome=outcome, reason=reason, confidence=confidence)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (AnswerReason.WANTS_PERSON, HandoffReason.CUSTOMER_ASKED),
        (AnswerReason.COMPLAINT, HandoffReason.COMPLAINT),
        (AnswerReason.SAFETY, HandoffReason.SAFETY),
        (AnswerReason.NEEDS_ACCOUNT, HandoffReason.NEEDS_ACCOUNT),
        (AnswerReason.GREETING, None),
        (AnswerReason.NEAR_MISS, None),
        (AnswerReason.OUT_OF_SCOPE, None),
    ],
)
def test_by_what_was_wanted(reason, expected):
    assert choose_reason(answer(Outcome.NOT_FOUND, reason), [], ALL) is expected


def test_an_accident_calls_a_person_although_the_documents_help():
    helped = answer(Outcome.ANSWERED, AnswerReason.SAFETY)
    assert choose_reason(helped, [], ALL) is HandoffReason.SAFETY


def test_who_has_to_sign_in_and_was_told_the_rest_needs_no_person():
    told = answer(Outcome.ANSWERED, AnswerReason.NEEDS_ACCOUNT)
    assert choose_reason(told, [], ALL) is None


def test_by_refusal_only_twice_in_a_row():
    refused = answer(Outcome.NOT_FOUND, AnswerReason.NO_PASSAGE)
    assert choose_reason(refused, [], ALL) is None
    assert choose_reason(refused, [REFUSED, ANSWERED], ALL) is None
    assert choose_reason(refused, [ANSWERED, REFUSED], ALL) is HandoffReason.REFUSED_TWICE
    thanks = PastTurn(outcome="not_found", reason="thanks")  # nothing was refused
    assert choose_reason(refused, [thanks], ALL) is None
    assert choose_reason(answer(Outcome.ANSWERED), [REFUSED], ALL) is None


def test_by_support_and_by_confidence():
    unsupported = answer(Outcome.UNSUPPORTED, AnswerReason.UNSUPPORTED)
    assert choose_reason(unsupported, [], ALL) is HandoffReason.UNSUPPORTED
    assert choose_reason(answer(Outcome.ANSWERED, None, 0.4), [], ALL) is (
        HandoffReason.LOW_CONFIDENCE
    )
    assert choose_reason(answer(Outcome.ANSWERED, None, 0.6), [], ALL) is None
    assert choose_reason(answer(Outcome.ANSWERED), [], ALL) is None  # before calibration


def test_only_rules_that_are_set_hand_over_and_none_when_it_is_off():
    wants = answer(Outcome.NOT_FOUND, AnswerReason.WANTS_PERSON)
    assert choose_reason(wants, [], HandoffOptions(rules=("safety",))) is None
    assert choose_reason(wants, [], HandoffOptions(enabled=False)) is None
    unsure = answer(Outcome.ANSWERED, None, 0.1)
    assert choose_reason(unsure, [], HandoffOptions()) is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: HandoffOptions(low_confidence=2),
        lambda: HandoffWebhookOptions(url="http://example.org/hook", secret="whsec_" + "A" * 44),
        lambda: HandoffWebhookOptions(url="https://example.org/hook"),
        lambda: HandoffWebhookOptions(url="https://example.org/hook", secret="whsec_" + "A" * 8),
        lambda: HandoffWebhookOptions(url="https://user@example.org/", secret="whsec_" + "A" * 44),
        lambda: ZendeskOptions(url="https://example.zendesk.com"),
        lambda: ZendeskOptions(url="file:///etc/passwd", email="a@b.c", token="t" * 9),
        lambda: ChatwootOptions(url="https://app.chatwoot.com", account=1),
        lambda: HandoffMailOptions(host="mail.example.org"),
        lambda: HandoffMailOptions(host="h", sender="a@b.org", to=("x\nBcc: y@z.org",)),
        lambda: HandoffMailOptions(
            host="mail.example.org", sender="a@b.org", to=("c@d.org",), encryption="none"
        ),
    ],
)
def test_settings_that_could_not_work_or_would_leak_are_refused(make):
    with pytest.raises(ValueError, match=r"must|may"):
        make()
