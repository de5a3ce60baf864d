"""The desk's words as plain JSON values: one form for the command line and HTTP."""

from collections.abc import Sequence
from typing import Any

from indexes.chunk import Passage
from ragdesk.answering.answer import (
    Answer,
    Choice,
    Citation,
    Claim,
    Delta,
    Done,
    Event,
    Found,
    Verdict,
)

Json = dict[str, Any]


def passage(found: Passage, rank: int) -> Json:
    """Write a passage; ``rank`` is 1 for the best."""
    chunk = found.chunk
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
        "found_by": sorted(found.found_by),
        "rank": rank,
        "score": round(found.score, 4),
    }


def passages(found: Sequence[Passage]) -> list[Json]:
    """Write passages in their order."""
    return [passage(one, rank) for rank, one in enumerate(found, start=1)]


def citation(mark: Citation) -> Json:
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


def claim(said: Claim) -> Json:
    """Write a claim with the numbers of its citations."""
    return {
        "text": said.text,
        "citations": list(said.citations),
        "support": round(said.support, 4),
        "verdict": str(said.verdict),
    }


def choice(offered: Choice) -> Json:
    """Write one thing that a question may mean."""
    return {"label": offered.label, "question": offered.question, "uris": list(offered.uris)}


def answer(given: Answer) -> Json:
    """Write an Answer as ``/openapi.json`` has it; ``signals`` only where they were asked for."""
    signals = {} if given.signals is None else {"signals": dict(given.signals)}
    return {
        "id": given.id,
        "question": given.question,
        "language": given.language,
        "outcome": str(given.outcome),
        "text": given.text,
        "claims": [claim(one) for one in given.claims],
        "citations": [citation(one) for one in given.citations],
        "passages": passages(given.passages),
        "choices": [choice(one) for one in given.choices],
        "collection": given.collection,
        "generation": given.generation,
        "generator": given.generator,
        "model": given.model,
        "degraded": given.degraded,
        "degraded_reason": given.degraded_reason,
        "withheld": given.withheld,
        "confidence": given.confidence,
        "seconds": {step: round(value, 6) for step, value in given.seconds.items()},
        **signals,
    }


def event(told: Event) -> tuple[str, Json]:
    """Write an event of a stream: its name and its data."""
    match told:
        case Found(found):
            return "found", {"passages": passages(found)}
        case Delta(text):
            return "delta", {"text": text}
        case Verdict(said, marks):
            written = claim(said)
            return "verdict", {
                "claim": written["text"],
                "verdict": written["verdict"],
                "support": written["support"],
                "citations": [citation(mark) for mark in marks],
            }
        case Done(given):
            return "done", answer(given)
