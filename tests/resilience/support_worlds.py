"""Produce the figures of the promise P16 for what people leave at a desk.

    python -m tests.resilience.support_worlds --worlds 30 --write

A world is a home of two collections, with keys of every role, a session, and visitors by a secret
and by a signed token. Each begins conversations, asks, judges, shares, calls a person; agents
reply, editors draft. All they write holds a word of its own. Then everybody calls every route
there is with the names of everybody's things, and each reply is held against ``support_people``,
which says apart from the code who may see what. A route that is added is called too.
"""

import argparse
import itertools
import json
import logging
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from starlette.testclient import TestClient

from ragdesk.answering.answer_cache.cache_options import AnswerCacheOptions
from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from ragdesk.support.key_store import KeyStore
from ragdesk.web import api
from ragdesk.web.limit_options import LimitOptions
from ragdesk.web.serve_options import ServeOptions
from tests.fakes import HashEmbedder
from tests.lab.results import write_section
from tests.resilience.asgi_calls import AsgiClient
from tests.resilience.kills import ROOT
from tests.resilience.support_furnishing import (
    COLLECTIONS,
    LOCKERS,
    TOKENS,
    World,
    begin_talk,
    invite_people,
    leave_everything,
    publish_documents,
    publish_entries,
    upload_documents,
)
from tests.resilience.support_people import Person, is_due, may_see

NO_LIMITS: Final = LimitOptions(
    visitor_per_minute=0,
    network_per_minute=0,
    site_per_minute=0,
    session_per_minute=0,
    key_per_minute=0,
)
SHARED_ANSWERS: Final = AnswerCacheOptions(use="always", shared=True, rewordings=True)
PARAMETER: Final = re.compile(r"\{(\w+)(?::\w+)?\}")
QUERIES: Final[dict[str, tuple[str, ...]]] = {  # beside the path alone
    "/v1/conversations": ("view=handed_over", "view=own", "limit=1"),
    "/v1/handoffs": ("state=all", "state=all&view=own", "state=all&view=queue"),
    "/v1/drafts": ("state=open&state=approved&state=published&state=rejected",),
    "/v1/conversations/{conversation}/turns": ("after=1&limit=1",),
    "/v1/conversations/{conversation}/events": ("after=0",),
    "/v1/collections/{collection}/documents": ("facets=true",),
    "/v1/audit": ("limit=500",),
    "/v1/gaps": tuple(f"collection={name}" for name in COLLECTIONS),
    "/v1/insight": tuple(f"collection={name}" for name in COLLECTIONS),
}
# A change that may be made is made when a world is furnished; here nobody may. Bodies by route.
BODIES: Final[dict[str, dict[str, Any]]] = {
    "/v1/conversations/{conversation}": {"title": "mine now"},
    "/v1/handoffs/{handoff}/reply": {"text": "mine now"},
    "/v1/handoffs/{handoff}/rate": {"rating": 1},
    "/v1/turns/{turn}/intent": {"intent": "invoice"},
    "/v1/drafts/{draft}": {"question": "mine?", "answer": "mine now"},
    "/v1/collections/{collection}/rollback": {"confirm": "default"},
    "/v1/collections/{collection}/retrieval": {"question": "What is the code of locker 0?"},
    "/v1/collections/{collection}/cases": {"question": "mine?", "stratum": "out_of_kb"},
}
VOLATILE: Final = (
    "/metrics",
    "/v1/health",
    "/v1/audit",
    "/events",
    "/draft",
)  # change by themselves


