"""Forge backups: one that is good is taken apart, changed at random, and sealed again with right sums.

A forger writes the sums too, so most changes here are sealed on every level above them: the sum of
a file in its manifest, the segment's name in the generation, the manifests' own, the listing. Only
so does a forgery get beyond the first check. Nothing here is imported from what is tested.
"""

import hashlib
import io
import json
import random
import re
import sqlite3
import struct
import tarfile
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path

Files = dict[str, bytes]
LISTING = "BACKUP.json"
NONE = "0" * 64
CLIMBS = (
    "../../../canary",
    "../../../../canary",
    "/etc/hostname",
    "..",
    ".",
    "",
    "a/../../b",
    "x\0y",
)
NUMBERS = (
    *("-1", "0", "1", "7", "1000000000", "99999999999999999999", "1e9", "1e999", "-0.5", "true"),
    *(
        "null",
        '"1"',
        "[]",
        "{}",
        "NaN",
        "Infinity",
        "9" * 5_000,
        "[" * 2_000 + "]" * 2_000,
        "[[[]]]",
    ),
)
LOOP = """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT {} FROM n"""


def take_apart(file: Path) -> Files:
    """Give the members of a backup by name, in their order."""
    with tarfile.open(file) as archive:
        bodies = ((member.name, archive.extractfile(member)) for member in archive)
        return {name: body.read() for name, body in bodies if body}


