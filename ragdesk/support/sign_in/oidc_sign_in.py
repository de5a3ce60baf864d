"""Sign-in at an OpenID Connect provider: there by a request of ours, and back with its code.

A request is kept as digests with its nonce and its verifier for ten minutes, works once, and for
the browser that began it: another one lacks the cookie.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, insert, select

from ragdesk.errors import Forbidden, Overloaded, SignInFailed
from ragdesk.support.database import Database
from ragdesk.support.sign_in.account_store import Account, AccountStore
from ragdesk.support.sign_in.sign_in_options import SignInOptions, find_account_role
from ragdesk.support.sign_in.sign_in_tables import SIGN_IN_REQUESTS

if TYPE_CHECKING:
    from ragdesk.support.sign_in.on_authlib import OidcProvider

REQUEST_SECONDS: Final = 600
MOST_REQUESTS: Final = 10_000  # on their way at a time: each is a row that a stranger can make
LONGEST_ACCOUNT_NAME: Final = 200
LONGEST_SIGN_IN_CODE: Final = 4_000


class OidcSignIn:
    """The way of staff to the provider and back. Its calls block."""

    def __init__(self, options: SignInOptions, database: Database) -> None:
        self._options = options
        self._database = database
        self._accounts = AccountStore(database)

    @property
    def is_set(self) -> bool:
        """Tell whether the settings name a provider."""
        return bool(self._options.oidc_issuer)

    @cached_property
    def _provider(self) -> "OidcProvider":
        from ragdesk.support.sign_in.on_authlib import OidcProvider  # noqa: PLC0415, an extra

        return OidcProvider(self._options)

    def begin(self) -> tuple[str, str]:
        """Begin a sign-in; gives the provider's address for it, and the cookie for the browser.

        Raises ProviderUnavailable, Overloaded.
        """
        state, browser, nonce = (secrets.token_urlsafe(32) for _ in range(3))
        verifier = secrets.token_urlsafe(64)
        address = self._provider.authorization_address(state, nonce, verifier)
        now = int(time.time())
        row = {
            "digest": _digest(state),
            "browser": _digest(browser),
            "nonce": nonce,
            "verifier": verifier,
            "created": now,
        }
        is_over = SIGN_IN_REQUESTS.c.created <= now - REQUEST_SECONDS
        with self._database.write() as connection:
            connection.execute(delete(SIGN_IN_REQUESTS).where(is_over))
            count = select(func.count()).select_from(SIGN_IN_REQUESTS)
            if connection.execute(count).scalar_one() >= MOST_REQUESTS:
                raise Overloaded("Too many sign-ins are on their way. Come again soon.")
            connection.execute(insert(SIGN_IN_REQUESTS).values(row))
        return address, browser

    def finish(self, reply: Mapping[str, str], browser: str | None) -> Account:
        """End a sign-in with what the provider sent the browser back with; gives the account.

        browser: the cookie of ``begin``. Raises SignInFailed, ProviderUnavailable, and Forbidden
        for somebody in no group that the settings know.
        """
        request = self._take_request(reply.get("state", ""), browser or "")
        if reply.get("iss", self._options.oidc_issuer) != self._options.oidc_issuer:
            raise SignInFailed("issuer")
        code = reply.get("code", "")
        if "error" in reply or not 0 < len(code) <= LONGEST_SIGN_IN_CODE:
            raise SignInFailed("refused")
        claims = self._provider.read_claims(code, request["nonce"], request["verifier"])
        groups = self._known_groups(claims)
        if find_account_role(self._options, groups) is None:
            raise Forbidden(
                "Your account is in no group that may use this desk. Ask its operator to add one "
                "of your groups: sign_in.oidc_roles"
            )
        name = str(claims.get("name") or claims.get("email") or claims["sub"])[
            :LONGEST_ACCOUNT_NAME
        ]
        return self._accounts.save(self._options.oidc_issuer, claims["sub"], name, groups)

    def _take_request(self, state: str, browser: str) -> Mapping[str, Any]:
        """Take a request that is on its way, which then is none. Raises SignInFailed."""
        digest = _digest(state)
        is_this = SIGN_IN_REQUESTS.c.digest == digest
        with self._database.write() as connection:
            query = select(SIGN_IN_REQUESTS).where(is_this).with_for_update()
            row = connection.execute(query).mappings().first()
            if row is not None and hmac.compare_digest(bytes(row["browser"]), _digest(browser)):
                connection.execute(delete(SIGN_IN_REQUESTS).where(is_this))
            else:
                row = None
        if row is None or time.time() >= row["created"] + REQUEST_SECONDS:
            raise SignInFailed("state")
        return dict(row)

    def _known_groups(self, claims: Mapping[str, Any]) -> frozenset[str]:
        """Return those groups of a token that the settings know; no other is kept."""
        names = claims.get(self._options.oidc_claim)
        if isinstance(names, str):
            names = [names]
        known = {*self._options.oidc_roles, *self._options.oidc_groups}
        return frozenset(name for name in names or () if isinstance(name, str) and name in known)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="replace")).digest()