@dataclass
class Tally:
    """What was called, what was found where it may not be, and what was not where it has to be."""

    replies: int = 0
    forbidden: int = 0
    permitted: int = 0
    searches: int = 0
    changes: int = 0
    comparisons: int = 0
    log_lines: int = 0
    leaks: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class LogLines(logging.Handler):
    """Keeps what was logged from info up, with all its fields."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.getMessage()} {record.__dict__}")


@contextmanager
def open_world(
    home: Path, seed: Sequence[int], *, is_small: bool
) -> Iterator[tuple[World, LogLines]]:
    """Furnish a world and serve it, to the end of the block."""
    keys, lines = KeyStore(home), LogLines()
    logger = logging.getLogger("ragdesk")
    former = logger.level
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    serve = ServeOptions(poll_seconds=60, max_in_flight=64)
    settings = replace(
        Settings(), serve=serve, sign_in=TOKENS, limits=NO_LIMITS, answer_cache=SHARED_ANSWERS
    )
    world = World(client=None, keys=keys, dice=np.random.default_rng(seed))  # type: ignore[arg-type]
    try:
        publish_documents(home, world, 1 if is_small else LOCKERS)
        keys.create("closes the desk", scopes=["admin"])
        app = api.build_app(Workspace(home, settings, HashEmbedder()), keys)
        with TestClient(app, base_url="http://localhost:8080") as client:
            world.client = AsgiClient(client)
            invite_people(world, is_small=is_small)
            leave_everything(world)
            yield world, lines
    finally:
        logger.removeHandler(lines)
        logger.setLevel(former)
        keys.close()


def list_paths(world: World, method: str) -> Iterator[tuple[str, str]]:
    """Yield each route of the app with every name that its path may hold: route and path."""
    values = {name: sorted(names) for name, names in world.names.items()}
    values |= {"collection": list(COLLECTIONS), "number": ["1"], "name": ["dom.js"]}
    for router in api.ROUTERS:
        for route in router.routes:
            if method not in getattr(route, "methods", ()):
                continue
            place = str(getattr(route, "path", ""))
            names = PARAMETER.findall(place)
            for chosen in itertools.product(*(values.get(name, ["none"]) for name in names)):
                path = place
                here = dict(zip(names, chosen, strict=True))
                if "uri" in here and (here["collection"], here["uri"]) not in world.groups_by_uri:
                    continue  # in its own collection; others name it in all their replies
                for name, value in zip(names, chosen, strict=True):
                    path = re.sub(rf"\{{{name}(:\w+)?\}}", value, path)
                yield place, path
                for query in QUERIES.get(place, ()):
                    yield place, f"{path}?{query}"


def read_everything(world: World, who: Person) -> dict[str, str]:
    """Get all there is as one person: what was answered, by path."""
    paths = sorted({path for _, path in list_paths(world, "GET")})
    replies = world.client.call_all(paths, who.headers)
    for path, reply in zip(paths, replies, strict=True):
        if reply.status >= 500:
            raise AssertionError(f"{who.name}: {path}: {reply.status} {reply.text}")
    return {
        path: _leave_out_echo(reply.text) if reply.status >= 400 else reply.text
        for path, reply in zip(paths, replies, strict=True)
    }


def _leave_out_echo(text: str) -> str:
    """Take the address out of a problem, which repeats what was asked for."""
    try:
        problem = json.loads(text)
    except ValueError:
        return text
    problem.pop("instance", None)
    return json.dumps(problem)


def hold_replies(who: Person, replies: dict[str, str], world: World, tally: Tally) -> None:
    """Hold that all replies show a person what they may see, and nothing else."""
    tally.replies += len(replies)
    joined = "\n".join(replies.values())
    for secret in world.secrets:
        if not may_see(who, secret):
            tally.forbidden += 1
            if secret.word in joined:
                where = [path for path, text in replies.items() if secret.word in text]
                tally.leaks.append(f"{secret.kind} {secret} seen by {who} at {where[:3]}")
        elif is_due(who, secret):
            tally.permitted += 1
            if secret.word not in joined:
                tally.missed.append(f"{secret.kind} {secret} not seen by {who}")


def hold_searches(who: Person, world: World, tally: Tally, most: int) -> None:
    """Hold that a search for a word finds nothing where it may not be known: no hit, no count."""
    secrets = [s for s in world.secrets if s.kind in {"question", "title", "reply", "document"}]
    world.dice.shuffle(secrets)
    views = ["own"] + ["handed_over"] * ("agent" in who.scopes)
    asked = [(secret, view) for secret in secrets[:most] for view in views]
    paths = [f"/v1/conversations?view={view}&query={secret.word}" for secret, view in asked]
    replies = world.client.call_all(paths, who.headers)
    for (secret, view), reply in zip(asked, replies, strict=True):
        tally.searches += 1
        hits = json.loads(reply.text).get("conversations", [])
        if hits and not may_see(who, secret):
            tally.leaks.append(f"a search for {secret} in {view} by {who}: {len(hits)} hits")
        is_own = secret.kind in {"question", "title"} and who.person == secret.owner
        if is_own and view == "own" and not hits:
            tally.missed.append(f"a search for {secret} by {who}")


def try_changes(world: World, who: Person, tally: Tally, most: int) -> None:
    """Try to change what is somebody else's; whatever is answered shows nothing."""
    chosen = [
        (method, place, path)
        for method in ("POST", "PATCH", "DELETE")
        for place, path in list_paths(world, method)
        if PARAMETER.search(place) and not _may_change(world, who, path)
    ]
    world.dice.shuffle(chosen)
    hidden = [secret for secret in world.secrets if not may_see(who, secret)]
    for method, place, path in chosen[:most]:
        body = BODIES.get(place, {}) if method != "DELETE" else None
        query = "?confirm=default" if place == "/v1/collections/{collection}" else ""
        reply = world.client.call(method, path + query, who.headers, body)
        tally.changes += 1
        if reply.status not in {401, 403, 404, 409, 422}:
            tally.leaks.append(f"{who}: {method} {path}: {reply.status} {reply.text[:200]}")
        text = _leave_out_echo(reply.text)
        for secret in hidden:
            if secret.word in text:
                tally.leaks.append(f"{secret} seen by {who} in {method} {path}")


