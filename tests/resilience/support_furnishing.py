"""Furnish a world of support: documents, people, and all that people leave at a desk.

Every text that somebody writes holds a word of its own, by which it is known again.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import jwt
import numpy as np

from indexes.build import Build
from ragdesk.support.access import ROLE_SCOPES
from ragdesk.support.key_store import KeyStore
from ragdesk.support.sign_in.publishable_keys import PublishableKeyStore
from ragdesk.support.sign_in.sign_in_options import SignInOptions
from tests.fakes import HashEmbedder, document
from tests.resilience.asgi_calls import AsgiClient, AsgiReply
from tests.resilience.support_people import Person, Secret

COLLECTIONS: Final = ("default", "legal")
GROUPS: Final = ("staff", "guests", "board")
LOCKERS: Final = 2  # pairs of documents in a collection of a world, one in a small one
LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
LIMITED: Final = 0.6  # of the keys: to one collection
SHOP: Final = "https://shop.example"
SHARED_KEY: Final = "k" * 64
TOKENS: Final = SignInOptions(
    token_algorithm="HS256",  # noqa: S106, names of settings
    token_key=SHARED_KEY,
    token_audience="desk",  # noqa: S106
    token_groups={"plan=pro": "staff"},
)
JOB_SECONDS: Final = 20.0


@dataclass(kw_only=True)
class World:
    """A home that lives: who is in it, what is secret, and the names of all things in it."""

    client: AsgiClient
    keys: KeyStore
    dice: np.random.Generator
    people: list[Person] = field(default_factory=list)
    secrets: list[Secret] = field(default_factory=list)
    conversations: dict[str, Person] = field(default_factory=dict)
    handoffs: dict[str, Person] = field(default_factory=dict)
    names: dict[str, set[str]] = field(default_factory=dict)
    groups_by_uri: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)

    def word(self) -> str:
        return "".join(LETTERS[n] for n in self.dice.integers(len(LETTERS), size=14))

    def keep(self, kind: str, **facts: Any) -> Secret:
        secret = Secret(kind=kind, word=facts.pop("word", None) or self.word(), **facts)
        self.secrets.append(secret)
        return secret

    def name(self, kind: str, name: str) -> str:
        """Note the name of a thing, which everybody will put into paths."""
        self.names.setdefault(kind, set()).add(name)
        return name

    def some(self, names: Sequence[str], share: float = 0.45) -> frozenset[str]:
        return frozenset(name for name in names if self.dice.random() < share)

    def one(self, things: Sequence[Any]) -> Any:
        return things[int(self.dice.integers(len(things)))]

    def call(self, who: Person, method: str, path: str, *expected: int, **body: Any) -> Any:
        """Do something that somebody may do; gives the JSON of the reply."""
        sent = body if method in {"POST", "PATCH"} else None
        reply = self.client.call(method, path, who.headers, sent)
        if reply.status not in (expected or (200, 201, 202)):
            raise AssertionError(f"{who.name}: {method} {path}: {reply.status} {reply.text}")
        return json.loads(reply.text) if reply.text else None


def publish_documents(home: Path, world: World, pairs: int) -> None:
    """Publish the collections: documents in pairs that say the same to different groups."""
    for collection in COLLECTIONS:
        with Build(home / "collections" / collection, HashEmbedder()) as build:
            for number in range(2 * pairs):
                groups = world.some(GROUPS)
                code, uri = (
                    world.keep("document", collection=collection, groups=groups).word
                    for _ in range(2)
                )
                text = f"# Lockers\nThe code of locker {number // 2} is {code}.\n"
                build.add(*document(f"{uri}.md", text, groups=groups))
                world.groups_by_uri[collection, f"{uri}.md"] = groups
                world.name("uri", f"{uri}.md")
            build.publish()


def invite_people(world: World, *, is_small: bool) -> None:
    """Make keys of every role, a session, visitors by a secret and by a token."""
    world.people.append(_make_key(world, "admin", frozenset()))
    for role in ("agent", "editor") if is_small else (*ROLE_SCOPES, "agent", "editor", "editor"):
        limits = frozenset({world.one(COLLECTIONS)} if world.dice.random() < LIMITED else ())
        world.people.append(_make_key(world, role, limits))
    if not is_small:
        world.people.append(_make_key(world, "admin", frozenset({world.one(COLLECTIONS)})))
        world.people.append(_open_session(world, world.people[2]))  # of an agent
    for collection in COLLECTIONS[: 1 if is_small else 2]:
        visitors = list(_make_visitors(world, collection))
        world.people += [world.one(visitors)] if is_small else visitors


def _make_key(world: World, role: str, collections: frozenset[str]) -> Person:
    groups = frozenset[str]() if role == "admin" else world.some(GROUPS)
    if role == "editor":  # of few groups: their drafts are for few, and few gaps are for them
        groups = frozenset({world.one(GROUPS)})
    secret = world.keep("key", collections=collections)
    key, token = world.keys.create(
        secret.word,
        scopes=ROLE_SCOPES[role],  # type: ignore[index]
        groups=sorted(groups),
        collections=sorted(collections),
    )
    world.name("key", key.id)
    secret.owner = world.name("person", f"key:{key.id}")
    return Person(
        name=f"{role} {key.id}",
        person=secret.owner,
        headers={"authorization": f"Bearer {token}"},
        scopes=frozenset(ROLE_SCOPES[role]),  # type: ignore[index]
        groups=None if role == "admin" else groups,
        collections=collections,
    )


def _open_session(world: World, holder: Person) -> Person:
    token = holder.headers["authorization"].removeprefix("Bearer ")
    opened = world.client.call("POST", "/v1/session", {}, {"key": token})
    cookie = opened.headers["set-cookie"].partition(";")[0]
    csrf = json.loads(opened.text)["csrf_token"]
    headers = {"cookie": cookie, "x-csrf-token": csrf, "sec-fetch-site": "same-origin"}
    return Person(
        name=f"session of {holder.name}",
        person=holder.person,
        headers=headers,
        scopes=holder.scopes,
        groups=holder.groups,
        collections=holder.collections,
    )


def _make_visitors(world: World, collection: str) -> Iterator[Person]:
    secret = world.keep("key", collections=frozenset({collection}))
    site = PublishableKeyStore(world.keys).create(
        secret.word, origins=[SHOP], collections=[collection]
    )
    secret.owner = world.name("site", site.id)
    bearer = {"authorization": f"Bearer {site.token}", "origin": SHOP}
    made = json.loads(world.client.call("POST", "/v1/visitors", bearer).text)
    yield _visitor(world, site.id, made["visitor"], {**bearer, "x-visitor": made["secret"]}, secret)
    for plan in ("pro", "free"):
        subject = world.keep("subject", collection=collection)
        claims = {"aud": "desk", "sub": subject.word, "exp": int(time.time()) + 3_000}
        token = jwt.encode({**claims, "attributes": {"plan": plan}}, SHARED_KEY, "HS256")
        headers = {**bearer, "x-visitor": token}
        who = _visitor(world, site.id, f"sub={subject.word}", headers, secret)
        subject.owner = who.person
        yield replace(who, groups=frozenset({"staff"} if plan == "pro" else ()))


def _visitor(
    world: World, site: str, visitor: str, headers: Mapping[str, str], key: Secret
) -> Person:
    return Person(
        name=f"visitor {visitor[:12]}",
        person=world.name("person", f"visitor:{site}:{visitor}"),
        headers=headers,
        scopes=frozenset({"ask"}),
        collections=key.collections,
        is_visitor=True,
        site=site,
    )


def leave_everything(world: World) -> None:
    """Let everybody do what people do at a desk."""
    for who in world.people:
        begin_talk(world, who, world.one(sorted(who.collections or COLLECTIONS)))
    for who in world.people:
        if "agent" in who.scopes:
            propose_entry(world, who)
        if "edit" in who.scopes:
            draft_gaps(world, who)
    for who in [who for who in world.people if "admin" in who.scopes]:
        collection = min(who.collections or COLLECTIONS)
        secret = world.keep("case", collection=collection)
        path = f"/v1/collections/{collection}/cases"
        case = world.call(who, "POST", path, question=secret.word, stratum="out_of_kb")
        world.name("case", case["id"])


def begin_talk(world: World, who: Person, collection: str) -> None:
    """Begin a conversation, ask in it, judge an answer, and perhaps share it or call a person."""
    named = {"collection": collection, "owner": who.person}
    title = world.keep("title", **named)
    talk = world.call(who, "POST", "/v1/conversations", collection=collection, title=title.word)
    name = title.conversation = world.name("conversation", talk["id"])
    world.conversations[name] = who
    question = world.keep("question", **named)
    own = [title, question]
    asked = {"conversation": name, "question": f"Does the {question.word} of the dragon glow?"}
    answer = world.call(who, "POST", "/v1/answers", **asked)
    _note_sources(world, question, answer)
    world.name("answer", answer["id"])
    second = {"conversation": name, "question": "What is the code of locker 0?"}
    answer = world.call(who, "POST", "/v1/answers", **second)
    world.name("answer", answer["id"])
    comment = world.keep("comment", **named)
    judged = {"answer": answer["id"], "verdict": "down", "comment": comment.word}
    world.call(who, "POST", "/v1/feedback", **judged)
    if not who.is_visitor and world.dice.random() < 0.5:
        share_talk(world, who, name, own)
    if world.dice.random() < 0.6:
        own += hand_over(world, who, name, collection)
    state = world.call(who, "GET", f"/v1/conversations/{name}")["state"]
    for secret in own:
        secret.conversation = name
        secret.is_shared = title.is_shared
        secret.is_handed_over = state != "answering"


def _note_sources(world: World, secret: Secret, answer: Mapping[str, Any]) -> None:
    uris = {passage["uri"] for passage in answer["passages"]}
    known = world.groups_by_uri
    secret.sources = tuple(known.get((secret.collection, uri), secret.groups) for uri in uris)
    secret.is_gap = answer["outcome"] != "answered"


def share_talk(world: World, who: Person, name: str, own: list[Secret]) -> None:
    """Share a conversation inside the house; half of the time end that again."""
    path = f"/v1/conversations/{name}/share"
    world.name("token", world.call(who, "POST", path)["token"])
    if world.dice.random() < 0.5:
        world.call(who, "DELETE", path, 204)
        return
    for secret in own:
        secret.is_shared = True


def hand_over(world: World, who: Person, talk: str, collection: str) -> list[Secret]:
    """Call a person, who takes it, passes it on, replies, and ends it; gives what both wrote."""
    named = {"collection": collection, "owner": who.person, "conversation": talk}
    text, contact = world.keep("handoff", **named), world.keep("handoff", **named)
    body = {"conversation": talk, "text": f"Call me about {text.word}.", "reason": "complaint"}
    reached = {"name": contact.word, "email": f"{contact.word}@example.org"}
    opened = world.call(who, "POST", "/v1/handoffs", **body, contact=reached)
    name = world.name("handoff", opened["id"])
    world.handoffs[name] = who
    agents = [one for one in world.people if one.is_within("agent", collection)]
    if world.dice.random() < 0.2:
        return []
    first, second = world.one(agents), world.one(agents)
    where = f"/v1/handoffs/{name}"
    world.call(first, "POST", f"{where}/take")
    asked = world.call(first, "GET", f"/v1/conversations/{talk}/turns")["turns"][0]["id"]
    world.call(first, "POST", f"/v1/turns/{asked}/intent", intent="track_order")
    if "turn" not in world.names:  # one of them: a path may name it beside every conversation
        world.name("turn", asked)
    note = world.keep("note", **named)
    world.call(first, "POST", f"{where}/transfer", text=note.word)
    world.call(second, "POST", f"{where}/take")
    readers = {one.person for one in world.people if one.is_within("agent", collection)}
    for secret in world.secrets:
        if secret.kind == "key" and secret.owner in {first.person, second.person}:
            secret.seekers |= readers | {who.person}
            secret.is_shared |= any(s.is_shared for s in world.secrets if s.conversation == talk)
    reply = world.keep("reply", **named)
    cited = {}
    if world.dice.random() < 0.6:  # the desk's draft, out of what both of them may read
        cited["draft"] = world.call(second, "GET", f"{where}/draft")["id"]
        reply.may_be_hidden = True
    words = f"The word is {reply.word}. [1]"
    world.call(second, "POST", f"{where}/reply", text=words, role="agent", **cited)
    if world.dice.random() < 0.6:
        world.call(second, "POST", f"{where}/close")
        rating = world.keep("rating", **named)
        world.call(who, "POST", f"{where}/rate", rating=2, comment=rating.word)
    return [reply]


def propose_entry(world: World, who: Person) -> None:
    """Write an FAQ entry, and correct an answer of one's own."""
    collection = min(who.collections or COLLECTIONS)
    mine = who.groups or frozenset()
    secret = world.keep("draft", collection=collection, owner=who.person, groups=mine)
    words = {"question": f"Where is {secret.word}?", "answer": f"In {secret.word}.", "similar": []}
    draft = world.call(who, "POST", "/v1/drafts", collection=collection, **words)
    _check_groups(draft, mine)
    world.name("draft", draft["id"])
    own = [name for name, person in world.conversations.items() if person is who]
    turns = world.call(who, "GET", f"/v1/conversations/{own[0]}/turns")
    place = turns["conversation"]["collection"]
    correction = world.keep("draft", collection=place, owner=who.person, groups=mine)
    asked = [s for s in world.secrets if s.kind == "question" and s.conversation == own[0]]
    correction.sources, correction.may_be_hidden = asked[0].sources, True
    body = {"answer": turns["turns"][0]["id"], "text": f"It is {correction.word}."}
    draft = world.call(who, "POST", "/v1/corrections", **body, question=f"{correction.word}?")
    _check_groups(draft, mine)
    world.name("draft", draft["id"])


