"""Read what a target answered: one shape for the metrics, whatever engine said it.

An engine that says itself how an answer ended is believed. Of any other one only words are
known: a fixed list of phrases tells a refusal, and what is half a refusal and half an answer is
``undetermined``, never one of them at random.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from indexes.text import normalise, sentences

Outcome = Literal["answered", "abstained", "undetermined"]
OUTCOMES: Mapping[str, Outcome] = {
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
_GAP = re.compile(r"(?<!\s)\s++(?=[.,;:!?。，；：！？])")
_SHORT = 2  # sentences: a refusal and what it adds


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A passage that an answer was given from. start, end: offsets into the document, if known."""

    uri: str
    text: str
    start: int | None = None
    end: int | None = None
    page: int | None = None
    lead: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """A citation. resolved: whether the document holds the quote there; None: cannot be told."""

    number: int
    uri: str
    quote: str
    start: int | None = None
    end: int | None = None
    page: int | None = None
    resolved: bool | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence of an answer, without its marks, and the numbers it cites."""

    text: str
    citations: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer as the metrics read it. confidence: 0..1 that it is right to answer, if known."""

    text: str
    outcome: Outcome
    said: tuple[Said, ...] = ()
    cited: tuple[Cited, ...] = ()
    passages: tuple[Seen, ...] = ()
    confidence: float | None = None
    signals: Mapping[str, float] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    language: str = ""


def read(reply: Mapping[str, Any], resolved: Mapping[str, bool | None] | None = None) -> Reply:
    """Read an answer of ragdesk's form; ``targets`` brings other engines' answers into it.

    Raises KeyError, TypeError or ValueError where a field is missing or of another kind.
    """
    text = str(reply["text"])
    passages = tuple(_seen(one) for one in reply.get("passages", ()))
    marks = resolved or {}
    cited = tuple(_cited(one, marks) for one in reply.get("citations", ()))
    said = tuple(Said(c["text"], tuple(c["citations"])) for c in reply.get("claims", ()))
    if "claims" not in reply:
        said = split(text)
        cited = cited or _by_place(said, passages)
    outcome = OUTCOMES.get(str(reply.get("outcome", "")))
    signals = dict(reply.get("signals") or {})
    confidence = reply.get("confidence")
    return Reply(
        text=text,
        outcome=outcome or refused(text),
        said=said,
        cited=cited,
        passages=passages,
        confidence=signals.get("answerable") if confidence is None else float(confidence),
        signals=signals,
        seconds=dict(reply.get("seconds") or {}),
        language=str(reply.get("language", "")),
    )


def refused(text: str) -> Outcome:
    """Tell from its words alone whether a text answers.

    >>> refused("You have 30 days."), refused("The documents do not mention this.")
    ('answered', 'abstained')
    >>> refused("I could not find it. Pay by card. Then wait. It takes 3 days."), refused("")
    ('undetermined', 'undetermined')
    """
    plain = normalise(text)
    parts = [plain[a:b] for a, b in sentences(plain)]
    refusing = sum(bool(_REFUSAL.search(part)) for part in parts)
    if not parts:
        return "undetermined"
    if not refusing:
        return "answered"
    return "abstained" if len(parts) - refusing < _SHORT and refusing else "undetermined"


def refuses(sentence: str) -> bool:
    """Tell whether a sentence only says that something is not known, or not in the documents.

    >>> refuses("The documents do not mention it."), refuses("We do not have shops in Oslo.")
    (True, False)
    """
    return bool(_SPEAKS_OF_ITSELF.search(normalise(sentence)))


def split(text: str) -> tuple[Said, ...]:
    """Split a text into sentences; marks such as [1] or [1, 2] are taken off and read.

    >>> split("Pay by card [1, 2]. Then wait.")
    (Said(text='Pay by card.', citations=(1, 2)), Said(text='Then wait.', citations=()))
    >>> split("Pay by card. [1] Then wait. [2][3]")
    (Said(text='Pay by card.', citations=(1,)), Said(text='Then wait.', citations=(2, 3)))
    """
    said: list[Said] = []
    for start, end in sentences(text):
        piece = text[start:end]
        ahead = _AHEAD.match(piece)
        if ahead and said:  # marks after a full stop belong to what stands before them
            said[-1] = Said(said[-1].text, (*said[-1].citations, *_numbers(ahead.group())))
            piece = piece[ahead.end() :]
        words = _GAP.sub("", _MARK.sub("", piece)).strip()
        if re.search(r"\w", words):
            said.append(Said(words, _numbers(piece)))
    return tuple(said)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for mark in _MARK.findall(text) for number in mark.split(","))


def _seen(one: Mapping[str, Any]) -> Seen:
    return Seen(
        uri=str(one.get("uri", "")),
        text=str(one["text"]),
        start=one.get("start"),
        end=one.get("end"),
        page=one.get("page"),
        lead=str(one.get("lead", "")),
    )


def _cited(one: Mapping[str, Any], resolved: Mapping[str, bool | None]) -> Cited:
    return Cited(
        number=int(one["number"]),
        uri=str(one.get("uri", "")),
        quote=str(one.get("quote", "")),
        start=one.get("start"),
        end=one.get("end"),
        page=one.get("page"),
        resolved=resolved.get(str(one["number"])),
    )


def _by_place(said: Sequence[Said], passages: Sequence[Seen]) -> tuple[Cited, ...]:
    """Take [n] as the n-th passage where an engine names its sources no other way."""
    numbers = sorted({n for one in said for n in one.citations})
    cited: list[Cited] = []
    for number in numbers:
        if 0 < number <= len(passages):
            p = passages[number - 1]
            mark = Cited(number=number, uri=p.uri, quote=p.text, start=p.start, end=p.end)
            cited.append(mark)
        else:
            cited.append(Cited(number=number, uri="", quote="", resolved=False))
    return tuple(cited)