def put_together(files: Mapping[str, bytes]) -> bytes:
    """Write an archive as ``backup`` writes it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w|") as archive:
        for name, body in files.items():
            archive.addfile(header(name, len(body)), io.BytesIO(body))
    return out.getvalue()


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o600
    member.type = kind
    return member


def sum_of(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def manifest_sum(raw: bytes) -> bytes:
    """Put the right checksum over its own bytes into a manifest."""
    blank = re.sub(rb'"checksum": "[^"]*"', f'"checksum": "{NONE}"'.encode(), raw, count=1)
    return blank.replace(
        f'"checksum": "{NONE}"'.encode(), f'"checksum": "{sum_of(blank)}"'.encode()
    )


def seal(files: Files) -> Files:
    """Make all sums right again, from the segments up to the listing; names follow the sums."""
    for old in sorted({name.split("/")[1] for name in files if name.startswith("segments/")}):
        folder = f"segments/{old}"
        if f"{folder}/MANIFEST.json" not in files:
            continue
        new = _seal_folder(files, folder)
        if new != old:
            moved = {n.replace(f"{folder}/", f"segments/{new}/"): b for n, b in files.items()}
            for name in [n for n in moved if n.startswith("generation/")]:
                moved[name] = moved[name].replace(old.encode(), new.encode())
            files.clear()
            files.update(moved)
    if "generation/MANIFEST.json" in files:
        _seal_folder(files, "generation")
    return listed(files)


def listed(files: Files, change: Callable[[str], str] = lambda text: text) -> Files:
    """Write the listing anew, with ``change`` made to its text before it is summed up."""
    try:
        facts = json.loads(files[LISTING])
    except ValueError:
        return files
    own = {n: b for n, b in files.items() if n != LISTING}
    facts["files"] = {n: {"size": len(b), "sha256": sum_of(b)} for n, b in own.items()}
    facts.pop("checksum", None)
    text = change(json.dumps(facts, sort_keys=True))
    with suppress(ValueError, RecursionError):  # what is no JSON bears no sum
        again = json.dumps(json.loads(text), sort_keys=True)
        text = f'{text[:-1]}, "checksum": "{sum_of(again.encode())}"}}'
    return {LISTING: text.encode(), **own}


def _seal_folder(files: Files, folder: str) -> str:
    """Write the right sums of its files into a manifest, as text: the rest of it stays forged."""
    name = f"{folder}/MANIFEST.json"
    text = files[name].decode("utf-8", "surrogateescape")
    for part, body in files.items():
        short = part.removeprefix(f"{folder}/")
        if part not in {short, name}:
            entry = rf'("{re.escape(short)}": \{{\s*"sha256": ")[^"]*(",\s*"size": )\d+(\s*\}})'
            replacement = rf"\g<1>{sum_of(body)}\g<2>{len(body)}\g<3>"
            text = re.sub(entry, replacement, text, count=1)
    files[name] = manifest_sum(text.encode("utf-8", "surrogateescape"))
    checksum = re.search(rb'"checksum": "([0-9a-f]{64})"', files[name])
    return checksum[1].decode() if checksum else NONE


def some_number(text: str, dice: random.Random) -> str:
    """Put something odd in the place of one number of a JSON text."""
    numbers = list(re.finditer(r"(?<=[:\[,] )-?\d+(?:\.\d+)?|(?<=\[)\d+", text))
    if not numbers:
        return text
    at = dice.choice(numbers)
    return f"{text[: at.start()]}{dice.choice(NUMBERS)}{text[at.end() :]}"


def some_text(text: str, dice: random.Random) -> str:
    """Put something odd in the place of one string of a JSON text, a name or a value."""
    strings = list(re.finditer(r'"(?:[^"\\]|\\.)*"', text))
    at = dice.choice(strings)
    odd = json.dumps(dice.choice((*CLIMBS, "\ud800", "x" * 5_000, "checksum", "files")))
    return f"{text[: at.start()]}{dice.choice((odd, *NUMBERS[:10]))}{text[at.end() :]}"


def pick(files: Files, dice: random.Random, *endings: str) -> str:
    return dice.choice([n for n in files if n.endswith(endings or ("",)) and n != LISTING])


def change_json(files: Files, dice: random.Random) -> Files:
    name = pick(files, dice, "MANIFEST.json", "tombstones.json", "sources.json", "calibration.json")
    text = files[name].decode("utf-8", "surrogateescape")
    for _ in range(dice.choice((1, 1, 2))):
        text = dice.choice((some_number, some_number, some_text))(text, dice)
    files[name] = text.encode("utf-8", "replace")
    return seal(files)


def change_listing(files: Files, dice: random.Random) -> Files:
    how = dice.choice((some_number, some_text))
    return listed(files, lambda text: how(text, dice))


def change_bytes(files: Files, dice: random.Random) -> Files:
    """Flip, cut, add or repeat bytes of a file, mostly near its beginning."""
    name = pick(files, dice, ".npy", ".faiss", ".sqlite", ".json")
    body = bytearray(files[name])
    for _ in range(dice.choice((1, 1, 3, 10))):
        reach = len(body) if dice.random() < 0.4 else min(len(body), 160)
        if reach:
            body[dice.randrange(reach)] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
    match dice.randrange(8):
        case 0:
            del body[dice.randrange(len(body) + 1) :]
        case 1:
            body += bytes(dice.randrange(1, 300))
    files[name] = bytes(body)
    return seal(files)


def change_array(files: Files, dice: random.Random) -> Files:
    name = pick(files, dice, ".npy")
    body = files[name]
    size = 10 + struct.unpack("<H", body[8:10])[0]
    head = body[10:size].decode("latin-1")
    data = bytearray(body[size:])
    if dice.random() < 0.5:
        shapes = (
            "(1000000000000,)",
            "(-1,)",
            "(9" * 30 + ",)",
            "()",
            "(2, 3, 4)",
            "(0,)",
            "(1, 1)",
        )
        kinds = ("|O", "<f8", "<i8", ">i4", "|V8", "|b1", "<b4", "<u4", "|S9")
        head = re.sub(r"\(\d*,?\d*\)", dice.choice(shapes), head) if dice.random() < 0.6 else head
        head = (
            re.sub(r"'[<|]\w\d'", f"'{dice.choice(kinds)}'", head) if dice.random() < 0.5 else head
        )
        head = head.strip().ljust(size - 11) + "\n"
    elif data:
        width = max(1, len(data) // max(1, int((re.search(r"\((\d+)", head) or [0, 1])[1])))
        at = dice.randrange(len(data) // width) * width
        value = dice.choice(
            (
                0,
                1,
                2,
                (1 << 8 * width - 1) - 1,
                (1 << 8 * width) - 1,
                dice.randrange(1 << 8 * width),
            )
        )
        data[at : at + width] = value.to_bytes(width, "little")
    files[name] = body[:8] + struct.pack("<H", len(head)) + head.encode("latin-1") + bytes(data)
    return seal(files)


def change_vectors(files: Files, dice: random.Random) -> Files:
    name = pick(files, dice, ".faiss")
    body = bytearray(files[name])
    kinds = (
        b"IxF2",
        b"IxPT",
        b"IxMp",
        b"IHNf",
        b"IwFl",
        b"IxPq",
        b"ilar",
        b"il00",
        b"IxRf",
        b"ibla",
    )
    match dice.randrange(4):
        case 0:
            body[:4] = dice.choice(kinds)
        case 1:  # a nest of indexes within indexes
            body = bytearray((b"IxMp" + bytes(body[4:37])) * 3_000) + body
        case 2:
            at = dice.randrange(4, min(len(body) - 8, 140))
            numbers = (0, 1, -1, 1 << 31, 1 << 40, 1 << 62, -(1 << 63))
            body[at : at + 8] = struct.pack("<q", dice.choice(numbers))
        case 3:
            at = dice.randrange(len(body) - 8)
            body[at : at + 4] = struct.pack("<f", dice.choice((float("nan"), float("inf"), 1e30)))
            if dice.random() < 0.5:
                body[-8:] = struct.pack("<q", dice.choice((-1, 1 << 40, 1 << 20)))
    files[name] = bytes(body)
    return seal(files)


VALUES = (
    *("'../../../../canary'", "'../../../canary'", f"'{NONE}'", "''", "NULL", "x'ff00'", "-1"),
    *("1000000000", "9223372036854775807", "1.5", "'[1]'", "'null'", "'{\"a\": 1}'", "'[]'"),
    *("'[[[['", "CAST(x'ff' AS TEXT)", "zeroblob(100000)", "'{}'", "'2026-13-41'", "randomblob(9)"),
)
SCHEMES = (
    "ALTER TABLE {t} RENAME TO hidden; CREATE VIEW {t} AS SELECT * FROM hidden",
    "ALTER TABLE {t} RENAME TO hidden; CREATE VIEW {t} AS " + LOOP.format("i AS {c}"),
    "CREATE VIEW v AS " + LOOP.format("count(*)"),
    "CREATE TRIGGER r AFTER INSERT ON {t} BEGIN DELETE FROM {t}; END",
    "CREATE TABLE other (x, y AS (x * 2), CHECK (x > 0))",
    "ALTER TABLE {t} ADD COLUMN more INTEGER AS (1) VIRTUAL",
    "CREATE INDEX odd ON {t} ({c} || 'x')",
    "CREATE VIRTUAL TABLE words USING fts5 (w)",
    "DROP TABLE {t}",
    "CREATE TABLE validity_ AS SELECT 1",
)
MASTER = (
    "UPDATE sqlite_master SET sql = replace(sql, 'TEXT NOT NULL', 'TEXT DEFAULT (randomblob(9))')",
    "UPDATE sqlite_master SET rootpage = 2 WHERE name = '{t}'",
    "UPDATE sqlite_master SET rootpage = 1 WHERE name = '{t}'",
    "UPDATE sqlite_master SET name = '../x', tbl_name = '../x' WHERE name = '{t}'",
    "UPDATE sqlite_master SET type = 'view', sql = 'CREATE VIEW {t} AS SELECT 1' WHERE name = '{t}'",
)
TABLES = {
    "shelf": ("records", "chunks", "vectors"),
    "documents": ("documents", "readers", "validity"),
    "base": ("documents", "readers", "validity"),
    "changes": ("documents", "readers", "validity", "removed"),
}


def change_table(files: Files, dice: random.Random) -> Files:
    """Change a value, a row or the schema of a database, as SQL can."""
    name = pick(files, dice, ".sqlite")
    table = dice.choice(TABLES[name.rpartition("/")[2].removesuffix(".sqlite")])
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as base:
        base.deserialize(files[name])
        columns = [row[1] for row in base.execute(f"PRAGMA table_info({table})")]
        column = f'"{dice.choice(columns)}"'
        facts = {"t": table, "c": column}
        for _ in range(dice.choice((1, 1, 2))):
            with suppress(sqlite3.Error):
                match dice.randrange(8):
                    case 0 | 1:
                        base.executescript(dice.choice(SCHEMES).format(**facts))
                    case 2:
                        base.execute("PRAGMA writable_schema = ON")
                        base.execute(dice.choice(MASTER).format(**facts))
                    case 3:
                        base.execute(f"DELETE FROM {table} WHERE rowid % 2 OR 1")  # noqa: S608
                    case _:
                        where = "" if dice.random() < 0.3 else "WHERE random() % 2"
                        base.execute("PRAGMA ignore_check_constraints = ON")
                        base.execute(f"UPDATE {table} SET {column} = {dice.choice(VALUES)} {where}")  # noqa: S608
        files[name] = base.serialize()
    return seal(files)


def change_parts(files: Files, dice: random.Random) -> Files:
    """Leave parts out, add some, exchange some, or give them other names."""
    first = pick(files, dice)
    second = pick(files, dice)
    if dice.random() < 0.2:
        second = LISTING
    match dice.randrange(6):
        case 0:
            files.pop(first if first != LISTING else second, None)
        case 1:
            files[first], files[second] = files[second], files[first]
        case 2:
            files[f"originals/{sum_of(first.encode())}"] = files[first]
        case 3:
            files[
                dice.choice(
                    ("desk.sqlite", "keys", "LOCK", "CURRENT", "../x", "/etc/x", "access/1.json")
                )
            ] = b"x"
        case 4:
            originals = [name for name in files if name.startswith("originals/")]
            files[dice.choice(originals)] = b"other words"
        case 5:
            files[
                f"{first.rpartition('/')[0] or 'generation'}/{dice.choice(('more.npy', '.x', 'a.so'))}"
            ] = b"x"
    return seal(files) if LISTING in files and files[LISTING][:1] == b"{" else files


def change_archive(files: Files, dice: random.Random) -> bytes:
    """Change the archive as a whole: its length, its order, what follows, the bits of a header."""
    names = list(files)
    whole = put_together(files)
    match dice.randrange(6):
        case 0:
            return whole[: dice.randrange(20_000)]
        case 1:
            return whole + put_together(files)
        case 2:
            dice.shuffle(names)
            return put_together({name: files[name] for name in names})
        case 3:
            return change_header(bytearray(whole), dice)
        case 4:
            return whole + bytes(dice.choice((1, 511, 512, 10_240, 1 << 20)))
    return whole.rstrip(b"\0")


def change_header(body: bytearray, dice: random.Random) -> bytes:
    """Change bytes of one header, and make its own sum right again."""
    blocks = range(len(body) // 512)
    at = 512 * dice.choice([n for n in blocks if body[512 * n + 257 : 512 * n + 262] == b"ustar"])
    for _ in range(dice.choice((1, 2, 4))):
        body[at + dice.randrange(512)] = dice.choice((0, 0x2F, 0x37, 0x80, 0xFF))
    total = sum(body[at : at + 148]) + 256 + sum(body[at + 156 : at + 512])
    body[at + 148 : at + 156] = b"%06o\0 " % total
    return bytes(body)


KINDS = (
    *(tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE),
    *(tarfile.GNUTYPE_SPARSE, tarfile.GNUTYPE_LONGNAME, b"V", b"7", b"g"),
)
EXTENDED = (
    *({"path": "../../x"}, {"size": str(1 << 40)}, {"linkpath": "/etc"}),
    {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(2 << 30)},
)


def change_member(files: Files, dice: random.Random) -> bytes:
    """Make one member a link, a device, a sparse file, one with an extended header, or two."""
    odd = dice.choice(list(files))
    kind = dice.choice(KINDS)
    out = io.BytesIO()
    form = dice.choice((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT))
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, body in files.items():
            member = header(name, len(body))
            if name == odd:
                match dice.randrange(3):
                    case 0:
                        member.type = kind
                        member.linkname = dice.choice((*CLIMBS[:3], odd))
                    case 1:
                        member.pax_headers = dice.choice(EXTENDED)
                    case 2:
                        archive.addfile(header(name, len(body)), io.BytesIO(body))
            archive.addfile(member, io.BytesIO(body))
    return out.getvalue()


CHANGES: Mapping[str, tuple[int, Callable[[Files, random.Random], Files | bytes]]] = {
    "archive": (2, change_archive),
    "members": (2, change_member),
    "listing": (2, change_listing),
    "parts": (2, change_parts),
    "JSON": (3, change_json),
    "SQLite": (4, change_table),
    "arrays": (2, change_array),
    "vectors": (2, change_vectors),
    "bytes": (3, change_bytes),
}


def forge(good: Files, seed: int) -> tuple[str, bytes]:
    """Give one forged archive, and which kind of change was made to it first."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    names = list(CHANGES)
    while True:
        name = dice.choices(names, [CHANGES[change][0] for change in names])[0]
        with suppress(Exception):  # it met what was changed before: another one is made
            files = CHANGES[name][1](dict(good), dice)
            break
    if isinstance(files, bytes):
        return name, files
    if dice.random() < 0.1 and LISTING in files:
        with suppress(Exception):  # a change of what is no file of ours any more
            more = change_table(dict(files), dice)
            return name, put_together(more)
    return name, put_together(files)
