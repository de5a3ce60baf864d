"""Take personal data out of a turn before it is kept."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from indexes.text.redaction.redaction import Redaction
from ragdesk.support.conversations.kept_answer import is_lookup_part

RedactText = Callable[[str], Redaction]
Replacement = tuple[str, str]  # what somebody wrote, and the label that stands for it
SHORTEST_SECRET: Final = 5  # characters; shorter ones stand in other words too


def keep_text(text: str) -> Redaction:
    """Return a text as it is: no redaction."""
    return Redaction(text=text)


def list_replacements(text: str, redaction: Redaction) -> list[Replacement]:
    """List the personal data that was taken out of a text, the longest first.

    >>> from indexes.text.redaction.redaction import RedactionOptions, redact_text
    >>> text = "Write to ann@mail.example."
    >>> list_replacements(text, redact_text(text, RedactionOptions()))
    [('ann@mail.example', '[e-mail]')]
    """
    pairs = zip(redaction.spans, redaction.labels, strict=True)
    parts = [(text[span.start : span.end], label) for span, label in pairs]
    return sorted((p for p in parts if len(p[0]) >= SHORTEST_SECRET), key=_length, reverse=True)


def redact_answer(answer: Mapping[str, Any], replacements: Sequence[Replacement]) -> dict[str, Any]:
    """Return a kept answer in which no personal data of the question is said again.

    Quotes stay: they are the documents', whose personal data is a matter of ingest.
    """
    redacted = dict(answer)
    for part, label in replacements:
        redacted["text"] = str(redacted.get("text", "")).replace(part, label)
        for name, field in (("claims", "text"), ("choices", "question")):
            redacted[name] = [
                {**item, field: item[field].replace(part, label)} for item in redacted.get(name, ())
            ]
    return redacted


def redact_lookups(
    answer: Mapping[str, Any], replacements: Sequence[Replacement], redact: RedactText
) -> dict[str, Any]:
    """Return a kept answer whose looked-up facts hold no personal data.

    They are one customer's, and of no document that an ingest has looked at. replacements: of the
    question. Each quote stays what its own text has from ``start`` to ``end``.
    """
    redacted = dict(answer)
    citations = []
    for citation in answer.get("citations", ()):
        if is_lookup_part(citation):
            fact = citation["quote"]
            kept = _replace_parts(redact(fact).text, replacements)
            redacted = _replace_fact(redacted, fact, kept)
            redacted = redact_answer(redacted, list_replacements(fact, redact(fact)))
            context = {"start": 0, "text": kept}
            place = {"start": 0, "end": len(kept), "quote": kept, "context": context}
            citation = {**_redact_uri(citation, replacements), **place}  # noqa: PLW2901
        citations.append(citation)
    sources = [
        _redact_uri(source, replacements) if is_lookup_part(source) else source
        for source in answer.get("sources", ())
    ]
    return {**redacted, "citations": citations, "sources": sources}


def _replace_fact(answer: Mapping[str, Any], fact: str, kept: str) -> dict[str, Any]:
    claims = [
        {**claim, "text": claim["text"].replace(fact, kept)} for claim in answer.get("claims", ())
    ]
    return {**answer, "text": str(answer.get("text", "")).replace(fact, kept), "claims": claims}


def _redact_uri(part: Mapping[str, Any], replacements: Sequence[Replacement]) -> dict[str, Any]:
    return {**part, "uri": _replace_parts(part["uri"], replacements)}


def _replace_parts(text: str, replacements: Sequence[Replacement]) -> str:
    for part, label in replacements:
        text = text.replace(part, label)
    return text


def _length(replacement: Replacement) -> int:
    return len(replacement[0])
