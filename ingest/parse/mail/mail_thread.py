"""Write the text of a mail with what it quotes or forwards: each under who wrote it, and once.

An answer quotes what it answers, a forwarded mail stands below a line or two: the words below may
be all there is of them. So they are kept, without the marks of quoting, under a heading that says
whose they are; what the same mail quotes again is left out.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ingest.parse import plain_text
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.plain_text import count_columns

# What stands between dashes above a mail that is quoted or forwarded.
_RULE_WORDS = (
    "original message|forwarded message|begin forwarded message|original appointment"
    "|原始邮件|原始邮件信息|转发的邮件|转发邮件|转发邮件信息|原邮件|邮件原件|原始郵件|轉寄郵件"
    "|ursprüngliche nachricht|weitergeleitete nachricht|message d'origine|message transféré"
    "|mensaje original|mensaje reenviado"
)
_SENDER_WORDS = "from|发件人|寄件者|寄件人|von|de"
_SUBJECT_WORDS = "subject|主题|主旨|betreff|objet|asunto"
_DATE_WORDS = "sent|date|发送时间|日期|时间|发件时间|寄件日期|gesendet|datum|envoyé|enviado"
_OTHER_WORDS = "to|cc|importance|reply-to|when|where|收件人|抄送|收件者|副本|an|à|para"
_RULES = frozenset(_RULE_WORDS.split("|"))
_SENDERS = frozenset(_SENDER_WORDS.split("|"))
_SUBJECTS = frozenset(_SUBJECT_WORDS.split("|"))
_DATES = frozenset(_DATE_WORDS.split("|"))
_FIELDS = _SENDERS | _SUBJECTS | _DATES | frozenset(_OTHER_WORDS.split("|"))
_WROTE = ("wrote:", "写道：", "写道:", "寫道：", "寫道:", "schrieb:", "a écrit :", "escribió:")
_WROTE_STARTS = ("on ", "在", "于", "於", "am ", "le ", "el ")
_LONGEST_ATTRIBUTION = 300
_LONGEST_SHORTENED = 5  # characters of a shortened word with its full stop, as in "Sept."
_LONGEST_QUESTION = 400  # characters of a quoted question that is answered right below
_LEAST_REPEATED = 20  # columns, Han take two; shorter lines, as "Thanks", may be written again
_MOST_HEADER_LINES = 12
_MOST_MARKS = 20
OUTLOOK_RULE = "_" * 32  # above the header of a mail that is quoted


class EarlierLines:
    """The lines of the mails in a mail, whatever their blanks and capitals; no short ones.

    What one mail says twice it means twice, unless it is quoted deeper the second time, or comes
    twice in a row.
    """

    def __init__(self) -> None:
        self._keys = set[str]()
        self._depths: dict[str, int] = {}  # the least of a line, in the mail that is read
        self._last = ""

    def repeats(self, line: str, depth: int) -> bool:
        """Tell whether an earlier mail said a line, or this one did where it is quoted less."""
        key = _squeeze_line(line)
        if key in self._keys or self._depths.get(key, depth) < depth:
            return True
        return key == self._last and key in self._depths

    def note(self, lines: Iterable[str], depth: int) -> None:
        """Add lines of the mail that is read, unless they are so short that they may come again."""
        for key in filter(None, map(_squeeze_line, lines)):
            self._last = key
            if count_columns(key) >= _LEAST_REPEATED:
                self._depths[key] = min(self._depths.get(key, depth), depth)

    def end_mail(self) -> None:
        """Take the lines of the mail that is read for those of an earlier one."""
        self._keys.update(self._depths)
        self._depths.clear()


def _squeeze_line(line: str) -> str:
    return "".join(line.split()).casefold()


@dataclass(slots=True)
class _Quotation:
    """A mail within the text: a heading for it, and its lines with their depth of quoting."""

    heading: str = ""
    lines: list[tuple[int, str]] = field(default_factory=list)


def write_mail_text(text: str, builder: DocumentBuilder) -> None:
    """Write a mail's plain text: its own words, then what it quotes or forwards."""
    earlier = EarlierLines()
    level = builder.next_level
    for quotation in _split_quotations(text.replace("\r\n", "\n").replace("\r", "\n")):
        builder.close_sections(level)
        runs = [
            (depth > 0, _drop_repeated(run, depth, earlier))
            for depth, run in _iter_runs(quotation.lines)
        ]
        earlier.end_mail()
        _write_runs(quotation.heading, runs, builder)


def _write_runs(heading: str, runs: Sequence[tuple[bool, str]], builder: DocumentBuilder) -> None:
    """Write a mail in a mail below its heading; a quoted question answered below is an FAQ entry.

    Own words below what they quote are no words of who is quoted, and stand below no heading.
    """
    level = builder.next_level
    question = ""
    quotes = any(is_quoted for is_quoted, _ in runs)
    is_below = False  # its heading
    for is_quoted, run in runs:
        words = run
        is_own = quotes and not is_quoted
        if is_own and is_below:
            builder.close_sections(level)
            is_below = False
        if question and not is_quoted and not words.startswith("--"):  # a signature
            answer, _, rest = words.partition("\n\n")
            builder.add_faq_entry(question, answer)
            words, question = rest, ""
        elif question:
            builder.add_paragraph(question)
            question = ""
        if heading and words and not is_own and not is_below:
            builder.add_heading(level, heading, asks=False)
            is_below = True
        if is_quoted and asks_last(words):
            before, _, question = words.rpartition("\n\n")
            words = before
        plain_text.write_plain_text(words, builder)
    builder.add_paragraph(question)


def asks_last(words: str) -> bool:
    """Tell whether the last paragraph of a text is a question, as one that is answered below."""
    last = words.rpartition("\n\n")[2].strip()
    return last.endswith(("?", "？")) and len(last) <= _LONGEST_QUESTION


