"""Find phrases that hold a word of an accident and mean none: a power cut, a burnt taste. Pure."""

import re
from typing import Final

_FOOD = r"(?:coffees?|espressos?|beans?|roasts?|teas?|toasts?|crema)"
_NO_MACHINE = r"(?! ?-?(?:machine|maker|grinder|pot|mill|roaster))"
_HARMLESS: Final = re.compile(
    r"\b(?:power|price|pay|budget|hair) ?-?cuts?\b"
    r"|\b(?:taste[sd]?|tasting|flavou?r\w*) (?:\w+ ){0,2}?burn(?:t|ed)\b"
    r"|\bburn(?:t|ed) (?:taste|flavou?r|note|aftertaste)s?\b"
    rf"|\bburn(?:t|ed|s|ing)? (?:(?:of )?(?:the|my|our|your|all) )?{_FOOD}\b{_NO_MACHINE}"
    rf"|\b{_FOOD}\b{_NO_MACHINE} (?:is|are|was|gets?|comes out|turns out|tastes?)"
    r" (?:\w+ ){0,2}?burn(?:t|ed)\b"
    r"|(?:咖啡(?![机壶杯])|豆子?|烘焙|口感|喝起来|喝着)[^。，,;；!！?？]{0,6}[焦糊](?:[苦味香了的]|$)"
    r"|[焦糊]苦"
)


def remove_harmless_phrases(plain: str) -> str:
    """Return a normalised text without the phrases that name no accident.

    >>> remove_harmless_phrases("a power cut, and it smokes")
    'a  , and it smokes'
    """
    return _HARMLESS.sub(" ", plain)


def holds_harmless_phrase(plain: str) -> bool:
    """Tell whether a normalised text holds such a phrase.

    >>> holds_harmless_phrase("the coffee tastes burnt"), holds_harmless_phrase("it burnt my hand")
    (True, False)
    """
    return bool(_HARMLESS.search(plain))
