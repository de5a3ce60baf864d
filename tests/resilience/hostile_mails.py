"""Hostile mails, mailboxes, Outlook messages and invitations: P10, continued.

    python -m tests.resilience.hostile_mails

Makes the files, takes them in as one folder in limited children, and writes what became of each,
how long the job took, and the peak memory of the whole process tree to tests/resilience/RESILIENCY.md.
"""

import base64
import io
import json
import struct
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from indexes.embedding.model_files import find_model
from ingest.job import IngestJob
from tests.fakes import HashEmbedder
from tests.lab.quality.corpora import run_watched
from tests.lab.results import write_section
from tests.mail_files import mail
from tests.outlook_files import Tree, message_tree, outlook_file
from tests.resilience.hostile_files import RESILIENCY

HEAD = b"From: Ann <ann@shop.example>\nSubject: Keys\nDate: Mon, 02 Mar 2026 09:00:00 +0100\n"
PLAIN = b"Content-Type: text/plain; charset=utf-8\n\n"
PLAIN_AFTER = b"\n" + PLAIN + b"Words.\n"
LARGE = 40  # times the size of what the journeys take in
_MIB = 1 << 20


def nested_parts(depth: int) -> bytes:
    """Put groups of parts into one another."""
    opened = (
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(depth)
    )
    closed = (b"--b%d--\n" % n for n in reversed(range(depth)))
    return HEAD + b"".join(opened) + PLAIN + b"Deep.\n" + b"".join(closed)


def nested_mails(depth: int) -> bytes:
    """Put mails into one another, each an attachment of the one around it."""
    return (HEAD + b"Content-Type: message/rfc822\n\n") * depth + HEAD + PLAIN + b"Deep.\n"


def nested_files(depth: int) -> bytes:
    """Attach mails to one another as files of bytes: each is a document of its own."""
    body = mail("Deep.").as_bytes()
    for _ in range(depth):
        body = mail("See below.", files={"inner.eml": body}).as_bytes()
    return body


def attached(name: str, body: bytes, *, encoding: str = "base64", head: bytes = b"") -> bytes:
    """Make a mail with one file."""
    written = base64.encodebytes(body) if encoding == "base64" else body
    return (
        HEAD
        + b'Content-Type: multipart/mixed; boundary="b"\n\n--b\n'
        + PLAIN
        + b"See the file.\n--b\n"
        + b'Content-Type: application/octet-stream; name="%s"\n' % name.encode()
        + b"Content-Disposition: attachment\nContent-Transfer-Encoding: %s\n" % encoding.encode()
        + head
        + b"\n"
        + written
        + b"\n--b--\n"
    )


@cache
def zip_bomb() -> bytes:
    """Pack 400 MB of a letter, named as a workbook."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"a" * 400_000_000)
    return file.getvalue()


def many_parts(count: int) -> bytes:
    """Attach thousands of small files to a mail."""
    part = b'--b\nContent-Type: text/plain; name="%d.txt"\n\nFile %d of the list.\n'
    parts = b"".join(part % (n, n) for n in range(count))
    return HEAD + b'Content-Type: multipart/mixed; boundary="b"\n\n' + parts + b"--b--\n"


def same_boundary(count: int) -> bytes:
    """Open groups of parts that all end at the same line."""
    group = b'--b\nContent-Type: multipart/mixed; boundary="b"\n\n'
    return HEAD + b'Content-Type: multipart/mixed; boundary="b"\n\n' + group * count


def deep_markup(levels: int) -> bytes:
    """Quote a mail's markup level by level, an answer in each."""
    opened = b"".join(
        b"<div>On Mon, Bo%d wrote:</div><blockquote><p>Answer %d of all.</p>" % (n, n)
        for n in range(levels)
    )
    return HEAD + b"Content-Type: text/html\n\n" + opened + b"</blockquote>" * levels


def markup(words: bytes) -> bytes:
    """Make a mail of markup alone."""
    return HEAD + b"Content-Type: text/html; charset=utf-8\n\n" + words


def self_holding() -> bytes:
    """Make an Outlook message whose attached message is the storage that holds it."""
    tree = message_tree("Loop", "Round.", messages=(message_tree("Inner", "x", header=24),))
    body = bytearray(outlook_file(tree))
    # The directory entry of the inner message takes the root's first child for its own.
    inner = body.find("__substg1.0_3701000D".encode("utf-16-le"))
    root = body.find("Root Entry".encode("utf-16-le"))
    body[inner + 76 : inner + 80] = body[root + 76 : root + 80]
    return bytes(body)


