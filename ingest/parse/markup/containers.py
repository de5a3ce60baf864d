"""Turn containers of Markdown dialects into markup: admonitions, tabs, directives, diagrams.

MkDocs marks them by indentation (``!!! note "Title"``, ``=== "Tab"``), Docusaurus and others by
colons (``:::tip Title``), MDX by components on lines of their own. Markdown inside of them is read
as such, and a title or a tab's name leads it.
"""

import html
import re
from dataclasses import dataclass
from textwrap import dedent

MOST_NESTED_CONTAINERS = 10  # beyond, marks stay as they are
INDENT = 4  # columns by which MkDocs indents what a container holds

_FENCE_LINE = re.compile(
    r"[ \t>]*+(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*+(`{3,}(?=[^`]*+\Z)|~{3,})[ \t]*+\{?\.?([\w-]*)"
)
_DIAGRAMS = frozenset(
    {"mermaid", "plantuml", "puml", "graphviz", "vega", "vega-lite", "d2", "kroki", "mindmap"}
)
_BLOCK = re.compile(
    r"([ \t]*+)(?:(!!!|\?\?\?\+?)[ \t]++([\w -]*+)(?:\"([^\"]*+)\")?[ \t]*+"
    r"|(===)[+!]{0,2}[ \t]++\"([^\"]++)\"[ \t]*+)"
)
_DIRECTIVE = re.compile(
    r"([ \t]*+)(:{3,})[ \t]*+(?:\{[ \t]*+\.?([\w-]++)[^{}]*+\}|([\w-]++))[ \t]*+(.*+)"
)
_DIRECTIVE_END = re.compile(r"[ \t]*+(:{3,})[ \t]*+")
_ATTRIBUTES = re.compile(r"\{([^{}]*+)\}[ \t]*+$")
_TITLE = re.compile(r"\b(?:title|label|name)=(?:\"([^\"]*+)\"|'([^']*+)')")
_COMPONENT = re.compile(r"([ \t]*+)<(/?)(x-[\w-]++)(?:[ \t][^<>]*+)?>[ \t]*+")
_FRAMES = r"(?:x-[\w-]++|aside|callout|grid|column|quote-container)"  # MDX, Notion, Feishu
_TAGS = re.compile(rf"[ \t]*+(?:</?{_FRAMES}(?:[ \t][^<>]*+)?>[ \t]*+)++")
_SUMMARY = re.compile(
    r"[ \t]*+(?:<details[^<>]*+>[ \t]*+)?+(?:<summary[^<>]*+>[^<>]*+</summary>[ \t]*+)?+"
)
_EXPORT_TAG = re.compile(
    r"<(/?)lark-(table|tr|td)\b[^<>]{0,1000}>\s{0,200}+"
)  # tables of Feishu's own export
_SIGNS = ("!!!", "???", '=== "', ":::", '===+ "', '===! "')
_TAG_SIGN_NAMES = "<x- <aside <callout <grid <column <quote- <lark-t <details <summary"
_TAG_SIGNS = tuple(_TAG_SIGN_NAMES.split())
_TAB_TYPES = frozenset({"tab", "tab-item"})


@dataclass(slots=True)
class ContainerWriter:
    """Rewrites the lines of one document; ``diagrams`` counts those that were left out."""

    diagrams: int = 0

    def rewrite(self, source: str) -> str:
        """Return a source whose containers are markup around Markdown."""
        if not _has_signs(source):
            return source
        if "<lark-t" in source:
            source = _EXPORT_TAG.sub(r"\n\n<\1\2>\n\n", source)
        return "\n".join(self._rewrite_lines(source.split("\n"), 0))

    def _rewrite_lines(self, lines: list[str], depth: int) -> list[str]:
        if depth > MOST_NESTED_CONTAINERS:
            return lines
        ends = _match_containers(lines)
        out: list[str] = []
        at = 0
        while at < len(lines):
            line = lines[at]
            if fence := _FENCE_LINE.match(line):
                at = self._copy_fence(lines, at, fence, out)
            elif block := _BLOCK.fullmatch(line):
                at = self._rewrite_block(lines, at, block, out, depth)
            elif at in ends:
                self._rewrite_paired(lines, at, ends[at], out, depth)
                at = ends[at] + 1
            elif directive := _DIRECTIVE.fullmatch(line):
                out += ["", directive[1] + _read_title(directive), ""]  # one that is never closed
                at += 1
            elif _DIRECTIVE_END.fullmatch(line):
                out.append("")
                at += 1
            else:
                at += 1
                if "<" in line and _TAGS.fullmatch(line):
                    out += ["", line.rstrip(), ""]
                else:
                    out.append(line)
                    if _opens_details(line) and _begins_text(lines, at):
                        out.append("")
        return out

    def _copy_fence(self, lines: list[str], at: int, fence: re.Match[str], out: list[str]) -> int:
        end = _find_fence_end(lines, at, fence[1])
        if fence[2].lower() in _DIAGRAMS:
            self.diagrams += 1
            out.append("")
        else:
            out += lines[at:end]
        return end

    def _rewrite_block(
        self, lines: list[str], at: int, block: re.Match[str], out: list[str], depth: int
    ) -> int:
        """Rewrite a container of MkDocs: what is indented below its line."""
        margin = _count_columns(block[1])
        end = last = at + 1
        while end < len(lines):
            if lines[end].strip():
                if _count_columns(lines[end]) < margin + INDENT:
                    break
                last = end + 1
            end += 1
        body = [_cut_columns(line, margin + INDENT) for line in lines[at + 1 : last]]
        tab = block[6] if block[5] else ""
        out += self._wrap(body, block[1], depth, *_make_tags(block[4] or "", tab))
        return last

    def _rewrite_paired(
        self, lines: list[str], at: int, end: int, out: list[str], depth: int
    ) -> None:
        """Rewrite a container that a line of its own closes."""
        body = lines[at + 1 : end]
        if component := _COMPONENT.fullmatch(lines[at]):
            tag = lines[at].strip()
            inner = dedent("\n".join(body)).split("\n")
            out += self._wrap(inner, component[1], depth, [tag], f"</{component[3]}>")
        elif directive := _DIRECTIVE.fullmatch(lines[at]):
            title = _read_title(directive)
            tab = (directive[3] or directive[4] or "").lower() in _TAB_TYPES
            margin = _count_columns(directive[1])
            cut = [_cut_columns(line, margin) for line in body]
            tags = _make_tags("", title) if tab else _make_tags(title, "")
            out += self._wrap(cut, directive[1], depth, *tags)

    def _wrap(
        self, body: list[str], margin: str, depth: int, opening: list[str], closing: str
    ) -> list[str]:
        """Return what a container holds between tags, at the margin of its own line."""
        lines = ["", *opening, "", *self._rewrite_lines(body, depth + 1), "", closing, ""]
        return [margin + line if line else "" for line in lines]


