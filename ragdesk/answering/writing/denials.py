"""Recognise a sentence in which a model says, in its own words, that no passage answers. Pure.

It is told to say so in the schema or by a mark; small models write a sentence all the same. Looked
at are only sentences that the passages do not bear, so what documents say of themselves is safe.
"""

import re

_SOURCES = (
    r"(?:passages?|(?:provided|given|available|above) (?:context|documents?|information|sources?"
    r"|text|material)|(?:context|documents?|information|sources?|text) (?:provided|given|above))"
)
_DENIES = r"(?:do(?:es)? not|don't|doesn't|did not|didn't|cannot|can't|contains? no|ha(?:s|ve) no)"
_TELLS = r"(?:answer|say|state|mention|contain|specify|provide|tell|indicate|information|details?)"
_DENIAL = re.compile(
    rf"(?<![a-z]){_SOURCES}(?![a-z]).{{0,60}}(?<![a-z]){_DENIES}(?![a-z]).{{0,40}}(?<![a-z]){_TELLS}"
    rf"|(?<![a-z])no (?:answer|information|mention)(?![a-z]).{{0,60}}(?<![a-z]){_SOURCES}"
    rf"|(?<![a-z])(?:not|n't|never) (?:\w+ ){{0,3}}(?:in|by|from) (?:the |these |any )?{_SOURCES}"
    r"|^\W*(?:(?:(?:i am |i'm )?sorry|unfortunately)\W+)?(?:but )?i"
    r"(?:(?: am|'m)? (?:not sure(?! enough)|(?:do not|don't) (?:know|have))(?![a-z])"
    r"|(?: (?:cannot|can't)| ?(?:am|'m) (?:unable|not able) to)"
    r" (?:answer|say(?! (?:enough|no))|tell|determine|find|provide|confirm|help|locate|see)"
    r"(?![a-z]))"
    r"|(?:段落|(?:提供|给出|所给|已有|上述|现有)的?(?:段落|文档|资料|信息|内容|材料))"
    r"[^。]{0,20}(?:没有|没|未|并未|无)[^。]{0,6}(?:回答|提到|提及|说明|包含|给出|涉及|提供|写明)"
    r"|^\W*(?:(?:很?抱歉|对不起)\W*)?(?:我)?(?:无法|不能)(?:回答|确定|得知|判断)",
    re.IGNORECASE,
)


def says_no_answer(text: str) -> bool:
    """Tell whether a sentence says that the passages do not answer the question.

    >>> says_no_answer("The passages do not say when the yard is open.")
    True
    >>> says_no_answer("很抱歉，提供的段落没有提到院子的开放时间。")
    True
    >>> says_no_answer("I'm sorry, I don't know.")
    True
    >>> says_no_answer("I am not able to give a refund after 30 days.")
    False
    >>> says_no_answer("The warranty does not cover water.")
    False
    """
    return _DENIAL.search(text) is not None
