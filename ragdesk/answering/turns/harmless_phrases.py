"""Find phrases that hold a word of an accident and mean none: a power cut, a burnt taste. Pure."""

import re
from typing import Final

_FOOD = r"(?:coffees?|espressos?|beans?|roasts?|teas?|toasts?|crema)"
_NO_MACHINE = r"(?! ?-?(?:machine|maker|grinder|pot|mill|roaster))"
_NOBODY = r"(?! (?:my|me|myself|his|her|him|our|us|your|you|their|them|the|a|an|through|down)\b)"
_DEGREE = r"(?:a bit|a little|slightly|quite|very|rather|really|too|so|all|always|often|kind of)"
_CUT: Final = re.compile(r"\b(?:power|price|pay|budget|hair) ?-?cuts?\b")
_BURNT_FOOD: Final = re.compile(
    r"\b(?:taste[sd]?|tasting|flavou?r\w*) (?:\w+ ){0,2}?burn(?:t|ed)\b"
    r"|\bburn(?:t|ed) (?:taste|flavou?r|note|aftertaste)s?\b"
    rf"|\bburn(?:t|ed|s|ing) (?:of )?(?:the|my|our|your|all) {_FOOD}\b{_NO_MACHINE}"
    rf"|\bburn(?:t|ed) {_FOOD}\b{_NO_MACHINE}"
    rf"|\b{_FOOD}\b{_NO_MACHINE} (?:is|are|was|gets?|comes out|turns out|tastes?)"
    rf" (?:{_DEGREE} )?burn(?:t|ed)\b{_NOBODY}"
    r"|(?:咖啡(?![机壶杯])|豆子?|烘焙|口感|喝起来|喝着)[^。，,;；!！?？]{0,6}[焦糊](?:[苦味香了的]|$)"
    r"|[焦糊]苦"
)
# Beside one of these it is no matter of taste: something ran out, is electric, or hit somebody.
_HARM_BESIDE: Final = re.compile(
    r"\b(?:spil(?:l|t)\w*|splash\w*|splatter\w*|leak\w*|drip(?:s|ped|ping)|scald\w*|boiling"
    r"|smok(?:e|es|ed|ing|y)|spark\w*|flam\w+|fire|blister\w*|injur\w*|hurt\w*|pain\w*"
    r"|plugs?|sockets?|cords?|cables?|wir(?:e|es|ing)|outlets?"
    r"|hands?|arms?|legs?|fingers?|thumbs?|tongues?|mouths?|lips?|throats?|skin|faces?|f(?:oo|ee)t"
    r"|laps?|thighs?|child(?:ren)?|kids?|son|daughter|baby|wife|husband|mother|father|myself)\b"
    r"|[漏洒溅泼烫伤疼痛]|冒烟|着火|起火|火花|插[座头]|电线|主板|底座|[手腿脚脸嘴唇舌喉]|皮肤|孩子|宝宝"
)


def remove_harmless_phrases(plain: str) -> str:
    """Return a normalised text without the phrases that name no accident.

    >>> remove_harmless_phrases("a power cut, and it smokes")
    'a  , and it smokes'
    >>> remove_harmless_phrases("burnt coffee"), remove_harmless_phrases("burnt coffee on my arm")
    (' ', 'burnt coffee on my arm')
    """
    rest = _CUT.sub(" ", plain)
    return rest if _HARM_BESIDE.search(rest) else _BURNT_FOOD.sub(" ", rest)


def holds_harmless_phrase(plain: str) -> bool:
    """Tell whether a normalised text holds such a phrase, and nothing beside it that may be harm.

    >>> holds_harmless_phrase("the coffee tastes burnt"), holds_harmless_phrase("it burnt my hand")
    (True, False)
    """
    is_phrase = bool(_CUT.search(plain) or _BURNT_FOOD.search(plain))
    return is_phrase and not _HARM_BESIDE.search(plain)
