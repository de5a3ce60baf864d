"""The fixed sentences of the desk, in both languages, in one place."""

from collections.abc import Sequence
from typing import Final

FALLBACK_LANGUAGE: Final = "en"

NO_ANSWER_TEXT: Final = {
    "en": "The documents do not answer this question.",
    "zh": "现有文档没有回答这个问题。",
}

UNSUPPORTED_TEXT: Final = {
    "en": "An answer was written, but the documents do not bear it out. Please see the sources.",
    "zh": "生成的回答没有得到文档的支持，请直接查看来源。",
}

DIFFERING_TEXT: Final = {
    "en": "The documents differ on this:",
    "zh": "文档对此的说法不一致：",
}


def localise_text(texts: dict[str, str], language: str) -> str:
    """Return a fixed text in a language, or in English where it has no such version.

    >>> localise_text(NO_ANSWER_TEXT, "zh")
    '现有文档没有回答这个问题。'
    >>> localise_text(NO_ANSWER_TEXT, "und") == localise_text(NO_ANSWER_TEXT, "en")
    True
    """
    return texts.get(language, texts[FALLBACK_LANGUAGE])


def format_choices(labels: Sequence[str], language: str) -> str:
    """Ask which of several is meant. labels: two or more.

    >>> format_choices(["Aurora", "Lava", "Fjord"], "en"), format_choices(["极光", "熔岩"], "zh")
    ('Which one do you mean: Aurora, Lava or Fjord?', '您指的是哪一个：极光，还是熔岩？')
    """
    *first, last = labels
    if language == "zh":
        return f"您指的是哪一个：{'、'.join(first)}，还是{last}？"
    return f"Which one do you mean: {', '.join(first)} or {last}?"


def format_missing_part(part: str, language: str) -> str:
    """Say which part of a question the documents do not answer.

    >>> format_missing_part("what does it cost?", "en"), format_missing_part("多少钱", "zh")
    ('The documents do not answer this part: “what does it cost?”', '文档没有回答这一部分：“多少钱”')
    """
    if language == "zh":
        return f"文档没有回答这一部分：“{part}”"
    return f"The documents do not answer this part: “{part}”"


def format_item_count(items: int, language: str) -> str:
    """Say how many items the list has that is quoted next.

    >>> format_item_count(11, "en"), format_item_count(11, "zh")
    ('This list has 11 entries:', '以下列表共有 11 项：')
    """
    return f"以下列表共有 {items} 项：" if language == "zh" else f"This list has {items} entries:"


def format_version(label: str, document: str, language: str) -> str:
    """Say of which version of a document the answer is, where there are older ones.

    >>> format_version("2026", "Tariff", "en"), format_version("2026", "收费标准", "zh")
    ('From the newest version of “Tariff” (2026):', '以最新版本“收费标准”（2026）为准：')
    """
    if language == "zh":
        return f"以最新版本“{document}”（{label}）为准："
    return f"From the newest version of “{document}” ({label}):"


def format_more_items(count: int, place: str, language: str) -> str:
    """Say how many more items a list has than were quoted, and where they stand.

    >>> format_more_items(4, "Branches", "en"), format_more_items(4, "网点", "zh")
    ('And 4 more, under “Branches”.', '另有 4 项，见“网点”。')
    """
    if language == "zh":
        return f"另有 {count} 项，见“{place}”。"
    return f"And {count} more, under “{place}”."
