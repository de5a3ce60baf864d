"""Every fixed sentence the desk says by itself, in both languages, in one place."""

from collections.abc import Sequence
from typing import Final

ENGLISH: Final = "en"

NOT_FOUND: Final = {
    "en": "The documents do not answer this question.",
    "zh": "现有文档没有回答这个问题。",
}

UNSUPPORTED: Final = {
    "en": "An answer was written, but the documents do not bear it out. Please see the sources.",
    "zh": "生成的回答没有得到文档的支持，请直接查看来源。",
}


def say(texts: dict[str, str], language: str) -> str:
    """Give a fixed text in a language; in English where it is not written in that language.

    >>> say(NOT_FOUND, "zh"), say(NOT_FOUND, "und") == say(NOT_FOUND, "en")
    ('现有文档没有回答这个问题。', True)
    """
    return texts.get(language, texts[ENGLISH])


def offer(labels: Sequence[str], language: str) -> str:
    """Ask which of several is meant. labels: two or more.

    >>> offer(["Aurora", "Lava", "Fjord"], "en"), offer(["极光", "熔岩"], "zh")
    ('Which one do you mean: Aurora, Lava or Fjord?', '您指的是哪一个：极光，还是熔岩？')
    """
    *first, last = labels
    if language == "zh":
        return f"您指的是哪一个：{'、'.join(first)}，还是{last}？"
    return f"Which one do you mean: {', '.join(first)} or {last}?"
