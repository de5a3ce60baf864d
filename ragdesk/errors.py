"""The errors of ragdesk, with the HTTP status and exit code of each.

    RagdeskError
    ├── SettingsError        a setting is misspelt or out of range
    ├── HomeUnusable         the home folder cannot be read or written
    │   └── DatabaseUnavailable  the database that the settings name cannot be used
    ├── HomeBusy             a restore wants a home that is in use, or the other way round
    ├── EncryptionKeyMissing a kept text was encrypted with a key that is not named
    ├── KeyRequired          an address other than loopback, and no key
    ├── CheckFailed          a check found something wrong
    ├── TooManyErrors        too many cases went unanswered to judge a build
    ├── EngineFailed         the language model did not write an answer
    ├── DeliveryFailed       the other side did not take what was sent to it
    ├── LookupFailed         a system that is asked for live facts gave none
    └── Refusal              a request that is turned down
        ├── BadRequest       it is not what its media type says
        ├── Unauthenticated  no key, or none that is valid: one body for every reason
        ├── SignInFailed     the provider's word on who somebody is does not hold
        ├── Forbidden        the key may not do this
        ├── NotFound         no such thing, or not for this key
        ├── ProviderUnavailable  the sign-in provider cannot be reached
        ├── RateLimited      more than its limit; come again later
        ├── Timeout          its body did not arrive in time
        ├── TooLarge         its body is over the limit of its route
        ├── LongHeaders      its headers are over the limit
        ├── WrongMedia       its media type or encoding is not read here
        ├── Invalid          well formed, but not a thing this route takes
        ├── WrongState       it cannot be done in the state that the thing is in
        ├── WrongHost        asked for under a name that is not ours
        ├── DiskFull         no room on the disk for what was sent
        ├── TooManyCollections  no further one may be made over HTTP
        ├── OutcomeUnknown   the database failed in the middle of it
        └── Overloaded       no room now; come again

The errors of the other rooms keep their names; ``error_status`` says what they mean here.
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
    ProgramOutdated,
    WordsNewer,
    WordsOutdated,
)
from ingest.errors import IngestError, MassRemoval, SourceConflict, SourceUnreadable, Unreadable


class RagdeskError(Exception):
    """Base of every error of this package. Its message names the next step."""


class SettingsError(RagdeskError):
    """A setting is misspelt or out of range."""


class HomeUnusable(RagdeskError):
    """The home folder cannot be read or written."""


class DatabaseUnavailable(HomeUnusable):
    """The database that the settings name cannot be reached or used."""


class HomeBusy(RagdeskError):
    """A home is in use, so that nothing is restored into it; or it is being restored."""


class EncryptionKeyMissing(RagdeskError):
    """A kept text was encrypted with a key that the settings do not name."""


class KeyRequired(RagdeskError):
    """An address that others can reach needs a key first."""


class CheckFailed(RagdeskError):
    """A check found something wrong; what it found has been printed."""


class TooManyErrors(RagdeskError):
    """Too many cases of an evaluation went unanswered to say anything of the rest."""


class EngineFailed(RagdeskError):
    """The language model did not write an answer, or not to its end.

    reason: a code out of ``ENGINE_REASONS``, for counting. can_retry: whether another try may do
    better. retry_after: seconds for which the server asked to be left alone; 0 where it did not.
    """

    def __init__(
        self, reason: str, message: str, *, can_retry: bool = True, retry_after: float = 0.0
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.can_retry = can_retry
        self.retry_after = retry_after


class DeliveryFailed(RagdeskError):
    """A hand-off could not be told to the other side now; it is kept and tried again.

    retry_after: seconds for which it asked to be left alone; 0 where it did not.
    """

    def __init__(self, message: str, *, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class LookupFailed(RagdeskError):
    """A live fact could not be looked up. reason: a code, which tells no word of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The lookup failed ({reason}). See its table in the settings: lookups")
        self.reason = reason


ENGINE_REASONS = {
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
    "thoughts_only": "the language model's thoughts left no room for an answer",
    "cut_off": "the answer reached its length limit and was cut off",
    "unsupported": "the documents do not bear what the language model wrote",
}
WORDS_OUTDATED = "words_outdated"
LOOKUP_UNAVAILABLE = "lookup_unavailable"


class Refusal(RagdeskError):
    """A request that is turned down; its message is the problem's detail."""


class BadRequest(Refusal):
    """The request is not what its media type says."""