def draft_gaps(world: World, who: Person) -> None:
    """Draft the entry of what is asked most, of what this editor may see."""
    collection = max(who.collections or COLLECTIONS)
    gaps = world.call(who, "GET", f"/v1/gaps?collection={collection}")["gaps"]
    for gap in gaps[:2]:
        world.name("gap", gap["id"])
        path = f"/v1/gaps/{gap['id']}/draft?collection={collection}"
        reply = world.client.call("POST", path, who.headers)
        if reply.status == 201:
            world.name("draft", json.loads(reply.text)["id"])
            for secret in world.secrets:
                secret.is_drafted |= secret.kind == "question" and secret.word in reply.text


def upload_documents(world: World) -> None:
    """Let editors put a document each, and one that cannot be read."""
    for who in [one for one in world.people if "write" in one.scopes][:3]:
        collection = min(who.collections or COLLECTIONS)
        groups = who.groups or frozenset()
        text, uri = (world.keep("document", collection=collection, groups=groups) for _ in range(2))
        path = f"/v1/collections/{collection}/documents"
        body = f"# Notes\nThe note is {text.word}.\n".encode()
        _put(world, who, f"{path}/{uri.word}.md", body)
        world.groups_by_uri[collection, f"{uri.word}.md"] = groups
        world.name("uri", f"{uri.word}.md")
        failure = world.keep("failure", collection=collection, owner=who.person)
        _put(world, who, f"{path}/{failure.word}.pdf", b"%PDF-1.7 broken")
        world.name("uri", f"{failure.word}.pdf")


