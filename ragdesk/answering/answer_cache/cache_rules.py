"""Which questions and answers may be kept. What is not known to be safe is not kept."""

import unicodedata
from dataclasses import MISSING, Field, fields
from typing import Any, Final

from ragdesk.answering.answer import Answer, ClaimVerdict, Outcome, Question
from ragdesk.answering.lookup_result import is_lookup

# All that an answer hangs on beside its documents, and that a key of the cache holds.
KEYED_FIELDS: Final = frozenset({"text", "history", "where", "explain", "send"})
SILENT_FIELDS: Final = frozenset({"session"})  # of what is asked where, not of what is answered
_GOOD_VERDICTS: Final = frozenset({ClaimVerdict.SUPPORTED, ClaimVerdict.NO_CLAIM})


def normalise_question(text: str) -> str:
    r"""Return a question as the cache compares it: no more is changed than cannot be read.

    Runs of blanks are one, and composed characters are one way of writing. Case, marks and lines
    stay: "us" is not "US", and a list is not a sentence.

    >>> normalise_question("How  long\r\n do refunds take? ")
    'How long\ndo refunds take?'
    """
    lines = unicodedata.normalize("NFC", text).splitlines()
    return "\n".join(" ".join(line.split()) for line in lines).strip("\n")


def is_cacheable_question(question: Question) -> bool:
    """Tell whether nothing but what a key holds goes into the answer of a question.

    A question that brings live facts, or anything that came after this was written, is not.
    """
    return all(
        field.name in KEYED_FIELDS | SILENT_FIELDS
        or getattr(question, field.name) == _default_value(field)
        for field in fields(question)
    )


def is_cacheable_answer(answer: Answer) -> bool:
    """Tell whether an answer is whole and sure enough to be given again.

    Refusals, choices, advice in an accident, hand-offs, degraded answers, and answers with a
    sentence that was withheld or is not borne out are made anew each time.
    """
    return (
        answer.outcome is Outcome.ANSWERED
        and answer.reason is None
        and not answer.cached
        and not answer.degraded
        and not answer.withheld
        and bool(answer.citations)
        and all(claim.verdict in _GOOD_VERDICTS for claim in answer.claims)
        and not any(map(is_lookup, list_read_uris(answer)))
    )


def list_read_uris(answer: Answer) -> frozenset[str]:
    """Return the uris of all that was read for an answer."""
    cited = {citation.uri for citation in answer.citations}
    return frozenset(cited | {passage.uri for passage in answer.passages})


def _default_value(field: Field[Any]) -> object:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default
