"""Find who shows a key or a cookie, as of now: nothing is remembered between requests."""

from dataclasses import dataclass, replace

from ragdesk.support.access import Principal, make_principal
from ragdesk.support.key_store import KeyStore
from ragdesk.support.sign_in.session_store import SessionStore, StaffSession

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

    keys: KeyStore
    sessions: SessionStore

    def find_by_key(self, token: str) -> Identity | None:
        """Find who a valid key belongs to."""
        key = self.keys.find_by_token(token[:LONGEST_TOKEN])
        return None if key is None else Identity(who=make_principal(key), label=key.name)

    def find_by_session(self, cookie: str) -> Identity | None:
        """Find who a session belongs to. It ends with the key that opened it."""
        session = self.sessions.find(cookie[:LONGEST_TOKEN])
        if session is None or session.key is None:
            return None
        key = self.keys.find_valid(session.key)
        if key is None:
            return None
        who = replace(make_principal(key), kind="staff")
        return Identity(who=who, label=key.name, session=session)

    def find_by_name(self, name: str) -> Principal | None:
        """Find the rights that somebody has now, by the name of a principal of theirs."""
        key = self.keys.find_valid(name)
        return None if key is None else make_principal(key)