def chained(body: bytes, value: int) -> bytes:
    """Let every sector of a compound file be followed by one sector."""
    (first,) = struct.unpack_from("<I", body, 76)
    at = 512 * (first + 1)
    return body[:at] + struct.pack("<I", value) * 128 + body[at + 512 :]


def nested_messages(depth: int) -> bytes:
    """Attach Outlook messages to one another."""
    tree: Tree = message_tree("Inner", "Deep.", header=24)
    for _ in range(depth):
        tree = message_tree("Outer", "See below.", messages=(tree,), header=24)
    return outlook_file(tree)


def large_property(body: bytes, size: int) -> bytes:
    """Let the body of an Outlook message say that it is larger than its file."""
    changed = bytearray(body)
    at = body.find("__substg1.0_1000001F".encode("utf-16-le"))
    struct.pack_into("<Q", changed, at + 120, size)
    return bytes(changed)


def calendar(lines: bytes) -> bytes:
    """Make a calendar of lines."""
    return b"BEGIN:VCALENDAR\nVERSION:2.0\n" + lines + b"END:VCALENDAR\n"


OUTLOOK = message_tree("Keys", "At the porter's.")
ENTRY = b"BEGIN:VEVENT\nSUMMARY:Drill %d\nDTSTART:20260304T140000Z\nEND:VEVENT\n"


def make_mails(scale: int) -> dict[str, Callable[[], bytes]]:
    """Give the makers of all files, by name. scale: 1 for small ones, LARGE for what may hurt."""
    few, many, large = 20 * scale, 1_050 * scale, scale * _MIB // 16
    return {
        **_make_nested(50 * scale, few),
        **_make_lying(few, large),
        **_make_crowded(many),
        **_make_threads(many, large),
        **_make_mailboxes(many, large),
        **_make_messages(few, many),
        **_make_calendars(many, large),
    }


def _make_nested(depth: int, few: int) -> dict[str, Callable[[], bytes]]:
    return {
        "parts in parts.eml": lambda: nested_parts(max(depth, 101)),
        "mails in mails.eml": lambda: nested_mails(1_000),
        "files in files.eml": lambda: nested_files(9),
        "one boundary.eml": lambda: same_boundary(90),
        "no boundary.eml": lambda: HEAD + b"Content-Type: multipart/mixed\n\n--\nWords.\n",
        "empty boundary.eml": lambda: (
            HEAD + b'Content-Type: multipart/mixed; boundary=""\n\n--\nWords.\n'
        ),
        "alternatives.eml": lambda: (
            HEAD
            + b'Content-Type: multipart/alternative; boundary="b"\n\n'
            + b"--b\nContent-Type: text/html\n\n<p>x</p>\n" * 50 * few
            + b"--b--\n"
        ),
    }


