"""Produce the figures of the promise P16: nobody sees what their groups do not allow.

    python -m tests.resilience.tenants --worlds 100

A world is a home of three collections whose documents each hold a canary in their text and one in
their name, and a handful of keys with groups and collections drawn at random. Every key asks for
every document in every way there is. Documents come in pairs that say the same to different
groups, so that what one key may see stands beside what it may not.
"""

import argparse
import json
import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from starlette.testclient import TestClient

from indexes.build import Build
from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from ragdesk.support.key_store import KeyStore
from ragdesk.web import api
from tests.fakes import HashEmbedder, document
from tests.lab.results import write_section
from tests.resilience.kills import ROOT

COLLECTIONS = ("default", "legal", "works")
GROUPS = ("staff", "guests", "board")
LOCKERS = 5  # pairs of documents in a collection
PASSWORDS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Held:
    """A document: what it is asked for by, and the words that give it away."""

    collection: str
    uri: str
    groups: frozenset[str]
    question: str
    canaries: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Holder:
    """A key, and what it may see; collections None: all of them."""

    token: str
    groups: frozenset[str]
    collections: frozenset[str] | None

    def may(self, target: Held) -> bool:
        """Say what the promise says, apart from the code that keeps it."""
        if self.collections is not None and target.collection not in self.collections:
            return False
        return not target.groups or bool(target.groups & self.groups)


@dataclass
class Seen:
    """Replies read, canaries in replies and logs that should not be there, and ones not found."""

    replies: int = 0
    forbidden: int = 0
    permitted: int = 0
    leaks: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)


