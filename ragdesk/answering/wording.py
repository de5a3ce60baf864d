"""Every fixed sentence the desk says by itself, in both languages, in one place."""

from typing import Final

ENGLISH: Final = "en"

NOT_FOUND: Final = {
    "en": "The documents do not answer this question.",
    "zh": "现有文档没有回答这个问题。",
}


def say(texts: dict[str, str], language: str) -> str:
    """Give a fixed text in a language; in English where it is not written in that language.

    >>> say(NOT_FOUND, "zh"), say(NOT_FOUND, "und") == say(NOT_FOUND, "en")
    ('现有文档没有回答这个问题。', True)
    """
    return texts.get(language, texts[ENGLISH])