def _drop_repeated(words: str, depth: int, earlier: EarlierLines) -> str:
    """Leave out the lines that were said before, and note the others."""
    kept: list[str] = []
    for line in words.split("\n"):
        if not earlier.repeats(line, depth):
            kept.append(line)
            earlier.note([line], depth)
    return "\n".join(kept).strip("\n")


def _iter_runs(lines: Sequence[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield neighbouring lines of one depth of quoting, as one text; blank lines end none."""
    run: list[str] = []
    depth = 0
    for line_depth, line in lines:
        if line.strip() and line_depth != depth:
            if any(map(str.strip, run)):
                yield depth, "\n".join(run)
            run, depth = [], line_depth
        run.append(line)
    if any(map(str.strip, run)):
        yield depth, "\n".join(run)


def _split_quotations(text: str) -> Iterator[_Quotation]:
    """Split a text where another mail begins in it."""
    lines = [_strip_marks(line) for line in text.split("\n")]
    current = _Quotation()
    at = 0
    while at < len(lines):
        heading, size = read_beginning(lines, at)
        if size:
            yield current
            current = _Quotation(heading=heading)
            at += size
        else:
            current.lines.append(lines[at])
            at += 1
    yield current


def _strip_marks(line: str) -> tuple[int, str]:
    """Return how deep a line is quoted, and the line without the marks of it."""
    depth = 0
    rest = line
    while depth < _MOST_MARKS and rest.lstrip(" \t\xa0").startswith(">"):
        rest = rest.lstrip(" \t\xa0")[1:]
        depth += 1
    return depth, rest.removeprefix(" ") if depth else rest


def read_beginning(lines: Sequence[tuple[int, str]], at: int) -> tuple[str, int]:
    """Return the heading of a mail that begins at a line, and how many lines say so; else 0."""
    line = lines[at][1].strip()
    if not line:
        return "", 0
    size = 0
    if _is_rule(line):
        size = 1
        while at + size < len(lines) and size < 4 and not lines[at + size][1].strip():  # noqa: PLR2004
            size += 1
    heading, field_count = _read_header(lines, at + size, is_announced=size > 0)
    if field_count:
        return heading, size + field_count
    if size and not set(line) <= {"_", "-"}:
        return line.strip("-—_=*: "), size
    return _read_attribution(lines, at)


def _is_rule(line: str) -> bool:
    """Tell whether a line says that another mail follows, or is a rule of Outlook's above one."""
    if set(line) <= {"_"} and len(line) >= 10:  # noqa: PLR2004
        return True
    words = " ".join(line.strip("-—_=*:： ").split()).casefold()
    return words in _RULES and (line[0] in "-—_=*" or line.endswith((":", "：")))


def _read_header(
    lines: Sequence[tuple[int, str]], at: int, *, is_announced: bool
) -> tuple[str, int]:
    """Read the fields of a quoted mail (From, Sent, To, Subject), and write its heading.

    is_announced: a rule stands above. Without one, hours or a journey may be written so: a mail is
    told by its sender's address, or by a name and a subject.
    """
    values: dict[str, str] = {}
    size = 0
    for _, line in lines[at : at + _MOST_HEADER_LINES]:
        name, value = _read_field(line)
        if not name or name in values:
            break
        values[name] = value
        size += 1
    if not any(name in _SENDERS for name in values) or len(values) < 2:  # noqa: PLR2004
        return "", 0
    sender = next(value for name, value in values.items() if name in _SENDERS)
    dates = [value for name, value in values.items() if name in _DATES]
    subjects = [value for name, value in values.items() if name in _SUBJECTS]
    is_named = any(map(str.isalpha, sender))
    if "@" not in sender and not (is_named and (is_announced or subjects)):
        return "", 0
    return ", ".join(filter(None, [*subjects[:1], sender, *dates[:1]])), size


def _read_field(line: str) -> tuple[str, str]:
    """Return the name of a header's field in small letters and its value; none for other lines."""
    name, colon, value = line.strip().replace("：", ":", 1).partition(":")
    name = name.strip("* \xa0").casefold()
    return (name, value.strip("* \xa0")) if colon and name in _FIELDS else ("", "")


def continues_header(line: str, following: str) -> bool:
    """Tell whether both of two lines are fields of a header, as of a mail that is quoted.

    >>> continues_header("From: Ann", "Sent: Monday"), continues_header("From: Ann", "Hello.")
    (True, False)
    """
    return bool(_read_field(line)[0] and _read_field(following)[0])


def _read_attribution(lines: Sequence[tuple[int, str]], at: int) -> tuple[str, int]:
    """Read a line such as "On Monday, Ann wrote:", which may be wrapped but is one sentence."""
    first = lines[at][1].strip()
    names_sender = "@" in first and ("<" in first or first.casefold().endswith(_WROTE))
    if not (names_sender or first.casefold().startswith(_WROTE_STARTS)):
        return "", 0
    joined = ""
    for size in range(1, 4):
        if at + size > len(lines) or not lines[at + size - 1][1].strip():
            break
        joined = f"{joined} {lines[at + size - 1][1].strip()}".strip()
        if len(joined) > _LONGEST_ATTRIBUTION:
            break
        if joined.casefold().endswith(_WROTE):
            return joined.rstrip(":： "), size
        if _ends_sentence(joined):
            break
    return "", 0


def _ends_sentence(words: str) -> bool:
    """Tell whether a line ends a sentence; "a.m.", "2." or "Nov." may stand within a date."""
    last = words.rpartition(" ")[2]
    if last.endswith("."):
        return last.count(".") == 1 and len(last) > _LONGEST_SHORTENED
    return last.endswith(("!", "?", ":", "。", "！", "？", "："))
