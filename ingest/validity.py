"""Read from when to when a document is valid, from its front matter or a sidecar file.

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

from indexes.chunk import ALWAYS_VALID, Validity
from ingest.errors import Unreadable, to_unreadable
from ingest.safe_open import open_regular_file

SIDECAR = ".meta.toml"
VALIDITY_FIELDS = ("valid_from", "valid_to", "version")
LARGEST_SIDECAR = 64 << 10  # bytes of a sidecar
_LONGEST_VERSION = 100  # characters of a version
_END_OF_TIME = "9999-12-31T23:59:59Z"


def sidecar_path(file: Path) -> Path:
    """Return the path of a file's sidecar, if it has one.

    >>> sidecar_path(Path("kb/refunds.pdf")).name
    'refunds.pdf.meta.toml'
    """
    return file.with_name(f"{file.name}{SIDECAR}")


def read_sidecar(file: Path, *, real: bool = False) -> Validity | None:
    """Read the sidecar of a file; None where there is none.

    real: no part of its path may be a link.

    Raises Unreadable when it cannot be read, or says something that is not known here.
    """
    path = sidecar_path(file)
    try:
        body = _read_sidecar_bytes(path, real=real)
        facts = tomllib.loads(body.decode())
    except FileNotFoundError:
        return None
    except RecursionError as error:
        raise Unreadable(f"its sidecar {path.name} is nested too deeply") from error
    except OSError as error:  # its own words name the whole path
        raise to_unreadable(error, f"its sidecar {path.name} cannot be read") from error
    except ValueError as error:
        raise Unreadable(f"its sidecar {path.name} cannot be read: {error}") from error
    if unknown := [name for name in facts if name not in VALIDITY_FIELDS]:
        known = ", ".join(VALIDITY_FIELDS)
        raise Unreadable(f"its sidecar {path.name} says {unknown[0]!r}; known are {known}")
    return parse_validity(facts, from_sidecar=True)


def _read_sidecar_bytes(place: Path, *, real: bool) -> bytes:
    """Read a small plain file; never wait for a pipe, nor follow a link out of the source."""
    content = open_regular_file(place, real=real)
    if content is None:
        raise Unreadable(f"its sidecar {place.name} is not a plain file")
    with BufferedReader(content) as whole:
        body = whole.read(LARGEST_SIDECAR + 1)
    if len(body) > LARGEST_SIDECAR:
        raise Unreadable(f"its sidecar {place.name} is larger than {LARGEST_SIDECAR >> 10} KiB")
    return body


def parse_validity(facts: Mapping[str, Any], *, from_sidecar: bool = False) -> Validity:
    """Build a Validity from `valid_from`, `valid_to` and `version`. Raises Unreadable.

    >>> parse_validity({"valid_from": "2026-01-01", "valid_to": "2026-12-31", "version": 3}).ends
    '2027-01-01T00:00:00Z'
    >>> parse_validity({"title": "Refunds"}) == ALWAYS_VALID
    True
    """
    starts = _format_moment(facts.get("valid_from"), "valid_from", last=False)
    ends = _format_moment(facts.get("valid_to"), "valid_to", last=True)
    if starts and ends and starts >= ends:
        raise Unreadable("its valid_to comes before its valid_from")
    version = " ".join(str(facts.get("version", "")).split())[:_LONGEST_VERSION]
    if not (starts or ends or version or from_sidecar):
        return ALWAYS_VALID
    return Validity(starts=starts, ends=ends, version=version, from_sidecar=from_sidecar)


def _format_moment(value: object, name: str, *, last: bool) -> str:
    """Format a date or time as UTC; with `last`, a date stands for the end of its day."""
    if value is None or value == "":
        return ""
    try:
        moment = _parse_date(value)
        if not isinstance(moment, datetime):
            day = moment + timedelta(days=1) if last else moment
            moment = datetime.combine(day, time(), UTC)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        if last:  # "9999-12-31" says that there is no end
            return _END_OF_TIME
        raise Unreadable(f"its {name} is no date like 2026-12-31: {str(value)[:40]}") from error
    except ValueError as error:
        raise Unreadable(f"its {name} is no date like 2026-12-31: {str(value)[:40]}") from error
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20)


def _parse_date(value: object) -> date:
    if isinstance(value, date):
        return value
    text = str(value).strip()
    try:
        return date.fromisoformat(text)
    except ValueError:
        return datetime.fromisoformat(text)
