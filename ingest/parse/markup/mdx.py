"""Turn MDX into Markdown with plain markup: no modules, no expressions, no properties.

Components stay as elements of an unknown name (``<x-tabitem label="EU">``): their label leads what
they hold, and nothing else of a tag is text. One pass, so that a page of opened braces and tags
costs no more than its length.
"""

import html
import re
from dataclasses import dataclass, field

LONGEST_CODE_SPAN = 2000  # characters between two runs of backticks
WIDEST_MARGIN = 40  # characters before a component that begins a line
MOST_OPEN_TABS = 50  # groups of tabs within one another
_MODULE_LINE = re.compile(
    r"^(?:import[ \t]{0,4}['\"{*]"
    r"|import[ \t]{1,4}(?:type[ \t]{1,4})?[\w$]{1,80}[ \t]{0,4}"
    r"(?:,[ \t]{0,4}[{*]|from[ \t]{0,4}['\"])"
    r"|export[ \t]{1,4}(?:default|const|let|var|function|async|class)\b"
    r"|export[ \t]{0,4}[{*])[^\n]*+",
    re.MULTILINE,
)
_COMPONENT = re.compile(r"</?(?=[A-Z]\w{0,60}[a-z])([A-Z][\w.]*+)(?=[\s/>])")
_MARK = re.compile(r"\\.|`+|<!--|<(?=[/>A-Za-z])|\{", re.DOTALL)
_NAME = re.compile(r"[A-Za-z][\w.:-]*+")
_ATTRIBUTE_NAME = re.compile(r"[\w:@.$-]++")
_BLANKS = re.compile(r"\s*+")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_TEXT_VALUE = re.compile(r"""\s*+(?:"([^"\n]*+)"|'([^'\n]*+)'|`([^`$]*+)`|(\d[\d.]*+))\s*+""")
_CODE_SIGN = re.compile(r"\w\.\w|=>|&&|\|\||\w\(|<\w|\?")
_TAB_VALUES = re.compile(
    r"label\s*+:\s*+(['\"])([^'\"\n]{1,200})\1\s*+,\s*+value\s*+:\s*+(['\"])([^'\"\n]{1,200})\3"
)
_TEXT_ITEM = re.compile(r"(['\"])([^'\"\n]{1,200})\1")
_STYLE_PAIR = re.compile(r"([A-Za-z]{1,40})['\"]?\s*+:\s*+['\"]?([^,'\"{}\n]{1,200})")
_LABELS = ("label", "title", "summary")
_KEPT = frozenset({"style", "hidden", "aria-hidden"})  # of a component: what may hide it
_TAB_NAMES = frozenset({"tab", "tabitem", "tabs.tab"})


def is_mdx(source: str, suffix: str) -> bool:
    r"""Tell whether a source is MDX: by its name, its modules, or components on lines of their own.

    >>> is_mdx("<Tabs>\n<TabItem label='A'>x</TabItem>\n</Tabs>", ".md"), is_mdx("a < B", ".md")
    (True, False)
    """
    return suffix == ".mdx" or _has_components(source) or has_modules(source)


def _has_components(source: str) -> bool:
    """Tell whether a component begins a line: elsewhere it may be a type, as in `List<Item>`."""
    for tag in _COMPONENT.finditer(source):
        before = source[max(0, tag.start() - WIDEST_MARGIN) : tag.start()]
        if not before.rpartition("\n")[2].strip() or tag[1] in {"Tab", "Tabs"}:
            return True
    return False


def has_modules(source: str) -> bool:
    """Tell whether a source imports or exports something, as a module does."""
    begins = source.startswith(("import", "export")) or "\nimport" in source or "\nexport" in source
    return begins and bool(_MODULE_LINE.search(source))


@dataclass(slots=True)
class _Tabs:
    """A group of open tabs whose names stand in the group: by their values, or in their order."""

    by_value: dict[str, str]
    in_order: list[str]


