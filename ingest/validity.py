"""When a document holds, as its authors say it: in front matter, or in a sidecar beside it.

``refunds.pdf.meta.toml`` says of ``refunds.pdf``::

    valid_from = 2026-01-01
    valid_to = 2026-12-31
    version = "3.1"

A date stands for its whole day in UTC, the last one included; a time with an offset is exact. A
document outside of its time is kept and not found. What cannot be read as a date is no reason to
guess: the document is skipped, and the reason says where to look.
"""

import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from io import BufferedReader
from pathlib import Path
from typing import Any

from indexes.chunk import ALWAYS, Validity
from ingest.beneath import open_file
from ingest.errors import Unreadable, unreadable

SIDECAR = ".meta.toml"
NAMES = ("valid_from", "valid_to", "version")
LARGEST = 64 << 10  # bytes of a sidecar
_LONGEST = 100  # characters of a version
_NEVER = "9999-12-31T23:59:59Z"


def sidecar(file: Path) -> Path:
    """Say where the sidecar of a file lies, if it has one.

    >>> sidecar(Path("kb/refunds.pdf")).name
    'refunds.pdf.meta.toml'
    """
    return file.with_name(f"{file.name}{SIDECAR}")


def beside(file: Path, *, real: bool = False) -> Validity | None:
    """Read what the sidecar of a file says of it; None where there is none.

    real: no part of its path may be a link.

    Raises Unreadable when it cannot be read, or says something that is not known here.
    """
    place = sidecar(file)
    try:
        body = _body(place, real=real)
        facts = tomllib.loads(body.decode())
    except FileNotFoundError:
        return None
    except RecursionError as error:
        raise Unreadable(f"its sidecar {place.name} is nested too deeply") from error
    except OSError as error:  # its own words name the whole path
        raise unreadable(error, f"its sidecar {place.name} cannot be read") from error
    except ValueError as error:
        raise Unreadable(f"its sidecar {place.name} cannot be read: {error}") from error
    if unknown := [name for name in facts if name not in NAMES]:
        known = ", ".join(NAMES)
        raise Unreadable(f"its sidecar {place.name} says {unknown[0]!r}; known are {known}")
    return read(facts, beside=True)


def _body(place: Path, *, real: bool) -> bytes:
    """Read a small plain file; never wait for a pipe, nor follow a link out of the source."""
    content = open_file(place, real=real)
    if content is None:
        raise Unreadable(f"its sidecar {place.name} is not a plain file")
    with BufferedReader(content) as whole:
        body = whole.read(LARGEST + 1)
    if len(body) > LARGEST:
        raise Unreadable(f"its sidecar {place.name} is larger than {LARGEST >> 10} KiB")
    return body


def read(facts: Mapping[str, Any], *, beside: bool = False) -> Validity:
    """Read what is said under ``valid_from``, ``valid_to`` and ``version``. Raises Unreadable.

    >>> read({"valid_from": "2026-01-01", "valid_to": "2026-12-31", "version": 3}).ends
    '2027-01-01T00:00:00Z'
    >>> read({"title": "Refunds"}) == ALWAYS
    True
    """
    starts = _moment(facts.get("valid_from"), "valid_from", last=False)
    ends = _moment(facts.get("valid_to"), "valid_to", last=True)
    if starts and ends and starts >= ends:
        raise Unreadable("its valid_to comes before its valid_from")
    version = " ".join(str(facts.get("version", "")).split())[:_LONGEST]
    if not (starts or ends or version or beside):
        return ALWAYS
    return Validity(starts=starts, ends=ends, version=version, beside=beside)


def _moment(said: object, name: str, *, last: bool) -> str:
    """Write a date or time as a moment in UTC; ``last``: a date stands for the end of its day."""
    if said is None or said == "":
        return ""
    try:
        given = _parsed(said)
        if not isinstance(given, datetime):
            day = given + timedelta(days=1) if last else given
            given = datetime.combine(day, time(), UTC)
        given = given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
    except OverflowError as error:
        if last:  # "9999-12-31" says that there is no end
            return _NEVER
        raise Unreadable(f"its {name} is no date like 2026-12-31: {str(said)[:40]}") from error
    except ValueError as error:
        raise Unreadable(f"its {name} is no date like 2026-12-31: {str(said)[:40]}") from error
    return given.strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20)


def _parsed(said: object) -> date:
    if isinstance(said, date):
        return said
    words = str(said).strip()
    try:
        return date.fromisoformat(words)
    except ValueError:
        return datetime.fromisoformat(words)
