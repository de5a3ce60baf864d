"""Tell what form a question has, and what it names that an answer must meet. Pure.

A comparison wants both its sides, "which of the two" the one that has it, a count the number of a
list's items, "what may not" what is denied, and a number or a date the range that holds it.
English and Chinese.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

from indexes.text.folding import normalise_text
from indexes.text.polarity import is_yes_no_question
from indexes.text.scripts import HAN
from indexes.text.tokens import drop_stopwords, tokenize_text
from ragdesk.answering.reading.section_labels import SectionLabel, find_section_labels
from ragdesk.answering.reading.value_points import ScalePoint, find_points
from ragdesk.answering.retrieval.question_analysis import QuestionAnalysis
from ragdesk.answering.retrieval.sibling_documents import find_codes

FormKind = Literal[
    "value", "comparison", "selection", "count", "list", "steps", "yes_no", "definition"
]

_BEFORE_SIDE = r"(?:the |a |an |your |our )?"
_A = rf"{_BEFORE_SIDE}(?P<a>[^?,;:.]{{1,48}}?)"
_B = rf"{_BEFORE_SIDE}+(?P<b>[^?,;:.]{{1,48}}?)"
# The side before it may take blanks too: a few are enough here. No side ends inside a word, which
# is seen first as it is cheap.
_END = (
    r"(?![^\s?,;:.])(?=\s{0,4}+(?:[?,;:.]|$)"
    r"|\s{1,4}+(?:in|for|when|on|at|if|with|regarding|concerning)\s)"
)
_COMPARISONS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\bbetween {_A} and {_B}{_END}",
        rf"\bcompare {_A} (?:with|to|and|against) {_B}{_END}",
        rf"\bhow (?:do|does|is|are) {_A} (?:and {_B} differ|(?:differ|different) from )",
        rf"\bhow (?:do|does|is|are) {_A} (?:differ|different) from {_B}{_END}",
        rf"(?:^|\b(?:is|are|of|about) ){_A} (?:vs\.?|versus|compared (?:to|with)) {_B}{_END}",
    )
)
_SIDE_ZH = r"(?P<{0}>[^,，。?？和与跟]{{1,14}}?)"
_A_ZH, _B_ZH = _SIDE_ZH.format("a"), _SIDE_ZH.format("b")
# The same where nothing is asked before it: from where a clause begins, or as long as it may be.
# From anywhere else it would only try once more what has failed.
_FIRST_ZH = r"(?P<a>(?<![^,，。?？和与跟])[^,，。?？和与跟]{1,14}?|[^,，。?？和与跟]{14})"
_DIFFER_ZH = r"(?:区别|不同|差别|差异|差多少|差几|比较|对比|相比|相差)"
_COMPARISONS_ZH: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?:比较|对比)(?:一下)?{_A_ZH}(?:和|与|跟){_B_ZH}(?:[的?？]|$)",
        (
            rf"{_FIRST_ZH}[和与跟]{_B_ZH}(?:之间|两者)?(?:的[^,?？]{{0,8}})?(?:有什么|有何|有啥"
            rf"|有哪些)?(?:主要)?{_DIFFER_ZH}"
        ),
    )
)
_SELECTIONS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        # From the first such word of a sentence alone: it sees whatever a later one would.
        (
            r"(?:^|\?)(?>[^?]*?\b(?:which|what|who)\b)[^?]*[,:;–-] ?(?=[^?,;:.]{1,53}? or )"
            rf"{_A} or {_B}{_END}"
        ),
        rf"^(?:is|are|does|do|can|has|have) {_A} or {_B} (?=[a-z]+(?:er|ier)?\b)",
        rf"^{_A} or {_B}[,:;–-] ?(?:which|what|who)\b",
    )
)
_SELECTIONS_ZH: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_FIRST_ZH}(?:[和与跟]|还是|或者?){_B_ZH}[,，]?(?:里|中|之间)?(?:哪[个款种家一边]|谁)",
        (
            r"(?:^|[?？])(?>[^?？]*?(?:哪[个款种家一边]|谁))[^?？]*[,，:：]\s{0,4}(?:是)?"
            rf"{_A_ZH}(?:还是|或者?){_B_ZH}(?:[?？]|$)"
        ),
    )
)
_MEASURES = (
    "hours?|days?|minutes?|weeks?|months?|years?|times?|euros?|dollars?|pounds?|percent|grams?"
    "|kilos?|kg|litres?|liters?|met(?:re|er)s?|points?|seconds?|degrees?"
)
_COUNT_EN = re.compile(
    rf"\bhow many (?!(?:working |business )?(?:{_MEASURES})\b)(?P<noun>[a-z][a-z -]{{1,40}}?)"
    r"(?= (?:are|do|does|did|is|can|have|has|may|will|in|at|of|you|we|i|there)\b|[?,.;]|$)"
    r"|\b(?:the )?number of (?P<noun_>[a-z][a-z -]{1,40}?)(?= (?:are|do|does|is|in|at|you)\b"
    r"|[?,.;]|$)"
)
_COUNT_ZH = re.compile(
    r"(?:一共|总共|共计?|总计)?有?(?:多少|几)(?:个|家|种|款|项|条|位|名|间|处|类|门|座|台|张"
    r"|本)(?P<noun>[^,，。?？]{0,12})"
    r"|(?:一共|总共|共)有?多少(?P<noun_>[^,，。?？]{0,12})"
)
_LIST = re.compile(
    r"^\W*(?:please )?(?:list|name|enumerate)\b|\b(?:what|which) are\b|\b(?:what|which) all\b"
    r"|\b(?:what|which) (?:[a-z-]+ ){0,3}[a-z-]+s (?:are|do|can|have|must|should|may|will|were"
    r"|apply|count)\b"
    r"|\blist of\b|\bfull list\b|\bwhat (?:do|must|should|can) (?:i|we) (?:need|bring|send"
    r"|provide|prepare)\b"
    r"|哪些|哪几|有什么(?!区别|不同|差|用|意|问|办)|都有啥|都能|列出|列举|清单|分别是|包括什么"
    r"|要带(?:什么|啥)"
)
_STEPS = re.compile(
    r"\bhow (?:do|can|could|should|would|to|must) (?!much|many|long|often|far)|\bhow to\b"
    r"|\bsteps?\b"
    r"|\bprocedure\b|\binstructions?\b|\bwhat (?:do|should|must|can) (?:i|we) do\b"
    r"|\bwhat (?:now|happens)\b"
    r"|怎么(?!样的|这么|回事)|怎样|如何|步骤|流程|咋(?!样)"
)
_DEFINITION = re.compile(
    r"^\W*(?:what|who) (?:is|are|was) (?:an? )?[\w -]{1,40}\??$|\bwhat does .{1,40} (?:mean"
    r"|stand for)\b"
    r"|\bmeaning of\b|\bdefine\b|什么是|(?:是|有)?(?:什么|啥)意思|是指什么|指的?是什么"
)
_WH = re.compile(
    r"\b(?:what|which|who|whom|whose|when|where|how|why)\b|什么|啥|哪|谁|何|多少|几"
    r"|多[大长久高远重]|怎"
)
_EITHER_ZH = re.compile(
    rf"([{HAN}])[不没](?=\1)|可不可以|有没有|有无|是否|能否|不知道?|不好意思|对不起"
)
_NOT_EN = (
    r"(?:(?:not|never|cannot|forbidden|prohibited|banned|excluded|exempt|barred|disallowed)\b"
    r"|n't\b)"
)
_MAY_NOT_ZH = r"(?:不得|不能|不可|不支持|不包括|不包含|不含|不提供|禁止|严禁|无法|不许|不准|不要)"
# What stands between two words holds no further word of the first kind, which would begin a match
# of its own: so what stands between is read once.
_DENIES = re.compile(
    r"\b(?:what|which|who|whom|whose|where|when)\b"
    r"(?:(?!\b(?:if|that|when|because|so|while|after|before|happens|what|which|who|whom|whose"
    rf"|where)\b)[^?,])*?(?:\b|(?<=[a-z])){_NOT_EN}"
    r"|(?:什么|啥|哪|谁|何时)(?:(?!什么|何时)[^?？,，啥哪谁])*?(?:不|没有|禁止|严禁|无法|除外)"
    rf"|{_MAY_NOT_ZH}(?:(?!{_MAY_NOT_ZH})[^?？,，])*?(?:什么|啥|哪|谁)"
)
_YES_NO_START = re.compile(
    r"\W*(?:can|could|may|might|must|shall|should|do|does|did|is|are|was|were|will|would|has"
    r"|have|am)(?:n't)?"
    r" (?!you (?:please |kindly )?(?:tell|list|name|explain|show|say|give|know"
    r"|compare))(?!we know\b)"
)
_WORD_AND_NUMBER = re.compile(r"(?<=[a-z]{3}) (?=\d)")  # "after 3", "makes 200": no code
_WHO_EN = r"\b(?:who|what|which)\b(?! (?:happens|if)\b)"
_WHO_ZH = r"(?:什么|哪[些个类种位]|谁)"
_MAY_ZH = r"(?:可以|能|允许|包括|支持)"
_PERMITS = re.compile(
    rf"{_WHO_EN}(?:(?!{_WHO_EN})[^?,])*?"
    r"\b(?:may|can|allowed|permitted|eligible|entitled|included|covered)\b"
    rf"|{_WHO_ZH}(?:(?!{_WHO_ZH})[^?？,，])*?{_MAY_ZH}"
    rf"|{_MAY_ZH}(?:(?!{_MAY_ZH})[^?？,，])*?(?:什么(?!时)|哪[些个类种位]|谁)"
)

_KINDS: Final[tuple[tuple[FormKind, re.Pattern[str]], ...]] = (
    ("list", _LIST),
    ("definition", _DEFINITION),
    ("steps", _STEPS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionForm:
    """What a question wants, by its words alone.

    sides: of a comparison or a choice, the words that tell its two sides apart. words: its content
    words. points: numbers, dates and times that a range may hold. codes: names of things that are
    letters with a number, and other identifiers. counted: words of what is to be counted. denies:
    it asks for what is not, or may not be. permits: for what may be. wants_amount: for a number or
    a time. sections: parts of documents that it names by their number.
    """

    kind: FormKind
    words: frozenset[str]
    sides: tuple[frozenset[str], ...] = ()
    points: tuple[ScalePoint, ...] = ()
    codes: frozenset[str] = frozenset()
    counted: frozenset[str] = frozenset()
    denies: bool = False
    permits: bool = False
    wants_amount: bool = False
    sections: frozenset[SectionLabel] = frozenset()

    @property
    def wants_list(self) -> bool:
        """Tell whether a whole list or all steps are the answer."""
        return self.kind in {"list", "steps"}


def read_form(analysis: QuestionAnalysis, text: str = "") -> QuestionForm:
    """Read the form of one question.

    text: the question as it was asked, where it is searched for by more words than its own.

    >>> from ragdesk.answering.retrieval.question_analysis import analyze_question
    >>> read_form(analyze_question("Which tent is lighter, the Ridge or the Valley?")).kind
    'selection'
    >>> form = read_form(analyze_question("钛杯和钢杯有什么区别？"))
    >>> form.kind, ["钛" in form.sides[0], "钢" in form.sides[1]]
    ('comparison', [True, True])
    >>> read_form(analyze_question("Who may not use the pool?")).denies
    True
    """
    plain = normalise_text(text or analysis.text).strip()
    sides = _find_sides(plain, (*_SELECTIONS, *_SELECTIONS_ZH))
    kind: FormKind = "selection"
    if not sides:
        sides = _find_sides(plain, (*_COMPARISONS, *_COMPARISONS_ZH))
        kind = "comparison"
    counted = _counted_words(plain)
    if not sides:
        kind = _plain_kind(plain, counted=bool(counted))
    is_open = bool(_WH.search(plain)) or kind == "list"
    denies = is_open and bool(_DENIES.search(_EITHER_ZH.sub(" ", plain)))
    return QuestionForm(
        kind=kind,
        words=analysis.content_words,
        sides=sides,
        points=tuple(find_points(text or analysis.text)),
        codes=_find_asked_codes(analysis),
        counted=counted if kind == "count" else frozenset(),
        denies=denies,
        permits=kind != "yes_no" and not denies and bool(_PERMITS.search(plain)),
        wants_amount=analysis.question_type.lacks_amount(""),
        sections=find_section_labels(text or analysis.text),
    )


def _find_asked_codes(analysis: QuestionAnalysis) -> frozenset[str]:
    """Return the codes of a question; a word, a space and a number are none: "after 3"."""
    plain = normalise_text(analysis.text)
    unspaced = find_codes(_WORD_AND_NUMBER.sub(" , ", plain))
    return unspaced.union(analysis.identifiers)


def _plain_kind(plain: str, *, counted: bool) -> FormKind:
    if _YES_NO_START.match(plain):
        return "yes_no"
    if counted:
        return "count"
    for kind, pattern in _KINDS:
        if pattern.search(plain):
            return kind
    return "yes_no" if not _WH.search(plain) and is_yes_no_question(plain) else "value"


def _find_sides(plain: str, patterns: tuple[re.Pattern[str], ...]) -> tuple[frozenset[str], ...]:
    """Return the words of each side that the other lacks; () where no two sides are compared."""
    for pattern in patterns:
        match = pattern.search(plain)
        if match is None or not match.groupdict().get("b"):
            continue
        first, second = (
            frozenset(drop_stopwords(tokenize_text(match[side]))) for side in ("a", "b")
        )
        if first - second and second - first:
            return first - second, second - first
    return ()


def _counted_words(plain: str) -> frozenset[str]:
    """Return the words of the noun that is to be counted: "how many pools", 课程一共有几门."""
    for pattern in (_COUNT_EN, _COUNT_ZH):
        if match := pattern.search(plain):
            noun = match["noun"] or match["noun_"] or ""
            return frozenset(drop_stopwords(tokenize_text(noun or plain[: match.start()])))
    return frozenset()
