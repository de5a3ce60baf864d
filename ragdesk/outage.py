"""The outage of a collection's newest generation: a closed code, since when, how many tries.

No code names a file or a document: ``/readyz`` is read without a key. The log has the words.
"""

import errno
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from ragdesk.degradation import WordsRemedy
from ragdesk.errors import ERROR_STATUSES, error_status

ERRNO_CODES = {
    errno.EMFILE: "handles",
    errno.ENFILE: "handles",
    errno.ENOMEM: "memory",
    errno.EACCES: "permission",
    errno.EPERM: "permission",
}
OUTAGE_CODES = tuple(
    sorted(
        {"handles", "memory", "permission", "disk", "internal"}
        | {f.code for f in ERROR_STATUSES.values()}
    )
)


def outage_code(error: BaseException) -> str:
    """Return the code of why something could not be opened.

    An error of the system among its causes goes first: too many open files are no damage.

    >>> outage_code(OSError(errno.EMFILE, "Too many open files")), outage_code(ValueError())
    ('handles', 'internal')
    """
    for cause in _iter_causes(error):
        if isinstance(cause, MemoryError):
            return "memory"
        if isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError):
            return ERRNO_CODES.get(cause.errno or 0, "disk")
    return error_status(error).code


def _iter_causes(error: BaseException) -> Iterator[BaseException]:
    at: BaseException | None = error
    for _ in range(10):
        if at is None:
            return
        yield at
        at = at.__cause__


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A generation that cannot be served. since: when that began. count: how often it was tried.

    words: what mends its words, where these are what is the matter.
    """

    code: str
    words: WordsRemedy | None = None
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    count: int = 1

    @classmethod
    def count_failure(
        cls, before: "Outage | None", code: str, words: WordsRemedy | None = None
    ) -> "Outage":
        """Return the outage after one more failed try; it began with the first in a row."""
        if before is None:
            return cls(code=code, words=words)
        return replace(before, code=code, words=words, count=before.count + 1)

    def json(self) -> dict[str, Any]:
        """Write it as JSON values."""
        since = self.since.isoformat(timespec="seconds").replace("+00:00", "Z")
        return {"reason": self.code, "since": since, "failures": self.count}
