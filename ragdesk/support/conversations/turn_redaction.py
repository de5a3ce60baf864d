"""Take personal data out of a turn before it is kept."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from indexes.text.redaction.redaction import Redaction

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


def _length(replacement: Replacement) -> int:
    return len(replacement[0])
