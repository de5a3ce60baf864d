"""The kind of thing a question asks for, and whether a sentence names one. Pure.

"How much" wants a number, 何时 a date, who a name. Each is a cue, not a proof: it adds a little
to a sentence that already speaks of what was asked. Worth 1 to 2 points of the best sentence
holding the answer (see "Extraction" in tests/lab/RESULTS.md).
"""

import re
from typing import Final

from indexes.text.canonical_forms import find_canonical_forms
from indexes.text.folding import normalise_text
from indexes.text.scripts import HAN

_AMOUNT_QUESTION = (
    r"\bhow (?:many|much|long|old|far|big|large|tall|high|often|deep|wide|heavy|fast|soon|late)\b"
    r"|\bper ?cent|\bwhat (?:is |was |are |were )?(?:the )?(?:\w+ )?(?:number|amount|population"
    r"|price|cost|fee|rate|age|size|length|height|weight|area|score|percentage|share|distance|total"
    r"|limit|minimum|maximum|temperature|capacity)\b"
    r"|多少|几(?![乎何])|多[大长久高远重宽深快]|比例|百分|人口|数量|面积|价格|费用|金额|上限|下限|温度|容量"
)
_TIME_QUESTION = (
    r"\bwhen\b|\b(?:what|which) (?:year|date|month|day|century|decade|time|era|period|season)\b"
    r"|\bhow (?:long|soon|late)\b|何时|哪一?[年天月日]|什么时[候间]|时间|几[点月号年天]|多久|年代"
    r"|日期|哪个?(?:世纪|时期|朝代)"
)
_PERSON_QUESTION = (
    r"\bwho(?:se|m)?\b|\b(?:what|which) (?:person|people|team|department|company|player|king|queen"
    r"|author|scientist|man|woman)\b|谁|哪[一几]?[位名]|什么人|哪些?人|哪个(?:人|部门|公司|团队)"
)
_PLACE_QUESTION = (
    r"\bwhere\b|\b(?:what|which) (?:city|country|state|place|town|region|area|street|page|menu"
    r"|location|continent|county|province|address)\b"
    r"|哪里|哪儿|何[地处]|什么地方|哪个?(?:国家|城市|地区|地方|[省市县区国])|位于|地点|在哪|地址"
)
_REASON_QUESTION = r"\bwhy\b|\bwhat (?:caused|causes|is the reason)\b|为什么|为何|何以|原因|怎么会"

_LIST_QUESTION: Final = re.compile(
    r"\bhow (?:do|can|should|to)\b|\bsteps?\b|\blist\b|\bwhat are\b|\bwhich (?:\w+ )?\w+s\b"
    r"|怎[么样]|如何|步骤|哪些|流程|方法|清单"
)

_AMOUNT_ANSWER = (
    r"\d|(?<![a-z])(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen"
    r"|fourteen|fifteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand"
    r"|million|billion|half|third|quarter|dozen|once|twice|single|none|several|few|couple)"
    r"(?:s|ths?)?(?![a-z])|[一二三四五六七八九十百千万亿两半双零]"
)
_TIME_ANSWER = (
    r"\d ?[年月日点时天周]|\b1\d{3}\b|\b20\d\d\b|\bcentur|世纪|\b(?:january|february|march|april"
    r"|may|june|july|august|september|october|november|december"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day|spring|summer|autumn|winter|minute|hour|day|week|month|year|decade|today|night|morning|era"
    r"|after|before|during|until|since)s?\b|[一二三四五六七八九十两][年月日天周]|小时|分钟|年代|时期"
    r"|期间|[之以][后前]|[初末]期|同年|当[时日]|次日|[春夏秋冬朝]|时代"
)
_PERSON_ANSWER = rf"(?<!^)(?<![.!?] )\b[A-Z][\w'’-]+|[{HAN}]·[{HAN}]|[者师家员帝王长部司队]"
_PLACE_ANSWER = (
    r"\b(?:in|at|near|from|to|across|within|of|under) (?:the )?[A-Z]"
    r"|[省市县区国州岛镇村山河湖街路港]|[>→]"
)
_REASON_ANSWER = (
    r"becaus|due to|\bsince\b|in order|so that|reason|result|caus|therefore|\bto [a-z]+|[因致]|由于"
    r"|所以|为了|以便|使得"
)

# asked for, named by: the sentence is read as written where capitals tell a name.
_CUES: Final = tuple(
    (re.compile(question_pattern), re.compile(answer_pattern), raw)
    for question_pattern, answer_pattern, raw in (
        (_AMOUNT_QUESTION, _AMOUNT_ANSWER, False),
        (_TIME_QUESTION, _TIME_ANSWER, False),
        (_PERSON_QUESTION, _PERSON_ANSWER, True),
        (_PLACE_QUESTION, _PLACE_ANSWER, True),
        (_REASON_QUESTION, _REASON_ANSWER, False),
    )
)
# What only asks; the words left over are what a question is about.
_ASKING_WORDS: Final = re.compile(
    "|".join(question_pattern.pattern for question_pattern, _, _ in _CUES)
    + "|哪[些个]?|什么|怎么样?|如何|是否|几|吗|呢"
)
_CANONICAL_NUMBER = re.compile(r"第?(\d+(?:\.\d+)*)[^\d.]?")  # of 第八条, or any amount
_NUMBER_PATTERN = re.compile(r"\d+(?:[.,]\d+)*")


