"""Who there is in a world of support, what each of them keeps secret, and who may see that.

The rules are written down here a second time, from the promises, and import nothing of ``ragdesk``:
what they are held against must not be what they are made of.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who calls. collections empty: all. groups None: every document."""

    name: str
    person: str
    headers: Mapping[str, str]
    scopes: frozenset[str]
    groups: frozenset[str] | None = frozenset()
    collections: frozenset[str] = frozenset()
    is_visitor: bool = False
    site: str = ""

    def reaches(self, collection: str) -> bool:
        return not self.collections or collection in self.collections

    def reads(self, groups: frozenset[str]) -> bool:
        """Tell whether documents of some groups are for them."""
        return self.groups is None or not groups or bool(groups & self.groups)

    def is_within(self, scope: str, collection: str) -> bool:
        return scope in self.scopes and self.reaches(collection)

    @property
    def keeps_desk(self) -> bool:
        """Tell whether they administrate all of the desk."""
        return "admin" in self.scopes and not self.collections


@dataclass(kw_only=True)
class Secret:
    """A word that stands in one thing alone. owner: a ``Person.person``.

    groups: of the document or draft that holds it. sources: the groups of each document that an
    answer was looked for in, or that a draft quotes. seekers: who else may, by its kind.
    """

    kind: str
    word: str
    collection: str = ""
    owner: str = ""
    groups: frozenset[str] = frozenset()
    sources: tuple[frozenset[str], ...] = ()
    collections: frozenset[str] = frozenset()
    seekers: set[str] = field(default_factory=set)
    conversation: str = ""
    is_handed_over: bool = False
    is_shared: bool = False
    is_gap: bool = False
    is_drafted: bool = False
    is_published: bool = False
    may_be_hidden: bool = False  # from some who may, as it stands beside what they may not


def reads_sources(who: Person, secret: Secret) -> bool:
    return all(who.reads(groups) for groups in secret.sources)


def _may_read_document(who: Person, secret: Secret) -> bool:
    return who.is_within("ask", secret.collection) and who.reads(secret.groups)


def _is_owner(who: Person, secret: Secret) -> bool:
    return who.person == secret.owner and who.is_within("ask", secret.collection)


def _may_read_shared(who: Person, secret: Secret) -> bool:
    return secret.is_shared and not who.is_visitor and who.is_within("ask", secret.collection)


def _may_read_talk(who: Person, secret: Secret) -> bool:
    """One's own; agents what was handed over; editors what the documents did not answer."""
    if _is_owner(who, secret) or _may_read_shared(who, secret):
        return True
    if secret.is_handed_over and who.is_within("agent", secret.collection):
        return True
    if secret.is_gap and who.is_within("edit", secret.collection):
        return reads_sources(who, secret)
    return (
        secret.is_drafted
        and who.is_within("agent", secret.collection)
        and reads_sources(who, secret)
    )


def _may_read_reply(who: Person, secret: Secret) -> bool:
    agent = who.is_within("agent", secret.collection)
    return _is_owner(who, secret) or _may_read_shared(who, secret) or agent


def _may_read_handoff(who: Person, secret: Secret) -> bool:
    return _is_owner(who, secret) or who.is_within("agent", secret.collection)


def _may_read_note(who: Person, secret: Secret) -> bool:
    return who.is_within("agent", secret.collection)


def _may_read_comment(who: Person, secret: Secret) -> bool:
    return _is_owner(who, secret)


def _may_read_draft(who: Person, secret: Secret) -> bool:
    if secret.is_published and _may_read_document(who, secret):
        return True
    agent = who.is_within("agent", secret.collection)
    return agent and who.reads(secret.groups) and reads_sources(who, secret)


def _may_read_failure(who: Person, secret: Secret) -> bool:
    own = who.person == secret.owner and who.is_within("write", secret.collection)
    return own or who.is_within("admin", secret.collection)


def _may_read_case(who: Person, secret: Secret) -> bool:
    return who.is_within("admin", secret.collection)


def _may_read_key(who: Person, secret: Secret) -> bool:
    """Administrators, in their collections; itself; and whoever it spoke to, as an agent's name."""
    inside = not who.collections or (
        bool(secret.collections) and secret.collections <= who.collections
    )
    if "admin" in who.scopes and inside:
        return True
    if secret.is_shared and not who.is_visitor:  # the name of an agent who replied there
        return True
    return who.person in {secret.owner, *secret.seekers} or who.site == secret.owner


def _may_read_subject(who: Person, secret: Secret) -> bool:
    """Who a visitor is: agents see who wrote to them; an administrator of sites does not."""
    return _is_owner(who, secret) or who.is_within("agent", secret.collection)


MAY_SEE: Final[Mapping[str, Callable[[Person, Secret], bool]]] = {
    "document": _may_read_document,
    "question": _may_read_talk,
    "title": _may_read_talk,
    "reply": _may_read_reply,
    "handoff": _may_read_handoff,
    "note": _may_read_note,
    "rating": _may_read_handoff,
    "comment": _may_read_comment,
    "draft": _may_read_draft,
    "failure": _may_read_failure,
    "case": _may_read_case,
    "key": _may_read_key,
    "subject": _may_read_subject,
}
# Who administrates all of the desk may export the data of every person.
EXPORTED: Final = frozenset(
    ("question", "title", "reply", "handoff", "note", "rating", "comment", "draft", "subject")
)
FOR_AGENTS: Final = frozenset(("handoff", "rating", "subject"))  # not shown to who wrote it


def may_see(who: Person, secret: Secret) -> bool:
    """Tell whether somebody may see a secret, by the promises alone."""
    if who.keeps_desk and secret.kind in EXPORTED | {"failure"}:
        return True
    return MAY_SEE[secret.kind](who, secret)


def is_due(who: Person, secret: Secret) -> bool:
    """Tell whether somebody has to see a secret somewhere: else nothing would be proved."""
    if not may_see(who, secret) or secret.may_be_hidden or secret.kind == "subject":
        return False
    if secret.kind in FOR_AGENTS:
        return who.is_within("agent", secret.collection)
    if secret.kind in {"question", "title"} and not secret.is_handed_over:
        return _is_owner(who, secret) or _may_read_shared(who, secret)
    if secret.kind == "key":
        return who.keeps_desk or who.person == secret.owner
    return True
