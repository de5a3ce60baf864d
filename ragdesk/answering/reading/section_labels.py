"""Read what parts of a document are called by their number: Article 12, 第八条, Annex B, 附件二.

A question that names one asks for that part, whatever words it shares with the others. Numbers
are compared by their value, so that 第8条 is 第八条 and Annex II is Annex 2.
"""

import re
from functools import lru_cache

from indexes.text.folding import normalise_text
from indexes.text.numerals import parse_numeral

_KINDS = {
    "article": "article",
    "art": "article",
    "section": "section",
    "sec": "section",
    "clause": "clause",
    "chapter": "chapter",
    "part": "part",
    "step": "step",
    "annex": "annex",
    "appendix": "annex",
    "attachment": "annex",
    "schedule": "annex",
    "条": "article",
    "章": "chapter",
    "节": "section",
    "款": "clause",
    "步": "step",
    "附件": "annex",
    "附录": "annex",
    "附表": "annex",
}
_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8, "ix": 9}
_HAN_NUMBER = "[零〇一二三四五六七八九十百两0-9]{1,6}"
_LABEL = re.compile(
    r"(?<![a-z])(?P<en>article|art\.?|section|sec\.?|clause|chapter|part|step|annex|appendix"
    r"|attachment|schedule) (?P<number>\d{1,4}(?:\.\d{1,3}){0,4}|[ivx]{2,4}"
    r"|(?<=(?:annex|endix|hment|edule) )[a-z])(?![a-z0-9])"
    rf"|第 ?(?P<han>{_HAN_NUMBER}) ?(?P<zh>[条章节款步])"
    rf"|(?P<annex>附件|附录|附表) ?(?P<of>{_HAN_NUMBER}|[a-z](?![a-z]))"
    r"|§ ?(?P<sign>\d{1,4}(?:\.\d{1,3}){0,4})"
)
_CACHED_TEXTS = 4096
_HEAD = 24  # characters of a text in which its own label stands

SectionLabel = tuple[str, str]
"""What a part is, in English, and its number as digits or a letter."""


def find_section_labels(text: str) -> frozenset[SectionLabel]:
    """Return the labels of all parts that a text names.

    >>> sorted(find_section_labels("What do Article 12 and Annex B say?"))
    [('annex', 'b'), ('article', '12')]
    >>> find_section_labels("第8条的内容") == find_section_labels("第八条 考核")
    True
    """
    return frozenset(map(_read_label, _LABEL.finditer(normalise_text(text))))


@lru_cache(maxsize=_CACHED_TEXTS)
def read_leading_label(text: str) -> SectionLabel | None:
    """Return the label that a text begins with; None where it begins with none.

    >>> read_leading_label("Article 7. Deliveries"), read_leading_label("See Article 7.")
    (('article', '7'), None)
    """
    match = _LABEL.match(normalise_text(text[:_HEAD]).lstrip("#*-•|( "))
    return _read_label(match) if match else None


def _read_label(match: re.Match[str]) -> SectionLabel:
    if match["sign"]:
        return "section", match["sign"]
    if match["en"]:
        number = match["number"]
        return _KINDS[match["en"].rstrip(".")], str(_ROMAN.get(number, number))
    kind, number = _KINDS[match["zh"] or match["annex"]], match["han"] or match["of"]
    value = parse_numeral(number)
    return kind, number if value is None else str(value)
