"""Tell how a question leans on the conversation before it. Pure.

"Who is your CEO?" names all that it asks about, "And to Norway?" puts one thing in the place of
another, "How much is it?" points at what was said, and "How long?" asks for no more than a kind of
thing. Each must find other words in what it is answered with.
"""

import re
from enum import StrEnum
from typing import Final

from indexes.text.tokens import drop_stopwords, tokenize_text
from ragdesk.answering.retrieval.question_analysis import QuestionAnalysis
from ragdesk.answering.retrieval.question_type import split_content


class FollowUpKind(StrEnum):
    """How a question leans on the turns before it.

    self_standing: not at all. elliptical: it leaves out what is the same as before. pronoun: "it"
    stands for what was said. asking: it names nothing, and only asks.
    """

    SELF_STANDING = "self_standing"
    ELLIPTICAL = "elliptical"
    PRONOUN = "pronoun"
    ASKING = "asking"


CLAUSE_CHARACTERS: Final = 4  # Han characters of its own that make a Chinese question a clause
_OPENERS_EN = r"(?:so|ok(?:ay)?|well|yes|no|thanks|thank you|hi|hello|sorry)\b[\s,.!]*"
_CLAUSE_EN = re.compile(
    rf"^\W*(?:{_OPENERS_EN})*"
    r"(?!(?:what|how) (?:about|if)\b)"
    r"(?:(?:what|who|where|when|why|how)(?:'?s|'?re)?|which|whom|whose|is|are|was|were|do|does|did"
    r"|can|could|will|would|should|may|might|must|have|has|had"
    r"|(?:please )?(?:tell|show|explain|give|list|write|translate|recommend))\b"
)
_POINTER_EN = re.compile(
    r"\b(?:it|its|they|them|their|he|she|his|her|this|these|those|former|latter)\b"
    r"|\b(?:is|was|does|do|did|about|of|with|for|to|in|on|after|before|like|than|by|from) that\b"
    r"|\b(?:that|there|one|ones|so|else|instead|same|another|other|above)\W*$"
)
_ELLIPSIS_ZH = re.compile(r"呢\W*$|^\W*(?:那|还有|另外|如果|要是|换成)")
_POINTER_ZH = re.compile(
    r"(?<![吉耳排利])[它他她]|[这那][个些样里儿款种]|上述|前者|后者|同样|其[中他]"
)
_CLAUSE_ZH = re.compile(
    r"[吗么]\W*$|[谁几]|什么|怎么?|如何|多[少久大长高远重宽深快]|哪|何时|为何|是否|能否|可否"
    r"|(?:请|帮我|给我|告诉我|写|讲|推荐|翻译)"
)
# Verbs that any question is asked with: they name nothing that an answer would have to speak of.
_LIGHT_EN: Final = frozenset(
    tokenize_text(
        "take takes cost costs get go come happen mean need want work make give know tell say"
        " think look like let keep much many long often far ever still yet already actually"
        " really again repeat more else instead another other one ones ok okay thanks thank yes"
        " say said question ask mind sorry case exactly again happens live lives living am im"
    )
)
_ASKING_PAIRS: Final = re.compile(r"几[点号月年天个次]|多[少久长大高远重宽深快]|[多一每]次|一般")
_LIGHT_ZH: Final = re.compile(
    r"再?[说讲来问念]?一[遍次]|重复|刚才|需要|想要|知道|觉得|告诉|一下|的话|时候|情况|已经|现在|还是|或者|不过|但是|如果|要是|换成"
    r"|请问|谢谢|你们|我们|您们|他们|它们|这个|那个|这些|那些|一共|总共|到底|究竟|大概|左右"
    r"|[要花办弄做给来去想说用行算才再又那这呢吗吧啊它他她了的]"
)


def find_own_words(analysis: QuestionAnalysis) -> frozenset[str]:
    """Return the words by which a question itself names what it is about.

    >>> from ragdesk.answering.retrieval.question_analysis import analyze_question
    >>> sorted(find_own_words(analyze_question("And how long does it take to Norway?")))
    ['norway']
    >>> sorted(find_own_words(analyze_question("那水壶要多久呢？")))
    ['壶', '水', '水壶']
    """
    if analysis.language == "zh":
        text = _ASKING_PAIRS.sub(" ", analysis.reference_text)
        parts = (piece for part in split_content(text) for piece in _LIGHT_ZH.split(part))
        words = {word for part in parts for word in drop_stopwords(tokenize_text(part))}
        return frozenset(words & analysis.content_words) - _LIGHT_EN
    return analysis.topic_words - _LIGHT_EN


def classify_follow_up(analysis: QuestionAnalysis) -> FollowUpKind:
    """Return how a question that follows others leans on them, from its form alone.

    >>> from ragdesk.answering.retrieval.question_analysis import analyze_question
    >>> texts = ("Who is your CEO?", "And to Norway?", "How much is it?", "多久？")
    >>> [classify_follow_up(analyze_question(text)).value for text in texts]
    ['self_standing', 'elliptical', 'pronoun', 'asking']
    """
    text, own_words = analysis.reference_text, find_own_words(analysis)
    chinese = analysis.language == "zh"
    if (_POINTER_ZH if chinese else _POINTER_EN).search(text):
        return FollowUpKind.PRONOUN
    if not own_words:
        return FollowUpKind.ASKING
    if chinese:
        long_enough = sum(len(word) == 1 for word in own_words) >= CLAUSE_CHARACTERS
        is_clause = long_enough and bool(_CLAUSE_ZH.search(text)) and not _ELLIPSIS_ZH.search(text)
    else:
        is_clause = bool(_CLAUSE_EN.search(text))
    return FollowUpKind.SELF_STANDING if is_clause else FollowUpKind.ELLIPTICAL
