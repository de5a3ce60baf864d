"""What goes out, to the letter: clients read these names, this order and these figures."""

import json

from indexes.chunk import Chunk, Passage
from ragdesk.answering.answer import (
    Answer,
    AnswerEvent,
    AnswerReason,
    Choice,
    Citation,
    Claim,
    ClaimChecked,
    ClaimVerdict,
    Done,
    NextStep,
    Outcome,
    PassagesReady,
    StepLink,
    TextDelta,
    rank_passages,
    to_json_object,
)

CHUNK = Chunk(document="d", uri="a.md", title="A", text="Thirty days.", start=3, end=15, lead="A")
PASSAGES = rank_passages(
    [Passage(chunk=CHUNK, score=0.123456, found_by=frozenset({"lexical", "dense"}))]
)
CITATION = Citation(
    number=1,
    chunk=CHUNK.id,
    uri="a.md",
    title="A",
    path=("A", "When"),
    page=2,
    version="2.4",
    start=3,
    end=9,
    quote="Thirty",
)
CLAIM = Claim(text="30 days.", citations=(1,), support=2 / 3, verdict=ClaimVerdict.PARTIAL)
ANSWER = Answer(
    id="1",
    question="How long?",
    language="en",
    outcome=Outcome.ANSWERED,
    text="30 days. [1]",
    claims=(CLAIM,),
    citations=(CITATION,),
    passages=PASSAGES,
    choices=(Choice(label="A", question="How long (A)", uris=("a.md",)),),
    reason=AnswerReason.NEAR_MISS,
    next_step=NextStep(text="Ask.", links=(StepLink(title="A", uri="a.md"),)),
    collection="default",
    generation=3,
    generator="extractive",
    model="none",
    degraded=False,
    degraded_reason=None,
    withheld=0,
    confidence=None,
    seconds={"retrieve": 1.23456789e-05, "total": 2.0},
)
CITATION_JSON = (
    f'{{"number": 1, "chunk": "{CHUNK.id}", "uri": "a.md", "title": "A", "path": ["A", "When"], '
    '"page": 2, "version": "2.4", "start": 3, "end": 9, "quote": "Thirty"}'
)
PASSAGES_JSON = (
    f'"passages": [{{"chunk": "{CHUNK.id}", "uri": "a.md", "title": "A", "path": [], "page": null, '
    '"version": null, "start": 3, "end": 15, "text": "Thirty days.", "lead": "A", '
    '"found_by": ["dense", "lexical"], "rank": 1, "score": 0.1235}]'
)
VERDICT_JSON = (
    '{"claim": "30 days.", "verdict": "partial", "support": 0.6667, '
    f'"citations": [{CITATION_JSON}]}}'
)


def test_an_answer_is_written_to_the_letter():
    assert json.dumps(to_json_object(ANSWER)) == (
        '{"id": "1", "question": "How long?", "language": "en", "outcome": "answered", '
        '"text": "30 days. [1]", "claims": [{"text": "30 days.", "citations": [1], '
        '"support": 0.6667, "verdict": "partial"}], '
        f'"citations": [{CITATION_JSON}], {PASSAGES_JSON}, '
        '"choices": [{"label": "A", "question": "How long (A)", "uris": ["a.md"]}], '
        '"reason": "near_miss", "next_step": {"text": "Ask.", "links": [{"title": "A", '
        '"uri": "a.md", "href": null}]}, '
        '"collection": "default", "generation": 3, "generator": "extractive", "model": "none", '
        '"degraded": false, "degraded_reason": null, "withheld": 0, "confidence": null, '
        '"seconds": {"retrieve": 1.2e-05, "total": 2.0}}'
    )


def test_events_are_written_to_the_letter():
    verdict = ClaimChecked(
        claim=CLAIM.text, verdict=CLAIM.verdict, support=CLAIM.support, citations=(CITATION,)
    )
    events: list[AnswerEvent] = [
        PassagesReady(PASSAGES),
        TextDelta("30 days."),
        verdict,
        Done(ANSWER),
    ]

    assert [(event.event_name, json.dumps(to_json_object(event))) for event in events] == [
        ("found", f"{{{PASSAGES_JSON}}}"),
        ("delta", '{"text": "30 days."}'),
        (
            "verdict",
            VERDICT_JSON,
        ),
        ("done", json.dumps(to_json_object(ANSWER))),
    ]
