"""Write the records of an export: titles, texts, small facts, tables, and records within them.

Exports of help desks and knowledge bases name their fields in many ways, so what a field is goes
by its name where that is a usual one, and else by what it holds: markup and long words are text.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from ingest.parse import plain_text, table_rows
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.faq_detection import is_question
from ingest.parse.markup.markup_values import (
    NotePiece,
    has_markup,
    read_markup_line,
    read_markup_text,
    write_markup_value,
)

JsonRecord = Mapping[str, object]

_QUESTION_KEYS = ("question", "q", "query", "prompt", "问题", "提问", "标准问题")
_ANSWER_KEYS = ("answer", "a", "response", "reply", "答案", "回答", "答复")
_OTHER_QUESTION_KEYS = (
    *("similar_questions", "similarquestions", "alternative_questions", "variants", "paraphrases"),
    *("相似问题", "相似问", "相似问法", "扩展问题"),
)
_TITLE_KEYS = ("title", "name", "heading", "subject", "标题")
_TEXT_KEYS = ("text", "body", "content", "description", "passage", "markdown", "内容", "正文")
_PERSON_KEYS = ("author", "from", "user", "sender", "agent", "作者")
# What pages through an export: left out beside its list of records, and nowhere else.
_PAGING_WORDS = (
    "count total page pages page_count per_page next_page previous_page limit offset has_more"
    " sort_by sort_order after_cursor before_cursor cursor end_time end_of_stream"
)
_PAGING_KEYS = frozenset(_PAGING_WORDS.split())
# Of programs, not of people: what names an entry, and how it is sorted and shown.
_TECHNICAL_WORDS = (
    "id _id uuid doc_id url uri embedding vector"
    " draft promoted position outdated locale source_locale comments_disabled links meta"
    " object vote_sum hits thumbs_up thumbs_down seo_data redacted"
)
_TECHNICAL_KEYS = frozenset(_TECHNICAL_WORDS.split())
_TECHNICAL_ENDS = ("_id", "_ids", "_url", "_at", "_count", "_urls")
_LONGEST_FACT = 200  # characters of a field on a line of its own; a longer one is a text
_LONGEST_CELL = 80
_MOST_COLUMNS = 12
MOST_NESTED_VALUES = 20
_MOST_LISTED = 1000  # values of a list on one line
_MOST_FORMS = 4  # of one text in a record: as markup, plain, cut short
_FIRST_LEVEL = -MOST_NESTED_VALUES  # so that headings of a page (1 to 6) lie below all of ours


class RecordWriter:
    """Writes values of JSON to a document."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self._builder = builder
        self._left_out: dict[str, None] = {}

    def write_values(self, values: Sequence[object]) -> None:
        """Write the values of a file, one after the other."""
        self._write_list(values, _FIRST_LEVEL, may_wrap=True)

    def describe_left_out(self) -> tuple[str, ...]:
        """Return a note on the fields that were left out, if there were any."""
        names = list(self._left_out)
        if not names:
            return ()
        more = f" and {len(names) - 6} more" if len(names) > 6 else ""  # noqa: PLR2004
        return (f"fields for programs were left out: {', '.join(names[:6])}{more}"[:250],)

    def _write_value(
        self, value: object, level: int, name: str = "", *, may_wrap: bool = False
    ) -> None:
        if isinstance(value, Mapping):
            self._write_record(value, level, name, may_wrap=may_wrap)
        elif isinstance(value, list):
            self._write_list(value, level)
        elif value is not None and (text := _format_value(value)):
            self._write_text(str(value) if isinstance(value, str) else text)

    def _write_list(self, values: Sequence[object], level: int, *, may_wrap: bool = False) -> None:
        if len(values) == 1 and isinstance(values[0], list):
            values = values[0]
            may_wrap = False
        if columns := self._find_columns(values):
            rows = [
                [_format_value(row.get(name)) for name in columns]
                for row in values
                if isinstance(row, Mapping)
            ]
            self._builder.add_table(columns, rows)
            return
        for value in values:
            self._builder.close_sections(level)
            self._write_value(value, level, may_wrap=may_wrap)
        self._builder.close_sections(level)

    def _find_columns(self, values: Sequence[object]) -> list[str]:
        """Return the columns of records that are rows of a table; none where they are not."""
        rows = [row for row in values if isinstance(row, Mapping)]
        if len(rows) < 2 or len(rows) < len(values):  # noqa: PLR2004
            return []
        counts: dict[str, int] = {}
        for row in rows:
            for name, value in row.items():
                if not _is_technical(name) and value is not None:
                    if not _is_cell(name, value):
                        return []
                    counts[name] = counts.get(name, 0) + 1
        shared = sum(1 for count in counts.values() if 2 * count >= len(rows))
        asks = _find_key(rows[0], _QUESTION_KEYS) and _find_key(rows[0], _ANSWER_KEYS)
        is_regular = shared >= 2 and len(counts) <= min(_MOST_COLUMNS, 2 * shared)  # noqa: PLR2004
        if not is_regular or asks:
            return []
        for row in rows:
            for name, value in row.items():
                self._leaves_out(name, value)
        return list(counts)

    def _write_record(self, record: JsonRecord, level: int, name: str, *, may_wrap: bool) -> None:
        """Write a record: its title, its texts, its facts, and the records in it."""
        if level >= 0:
            self._builder.add_paragraph(_format_value(record))
            return
        if _is_question_map(record):
            for question, answer in record.items():
                text = read_markup_text(str(answer), self._builder.note_links)
                self._builder.add_faq_entry(question, text)
            return
        question_key, answer_key = (
            _find_key(record, _QUESTION_KEYS),
            _find_key(record, _ANSWER_KEYS),
        )
        if question_key and answer_key:
            self._write_answer(record, question_key, answer_key)
            return
        title_key = _find_key(record, _TITLE_KEYS)
        note = self._builder.note_links
        title = read_markup_line(str(record[title_key]), note) if title_key else ""
        if title:
            self._builder.add_heading(level, title)
        elif heading := _find_person(record) or name:
            self._builder.add_heading(level, heading, visible=False)
        wraps = may_wrap and not title_key and _wraps_records(record)
        self._write_fields(record, level + 1, used=title_key, may_wrap=may_wrap, wraps=wraps)

    def _write_answer(self, record: JsonRecord, question_key: str, answer_key: str) -> None:
        """Write a question with its answer; similar questions lead it, facts follow it."""
        note = self._builder.note_links
        question = read_markup_line(str(record[question_key]), note)
        answer = read_markup_text(str(record[answer_key]), note)
        similar = list[str]()
        facts = list[str]()
        for key, value in record.items():
            if key in {question_key, answer_key}:
                continue
            if others := _list_similar(key, value):
                similar += others
            elif not self._leaves_out(key, value) and (text := _format_value(value, note)):
                facts.append(f"{key}: {text}")
        self._builder.add_faq_entry(question, "\n".join([answer, *facts]), similar=similar)

    def _write_fields(
        self, record: JsonRecord, level: int, *, used: str, may_wrap: bool, wraps: bool
    ) -> None:
        texts = list[tuple[str, str]]()
        facts = list[str]()
        nested = list[tuple[str, object]]()
        for key, value in record.items():
            if key == used or (wraps and _is_paging(key, value)) or self._leaves_out(key, value):
                continue
            if _is_nested(value):
                nested.append((key, value))
            elif isinstance(value, str) and _is_text(key, value):
                texts.append((key, value))
            elif text := _format_value(value, self._builder.note_links):
                facts.append(f"{key}: {text}")
        self._write_texts(texts, level)
        if texts or nested:
            facts = [fact for fact in facts if not self._is_person_fact(fact)]
        self._builder.close_sections(level)
        self._builder.add_paragraph("\n".join(facts))
        lists = [key for key, value in nested if isinstance(value, list)]
        names_lists = len(lists) > 1 or texts or used
        for key, value in nested:
            self._builder.close_sections(level)
            if isinstance(value, list):
                if names_lists:
                    self._builder.add_heading(level, key, visible=False)
                self._write_list(value, level + 1)
            else:
                heading = "" if _has_texts(value) else key
                self._write_value(value, level, heading, may_wrap=may_wrap)
        self._builder.close_sections(level)

    def _is_person_fact(self, fact: str) -> bool:
        return fact.partition(":")[0].strip().lower() in _PERSON_KEYS

    def _write_texts(self, texts: Sequence[tuple[str, str]], level: int) -> None:
        """Write the texts of a record; one that says what another said is written once."""
        earlier = list[str]()
        for key, text in texts:
            words = "".join(filter(str.isalnum, read_markup_text(text))).casefold()
            if not words or any(words in other for other in earlier[-_MOST_FORMS:]):
                continue
            earlier.append(words)
            self._builder.close_sections(level)
            if not _is_text_key(key):
                self._builder.add_heading(level, key, visible=False)
            self._write_text(text)

    def _write_text(self, text: str) -> None:
        if has_markup(text):
            write_markup_value(text, self._builder)
        else:
            plain_text.write_plain_text(read_markup_line(text), self._builder)

    def _leaves_out(self, name: str, value: object) -> bool:
        """Tell whether a field is left out, and note it where it says anything."""
        if not _is_technical(name):
            return False
        if value not in (None, "", [], {}):
            self._left_out[name[:40]] = None
        return True


