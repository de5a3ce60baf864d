"""Turn a page in Confluence's storage format into plain HTML.

The format is XHTML with elements of its own: macros (``ac:structured-macro``) and references
(``ri:page``). Texts that macros hold stay; their parameters, and macros that only compute something
when a page is shown, go. The text is walked once, from tag to tag, however broken it is.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_CDATA, _CDATA_END = "<![CDATA[", "]]>"
_COMMENT, _COMMENT_END = "<!--", "-->"
_NAME = re.compile(r"</?([A-Za-z][\w:.-]{0,60})")
_ATTRIBUTE = re.compile(r"\b(ac:name|ri:content-title|ri:value|datetime)\s?=\s?\"([^\"]{0,500})\"")
_DROPPED = frozenset(
    {
        *("ac:placeholder", "ac:adf-extension", "ac:image", "ac:emoticon", "ac:parameter"),
        *("ac:task-id", "ac:task-status", "ac:task-uuid"),
    }
)
_TITLES = frozenset({"title"})  # parameters of macros that are read
_COMPUTED = frozenset(
    {
        *("jira", "toc", "toc-zone", "children", "include", "excerpt-include", "pagetree"),
        *("recently-updated", "contentbylabel", "gallery", "attachments", "profile"),
        *("livesearch", "view-file"),
    }
)


@dataclass(slots=True)
class _Converter:
    """Writes HTML while it walks over a page. depth: of the dropped element it is in."""

    out: list[str] = field(default_factory=list)
    macros: list[str] = field(default_factory=list)
    dropped: str = ""
    depth: int = 0
    title: str = ""  # of the page that a link leads to

    def take_text(self, text: str) -> None:
        if not self.dropped:
            self.out.append(text)

    def take_cdata(self, text: str) -> None:
        if not self.dropped:
            self.title = ""
            escaped = html.escape(text)
            is_code = bool(self.macros) and self.macros[-1] in {"code", "noformat"}
            self.out.append(f"<pre>{escaped}</pre>" if is_code else escaped)

    def take_tag(self, tag: str) -> None:
        match = _NAME.match(tag)
        if match is None:
            return
        name = match[1].lower()
        closes, is_empty = tag.startswith("</"), tag.endswith("/>")
        if self.dropped:
            if name == self.dropped and not is_empty:
                self.depth += -1 if closes else 1
                self.dropped = self.dropped if self.depth else ""
            return
        attributes = dict(_ATTRIBUTE.findall(tag))
        if not closes and self._is_dropped(name, attributes):
            if not is_empty:
                self.dropped, self.depth = name, 1
            return
        self._write_tag(name, tag, attributes, closes=closes, is_empty=is_empty)

    def _is_dropped(self, name: str, attributes: dict[str, str]) -> bool:
        if name == "ac:parameter":
            return attributes.get("ac:name") not in _TITLES
        macro = attributes.get("ac:name", "")
        return name in _DROPPED or (name == "ac:structured-macro" and macro in _COMPUTED)

    def _write_tag(
        self, name: str, tag: str, attributes: dict[str, str], *, closes: bool, is_empty: bool
    ) -> None:
        if not name.startswith(("ac:", "ri:")):
            self.out.append(tag)
            if name == "time" and not closes:
                self.out.append(attributes.get("datetime", ""))
            return
        if name == "ac:structured-macro" and not is_empty:
            if closes:
                self.macros = self.macros[:-1]
            else:
                self.macros.append(attributes.get("ac:name", ""))
            self.out.append("</div>" if closes else "<div>")
        elif name == "ac:link":
            if closes and self.title:
                self.out.append(self.title)  # it had no words of its own
            self.title = ""
        elif name == "ri:page":
            self.title = attributes.get("ri:content-title", "")
        else:
            self._write_block(name, closes=closes)

    def _write_block(self, name: str, *, closes: bool) -> None:
        if name == "ac:link-body":
            self.title = ""
        elif name == "ac:parameter":
            self.out.append("</strong></p>" if closes else "<p><strong>")
        elif name == "ac:task-list":
            self.out.append("</ul>" if closes else "<ul>")
        elif name == "ac:task":
            self.out.append("</li>" if closes else "<li>")
        elif name in {"ac:layout-cell", "ac:rich-text-body"}:
            self.out.append("</div>" if closes else "<div>")


def convert_storage(text: str) -> str:
    """Return a page of the storage format as HTML.

    >>> macro = '<ac:structured-macro ac:name="{}">{}</ac:structured-macro>'
    >>> code = macro.format("code", "<ac:plain-text-body><![CDATA[a < b]]></ac:plain-text-body>")
    >>> convert_storage(f'<p>Hi</p>{code}{macro.format("toc", "x")}')
    '<p>Hi</p><div><pre>a &lt; b</pre></div>'
    """
    converter = _Converter()
    for kind, piece in _iter_pieces(text):
        if kind == "tag":
            converter.take_tag(piece)
        elif kind == "cdata":
            converter.take_cdata(piece)
        else:
            converter.take_text(piece)
    return "".join(converter.out)


def _iter_pieces(text: str) -> Iterator[tuple[str, str]]:
    """Yield texts, tags and CDATA sections in order; comments are passed over."""
    at = 0
    while (start := text.find("<", at)) >= 0:
        if start > at:
            yield "text", text[at:start]
        if text.startswith(_CDATA, start):
            begin, end_mark, kind = start + len(_CDATA), _CDATA_END, "cdata"
        elif text.startswith(_COMMENT, start):
            begin, end_mark, kind = start + len(_COMMENT), _COMMENT_END, ""
        else:
            begin, end_mark, kind = start, ">", "tag"
        end = text.find(end_mark, begin)
        if end < 0:  # what follows is no markup that ends
            yield "text", html.escape(text[start:])
            return
        at = end + len(end_mark)
        if kind:
            yield kind, text[begin : at if kind == "tag" else end]
    yield "text", text[at:]
