"""Find the lines of a passage that are never quoted, as they lead, number or decorate.

Headings, lines of a table of contents, page numbers and running titles, marks, fences, what is
left of pictures and of navigation. Pure.
"""

import re
from collections.abc import Collection, Iterator, Sequence

from indexes.chunk import Chunk
from indexes.text.folding import normalise_text
from indexes.text.list_items import starts_list_item
from indexes.text.scripts import HAN
from indexes.text.sentences import Span
from ragdesk.answering.reading.document_lines import list_lines, list_paragraphs
from ragdesk.answering.retrieval.passage_words import has_words

LONGEST_HEADING_WORDS = 7  # of a line that is taken for a heading by its looks
LONGEST_HEADING_HAN = 16
LONGEST_CONTENTS_LINE = 120  # characters
LONGEST_FURNITURE = 90
_SHORT_OVER_LONG = 1.6  # times that the line below a heading in its paragraph is longer
HORIZON = 400  # characters read behind a passage

_MARK_LINE = re.compile(
    r"(?:`{3,}+|~{3,}+)\s*+[\w+-]*+\s*+$|!{3}|:{3,}|={3}\s*+[\"“]|\[\w+\]:\s*(?:https?:|[/#])"
)
_MARKED_HEADING = re.compile(r"#{1,6}\s+\S")
_BOLD_LINE = re.compile(r"(?:\*\*|__)(?=\S)(?:(?!\*\*|__).)+(?:\*\*|__)\s*[:：]?$")
_UNDERLINE = re.compile(r"(?:={3,}|-{3,})$")
_LEADER = r"(?:…++|\.{4,}+|(?:\s\.){3,}+|·{3,}+|_{4,}+|-{5,}+)"
_CONTENTS_LINE = re.compile(
    rf"\S.{{0,{LONGEST_CONTENTS_LINE}}}?{_LEADER}\s*+(?:\d{{1,4}}|[ivxlc]{{1,6}}|第?\s*+\d++\s*+页)$",
    re.IGNORECASE,
)
_LEADER_LINE = re.compile(rf"\S.{{0,{LONGEST_CONTENTS_LINE}}}?\s{_LEADER}$")
_OUTLINE_TITLE = re.compile(  # of a list of headings; "Contents" alone may be those of a box
    r"(?:table of contents|(?:on|in) this (?:page|article|section|guide|document)|目\s*[录錄次]"
    r"|本[页文][内目][容录])\s*[:：]?",
    re.IGNORECASE,
)
_CONTENTS_TITLE = re.compile(rf"(?:contents|{_OUTLINE_TITLE.pattern})", re.IGNORECASE)
_PAGE_NUMBER = re.compile(
    r"(?:.{0,60}?[-–—|·•,，]\s*+)?(?:(?:page|pg\.?|p\.)\s*+\d{1,4}(?:\s*+(?:of|/|from)\s*+\d{1,4})?"
    r"|第\s*+[\d一二三四五六七八九十百]{1,4}\s*+页"
    r"(?:\s*+(?:[,，/、]\s*+)?共\s*+[\d一二三四五六七八九十百]{1,4}\s*+页)?"
    r"|共\s*+\d{1,4}\s*+页)(?:\s*+[-–—|·•]\s*+.{0,60})?"
    r"|[-–—]\s*\d{1,4}\s*[-–—]",
    re.IGNORECASE,
)
_PICTURE = re.compile(
    r"!\[.*|<img\b.*|\[(?:image|img|picture|photo|screenshot|图片|图像)[^\]]*\]"
    r"|\S+\.(?:png|jpe?g|gif|svg|webp|bmp)"
    r"|(?:image|img|screenshot|photo|logo|icon|picture|图片|截图|图标)\s*[:：#]?\s*\d*"
    r"|(?:figure|fig\.?|图|圖)\s*\d+(?:[-.]\d+)*\s*[:：.]?",
    re.IGNORECASE,
)
_NAVIGATION = re.compile(
    r"(?:skip to (?:main )?content|back to top|(?:go )?back|previous|next|next page|previous page"
    r"|home|menu|search|edit this page|read more|learn more|share|print|was this .{1,20}helpful"
    r"|返回顶部|回到顶部|上一[页篇章]|下一[页篇章]|首页|返回|跳[转至到].{0,4}内容|编辑此页|阅读更多|了解更多)"
    r"\s*[?？»›>→]?",
    re.IGNORECASE,
)
_BREADCRUMBS = re.compile(r"(?:home|首页|主页)\s*(?:[>»›/→]\s*[^>»›/→]{1,40})+", re.IGNORECASE)
_ARTICLE_HEADING = re.compile(
    r"(第[一二三四五六七八九十百零〇\d]{1,5}[章节條条款编篇部]"
    r"|(?:article|section|chapter|part|appendix|annex)\s+(?:\d{1,3}(?:\.\d{1,3})*|[A-Z]|[IVX]{1,5}))"
    r"(?:\s*+(?:[:：.–—-]\s*+)?[^\s。；;，,！？!?.]++(?:\s++[^\s。；;，,！？!?.]++){0,6}\s*+)?",
    re.IGNORECASE,
)
_ARTICLE_START = re.compile(
    r"第[一二三四五六七八九十百零〇\d]{1,5}[條条款]|article\s+\d", re.IGNORECASE
)
_HEADING_NUMBER = re.compile(
    r"(?:\d{1,2}(?:\.\d{1,2}){0,3}[.)]?|[A-Z][.)]|[IVX]{1,4}\.|[（(]?[一二三四五六七八九十]{1,3}[)）、.])\s*"
)
_STOP_END = re.compile(r"[.!?。！？;；:：…,，、][\"'”’」』)）*_]*$")
_PROSE_STOP = re.compile(r"[.!?。！？][\"'”’」』)）\]\d]*(?:\s|$)")
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_HAN = re.compile(f"[{HAN}]")
_VALUE_SIGN = re.compile(r"[:：=|@%€$£¥￥\t]|https?:|\d")