def _is_technical(name: str) -> bool:
    low = name.strip().lower()
    return low in _TECHNICAL_KEYS or low.endswith(_TECHNICAL_ENDS)


def _is_paging(name: str, value: object) -> bool:
    return name.strip().lower() in _PAGING_KEYS and not _is_nested(value)


def _wraps_records(record: JsonRecord) -> bool:
    """Tell whether a record is but the page of an export, around a list of records.

    A single field that pages beside other facts may well be a fact of the record itself.
    """
    if not any(_holds_records(value) for value in record.values()):
        return False
    paging = sum(1 for name, value in record.items() if _is_paging(name, value))
    facts = sum(
        1
        for name, value in record.items()
        if not (isinstance(value, Mapping | list) or _is_technical(name) or _is_paging(name, value))
    )
    return paging > 1 or not facts


def _holds_records(value: object) -> bool:
    return isinstance(value, list) and any(isinstance(item, Mapping) for item in value)


def _list_similar(name: str, value: object) -> list[str]:
    """Return the questions that a field of more questions holds; none for other fields."""
    low = name.strip().lower()
    if low not in _OTHER_QUESTION_KEYS and not table_rows.is_similar_column(low.replace("_", " ")):
        return []
    if isinstance(value, str):
        return table_rows.split_similar_questions(read_markup_line(value))
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return [words for item in value if (words := read_markup_line(item).strip())]
    return []


