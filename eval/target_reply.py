"""Read a target's reply into one form for the metrics, whatever engine wrote it.

An engine that says itself how an answer ended is believed. Of any other one only words are
known: a fixed list of phrases tells a refusal, and what is half a refusal and half an answer is
``undetermined``, never one of them at random.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from indexes.text.folding import normalise_text
from indexes.text.sentences import split_sentences

ReplyOutcome = Literal["answered", "abstained", "undetermined"]
OUTCOMES: Mapping[str, ReplyOutcome] = {
    "answered": "answered",
    "not_found": "abstained",
    "unsupported": "abstained",
    "clarify": "abstained",
    "handed_over": "abstained",
}
_REFUSAL = re.compile(
    r"\b(?:do(?:es)?n.?t|do(?:es)? not|did(?:n.?t| not)|can.?t|cannot|could(?:n.?t| not)"
    r"|unable to|not able to)\s+(?:\w+\s+){0,4}?(?:know|answer|find|contain|mention|provide|specify"
    r"|have|include|address|cover|say|state|determine|tell)\b"
    r"|\bno (?:relevant |specific )?(?:information|answer|mention|details?|context)\b"
    r"|\bnot (?:\w+ )?(?:enough|sufficient) information|\binsufficient information"
    r"|\bnot (?:mentioned|provided|specified|available|stated|covered|included)\b"
    r"|\bsorry\b|\bi don.?t know\b"
    r"|没有(?:回答|提到|提及|提供|找到|说明|相关|足够)|未(?:提及|提到|提供|找到|说明|涉及)"
    r"|无法(?:回答|确定|找到|提供|得知|判断)|不(?:知道|清楚|确定)|信息不足|没有答案|抱歉|对不起"
)
_SPEAKS_OF_ITSELF = re.compile(
    r"\b(?:documents?|context|passages?|texts?|sources?|information provided|policy documents?)"
    r"\s+(?:\w+ )?(?:do(?:es)?n.?t|do(?:es)? not|did not|cannot|can.?t)\b"
    r"|\bi(?: am|.m)?\s+(?:\w+ )?(?:do(?:n.?t| not)|cannot|can.?t|could(?:n.?t| not)|unable|sorry)"
    r"\b"
    r"|\bno (?:\w+ )?(?:information|mention)\b|^\W*(?:sorry|unfortunately,? i)\b"
    r"|(?:文档|文件|资料|上下文|原文)[^，。]{0,6}(?:没有|未|无法|并未|不包含)|^\W*(?:抱歉|对不起)|我(?:不知道|无法)"
)
_MARK = re.compile(r"\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")
_AHEAD = re.compile(rf"\s*(?:{_MARK.pattern}\s*)+")
NO_CLAIM = "no_claim"
_GAP = re.compile(r"(?<!\s)\s++(?=[.,;:!?。，；：！？])")
_SHORT = 2  # sentences: a refusal and what it adds


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyPassage:
    """A passage behind an answer. start, end: offsets into the document, if known."""

    uri: str
    text: str
    start: int | None = None
    end: int | None = None
    page: int | None = None
    lead: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyCitation:
    """A citation. resolved: whether the document contains the quote there; None: not known."""

    number: int
    uri: str
    quote: str
    start: int | None = None
    end: int | None = None
    page: int | None = None
    resolved: bool | None = None


@dataclass(frozen=True, slots=True)
class ReplySentence:
    """A sentence of an answer, without its marks, and the numbers it cites.

    claims: False where the engine says that it claims nothing, such as "and 4 more".
    """

    text: str
    citations: tuple[int, ...] = ()
    claims: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetReply:
    """An answer as the metrics read it.

    confidence: 0..1 that answering is right, if known. signal_versions: what the engine says that
    its signals depend on; those of others mean something else. reason: why it is no plain answer.
    """

    text: str
    outcome: ReplyOutcome
    sentences: tuple[ReplySentence, ...] = ()
    citations: tuple[ReplyCitation, ...] = ()
    passages: tuple[ReplyPassage, ...] = ()
    confidence: float | None = None
    signals: Mapping[str, float] = field(default_factory=dict)
    signal_versions: Mapping[str, Any] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    language: str = ""
    reason: str = ""


def read_reply(
    reply: Mapping[str, Any], resolved: Mapping[str, bool | None] | None = None
) -> TargetReply:
    """Read an answer in ragdesk's form; ``targets`` converts other engines' answers into it.

    Raises KeyError, TypeError or ValueError where a field is missing or of another kind.
    """
    text = str(reply["text"])
    passages = tuple(_reply_passage(passage) for passage in reply.get("passages", ()))
    marks = resolved or {}
    cited = tuple(_reply_citation(citation, marks) for citation in reply.get("citations", ()))
    sentences = tuple(
        ReplySentence(c["text"], tuple(c["citations"]), c.get("verdict") != NO_CLAIM)
        for c in reply.get("claims", ())
    )
    if "claims" not in reply:
        sentences = split_marked_text(text)
        cited = cited or _cite_by_position(sentences, passages)
    outcome = OUTCOMES.get(str(reply.get("outcome", "")))
    signals = dict(reply.get("signals") or {})
    confidence = reply.get("confidence")
    return TargetReply(
        text=text,
        outcome=outcome or classify_refusal(text),
        sentences=sentences,
        citations=cited,
        passages=passages,
        confidence=signals.get("answerable") if confidence is None else float(confidence),
        signals=signals,
        signal_versions=dict(reply.get("signal_versions") or {}),
        seconds=dict(reply.get("seconds") or {}),
        language=str(reply.get("language", "")),
        reason=str(reply.get("reason") or ""),
    )


def classify_refusal(text: str) -> ReplyOutcome:
    """Classify a text as answer or refusal by its words alone.

    >>> classify_refusal("You have 30 days.")
    'answered'
    >>> classify_refusal("The documents do not mention this.")
    'abstained'
    >>> classify_refusal("I could not find it. Pay by card. Then wait. It takes 3 days.")
    'undetermined'
    >>> classify_refusal("")
    'undetermined'
    """
    plain = normalise_text(text)
    parts = [plain[a:b] for a, b in split_sentences(plain)]
    refusing = sum(bool(_REFUSAL.search(part)) for part in parts)
    if not parts:
        return "undetermined"
    if not refusing:
        return "answered"
    return "abstained" if len(parts) - refusing < _SHORT and refusing else "undetermined"


def is_refusal_sentence(sentence: str) -> bool:
    """Tell whether a sentence only says that something is not known, or not in the documents.

    >>> is_refusal_sentence("The documents do not mention it.")
    True
    >>> is_refusal_sentence("We do not have shops in Oslo.")
    False
    """
    return bool(_SPEAKS_OF_ITSELF.search(normalise_text(sentence)))


def split_marked_text(text: str) -> tuple[ReplySentence, ...]:
    """Split a text into sentences, and read marks such as [1] or [1, 2] as citations.

    >>> [(s.text, s.citations) for s in split_marked_text("Pay by card [1, 2]. Then wait.")]
    [('Pay by card.', (1, 2)), ('Then wait.', ())]
    >>> [(s.text, s.citations) for s in split_marked_text("Pay by card. [1] Then wait. [2][3]")]
    [('Pay by card.', (1,)), ('Then wait.', (2, 3))]
    """
    sentences: list[ReplySentence] = []
    for start, end in split_sentences(text):
        piece = text[start:end]
        ahead = _AHEAD.match(piece)
        if ahead and sentences:  # marks after a full stop belong to what stands before them
            sentences[-1] = ReplySentence(
                sentences[-1].text, (*sentences[-1].citations, *_mark_numbers(ahead.group()))
            )
            piece = piece[ahead.end() :]
        words = _GAP.sub("", _MARK.sub("", piece)).strip()
        if re.search(r"\w", words):
            sentences.append(ReplySentence(words, _mark_numbers(piece)))
    return tuple(sentences)


def _mark_numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for mark in _MARK.findall(text) for number in mark.split(","))


def _reply_passage(values: Mapping[str, Any]) -> ReplyPassage:
    return ReplyPassage(
        uri=str(values.get("uri", "")),
        text=str(values["text"]),
        start=values.get("start"),
        end=values.get("end"),
        page=values.get("page"),
        lead=str(values.get("lead", "")),
    )


def _reply_citation(
    values: Mapping[str, Any], resolved: Mapping[str, bool | None]
) -> ReplyCitation:
    return ReplyCitation(
        number=int(values["number"]),
        uri=str(values.get("uri", "")),
        quote=str(values.get("quote", "")),
        start=values.get("start"),
        end=values.get("end"),
        page=values.get("page"),
        resolved=resolved.get(str(values["number"])),
    )


def _cite_by_position(
    sentences_: Sequence[ReplySentence], passages: Sequence[ReplyPassage]
) -> tuple[ReplyCitation, ...]:
    """Take [n] as the n-th passage where an engine names its sources no other way."""
    numbers = sorted({n for sentence in sentences_ for n in sentence.citations})
    cited: list[ReplyCitation] = []
    for number in numbers:
        if 0 < number <= len(passages):
            p = passages[number - 1]
            mark = ReplyCitation(number=number, uri=p.uri, quote=p.text, start=p.start, end=p.end)
            cited.append(mark)
        else:
            cited.append(ReplyCitation(number=number, uri="", quote="", resolved=False))
    return tuple(cited)
