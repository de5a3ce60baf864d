"""Errors of an ingest.

IngestError
├── SourceUnreadable   a PATH is missing or empty: nothing was changed
├── MassRemoval        the job would remove more than half of a source
├── OutboundError      another server was not asked, or did not answer as it should
│   ├── AddressRefused   an address that the operator did not list
│   └── OutboundFailed   no whole reply came
└── Unreadable         one file cannot be taken in; becomes a Skipped
    └── SourceConflict  a document that another source owns
        └── MemberConflict  one that lies in another document's file, or would
"""

import errno


class IngestError(Exception):
    """Base of every error of this package."""


class SourceUnreadable(IngestError):
    """A source cannot be read as a whole."""


class MassRemoval(IngestError):
    """The job would remove more than half of a source without permission."""


class OutboundError(IngestError):
    """Another server was not asked, or did not answer as it should."""


class AddressRefused(OutboundError):
    """An address that the operator did not list, or that is none of the public internet."""


class OutboundFailed(OutboundError):
    """No whole reply came. reason: a code out of ``OUTBOUND_REASONS``, for counting."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


OUTBOUND_REASONS = ("unreachable", "too_slow", "too_large", "bad_reply", "too_many_redirects")


class Unreadable(IngestError):
    """A file that cannot be ingested. Its message is the reason a person reads."""


class SourceConflict(Unreadable):
    """A document that one source owns, and another would change."""


class MemberConflict(SourceConflict):
    """A document that lies in another one's file, or would."""


# What this process cannot do now, whatever file it is about: a document skipped for it would go.
_PROCESS_ERRNOS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


def to_unreadable(error: OSError, prefix: str) -> Unreadable:
    """Return the reason to skip a file; raise an error again that is not about this file."""
    if error.errno in _PROCESS_ERRNOS:
        raise error
    return Unreadable(f"{prefix}: {error.strerror or error}")