def publish_entries(world: World) -> None:
    """Let some authors approve what they wrote: it becomes a document for its groups."""
    drafts = {secret.word: secret for secret in world.secrets if secret.kind == "draft"}
    for who in [one for one in world.people if "edit" in one.scopes][:2]:
        for draft in world.call(who, "GET", "/v1/drafts")["drafts"]:
            secret = next((drafts[word] for word in drafts if word in draft["answer"]), None)
            if secret is None or secret.owner != who.person or draft["origin"] == "correction":
                continue
            path = f"/v1/drafts/{draft['id']}/approve"
            approved = world.call(who, "POST", path, personal_checked=True)
            _await_job(world, who, approved["job"])
            listed = world.call(who, "GET", "/v1/drafts?state=published")["drafts"]
            (uri,) = [one["uri"] for one in listed if one["id"] == draft["id"]]
            secret.is_published = True
            world.groups_by_uri[secret.collection, uri] = secret.groups
            world.name("uri", uri)


def _put(world: World, who: Person, path: str, body: bytes) -> None:
    reply: AsgiReply = world.client.call("PUT", path, who.headers, body)
    assert reply.status == 202, reply.text
    _await_job(world, who, json.loads(reply.text)["id"])


def _await_job(world: World, who: Person, name: str) -> None:
    world.name("job", name)
    until = time.monotonic() + JOB_SECONDS
    while world.call(who, "GET", f"/v1/jobs/{name}")["state"] not in {"done", "failed"}:
        assert time.monotonic() < until, name
        time.sleep(0.01)


def _check_groups(draft: Mapping[str, Any], mine: frozenset[str]) -> None:
    """Hold that what a limited author writes is for nobody beyond their groups."""
    if mine and not (draft["groups"] and set(draft["groups"]) <= mine):
        raise AssertionError(f"a draft of {sorted(mine)} is for {draft['groups']}")