def find_unquoted_lines(text: str, chunk: Chunk) -> list[Span]:
    """Find the lines of a passage that are never quoted, in order.

    text: of its whole document; the spans are offsets into it.
    """
    names = read_heading_names(chunk)
    ahead = list_lines(text, chunk.start, _find_horizon(chunk))
    lines = [(start, end) for start, end in ahead if start < chunk.end]
    spans: list[Span] = []
    for n, (start, end) in enumerate(lines):
        after = text[slice(*ahead[n + 1])] if n + 1 < len(ahead) else ""
        if _is_unquoted(text[start:end], after, names):
            spans.append((start, end))
    return sorted({*spans, *_find_contents(text, lines), *find_headings(text, chunk)})


def is_heading_line(line: str) -> bool:
    """Tell whether a line is a heading by its marks or its number: "## Fees", "第八条".

    >>> [is_heading_line(line) for line in ("## Fees", "**Fees**", "第八条", "第八条 应当付款。")]
    [True, True, True, False]
    """
    return bool(
        _MARKED_HEADING.match(line) or _BOLD_LINE.match(line) or _ARTICLE_HEADING.fullmatch(line)
    )


def _is_heading_before(line: str, after: str) -> bool:
    """Tell whether a line is a heading of the line after it; articles of one line each are none."""
    if not is_heading_line(line):
        return False
    is_article = _ARTICLE_HEADING.fullmatch(line)
    bare = is_article and not line[is_article.end(1) :].strip()
    return not is_article or bool(bare) or not _ARTICLE_START.match(after or "第一条")


def is_page_furniture(line: str) -> bool:
    """Tell whether a line is a page number, with or without the running title beside it.

    >>> [is_page_furniture(line) for line in ("Fire safety - page 5", "第5页", "5 kg")]
    [True, True, False]
    """
    return len(line) <= LONGEST_FURNITURE and bool(_PAGE_NUMBER.fullmatch(line))


