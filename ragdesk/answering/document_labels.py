"""Name documents as a customer would, to ask which of them is meant. Pure.

A title is written for who keeps the documents: "POL-07 Returns (v3)", "User guide". What tells
documents apart is what is left when numbering, versions and the kind of paper are taken off, and
where nothing is left, it stands in the file's name or in its folder.
"""

import re
from collections.abc import Sequence
from typing import Final

from indexes.chunk import Chunk
from indexes.text.folding import normalise_text
from indexes.text.tokens import drop_stopwords, tokenize_text

LABEL_LENGTH: Final = 60  # characters of a name that is offered
LONGEST_DOCUMENT_NAME: Final = 300  # characters of a title that are read
_INTERNAL = re.compile(
    r"\b(?:internal(?:ly)?|confidential|restricted|playbook|runbook|escalations?|back ?office"
    r"|intranet|(?:staff|support|agents?|employees?) (?:only|guide|handbook|manual|notes?)"
    r"|(?:for|to) (?:support|agents|staff|employees)|agent|do not (?:share|send|forward))\b"
    r"|内部|保密|机密|涉密|员工|客服专用|话术|坐席|勿外传"
)
# Blanks are entered where they begin, so that a long run of them is read once.
_PART = re.compile(
    r"(?:(?<!\s)\s+)?(?:[|·•–—]|\s-\s|[:：](?!//)|[(（\[【][^)）\]】\n]{0,120}+[)）\]】])\s*+"
)
_NUMBERING = re.compile(
    r"^\W*+(?:(?:pol|policy|sop|doc|document|kb|hr|qm|wi|no|nr|nbr|ref|chapter|section|part|annex"
    r"|appendix|art|article)\W{0,2}(?=\d))?\d[\d.\-_/]*[a-z]?(?:\s*+[.):、-])?\s++(?=\S)"
    r"|^\W*+第[一二三四五六七八九十百\d]+[章节条部分篇][\s:：、]*",
    re.IGNORECASE,
)
_VERSION = re.compile(
    r"\b(?:v|ver|version|rev|revision|edition)\W?\d[\w.]*|\b(?:19|20)\d\d(?:[-_./]\d{1,2}){0,2}\b"
    r"|\b(?:final|draft)\b|\W(?:old|new|copy|archived?|backup|previous|current|latest)\W*+\d*+$|第[一二三四五六七八九十\d]+版|版本|草稿|终稿|修订",
    re.IGNORECASE,
)
_PAPER_KIND = re.compile(
    r"\b(?:(?:user|owner'?s?|product|short|quick|quick ?start|operating|reference|service)\s+){0,6}"
    r"(?:guides?|manuals?|handbooks?|instructions?|data ?sheets?|white ?papers?|brochures?|faqs?"
    r"|readme|specifications?|overview)\b(?:\s+(?:for|to|of)\b(?:\s+the\b)?)?"
    r"|(?:用户|使用|操作|产品|安装|快速){0,6}(?:说明书?|手册|指南|白皮书|规格书|手冊|入门|简介|常见问题)",
    re.IGNORECASE,
)
_NO_NAME = re.compile(
    r"(?:img|image|scan|dsc|doc|document|file|page|untitled|index|content|text|new|copy|folder|docs"
    r"|documents|files|data|help|help cent(?:er|re)|faq|questions?|answers?|questions and answers"
    r"|q&a|entries|list|sheet|table|export|问答|问题|文件|文档|资料)?[\W_\d]*"
    r"|[0-9a-f]{8,}|[a-z]{2}"
)
_NAME_MARKS = re.compile(r"_+|(?<=[a-z])-(?=[a-z])", re.IGNORECASE)  # of the names of files


def label_documents(chunks: Sequence[Chunk]) -> list[str]:
    """Return a name for the document of each chunk, "" where it has none that a customer knows.

    A title goes before a file's name, and that before a folder's. What all titles have, such as the
    name of a site, is left out where anything else stands beside it.
    """
    titles = [_name_parts(chunk.title) for chunk in chunks]
    everywhere = frozenset.intersection(*map(frozenset, titles)) if len(titles) > 1 else frozenset()
    labels = []
    for chunk, parts in zip(chunks, titles, strict=True):
        own_parts = [part for part in parts if part not in everywhere] or parts
        names = (*own_parts, clean_label(_file_stem(chunk)), clean_label(_folder(chunk)))
        labels.append("" if is_internal(chunk) else next(filter(None, names), ""))
    return labels


def clean_label(name: str) -> str:
    """Take numbering, version and the kind of paper off a document's name.

    >>> clean_label("POL-07 Returns (v3)"), clean_label("Fjord kettle FJ-20: short guide")
    ('Returns', 'Fjord kettle FJ-20')
    >>> clean_label("山风A1使用说明书"), clean_label("User guide"), clean_label("scan_0007")
    ('山风A1', '', '')
    """
    return next(iter(_name_parts(name)), "")


def _name_parts(name: str) -> list[str]:
    """Split a name into its parts, each without numbering, version and kind of paper."""
    name = name[:LONGEST_DOCUMENT_NAME].strip()
    spaced = name if " " in name else _NAME_MARKS.sub(" ", name)
    parts = []
    for part in _PART.split(_NUMBERING.sub("", spaced)):
        plain = _VERSION.sub(" ", _PAPER_KIND.sub(" ", part))
        label = " ".join(plain.split()).strip(" -_,.;:，。、")
        if drop_stopwords(tokenize_text(label)) and not _NO_NAME.fullmatch(normalise_text(label)):
            parts.append(label[:LABEL_LENGTH].strip())
    return parts


def is_internal(chunk: Chunk) -> bool:
    """Tell whether a document says of itself that it is not for customers, in place or title."""
    place = normalise_text(" / ".join((chunk.uri, chunk.title, *chunk.path[:1])))
    return bool(_INTERNAL.search(_NAME_MARKS.sub(" ", place)))


def _file_stem(chunk: Chunk) -> str:
    file = chunk.uri.rpartition("/")[2]
    return file.rpartition(".")[0] or file


def _folder(chunk: Chunk) -> str:
    return chunk.uri.rpartition("/")[0].rpartition("/")[2]
