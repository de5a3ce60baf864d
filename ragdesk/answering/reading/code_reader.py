"""Find blocks of code in a passage, each with the sentence that introduces it. Pure."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from indexes.chunk import Chunk
from indexes.text.sentences import Span
from ragdesk.answering.reading.document_lines import find_last_sentence, list_paragraphs, trim_span
from ragdesk.answering.reading.list_reader import ListBlock, leads_in

_CODE_LINE = re.compile(
    r"\s*(?:[$>#%]\s+\S|(?:sudo|npm|pip3?|git|docker|curl|cd|apt|brew|kubectl|export|import|from|def"
    r"|class|return|const|let|var|function|SELECT|INSERT|UPDATE|CREATE|ALTER|DELETE|SET|SHOW)\s"
    r"|</?\w[^>]*>|[\[\]{}()]+[;,]?\s*$|[\w.\[\]\"'-]+\s*(?:=|:=|=>)\s*\S"
    r"|[\"'][\w .-]+[\"']\s*:|[\w.-]+:\s*$|//|/\*|--\w)"
    r"|.*(?:[;{}]|\s\\)\s*$|.*\s--?\w[\w-]*(?:[ =]|$)|\s*[\w./-]+\(.*\)\s*$"
)
_FENCE = re.compile(r"\s*(?:`{3,}|~{3,})")


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeBlock:
    """A block of code, and the sentence before it. Offsets are into the document's text."""

    lead_in: Span | None
    code: Span


def find_code(text: str, chunk: Chunk, lists: Sequence[ListBlock]) -> list[CodeBlock]:
    """Find the code in a passage: all of it where it is code, else what a colon leads to."""
    paragraphs = list_paragraphs(text, chunk.start, chunk.end)
    if chunk.kind == "code":
        return _read_code_chunk(text, chunk, paragraphs)
    blocks = []
    for above, (start, end) in itertools.pairwise(paragraphs):
        in_list = any(block.items[0][0] <= start < block.items[-1][1] for block in lists)
        if not in_list and leads_in(text[slice(*above)]) and looks_like_code(text[start:end]):
            code = _inside_fences(text, start, end)
            blocks.append(CodeBlock(lead_in=find_last_sentence(text, *above), code=code))
    return blocks


def looks_like_code(paragraph: str) -> bool:
    r"""Tell whether most lines of a paragraph are code or commands.

    >>> looks_like_code("pip install desk\ndesk serve --port 80"), looks_like_code("Two words.")
    (True, False)
    """
    lines = [line for line in paragraph.split("\n") if line.strip() and not _FENCE.match(line)]
    return 2 * sum(bool(_CODE_LINE.match(line)) for line in lines) > len(lines)


def _read_code_chunk(text: str, chunk: Chunk, paragraphs: Sequence[Span]) -> list[CodeBlock]:
    """Return the code of a passage that is code; its first line may lead it in."""
    first = paragraphs[0]
    if len(paragraphs) > 1 and leads_in(text[slice(*first)]) and "\n" not in text[slice(*first)]:
        code = (paragraphs[1][0], chunk.end)
        return [CodeBlock(lead_in=find_last_sentence(text, *first), code=code)]
    lead_in = None
    start = chunk.section[0] if chunk.section else chunk.start
    above = list_paragraphs(text, max(start, chunk.start - 600), chunk.start)
    if above and not looks_like_code(text[slice(*above[-1])]):
        sentence = find_last_sentence(text, *above[-1])
        ends = sentence is not None and text[sentence[1] - 1] in ".:!。：！"
        lead_in = sentence if ends else None
    return [CodeBlock(lead_in=lead_in, code=(chunk.start, chunk.end))]


def _inside_fences(text: str, start: int, end: int) -> Span:
    """Return the code without the fences around it."""
    lines = text[start:end].split("\n")
    if _FENCE.match(lines[0]):
        start += len(lines[0]) + 1
    if len(lines) > 1 and _FENCE.match(lines[-1]):
        end -= len(lines[-1])
    return trim_span(text, min(start, end), end)
