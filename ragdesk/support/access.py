"""Access rights: who asks, what a role may do, and the one ``authorize`` that decides.

A key is ``rd_`` and 32 random bytes. Only its SHA-256 is stored: of 256 random bits a
fast hash tells nothing. Keys are read at each request, so that a key that was revoked,
or lost a group, sees so at once.

A desk that has had a key is never open again without one. So that lost rows or a lost file do not
open it, this is written down in the database and, before the first key is, in a file of the home.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from ragdesk.errors import Forbidden, Invalid, NotFound

# ask: ask and search, own conversations, feedback, own hand-offs. write: documents and jobs.
# agent: hand-offs and the conversations that came with them, corrections, figures. edit: the gap
# report, drafts and their approval. admin: everything.
Scope = Literal["ask", "write", "agent", "edit", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
StaffRole = Literal["asker", "agent", "editor", "admin"]
ROLE_SCOPES: Final[Mapping[StaffRole, frozenset[Scope]]] = {
    "asker": frozenset({"ask"}),
    "agent": frozenset({"ask", "agent"}),
    "editor": frozenset({"ask", "agent", "edit", "write"}),
    "admin": frozenset(SCOPES),
}
PrincipalKind = Literal["local", "key", "staff", "visitor", "channel"]
STAFF_PREFIX: Final = "staff:"  # of the names and persons of accounts
KEY_PREFIX: Final = "key:"
VISITOR_PREFIX: Final = "visitor:"
CHANNEL_PREFIX: Final = "channel:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key as it may be shown. Times are seconds since 1970; no collections means all."""

    id: str
    name: str
    scopes: frozenset[str]
    groups: frozenset[str]
    collections: frozenset[str]
    created: int
    expires: int | None = None
    revoked: int | None = None

    def is_valid(self, now: float) -> bool:
        """Tell whether the key is neither revoked nor expired."""
        return self.revoked is None and (self.expires is None or now < self.expires)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The asker's rights. ``groups`` None sees every document; no collections means all of them.

    name: who asks, for logs and jobs. person: who owns the conversations of this asker, the same
    however they sign in again. attributes: what a signed token says of a visitor, by which
    passages may be filtered. subject: whom a signed token names, empty without one: a customer whom
    the operator has verified.
    """

    name: str
    scopes: frozenset[str]
    groups: frozenset[str] | None
    collections: frozenset[str] = frozenset()
    kind: PrincipalKind = "key"
    person: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)
    subject: str = ""


def split_names(text: str) -> frozenset[str]:
    """Read names with commas between them. Raises Invalid for an empty list, or an empty name.

    A limit that names nothing, as of an unset variable, would limit nothing.

    >>> sorted(split_names("staff, managers"))
    ['managers', 'staff']
    """
    names = frozenset(name.strip() for name in text.split(","))
    if "" in names:
        raise Invalid("An empty name stands in the list. Name each, or leave the whole list out.")
    return names


LOCAL_PRINCIPAL = Principal(
    name="local", scopes=frozenset(SCOPES), groups=None, kind="local", person="local"
)


def make_principal(key: Key) -> Principal:
    """Return the rights of a key: ``admin`` has every scope and sees every document."""
    admin = "admin" in key.scopes
    return Principal(
        name=key.id,
        scopes=frozenset(SCOPES) if admin else key.scopes,
        groups=None if admin else key.groups,
        collections=key.collections,
        kind="key",
        person=f"{KEY_PREFIX}{key.id}",
    )


def make_account_principal(account: str, role: StaffRole, groups: frozenset[str]) -> Principal:
    """Return the rights of somebody who signed in by OpenID Connect, by the role they have now.

    account: its id. groups: the document groups that they may see; an administrator sees all.
    """
    person = f"{STAFF_PREFIX}{account}"
    return Principal(
        name=person,
        scopes=ROLE_SCOPES[role],
        groups=None if role == "admin" else groups,
        kind="staff",
        person=person,
    )


def make_visitor_principal(
    key: str,
    visitor: str,
    collections: frozenset[str],
    *,
    groups: frozenset[str] = frozenset(),
    attributes: Mapping[str, str] | None = None,
) -> Principal:
    """Return the rights of a visitor of a website: to ask, and to see their own conversations.

    key: id of the publishable key. visitor: who it is within that key. groups: the document groups
    that a signed token opens; without one a visitor sees what everybody may see.
    """
    person = f"{VISITOR_PREFIX}{key}:{visitor}"
    return Principal(
        name=person,
        scopes=ROLE_SCOPES["asker"],
        groups=groups,
        collections=collections,
        kind="visitor",
        person=person,
        attributes=attributes or {},
    )


def make_channel_principal(
    channel: str, user: str, collection: str, groups: frozenset[str]
) -> Principal:
    """Return the rights of a channel: to ask one collection, and what its groups may see.

    user: who wrote there, whose conversation it is; what they may see elsewhere does not count.
    """
    name = f"{CHANNEL_PREFIX}{channel}"
    return Principal(
        name=name,
        scopes=ROLE_SCOPES["asker"],
        groups=groups,
        collections=frozenset({collection}),
        kind="channel",
        person=f"{name}:{user}",
    )


def find_role(scopes: frozenset[str]) -> StaffRole | None:
    """Return the role whose scopes these are; None where they are those of no role.

    >>> find_role(frozenset({"ask", "agent"})), find_role(frozenset({"admin"}))
    ('agent', 'admin')
    >>> find_role(frozenset({"write"}))
    """
    if "admin" in scopes:
        return "admin"
    return next((role for role, names in ROLE_SCOPES.items() if names == scopes), None)


def authorize(
    who: Principal, scope: Scope, collection: str | None = None, *, owner: str | None = None
) -> None:
    """Raise Forbidden or NotFound where somebody may not do something, or do nothing.

    scope: what it takes; without it Forbidden. collection: where; NotFound for another than
    theirs. owner: the person whom a conversation or hand-off belongs to; NotFound for another.
    """
    if scope not in who.scopes:
        hint = "" if who.scopes else " With a publishable key, send X-Visitor as well."
        raise Forbidden(f"This key may not do that: it lacks the scope {scope!r}.{hint}")
    if collection is not None and who.collections and collection not in who.collections:
        raise NotFound(f"No collection {collection!r}.")
    if owner is not None and owner != who.person:
        raise NotFound("No such thing, or none that you may see.")


def authorize_desk(who: Principal) -> None:
    """Raise Forbidden for who does not administrate the whole desk, but some collections of it.

    Settings, figures of the server and all that is kept of a person are of no collection.
    """
    authorize(who, "admin")
    if who.collections:
        raise Forbidden("This key administrates some collections, not the desk.")
