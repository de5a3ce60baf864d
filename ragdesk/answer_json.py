"""The desk's words as plain JSON values: one form for the command line and HTTP."""

from collections.abc import Sequence
from typing import Any

from indexes.chunk import Passage
from ragdesk.answering.answer import (
    Answer,
    AnswerEvent,
    Choice,
    Citation,
    Claim,
    ClaimChecked,
    Done,
    PassagesReady,
    TextDelta,
)

JsonObject = dict[str, Any]


def passage_json(source: Passage, rank: int) -> JsonObject:
    """Write a passage; ``rank`` is 1 for the best."""
    chunk = source.chunk
    return {
        "chunk": chunk.id,
        "uri": chunk.uri,
        "title": chunk.title,
        "path": list(chunk.path),
        "page": chunk.page,
        "version": chunk.version or None,
        "start": chunk.start,
        "end": chunk.end,
        "text": chunk.text,
        "lead": chunk.lead,
        "found_by": sorted(source.found_by),
        "rank": rank,
        "score": round(source.score, 4),
    }


def passages_json(ranked: Sequence[Passage]) -> list[JsonObject]:
    """Write passages in their order."""
    return [passage_json(item, rank) for rank, item in enumerate(ranked, start=1)]


def citation_json(mark: Citation) -> JsonObject:
    """Write a citation. Offsets are code points into the stored text."""
    return {
        "number": mark.number,
        "chunk": mark.chunk,
        "uri": mark.uri,
        "title": mark.title,
        "path": list(mark.path),
        "page": mark.page,
        "version": mark.version or None,
        "start": mark.start,
        "end": mark.end,
        "quote": mark.quote,
    }


def claim_json(source: Claim) -> JsonObject:
    """Write a claim with the numbers of its citations."""
    return {
        "text": source.text,
        "citations": list(source.citations),
        "support": round(source.support, 4),
        "verdict": str(source.verdict),
    }


def choice_json(source: Choice) -> JsonObject:
    """Write one thing that a question may mean."""
    return {"label": source.label, "question": source.question, "uris": list(source.uris)}


def answer_json(result: Answer) -> JsonObject:
    """Write an Answer as ``/openapi.json`` has it; ``signals`` only where they were asked for."""
    signals = {} if result.signals is None else {"signals": dict(result.signals)}
    return {
        "id": result.id,
        "question": result.question,
        "language": result.language,
        "outcome": str(result.outcome),
        "text": result.text,
        "claims": [claim_json(item) for item in result.claims],
        "citations": [citation_json(one) for one in result.citations],
        "passages": passages_json(result.passages),
        "choices": [choice_json(one) for one in result.choices],
        "collection": result.collection,
        "generation": result.generation,
        "generator": result.generator,
        "model": result.model,
        "degraded": result.degraded,
        "degraded_reason": result.degraded_reason,
        "withheld": result.withheld,
        "confidence": result.confidence,
        "seconds": {step: round(value, 6) for step, value in result.seconds.items()},
        **signals,
    }


def event_json(value: AnswerEvent) -> tuple[str, JsonObject]:
    """Write an event of a stream: its name and its data."""
    match value:
        case PassagesReady(ranked):
            return "found", {"passages": passages_json(ranked)}
        case TextDelta(text):
            return "delta", {"text": text}
        case ClaimChecked(checked, marks):
            fields = claim_json(checked)
            return "verdict", {
                "claim": fields["text"],
                "verdict": fields["verdict"],
                "support": fields["support"],
                "citations": [citation_json(mark) for mark in marks],
            }
        case Done(result):
            return "done", answer_json(result)