def _make_lying(few: int, large: int) -> dict[str, Callable[[], bytes]]:
    typed = HEAD + b"Content-Type: text/plain"
    return {
        "long boundary.eml": lambda: (
            HEAD + b'Content-Type: multipart/mixed; boundary="' + b"b" * large + b'"\n\nWords.\n'
        ),
        "long header.eml": lambda: HEAD + b"X-A: " + b"word " * (large // 2) + PLAIN_AFTER,
        "long subject.eml": lambda: (
            b"From: a@b.example\nSubject: " + b"=?utf-8?q?a?= " * (large // 5) + PLAIN_AFTER
        ),
        "folded header.eml": lambda: (
            HEAD + b"To:" + b"\n a@b.example," * (large // 8) + PLAIN_AFTER
        ),
        "many headers.eml": lambda: HEAD + b"X-A: b\n" * (large // 4) + PLAIN_AFTER[1:],
        "many parameters.eml": lambda: typed + b"; a*1*=x" * (large // 20) + b"\n\nWords.\n",
        "lie of length.eml": lambda: (
            HEAD + b"Content-Length: 99999999999\nLines: 9999999" + PLAIN_AFTER
        ),
        "lie of charset.eml": lambda: typed + b"; charset=utf-16\n\n" + b"Words of bytes.\n" * few,
        "charset of a codec.eml": lambda: typed + b"; charset=zlib\n\n" + b"Words.\n" * few,
        "unknown charset.eml": lambda: typed + b"; charset=" + b"x" * 5_000 + b"\n\nWords.\n",
        "broken base64.eml": lambda: attached("a.txt", b"===" + b"!" * large, encoding="base64 "),
        "large base64.eml": lambda: attached("a.txt", b"far too large " * (large // 2)),
        "zeros in base64.eml": lambda: attached("zeros.txt", bytes(8 * large)),
        "bomb attached.eml": lambda: attached("fees.xlsx", zip_bomb()),
        "quoted printable.eml": lambda: attached(
            "a.txt", b"=3D" * large, encoding="quoted-printable"
        ),
        "uuencoded.eml": lambda: attached(
            "a.txt", b"begin 644 a\nM" + b"#" * large, encoding="x-uuencode"
        ),
        "climbing name.eml": lambda: attached("../../../../tmp/evil.txt", b"Climbing words."),
    }


def _make_crowded(many: int) -> dict[str, Callable[[], bytes]]:
    return {
        "thousands attached.eml": lambda: many_parts(many // 2),
    }


def _make_threads(many: int, large: int) -> dict[str, Callable[[], bytes]]:
    quote = b"<blockquote>A line of words that is said once more.</blockquote>"
    link = b'<p><a href="https://c.example">here it is</a></p>'
    return {
        "quotes in quotes.eml": lambda: deep_markup(450),
        "deeper quotes.eml": lambda: deep_markup(2_000),
        "quoting marks.eml": lambda: HEAD + PLAIN + b">" * large,
        "headers in the text.eml": lambda: (
            HEAD + PLAIN + b"From: a@b.example\nSent: now\n" * 2 * many
        ),
        "headers in markup.eml": lambda: markup(
            b"<div>From: a@b.example</div><div>Sent: now</div>" * many
        ),
        "blockquotes.eml": lambda: markup(quote * 2 * many),
        "lines drawn.eml": lambda: markup(b'<div style="border-top:solid 1pt">x</div>' * many),
        "attributes.eml": lambda: markup(b"<div " + b"class=signature " * 2 * many + b">x</div>"),
        "links in a thread.eml": lambda: markup(
            b"<div>Bo &lt;b@c.example&gt; wrote:</div>" + link * many
        ),
    }


def _make_mailboxes(many: int, large: int) -> dict[str, Callable[[], bytes]]:
    line = b"From a@b Mon Mar 02 09:00:00 2026\n"
    return {
        "escaped marks.mbox": lambda: line + b"Subject: x\n\n" + b">" * large + b"From \n",
        "one long line.mbox": lambda: line + b"Subject: x\n\n" + b"From " * (large // 4),
        "mails of bombs.mbox": lambda: (line + attached("fees.xlsx", zip_bomb()) + b"\n\n") * 2,
        "in itself.mbox": lambda: line + attached("in.mbox", line + nested_files(2)),
        "nothing but marks.mbox": lambda: (line + b"X: y\n") * (many // 75),
    }


def _make_messages(few: int, many: int) -> dict[str, Callable[[], bytes]]:
    whole = outlook_file(OUTLOOK)
    files = {f"{number}.txt": b"Words of a file." for number in range(few)}
    return {
        "in itself.msg": self_holding,
        "messages in messages.msg": lambda: nested_messages(min(few, 300)),
        "circle of sectors.msg": lambda: chained(whole, 0),
        "sectors far away.msg": lambda: chained(whole, 0x7FFFFFF0),
        "lie of size.msg": lambda: large_property(whole, 1 << 60),
        "cut.msg": lambda: whole[:2_000],
        "many attached.msg": lambda: outlook_file(message_tree("Keys", "See.", files=files)),
        "deep markup.msg": lambda: outlook_file(
            message_tree("Keys", "", markup=b"<div>" * 2 * many)
        ),
        "large text.msg": lambda: outlook_file(message_tree("Keys", "far too large " * 2 * many)),
    }


def _make_calendars(many: int, large: int) -> dict[str, Callable[[], bytes]]:
    begin, end = b"BEGIN:VEVENT\nSUMMARY:Drill", b"\nEND:VEVENT\n"
    guest = b"\nATTENDEE;CN=Bo:mailto:b@c.example"
    return {
        "entries.ics": lambda: calendar(b"".join(ENTRY % n for n in range(many))),
        "entries in entries.ics": lambda: calendar(b"BEGIN:VEVENT\n" * many),
        "one long line.ics": lambda: calendar(begin + b"word " * (large // 4) + end),
        "folded.ics": lambda: calendar(begin + b"\n y" * (large // 2) + end),
        "escapes.ics": lambda: calendar(begin + b"\\" * large + end),
        "guests.ics": lambda: calendar(begin + guest * many + end),
        "quotes.ics": lambda: calendar(begin + b"\nDTSTART;TZID=" + b'"' * large + b":2026" + end),
    }


REASONS = {
    "parts in parts.eml": "within one another",
    "mails in mails.eml": "nested too deep",
    "deeper quotes.eml": "nested more than 1000 deep",
    "attributes.eml": "more than 2,000 attributes",
    "bomb attached.eml/1-fees.xlsx": "more than is safe",
    "mails of bombs.mbox/2/1-fees.xlsx": "more than is safe",
    "cut.msg": "damaged",
    "deep markup.msg": "nested more than 1000 deep",
    "entries in entries.ics": "contains no text",
}
"""What is skipped at any scale, and why."""
GOOD: dict[str, Callable[[], bytes]] = {
    "good/a.eml": lambda: attached("fees.txt", b"A locker costs two. Canary: albatross."),
    "good/b.eml": lambda: markup(b"<p>Keys lie at the gate. Canary: bullfinch.</p>"),
    "good/c.mbox": lambda: (
        b"From a@b Mon Mar 02 09:00:00 2026\n"
        + HEAD
        + PLAIN
        + "船六点开。 Canary: dunlin.".encode()
    ),
    "good/d.msg": lambda: outlook_file(message_tree("Locks", "Turn twice. Canary: egret.")),
    "good/e.ics": lambda: calendar(ENTRY.replace(b"END", b"LOCATION:Canary: fulmar\nEND") % 7),
}
CANARIES = ("albatross", "bullfinch", "dunlin", "egret", "fulmar")


def write_mails(root: Path, scale: int) -> Path:
    """Write all of them below a folder, good ones beside them."""
    for name, content in {**make_mails(scale), **GOOD}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content())
    return root


def take_in(place: Path) -> None:
    """Take the mails of a place in, with hashed words for an embedder, and print the report."""
    job = IngestJob(
        collection=place / "c",
        embedder=HashEmbedder(),
        tokenizer=find_model("packaged", place).tokenizer,
    )
    sys.stdout.write(json.dumps(job.run([place / "mails"]).to_json()))


def main() -> None:
    """Take them in, in a process of their own; print and write the section."""
    if sys.argv[1:2] == ["--take"]:
        take_in(Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory() as place:
        folder = write_mails(Path(place) / "mails", LARGE)
        count = sum(1 for file in folder.rglob("*") if file.is_file())
        command = [sys.executable, "-m", "tests.resilience.hostile_mails", "--take", place]
        output, seconds, peak = run_watched(command)
    report = json.loads(output)
    reasons = "\n".join(f"| {uri} | {reason} |" for uri, reason in _list_reasons(report))
    missing = REASONS.keys() - {row["uri"] for row in report["skipped"]}
    body = f"""
{count} files, {len(GOOD)} of them good; one job, {seconds:.0f} s. Documents taken in, with what is
attached: {report["added"]}, quarantined: {len(report["skipped"])}, bad ones that got through:
{len(missing)}. Peak memory of the whole process tree: {peak:.0f} MB.

| file | reason |
|---|---|
{reasons}"""
    print(body)
    heading = "P10, continued: mails, mailboxes, messages and invitations that mean harm"
    write_section(heading, "python -m tests.resilience.hostile_mails", body, file=RESILIENCY)


def _list_reasons(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """List what was skipped and why; of the mails of one mailbox the first."""
    before = set[tuple[str, str]]()
    for row in report["skipped"]:
        kind = (row["uri"].partition(".mbox/")[0], row["reason"])
        if ".mbox/" not in row["uri"] or kind not in before:
            before.add(kind)
            yield row["uri"], row["reason"]


if __name__ == "__main__":
    main()