def extract_numbers(text: str) -> frozenset[str]:
    """Return the numbers written in a text, in digits or in Chinese, without thousands marks.

    >>> sorted(extract_numbers("1,200 of 30.5 in 2024"))
    ['1200', '2024', '30.5']
    >>> sorted(extract_numbers("第八条: 一千二百五十 of 1.25万"))
    ['1250', '12500', '8']
    """
    plain = normalise_text(text)
    numbers: set[str] = set()
    rest, at = [], 0
    for form in find_canonical_forms(plain):
        if not form.is_name and (number := _CANONICAL_NUMBER.fullmatch(form.terms[0])):
            numbers.add(number[1])
            rest.append(plain[at : form.start])
            at = form.end
    digits = _NUMBER_PATTERN.findall(" ".join((*rest, plain[at:])))
    return frozenset(numbers.union(digit.replace(",", "") for digit in digits))


def split_content(plain: str) -> list[str]:
    """Split a normalised question at its question words ("how many", "what"); these are dropped.

    >>> split_content("长城建于哪一年?")
    ['长城建于', '?']
    >>> split_content("who built it?")
    ['', ' built it?']
    """
    return _ASKING_WORDS.split(plain)


def asks_for_list(plain: str) -> bool:
    """Tell whether a normalised question asks for several things or steps, as a list holds.

    >>> asks_for_list("how do i reset it?"), asks_for_list("多少钱?")
    (True, False)
    """
    return bool(_LIST_QUESTION.search(plain))


class QuestionType:
    """Reads a question once; counts how far a sentence names the kind of thing it asks for."""

    def __init__(self, question: str) -> None:
        plain = normalise_text(question)
        self._cues = [
            (answer_pattern, raw)
            for question_pattern, answer_pattern, raw in _CUES
            if question_pattern.search(plain)
        ]
        self._question_things = [_find_answers(cue, question, plain) for cue in self._cues]

    @property
    def kinds(self) -> frozenset[str]:
        """Return the kinds of thing asked for, each as the pattern of what names it.

        >>> QuestionType("How long?").kinds == QuestionType("多久？").kinds != frozenset()
        True
        """
        return frozenset(answer_pattern.pattern for answer_pattern, _ in self._cues)

    def answer_share(self, sentence: str) -> float:
        """Return the share (0..1) of the kinds asked for that a sentence names anew.

        What the question itself names is no answer. 1 where no kind is asked for.

        >>> question_type = QuestionType("How many people came in 2024?")
        >>> question_type.answer_share("In 2024 many came.")
        0.0
        >>> question_type.answer_share("In 2024, 300 came.")
        1.0
        """
        if not self._cues:
            return 1.0
        plain = normalise_text(sentence)
        names_answer = (
            bool(_find_answers(cue, sentence, plain) - known)
            for cue, known in zip(self._cues, self._question_things, strict=True)
        )
        return sum(names_answer) / len(self._cues)

    def lacks_amount(self, sentence: str) -> bool:
        """Tell whether a number or a time is asked for, and a sentence names none anew.

        >>> QuestionType("How long is it valid?").lacks_amount("It is valid for 30 days.")
        False
        >>> QuestionType("How long is it valid?").lacks_amount("It is valid.")
        True
        """
        plain = normalise_text(sentence)
        amounts = [
            bool(_find_answers(cue, sentence, plain) - known)
            for cue, known in zip(self._cues, self._question_things, strict=True)
            if cue[0].pattern in {_AMOUNT_ANSWER, _TIME_ANSWER}
        ]
        return bool(amounts) and not any(amounts)

    def count_answer_types(self, sentence: str) -> int:
        """Count the kinds of thing asked for that a sentence names.

        >>> QuestionType("How long may I wait?").count_answer_types("Wait for 30 days.")
        2
        >>> QuestionType("Why?").count_answer_types("No.")
        0
        """
        plain = normalise_text(sentence)
        return sum(
            bool(answer_pattern.search(sentence if raw else plain))
            for answer_pattern, raw in self._cues
        )


def _find_answers(cue: tuple[re.Pattern[str], bool], text: str, plain: str) -> set[str]:
    """Return the matches of one kind (number, date, name, place, reason) in a text."""
    answer_pattern, raw = cue
    return {match.group() for match in answer_pattern.finditer(text if raw else plain)}