def _is_unquoted(line: str, after: str, names: Collection[str]) -> bool:
    return bool(
        not has_words(line)
        or _MARK_LINE.match(line)
        or _is_heading_before(line, after)
        or (after and _UNDERLINE.fullmatch(after) and len(line) <= LONGEST_CONTENTS_LINE)
        or _fold_name(line) in names
        or _CONTENTS_TITLE.fullmatch(line)
        or (len(line) <= LONGEST_CONTENTS_LINE and _CONTENTS_LINE.fullmatch(line))
        or is_page_furniture(line)
        or _PICTURE.fullmatch(line)
        or _NAVIGATION.fullmatch(line)
        or _BREADCRUMBS.fullmatch(line)
    )


def _find_contents(text: str, lines: Sequence[Span]) -> list[Span]:
    """Find the lines of a table of contents that its title or their form betrays.

    Items below "In this article:", and lines that end in a leader and stand below one another:
    their page numbers are lost.
    """
    leaders = [
        (a, b)
        for a, b in lines
        if b - a <= LONGEST_CONTENTS_LINE and _LEADER_LINE.fullmatch(text, a, b)
    ]
    return [*(leaders if len(leaders) > 1 else ()), *_list_outline(text, lines)]


def _list_outline(text: str, lines: Sequence[Span]) -> Iterator[Span]:
    """Yield the items right below the title of an outline."""
    is_below = False
    for start, end in lines:
        if is_below and starts_list_item(text, start, end):
            yield start, end
        else:
            is_below = bool(_OUTLINE_TITLE.fullmatch(text, start, end))


def find_headings(text: str, chunk: Chunk) -> list[Span]:
    """Find the headings inside a passage's text, in order: marked ones, and short lines over prose.

    Such a line stands alone in its paragraph, or opens one and is far shorter than what follows.
    """
    paragraphs = list_paragraphs(text, chunk.start, _find_horizon(chunk))
    headings = []
    for n, (start, end) in enumerate(paragraphs):
        if start >= chunk.end:
            break
        first, *rest = list_lines(text, start, end)
        line = text[slice(*first)]
        if rest:
            following = text[rest[0][0] : end]
            leads = _SHORT_OVER_LONG * len(line) <= len(text[slice(*rest[0])])
            leads = leads and not following[0].islower()
        else:
            following = text[slice(*paragraphs[n + 1])] if n + 1 < len(paragraphs) else ""
            leads = True
        looks_so = leads and _reads_like_heading(line) and _is_prose(following)
        if looks_so or _is_heading_before(line, following.partition("\n")[0]):
            headings.append(first)
    return headings


def _reads_like_heading(line: str) -> bool:
    """Tell whether a paragraph is one short line without a stop, a figure or a value.

    >>> _reads_like_heading("Lost and found"), _reads_like_heading("Tel. 555 10 20")
    (True, False)
    >>> _reads_like_heading("The canteen is in hall 4.")
    False
    """
    if "\n" in line or (starts_list_item(line) and not _HEADING_NUMBER.match(line)):
        return False
    words = _drop_number(line)
    if not words or _STOP_END.search(words) or _VALUE_SIGN.search(words):
        return False
    han = len(_HAN.findall(words))
    return han <= LONGEST_HEADING_HAN if han else len(_WORD.findall(words)) <= LONGEST_HEADING_WORDS


def _is_prose(paragraph: str) -> bool:
    return not starts_list_item(paragraph) and bool(_PROSE_STOP.search(paragraph))


def _find_horizon(chunk: Chunk) -> int:
    """Return how far a passage is read on, to see what its last line leads."""
    limit = chunk.section[1] if chunk.section else chunk.end
    return max(chunk.end, min(limit, chunk.end + HORIZON))


def read_heading_names(chunk: Chunk) -> frozenset[str]:
    """Return the title and the headings of a passage as they may stand in its text."""
    return frozenset(filter(None, map(_fold_name, (chunk.title, *chunk.path))))


def _fold_name(line: str) -> str:
    plain = normalise_text(line).strip(" #*_.:：")
    return " ".join(_drop_number(plain).split()) or plain


def _drop_number(line: str) -> str:
    """Return a line without the number it begins with."""
    number = _HEADING_NUMBER.match(line)
    return line[number.end() :] if number else line
