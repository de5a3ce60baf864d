"""Keyed digests of what requests brought: by them a retry is known, and no guess is confirmed.

Secrets are those of the operator's encryption keys, which stand outside of the database; without
such a key, in whose absence the database holds the questions themselves, one of the desk's own.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from ragdesk.support.encryption import TextCipher

DESK_SECRET: Final = "requests"  # noqa: S105, a name among the secrets of a desk
NAME_END: Final = ":"  # of the name of a secret, before a digest


class RequestDigests:
    """Digests by some secrets. secrets: by their names, of which none has a colon; newest first."""

    def __init__(self, secrets: Mapping[str, bytes]) -> None:
        self._secrets = dict(secrets)

    def digest(self, body: bytes) -> tuple[str, ...]:
        """Return the digests of a body: by the newest secret, by former ones, and by none.

        The first one is kept; what was kept may be any of them.

        >>> [name.partition(":")[0][:4] for name in RequestDigests({"new": b"a"}).digest(b"body")]
        ['new', '230d']
        """
        own_digests = (
            f"{name}{NAME_END}{hmac.digest(secret, body, 'sha256').hex()}"
            for name, secret in self._secrets.items()
        )
        return *own_digests, hashlib.sha256(body).hexdigest()  # of what was kept by older versions


def make_request_digests(cipher: TextCipher, desk_secret: bytes) -> RequestDigests:
    """Return the digests of a desk, the same at all of its servers."""
    return RequestDigests({**cipher.list_request_secrets(), DESK_SECRET: desk_secret})


def is_same_body(stored_digest: str, digests: tuple[str, ...]) -> bool:
    """Tell whether a digest that was kept is of the same body as those of ``RequestDigests``.

    By a secret that is gone, as after a change of keys, it cannot be told: a retry is not refused
    for that.

    >>> new = RequestDigests({"new": b"a", "old": b"b"})
    >>> former = RequestDigests({"old": b"b"}).digest(b"body")[0]
    >>> is_same_body(former, new.digest(b"body")), is_same_body(former, new.digest(b"other"))
    (True, False)
    >>> is_same_body("gone:1f", new.digest(b"body"))
    True
    """
    if stored_digest in digests:
        return True
    names = {digest.rpartition(NAME_END)[0] for digest in digests}
    return stored_digest.rpartition(NAME_END)[0] not in names
