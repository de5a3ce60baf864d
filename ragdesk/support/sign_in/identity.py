"""Find who shows a key or a cookie, as of now: nothing is remembered between requests."""

import hashlib
import importlib
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from ragdesk.support.access import (
    STAFF_PREFIX,
    VISITOR_PREFIX,
    Principal,
    make_account_principal,
    make_principal,
    make_visitor_principal,
)
from ragdesk.support.key_store import KeyStore
from ragdesk.support.sign_in.account_store import AccountStore
from ragdesk.support.sign_in.publishable_keys import PublishableKey, PublishableKeyStore
from ragdesk.support.sign_in.session_store import CSRF_SECRET, SessionStore, StaffSession
from ragdesk.support.sign_in.sign_in_options import SignInOptions, find_account_role
from ragdesk.support.sign_in.visitor_store import VISITOR_SECRET_PREFIX, Visitor, VisitorStore

if TYPE_CHECKING:
    from ragdesk.support.sign_in.on_pyjwt import VisitorToken, VisitorTokens

LONGEST_TOKEN: Final = 200
SUBJECT_PREFIX: Final = "sub="


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a request comes from.

    label: their name, for people. session: of a cookie. site: the key of the website that a visitor
    is on. visitor: one with a secret, not with a token.
    """

    who: Principal
    label: str
    session: StaffSession | None = None
    site: PublishableKey | None = None
    visitor: Visitor | None = None

    def is_due(self, now: float) -> bool:
        """Tell whether it is to be noted again that they were here."""
        current = self.session or self.visitor
        return current is not None and current.is_due(now)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityStore:
    """Everybody who may come in: keys, staff, visitors of websites."""

    options: SignInOptions
    keys: KeyStore
    sessions: SessionStore
    accounts: AccountStore
    sites: PublishableKeyStore
    visitors: VisitorStore
    tokens: "VisitorTokens | None"

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

    def find_by_site(self, token: str, secret: str | None) -> Identity | None:
        """Find the visitor of a website by its publishable key and their own secret or token.

        secret: that secret or token. Without one it is nobody in particular, who may do nothing but
        become a visitor.
        """
        site = self.sites.find_by_token(token[:LONGEST_TOKEN])
        if site is None:
            return None
        if secret is None:
            nobody = Principal(
                name=f"{VISITOR_PREFIX}{site.id}",
                scopes=frozenset(),
                groups=frozenset(),
                collections=site.collections,
                kind="visitor",
            )
            return Identity(who=nobody, label=site.name, site=site)
        if secret.startswith(VISITOR_SECRET_PREFIX):
            visitor = self.visitors.find(site.id, secret[:LONGEST_TOKEN])
            if visitor is None:
                return None
            who = make_visitor_principal(site.id, visitor.id, site.collections)
            return Identity(who=who, label=site.name, site=site, visitor=visitor)
        token_of_visitor = self.tokens and self.tokens.read(secret)
        return self._identify_subject(site, token_of_visitor) if token_of_visitor else None

    def _identify_subject(self, site: PublishableKey, token: "VisitorToken") -> Identity:
        """Return the visitor whom a signed token names, with the documents that it opens."""
        opened = self.options.token_groups
        pairs = (f"{name}={value}" for name, value in token.attributes.items())
        groups = frozenset(opened[pair] for pair in pairs if pair in opened)
        # "=" stands in no id of ours: no token can name a visitor who has a secret.
        who = make_visitor_principal(
            site.id,
            f"{SUBJECT_PREFIX}{token.subject}",
            site.collections,
            groups=groups,
            attributes=token.attributes,
        )
        digest = hashlib.sha256(token.subject.encode()).hexdigest()[:16]
        name = f"{VISITOR_PREFIX}{site.id}:{SUBJECT_PREFIX}{digest}"  # goes into logs
        who = replace(who, name=name, subject=token.subject)
        return Identity(who=who, label=site.name, site=site)

    def note_use(self, identity: Identity) -> None:
        """Note that somebody is here: their session, or what is known of them, lives on."""
        if identity.session is not None:
            self.sessions.note_use(identity.session)
        elif identity.visitor is not None:
            self.visitors.note_use(identity.visitor)

    def find_by_name(self, name: str) -> Principal | None:
        """Find the rights that somebody has now, by the name of a principal of theirs."""
        if name.startswith(STAFF_PREFIX):
            identity = self._find_account(name.removeprefix(STAFF_PREFIX), None)
            return None if identity is None else identity.who
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
    """Open everybody who may come in, in the database of the keys. Raises SettingsError."""
    if options.oidc_issuer:  # what is missing is said now, and not to the first who signs in
        importlib.import_module("ragdesk.support.sign_in.on_authlib")
    tokens = None
    if options.token_algorithm:
        from ragdesk.support.sign_in.on_pyjwt import VisitorTokens  # noqa: PLC0415, an extra

        tokens = VisitorTokens(options)
    return IdentityStore(
        options=options,
        keys=keys,
        sessions=SessionStore(keys.database, partial(keys.get_secret, CSRF_SECRET)),
        accounts=AccountStore(keys.database),
        sites=PublishableKeyStore(keys),
        visitors=VisitorStore(keys.database),
        tokens=tokens,
    )
