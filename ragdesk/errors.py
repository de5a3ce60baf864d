"""Everything that can go wrong at the roof, and what each door says about it.

    RagdeskError
    ├── SettingsError        a setting is misspelt or out of range
    ├── HomeUnusable         the home folder cannot be read or written
    ├── KeyRequired          an address other than loopback, and no key
    ├── CheckFailed          a check found something wrong
    ├── TooManyErrors        too many cases went unanswered to judge a build
    ├── EngineFailed         the language model did not write an answer
    └── Refusal              a request that is turned down
        ├── BadRequest       it is not what its media type says
        ├── Unauthenticated  no key, or none that is valid: one body for every reason
        ├── Forbidden        the key may not do this
        ├── NotFound         no such thing, or not for this key
        ├── Timeout          its body did not arrive in time
        ├── TooLarge         its body is over the limit of its route
        ├── LongHeaders      its headers are over the limit
        ├── WrongMedia       its media type or encoding is not read here
        ├── Invalid          well formed, but not a thing this route takes
        ├── WrongHost        asked for under a name that is not ours
        ├── DiskFull         no room on the disk for what was sent
        ├── TooManyCollections  no further one may be made over HTTP
        └── Overloaded       no room now; come again

The errors of the other rooms keep their names; ``face`` says what they mean here.
"""

import errno
from dataclasses import dataclass

from eval.errors import EvalError
from indexes.errors import (
    BaseDamaged,
    CollectionBusy,
    IndexDamaged,
    IndexesError,
    IndexMismatch,
    IndexNotFound,
    ModelMissing,
)
from ingest.errors import IngestError, MassRemoval, SourceUnreadable, Unreadable


class RagdeskError(Exception):
    """Base of every error the roof raises. Its message names the next step."""


class SettingsError(RagdeskError):
    """A setting is misspelt or out of range."""


class HomeUnusable(RagdeskError):
    """The home folder cannot be read or written."""


class KeyRequired(RagdeskError):
    """An address that others can reach needs a key first."""


class CheckFailed(RagdeskError):
    """A check found something wrong; what it found has been printed."""


class TooManyErrors(RagdeskError):
    """Too many cases of an evaluation went unanswered to say anything of the rest."""


class EngineFailed(RagdeskError):
    """The language model did not write an answer, or not to its end.

    reason: a code out of ``REASONS``, for counting. again: whether another try may do better.
    after: seconds for which the server asked to be left alone; 0 where it did not.
    """

    def __init__(
        self, reason: str, message: str, *, again: bool = True, after: float = 0.0
    ) -> None:
        super().__init__(message)
        self.reason, self.again, self.after = reason, again, after


REASONS = {
    "unreachable": "the language model cannot be reached",
    "resting": "the language model failed again and again and is being watched",
    "refused": "the language model refused the question",
    "busy": "the language model has no room now",
    "reset": "the language model broke off",
    "slow": "the language model did not begin in time",
    "stalled": "the language model fell silent",
    "truncated": "the language model broke off",
    "garbage": "the language model wrote something that is no answer",
    "filtered": "the language model's filter stopped it",
    "cut_off": "the answer reached its length limit and was cut off",
    "unsupported": "the documents do not bear what the language model wrote",
}


class Refusal(RagdeskError):
    """A request that is turned down; its message is the problem's detail."""


class BadRequest(Refusal):
    """The request is not what its media type says."""


class Unauthenticated(Refusal):
    """No key, or none that is valid. Missing, garbage and revoked keys read the same."""

    def __init__(self) -> None:
        super().__init__("Send a valid key: Authorization: Bearer rd_…")


class Forbidden(Refusal):
    """The key is valid, but may not do this."""


class NotFound(Refusal):
    """No such thing, or none that this key may see: the two read the same."""


class Timeout(Refusal):
    """The body of the request did not arrive in time."""


class TooLarge(Refusal):
    """The body of the request is over the limit of its route."""


class LongHeaders(Refusal):
    """The headers of the request are over the limit."""


class WrongMedia(Refusal):
    """The media type or content encoding of the request is not read here."""


class Invalid(Refusal):
    """Well formed, but not something this route takes."""


class WrongHost(Refusal):
    """The request names a host that this server does not answer to."""


class DiskFull(Refusal):
    """The disk has no room for what was sent; nothing of it is kept."""

    def __init__(self) -> None:
        super().__init__(
            "The server's disk is full; nothing was kept. Ask its operator for room, and try again."
        )


class TooManyCollections(Refusal):
    """The home holds as many collections as may be made over HTTP."""

    def __init__(self) -> None:
        super().__init__(
            "There are as many collections as this server makes. Put it into one that stands, or "
            "ask its operator: serve.max_collections"
        )


class Overloaded(Refusal):
    """Every place is taken. Come again after ``Retry-After`` seconds."""


@dataclass(frozen=True, slots=True)
class Face:
    """What an error looks like from outside: its code, HTTP status and exit code."""

    code: str
    status: int
    exit: int