@dataclass(slots=True)
class ComponentCleaner:
    """Cleans the prose of one MDX document, piece by piece.

    strict: all in braces is an expression; else only what reads like code. expressions: how many
    were left out, comments not counted.
    """

    strict: bool
    expressions: int = 0
    _tabs: list[_Tabs] = field(default_factory=list)

    def clean(self, prose: str) -> str:
        """Return prose without modules and expressions, and with tags of plain markup."""
        if "import" in prose or "export" in prose:
            prose = _drop_modules(prose)
        closings = _match_braces(prose)
        pieces: list[str] = []
        at = 0
        while mark := _MARK.search(prose, at):
            pieces.append(prose[at : mark.start()])
            at, text = self._read_mark(prose, mark, closings)
            pieces.append(text)
        return "".join([*pieces, prose[at:]])

    def _read_mark(
        self, prose: str, mark: re.Match[str], closings: dict[int, int]
    ) -> tuple[int, str]:
        """Return the place after what begins with a mark, and what is written for it."""
        sign, start = mark[0], mark.start()
        if sign == "<":
            return self._read_tag(prose, start, closings)
        if sign == "{":
            return self._read_expression(prose, start, closings)
        end = mark.end()
        if sign.startswith("`"):
            end = _find_span_end(prose, sign, end)
        elif sign == "<!--":
            close = prose.find("-->", end)
            end = close + 3 if close >= 0 else end
        return end, prose[start:end]

    def _read_expression(self, prose: str, start: int, closings: dict[int, int]) -> tuple[int, str]:
        end = closings.get(start, -1)
        inner = prose[start + 1 : end] if end >= 0 else ""
        if end < 0 or inner.startswith(("{", "%", "#", "<")):
            return start + 1, "{"
        if inner.lstrip().startswith("/*") or not inner.strip():
            return end + 1, ""
        if value := _TEXT_VALUE.fullmatch(inner):
            return end + 1, next(filter(None, value.groups()), "")
        variable = start > 0 and prose[start - 1] == "$"
        if self.strict or (_CODE_SIGN.search(inner) and not variable):
            self.expressions += 1
            return end + 1, ""
        return start + 1, "{"

    def _read_tag(self, prose: str, start: int, closings: dict[int, int]) -> tuple[int, str]:
        if prose.startswith(("<>", "</>"), start):
            return prose.index(">", start) + 1, ""
        closing = prose.startswith("</", start)
        name = _NAME.match(prose, start + 1 + closing)
        tag = name and _read_attributes(prose, name.end(), closings)
        if not name or not tag:
            return start + 1, "<"
        end, attributes, empty = tag
        if not name[0][0].isupper() and "." not in name[0]:
            native = prose[start:end] if "{" not in prose[start:end] else ""
            return end, native or _write_tag(name[0], attributes, empty=empty)
        return end, self._write_component(name[0], attributes, closing=closing, empty=empty)

    def _write_component(
        self, name: str, attributes: dict[str, str], *, closing: bool, empty: bool
    ) -> str:
        low = name.lower()
        element = "x-" + re.sub(r"[^a-z0-9]", "-", low)
        if empty:
            return ""
        if closing:
            if low == "tabs" and self._tabs:
                self._tabs.pop()
            return f"</{element}>"
        label = next((text for key in _LABELS if (text := _plain_value(attributes, key))), "")
        if low in _TAB_NAMES:
            label = label or self._name_tab(attributes)
        if low == "tabs" and len(self._tabs) < MOST_OPEN_TABS:
            self._tabs.append(_read_tabs(attributes))
        readable_attributes = {key: value for key, value in attributes.items() if key in _KEPT}
        if label and low != "tabs":
            readable_attributes["label"] = f'"{label}"'
        return _write_tag(element, readable_attributes)

    def _name_tab(self, attributes: dict[str, str]) -> str:
        """Return a tab's name from its group, else its value, which is shown for want of one."""
        value = _plain_value(attributes, "value")
        if self._tabs:
            tabs = self._tabs[-1]
            if value in tabs.by_value:
                return tabs.by_value[value]
            if tabs.in_order:
                return tabs.in_order.pop(0)
        return value if len(value) > 1 else ""


def _drop_modules(prose: str) -> str:
    """Remove import and export statements, up to the end of their lines or of their braces."""
    closings = _match_braces(prose)
    pieces: list[str] = []
    at = 0
    for statement in _MODULE_LINE.finditer(prose):
        if statement.start() < at:
            continue
        pieces.append(prose[at : statement.start()])
        at = statement.end()
        brace = prose.find("{", statement.start(), at)
        while 0 <= brace < at:
            at = max(at, closings.get(brace, 0))
            brace = prose.find("{", brace + 1, at) if brace + 1 < statement.end() else -1
        line_end = prose.find("\n", at)
        at = line_end if line_end >= 0 else len(prose)
    return "".join([*pieces, prose[at:]])


