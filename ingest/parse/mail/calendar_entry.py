"""Parse invitations and other calendar entries (iCalendar): what, when, where, who."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import PurePosixPath

from ingest.document import Document
from ingest.parse import plain_text, text_encoding
from ingest.parse.document_builder import DocumentBuilder

CALENDAR_TYPE = "text/calendar"

_ENTRIES = frozenset({"VEVENT", "VTODO", "VJOURNAL"})
_DATES = {"DTSTART": "Begins", "DTEND": "Ends", "DUE": "Due"}
_WORDS = {"LOCATION": "Where", "ORGANIZER": "Organizer", "STATUS": "Status"}
_ESCAPES = {"n": "\n", "N": "\n", ",": ",", ";": ";", "\\": "\\"}
_MOST_ENTRIES = 20_000
_MOST_GUESTS = 50
_LINK_LABEL = "Link"

CalendarFields = dict[str, list[tuple[str, str]]]
"""The fields of an entry: by name, their parameters and their values."""


def parse(body: bytes, uri: str) -> Document:
    """Read a calendar, an entry after the other. Raises Unreadable when it says nothing."""
    builder = DocumentBuilder()
    text = text_encoding.decode_text(body)
    title = write_calendar(text, builder) or PurePosixPath(uri).stem
    document = builder.build_document(title=title, media_type=CALENDAR_TYPE)
    return replace(document, notes=_describe_unread(text))


def _describe_unread(text: str) -> tuple[str, ...]:
    begins = sum(text.count(f"BEGIN:{name}") for name in _ENTRIES)
    count = sum(1 for _ in _read_entries(text)) if begins > _MOST_ENTRIES else 0
    unread = count - _MOST_ENTRIES
    if unread <= 0:
        return ()
    words = "1 calendar entry was" if unread == 1 else f"{unread:,} calendar entries were"
    return (f"{words} not read: beyond the first {_MOST_ENTRIES:,}",)


def write_calendar(text: str, builder: DocumentBuilder) -> str:
    """Write the entries of a calendar; return the name of the first."""
    level = builder.next_level
    first = ""
    for number, fields in enumerate(_read_entries(text)):
        if number >= _MOST_ENTRIES:
            break
        builder.close_sections(level)
        summary = _read_value(fields, "SUMMARY")
        first = first or summary
        builder.add_heading(level, summary, asks=False)
        builder.add_paragraph("\n".join(_describe_entry(fields)))
        if address := " ".join(_read_value(fields, "URL").split()):
            line = f"{_LINK_LABEL}: {address}"
            builder.note_links(line, [(len(_LINK_LABEL) + 2, len(line), address)])
            builder.add_paragraph(line)
        plain_text.write_plain_text(_read_value(fields, "DESCRIPTION"), builder)
    builder.close_sections(level)
    return first


def _describe_entry(fields: CalendarFields) -> Iterator[str]:
    for name, label in _DATES.items():
        for parameters, value in fields.get(name, [])[:1]:
            yield f"{label}: {_format_moment(value, parameters)}"
    if rule := _read_value(fields, "RRULE"):
        yield f"Repeats: {rule.replace(';', ', ').replace('=', ' ').lower()}"
    for name, label in _WORDS.items():
        for parameters, value in fields.get(name, [])[:1]:
            if words := _name_person(parameters, value) if name == "ORGANIZER" else value:
                yield f"{label}: {words}"
    guests = [_name_person(*guest) for guest in fields.get("ATTENDEE", [])]
    if guests:
        more = f" and {len(guests) - _MOST_GUESTS} more" if len(guests) > _MOST_GUESTS else ""
        yield f"Invited: {', '.join(guests[:_MOST_GUESTS])}{more}"


def _read_entries(text: str) -> Iterator[CalendarFields]:
    """Yield the fields of each entry; those of alarms and time zones within are left out."""
    fields: CalendarFields | None = None
    inner = 0
    for name, parameters, value in _read_lines(text):
        if name == "BEGIN" and value.upper() in _ENTRIES and fields is None:
            fields = {}
        elif fields is None:
            continue
        elif name == "BEGIN":
            inner += 1
        elif name == "END" and inner:
            inner -= 1
        elif name == "END":
            yield fields
            fields = None
        elif not inner:
            fields.setdefault(name, []).append((parameters, _unescape(value)))


def _read_lines(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, parameters and value of each line; a line that is indented goes on the last."""
    whole: list[str] = []
    for line in [*text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), "END:"]:
        if line[:1] in {" ", "\t"}:
            whole.append(line[1:])
            continue
        if whole:
            yield _split_line("".join(whole))
        whole = [line]


def _split_line(line: str) -> tuple[str, str, str]:
    """Split at the first colon outside of quotes."""
    quoted = False
    for at, letter in enumerate(line):
        if letter == '"':
            quoted = not quoted
        elif letter == ":" and not quoted:
            name, _, parameters = line[:at].partition(";")
            return name.upper().rpartition(".")[2], parameters, line[at + 1 :]
    return "", "", ""


def _unescape(value: str) -> str:
    parts = value.split("\\")
    words = [parts[0]]
    escaped = True
    for part in parts[1:]:
        if not escaped:
            words.append(part)
            escaped = True
        elif not part:
            words.append("\\")  # two of them: the next part is as it stands
            escaped = False
        else:
            words.append(_ESCAPES.get(part[0], part[0]) + part[1:])
    return "".join(words)


def _read_value(fields: CalendarFields, name: str) -> str:
    values = fields.get(name, [])
    return values[0][1].strip() if values else ""


def _name_person(parameters: str, value: str) -> str:
    """Return the name of a person, and the address."""
    address = value.partition(":")[2] if value.lower().startswith("mailto:") else value
    for parameter in parameters.split(";"):
        key, _, name = parameter.partition("=")
        if key.upper() == "CN" and (name := name.strip('" ')):
            return f"{name} <{address}>" if address else name
    return address


def _format_moment(value: str, parameters: str) -> str:
    """Write a moment as people do, with its time zone; a text of another form as it stands."""
    zone = next((p[5:] for p in parameters.split(";") if p.upper().startswith("TZID=")), "")
    digits = value.strip()
    try:
        if len(digits) == 8:  # noqa: PLR2004
            day = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
            return f"{day:%A}, {day.isoformat()}"
        moment = datetime.strptime(digits.removesuffix("Z"), "%Y%m%dT%H%M%S")  # noqa: DTZ007
    except ValueError:
        return value
    name = "UTC" if digits.endswith("Z") else zone.strip('"')
    return " ".join(filter(None, [f"{moment:%A}, {moment:%Y-%m-%d %H:%M}", name]))
