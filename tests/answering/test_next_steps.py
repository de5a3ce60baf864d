"""An answer that is no plain one says why, and what to do then."""

import asyncio
from dataclasses import replace

import pytest

from indexes.chunk import SearchFilter
from ragdesk.answering.answer import AnswerReason, Outcome, Question
from ragdesk.answering.answer_options import DecideOptions
from ragdesk.answering.contact import Contact
from ragdesk.answering.desk import Desk
from ragdesk.answering.messages import NEXT_STEP_TEXTS, TURN_TEXTS
from ragdesk.answering.next_steps import suggest_next_step

CONTACT = Contact(phone="+33 4 72 00 00 00", hours="Mon to Fri, 9:00 to 17:00")


def test_a_plain_answer_has_neither(ask):
    answer, _ = ask("How many days do I have to send unused articles back?")
    assert (answer.outcome, answer.reason, answer.next_step) == (Outcome.ANSWERED, None, None)


def test_a_near_miss_names_the_nearest_sources_and_quotes_nothing(retrieve):
    # vectors of hashes mean nothing to ``decide``: here it refuses all that is not near
    desk = Desk(retrieve=retrieve, collection="default", decide=DecideOptions(floor=0.95))
    question = Question(text="How heavy is the parcel of the kettle shop manager?")
    answer = asyncio.run(desk.ask(question))
    assert (answer.outcome, answer.reason) == (Outcome.NOT_FOUND, AnswerReason.NEAR_MISS)
    assert not answer.citations
    uris = [link.uri for link in answer.next_step.links]
    assert uris == list(dict.fromkeys(p.uri for p in answer.passages))[:3]


def test_nothing_that_may_be_seen_is_no_passage(ask):
    answer, _ = ask("How long is the warranty?", where=SearchFilter(paths=("none/",)))
    assert answer.reason is AnswerReason.NO_PASSAGE
    assert answer.next_step.links == ()


def test_a_refusal_names_whom_to_turn_to_in_the_question_s_language(desk):
    with_contact = replace(desk, contact=CONTACT)
    answer = asyncio.run(with_contact.ask(Question(text="今天的汇率由谁决定？")))
    assert answer.outcome is Outcome.NOT_FOUND
    assert "您可以通过 +33 4 72 00 00 00 联系我们" in answer.next_step.text
    assert answer.next_step.links[-1].href == "tel:+33472000000"


@pytest.mark.parametrize("reason", AnswerReason)
def test_every_reason_has_a_next_step_in_both_languages(reason):
    english, chinese = (suggest_next_step(reason, (), CONTACT, name) for name in ("en", "zh"))
    assert english.text.startswith(NEXT_STEP_TEXTS[reason]["en"])
    assert chinese.text.startswith(NEXT_STEP_TEXTS[reason]["zh"])


def test_every_kind_of_turn_has_words_in_both_languages():
    assert {"en", "zh"} == set.intersection(*(set(texts) for texts in TURN_TEXTS.values()))
