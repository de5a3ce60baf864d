"""Parse JSON and JSON Lines: an entry for each record; questions with answers are an FAQ."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import PurePosixPath

from ingest.document import Document
from ingest.errors import Unreadable
from ingest.parse import plain_text, text_encoding
from ingest.parse.document_builder import DocumentBuilder

JSON_LINES_TYPE = "application/jsonl"

JsonRecord = dict[str, object]

_QUESTION_KEYS = ("question", "q", "query", "prompt", "问题", "提问")
_ANSWER_KEYS = ("answer", "a", "response", "reply", "答案", "回答", "答复")
_TITLE_KEYS = ("title", "name", "heading", "subject", "标题")
_TEXT_KEYS = ("text", "body", "content", "description", "passage", "markdown", "内容", "正文")
_SKIPPED_KEYS = frozenset({"id", "_id", "uuid", "doc_id", "url", "uri", "embedding", "vector"})
LONGEST_EXTRA_FIELD = 200  # characters of another field that is worth saying beside a text
MOST_NESTED_VALUES = 20


def parse(body: bytes, uri: str) -> Document:
    """Read records. Raises Unreadable without text, or for a line that is no JSON."""
    builder = DocumentBuilder()
    for record in read_records(text_encoding.decode_text(body)):
        _write_record(record, builder)
    return builder.build_document(title=PurePosixPath(uri).stem, media_type=JSON_LINES_TYPE)


def read_records(text: str) -> Iterator[JsonRecord]:
    """Yield the records of a JSON document, or of one a line."""
    whole = text.lstrip()
    try:
        value = json.loads(whole)
    except RecursionError as error:
        raise Unreadable("its values are nested too deep") from error
    except ValueError:
        yield from _read_json_lines(text)
        return
    yield from _find_records(value)


def _read_json_lines(text: str) -> Iterator[JsonRecord]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"line {number} is no JSON") from error
        yield from _find_records(value)


def _find_records(value: object) -> Iterator[JsonRecord]:
    """Find the records in a value: itself, its members, or its one list of objects."""
    if isinstance(value, list):
        for item in value:
            yield from _find_records(item)
    elif isinstance(value, dict):
        inner = [
            member_list
            for member_list in value.values()
            if isinstance(member_list, list)
            and member_list
            and all(isinstance(member, dict) for member in member_list)
        ]
        if (
            len(inner) == 1
            and not _first_text(value, _TEXT_KEYS)
            and not _first_text(value, _ANSWER_KEYS)
        ):
            yield from inner[0]
        else:
            yield value
    elif value is not None:
        yield {"text": value}


def _write_record(record: JsonRecord, builder: DocumentBuilder) -> None:
    names = {str(name).strip().lower(): name for name in record}
    fields = {key: record[name] for key, name in names.items()}
    question, answer, title, text = (
        _first_text(fields, keys)
        for keys in (_QUESTION_KEYS, _ANSWER_KEYS, _TITLE_KEYS, _TEXT_KEYS)
    )
    used = {*_QUESTION_KEYS, *_ANSWER_KEYS} if question and answer else {*_TITLE_KEYS, *_TEXT_KEYS}
    extras = [
        f"{names[low]}: {value_text}"
        for low, value in fields.items()
        if low not in _SKIPPED_KEYS and low not in used and (value_text := _format_value(value))
    ]
    short = [extra for extra in extras if len(extra) <= LONGEST_EXTRA_FIELD]
    builder.close_sections(1)
    if question and answer:
        builder.add_faq_entry(question, "\n".join([answer, *short]))
        return
    if title:
        builder.add_heading(1, title)
    if text:
        plain_text.write_plain_text(text, builder)
    builder.add_paragraph("\n".join(short if text else extras))


def _first_text(fields: JsonRecord, keys: tuple[str, ...]) -> str:
    """Return the first field that contains words."""
    values = (fields.get(key) for key in keys)
    return next((value for value in values if isinstance(value, str) and value.strip()), "")


def _format_value(value: object, depth: int = 0) -> str:
    """Write a value on one line."""
    if value is None or isinstance(value, bool) or depth > MOST_NESTED_VALUES:
        return "" if value is None else str(value).lower()
    if isinstance(value, dict):
        pairs = ((name, _format_value(item, depth + 1)) for name, item in value.items())
        return "; ".join(f"{name}: {text}" for name, text in pairs if text)
    if isinstance(value, list):
        return ", ".join(
            filter(None, (_format_value(item, depth + 1) for item in islice(value, 1000)))
        )
    return " ".join(str(value).split())