def _find_key(record: JsonRecord, keys: Sequence[str]) -> str:
    """Return the name of the first field of some names that contains words; else nothing."""
    names = {str(name).strip().lower(): name for name in record}
    for key in keys:
        if key in names:
            value = record[names[key]]
            if isinstance(value, str) and value.strip():
                return names[key]
    return ""


def _find_person(record: JsonRecord) -> str:
    """Return who wrote a record, where it says so."""
    for key in _PERSON_KEYS:
        value = record.get(key)
        if isinstance(value, Mapping):
            value = value.get("name") or value.get("display_name")
        if isinstance(value, str) and value.strip() and len(value) <= _LONGEST_CELL:
            return value.strip()
    return ""


def _is_question_map(record: JsonRecord) -> bool:
    """Tell whether a record maps questions to answers."""
    pairs = list(islice(record.items(), 200))
    questions = sum(1 for name, value in pairs if is_question(name) and isinstance(value, str))
    return bool(pairs) and questions * 2 > len(pairs) and _holds_strings(record)


def _holds_strings(record: JsonRecord) -> bool:
    return all(isinstance(value, str) for value in record.values())


def _is_nested(value: object, depth: int = 0) -> bool:
    """Tell whether a value holds records or texts, so that it is more than a fact."""
    if depth > MOST_NESTED_VALUES:
        return False
    if isinstance(value, Mapping):
        if any(isinstance(item, str) and _is_text(str(key), item) for key, item in value.items()):
            return True
        return any(_is_nested(item, depth + 1) for item in value.values())
    if isinstance(value, list):
        return any(isinstance(item, Mapping | list) for item in value) or (
            len(_format_value(value)) > _LONGEST_FACT
        )
    return False


def _has_texts(value: object) -> bool:
    """Tell whether a value is a record with a text of its own, which needs no name above it."""
    return isinstance(value, Mapping) and any(
        isinstance(item, str) and _is_text_key(key) for key, item in value.items()
    )


def _is_text_key(name: str) -> bool:
    """Tell whether a field is a text by its name, which may also say in which form it is."""
    low = name.strip().lower()
    form = low.removesuffix("_text").removesuffix("_html")
    return form.removeprefix("html_").removeprefix("plain_") in _TEXT_KEYS


def _is_text(key: str, value: str) -> bool:
    return (
        _is_text_key(key)
        or len(value) > _LONGEST_FACT
        or "\n" in value.strip()
        or has_markup(value)
    )


def _is_cell(key: str, value: object) -> bool:
    if isinstance(value, str):
        return not _is_text(key, value) and len(value) <= _LONGEST_CELL
    return not isinstance(value, Mapping | list)


def _format_value(value: object, note: NotePiece | None = None, depth: int = 0) -> str:
    """Write a value on one line. note: called with the links in it, where there are any."""
    if value is None or isinstance(value, bool):
        return "" if value is None else str(value).lower()
    if isinstance(value, Mapping | list) and depth > MOST_NESTED_VALUES:
        return "…"  # what lies deeper is cut off, for all to see
    if isinstance(value, Mapping):
        return "; ".join(_format_pairs(value, note, depth))
    if isinstance(value, list):
        texts = [_format_value(item, note, depth + 1) for item in value[:_MOST_LISTED]]
        more = [f"and {len(value) - _MOST_LISTED:,} more"] if len(value) > _MOST_LISTED else []
        return ", ".join(filter(None, [*texts, *more]))
    return " ".join(read_markup_line(str(value), note).split())


def _format_pairs(record: JsonRecord, note: NotePiece | None, depth: int) -> Iterator[str]:
    for name, item in record.items():
        if text := _format_value(item, note, depth + 1):
            yield f"{name}: {text}"