def _match_braces(text: str) -> dict[int, int]:
    """Return the place of the closing brace of each opening one that is closed."""
    closings: dict[int, int] = {}
    opened: list[int] = []
    for brace in _BRACE.finditer(text):
        if brace[0] == "{":
            opened.append(brace.start())
        elif brace[0] == "}" and opened:
            closings[opened.pop()] = brace.start()
    return closings


def _find_span_end(prose: str, run: str, start: int) -> int:
    """Return the end of a code span that a run of backticks opens; its start if it is none."""
    limit = start + LONGEST_CODE_SPAN
    paragraph = prose.find("\n\n", start, limit)
    limit = paragraph if paragraph >= 0 else limit
    at = prose.find(run, start, limit)
    while at >= 0:
        end = at + len(run)
        if not prose.startswith("`", end):
            return end
        while prose.startswith("`", end):
            end += 1
        at = prose.find(run, end, limit)
    return start


def _read_attributes(
    prose: str, at: int, closings: dict[int, int]
) -> tuple[int, dict[str, str], bool] | None:
    """Read a tag's attributes as they are written; None for what is no tag.

    Gives the place after it, the attributes, and whether the tag closes itself.
    """
    attributes: dict[str, str] = {}
    while True:
        blanks = _BLANKS.match(prose, at)
        at = blanks.end() if blanks else at
        if prose.startswith("/>", at) or prose.startswith(">", at):
            empty = prose[at] == "/"
            return at + 1 + empty, attributes, empty
        if prose.startswith("{", at):  # {...props}
            at = closings.get(at, len(prose)) + 1
            continue
        name = _ATTRIBUTE_NAME.match(prose, at)
        if not name:
            return None
        at = name.end()
        if not prose.startswith("=", at):
            attributes[name[0]] = ""
            continue
        end = _find_value_end(prose, at + 1, closings)
        attributes[name[0]] = prose[at + 1 : end]
        at = end


def _find_value_end(prose: str, at: int, closings: dict[int, int]) -> int:
    quote = prose[at : at + 1]
    if quote in {'"', "'"}:
        return prose.find(quote, at + 1) % (len(prose) + 1) + 1
    if quote == "{":
        return closings.get(at, len(prose)) + 1
    bare = _ATTRIBUTE_NAME.match(prose, at)
    return bare.end() if bare else at


def _plain_value(attributes: dict[str, str], name: str) -> str:
    """Return an attribute's text, or that of an expression that is but a text; else ""."""
    written = attributes.get(name, "")
    inner = written[1:-1] if written.startswith("{") else written
    value = _TEXT_VALUE.fullmatch(inner)
    return (
        " ".join(next(filter(None, value.groups()), "").replace('"', "”").split()) if value else ""
    )


def _read_tabs(attributes: dict[str, str]) -> _Tabs:
    values = attributes.get("values", "")
    items = attributes.get("items", "")
    return _Tabs(
        {match[4]: match[2] for match in _TAB_VALUES.finditer(values)},
        [match[2] for match in _TEXT_ITEM.finditer(items)],
    )


def _write_tag(name: str, attributes: dict[str, str], *, empty: bool = False) -> str:
    """Write a tag with the attributes that are texts, and a style that is an object."""
    parts = [name]
    for key, written in attributes.items():
        if written.startswith("{"):
            if key == "style":
                parts.append(f'style="{_write_style(written)}"')
                continue
            if key in _KEPT and written.strip("{} ") in {"true", "'true'", '"true"'}:
                parts.append(f'{key}="true"')
            elif value := _plain_value(attributes, key):
                parts.append(f'{key}="{html.escape(value)}"')
            continue
        parts.append(f"{key}={written}" if written else key)
    return f"<{' '.join(parts)}{' /' if empty else ''}>".replace("\n", " ")


def _write_style(written: str) -> str:
    """Write a style object as a style: ``{{fontSize: 0}}`` is ``font-size:0``."""
    pairs = _STYLE_PAIR.findall(written)
    named = ((re.sub(r"([A-Z])", r"-\1", name).lower(), value.strip()) for name, value in pairs)
    return html.escape(";".join(f"{name}:{value}" for name, value in named))
