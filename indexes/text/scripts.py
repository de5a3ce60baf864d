"""Writing systems: the character ranges of Han, kana and hangul, and the language of a text.

Pure.
"""

import re
from typing import Literal

Language = Literal["zh", "en", "und"]
HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
KANA = "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\uff66-\uff9f"
HANGUL = "\u1100-\u11ff\uac00-\ud7af"


# Every other script, its combining marks included, without the punctuation between them.
LETTER = "0-9a-zªµºß-öø-ͽͿ-\u05bd\u05c0-\u060b\u060d-\u061a\u0620-\u0963\u0966-\u10ff\u1200-\u1fff"
HAN_RUN = re.compile(f"[{HAN}]+")
_KANA = re.compile(f"[{KANA}]+")
_CJK = re.compile(f"[{HAN}{KANA}{HANGUL}]+")
_LATIN = re.compile("[A-Za-zÀ-ÖØ-öø-ɏ]+")


def detect_language(text: str) -> Language:
    """Return the language of a text by its letters.

    zh: more than 30 % of the letters are Han and kana is rare. en: mostly Latin letters.

    >>> detect_language("如何退款 TiDB"), detect_language("How do refunds work?")
    ('zh', 'en')
    >>> detect_language("123")
    'und'
    """
    letters = sum(map(str.isalpha, text))
    if text.isascii():
        return "en" if letters else "und"
    han, kana = _count_script_letters(HAN_RUN, text), _count_script_letters(_KANA, text)
    if han > 0.3 * letters and kana < 0.1 * han:
        return "zh"
    return "en" if letters and _count_script_letters(_LATIN, text) > 0.5 * letters else "und"


def reads_without_cjk(text: str) -> bool:
    """Tell whether a model without Han, kana and hangul can read a text: at most 30 % of letters.

    >>> reads_without_cjk("order 42"), reads_without_cjk("订单"), reads_without_cjk("42")
    (True, False, True)
    """
    if text.isascii():
        return True
    return _count_script_letters(_CJK, text) <= 0.3 * sum(map(str.isalpha, text))


def _count_script_letters(script: re.Pattern[str], text: str) -> int:
    return sum(map(len, script.findall(text)))
