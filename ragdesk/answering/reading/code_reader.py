"""Find blocks of code in a passage, each with the sentence that introduces it. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from indexes.chunk import Chunk
from indexes.text.sentences import Span
from ragdesk.answering.reading.document_lines import find_last_sentence, list_paragraphs, trim_span
from ragdesk.answering.reading.list_reader import leads_in

LOOK_BACK_FOR_LEAD = 600  # characters above a block that are read for its lead-in

_CODE_LINE = re.compile(
    r"\s*(?:[$>#%]\s+\S|(?:sudo|npm|pip3?|git|docker|curl|cd|apt|brew|kubectl|export|import|from|def"
    r"|class|return|const|let|var|function|SELECT|INSERT|UPDATE|CREATE|ALTER|DELETE|SET|SHOW)\s"
    r"|</?\w[^>]*>|[\[\]{}()]+[;,]?\s*$|[\w.\[\]\"'-]+\s*(?:=|:=|=>)\s*\S"
    r"|[\"'][\w .-]+[\"']\s*:|//|/\*|--\w|\w+>\s|\w+\s*::=)"
    r"|.*(?:[;{}]|\s\\)\s*$|.*\s--?\w[\w-]*(?:[ =]|$)|\s*[\w./-]+\(.*\)\s*$"
)
_FENCE = re.compile(r"\s*(?:`{3,}|~{3,})")


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeBlock:
    """A block of code, and the sentence before it. Offsets are into the document's text."""

    lead_in: Span | None
    code: Span


def find_code(text: str, chunk: Chunk) -> list[CodeBlock]:
    """Find the code in a passage: all of it where it is code, else paragraphs that look like it."""
    paragraphs = list_paragraphs(text, chunk.start, chunk.end)
    if chunk.kind == "code":
        return _read_code_chunk(text, chunk, paragraphs)
    blocks: list[CodeBlock] = []
    goes_on = False
    for n, (start, end) in enumerate(paragraphs):
        if not looks_like_code(text[start:end]):
            goes_on = False
            continue
        block = CodeBlock(
            lead_in=_find_lead_in(text, paragraphs[n - 1]) if n else None,
            code=_inside_fences(text, start, end),
        )
        if goes_on:
            above = blocks.pop()
            block = CodeBlock(lead_in=above.lead_in, code=(above.code[0], block.code[1]))
        blocks.append(block)
        goes_on = True
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
    start = chunk.section[0] if chunk.section else chunk.start
    above = list_paragraphs(text, max(start, chunk.start - LOOK_BACK_FOR_LEAD), chunk.start)
    lead_in = _find_lead_in(text, above[-1]) if above else None
    return [CodeBlock(lead_in=lead_in, code=(chunk.start, chunk.end))]


def _find_lead_in(text: str, paragraph: Span) -> Span | None:
    """Find the sentence of a paragraph that introduces the code below it."""
    if looks_like_code(text[slice(*paragraph)]):
        return None
    sentence = find_last_sentence(text, *paragraph)
    return sentence if sentence and text[sentence[1] - 1] in ".:!。：！" else None


def _inside_fences(text: str, start: int, end: int) -> Span:
    """Return the code without the fences around it."""
    lines = text[start:end].split("\n")
    if _FENCE.match(lines[0]):
        start += len(lines[0]) + 1
    if len(lines) > 1 and _FENCE.match(lines[-1]):
        end -= len(lines[-1])
    return trim_span(text, min(start, end), end)