class _Lines(logging.Handler):
    """Keeps what was logged, with all its fields."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.getMessage()} {record.__dict__}")


def _word(dice: np.random.Generator) -> str:
    return "".join(PASSWORDS[n] for n in dice.integers(len(PASSWORDS), size=14))


def _some(dice: np.random.Generator, names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name for name in names if dice.random() < 0.4)


def furnish(home: Path, dice: np.random.Generator) -> list[Held]:
    """Publish the collections of a world."""
    documents = []
    for collection in COLLECTIONS:
        with Build(home / "collections" / collection, HashEmbedder()) as build:
            for number in range(2 * LOCKERS):
                target = _draw_document(collection, number // 2, dice)
                text = f"# Lockers\nThe code of locker {number // 2} is {target.canaries[0]}.\n"
                build.add(*document(target.uri, text, groups=target.groups))
                documents.append(target)
            build.publish()
    return documents


def _draw_document(collection: str, locker: int, dice: np.random.Generator) -> Held:
    words = _word(dice), _word(dice)
    question = f"What is the code of locker {locker}?"
    return Held(collection, f"{words[1]}.md", _some(dice, GROUPS), question, words)


def cut_keys(home: Path, dice: np.random.Generator, count: int = 5) -> Iterator[Holder]:
    """Make keys of random groups and collections; one has no group, and every collection."""
    keys = KeyStore(home)
    yield Holder(keys.create("none", scopes=["ask"])[1], frozenset(), None)
    for number in range(count):
        groups = _some(dice, GROUPS) or frozenset({"strangers"})
        open_to = _some(dice, COLLECTIONS) or frozenset(COLLECTIONS[:1])
        token = keys.create(
            str(number), scopes=["ask"], groups=sorted(groups), collections=sorted(open_to)
        )[1]
        yield Holder(token, groups, open_to)


def collect_replies(client: TestClient, who: Holder, target: Held) -> list[str]:
    """Ask for a document in every way there is; gives the replies, less what was said in asking."""
    client.headers["authorization"] = f"Bearer {who.token}"
    here = {"collection": target.collection}
    folder = f"/v1/collections/{target.collection}/documents"
    body = {**here, "question": target.question, "explain": True}
    narrow = {"filters": {"uris": [target.uri]}}
    replies = [
        client.post("/v1/answers", json=body),
        client.post("/v1/answers", json={**body, "stream": True}),
        client.post("/v1/search", json={**here, "query": target.question, "top_k": 50}),
        client.get("/v1/collections"),
        client.get(folder),
        client.get(f"{folder}?cursor=0"),
    ]
    named = [
        client.post("/v1/answers", json={**body, **narrow}),
        client.post("/v1/search", json={**here, "query": target.canaries[0], **narrow}),
        client.get(f"{folder}/{target.uri}/text"),
        client.get(f"{folder}/{target.uri}/original"),
    ]
    echoed = (target.uri, target.canaries[0])
    return [r.text for r in replies] + [_less(r.text, echoed) for r in named]


def _less(text: str, echoed: tuple[str, str]) -> str:
    """Take the query and an address out of a reply that may repeat them; no passage is touched."""
    try:
        reply = json.loads(text)
    except ValueError:
        return text
    if isinstance(reply, dict) and reply.get("query") in echoed:
        reply.pop("query")
    if isinstance(reply, dict) and "instance" in reply:
        reply.pop("instance")
    return json.dumps(reply)


def live(home: Path, seed: list[int], most: int | None = None) -> Seen:
    """Furnish a world, let everybody ask for everything, and hold the replies against the keys.

    most: documents that are asked for, where a few do.
    """
    dice = np.random.default_rng(seed)
    tally = Seen()
    log = _Lines()
    documents = furnish(home, dice)
    holders = list(cut_keys(home, dice))
    logging.getLogger("ragdesk").addHandler(log)
    try:
        app = api.build_app(Workspace(home, Settings(), HashEmbedder()), KeyStore(home))
        with TestClient(app, base_url="http://localhost:8080") as client:
            for target in documents[:most]:
                for who in holders:
                    _hold(who, collect_replies(client, who, target), target, documents, tally)
    finally:
        logging.getLogger("ragdesk").removeHandler(log)
    canaries = {word for target in documents for word in target.canaries}
    tally.leaks += [line for line in log.lines if any(word in line for word in canaries)]
    return tally


def _hold(
    who: Holder, replies: list[str], target: Held, documents: list[Held], tally: Seen
) -> None:
    tally.replies += len(replies)
    for other in documents:
        if not who.may(other):
            tally.forbidden += 1
            tally.leaks += [
                f"{other} in {reply}"
                for reply in replies
                if any(word in reply for word in other.canaries)
            ]
    if who.may(target):
        tally.permitted += 1
        if not any(target.canaries[0] in reply for reply in replies):
            tally.missed.append(f"{target} by {who.groups}")


def main() -> None:
    """Live in so many worlds, print, and write the section."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=20261123)
    options = parser.parse_args()
    sums = Seen()
    for number in range(options.worlds):
        with tempfile.TemporaryDirectory() as home:
            tally = live(Path(home), [options.seed, number])
        sums.replies += tally.replies
        sums.forbidden += tally.forbidden
        sums.permitted += tally.permitted
        sums.leaks += tally.leaks
        sums.missed += tally.missed
    text = f"""
{options.worlds} worlds of {len(COLLECTIONS)} collections and six keys; answers (whole, streamed, with
a filter that names the document), searches, lists, texts and originals, and the log:
{sums.replies:,} replies.

| canaries | pairs of key and question | |
|---|---|---|
| of documents the key may not see | {sums.forbidden:,} | leaks: {len(sums.leaks)} |
| of the document asked for, which it may see | {sums.permitted:,} | not found: {len(sums.missed)} |
"""
    print(text, *sums.leaks[:5], *sums.missed[:5], sep="\n")
    command = f"python -m tests.resilience.tenants --worlds {options.worlds} --seed {options.seed}"
    heading = "P16: nobody sees what their groups do not allow"
    write_section(heading, command, text, file=ROOT / "tests" / "resilience" / "RESILIENCY.md")


if __name__ == "__main__":
    main()
