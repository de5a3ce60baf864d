"""Split what somebody asks into its questions: two in one sentence, several in a mail. Pure.

A greeting, thanks and a signature ask nothing and are dropped from a long text. A part that leans
on the one before it ("and what does it cost?", 运费多少) is given that one's words to be searched
for. What goes before a single question ("I dropped it. Is that covered?") belongs to it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from indexes.text.folding import strip_invisible
from indexes.text.scripts import HAN
from indexes.text.sentences import split_sentences
from indexes.text.tokens import drop_stopwords, tokenize_text
from ragdesk.answering.retrieval.question_courtesies import strip_introduction

MOST_PARTS: Final = 4  # of one question; the rest is asked in the last
LONG_TEXT: Final = 240  # characters (Han: 90) from which a text is a mail, not a question
_LONG_HAN = 90
_FEW_WORDS = 2  # words of content up to which a part leans on the one before (Han: characters)
_FEW_HAN = 4

_HAN = re.compile(f"[{HAN}]")
_WH = r"(?:what|when|where|who|whom|whose|which|how|why)(?:'?s|'?re)?\b"
_AUXILIARY = (
    r"(?:can|could|may|might|must|shall|should|do|does|did|is|are|was|were|will|would|have|has|am)"
    r"(?:n't)?\b"
)
_SUBJECT = r"(?:i|you|we|he|she|it|they|there|the|my|your|our|this|that|a|an|any|[a-z]+s)\b"
_PREPOSITION = r"(?:(?:on|in|at|for|by|to|from|with|under|until|since|of|about) )?"
_ASKS_EN = rf"(?:{_PREPOSITION}{_WH}|{_AUXILIARY} {_SUBJECT}|whether\b|if (?:i|you|we|it|there)\b)"
_ASKS_FIRST = re.compile(_ASKS_EN, re.IGNORECASE)
_WH_FIRST = re.compile(rf"\W*{_WH}", re.IGNORECASE)
_INDIRECT = re.compile(
    r"\b(?:(?:i|we)(?:'d| would)? (?:like|want|need|love|wish)(?:ed)? to (?:know|ask|learn"
    r"|find out)"
    r"|(?:could|can|would) you (?:please |kindly )?(?:tell|let|explain|advise|inform)(?: me"
    r"| us)?(?: know)?"
    r"|(?:please|kindly) (?:tell|let|advise|explain|inform)(?: me| us)?(?: know)?"
    r"|(?:i am|i'm|we are|we're) (?:wondering|not sure|unsure)|(?:i|we) (?:wonder|was wondering)"
    r"|(?:my|our|one|another) question is|do you know)\b[\s,:]*(?:about )?",
    re.IGNORECASE,
)
_JOINT_EN = re.compile(
    rf"(?:[,;]\s*+(?:and |or |but )?(?:also |then )?|(?<!\s)\s++and (?:also |then )?"
    rf"|(?<!\s)\s++as well as )(?={_ASKS_EN})",
    re.IGNORECASE,
)
_ASK_EN = re.compile(rf"(?:^|[,;:—–-] ?|\b(?:and|or|but|so|then) ){_ASKS_EN}", re.IGNORECASE)
_ORDER_EN = re.compile(
    r"^\W*(?:please )?(?:list|name|explain|describe|compare|tell|show|give)\b", re.IGNORECASE
)
_ASK_ZH = re.compile(
    r"多少|几(?![乎何])|[吗嘛呢么][?？。！!\s]*$|什么|啥|怎[么样]|如何|咋|哪|谁|何时|何处|为何"
    r"|是否|能否|可否|有无"
    rf"|多[大长久高远重宽深快]|([{HAN}])[不没]\1|可不可以|能不能|行不行|有没有"
)
_JOINT_ZH = re.compile(
    r"[,，;；]\s*(?:还有|另外|以及|并且|而且|同时|再问|顺便问?一?下?|然后|那么?)?[,，]?"
)
_GREETING = re.compile(
    r"^\W*+(?:(?:hi|hello|hey|dear|good (?:morning|afternoon|evening|day))\b[^.?!]{0,40}"
    r"|to whom it may concern\W*+"
    r"|(?:您好|你好|早上好|下午好|晚上好|亲爱的|尊敬的)[^。？?！!]{0,16}?"
    r"|在吗)[,.!，。！:：;；~]*+\s*+$",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"^\W*(?:(?:many |kind |best |warm |with )*(?:thanks|thank you|thx|regards|wishes|cheers"
    r"|sincerely"
    r"|yours)\b.{0,60}|(?:谢谢|多谢|感谢|祝|此致|敬礼|期待).{0,24})$",
    re.IGNORECASE | re.DOTALL,
)
_SIGNATURE = re.compile(
    r"\n[^\S\n]*+(?:--++[^\S\n]*+(?:\n|$)|__++[^\S\n]*+\n|sent from my\b|发自我的"
    r"|(?:(?:many|kind|best|warm|with)\s++){0,4}(?:thanks|regards|wishes|sincerely|cheers"
    r"|yours)\b[^\n?？]{0,60}(?:\n|$)"
    r"|(?:此致|祝好|谢谢|多谢)[^\n?？]{0,16}(?:\n|$))",
    re.IGNORECASE,
)
_POINTS_BACK = re.compile(
    r"\b(?:it|its|they|them|these|those|ones?|same)\b"
    r"|\bthis(?! (?:year|week|month|morning|evening|weekend|spring|summer|autumn|winter)\b)\b"
    r"|\bthat(?=\W*$| (?:cost|take|include|cover|apply|work|mean)s?\b)"
    r"|(?<!is )(?<!are )\bthere\b(?! (?:is|are)\b)"
    r"|(?<![吉耳排利])[它他她]|[这那][个些样里儿款种]|其[中他]",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class QuestionPart:
    """One of the questions that a text asks.

    text: as it was asked. search_text: the same with what it leans on: the words to look for.
    """

    text: str
    search_text: str


def split_question(text: str) -> tuple[QuestionPart, ...]:
    """Return the questions of a text, in order; the text itself where it asks but one.

    >>> [p.text for p in split_question("What is the fee for a copy, and how long does it take?")]
    ['What is the fee for a copy', 'how long does it take?']
    >>> [p.search_text for p in split_question("补办校园卡要多久，收费多少？")]
    ['补办校园卡要多久', '收费多少？ 补办校园卡要多久']
    >>> len(split_question("I lost my card. Can I get a new one?"))
    1
    """
    plain = strip_introduction(strip_invisible(text).strip())
    body = drop_courtesies(plain)
    clauses = _split_clauses(body)
    if len(clauses) < 2:  # noqa: PLR2004 (one question)
        core = clauses[0] if clauses and _is_long(plain) else body if _is_long(plain) else plain
        return (QuestionPart(core, core),)
    clauses = [*clauses[: MOST_PARTS - 1], " ".join(clauses[MOST_PARTS - 1 :])][:MOST_PARTS]
    clauses = [clause for clause in clauses if clause]
    parts = [QuestionPart(clauses[0], _with_context(body, clauses[0]))]
    for before, clause in pairwise(clauses):
        leans = _leans_on_previous(clause)
        search_text = f"{clause} {before}" if leans else clause
        parts.append(QuestionPart(clause, search_text))
    return tuple(parts)


def drop_courtesies(text: str) -> str:
    r"""Drop the greeting, the thanks and the signature around what a text asks.

    >>> drop_courtesies("Dear team,\n\nWhere is my parcel?\n\nKind regards,\nAda")
    'Where is my parcel?'
    >>> drop_courtesies("Hello")
    'Hello'
    """
    end = _SIGNATURE.search(text)
    body = text[: end.start()] if end and end.start() > 0 else text
    sentences = [
        body[a:b]
        for a, b in split_sentences(body)
        if not _GREETING.match(body[a:b]) and not _CLOSING.match(body[a:b])
    ]
    if not sentences or len(sentences) == len(split_sentences(text)):
        return text
    return " ".join(sentences)


def asks_something(sentence: str) -> bool:
    """Tell whether a sentence asks: by its mark, its words, or its order.

    >>> asks_something("I wonder whether it is waterproof"), asks_something("We bought two.")
    (True, False)
    """
    if sentence.rstrip(" \"'”’)）」").endswith(("?", "？")):
        return True
    if _HAN.search(sentence):
        return bool(_ASK_ZH.search(sentence))
    asks = _ASK_EN.search(sentence)
    is_first = bool(asks and not sentence[: asks.start()].strip())
    return is_first or bool(_INDIRECT.search(sentence) or _ORDER_EN.search(sentence))


def _split_clauses(body: str) -> list[str]:
    """Return the clauses of a text that ask."""
    clauses: list[str] = []
    for start, end in split_sentences(body):
        sentence = body[start:end]
        if clauses and not _has_asking_words(sentence):
            if asks_something(sentence):  # "SP-1104?": of the question before it
                clauses[-1] += f" {sentence}"
        elif asks_something(sentence):
            clauses += _split_sentence(sentence)
    if len(clauses) > 1:
        clauses = [clause for clause in clauses if _has_content(clause) or _is_bare_wh(clause)]
    return clauses


def _has_asking_words(sentence: str) -> bool:
    patterns = (_ASK_ZH,) if _HAN.search(sentence) else (_ASK_EN, _INDIRECT, _ORDER_EN)
    return any(pattern.search(sentence) for pattern in patterns)


def _split_sentence(sentence: str) -> list[str]:
    """Split a sentence where a second question begins."""
    indirect = _INDIRECT.search(sentence)
    if indirect and _ASKS_FIRST.match(sentence[indirect.end() :]):
        sentence = sentence[indirect.end() :]
        pieces = _cut(sentence, _JOINT_EN)
        return [piece for piece in pieces if _ASKS_FIRST.match(piece)]
    if _HAN.search(sentence):
        return _join_silent(_cut(sentence, _JOINT_ZH), _ASK_ZH)
    return _join_silent(_cut(sentence, _JOINT_EN), _ASK_EN)


def _cut(sentence: str, joint: re.Pattern[str]) -> list[str]:
    pieces, at = [], 0
    for match in joint.finditer(sentence):
        pieces.append(sentence[at : match.start()].strip())
        at = match.end()
    return [piece for piece in [*pieces, sentence[at:].strip()] if piece]


def _join_silent(pieces: Sequence[str], asks: re.Pattern[str]) -> list[str]:
    """Join each piece that asks nothing to the piece after it; the last one to that before it."""
    joined: list[str] = []
    silent = ""
    for piece in pieces:
        whole = f"{silent}, {piece}" if silent else piece
        if asks.search(piece):
            joined.append(whole)
            silent = ""
        else:
            silent = whole
    if silent and joined:
        joined[-1] = f"{joined[-1]}, {silent}"
    return joined or list(filter(None, [silent]))


def _with_context(body: str, clause: str) -> str:
    """Give the first question what is said before it, where that is short and it leans on it."""
    before = body[: max(0, body.find(clause))].strip(" ,，;；")
    if before and not _is_long(body) and (_leans_on_previous(clause) or len(before) < len(clause)):
        return f"{before} {clause}"
    return clause


def _leans_on_previous(clause: str) -> bool:
    words = set(drop_stopwords(tokenize_text(clause)))
    if _HAN.search(clause):
        return bool(_POINTS_BACK.search(clause)) or sum(len(w) == 1 for w in words) <= _FEW_HAN
    return bool(_POINTS_BACK.search(clause)) or len(words) <= _FEW_WORDS


def _has_content(clause: str) -> bool:
    return bool(drop_stopwords(tokenize_text(clause)))


def _is_bare_wh(clause: str) -> bool:
    return bool(_WH_FIRST.match(clause))


def _is_long(text: str) -> bool:
    return len(text) > (_LONG_HAN if _HAN.search(text) else LONG_TEXT)
