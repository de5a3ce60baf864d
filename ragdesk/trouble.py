"""Why a collection's newest generation is not served: a closed code, since when, how often tried.

No code names a file or a document: ``/readyz`` is read without a key. The log has the words.
"""

import errno
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from ragdesk.errors import FACES, face

OF_SYSTEM = {
    errno.EMFILE: "handles",
    errno.ENFILE: "handles",
    errno.ENOMEM: "memory",
    errno.EACCES: "permission",
    errno.EPERM: "permission",
}
CODES = tuple(
    sorted(
        {"handles", "memory", "permission", "disk", "internal"} | {f.code for f in FACES.values()}
    )
)


def code_of(error: BaseException) -> str:
    """Say in one word why something could not be opened.

    What the system said goes before what was made of it: too many open files are no damage.

    >>> code_of(OSError(errno.EMFILE, "Too many open files")), code_of(ValueError())
    ('handles', 'internal')
    """
    for cause in _causes(error):
        if isinstance(cause, MemoryError):
            return "memory"
        if isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError):
            return OF_SYSTEM.get(cause.errno or 0, "disk")
    return face(error).code


def _causes(error: BaseException) -> Iterator[BaseException]:
    at: BaseException | None = error
    for _ in range(10):
        if at is None:
            return
        yield at
        at = at.__cause__


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A generation that cannot be served. since: when that began. count: how often it was tried."""

    code: str
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    count: int = 1

    @classmethod
    def after(cls, before: "Outage | None", code: str) -> "Outage":
        """Note one more try; the trouble is as old as the first one in a row."""
        if before is None:
            return cls(code=code)
        return replace(before, code=code, count=before.count + 1)

    def json(self) -> dict[str, Any]:
        """Write it as JSON values."""
        since = self.since.isoformat(timespec="seconds").replace("+00:00", "Z")
        return {"reason": self.code, "since": since, "failures": self.count}
