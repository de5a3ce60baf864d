"""What an agent reads was said by the customer or stands in the documents."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from ragdesk.support.handoff.handoff_payload import (
    LABELS,
    LONGEST_REPEATED_ANSWER,
    REASON_TEXTS,
    TranscriptTurn,
    build_payload,
    hide_restricted,
    hide_sources,
)
from ragdesk.support.handoff.handoff_states import HandoffReason

SHIPPING = {"uri": "shipping.md", "title": "Shipping", "page": 2, "document": {"groups": []}}
STAFF = {"uri": "staff.md", "title": "Canary", "page": None, "document": {"groups": ["staff"]}}
TURNS = (
    TranscriptTurn(
        author="customer",
        text="When do you ship?",
        answer={
            "text": "Within 24 hours. [1]",
            "citations": [{**SHIPPING, "quote": "Parcels leave within 24 hours."}],
            "sources": [STAFF],
        },
        outcome="answered",
    ),
    TranscriptTurn(
        author="customer",
        text="Where is parcel 7?",
        answer={
            "text": "The documents do not say.",
            "citations": [],
            "sources": [STAFF, {**SHIPPING, "uri": "gone.md", "title": "Gone", "document": None}],
        },
        outcome="not_found",
        reason="near_miss",
    ),
)


def build(turns=TURNS, reason=HandoffReason.REFUSED_TWICE, text="Please call.", language="en"):
    return build_payload(turns, reason, text, language=language, sentiment="angry")


def test_it_tells_what_was_asked_answered_tried_and_why_it_stopped():
    payload = build()
    assert payload["question"] == "Where is parcel 7?"
    assert (payload["language"], payload["sentiment"]) == ("en", "angry")
    assert payload["stopped"] == "refused_twice"
    assert payload["summary"].split("\n") == [
        "Asked: When do you ship?",
        "Answered: Within 24 hours. [1]",
        "Looked at: Shipping",
        "Asked: Where is parcel 7?",
        "Not answered",
        "Looked at: Canary; Gone",
        "Handed over because: the documents did not answer twice in a row",
        "In the customer's words: Please call.",
    ]
    assert payload["turns"][0]["sources"][0]["quote"] == "Parcels leave within 24 hours."
    assert json.loads(json.dumps(payload)) == payload


def test_a_chinese_conversation_is_summed_up_in_chinese():
    lines = build(language="zh")["summary"].split("\n")
    assert lines[0] == "提问：When do you ship?"
    assert lines[-2] == "转交原因：文档连续两次未能回答"
    assert set(REASON_TEXTS["zh"]) == set(REASON_TEXTS["en"]) == set(HandoffReason)
    assert LABELS["zh"].keys() == LABELS["en"].keys()


def test_words_of_hidden_documents_are_shown_to_nobody_who_may_not_see_them():
    hidden = hide_sources(build(), lambda source: source["uri"] == "staff.md")
    assert "24 hours" not in json.dumps(hidden)
    assert "Canary" in json.dumps(hidden)
    assert [source["uri"] for source in hidden["sources"]] == ["staff.md"]


def test_words_of_restricted_documents_never_go_out_of_the_house():
    outside = hide_restricted(build())
    assert "Canary" not in json.dumps(outside)
    assert "Gone" not in json.dumps(outside)  # nobody knows who may read it
    assert "Within 24 hours" in outside["summary"]


WORDS = st.text(max_size=20) | st.just("long " * 200)


@settings(max_examples=30)
@given(
    st.lists(st.tuples(WORDS, WORDS), max_size=14),
    st.sampled_from(HandoffReason),
    st.sampled_from(["en", "zh"]),
)
def test_no_word_is_made_up(spoken, reason, language):
    turns = [
        TranscriptTurn(author="customer", text=question, answer={"text": said}, outcome="answered")
        for question, said in spoken
    ]
    summary = build(turns, reason, "", language)["summary"]
    known = [*LABELS[language].values(), REASON_TEXTS[language][reason]]
    for question, said in spoken:
        known += [question, said, said[:LONGEST_REPEATED_ANSWER].rstrip()]
    for words in sorted(known, key=len, reverse=True):
        if words:
            summary = summary.replace(words, "")
    assert set(summary) <= set(": ：\n…")
