"""Read past tickets, as help desks export them: a customer's question, and the answer to it.

CSV and JSONL with one ticket a row (``question, answer``, or ``subject, description, reply``), and
Zendesk's JSON export of tickets, one a line or in a list, with their comments.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from indexes.text.scripts import HAN
from ragdesk.errors import Invalid

QUESTION_COLUMNS: Final = ("question", "description", "body", "message", "问题", "描述", "客户问题")
SUBJECT_COLUMNS: Final = ("subject", "title", "标题", "主题")
ANSWER_COLUMNS: Final = (
    *("answer", "reply", "resolution", "response", "agent_reply", "first_reply"),
    *("答案", "回复", "解决方案", "客服回复"),
)
LONGEST_TICKET: Final = 8_000  # characters of a question or an answer that are read
NO_TEXTS: Final = "no question or no answer"
SHORTEST_REPLY: Final = 20  # characters; "Done." answers nobody else
_SIGNATURE: Final = re.compile(
    r"(?:\n-- ?\n|\n(?:best|kind|warm)? ?regards\b|\n此致|\n祝好|\n顺祝).*",
    re.IGNORECASE | re.DOTALL,
)
_CHINESE_REPLY: Final = re.compile(f"[{HAN}]{{8}}")  # long enough to say something
_GREETING: Final = re.compile(
    r"^\s*(?:(?:hi|hello|dear|hey)\b[^\n]{0,60}\n|(?:您好|你好|亲)[^\n]{0,30}[,，!！。~～]\s*)+",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A ticket that was answered. number: as the export names it, else the line it stands on."""

    number: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketImport:
    """The tickets of an export, and how many rows were left out, by reason."""

    tickets: tuple[Ticket, ...]
    left_out: Mapping[str, int]


def read_tickets(file: Path) -> TicketImport:
    """Read an export. Raises Invalid, naming what is wrong, for a file that is none."""
    try:
        rows = list(_read_rows(file))
    except (UnicodeDecodeError, csv.Error, json.JSONDecodeError, RecursionError) as error:
        raise Invalid(
            f"{file.name} is no export of tickets: {error}. CSV or JSONL with the columns question "
            "and answer is read, and Zendesk's JSON."
        ) from error
    tickets: list[Ticket] = []
    left_out: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        ticket, reason = _read_ticket(row, str(number))
        if ticket is None:
            left_out[reason] = left_out.get(reason, 0) + 1
        else:
            tickets.append(ticket)
    if not tickets and set(left_out) <= {NO_TEXTS}:
        columns = ", ".join(sorted(map(str, rows[0]))[:10]) if rows else "no row at all"
        raise Invalid(
            f"{file.name} has no columns of a question and an answer. Name them question and "
            f"answer. It has: {columns}."
        )
    return TicketImport(tickets=tuple(tickets), left_out=left_out)


def clean_reply(text: str) -> str:
    r"""Return an agent's reply without its greeting and its signature.

    >>> clean_reply("Hi Anna,\nparcels to Malta take 5 days.\n\nBest regards\nTom")
    'parcels to Malta take 5 days.'
    """
    return _SIGNATURE.sub("", _GREETING.sub("", text)).strip()


def _read_rows(file: Path) -> Iterator[Mapping[str, Any]]:
    text = file.read_text(encoding="utf-8-sig")
    if file.suffix.lower() in {".json", ".jsonl", ".ndjson"}:
        yield from _read_json_rows(text)
    else:
        head = text.partition("\n")[0]
        delimiter = max(",;\t", key=head.count)  # ties go to the comma
        yield from csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)


def _read_json_rows(text: str) -> Iterator[Mapping[str, Any]]:
    try:
        whole = json.loads(text)
    except json.JSONDecodeError:
        whole = [json.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(whole, Mapping):
        whole = whole.get("tickets", [whole])
    for row in whole if isinstance(whole, list) else ():
        if isinstance(row, Mapping):
            yield row


def _read_ticket(row: Mapping[str, Any], number: str) -> tuple[Ticket | None, str]:
    names = {str(name).strip().lower(): value for name, value in row.items() if name is not None}
    comments = names.get("comments")
    if isinstance(comments, Sequence) and not isinstance(comments, str):
        question, answer = _read_comments(names, comments)
    else:
        question = _join_subject(names, _first_text(names, QUESTION_COLUMNS))
        answer = _first_text(names, ANSWER_COLUMNS)
    question, answer = question.strip()[:LONGEST_TICKET], clean_reply(answer)[:LONGEST_TICKET]
    if not question or not answer:
        return None, NO_TEXTS
    if len(answer) < SHORTEST_REPLY and not _CHINESE_REPLY.search(answer):
        return None, "an answer too short to answer anybody else"
    own = names.get("id") or names.get("ticket_id") or names.get("编号") or number
    return Ticket(number=str(own), question=question, answer=answer), ""


def _read_comments(names: Mapping[str, Any], comments: Iterable[Any]) -> tuple[str, str]:
    """Read Zendesk's comments: the requester's first, and the last public one of another person."""
    requester = names.get("requester_id") or names.get("submitter_id")
    question, answer = str(names.get("description") or ""), ""
    for comment in comments:
        if not isinstance(comment, Mapping) or comment.get("public") is False:
            continue
        text = str(comment.get("plain_body") or comment.get("body") or "")
        if comment.get("author_id") == requester:
            question = question or text
        elif text.strip():
            answer = text
    return _join_subject(names, question), answer


def _join_subject(names: Mapping[str, Any], text: str) -> str:
    """Put the subject before a question that does not ask by itself."""
    subject = _first_text(names, SUBJECT_COLUMNS)
    if not subject or subject.lower() in text.lower():
        return text
    return f"{subject}\n{text}".strip()


def _first_text(names: Mapping[str, Any], columns: Iterable[str]) -> str:
    values = (names.get(column) for column in columns)
    return next((str(value) for value in values if value and str(value).strip()), "")