class Unauthenticated(Refusal):
    """No key, or none that is valid. Missing, garbage and revoked ones read the same.

    So do a visitor's secret and token beside it.
    """

    def __init__(self) -> None:
        super().__init__(
            "Send a valid key: Authorization: Bearer rd_… A website's page sends its own, rdp_…, "
            "and a visitor's X-Visitor, which must be valid and not expired, too."
        )


class SignInFailed(Refusal):
    """A sign-in that did not succeed, the same for every reason; ``reason`` is for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__("The sign-in did not succeed. Begin it again: /v1/oidc/start")
        self.reason = reason


class Forbidden(Refusal):
    """The key is valid, but may not do this."""


class NotFound(Refusal):
    """No such thing, or none that this key may see: the two read the same."""


class ModelNotFound(NotFound):
    """No collection of that model's name, or none that this key may ask: they read the same."""

    def __init__(self) -> None:
        super().__init__(
            "There is no such model, or none that this key may ask. GET /v1/models lists them: "
            "`ragdesk`, or `ragdesk/<collection>`."
        )


class ProviderUnavailable(Refusal):
    """The OpenID Connect provider cannot be reached, or says what it must not."""

    def __init__(self) -> None:
        super().__init__(
            "The sign-in provider cannot be reached now. Try again soon, or sign in with a key."
        )


class RateLimited(Refusal):
    """More than a limit allows. kind: which one; retry_after: seconds to wait."""

    def __init__(self, message: str, *, kind: str, retry_after: int) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after = retry_after


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


class WrongState(Refusal):
    """It cannot be done now: the thing is in another state, which the message names."""


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


class OutcomeUnknown(Refusal):
    """The database failed in the middle of it: it may have been done, or not."""


class Overloaded(Refusal):
    """Every place is taken. Come again after ``Retry-After`` seconds."""


@dataclass(frozen=True, slots=True)
class ErrorStatus:
    """The public form of an error: its code, HTTP status and exit code."""

    code: str
    status: int
    exit: int


UNEXPECTED_STATUS = ErrorStatus("internal", 500, 1)
MACHINE_STATUS = ErrorStatus("machine", 503, 2)
# What the machine cannot do now; other errors of the system (a client that left) are not these.
_MACHINE_ERRNOS = frozenset(
    {
        *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.EACCES, errno.EPERM),
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EBUSY),
        errno.ESTALE,  # a network disk that went away
    }
)
ERROR_STATUSES: dict[type[Exception], ErrorStatus] = {
    SettingsError: ErrorStatus("settings", 500, 2),
    HomeUnusable: ErrorStatus("home_unusable", 503, 2),
    DatabaseUnavailable: ErrorStatus("database_unavailable", 503, 2),
    HomeBusy: ErrorStatus("home_busy", 409, 75),
    EncryptionKeyMissing: ErrorStatus("encryption_key_missing", 503, 2),
    KeyRequired: ErrorStatus("key_required", 500, 2),
    CheckFailed: ErrorStatus("check_failed", 500, 1),
    TooManyErrors: ErrorStatus("too_many_errors", 500, 6),
    EvalError: ErrorStatus("eval", 500, 2),
    SignInFailed: ErrorStatus("sign_in_failed", 401, 2),
    ProviderUnavailable: ErrorStatus("sign_in_provider", 502, 5),
    RateLimited: ErrorStatus("rate_limited", 429, 2),
    EngineFailed: ErrorStatus("generator_failed", 502, 5),
    DeliveryFailed: ErrorStatus("delivery_failed", 502, 1),
    LookupFailed: ErrorStatus("lookup_failed", 502, 1),
    BadRequest: ErrorStatus("bad_request", 400, 2),
    Unauthenticated: ErrorStatus("unauthenticated", 401, 2),
    Forbidden: ErrorStatus("forbidden", 403, 2),
    NotFound: ErrorStatus("not_found", 404, 3),
    ModelNotFound: ErrorStatus("model_not_found", 404, 3),
    Timeout: ErrorStatus("timeout", 408, 2),
    TooLarge: ErrorStatus("too_large", 413, 2),
    WrongMedia: ErrorStatus("unsupported_media_type", 415, 2),
    Invalid: ErrorStatus("invalid", 422, 2),
    WrongState: ErrorStatus("wrong_state", 409, 2),
    WrongHost: ErrorStatus("wrong_host", 421, 2),
    LongHeaders: ErrorStatus("headers_too_large", 431, 2),
    TooManyCollections: ErrorStatus("too_many_collections", 429, 2),
    OutcomeUnknown: ErrorStatus("outcome_unknown", 503, 2),
    Overloaded: ErrorStatus("overloaded", 503, 2),
    DiskFull: ErrorStatus("disk_full", 507, 2),
    IndexNotFound: ErrorStatus("index_not_found", 404, 3),
    WordsOutdated: ErrorStatus(WORDS_OUTDATED, 503, 3),
    IndexMismatch: ErrorStatus("index_mismatch", 503, 3),
    IndexDamaged: ErrorStatus("index_damaged", 503, 3),
    IndexesError: ErrorStatus("index_unusable", 503, 3),
    CollectionBusy: ErrorStatus("collection_busy", 409, 75),
    ModelMissing: ErrorStatus("model_missing", 503, 2),
    SourceUnreadable: ErrorStatus("source_unreadable", 422, 4),
    MassRemoval: ErrorStatus("mass_removal", 422, 4),
    SourceConflict: ErrorStatus("source_conflict", 409, 4),
    Unreadable: ErrorStatus("unreadable", 422, 4),
    IngestError: ErrorStatus("ingest", 500, 4),
}
NEXT_STEPS: dict[type[Exception], str] = {
    IndexMismatch: "Take the documents in again: ragdesk ingest PATH",
    WordsOutdated: "Write its words anew: ragdesk ingest PATH",
    WordsNewer: "Start ragdesk again, in the newer version that wrote the words.",
    ProgramOutdated: "Start it again, as with: ragdesk serve",
    BaseDamaged: "Nothing was changed. See what is whole: ragdesk indexes verify; go back to an "
    "older generation: ragdesk indexes rollback; take a backup: ragdesk indexes restore FILE "
    "--replace; or let go of all the collection holds: ragdesk ingest PATH --begin-anew",
    IndexDamaged: "See what is whole: ragdesk indexes verify; go back: ragdesk indexes rollback; "
    "or take a backup: ragdesk indexes restore FILE --replace",
    IngestError: "See what is missing: ragdesk doctor",
    SourceConflict: "Remove the file and ingest its folder again, or take the whole folder away: "
    "ragdesk ingest --remove PATH",
}


