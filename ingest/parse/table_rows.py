"""Find the header of a table, and whether its rows are questions with answers."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from indexes.text.numerals import NUMERALS
from indexes.text.scripts import HAN
from ingest.parse.document_builder import LONGEST_HEADING, DocumentBuilder
from ingest.parse.text_cleaning import clean_text, join_wrapped_lines

TableRow = Sequence[str]

LONGEST_LABEL = 80  # characters of a column's name
LONGEST_REPEATED_CELL = 100  # characters of a cell that is said again in each row it spans
# Characters of another column's value that is worth saying beside an answer.
LONGEST_EXTRA_CELL = 120
MOST_TITLE_ROWS = 8  # above a table
PAIR = 2  # cells of a row that holds a name and its value
HEADER_SAMPLE = 50  # rows looked at to tell a header from data

_QUESTIONS = (
    "question questions q query faq prompt 问题 问 提问 常见问题 标准问题 标准问 问句 問題 常見問題"
    " 提問"
)
_ANSWERS = (
    "answer answers a response reply solution 答案 答 回答 回复 答复 解答 标准答案 解决方案"
    " 解决办法 处理方式 處理方式 回覆 答覆 解決方案 标准回答 标准答复 答案内容 回复内容"
)
# Other words for the same question: they help to find it, and answer nothing.
_SIMILAR = (
    "similar questions|similar question|similar|alternative questions|alternative question"
    "|alternate questions|other questions|question variants|variants|variations|paraphrases"
    "|utterances|相似问题|相似问|相似问法|相似提问|类似问题|扩展问|扩展问题|扩展问法|同义问|同义问题|同义问法"
    "|其他问法|其它问法|问法|问题变体|相似問題|類似問題|擴展問題"
)
_QUESTION_COLUMNS = frozenset(_QUESTIONS.split())
_ANSWER_COLUMNS = frozenset(_ANSWERS.split())
_SIMILAR_COLUMNS = frozenset(_SIMILAR.split("|"))
_SIMILAR_MARKS = re.compile(r"\n|\||；|;|##|\t|(?<=[?？])")
_TOPICS = (
    "topic topics category categories section group area theme subject tag tags 分类 类别 类目 主题"
    " 板块 模块 标签 分類 類別 主題"
)
_TOPIC_COLUMNS = frozenset(_TOPICS.split())
_COUNT = re.compile(
    rf"[-+(]?(?:[$€£¥￥]|[A-Z]{{3}} )?\s?[\d{NUMERALS}][\d{NUMERALS}.,:/\s-]*\)?"
    r"(?P<unit>\s?[^\W\d]{0,9}|\s?[%€$£¥])"
)
_HAN_END = re.compile(f"[{HAN}][:： ]*$")
_YEAR_LABEL = re.compile(r"(?:19|20)\d\d(?:[-/](?:Q[1-4]|\d{1,4}))?\s?年?", re.IGNORECASE)
_NUMERIC_CELL = re.compile(r"[-+(]?[$€£¥￥]?\s?\d[\d.,:/\s%-]*\)?(?:\s?[A-Za-z%€$]{1,4})?")


def write_table(
    builder: DocumentBuilder, rows: Iterable[TableRow], *, header: TableRow | None = None
) -> None:
    """Write a table: one FAQ entry a row where it has questions and answers, else one line a row.

    header: its header row; None where the format does not say and it is to be guessed.
    """
    body: Iterator[TableRow] = filter(any, rows)
    if header is None:
        sample = list(islice(body, HEADER_SAMPLE))
        header = find_header(sample)
        body = chain(sample[1:] if header else sample, body)
    columns = find_faq_columns(header)
    if columns is None:
        builder.add_table(header, body if any(header) else _join_pairs(body))
        return
    level = builder.next_level
    for row in body:
        if label := _read_topic_row(header, row, columns):
            builder.add_heading(level, label, asks=False)
        else:
            _write_faq_row(builder, header, row, columns)
    builder.close_sections(level)


def find_header(sample: Sequence[TableRow]) -> TableRow:
    """Return the first of a table's rows if it names the columns, else nothing.

    >>> find_header([["Plan", "Price"], ["Basic", "9"]]), find_header([["Fax", "none"], ["a", "b"]])
    (['Plan', 'Price'], [])
    """
    rows = [[join_wrapped_lines(clean_text(cell)) for cell in row] for row in sample]
    header = guess_header(rows)
    return [] if _are_pairs(header, sample[1:]) else header


def is_numeric_cell(cell: str) -> bool:
    """Tell whether a cell is a number, with its currency or unit.

    >>> is_numeric_cell("9.50 EUR"), is_numeric_cell("Price")
    (True, False)
    """
    return bool(_NUMERIC_CELL.fullmatch(cell.strip()))


def is_label(cell: str) -> bool:
    """Tell whether a cell may name a column: it is short, and no number but a year.

    >>> is_label("Revenue"), is_label("2024"), is_label("9.50")
    (True, True, False)
    """
    words = cell.strip()
    return len(words) <= LONGEST_LABEL and (
        bool(_YEAR_LABEL.fullmatch(words)) or not _NUMERIC_CELL.fullmatch(words)
    )


def _are_pairs(header: TableRow, rows: Sequence[TableRow]) -> bool:
    """Tell whether what reads like a header of two columns is but the first name with its value.

    It names columns where most cells below one of them are numbers of one unit.
    """
    if len(header) != PAIR or find_faq_columns(header) is not None:
        return False
    for n in range(PAIR):
        cells = [row[n].strip() for row in rows if n < len(row) and row[n].strip()]
        units = [match["unit"].strip() for match in map(_COUNT.fullmatch, cells) if match]
        if units and 2 * len(units) >= len(cells) and len(set(units)) == 1:
            return False
    return True


def _join_pairs(rows: Iterable[TableRow]) -> Iterator[TableRow]:
    """Write rows of two cells, a name and its value, so that no row reads like a header."""
    for row in rows:
        name, value = (cell.strip() for cell in row) if len(row) == PAIR else ("", "")
        if not (name and value):
            yield row
            continue
        mark = "：" if _HAN_END.search(name) else ": "
        yield [f"{name.rstrip(':： ')}{mark}{value}"]


def _read_topic_row(header: TableRow, row: TableRow, columns: tuple[int, int]) -> str:
    """Return the only cell of a row that is the topic of the questions below it."""
    used = [n for n, cell in enumerate(row) if cell.strip()]
    if len(used) != 1 or used[0] in columns:
        return ""
    name = _normalize_name(header[used[0]]) if used[0] < len(header) else ""
    leads = name in _TOPIC_COLUMNS or (used[0] == 0 and not is_similar_column(name))
    return row[used[0]].strip() if leads else ""


def _write_faq_row(
    builder: DocumentBuilder, header: TableRow, row: TableRow, columns: tuple[int, int]
) -> None:
    """Write one question. Its topic leads it; what else the row says follows the answer."""
    question, answer = (row[column] if column < len(row) else "" for column in columns)
    names = [_normalize_name(name) for name in header]
    others = [
        (n, name, value)
        for n, (name, value) in enumerate(zip(header, row, strict=False))
        if n not in columns and value.strip()
    ]
    level = builder.next_level
    for n, _, value in others:
        if names[n] in _TOPIC_COLUMNS and len(value) <= LONGEST_EXTRA_CELL:
            builder.add_heading(builder.next_level, value, visible=False)
    similar = [
        words
        for n, _, value in others
        if is_similar_column(names[n])
        for words in split_similar_questions(value)
    ]
    if similar and not question:
        question = similar.pop(0)
    rest = [
        f"{name}: {value}" if name else value
        for n, name, value in others
        if not is_similar_column(names[n])
        and not (names[n] in _TOPIC_COLUMNS and len(value) <= LONGEST_EXTRA_CELL)
        and (name or not value.strip().isdecimal())  # without a name, it counts the rows
    ]
    short = [join_wrapped_lines(text) for text in rest if len(text) <= LONGEST_EXTRA_CELL]
    if not (question or answer or similar or rest):  # topics of nothing
        builder.close_sections(level)
        builder.add_paragraph(", ".join(value for _, _, value in others))
    elif question and answer:
        builder.add_faq_entry(question, "\n".join([answer, *short]), similar=similar)
    else:
        builder.add_paragraph("\n".join([question or answer, *similar, *short]))
    for text in rest:
        if len(text) > LONGEST_EXTRA_CELL:
            if 0 < len(question) <= LONGEST_HEADING:
                builder.add_heading(builder.next_level, question, visible=False)
            builder.add_paragraph(text)
    builder.close_sections(level)


def is_similar_column(name: str) -> bool:
    """Tell whether a column holds more questions: they may be counted ("similar question 2")."""
    return name.rstrip("0123456789_ ") in _SIMILAR_COLUMNS


def split_similar_questions(cell: str) -> list[str]:
    """Split a cell of similar questions.

    >>> split_similar_questions("How long?|Since when?Until when?")
    ['How long?', 'Since when?', 'Until when?']
    """
    return [words for part in _SIMILAR_MARKS.split(cell) if (words := part.strip(" -•·"))]


def _normalize_name(name: str) -> str:
    """Return a column's name in small letters, without what stands in brackets behind it.

    >>> _normalize_name("Question (required): "), _normalize_name("问题（必填）")
    ('question', '问题')
    """
    words = name.strip().lower().strip(":：* ").replace("_", " ")
    if words.endswith((")", "）")):
        words = words[: max(words.rfind("("), words.rfind("（"), 0)] or words
    return words.strip(":：* ")


def merge_header_rows(heads: Sequence[TableRow]) -> list[str]:
    """Join header rows column by column, each text once.

    >>> merge_header_rows([["Plan", "Revenue"], ["", "2024"]])
    ['Plan', 'Revenue 2024']
    """
    header = []
    for n in range(max(map(len, heads))):
        column = [row[n] for row in heads if n < len(row) and row[n]]
        header.append(" ".join(dict.fromkeys(column)))
    return header


def show_names_once(header: TableRow) -> list[str]:
    """Return a single header row in which a name that spans columns stands in the first alone.

    >>> show_names_once(["Plan", "Price", "Price"])
    ['Plan', 'Price', '']
    """
    return [name if not n or name != header[n - 1] else "" for n, name in enumerate(header)]


def guess_merged_header(rows: Sequence[TableRow]) -> TableRow | None:
    """Return the first row as a header in which names that span columns stand once, if it is one.

    >>> guess_merged_header([["Plan", "Price", "Price"], ["Pro", "€9", "€90"]])
    ['Plan', 'Price', '']
    >>> guess_merged_header([["Plan", "Price"], ["Pro", "€9"]])
    """
    names = show_names_once(rows[0]) if rows else []
    merged = any(rows) and names != list(rows[0])
    return names if merged and guess_header([names, *rows[1:HEADER_SAMPLE]]) else None


def find_faq_columns(header: TableRow) -> tuple[int, int] | None:
    """Find the columns of questions and answers by their names, in English or Chinese.

    >>> find_faq_columns(["ID", "Question", "Answer"]), find_faq_columns(["Plan", "Price"])
    ((1, 2), None)
    """
    names = [_normalize_name(name) for name in header]
    question = next((n for n, name in enumerate(names) if name in _QUESTION_COLUMNS), None)
    answer = next((n for n, name in enumerate(names) if name in _ANSWER_COLUMNS), None)
    return None if question is None or answer is None else (question, answer)


def count_title_rows(rows: Sequence[TableRow]) -> int:
    """Count the rows above a table that say what it is, blank ones included.

    They have at most half as many cells as the table, or fewer and a blank row below them. rows:
    the first ones of a sheet. 0 where what follows does not read like a header.

    >>> count_title_rows([["Rates 2026"], ["Zone", "Price"], ["A", "9.90"]])
    1
    >>> count_title_rows([["Zone", "Price"], ["A", "9.90"]]), count_title_rows([["a"], ["b"]])
    (0, 0)
    """
    counts = [sum(bool(cell.strip()) for cell in row) for row in rows]
    widest = max(counts, default=0)
    if widest < 2:  # noqa: PLR2004 (one column is no table)
        return 0
    full = counts.index(widest)
    blank = max((n for n in range(min(full, MOST_TITLE_ROWS)) if not counts[n]), default=-1)
    sparse = next(n for n, count in enumerate(counts) if count > widest // 2)
    titles = max(blank + 1, sparse)
    return titles if titles <= MOST_TITLE_ROWS and guess_header(rows[titles:]) else 0


def guess_header(rows: Sequence[TableRow]) -> TableRow:
    """Return the first row if it reads like a header, else nothing.

    Its cells are short, distinct and no numbers, and the rows below have them all filled or
    hold numbers, or it names questions and answers.

    >>> guess_header([["Plan", "Price"], ["Basic", "9"]]), guess_header([["1", "2"], ["3", "4"]])
    (['Plan', 'Price'], [])
    >>> guess_header([["Shop", "2024", "2025"], ["Kiel", "120", "140"]])
    ['Shop', '2024', '2025']
    """
    if not rows:
        return []
    first = [cell.strip() for cell in rows[0]]
    labels = [cell for cell in first if cell]
    fits = (
        len(labels) == len(set(labels))
        and all(len(cell) <= LONGEST_LABEL for cell in labels)
        and all(
            not _NUMERIC_CELL.fullmatch(cell) or _names_year(rows, n)
            for n, cell in enumerate(first)
            if cell
        )
        and len(labels) >= max(2, len(first) - 1)
        and len(rows) > 1
    )
    return rows[0] if fits or find_faq_columns(first) else []


def _names_year(rows: Sequence[TableRow], n: int) -> bool:
    """Tell whether a column's first cell is a year over numbers that are none."""
    first = rows[0]
    below = [row[n].strip() for row in rows[1:] if n < len(row) and row[n].strip()]
    return (
        bool(_YEAR_LABEL.fullmatch(first[n].strip()))
        and not all(_NUMERIC_CELL.fullmatch(cell.strip()) for cell in first if cell.strip())
        and bool(below)
        and all(_NUMERIC_CELL.fullmatch(cell) for cell in below)
        and not any(map(_YEAR_LABEL.fullmatch, below))
    )