def _make_tags(title: str, label: str) -> tuple[list[str], str]:
    """Return the lines that open a container, and the one that closes it."""
    if label:
        return [f'<div label="{html.escape(label)}">'], "</div>"
    if title:
        return ["<details><summary>", "", title, "", "</summary>"], "</details>"
    return ["<div>"], "</div>"


def _has_signs(source: str) -> bool:
    """Tell whether a source can have containers: most have none, and are left as they are."""
    return (
        any(sign in source for sign in _SIGNS)
        or ("<" in source and any(sign in source for sign in _TAG_SIGNS))
        or (("```" in source or "~~~" in source) and any(name in source for name in _DIAGRAMS))
    )


def _opens_details(line: str) -> bool:
    return "<" in line and bool(line.strip() and _SUMMARY.fullmatch(line))


def _begins_text(lines: list[str], at: int) -> bool:
    """Tell whether a line is text, which a tag right above would keep from being Markdown."""
    return at < len(lines) and not lines[at].startswith(("<", "    ", "\t", "  <"))


def _read_title(directive: re.Match[str]) -> str:
    """Return the title of a directive: after its type, in brackets, or an attribute."""
    rest = directive[5].strip()
    named = _TITLE.search(directive[0])
    if attributes := _ATTRIBUTES.search(rest):
        rest = rest[: attributes.start()].strip()
    if rest.startswith("[") and rest.endswith("]"):
        rest = rest[1:-1]
    return rest or (next(filter(None, named.groups()), "") if named else "")


def _match_containers(lines: list[str]) -> dict[int, int]:
    """Return the line that closes each container which a line of its own opens and closes."""
    ends: dict[int, int] = {}
    directives: list[tuple[int, int]] = []
    components: list[tuple[str, int]] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        if fence := _FENCE_LINE.match(line):
            at = _find_fence_end(lines, at, fence[1])
            continue
        if ":::" in line:
            _match_directive(line, at, directives, ends)
        elif "<" in line and (tag := _COMPONENT.fullmatch(line)):
            if not tag[2]:
                components.append((tag[3], at))
            elif components and components[-1][0] == tag[3]:
                ends[components.pop()[1]] = at
        at += 1
    return ends


def _match_directive(
    line: str, at: int, opened: list[tuple[int, int]], ends: dict[int, int]
) -> None:
    closing = _DIRECTIVE_END.fullmatch(line)
    if closing and opened:
        colons = len(closing[1])
        latest = range(-1, -min(len(opened), MOST_NESTED_CONTAINERS) - 1, -1)
        same = next((n for n in latest if opened[n][0] == colons), -1)
        _, start = opened[same]
        del opened[same:]
        ends[start] = at
    elif directive := _DIRECTIVE.fullmatch(line):
        opened.append((len(directive[2]), at))


def _find_fence_end(lines: list[str], at: int, mark: str) -> int:
    """Return the line after the one that closes a fence; the last one if none does."""
    for n in range(at + 1, len(lines)):
        text = lines[n].lstrip(" \t>").rstrip()
        if text.startswith(mark) and not text.strip(mark[0]):
            return n + 1
    return len(lines)


def _count_columns(line: str) -> int:
    blank = line[: len(line) - len(line.lstrip(" \t"))]
    return len(blank.expandtabs(INDENT))


def _cut_columns(line: str, columns: int) -> str:
    """Take away as many columns of a line's indentation, or all that it has."""
    text = line.lstrip(" \t")
    return " " * max(0, _count_columns(line) - columns) + text