def _may_change(world: World, who: Person, path: str) -> bool:
    """Tell whether somebody might change what a path names: it is left alone then."""
    if "admin" in who.scopes:
        return True
    parts = path.split("/")
    match parts[2]:
        case "conversations":
            return world.conversations[parts[3]].person == who.person
        case "handoffs":
            own = world.handoffs[parts[3]].person == who.person
            return own or "agent" in who.scopes
        case "drafts" | "gaps" | "turns":
            return "agent" in who.scopes
        case "collections":
            return "write" in who.scopes
    return False


def compare_counts(world: World, tally: Tally, most: int) -> None:
    """Hold that what somebody reads stays the same whatever others do that they may not know of."""
    base, other = COLLECTIONS
    limited = [who for who in world.people if who.collections == {base}]
    alone = [who for who in world.people if not {"agent", "write", "admin"} & who.scopes]
    doer = next(who for who in world.people if who.keeps_desk)
    for readers, collection in ((limited, other), (alone, base)):
        before = [(who, _read_steady(world, who)) for who in readers[:most]]
        names = {kind: set(names) for kind, names in world.names.items()}
        begin_talk(world, doer, collection)
        world.names = names
        for who, former in before:
            now = _read_steady(world, who)
            tally.comparisons += len(now)
            for path in now:
                if now[path] != former[path]:
                    tally.leaks.append(f"{who.name}: {path}: {former[path]} became {now[path]}")


def _read_steady(world: World, who: Person) -> dict[str, str]:
    replies = read_everything(world, who)
    return {
        path: text
        for path, text in replies.items()
        if not path.partition("?")[0].endswith(VOLATILE)
    }


def live(home: Path, seed: Sequence[int], *, is_small: bool = False, changes: bool = True) -> Tally:
    """Furnish a world, let everybody call everything, and hold the replies against the rules.

    is_small: with few people, who try fewer changes, and no uploads. changes: whether any are
    tried of what is somebody else's; without a check they would end the world.
    """
    tally = Tally()
    with open_world(home, seed, is_small=is_small) as (world, log):
        if not is_small:
            upload_documents(world)
            publish_entries(world)
        most = 12 if is_small else 10_000  # of what is tried of a kind
        for who in world.people if changes else ():
            try_changes(world, who, tally, most)
        for who in world.people if changes else world.people[-2:]:  # all of it is still there
            hold_replies(who, read_everything(world, who), world, tally)
            hold_searches(who, world, tally, most)
        if not is_small:
            compare_counts(world, tally, 3)
        lines = log.lines
    tally.log_lines = len(lines)
    joined = "\n".join(lines)
    for secret in world.secrets:
        if secret.word in joined:
            line = next(line for line in lines if secret.word in line)
            tally.leaks.append(f"{secret} in the log: {line[:300]}")
    return tally


@contextmanager
def switched_off_checks() -> Iterator[None]:
    """Let everybody do everything, to the end of the block: what is measured has to notice."""
    from ragdesk.support import access  # noqa: PLC0415, where its name is looked up

    def allow(*_: object, **__: object) -> None:
        return None

    modules = [m for name, m in list(sys.modules.items()) if name.startswith("ragdesk")]
    known = [m for m in modules if getattr(m, "authorize", None) is access.authorize]
    former = access.authorize
    for module in known:
        module.authorize = allow  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for module in known:
            module.authorize = former  # type: ignore[attr-defined]


def main() -> None:
    """Live in so many worlds, print, and write the section."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=20261130)
    parser.add_argument("--write", action="store_true", help="write the section")
    options = parser.parse_args()
    sums = Tally()
    for number in range(options.worlds):
        with tempfile.TemporaryDirectory() as home:
            sums.add(live(Path(home), [options.seed, number]))
    with tempfile.TemporaryDirectory() as home, switched_off_checks():
        control = live(Path(home), [options.seed, 0], is_small=True, changes=False)
    text = f"""
{options.worlds} worlds of two collections, with keys of every role, a session, and visitors by a secret and
by a signed token. Everybody calls every route with the names of everybody's things: {sums.replies:,} replies,
{sums.searches:,} searches of conversations, {sums.changes:,} changes of what is somebody else's;
{sums.comparisons:,} replies compared before and after somebody else did something; {sums.log_lines:,} lines of log.

| words | pairs of person and word | |
|---|---|---|
| that the person may not see | {sums.forbidden:,} | leaks: {len(sums.leaks)} |
| that have to be shown to them | {sums.permitted:,} | not found: {len(sums.missed)} |

With the check switched off, in one world (control: must leak): {len(control.leaks):,} leaks.
"""
    print(text, *sums.leaks[:20], *sums.missed[:20], sep="\n")
    command = "python -m tests.resilience.support_worlds"
    command += f" --worlds {options.worlds} --seed {options.seed} --write"
    if options.write:
        heading = "P16 continued: what people leave at a desk"
        write_section(heading, command, text, file=ROOT / "tests" / "resilience" / "RESILIENCY.md")


if __name__ == "__main__":
    main()
