"""Remove the code of templates from pages: PHP, JSP, ASP, Ruby, Twig, Jinja and their kin.

What is left is the page that a browser would get, without what the code would have written.
"""

import re
from collections.abc import Collection, Sequence

RemovedCode = tuple[str, str]
"""What stood before a piece of code and after the one before it, and the code with its marks."""

_CODE = (
    ("<%--", "--%>"),
    ("<%", "%>"),
    ("<?php", "?>"),
    ("<?PHP", "?>"),
    ("<?=", "?>"),
    ("<?xml", "?>"),
    ("<?\n", "?>"),
    ("<? ", "?>"),
)
_MARKS = (("{#", "#}"), ("{%", "%}"), ("{{!--", "--}}"), ("{{{", "}}}"), ("{{", "}}"))
_EXPRESSIONS = (("${", "}"), ("#{", "}"))
_SMARTY = (
    ("{*", "*}"),
    ("{$", "}"),
    ("{if ", "}"),
    ("{/", "}"),
    ("{foreach ", "}"),
    ("{include ", "}"),
)
_MARK_NAMES = ".twig .j2 .jinja .jinja2 .njk .liquid .hbs .handlebars .mustache .tmpl .gohtml"
_CODE_NAMES = ".php .phtml .php5 .inc .asp .aspx .ascx .cshtml .erb .ejs .tpl .shtml"
_MARK_SUFFIXES = frozenset(_MARK_NAMES.split())
_EXPRESSION_SUFFIXES = frozenset({".jsp", ".jspx", ".jspf", ".tag", ".ftl"})
TEMPLATE_SUFFIXES = _MARK_SUFFIXES | _EXPRESSION_SUFFIXES | frozenset(_CODE_NAMES.split())
_STARTS_AS_TEMPLATE = re.compile(
    r"\s*+(?:\{#[^#]{0,2000}#\}\s*+)?\{%-?[ \t]{0,4}"
    r"(?:extends|load|block|include|import|layout|set|macro)\b"
)
_BLADE_MARKS = (("{{", "}}"), ("{!!", "!!}"))
_BLADE = ("@extends(", "@section(", "@if(", "@foreach(", "@include(")
_BLADE_LINE = re.compile(r"^[ \t]*+@[a-zA-Z]{2,20}(?:[ \t]*+\([^\n]*+)?[ \t]*+$", re.MULTILINE)
# Code that writes a value: not what branches, repeats, comes in from another file.
_SHOWN = re.compile(
    r"<%[=:]|<\?=|<\?(?:php|PHP)?\s{1,4}(?:echo|print)\b|\$\{|#\{|\{\$|\{!!"
    r"|\{\{\{?[-~]?\s{0,4}"
    r"(?!(?:if|else|end|range|with|define|template|block|partial|include|super)\b)[\w$.\"'(@]"
)
_RAW_ELEMENTS = ("script", "style")
_EMPTY_ELEMENT = re.compile(r"<([a-zA-Z]\w{0,40}:[\w:-]{1,80})([^<>]{0,2000})/>")


def remove_between(
    text: str, pairs: Collection[tuple[str, str]], removed: list[RemovedCode] | None = None
) -> str:
    """Remove the text between marks, and the marks; an opening one that is not closed stays.

    removed: what is removed is added to it.

    Each mark is looked for once from where the last one ended: a page of marks that are opened and
    never closed takes an expression the square of its length.

    >>> remove_between("a<% b %>c<?= d <% e", [("<%", "%>"), ("<?=", "?>")])
    'ac<?= d <% e'
    """
    pieces: list[str] = []
    at = 0
    ahead = {pair: text.find(pair[0]) for pair in pairs}
    while ahead := {
        pair: place if place >= at else text.find(pair[0], at)
        for pair, place in ahead.items()
        if place >= 0
    }:
        pair, start = min(ahead.items(), key=lambda item: (item[1] < 0, item[1]))
        if start < 0:
            break
        end = text.find(pair[1], start + len(pair[0]))
        if end < 0:
            del ahead[pair]  # what is not closed here is closed nowhere
            continue
        pieces.append(text[at:start])
        at = end + len(pair[1])
        if removed is not None:
            removed.append((pieces[-1], text[start:at]))
    return "".join([*pieces, text[at:]])


def remove_template_code(source: str, suffix: str, removed: list[RemovedCode] | None = None) -> str:
    r"""Return a page without the code of its template. suffix: of its name, in lower case.

    removed: the code is added to it.

    >>> remove_template_code("<?php go(); ?><p>Hi</p><?php end();", ".php")
    '<p>Hi</p>'
    >>> remove_template_code("<p>{{ name }}</p>", ".twig")
    '<p></p>'
    >>> remove_template_code("<p>{{ name }}</p>", ".html")
    '<p>{{ name }}</p>'
    """
    if "<%" in source or "<?" in source:
        source = remove_between(source, _CODE, removed)
        source = _cut_open_code(source, suffix)
    if suffix in _MARK_SUFFIXES or _STARTS_AS_TEMPLATE.match(source):
        source = remove_between(source, _MARKS, removed)
    if suffix in _EXPRESSION_SUFFIXES:
        source = remove_between(source, _EXPRESSIONS, removed)
    if suffix == ".tpl":
        source = remove_between(remove_between(source, _SMARTY, removed), _MARKS, removed)
    if suffix == ".php" and any(mark in source for mark in _BLADE):
        source = _BLADE_LINE.sub("", remove_between(source, _BLADE_MARKS, removed))
    if suffix in TEMPLATE_SUFFIXES and "/>" in source:
        source = _EMPTY_ELEMENT.sub(r"<\1\2></\1>", source)
    return source


def count_expressions(removed: Sequence[RemovedCode]) -> int:
    """Count code that would have written a value among the words of a page, and not in its tags.

    >>> count_expressions([("<a href='", "<%= url %>"), ("'>At ", "<%= hour %>"), ("", "<% } %>")])
    1
    """
    count = 0
    in_tag = in_code = False
    for before, code in removed:
        opened, closed = before.rfind("<"), before.rfind(">")
        if opened != closed:
            in_tag = opened > closed
        if opened >= 0:
            low = before.lower()
            begun = max(low.rfind(f"<{name}") for name in _RAW_ELEMENTS)
            ended = max(low.rfind(f"</{name}") for name in _RAW_ELEMENTS)
            in_code = begun > ended if begun != ended else in_code
        count += not in_tag and not in_code and _SHOWN.match(code) is not None
    return count


def describe_code_left_out(diagrams: int, expressions: int) -> tuple[str, ...]:
    """Return notes on code that is no text: diagrams, and expressions of MDX; none for 0.

    >>> describe_code_left_out(1, 2)
    ('1 diagram written as code was left out', '2 expressions of code were left out')
    """
    notes = []
    for count, name in ((diagrams, "diagram written as code"), (expressions, "expression of code")):
        if count:
            first, _, rest = name.partition(" ")
            notes.append(
                f"1 {name} was left out"
                if count == 1
                else f"{count:,} {first}s {rest} were left out"
            )
    return tuple(notes)


def _cut_open_code(source: str, suffix: str) -> str:
    """Cut PHP that ends with its file; in a page that only shows such code, the page goes on."""
    start = source.find("<?php")
    if start >= 0 and (suffix in TEMPLATE_SUFFIXES or source.find("</body", start) < 0):
        return source[:start]
    return source


def has_template_code(source: str, suffix: str) -> bool:
    """Tell whether a text is a template by its name or holds code that a server would run."""
    return suffix in TEMPLATE_SUFFIXES or "<?php" in source or "<%" in source or "<?=" in source