def describe_error(error: Exception) -> str:
    """Return an error's message with the command to run next.

    The rooms below do not know the commands of the roof.

    >>> describe_error(IndexMismatch("It was built by another embedder."))
    'It was built by another embedder. Take the documents in again: ragdesk ingest PATH'
    """
    message = str(error)
    step = NEXT_STEPS.get(type(error), "")
    return f"{message} {step}" if step and "ragdesk " not in message else message


# What people of other machines read of an error of the rooms below, whose own words name files of
# the server. A refusal and what is the matter with a document speak for themselves.
ELSEWHERE: dict[type[Exception], str] = {
    IndexNotFound: "No such collection, or none that holds a generation.",
    WordsNewer: "The collection's words are of a newer version than this server. Its operator "
    "starts it again, in that version.",
    WordsOutdated: "The collection's words are of another version. Its operator writes them anew: "
    "ragdesk ingest PATH, or ragdesk indexes compact where all documents came over HTTP.",
    ProgramOutdated: "ragdesk was replaced by another version while this server ran. Nothing was "
    "changed. Its operator starts it again: ragdesk serve.",
    IndexMismatch: "The collection was built in another way than this server reads.",
    BaseDamaged: f"The collection is damaged. {NEXT_STEPS[BaseDamaged]}.",
    IndexDamaged: "The collection is damaged; nothing was changed.",
    CollectionBusy: "Another job holds the collection. Try again when it ends.",
    ModelMissing: "The server's model is missing.",
    MassRemoval: "The change would remove most of a source. Nothing was changed.",
}
IN_LOG = "The server's log says why."


def public_words(error: Exception) -> str:
    """Return an error's message for people of other machines: without paths and file names.

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


def error_status(error: BaseException) -> ErrorStatus:
    """Return an error's code, HTTP status and exit code; unknown errors are ``internal``.

    What the machine cannot do now (handles, memory, disk, permissions) is ``machine``.

    >>> error_status(CollectionBusy("…")).exit, error_status(ValueError()).code
    (75, 'internal')
    """
    if isinstance(error, MemoryError) or getattr(error, "errno", None) in _MACHINE_ERRNOS:
        return MACHINE_STATUS
    return next(
        (ERROR_STATUSES[cls] for cls in type(error).__mro__ if cls in ERROR_STATUSES),
        UNEXPECTED_STATUS,
    )
