"""Remove the code of templates from pages: PHP, JSP, ASP, Ruby, Twig, Jinja and their kin.

What is left is the page that a browser would get, without what the code would have written.
"""

import re
from collections.abc import Collection

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
_BLADE = ("@extends(", "@section(", "@if(", "@foreach(", "@include(")
_BLADE_LINE = re.compile(r"^[ \t]*+@[a-zA-Z]{2,20}(?:[ \t]*+\([^\n]*+)?[ \t]*+$", re.MULTILINE)
_EMPTY_ELEMENT = re.compile(r"<([a-zA-Z]\w{0,40}:[\w:-]{1,80})([^<>]{0,2000})/>")


def remove_between(text: str, pairs: Collection[tuple[str, str]]) -> str:
    """Remove the text between marks, and the marks; an opening one that is not closed stays.

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
    return "".join([*pieces, text[at:]])


def remove_template_code(source: str, suffix: str) -> str:
    r"""Return a page without the code of its template. suffix: of its name, in lower case.

    >>> remove_template_code("<?php go(); ?><p>Hi</p><?php end();", ".php")
    '<p>Hi</p>'
    >>> remove_template_code("<p>{{ name }}</p>", ".twig")
    '<p></p>'
    >>> remove_template_code("<p>{{ name }}</p>", ".html")
    '<p>{{ name }}</p>'
    """
    if "<%" in source or "<?" in source:
        source = remove_between(source, _CODE)
        source = _cut_open_code(source, suffix)
    if suffix in _MARK_SUFFIXES or _STARTS_AS_TEMPLATE.match(source):
        source = remove_between(source, _MARKS)
    if suffix in _EXPRESSION_SUFFIXES:
        source = remove_between(source, _EXPRESSIONS)
    if suffix == ".tpl":
        source = remove_between(remove_between(source, _SMARTY), _MARKS)
    if suffix == ".php" and any(mark in source for mark in _BLADE):
        source = _BLADE_LINE.sub("", remove_between(source, (("{{", "}}"), ("{!!", "!!}"))))
    if suffix in TEMPLATE_SUFFIXES and "/>" in source:
        source = _EMPTY_ELEMENT.sub(r"<\1\2></\1>", source)
    return source


def _cut_open_code(source: str, suffix: str) -> str:
    """Cut PHP that ends with its file; in a page that only shows such code, the page goes on."""
    start = source.find("<?php")
    if start >= 0 and (suffix in TEMPLATE_SUFFIXES or source.find("</body", start) < 0):
        return source[:start]
    return source


def has_template_code(source: str, suffix: str) -> bool:
    """Tell whether a text is a template by its name or holds code that a server would run."""
    return suffix in TEMPLATE_SUFFIXES or "<?php" in source or "<%" in source or "<?=" in source