UNEXPECTED = Face("internal", 500, 1)
MACHINE = Face("machine", 503, 2)
# What the machine cannot do now; other errors of the system (a client that left) are not these.
_OF_MACHINE = frozenset(
    {
        *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.EACCES, errno.EPERM),
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EBUSY),
        errno.ESTALE,  # a network disk that went away
    }
)
FACES: dict[type[Exception], Face] = {
    SettingsError: Face("settings", 500, 2),
    HomeUnusable: Face("home_unusable", 503, 2),
    KeyRequired: Face("key_required", 500, 2),
    CheckFailed: Face("check_failed", 500, 1),
    TooManyErrors: Face("too_many_errors", 500, 6),
    EvalError: Face("eval", 500, 2),
    EngineFailed: Face("generator_failed", 502, 5),
    BadRequest: Face("bad_request", 400, 2),
    Unauthenticated: Face("unauthenticated", 401, 2),
    Forbidden: Face("forbidden", 403, 2),
    NotFound: Face("not_found", 404, 3),
    Timeout: Face("timeout", 408, 2),
    TooLarge: Face("too_large", 413, 2),
    WrongMedia: Face("unsupported_media_type", 415, 2),
    Invalid: Face("invalid", 422, 2),
    WrongHost: Face("wrong_host", 421, 2),
    LongHeaders: Face("headers_too_large", 431, 2),
    TooManyCollections: Face("too_many_collections", 429, 2),
    Overloaded: Face("overloaded", 503, 2),
    DiskFull: Face("disk_full", 507, 2),
    IndexNotFound: Face("index_not_found", 404, 3),
    IndexMismatch: Face("index_mismatch", 503, 3),
    IndexDamaged: Face("index_damaged", 503, 3),
    IndexesError: Face("index_unusable", 503, 3),
    CollectionBusy: Face("collection_busy", 409, 75),
    ModelMissing: Face("model_missing", 503, 2),
    SourceUnreadable: Face("source_unreadable", 422, 4),
    MassRemoval: Face("mass_removal", 422, 4),
    Unreadable: Face("unreadable", 422, 4),
    IngestError: Face("ingest", 500, 4),
}


STEPS: dict[type[Exception], str] = {
    IndexMismatch: "Take the documents in again: ragdesk ingest PATH",
    BaseDamaged: "Nothing was changed. See what is whole: ragdesk indexes verify; go back to an "
    "older generation: ragdesk indexes rollback; take a backup: ragdesk indexes restore FILE "
    "--replace; or let go of all the collection holds: ragdesk ingest PATH --begin-anew",
    IndexDamaged: "See what is whole: ragdesk indexes verify; go back: ragdesk indexes rollback; "
    "or take a backup: ragdesk indexes restore FILE --replace",
    IngestError: "See what is missing: ragdesk doctor",
}


def words(error: Exception) -> str:
    """Say an error with its next step. The rooms below do not know the commands of the roof.

    >>> words(IndexMismatch("It was built by another embedder."))
    'It was built by another embedder. Take the documents in again: ragdesk ingest PATH'
    """
    said, step = str(error), STEPS.get(type(error), "")
    return f"{said} {step}" if step and "ragdesk " not in said else said


# What people of other machines read of an error of the rooms below, whose own words name files of
# the server. A refusal and what is the matter with a document speak for themselves.
ELSEWHERE: dict[type[Exception], str] = {
    IndexNotFound: "No such collection, or none that holds a generation.",
    IndexMismatch: "The collection was built in another way than this server reads.",
    BaseDamaged: f"The collection is damaged. {STEPS[BaseDamaged]}.",
    IndexDamaged: "The collection is damaged; nothing was changed.",
    CollectionBusy: "Another job holds the collection. Try again when it ends.",
    ModelMissing: "The server's model is missing.",
    MassRemoval: "The change would remove most of a source. Nothing was changed.",
}
IN_LOG = "The server's log says why."


def public_words(error: Exception) -> str:
    """Say an error to people of other machines: no path, and no name of a file of ours.

    >>> public_words(IndexDamaged("/srv/My Docs/a b is damaged."))
    "The collection is damaged; nothing was changed. The server's log says why."
    >>> public_words(Unreadable("plan.pdf: encrypted; needs a password"))
    'plan.pdf: encrypted; needs a password'
    """
    if isinstance(error, (Refusal, Unreadable)):
        return str(error)
    words = next((ELSEWHERE[cls] for cls in type(error).__mro__ if cls in ELSEWHERE), "")
    if isinstance(error, (IndexNotFound, CollectionBusy)):
        return words
    return f"{words} {IN_LOG}".strip()


def face(error: BaseException) -> Face:
    """Say what an error looks like from outside. Unknown errors are ``internal``.

    What the machine cannot do now (handles, memory, disk, permissions) is ``machine``.

    >>> face(CollectionBusy("…")).exit, face(ValueError()).code
    (75, 'internal')
    """
    if isinstance(error, MemoryError) or getattr(error, "errno", None) in _OF_MACHINE:
        return MACHINE
    return next((FACES[cls] for cls in type(error).__mro__ if cls in FACES), UNEXPECTED)
