"""Find who shows a key or a cookie, as of now: nothing is remembered between requests."""

import time
from dataclasses import dataclass, replace
from functools import partial

from ragdesk.support.access import (
    STAFF_PREFIX,
    Principal,
    make_account_principal,
    make_principal,
)
from ragdesk.support.key_store import KeyStore
from ragdesk.support.sign_in.account_store import AccountStore
from ragdesk.support.sign_in.session_store import CSRF_SECRET, SessionStore, StaffSession
from ragdesk.support.sign_in.sign_in_options import SignInOptions, find_account_role

LONGEST_TOKEN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a request comes from. label: their name, for people. session: of a cookie."""

    who: Principal
    label: str
    session: StaffSession | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityStore:
    """Everybody who may come in: keys and staff."""

    options: SignInOptions
    keys: KeyStore
    sessions: SessionStore
    accounts: AccountStore

    def find_by_key(self, token: str) -> Identity | None:
        """Find who a valid key belongs to."""
        key = self.keys.find_by_token(token[:LONGEST_TOKEN])
        return None if key is None else Identity(who=make_principal(key), label=key.name)

    def find_by_session(self, cookie: str) -> Identity | None:
        """Find who a session belongs to.

        It ends with the key that opened it, and when the provider's word on groups is an hour old.
        """
        session = self.sessions.find(cookie[:LONGEST_TOKEN])
        if session is None:
            return None
        if session.account is not None:
            return self._find_account(session.account, session)
        key = self.keys.find_valid(session.key or "")
        if key is None:
            return None
        who = replace(make_principal(key), kind="staff")
        return Identity(who=who, label=key.name, session=session)

    def find_by_name(self, name: str) -> Principal | None:
        """Find the rights that somebody has now, by the name of a principal of theirs."""
        if name.startswith(STAFF_PREFIX):
            identity = self._find_account(name.removeprefix(STAFF_PREFIX), None)
            return identity and identity.who
        key = self.keys.find_valid(name)
        return None if key is None else make_principal(key)

    def _find_account(self, name: str, session: StaffSession | None) -> Identity | None:
        account = self.accounts.find(name)
        if account is None or not account.is_fresh(time.time()):
            return None
        role = find_account_role(self.options, account.groups)
        if role is None:  # the settings no longer know any of the groups
            return None
        opened = self.options.oidc_groups
        groups = frozenset(opened[group] for group in account.groups if group in opened)
        who = make_account_principal(account.id, role, groups)
        return Identity(who=who, label=account.name, session=session)


def open_identities(keys: KeyStore, options: SignInOptions) -> IdentityStore:
    """Open everybody who may come in, in the database of the keys."""
    return IdentityStore(
        options=options,
        keys=keys,
        sessions=SessionStore(keys.database, partial(keys.get_secret, CSRF_SECRET)),
        accounts=AccountStore(keys.database),
    )
