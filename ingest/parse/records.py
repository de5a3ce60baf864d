"""JSON and JSON Lines: one record, one entry; questions with answers are a FAQ."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import PurePosixPath

from ingest.document import Document
from ingest.errors import Unreadable
from ingest.parse import decode, plain
from ingest.parse.compose import Composer

MEDIA_TYPE = "application/jsonl"

Record = dict[str, object]

_QUESTION = ("question", "q", "query", "prompt", "问题", "提问")
_ANSWER = ("answer", "a", "response", "reply", "答案", "回答", "答复")
_TITLE = ("title", "name", "heading", "subject", "标题")
_TEXT = ("text", "body", "content", "description", "passage", "markdown", "内容", "正文")
_NAMES = frozenset({"id", "_id", "uuid", "doc_id", "url", "uri", "embedding", "vector"})
LONGEST_EXTRA = 200  # characters of another field that is worth saying beside a text
MOST_NESTED = 20


def parse(body: bytes, uri: str) -> Document:
    """Read records. Raises Unreadable without text, or for a line that is no JSON."""
    composer = Composer()
    for record in read(decode.text(body)):
        _write(record, composer)
    return composer.document(title=PurePosixPath(uri).stem, media_type=MEDIA_TYPE)


def read(text: str) -> Iterator[Record]:
    """Give the records of a JSON document, or of one a line."""
    whole = text.lstrip()
    try:
        value = json.loads(whole)
    except RecursionError as error:
        raise Unreadable("its values are nested too deep") from error
    except ValueError:
        yield from _lines(text)
        return
    yield from _records(value)


def _lines(text: str) -> Iterator[Record]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"line {number} is no JSON") from error
        yield from _records(value)


def _records(value: object) -> Iterator[Record]:
    """Find the records in a value: itself, its members, or its one list of objects."""
    if isinstance(value, list):
        for one in value:
            yield from _records(one)
    elif isinstance(value, dict):
        inner = [
            one
            for one in value.values()
            if isinstance(one, list) and one and all(isinstance(member, dict) for member in one)
        ]
        if len(inner) == 1 and not _first(value, _TEXT) and not _first(value, _ANSWER):
            yield from inner[0]
        else:
            yield value
    elif value is not None:
        yield {"text": value}


def _write(record: Record, composer: Composer) -> None:
    names = {str(name).strip().lower(): name for name in record}
    fields = {low: record[name] for low, name in names.items()}
    question, answer, title, text = (
        _first(fields, keys) for keys in (_QUESTION, _ANSWER, _TITLE, _TEXT)
    )
    used = {*_QUESTION, *_ANSWER} if question and answer else {*_TITLE, *_TEXT}
    extras = [
        f"{names[low]}: {said}"
        for low, value in fields.items()
        if low not in _NAMES and low not in used and (said := _said(value))
    ]
    short = [extra for extra in extras if len(extra) <= LONGEST_EXTRA]
    composer.close(1)
    if question and answer:
        composer.faq(question, "\n".join([answer, *short]))
        return
    if title:
        composer.heading(1, title)
    if text:
        plain.write(text, composer)
    composer.paragraph("\n".join(short if text else extras))


def _first(fields: Record, keys: tuple[str, ...]) -> str:
    """Give the first field that holds words."""
    values = (fields.get(key) for key in keys)
    return next((value for value in values if isinstance(value, str) and value.strip()), "")


def _said(value: object, depth: int = 0) -> str:
    """Write a value on one line."""
    if value is None or isinstance(value, bool) or depth > MOST_NESTED:
        return "" if value is None else str(value).lower()
    if isinstance(value, dict):
        pairs = ((name, _said(one, depth + 1)) for name, one in value.items())
        return "; ".join(f"{name}: {said}" for name, said in pairs if said)
    if isinstance(value, list):
        return ", ".join(filter(None, (_said(one, depth + 1) for one in islice(value, 1000))))
    return " ".join(str(value).split())
