"""What a person needs who takes a conversation over: questions, answers, what was looked at.

Nothing is written here but labels: every other word is the customer's or the documents'. Pure.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ragdesk.support.handoff.handoff_states import HandoffReason

MOST_TURNS: Final = 12  # the last ones
MOST_TRIED_SOURCES: Final = 3  # of a turn that found no answer
LONGEST_REPEATED_ANSWER: Final = 600  # characters of an answer that are repeated
LONGEST_REPEATED_QUOTE: Final = 300
PASSED_ON: Final = frozenset({None, "handed_over"})  # outcomes of what a person is to answer
IsVisible = Callable[[Mapping[str, Any]], bool]
LABELS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "asked": "Asked",
        "answered": "Answered",
        "unanswered": "Not answered",
        "person": "A person replied",
        "tried": "Looked at",
        "stopped": "Handed over because",
        "said": "In the customer's words",
    },
    "zh": {
        "asked": "提问",
        "answered": "已答复",
        "unanswered": "未能回答",
        "person": "人工答复",
        "tried": "查阅过",
        "stopped": "转交原因",
        "said": "客户原话",
    },
}
REASON_TEXTS: Final[Mapping[str, Mapping[HandoffReason, str]]] = {
    "en": {
        HandoffReason.CUSTOMER_ASKED: "the customer asked for a person",
        HandoffReason.COMPLAINT: "the customer complains",
        HandoffReason.SAFETY: "something dangerous may have happened",
        HandoffReason.REFUSED_TWICE: "the documents did not answer twice in a row",
        HandoffReason.UNSUPPORTED: "the documents do not bear the answer",
        HandoffReason.LOW_CONFIDENCE: "the answer is unsure",
        HandoffReason.NEEDS_ACCOUNT: "it needs a look into the customer's account",
        HandoffReason.AGENT: "an agent handed it over",
        HandoffReason.OTHER: "another reason",
    },
    "zh": {
        HandoffReason.CUSTOMER_ASKED: "客户要求人工服务",
        HandoffReason.COMPLAINT: "客户投诉",
        HandoffReason.SAFETY: "可能发生了危险",
        HandoffReason.REFUSED_TWICE: "文档连续两次未能回答",
        HandoffReason.UNSUPPORTED: "文档不足以支持答案",
        HandoffReason.LOW_CONFIDENCE: "答案不够确定",
        HandoffReason.NEEDS_ACCOUNT: "需要查看客户的账户",
        HandoffReason.AGENT: "由客服转交",
        HandoffReason.OTHER: "其他原因",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptTurn:
    """A turn of a conversation as it was kept: a question with the answer as served, or a reply.

    author: ``customer`` (question and answer) or ``agent`` (``text`` alone). answer: as it is kept
    (``conversations/kept_answer``), empty where there is none.
    """

    author: str
    text: str
    answer: Mapping[str, Any]
    outcome: str | None = None
    reason: str | None = None


def build_payload(
    turns: Sequence[TranscriptTurn],
    reason: HandoffReason,
    text: str,
    *,
    language: str,
    sentiment: str | None,
) -> dict[str, Any]:
    """Return what somebody can act on, as plain JSON values.

    text: what the customer wrote with the hand-off. Each source carries the groups of its document
    (null where nobody knows them): its words never go out of the house unless everybody may read
    it (``hide_restricted``).
    """
    shown = [_describe_turn(turn) for turn in turns[-MOST_TURNS:]]
    questions = [turn.text for turn in turns if turn.author == "customer" and turn.text]
    sources: dict[str, dict[str, Any]] = {}
    for turn in shown:
        for source in turn["sources"]:
            sources.setdefault(source["uri"], source)
    payload = {
        "question": questions[-1] if questions else text,
        "text": text,
        "turns": shown,
        "turns_before": max(0, len(turns) - MOST_TURNS),
        "sources": list(sources.values()),
        "stopped": str(reason),
        "language": language,
        "sentiment": sentiment,
    }
    return {"summary": payload_to_text(payload), **payload}


def _describe_turn(turn: TranscriptTurn) -> dict[str, Any]:
    answer = turn.answer
    is_answered = turn.outcome == "answered"
    cited = answer.get("citations") or []
    places = cited or (answer.get("sources") or [])[:MOST_TRIED_SOURCES]
    sources = [
        {
            "uri": place["uri"],
            "title": place.get("title") or place["uri"],
            "page": place.get("page"),
            "quote": _shorten(place.get("quote") or "", LONGEST_REPEATED_QUOTE),
            "cited": bool(cited),
            "groups": (place.get("document") or {}).get("groups"),
        }
        for place in places
    ]
    return {
        "author": turn.author,
        "question": turn.text,
        "outcome": turn.outcome,
        "reason": turn.reason,
        "answer": _shorten(str(answer.get("text", "")), LONGEST_REPEATED_ANSWER)
        if is_answered
        else "",
        "sources": sources,
    }


def hide_sources(payload: Mapping[str, Any], is_visible: IsVisible) -> dict[str, Any]:
    """Return a payload without the words of documents that somebody may not see.

    An answer goes with the documents that it was taken from, and so does an agent's reply.
    is_visible: by a source of it.
    """
    turns = []
    for turn in payload["turns"]:
        sources = [source for source in turn["sources"] if is_visible(source)]
        shown_turn = {**turn, "sources": sources}
        if len(sources) < len(turn["sources"]):
            shown_turn["answer"] = ""
            if turn["author"] != "customer":
                shown_turn["question"] = ""
        turns.append(shown_turn)
    visible = [source for source in payload["sources"] if is_visible(source)]
    shown = {**payload, "turns": turns, "sources": visible}
    return {**shown, "summary": payload_to_text(shown)}


def hide_restricted(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payload with the words of those documents alone that everybody may see."""
    return hide_sources(payload, lambda source: source["groups"] == [])


def payload_to_text(payload: Mapping[str, Any]) -> str:
    """Write a payload as lines of text, in the language of the conversation.

    >>> print(payload_to_text({"language": "en", "stopped": "complaint", "text": "", "turns": [
    ...     {"author": "customer", "question": "Where is it?", "answer": "", "sources": [],
    ...      "outcome": "not_found"}]}))
    Asked: Where is it?
    Not answered
    Handed over because: the customer complains
    """
    language = "zh" if payload["language"] == "zh" else "en"
    words, gap = LABELS[language], "：" if language == "zh" else ": "
    lines = []
    for turn in payload["turns"]:
        if turn["author"] != "customer":
            if turn["question"]:
                lines.append(f"{words['person']}{gap}{turn['question']}")
            continue
        lines.append(f"{words['asked']}{gap}{turn['question']}")
        if turn["answer"]:
            lines.append(f"{words['answered']}{gap}{turn['answer']}")
        elif turn["outcome"] not in PASSED_ON:
            lines.append(words["unanswered"])
        titles = dict.fromkeys(source["title"] for source in turn["sources"])
        if titles:
            lines.append(f"{words['tried']}{gap}{'; '.join(titles)}")
    reason = REASON_TEXTS[language][HandoffReason(payload["stopped"])]
    lines.append(f"{words['stopped']}{gap}{reason}")
    if payload["text"]:
        lines.append(f"{words['said']}{gap}{payload['text']}")
    return "\n".join(lines)


def _shorten(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest].rstrip()}…"
