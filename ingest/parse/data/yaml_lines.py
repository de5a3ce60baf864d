"""Parse YAML as text: its lines, led by the keys and the comments above them.

Line by line and without a YAML reader: comments say what settings mean, values stay as they are
written, and no alias is expanded.
"""

import re
from pathlib import PurePosixPath

from ingest.document import Document
from ingest.parse import plain_text, table_rows, text_encoding
from ingest.parse.document_builder import DocumentBuilder

YAML_TYPE = "application/yaml"

MOST_KEYS_ABOVE = 8  # keys above a line
LONGEST_COMMENT_LEAD = 120  # characters of a comment that leads what is below it
_ITEM = re.compile(r"-(?:\s+|$)")
_KEY = re.compile(
    r"(\"[^\"]{1,200}\"|'[^']{1,200}'|[^\s#:\[\]{},&*!|>'\"%@`-][^#:\n]{0,199}|-?[\w./-]{1,200})"
    r"[ \t]{0,8}:(?:[ \t]++(.*))?"
)
_BLOCK = re.compile(r"[|>][+-]?\d?[+-]?[ \t]*+(?:#.*)?")
_MARKS = ("---", "...", "%YAML", "%TAG")


def parse(body: bytes, uri: str) -> Document:
    """Read YAML. Raises Unreadable without text."""
    text = text_encoding.decode_text(body).replace("\r\n", "\n").replace("\t", "    ")
    builder = DocumentBuilder()
    _YamlWriter(builder).write(text.split("\n"))
    return builder.build_document(title=PurePosixPath(uri).stem, media_type=YAML_TYPE)


class _YamlWriter:
    def __init__(self, builder: DocumentBuilder) -> None:
        self._builder = builder
        self._keys: list[tuple[int, str, str]] = []  # indentation, key, comment
        self._lines: list[str] = []
        self._facts: dict[str, str] = {}
        self._comments: list[str] = []

    def write(self, lines: list[str]) -> None:
        """Write all lines: values by their keys, blocks of text as text."""
        at = 0
        while at < len(lines):
            line = lines[at]
            at += 1
            text = line.strip()
            if not text:
                self._flush_comments()
            elif text.startswith("#"):
                self._comments.append(text.lstrip("# "))
            elif line.startswith(_MARKS):
                self._end_record(-1)
            else:
                at = self._write_line(line, lines, at)
        self._end_record(-1)

    def _write_line(self, line: str, lines: list[str], at: int) -> int:
        indent = len(line) - len(line.lstrip(" "))
        text = line.strip()
        item = False
        dash = indent
        while match := _ITEM.match(text):
            item = True
            indent += match.end()
            text = text[match.end() :]
        pair = _KEY.fullmatch(text)
        if item and (pair is not None or self._facts):
            self._end_record(dash)
        if not item and (not self._keys or self._keys[-1][0] >= indent):
            self._close_keys(indent)
        if pair is None:
            self._flush_comments()
            value = _unquote(text)
            self._lines.append(f"- {value}" if item and value else value)
            return at
        key, value = _unquote(pair[1]), (pair[2] or "").strip()
        if _BLOCK.fullmatch(value):
            block, at = _take_block(lines, at, indent)
            self._write_fact(key, block if value.startswith("|") else _fold(block))
        elif not value or value.startswith("#"):
            self._open_key(indent, key, value.lstrip("# "))
        else:
            self._write_fact(key, _unquote(_drop_comment(value)))
        return at

    def _write_fact(self, key: str, value: str) -> None:
        self._flush_comments()
        self._facts[key] = value
        if "\n" in value:
            self._lines.append(f"{key}:\n{value}")
        elif value:
            self._lines.append(f"{key}: {value}")

    def _open_key(self, indent: int, key: str, comment: str) -> None:
        above = " ".join([*self._comments, comment]).strip()
        self._comments.clear()
        self._end_record(indent)
        if len(above) > LONGEST_COMMENT_LEAD:
            self._lines.append(above)
            above = ""
        self._keys.append((indent, key.replace("_", " "), above))

    def _flush_comments(self) -> None:
        """Write comments that stand above no key that opens a part."""
        self._lines.extend(filter(None, self._comments))
        self._comments.clear()

    def _close_keys(self, indent: int) -> None:
        if self._keys and self._keys[-1][0] >= indent:
            self._write_record()
        while self._keys and self._keys[-1][0] >= indent:
            self._keys.pop()

    def _end_record(self, indent: int) -> None:
        if indent < 0:
            self._flush_comments()
        self._write_record()
        while self._keys and self._keys[-1][0] > indent:
            self._keys.pop()

    def _write_record(self) -> None:
        """Write the lines gathered so far under their keys; a question with its answer as such."""
        facts, lines = self._facts, self._lines
        self._facts, self._lines = {}, []
        if not lines:
            return
        self._builder.close_sections(1)
        level = 1
        for _, key, comment in self._keys[-MOST_KEYS_ABOVE:]:
            self._builder.add_heading(level, key, visible=False)
            if comment:
                self._builder.add_heading(level + 1, comment, visible=False)
            level += 2
        names = list(facts)
        columns = table_rows.find_faq_columns(names)
        if columns is not None:
            question, answer = (facts[names[column]] for column in columns)
            others = [f"{name}: {facts[name]}" for n, name in enumerate(names) if n not in columns]
            self._builder.add_faq_entry(question, "\n".join([answer, *others]))
            lines = []
        plain_text.write_plain_text("\n".join(lines), self._builder)


def _take_block(lines: list[str], at: int, indent: int) -> tuple[str, int]:
    """Return the text of a block that is indented deeper than its key, and the line after it."""
    end = at
    while end < len(lines) and (
        not lines[end].strip() or lines[end].startswith(" " * (indent + 1))
    ):
        end += 1
    return "\n".join(line.strip() for line in lines[at:end]).strip(), end


def _fold(text: str) -> str:
    return "\n".join(" ".join(part.split("\n")) for part in text.split("\n\n"))


def _drop_comment(value: str) -> str:
    """Return a value with its comment in brackets: it says what the value means."""
    if value.startswith(('"', "'")):
        return value
    words, mark, comment = value.partition(" #")
    return (
        f"{words.strip()} ({comment.strip('# ')})"
        if mark and comment.strip("# ")
        else words.strip()
    )


def _unquote(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value
